import { malformed, type Parsed, parsed, quoted } from './outcome.ts';

/** Nanoseconds of each unit that Go's time.ParseDuration knows; both code points of micro. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX_NANOSECONDS = 2n ** 63n - 1n;

/**
 * A Go duration (`10m`, `1h30m`, `1.5s`, `0`) in milliseconds; below one millisecond it is a fraction.
 * Go's grammar, so no days: `720h`. Negative durations are refused: no field of ours means one.
 */
export function parseDurationMs(text: string): Parsed<number> {
  if (typeof text !== 'string') return malformed(`${quoted(text)} is not a duration: expected text such as 30s, 10m or 1h30m`);
  if (text.startsWith('-')) return malformed(`${quoted(text)} is negative`);
  const body = text.startsWith('+') ? text.slice(1) : text;
  if (body === '0') return parsed(0);
  const terms = body.length > 0 && body.length <= 64 ? [...body.matchAll(/(\d+\.?\d*|\.\d+)([^\d.]+)/gy)] : [];
  const read = terms.reduce((length, term) => length + term[0].length, 0);
  if (read === 0 || read !== body.length) {
    return malformed(`${quoted(text)} is not a duration: expected numbers with units, such as 30s, 10m or 1h30m`);
  }
  let total = 0n;
  for (const [, digits = '', unit = ''] of terms) {
    const nanoseconds = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (nanoseconds === undefined) return malformed(`${quoted(text)} has the unknown unit ${quoted(unit)}: use h, m, s, ms, us or ns`);
    const [whole = '', fraction = ''] = digits.split('.');
    total += (BigInt(`${whole}${fraction}`) * nanoseconds) / 10n ** BigInt(fraction.length);
  }
  if (total > MAX_NANOSECONDS) return malformed(`${quoted(text)} is longer than 290 years`);
  return parsed(Number(total) / 1_000_000);
}

/** The shortest text that parses back to the same whole number of milliseconds: 600000 -> `10m`, 5400000 -> `1h30m`, 0 -> `0s`. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms));
  if (total === 0) return '0s';
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(total / 3_600_000), 'h'],
    [Math.floor(total / 60_000) % 60, 'm'],
    [Math.floor(total / 1000) % 60, 's'],
    [total % 1000, 'ms'],
  ];
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('');
}
