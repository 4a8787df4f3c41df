import { matchesResolved } from './pattern.ts';

/** How an operator compares one value of a policy (its variables filled in) with one value of the request. */
export type Comparison = {
  readonly negated: boolean;
  readonly wildcards: boolean;
  /** String and ARN operators only may hold policy variables. */
  readonly variables: boolean;
  /** What is wrong with a value, said of it ("is no number"). */
  readonly check?: (value: string) => string | undefined;
  /** Before negation. */
  readonly matches: (policyValue: string, requestValue: string) => boolean;
};

type Match = Comparison['matches'];

function text(matches: Match, wildcards = false): Comparison {
  return { negated: false, wildcards, variables: true, matches };
}

function plain(matches: Match, check: (value: string) => string | undefined): Comparison {
  return { negated: false, wildcards: false, variables: false, check, matches };
}

function not(comparison: Comparison): Comparison {
  return { ...comparison, negated: true };
}

const equals = text((policy, request) => policy === request);
const equalsIgnoreCase = text((policy, request) => policy.toLowerCase() === request.toLowerCase());
const like = text(matchesResolved, true);
const arn = text(matchesArn, true);
const bool = plain((policy, request) => policy.toLowerCase() === request.toLowerCase(), checkBool);
const ip = plain(inNetwork, (value) => (parseNetwork(value) === undefined ? 'is no IP address or CIDR block' : undefined));

/** By operator name, without a set prefix and IfExists. */
export const comparisons: Readonly<Record<string, Comparison>> = {
  StringEquals: equals,
  StringNotEquals: not(equals),
  StringEqualsIgnoreCase: equalsIgnoreCase,
  StringNotEqualsIgnoreCase: not(equalsIgnoreCase),
  StringLike: like,
  StringNotLike: not(like),
  // ArnEquals and ArnLike behave identically, wildcards included.
  ArnEquals: arn,
  ArnLike: arn,
  ArnNotEquals: not(arn),
  ArnNotLike: not(arn),
  Bool: bool,
  // Both are base64 of the bytes.
  BinaryEquals: plain((policy, request) => policy === request, checkBase64),
  IpAddress: ip,
  NotIpAddress: not(ip),
  ...ordered('Numeric', numberOf, 'is no number'),
  ...ordered('Date', dateOf, 'is no date'),
  Null: plain(() => false, checkBool),
};

/** Two values of Numeric* or Date* of which one is no number or date do not compare: the condition is false, a negated one true. */
function ordered(prefix: string, valueOf: (text: string) => number | undefined, reason: string): Record<string, Comparison> {
  const check = (value: string): string | undefined => (valueOf(value) === undefined ? reason : undefined);
  const by = (holds: (request: number, policy: number) => boolean): Comparison =>
    plain((policy, request) => {
      const left = valueOf(request);
      const right = valueOf(policy);
      return left !== undefined && right !== undefined && holds(left, right);
    }, check);
  return {
    [`${prefix}Equals`]: by((request, policy) => request === policy),
    [`${prefix}NotEquals`]: not(by((request, policy) => request === policy)),
    [`${prefix}LessThan`]: by((request, policy) => request < policy),
    [`${prefix}LessThanEquals`]: by((request, policy) => request <= policy),
    [`${prefix}GreaterThan`]: by((request, policy) => request > policy),
    [`${prefix}GreaterThanEquals`]: by((request, policy) => request >= policy),
  };
}

function numberOf(value: string): number | undefined {
  return /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

/** W3C ISO 8601 (https://www.w3.org/TR/NOTE-datetime) or epoch seconds. */
function dateOf(value: string): number | undefined {
  if (/^\d{5,}$/.test(value)) return Number(value) * 1000;
  if (!/^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?$/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date;
}

function checkBool(value: string): string | undefined {
  return /^(true|false)$/i.test(value) ? undefined : 'is neither true nor false';
}

function checkBase64(value: string): string | undefined {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value) ? undefined : 'is no base64';
}

/** Each of the six colon-delimited components is compared for itself, and each may hold wildcards. */
function matchesArn(policy: string, request: string): boolean {
  const wanted = components(policy);
  const given = components(request);
  return wanted.length === 6 && given.length === 6 && wanted.every((part, index) => matchesResolved(part, given[index] ?? ''));
}

function components(arnText: string): readonly string[] {
  const parts = arnText.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

function inNetwork(policy: string, request: string): boolean {
  const network = parseNetwork(policy);
  const address = parseNetwork(request);
  if (network === undefined || address === undefined || network.width !== address.width) return false;
  const shift = BigInt(network.width - network.prefix);
  return network.value >> shift === address.value >> shift;
}

type Network = { readonly value: bigint; readonly width: 32 | 128; readonly prefix: number };

function parseNetwork(value: string): Network | undefined {
  const [address = '', prefixText, extra] = value.split('/');
  const bits = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  const width = address.includes(':') ? 128 : 32;
  if (bits === undefined || extra !== undefined || (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText))) return undefined;
  const prefix = prefixText === undefined ? width : Number(prefixText);
  return prefix > width ? undefined : { value: bits, width, prefix };
}

function parseIpv4(address: string): bigint | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parseIpv6(address: string): bigint | undefined {
  const halves = address.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}
