import { parseArgs } from 'node:util';
import { type Flag, type Read, variableOf } from './flags.ts';

type Flags = Readonly<Record<string, Flag<unknown>>>;
type ValueOf<F> = F extends { readonly parse: (text: string) => Read<infer T> } ? T : never;

/** A flag with a default is always there, a repeated one is a list, every other may be left out. */
export type Values<F extends Flags> = {
  readonly [N in keyof F]: F[N] extends { readonly repeated: true }
    ? readonly ValueOf<F[N]>[]
    : F[N] extends { readonly default: string }
      ? ValueOf<F[N]>
      : ValueOf<F[N]> | undefined;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** `wrong` is one line: flag, value, remedy. */
export type ReadFlags<F extends Flags> =
  | { readonly kind: 'values'; readonly values: Values<F> }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly line: string };

export function readFlags<F extends Flags>(flags: F, args: readonly string[], environment: Environment): ReadFlags<F> {
  const given = parseCommandLine(flags, args);
  if (typeof given === 'string') return { kind: 'wrong', line: given };
  if (given['help'] !== undefined) return { kind: 'help' };
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const read = readFlag(name, flag, given[name], environment);
    if ('wrong' in read) return { kind: 'wrong', line: read.wrong };
    values[name] = read.value;
  }
  return { kind: 'values', values: values as Values<F> };
}

function parseCommandLine(flags: Flags, args: readonly string[]): Record<string, readonly string[]> | string {
  const options = Object.fromEntries(Object.keys(flags).map((name) => [name, { type: 'string', multiple: true } as const]));
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } }, strict: true });
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : []]));
  } catch (error) {
    return sayWhatIsWrong(error, args);
  }
}

function sayWhatIsWrong(error: unknown, args: readonly string[]): string {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  const named = /'(-[^'\s<]+)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `${named}: there is no such flag; --help lists them`;
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return `${named}: has no value; write ${named}=value`;
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
    return `"${args.find((arg) => message.includes(`'${arg}'`)) ?? ''}" belongs to no flag; write --flag=value`;
  return message.split('\n')[0] ?? '';
}

function readFlag(name: string, flag: Flag<unknown>, given: readonly string[] | undefined, environment: Environment): Read<unknown> {
  const variable = variableOf(name);
  const fromEnvironment = environment[variable] ?? '';
  const origin = given !== undefined ? `--${name}` : fromEnvironment !== '' ? variable : `--${name}`;
  const texts = given ?? (fromEnvironment !== '' ? (flag.repeated ? fromEnvironment.split(',') : [fromEnvironment]) : undefined);
  if (flag.repeated) {
    const all: unknown[] = [];
    for (const one of texts ?? []) {
      const read = parseOne(origin, flag, one);
      if ('wrong' in read) return read;
      all.push(read.value);
    }
    return { value: all };
  }
  if (texts !== undefined && texts.length > 1) return { wrong: `${origin}: is given ${texts.length} times; give it once` };
  const one = texts?.[0] ?? flag.default;
  return one === undefined ? { value: undefined } : parseOne(origin, flag, one);
}

function parseOne(origin: string, flag: Flag<unknown>, given: string): Read<unknown> {
  const read = flag.parse(given);
  // Long values (certificates) and control characters would make it more than one line; a password in a URL stays out of the log.
  const harmless = given.replace(/\/\/[^/@]*@/, '//***@');
  const shown = JSON.stringify(harmless.length > 80 ? `${harmless.slice(0, 77)}...` : harmless);
  return 'wrong' in read ? { wrong: `${origin}=${shown}: ${read.wrong}` } : read;
}

export function helpText(head: string, flags: Flags): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const fallback = flag.default === undefined ? '' : ` Default: ${flag.default}.`;
    return `  --${name}=${flag.value}${flag.repeated ? ' ...' : ''}\n      ${flag.help}${fallback} [$${variableOf(name)}]`;
  });
  return `${head}\n\n${rows.join('\n')}\n  --help\n`;
}
