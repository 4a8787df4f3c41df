import { createHash } from 'node:crypto';
import { s3Arn } from '../../core/access/partitions.ts';
import { callerArn } from '../../core/policy/principal.ts';
import type { ObjectLocation } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize, judge } from './authorize.ts';
import { denied, type Failure, failure, invalid } from './failures.ts';
import type { AccountState, Bucket, StoredObject } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

export function putObject(
  at: At,
  request: ObjectLocation & {
    readonly body: Uint8Array;
    readonly kmsKeyArn?: string;
    readonly contentType?: string;
    readonly ifNoneMatch?: boolean;
  },
): Result<{ readonly eTag: string }, Failure> {
  const { state, caller, region } = at;
  const bucket = openBucket(at, request);
  if (!bucket.ok) return bucket;
  const wrongKey = wrongObjectKey(request.key);
  if (wrongKey !== undefined) return err(wrongKey);
  const refused = authorize(state, caller, 's3.putObject', request, region);
  if (refused !== undefined) return err(refused);
  const kmsKeyArn = request.kmsKeyArn ?? bucket.value.spec.kmsKeyArn;
  const unusable = kmsKeyArn === undefined ? undefined : unusableKey(state, kmsKeyArn, bucket.value);
  if (unusable !== undefined) return err(unusable);
  if (request.ifNoneMatch === true && bucket.value.objects.has(request.key)) {
    return err(failure('AlreadyExists', 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold'));
  }
  const body = request.body.slice();
  const eTag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
  bucket.value.objects.set(request.key, {
    key: request.key,
    body,
    eTag,
    writer: callerArn(caller.principal),
    writtenAt: state.world.now(),
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn, bucketKey: request.kmsKeyArn !== undefined }),
    ...(request.contentType === undefined ? {} : { contentType: request.contentType }),
  });
  return ok({ eTag });
}

export function getObject(
  at: At,
  request: ObjectLocation & { readonly maxBytes: number; readonly firstByteOnly?: boolean },
): Result<{ readonly body: Uint8Array; readonly eTag: string }, Failure> {
  const found = readable(at, 's3.getObject', request);
  if (!found.ok) return found;
  const { body, eTag, kmsKeyArn } = found.value.object;
  const unusable = kmsKeyArn === undefined ? undefined : unusableKey(at.state, kmsKeyArn, found.value.bucket);
  if (unusable !== undefined) return err(unusable);
  if (request.firstByteOnly === true && body.byteLength === 0)
    return err(failure('Invalid', 'InvalidRange', 'The requested range is not satisfiable'));
  return ok({ body: request.firstByteOnly === true ? body.slice(0, 1) : body.slice(), eTag });
}

/** A HEAD has no body, so its errors have no code but the status: 403 or 404 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). */
export function headObject(
  at: At,
  request: ObjectLocation,
): Result<{ readonly size: number; readonly eTag: string; readonly kmsKeyArn?: string }, Failure> {
  const found = readable(at, 's3.headObject', request);
  if (!found.ok) {
    const { kind } = found.error;
    if (kind === 'NotFound') return err(failure('NotFound', 'NotFound', 'UnknownError'));
    return kind === 'AccessDenied' ? err(failure('AccessDenied', '403', 'UnknownError')) : found;
  }
  const { body, eTag, kmsKeyArn } = found.value.object;
  return ok({ size: body.byteLength, eTag, ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }) });
}

type ListRequest = {
  readonly bucket: string;
  readonly prefix: string;
  readonly maxKeys?: number;
  readonly continuationToken?: string;
  readonly startAfter?: string;
  readonly expectedBucketOwner?: string;
};

