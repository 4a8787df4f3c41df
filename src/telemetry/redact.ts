/*
 * The last guard before a log line: callers never pass secrets on purpose. What has the name or the form of one is left out all the same.
 */

const redacted = '[redacted]';

const deepest = 6;
const longestText = 8_192;
const longestList = 100;

/** Names compared without case, - and _. */
const secretNames = new Set([
  'secretaccesskey',
  'awssecretaccesskey',
  'sessiontoken',
  'awssessiontoken',
  'securitytoken',
  'xamzsecuritytoken',
  'token',
  'idtoken',
  'accesstoken',
  'bearertoken',
  'webidentitytoken',
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'password',
  'passphrase',
  'privatekey',
  'clientsecret',
  'secretstring',
  'secretbinary',
  'externalid',
]);

const secretForms: readonly RegExp[] = [
  // JSON Web Tokens: RFC 7519
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b[Bb]earer\s+[\w.~+/=-]{16,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // Query strings of presigned URLs: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
  /(?<=[?&]X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"']+/gi,
  // User and password of a URL
  /(?<=:\/\/)[^/\s:@]+:[^/\s@]+(?=@)/g,
  // Session tokens of STS begin with a fixed prefix and are long.
  /\b(?:FwoG|IQoJ)[\w+/=%]{60,}/g,
];

/** A copy without secrets that JSON can hold: errors by name, message and stack. */
export function redact(value: unknown): unknown {
  return copy(value, 0, new Set());
}

export function redactText(text: string): string {
  let safe = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  for (const form of secretForms) safe = safe.replace(form, redacted);
  return safe;
}

function copy(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return String(value).slice(0, 80);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= deepest || above.has(value)) return '[…]';
  const within = new Set([...above, value]);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return copyError(value, depth, within);
  if (value instanceof Map || value instanceof Set) return copy([...value], depth, within);
  if (Array.isArray(value)) return value.slice(0, longestList).map((item) => copy(item, depth + 1, within));
  return copyFields(value, depth, within);
}

function copyFields(object: object, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([name, field]) => [
      name,
      secretNames.has(name.toLowerCase().replace(/[-_]/g, '')) && field !== undefined ? redacted : copy(field, depth + 1, above),
    ]),
  );
}

function copyError(error: Error, depth: number, above: ReadonlySet<object>): Record<string, unknown> {
  // Own fields first (code, errno …): name and message are mostly inherited, stack and cause not enumerable.
  return {
    ...copyFields(error, depth, above),
    name: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: copy(error.cause, depth + 1, above) }),
  };
}
