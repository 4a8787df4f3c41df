import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { WireRequest } from './http.ts';

/**
 * What a request says of its signer, from the Authorization header or from a presigned URL's query. Written from
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, apart from the SDK that it checks.
 */
export type Claim = {
  readonly accessKeyId: string;
  readonly shortDate: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** yyyymmddThhmmssZ */
  readonly date: string;
  readonly sessionToken: string | undefined;
  /** Of a presigned URL, from its date. */
  readonly expiresSeconds?: number;
};

export function readClaim(request: WireRequest): Claim | undefined {
  return request.query.has('X-Amz-Signature') ? fromQuery(request) : fromHeader(request);
}

function fromHeader(request: WireRequest): Claim | undefined {
  const header = request.headers['authorization'] ?? '';
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header);
  const scope = scopeOf(match?.[1]);
  if (!match || !scope) return undefined;
  return {
    ...scope,
    signedHeaders: (match[2] ?? '').split(';'),
    signature: match[3] ?? '',
    date: request.headers['x-amz-date'] ?? '',
    sessionToken: request.headers['x-amz-security-token'],
  };
}

function fromQuery({ query }: WireRequest): Claim | undefined {
  const scope = scopeOf(query.get('X-Amz-Credential') ?? undefined);
  if (!scope) return undefined;
  return {
    ...scope,
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    date: query.get('X-Amz-Date') ?? '',
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    expiresSeconds: Number(query.get('X-Amz-Expires')),
  };
}

function scopeOf(credential: string | undefined): Pick<Claim, 'accessKeyId' | 'shortDate' | 'region' | 'service'> | undefined {
  const [accessKeyId, shortDate, region, service, end] = credential?.split('/') ?? [];
  return accessKeyId && shortDate && region && service && end === 'aws4_request' ? { accessKeyId, shortDate, region, service } : undefined;
}

/** Whether the request was signed with this secret, body and every signed header included. */
export function isSignedWith(secretAccessKey: string, request: WireRequest, claim: Claim): boolean {
  const payloadHash = claim.expiresSeconds === undefined ? payloadHashOf(request) : 'UNSIGNED-PAYLOAD';
  if (payloadHash === undefined || !claim.signedHeaders.includes('host')) return false;
  const canonical = [
    request.method,
    claim.service === 's3' ? request.path : request.path.split('/').map(encodeURIComponent).join('/'),
    canonicalQuery(request),
    ...claim.signedHeaders.map((name) => `${name}:${(request.headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  const scope = `${claim.shortDate}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', claim.date, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<Buffer | string>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`);
  const expected = hmac(key, toSign);
  const given = Buffer.from(claim.signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Undefined where the header belies the body. */
function payloadHashOf(request: WireRequest): string | undefined {
  const actual = sha256(request.body);
  const said = request.headers['x-amz-content-sha256'];
  return said === undefined || said === actual ? actual : said === 'UNSIGNED-PAYLOAD' ? said : undefined;
}

function canonicalQuery({ query }: WireRequest): string {
  return [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Milliseconds since the epoch of yyyymmddThhmmssZ; NaN where it is none. */
export function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
