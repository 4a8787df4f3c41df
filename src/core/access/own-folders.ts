import type { FieldProblem } from './connection-checks.ts';
import type { AccessRuntime } from './input.ts';
import { atOrBelow, formatS3Uri, objectKey, organizationPrefix, type S3Folder, type S3Location } from './locations.ts';

type Field = 'staging' | 'logs';
type Placed = {
  readonly metadata: AccessRuntime['metadata'];
  readonly spec: Pick<AccessRuntime['spec'], 'organization' | 'staging' | 'logs'>;
};

/** Which of the runtime's own folders (`<uri>/<organization>/<namespace>/<runtime>`) a place is or lies in; undefined: neither. */
export function ownFolder(runtime: Placed, place: S3Location): { readonly field: Field; readonly folder: S3Folder } | undefined {
  for (const field of ['staging', 'logs'] as const) {
    const folder = folderOf(runtime, field);
    if (folder !== undefined && atOrBelow(folder, place)) return { field, folder };
  }
  return undefined;
}

/**
 * What is wrong where the runtime's two folders are one, or one lies in the other: pods read, write and delete in staging, and what a job staged is deleted
 * when it is cleaned up, while logs and the record of accesses are kept, and the record is nobody's but the agent's to write. The field is relative to
 * the runtime's spec.
 */
export function sharedFolder(runtime: Placed): FieldProblem | undefined {
  const [staging, logs] = [folderOf(runtime, 'staging'), folderOf(runtime, 'logs')];
  if (staging === undefined || logs === undefined) return undefined;
  const isInside = atOrBelow(staging, logs);
  if (!isInside && !atOrBelow(logs, staging)) return undefined;
  const how = isInside && atOrBelow(logs, staging) ? 'is' : isInside ? 'lies in' : 'lies around';
  return {
    field: 'logs.uri',
    value: runtime.spec.logs?.uri ?? '',
    message: `puts the runtime's logs into ${formatS3Uri(logs)}, which ${how} its folder in staging, ${formatS3Uri(staging)}: pods could write the record of accesses there, and cleaning up a job would delete its logs`,
    remedy: 'name another folder or another bucket (staging and logs may share a bucket)',
  };
}

/** undefined: a name or URI is malformed, which is said elsewhere. */
function folderOf({ metadata, spec }: Placed, field: Field): S3Folder | undefined {
  const organization = organizationPrefix(spec[field]?.uri ?? '', spec.organization);
  const own = organization.ok ? objectKey(organization.value, `${metadata.namespace ?? 'default'}/${metadata.name ?? ''}`) : organization;
  return own.ok ? own.value : undefined;
}
