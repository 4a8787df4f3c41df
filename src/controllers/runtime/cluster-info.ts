import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { clusterInfoKey, runtimeFolder } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { principalsOf } from '../../core/access/roles.ts';
import { ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { RuntimeTools } from './tools.ts';

/** What jobs and people find in staging about their cluster. No secret in it; the same runtime gives the same bytes. */
export function clusterInfo(runtime: Stored<ElasticRuntime>, clusterName: string): string {
  const { organization, region, staging, logs } = runtime.spec;
  const { namespace, name, uid } = runtime.metadata;
  const place = ({ uri, kmsKeyArn }: typeof staging) => ({ kmsKeyArn, uri });
  const info = {
    cluster: clusterName,
    organization,
    namespace,
    runtime: name,
    uid,
    region,
    identities: principalsOf(runtime).roles,
    staging: place(staging),
    logs: place(logs),
  };
  return `${JSON.stringify(info, null, 2)}\n`;
}

/** Stores it as operator, encrypted with the organization's key. */
export function storeClusterInfo(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<unknown, AccessFailure>> {
  const location = clusterInfoKey(runtimeFolder(runtime, 'staging'));
  const body = new TextEncoder().encode(clusterInfo(runtime, tools.context.settings.clusterName));
  const at = { action: 's3:PutObject', resource: s3Arn(runtime.spec.region, location.bucket, location.key) };
  return actAs(tools.context, { runtime, identity: 'operator', resource: 'cluster-info' }, at, (aws, caller) =>
    aws.s3.putObject(caller, { ...location, body, contentType: 'application/json', kmsKeyArn: runtime.spec.staging.kmsKeyArn }),
  );
}

export function deleteClusterInfo(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<unknown, AccessFailure>> {
  const location = clusterInfoKey(runtimeFolder(runtime, 'staging'));
  const at = { action: 's3:DeleteObject', resource: s3Arn(runtime.spec.region, location.bucket, location.key) };
  return actAs(tools.context, { runtime, identity: 'operator', resource: 'cluster-info' }, at, async (aws, caller) => {
    const answer = await aws.s3.deleteObject(caller, location);
    return !answer.ok && answer.error.code === 'NoSuchBucket' ? ok(undefined) : answer;
  });
}