export function listObjects(
  at: At,
  request: ListRequest,
): Result<{ readonly keys: readonly { readonly key: string; readonly size: number }[]; readonly continuationToken?: string }, Failure> {
  const bucket = openBucket(at, request);
  if (!bucket.ok) return bucket;
  const refused = authorize(at.state, at.caller, 's3.listObjects', request, at.region);
  if (refused !== undefined) return err(refused);
  const limit = Math.min(request.maxKeys ?? 1000, 1000);
  const after =
    request.continuationToken === undefined ? (request.startAfter ?? '') : Buffer.from(request.continuationToken, 'base64url').toString();
  // Keys are listed in the order of their UTF-8 bytes.
  const matching = [...bucket.value.objects.values()]
    .filter(({ key }) => key.startsWith(request.prefix) && (after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0))
    .sort((one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)));
  const page = matching.slice(0, limit);
  const last = page.at(-1);
  return ok({
    keys: page.map(({ key, body }) => ({ key, size: body.byteLength })),
    ...(matching.length > page.length && last !== undefined ? { continuationToken: Buffer.from(last.key).toString('base64url') } : {}),
  });
}

export function deleteObject(at: At, request: ObjectLocation): Result<void, Failure> {
  const bucket = openBucket(at, request);
  if (!bucket.ok) return bucket;
  const refused = authorize(at.state, at.caller, 's3.deleteObject', request, at.region);
  if (refused !== undefined) return err(refused);
  bucket.value.objects.delete(request.key);
  return ok(undefined);
}

function readable(
  at: At,
  method: 's3.getObject' | 's3.headObject',
  request: ObjectLocation,
): Result<{ readonly bucket: Bucket; readonly object: StoredObject }, Failure> {
  const bucket = openBucket(at, request);
  if (!bucket.ok) return bucket;
  const refused = authorize(at.state, at.caller, method, request, at.region);
  if (refused !== undefined) return err(refused);
  const object = bucket.value.objects.get(request.key);
  if (object !== undefined) return ok({ bucket: bucket.value, object });
  // Who may not list must not learn that an object is missing (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
  const listing = judge(at.state, at.caller, {
    action: 's3:ListBucket',
    resource: s3Arn(at.region, request.bucket),
    context: { 's3:prefix': request.key },
  });
  if (listing.decision !== 'Allow') {
    const message = `User: ${callerArn(at.caller.principal)} is not authorized to perform: s3:ListBucket on resource: "${s3Arn(at.region, request.bucket)}"`;
    return err(denied('s3', `${message} because no ${listing.source} allows the s3:ListBucket action`));
  }
  return err(failure('NotFound', 'NoSuchKey', 'The specified key does not exist.'));
}

function openBucket(
  { state, region }: At,
  request: { readonly bucket: string; readonly expectedBucketOwner?: string },
): Result<Bucket, Failure> {
  const bucket = state.buckets.get(request.bucket);
  if (bucket === undefined) return err(failure('NotFound', 'NoSuchBucket', 'The specified bucket does not exist'));
  if (request.expectedBucketOwner !== undefined && request.expectedBucketOwner !== bucket.spec.owner)
    return err(denied('s3', 'Access Denied'));
  if (bucket.spec.region !== region) {
    const message =
      'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.';
    return err({ ...failure('Other', 'PermanentRedirect', message), bucketRegion: bucket.spec.region });
  }
  return ok(bucket);
}

function unusableKey(state: AccountState, arn: string, bucket: Bucket): Failure | undefined {
  const key = state.keys.get(arn);
  if (key === undefined) return failure('NotFound', 'KMS.NotFoundException', `Key '${arn}' does not exist`);
  if (arn.split(':')[3] !== bucket.spec.region)
    return failure('NotFound', 'KMS.NotFoundException', `Invalid arn ${arn.split(':')[3] ?? ''}`);
  return key.spec.enabled ? undefined : failure('Other', 'KMS.DisabledException', `${arn} is disabled.`);
}

function wrongObjectKey(key: string): Failure | undefined {
  if (key === '') return invalid('InvalidRequest', 'A key must be specified');
  return Buffer.byteLength(key) > 1024 ? invalid('KeyTooLongError', 'Your key is too long') : undefined;
}
