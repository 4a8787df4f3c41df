import type { ElasticAccessRequest, ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import { foreignFolder } from '../access/foreign-folder.ts';
import { jobPrefix, logPrefix, parseS3Uri, runtimePrefix, type S3Folder } from '../access/locations.ts';
import { partitionOf } from '../access/partitions.ts';
import type { AccessPlan } from '../access/plan.ts';
import type { Caller } from '../access/routes.ts';
import type { AccessRow } from '../access/vocabulary.ts';
import { type SessionPolicy, sessionPolicyFor } from '../policy/session-policy.ts';
import { malformed, type Parsed, parsed } from '../quantity/outcome.ts';

/** What a request for access comes to: one folder, read as the identity that the plan's rule names, and nothing else. */
export type RequestTarget = {
  /** The row of the plan that allows it. */
  readonly row: AccessRow;
  readonly caller: Caller;
  readonly folder: S3Folder;
  readonly expectedBucketOwner?: string;
  /** Read and list below the folder: what the session is cut to. */
  readonly policy: SessionPolicy;
};

/** Objects of a location whose key is not named may be encrypted with any: only through S3, and only for these objects. */
const anyKey = '*';

/** Logs are read by the Poll rule, a connection's objects by the Design rule. The reason says what the person can do instead. */
export function targetOf(
  request: Pick<ElasticAccessRequest, 'spec'>,
  of: {
    readonly runtime: ElasticRuntime;
    readonly job: ElasticJob & { readonly metadata: { readonly uid: string } };
    readonly plan: AccessPlan;
  },
): Parsed<RequestTarget> {
  return request.spec.kind === 'Logs' ? logs(request, of) : preview(request, of);
}

function logs({ spec }: Pick<ElasticAccessRequest, 'spec'>, { runtime, job, plan }: Parameters<typeof targetOf>[1]): Parsed<RequestTarget> {
  const row = plan.rows.find(({ phase, resource, action }) => phase === 'Poll' && resource === 'log' && action === 'read');
  if (row === undefined) return malformed('the plan of the job has no row for polling its logs');
  const { uri, kmsKeyArn } = runtime.spec.logs;
  const { organization } = runtime.spec;
  const { namespace = 'default', name } = runtime.metadata;
  const root = runtimePrefix(uri, { organization, namespace, runtime: name });
  if (!root.ok) return root;
  const last = job.status?.attempts ?? 1;
  const attempt = spec.attempt ?? last;
  if (attempt > last) return malformed(`the job has had ${last} attempt(s), not ${attempt}`);
  const folder = logPrefix(jobPrefix(root.value, { name: job.metadata.name, uid: job.metadata.uid }), attempt, spec.log ?? 'master');
  const cut = readOnly(runtime, folder, kmsKeyArn);
  return cut.ok ? parsed({ row, caller: 'operatorPod', folder, policy: cut.value }) : malformed(cut.reason);
}

function preview({ spec }: Pick<ElasticAccessRequest, 'spec'>, { runtime, plan }: Parameters<typeof targetOf>[1]): Parsed<RequestTarget> {
  const connection = plan.connections.find(({ name }) => name === spec.connection);
  if (connection === undefined) {
    const known = plan.connections.map(({ name }) => name).join(', ');
    return malformed(`the job has no connection ${spec.connection}: it has ${known === '' ? 'none' : known}`);
  }
  const { location, connector, kmsKeyArn, expectedBucketOwner } = connection.spec;
  const row = plan.rows.find(({ phase, resource }) => phase === 'Design' && resource === `connection:${connection.name}`);
  if (row === undefined || row.identity.startsWith('connectionProperties:') || location?.startsWith('s3://') !== true) {
    return malformed(`connection ${connection.name} (${connector}) has no objects in S3 to look at: use the client of its system`);
  }
  const folder = parseS3Uri(location);
  if (!folder.ok) return folder;
  // Judged with the plan, too; the agent role may be shared with other organizations.
  const foreign = foreignFolder(runtime, folder.value);
  if (foreign !== undefined)
    return malformed(`the location lies in spec.${foreign} of the runtime, but not below its organization ${runtime.spec.organization}`);
  const cut = readOnly(runtime, folder.value, kmsKeyArn ?? anyKey);
  if (!cut.ok) return malformed(cut.reason);
  return parsed({
    row,
    caller: 'designer',
    folder: folder.value,
    policy: cut.value,
    ...(expectedBucketOwner !== undefined && { expectedBucketOwner }),
  });
}

function readOnly(runtime: ElasticRuntime, { bucket, key }: S3Folder, kmsKeyArn: string | undefined): Parsed<SessionPolicy> {
  const { region } = runtime.spec;
  return sessionPolicyFor({
    partition: partitionOf(region),
    region,
    objects: [{ bucket, folders: [key], actions: ['read', 'list'], ...(kmsKeyArn !== undefined && { kmsKeyArn }) }],
  });
}

/** The name of an object below its folder; undefined for what is no object below it (the folder's own marker). */
export function nameBelow(folder: S3Folder, key: string): string | undefined {
  const prefix = folder.key === '' ? '' : `${folder.key}/`;
  return key.startsWith(prefix) && key.length > prefix.length ? key.slice(prefix.length) : undefined;
}
