import { s3Arn } from '../../core/access/partitions.ts';
import { type ObjectProbe, type ProbeAction, probeName } from '../../core/preflight/probes.ts';
import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { Proof } from './verifications.ts';

/** So many keys are looked at for one that is neither empty nor a probe. */
const listedKeys = 20;

/** Codes that come after S3 has found the caller allowed: the object is archived, empty, or gone since it was listed. */
const allowedAll: ReadonlySet<string> = new Set(['InvalidObjectState', 'InvalidRange', 'NoSuchKey', 'NotFound']);

type Step = { readonly action: string; readonly resource: string; readonly run: () => Promise<AwsResult<unknown>> };

/**
 * Proves, with real calls, that an identity can do what the plan says at a location. Stops at the first call that fails, but what may have been written
 * is deleted all the same: also where the answer to the write was lost.
 */
export async function probeObjects(
  aws: AwsPort,
  caller: Caller,
  probe: ObjectProbe,
  own: { readonly region: string; readonly runtimeUid: string; readonly discriminator: string },
): Promise<Result<Proof, AccessFailure>> {
  const { bucket, key: folder } = probe.folder;
  const prefix = folder === '' ? '' : `${folder}/`;
  const key = probeKey(probe, own);
  const text = probe.object?.text ?? 'probe\n';
  const owner = probe.expectedBucketOwner === undefined ? {} : { expectedBucketOwner: probe.expectedBucketOwner };
  const kms = probe.kmsKeyArn === undefined ? {} : { kmsKeyArn: probe.kmsKeyArn };
  const arnOf = (object?: string): string => s3Arn(own.region, bucket, object);
  let found = probe.reads === undefined ? undefined : probeKey(probe.reads, own);
  let written = false;
  let unread: string | undefined;

  async function list(): Promise<AwsResult<unknown>> {
    const page = await aws.s3.listObjects(caller, { bucket, prefix, maxKeys: listedKeys, ...owner });
    if (page.ok) found ??= page.value.keys.find(({ key: one, size }) => size > 0 && !one.includes('/.elastic-probe-'))?.key;
    return page;
  }

  async function read(): Promise<AwsResult<unknown>> {
    const object = found ?? key;
    const answer = await aws.s3.getObject(caller, { bucket, key: object, maxBytes: 1, firstByteOnly: true, ...owner });
    if (answer.ok) return answer;
    const { kind, code, message } = answer.error;
    if (object !== key) return allowedAll.has(code) ? ok(undefined) : answer;
    if (written) return answer;
    // That nothing has this name is told to who may read it and list the bucket; to others it is denied. Neither refuses a job: policies may name other objects
    // only, and list with a condition on the prefix. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    const isReadable = allowedAll.has(code);
    if (!isReadable && kind !== 'AccessDenied') return answer;
    const open = isReadable
      ? 'the key of what comes into it may be used'
      : `what comes into it may be read (a name that is not there was answered ${code}: ${message})`;
    unread = `s3://${bucket}/${prefix}: nothing to read lies in it, so that nobody knows whether ${open}`;
    return ok(undefined);
  }

  /** What others have put there may lie under another key, or under none: only what was just written tells that it can be read back. */
  const readOwn = (): Promise<AwsResult<unknown>> => aws.s3.getObject(caller, { bucket, key, maxBytes: 1, firstByteOnly: true, ...owner });

  const steps: Readonly<Record<ProbeAction | 'readOwn', () => Step>> = {
    list: () => ({ action: 's3:ListBucket', resource: arnOf(), run: list }),
    read: () => ({ action: 's3:GetObject', resource: arnOf(found ?? key), run: read }),
    readOwn: () => ({ action: 's3:GetObject', resource: arnOf(key), run: readOwn }),
    write: () => ({
      action: 's3:PutObject',
      resource: arnOf(key),
      run: () => {
        written = true;
        return aws.s3.putObject(caller, { bucket, key, body: new TextEncoder().encode(text), contentType: 'text/plain', ...kms, ...owner });
      },
    }),
    delete: () => ({ action: 's3:DeleteObject', resource: arnOf(key), run: () => aws.s3.deleteObject(caller, { bucket, key, ...owner }) }),
  };

  async function take(name: ProbeAction | 'readOwn'): Promise<Result<void, AccessFailure>> {
    const { action, resource, run } = steps[name]();
    const answer = await run();
    if (answer.ok) return ok(undefined);
    const failure = awsFailure({ identity: caller.grant.identity, chain: caller.grant.chain, action, resource }, answer.error);
    // Our own object is gone before it was read: somebody else probes the same place and cleans up. Another try finds it.
    return err((name === 'read' || name === 'readOwn') && answer.error.code === 'NoSuchKey' ? { ...failure, transient: true } : failure);
  }

  let outcome: Result<void, AccessFailure> = ok(undefined);
  for (const name of probe.actions) {
    if (name === 'delete') continue;
    outcome = await take(name);
    if (outcome.ok && name === 'read' && written && found !== undefined) outcome = await take('readOwn');
    if (!outcome.ok) break;
  }
  const deletes = probe.actions.includes('delete') && (written || (outcome.ok && !probe.actions.includes('write')));
  const deleted = deletes ? await take('delete') : ok(undefined);
  if (!outcome.ok) return outcome;
  if (!deleted.ok) return deleted;
  return ok(unread === undefined ? {} : { notVerified: [`${probe.resource.replace(':', ' ')} at ${unread}`] });
}

/** Takes away what a probe that never came to its end may have left. */
export async function clearProbe(
  aws: AwsPort,
  caller: Caller,
  probe: ObjectProbe,
  own: { readonly runtimeUid: string; readonly discriminator: string },
): Promise<AwsResult<void>> {
  const owner = probe.expectedBucketOwner === undefined ? {} : { expectedBucketOwner: probe.expectedBucketOwner };
  return aws.s3.deleteObject(caller, { bucket: probe.folder.bucket, key: probeKey(probe, own), ...owner });
}

export function probeKey(
  { folder: { key }, object }: ObjectProbe,
  own: { readonly runtimeUid: string; readonly discriminator: string },
): string {
  return `${key === '' ? '' : `${key}/`}${object?.name ?? probeName(own.runtimeUid, own.discriminator)}`;
}
