/**
 * What one session of the operator pod may do: the access that it was obtained for, and nothing else. The role's own policies bound it too; this cuts
 * it to the runtime or the job, below the organization's prefix.
 */
import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import { tags as tagKeys } from '../../api/labels.ts';
import type { Connection } from '../access/connections.ts';
import { jobPrefix, organizationPrefix, parseS3ObjectUri, parseS3Uri, runtimePrefix } from '../access/locations.ts';
import { partitionOf } from '../access/partitions.ts';
import type { AccessPlan } from '../access/plan.ts';
import type { ObjectAccess, SessionAccess } from './session-policy.ts';
import type { ObjectAction } from './statements.ts';

export type SessionFor = {
  readonly runtime: ElasticRuntime;
  readonly identity: string;
  /** Tags of everything that the runtime has in EC2. */
  readonly tags: Readonly<Record<string, string>>;
  readonly job?: { readonly name: string; readonly uid: string } | undefined;
  readonly plan?: AccessPlan | undefined;
  /** One resource of the plan (`connection:NAME`, `dependency:PATH`, `staging`, …): the session is for that alone. All of the identity's where left out. */
  readonly resource?: string | undefined;
  readonly dependencies?: ElasticJob['spec']['dependencies'] | undefined;
};

/** Objects of a location whose key is not named may be encrypted with any: only through S3, and only for these objects. */
const anyKey = '*';

export function sessionAccessOf(session: SessionFor): SessionAccess {
  const { region } = session.runtime.spec;
  const access = session.job === undefined || session.plan === undefined ? forRuntime(session) : forJob(session, session.job, session.plan);
  return { partition: partitionOf(session.runtime.spec.region), region, ...access };
}

type Cut = Omit<SessionAccess, 'region' | 'partition'>;

/** Of `resource` alone: `staging`, `log`, `init-script`, `cluster-info`, `cluster-resources`, `nodes`, `volumes`. */
function forRuntime({ runtime, identity, tags, resource }: SessionFor): Cut {
  const wanted = (one: string): boolean => resource === undefined || resource === one;
  const all = ['read', 'write', 'list', 'delete'] as const;
  const folder = (location: 'staging' | 'logs', actions: readonly ObjectAction[] = all): ObjectAccess => ({
    ...ownFolder(runtime, location),
    actions,
  });
  const ec2 = (actions: NonNullable<SessionAccess['ec2']>['actions']): Cut => ({ ec2: { actions, ...ofRuntime(tags) } });
  switch (identity) {
    case 'operator':
      return {
        ...(wanted('cluster-info') && { objects: [folder('staging')] }),
        ...(wanted('cluster-resources') && {
          ...ec2(['launchTemplates', 'describe']),
          parameters: [`arn:${partitionOf(runtime.spec.region)}:ssm:${runtime.spec.region}::parameter/aws/service/*`],
        }),
      };
    case 'master':
      return {
        ...(wanted('init-script') && initScriptAccess(runtime)),
        ...(wanted('nodes') && {
          ec2: { actions: ['launch', 'terminate', 'describe'], ...ofRuntime(tags), nodeRoleArn: rolesOfAccount(runtime) },
        }),
      };
    case 'worker':
      return {
        objects: [...(wanted('staging') ? [folder('staging')] : []), ...(wanted('log') ? [folder('logs')] : [])],
        ...(wanted('volumes') && ec2(['growVolumes', 'describe'])),
      };
    default:
      return { objects: [folder('logs', ['write', 'read', 'list'])] };
  }
}

function forJob(
  { runtime, identity, dependencies = [], resource }: SessionFor,
  job: { readonly name: string; readonly uid: string },
  plan: AccessPlan,
): Cut {
  const staging = ownFolder(runtime, 'staging', job);
  const logs = ownFolder(runtime, 'logs', job);
  const objects: ObjectAccess[] = [];
  if (identity === 'operator') objects.push({ ...staging, actions: ['write', 'list', 'delete'] });
  const wanted = (one: string): boolean => resource === undefined || resource === one;
  const onLogs: readonly ObjectAction[] = [
    ...(wanted('log:agent') ? (['write'] as const) : []),
    ...(wanted('log') ? (['read', 'list'] as const) : []),
  ];
  if (identity === 'agent' && onLogs.length > 0) objects.push({ ...logs, actions: onLogs });
  if (plan.staging.identity === identity && wanted('staging')) objects.push({ ...staging, actions: ['read', 'write', 'list', 'delete'] });
  for (const row of plan.rows) {
    if (row.phase !== 'Run' || row.identity !== identity || !wanted(row.resource)) continue;
    const connection = plan.connections.find(({ name }) => row.resource === `connection:${name}`);
    const location = connection === undefined ? undefined : connectionObjects(connection);
    if (location !== undefined) objects.push(location);
    const dependency = dependencies.find(({ path }) => row.resource === `dependency:${path}`);
    const source = dependency?.uri === undefined ? undefined : objectOf(dependency.uri, ['read']);
    if (source !== undefined) objects.push(source);
  }
  return { objects, ...(identity === 'worker' && storedSecrets(runtime, plan, wanted)) };
}

