import { createHash, timingSafeEqual } from 'node:crypto';
import type { ObjectLocation } from '../../ports/aws/index.ts';
import { err, type Result } from '../../ports/result.ts';
import { authenticate, type Credentials, isFailure } from './authorize.ts';
import { denied, type Failure } from './failures.ts';
import { getObject } from './s3.ts';
import type { AccountState } from './state.ts';

/** A URL that carries the caller's key id and session token, and a signature over object and time that only the secret key makes. */
export function presigned(
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  { bucket, key, expiresSeconds }: ObjectLocation & { readonly expiresSeconds: number },
  now: number,
  region: string,
): string {
  const query = new URLSearchParams({ 'X-Amz-Credential': accessKeyId, 'X-Amz-Expires': String(now + expiresSeconds * 1000) });
  if (sessionToken !== undefined) query.set('X-Amz-Security-Token', sessionToken);
  query.set('X-Amz-Signature', signature(secretAccessKey, bucket, key, query.get('X-Amz-Expires') ?? ''));
  return `https://${bucket}.s3.${region}.amazonaws.com/${key.split('/').map(encodeURIComponent).join('/')}?${query.toString()}`;
}

/** What S3 answers to whoever holds the URL: judged now, as whom it was signed by. */
export function fetchPresigned(state: AccountState, url: string): Result<{ readonly body: Uint8Array; readonly eTag: string }, Failure> {
  const { hostname, pathname, searchParams } = new URL(url);
  const [bucket = '', , region = ''] = hostname.split('.');
  const key = pathname.slice(1).split('/').map(decodeURIComponent).join('/');
  const expires = searchParams.get('X-Amz-Expires') ?? '0';
  const accessKeyId = searchParams.get('X-Amz-Credential') ?? '';
  const token = searchParams.get('X-Amz-Security-Token');
  const secretAccessKey = state.sessions.get(accessKeyId)?.secretAccessKey ?? state.users.get(accessKeyId)?.spec.secretAccessKey ?? '';
  const [given, expected] = [searchParams.get('X-Amz-Signature') ?? '', signature(secretAccessKey, bucket, key, expires)];
  if (secretAccessKey === '' || given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected)))
    return err(denied('s3', 'The request signature we calculated does not match the signature you provided.'));
  if (state.world.now() >= Number(expires)) return err(denied('s3', 'Request has expired'));
  const caller = authenticate(state, 's3', { accessKeyId, secretAccessKey, ...(token !== null && { sessionToken: token }) });
  return isFailure(caller) ? err(caller) : getObject({ state, caller, region }, { bucket, key, maxBytes: Number.MAX_SAFE_INTEGER });
}

function signature(secretAccessKey: string, bucket: string, key: string, expires: string): string {
  return createHash('sha256').update([secretAccessKey, bucket, key, expires].join('\0')).digest('hex');
}
