import { malformed, type Parsed, parsed, quoted } from './outcome.ts';

/**
 * Kubernetes quantities (apimachinery pkg/api/resource/quantity.go): a signed decimal number and a suffix that is binary (Ki … Ei),
 * decimal (n u m "" k M G T P E) or a decimal exponent (e3, E-2). Held exactly, in units of 10^-9, the finest that Kubernetes keeps;
 * anything finer is rounded away from zero as it does, and amounts are capped at 2^63-1 as it does.
 */
export type Quantity = { readonly nano: bigint };

const NANO = 1_000_000_000n;
const MAX_NANO = (2n ** 63n - 1n) * NANO;
const GRAMMAR = /^([+-]?)(\d+\.?\d*|\.\d+)([A-Za-z]*|[eE][+-]?\d+)$/;

/** Powers of ten are exponents; powers of two are factors. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = {
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};

export function parseQuantity(text: string | number): Parsed<Quantity> {
  if (typeof text === 'number' && !Number.isFinite(text)) return malformed(`${text} is not a quantity`);
  const source = String(text);
  if (source.length > 64) return malformed(`${quoted(source)} is not a quantity: too long`);
  const match = GRAMMAR.exec(source);
  if (match === null) return malformed(`${quoted(source)} is not a quantity: expected a number with a suffix such as m, k, Mi or Gi`);
  const [, sign = '', digits = '', suffix = ''] = match;
  const scale = scaleOf(suffix);
  if (scale === undefined)
    return malformed(`${quoted(source)} has the unknown suffix ${quoted(suffix)}: use n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi or Ei`);
  const magnitude = scaled(digits, scale);
  const capped = magnitude > MAX_NANO ? MAX_NANO : magnitude;
  return parsed({ nano: sign === '-' ? -capped : capped });
}

type Scale = { readonly exponent: number; readonly factor: bigint };

function scaleOf(suffix: string): Scale | undefined {
  const factor = Object.hasOwn(BINARY, suffix) ? BINARY[suffix] : undefined;
  if (factor !== undefined) return { exponent: 0, factor };
  const exponent = Object.hasOwn(DECIMAL, suffix) ? DECIMAL[suffix] : undefined;
  if (exponent !== undefined) return { exponent, factor: 1n };
  if (!/^[eE][+-]?\d+$/.test(suffix)) return undefined;
  // Beyond these every amount is already zero-rounded-up or capped, and 10n ** n must stay small.
  return { exponent: Math.max(-100, Math.min(100, Number(suffix.slice(1)))), factor: 1n };
}

function scaled(digits: string, scale: Scale): bigint {
  const [whole = '', fraction = ''] = digits.split('.');
  const mantissa = BigInt(`${whole}${fraction}` || '0') * scale.factor;
  const power = scale.exponent - fraction.length + 9;
  return power >= 0 ? mantissa * 10n ** BigInt(power) : divideUp(mantissa, 10n ** BigInt(-power));
}

/** Smallest whole number of `unitNano` that is not below the quantity, as Quantity.MilliValue() and Value() round. */
export function wholeUnits(quantity: Quantity, unitNano: bigint): bigint {
  return quantity.nano >= 0n ? divideUp(quantity.nano, unitNano) : -(-quantity.nano / unitNano);
}

function divideUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}