function ofRuntime(tags: SessionFor['tags']): Pick<NonNullable<SessionAccess['ec2']>, 'tags' | 'widestTags'> {
  const widest = Object.entries(tags).filter(([key]) => key === tagKeys.organization || key === tagKeys.runtimeUid);
  return { tags, ...(widest.length === 2 && { widestTags: Object.fromEntries(widest) }) };
}

/** Of the instance profile's account: the role behind a profile is in the account, and the master role's own policy names it. */
function rolesOfAccount(runtime: ElasticRuntime): string {
  const { master, operator, node } = runtime.spec.identities;
  const account = (node?.instanceProfileArn ?? master?.roleArn ?? operator.roleArn).split(':')[4] ?? '*';
  return `arn:${partitionOf(runtime.spec.region)}:iam::${account}:role/*`;
}

function ownFolder(
  runtime: ElasticRuntime,
  location: 'staging' | 'logs',
  job?: { readonly name: string; readonly uid: string },
): Pick<ObjectAccess, 'bucket' | 'folders' | 'kmsKeyArn'> {
  const { uri, kmsKeyArn } = runtime.spec[location];
  const { organization } = runtime.spec;
  const { name, namespace = 'default' } = runtime.metadata;
  const own = runtimePrefix(uri, { organization, namespace, runtime: name });
  const widest = organizationPrefix(uri, organization);
  if (!own.ok || !widest.ok) throw new TypeError(`spec.${location}.uri was not refused at admission`);
  const folders: [string, ...string[]] = job === undefined ? [own.value.key] : [jobPrefix(own.value, job).key, own.value.key];
  return { bucket: own.value.bucket, folders: [...folders, widest.value.key], kmsKeyArn };
}

function connectionObjects(connection: Connection): ObjectAccess | undefined {
  const { location, kmsKeyArn } = connection.spec;
  if (location?.startsWith('s3://') !== true) return undefined;
  const folder = parseS3Uri(location);
  if (!folder.ok) return undefined;
  const actions: readonly ObjectAction[] = connection.usage === 'Source' ? ['read', 'list'] : ['read', 'write', 'list', 'delete'];
  return { bucket: folder.value.bucket, folders: [folder.value.key], actions, kmsKeyArn: kmsKeyArn ?? anyKey };
}

function objectOf(uri: string, actions: readonly ObjectAction[]): ObjectAccess | undefined {
  const object = parseS3ObjectUri(uri);
  return object.ok ? { bucket: object.value.bucket, folders: [object.value.key], object: true, actions, kmsKeyArn: anyKey } : undefined;
}

function initScriptAccess(runtime: ElasticRuntime): Cut {
  const script = runtime.spec.initScript === undefined ? undefined : objectOf(runtime.spec.initScript.uri, ['read']);
  return script === undefined ? {} : { objects: [script] };
}

function storedSecrets(runtime: ElasticRuntime, plan: AccessPlan, wanted: (resource: string) => boolean): Cut {
  const parameters: string[] = [];
  const secrets: string[] = [];
  const account = plan.principals.roles.worker.split(':')[4] ?? '*';
  for (const { name, authentication } of plan.connections) {
    if (!wanted(`connection-secret:${name}`)) continue;
    if (authentication.kind !== 'credentials' && authentication.kind !== 'properties') continue;
    const { origin } = authentication;
    if (origin?.kind === 'parameterStore')
      parameters.push(`arn:${partitionOf(runtime.spec.region)}:ssm:${runtime.spec.region}:${account}:parameter${origin.name}`);
    if (origin?.kind === 'secretsManager') secrets.push(origin.arn);
  }
  return { parameters, secrets };
}
