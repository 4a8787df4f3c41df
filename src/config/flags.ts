/** One flag: on the command line `--<name> value`, in the environment `ELASTIC_<NAME>`. The command line wins; an empty variable counts as not set. */
export type Flag<T> = {
  /** Shown in --help for the value. */
  readonly value: string;
  readonly help: string;
  /** As it would be written; left out where there is none. */
  readonly default?: string;
  /** May be given several times; in the environment, separated by commas. */
  readonly repeated?: true;
  readonly parse: (text: string) => Read<T>;
};

/** `wrong` says what is expected, as the end of a sentence. */
export type Read<T> = { readonly value: T } | { readonly wrong: string };

export function variableOf(flag: string): string {
  return `ELASTIC_${flag.toUpperCase().replaceAll('-', '_')}`;
}

export function text(pattern: RegExp, expected: string): (given: string) => Read<string> {
  return (given) => (pattern.test(given) ? { value: given } : { wrong: expected });
}

export function truth(given: string): Read<boolean> {
  if (given === 'true' || given === 'false') return { value: given === 'true' };
  return { wrong: 'give true or false' };
}

export function oneOf<const T extends string>(choices: readonly T[]): (given: string) => Read<T> {
  return (given) => {
    const found = choices.find((choice) => choice === given);
    return found === undefined ? { wrong: `give one of ${choices.join(', ')}` } : { value: found };
  };
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Go style: 90s, 10m, 1h30m. Answers milliseconds. */
export function duration(minimumMs: number, shortest: string): (given: string) => Read<number> {
  return (given) => {
    if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(given)) return { wrong: 'give a duration like 90s, 10m or 1h30m' };
    let ms = 0;
    for (const [, amount, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) ms += Number(amount) * unitMs[unit as keyof typeof unitMs];
    return ms < minimumMs ? { wrong: `give at least ${shortest}` } : { value: ms };
  };
}

export type Address = { readonly host: string | undefined; readonly port: number };

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`; port 0 is any free one. */
export function address(given: string): Read<Address> {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]*)):(\d{1,5})$/.exec(given) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return { wrong: 'give host:port, or :port for every address of the machine' };
  return { value: { host: bracketed ?? (plain === '' ? undefined : plain), port } };
}

export function url(protocols: readonly string[], expected: string): (given: string) => Read<string> {
  return (given) => {
    const parsed = URL.parse(given);
    if (parsed === null || !protocols.includes(parsed.protocol) || parsed.username !== '' || parsed.password !== '')
      return { wrong: expected };
    return { value: given.replace(/\/+$/, '') };
  };
}

/** IPv4 or IPv6 network. */
export function network(given: string): Read<string> {
  const [, ip = '', bits] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(given) ?? [];
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const limit = ip.includes(':') ? 128 : 32;
  const good =
    bits !== undefined && Number(bits) <= limit && URL.canParse(`http://${host}`) && (ip.includes(':') || /^\d+(\.\d+){3}$/.test(ip));
  return good ? { value: given } : { wrong: 'give a network like 10.100.0.0/16' };
}
