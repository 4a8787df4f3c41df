import { malformed, type Parsed, parsed, quoted } from './outcome.ts';
import { parseQuantity, wholeUnits } from './quantity.ts';

const MILLI = 1_000_000n;
const WHOLE = 1_000_000_000n;

/** CPU in whole millicores, rounded up; never negative. `0.5`, `500m` and `5e-1` are all 500. */
export function parseCpuMilli(text: string | number): Parsed<number> {
  return parseAmount(text, MILLI);
}

/** Bytes, rounded up; never negative. `1Gi` is 1073741824, `1G` is 1000000000. */
export function parseBytes(text: string | number): Parsed<number> {
  return parseAmount(text, WHOLE);
}

/** Whole units of an extended resource (`nvidia.com/gpu: 2`), which Kubernetes allows in whole numbers only. */
export function parseCount(text: string | number): Parsed<number> {
  const quantity = parseQuantity(text);
  if (!quantity.ok) return quantity;
  if (quantity.value.nano % WHOLE !== 0n) return malformed(`${quoted(String(text))} must be a whole number`);
  return parseAmount(text, WHOLE);
}

function parseAmount(text: string | number, unitNano: bigint): Parsed<number> {
  const quantity = parseQuantity(text);
  if (!quantity.ok) return quantity;
  if (quantity.value.nano < 0n) return malformed(`${quoted(String(text))} is negative`);
  const units = Number(wholeUnits(quantity.value, unitNano));
  // Above 2^53 a number is no longer exact: 9 PB of memory or 9 trillion cores are a typing error, not a machine.
  if (units > Number.MAX_SAFE_INTEGER) return malformed(`${quoted(String(text))} is too large`);
  return parsed(units);
}

/** 1500 -> `1500m`, 2000 -> `2`. */
export function formatCpuMilli(milli: number): string {
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}

const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** The shortest exact binary form: 1073741824 -> `1Gi`, 1536 * 2^20 -> `1536Mi`, 1000 -> `1000`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let step = 0;
  while (amount !== 0 && amount % 1024 === 0 && step < BINARY_SUFFIXES.length - 1) {
    amount /= 1024;
    step += 1;
  }
  return `${amount}${BINARY_SUFFIXES[step]}`;
}
