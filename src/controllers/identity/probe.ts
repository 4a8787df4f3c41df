import type { S3Folder } from '../../core/access/locations.ts';
import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { type AccessFailure, awsFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';

export type ProbeTarget = {
  readonly folder: S3Folder;
  readonly kmsKeyArn?: string | undefined;
  readonly expectedBucketOwner?: string | undefined;
  /** Of the probe object. The same one each time, so that a probe that could not be deleted is overwritten by the next. */
  readonly name: string;
  /** A real object to write instead: for an identity that may write but not delete. */
  readonly object?: { readonly name: string; readonly text: string };
  readonly actions: readonly ('write' | 'read' | 'list' | 'delete')[];
};

/** Proves, with real calls, that an identity can do what the plan says at a location. */
export async function probe(
  context: Pick<OperatorContext, 'aws' | 'grants'>,
  request: GrantRequest,
  target: ProbeTarget,
): Promise<Result<void, AccessFailure>> {
  const caller = await context.grants.obtain(request);
  if (!caller.ok) return caller;
  const outcome = await probeWith(context.aws(request.runtime.spec.region), caller.value, target);
  if (!outcome.ok && (outcome.error.code.includes('AccessDenied') || outcome.error.code.includes('Expired')))
    context.grants.drop(caller.value.grant);
  return outcome;
}

/** Stops at the first call that fails. */
export async function probeWith(aws: AwsPort, caller: Caller, target: ProbeTarget): Promise<Result<void, AccessFailure>> {
  const { bucket } = target.folder;
  const prefix = target.folder.key === '' ? '' : `${target.folder.key}/`;
  const key = `${prefix}${target.object?.name ?? `.elastic-${target.name}`}`;
  const text = target.object?.text ?? 'probe\n';
  const owner = target.expectedBucketOwner === undefined ? {} : { expectedBucketOwner: target.expectedBucketOwner };
  const kms = target.kmsKeyArn === undefined ? {} : { kmsKeyArn: target.kmsKeyArn };
  const object = `arn:aws:s3:::${bucket}/${key}`;
  const calls: Readonly<
    Record<
      ProbeTarget['actions'][number],
      { readonly action: string; readonly resource: string; readonly run: () => Promise<AwsResult<unknown>> }
    >
  > = {
    write: {
      action: 's3:PutObject',
      resource: object,
      run: () =>
        aws.s3.putObject(caller, { bucket, key, body: new TextEncoder().encode(text), contentType: 'text/plain', ...kms, ...owner }),
    },
    read: { action: 's3:GetObject', resource: object, run: () => aws.s3.getObject(caller, { bucket, key, maxBytes: 1024, ...owner }) },
    list: {
      action: 's3:ListBucket',
      resource: `arn:aws:s3:::${bucket}`,
      run: () => aws.s3.listObjects(caller, { bucket, prefix, maxKeys: 1, ...owner }),
    },
    delete: { action: 's3:DeleteObject', resource: object, run: () => aws.s3.deleteObject(caller, { bucket, key, ...owner }) },
  };
  for (const name of target.actions) {
    const { action, resource, run } = calls[name];
    const answer = await run();
    if (!answer.ok) return err(awsFailure({ identity: caller.grant.identity, chain: caller.grant.chain, action, resource }, answer.error));
  }
  return ok(undefined);
}
