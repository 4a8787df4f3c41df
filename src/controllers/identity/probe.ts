import type { S3Folder } from '../../core/access/locations.ts';
import { ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { actAs } from './act.ts';
import type { AccessFailure } from './failure.ts';
import type { GrantRequest } from './grants.ts';

export type ProbeTarget = {
  readonly folder: S3Folder;
  readonly kmsKeyArn?: string | undefined;
  readonly expectedBucketOwner?: string | undefined;
  /** Of the probe object. The same one each time, so that a probe that could not be deleted is overwritten by the next. */
  readonly name: string;
  readonly actions: readonly ('write' | 'read' | 'list' | 'delete')[];
};

/** Proves, with real calls, that an identity can do what the plan says at a location. Stops at the first call that fails. */
export async function probe(
  context: Pick<OperatorContext, 'aws' | 'grants'>,
  request: GrantRequest,
  target: ProbeTarget,
): Promise<Result<void, AccessFailure>> {
  const { bucket } = target.folder;
  const folderKey = target.folder.key === '' ? '' : `${target.folder.key}/`;
  const key = `${folderKey}.elastic-${target.name}`;
  const resource = `arn:aws:s3:::${bucket}/${key}`;
  const owner = target.expectedBucketOwner === undefined ? {} : { expectedBucketOwner: target.expectedBucketOwner };
  const kms = target.kmsKeyArn === undefined ? {} : { kmsKeyArn: target.kmsKeyArn };
  for (const action of target.actions) {
    const outcome = await once(action);
    if (!outcome.ok) return outcome;
  }
  return ok(undefined);

  function once(action: ProbeTarget['actions'][number]): Promise<Result<unknown, AccessFailure>> {
    switch (action) {
      case 'write':
        return actAs(context, request, { action: 's3:PutObject', resource }, (aws, caller) =>
          aws.s3.putObject(caller, { bucket, key, body: new TextEncoder().encode('probe\n'), contentType: 'text/plain', ...kms, ...owner }),
        );
      case 'read':
        return actAs(context, request, { action: 's3:GetObject', resource }, (aws, caller) =>
          aws.s3.getObject(caller, { bucket, key, maxBytes: 1024, ...owner }),
        );
      case 'list':
        return actAs(context, request, { action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}` }, (aws, caller) =>
          aws.s3.listObjects(caller, { bucket, prefix: folderKey, maxKeys: 1, ...owner }),
        );
      case 'delete':
        return actAs(context, request, { action: 's3:DeleteObject', resource }, (aws, caller) =>
          aws.s3.deleteObject(caller, { bucket, key, ...owner }),
        );
    }
  }
}
