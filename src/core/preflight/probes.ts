import type { ElasticRuntime } from '../../api/generated/types.ts';
import { asksOf, byResources } from '../access/arn-locations.ts';
import { locationOfConnection } from '../access/connection-locations.ts';
import type { Connection } from '../access/connections.ts';
import { type JobObject, jobPrefix, logPrefix, parseS3Uri, runtimeFolder, type S3Folder, uid8 } from '../access/locations.ts';
import type { AccessPlan } from '../access/plan.ts';
import { hasDefaultRoles } from '../access/roles.ts';
import type { Identity, Resource, RuntimeIdentity } from '../access/vocabulary.ts';
import { accountOf } from '../policy/principal.ts';
import { type SessionAccess, type SessionPolicy, sessionPolicyFor } from '../policy/session-policy.ts';
import type { Parsed } from '../quantity/outcome.ts';
import { type LocationProbe, notJudged } from './location.ts';
import type { PolicyQuestion } from './simulation.ts';

/**
 * - write, delete: an object of ours, made and taken away again; delete alone: one that is not there, which S3 answers like one that is
 * - read: that object, where it is written too; else one byte of something that lies there, which also proves the key
 * - list: the folder
 */
export type ProbeAction = 'write' | 'read' | 'list' | 'delete';

/** Calls at one location in S3 as one identity. */
export type ObjectProbe = {
  readonly kind: 'objects';
  readonly identity: Identity;
  /** Of the plan. */
  readonly resource: Resource;
  readonly folder: S3Folder;
  /** Where the answer holds, and what the session is cut to, where that is wider than `folder`. */
  readonly within?: S3Folder;
  readonly actions: readonly ProbeAction[];
  readonly kmsKeyArn?: string | undefined;
  readonly expectedBucketOwner?: string | undefined;
  /** Who takes the probe away, where its writer may not. */
  readonly deletedBy?: ObjectProbe;
  /** A real object to write instead of a probe: for an identity that may write but not delete. */
  readonly object?: { readonly name: string; readonly text: string };
  /** Made before, and its object read: of what lies there already nobody knows with which key it was written. */
  readonly reads?: ObjectProbe;
  /** People do it, and no job: what is refused is said, and fails nothing. */
  readonly atDesignTime?: true;
};

/** Nothing to look at: that the identity can be had, and that its keys work, is what is said. */
export type IdentityProbe = {
  readonly kind: 'identity';
  readonly identity: Identity;
  readonly resource: Resource;
  /** What that leaves open, and what to do about it. */
  readonly notVerified?: string;
};

/** A login outside AWS: that its secret can be read. */
export type SecretProbe = {
  readonly kind: 'secret';
  readonly identity: Identity;
  readonly resource: Resource;
  readonly connection: string;
};

/** The pods' own way to a role, by its trust policy, which the operator reads (pods-path.ts). */
export type PathProbe = {
  readonly kind: 'path';
  readonly identity: 'operator';
  readonly resource: 'cluster-resources';
  /** Whose role: of the runtime, or `connectionRole:<name>`. */
  readonly of: Identity;
  readonly roleArn: string;
  /** The connection's role asks for one. */
  readonly externalId: boolean;
};

/** What a role will do, asked of IAM (role-actions.ts). */
export type SimulationProbe = {
  readonly kind: 'simulation';
  readonly identity: 'operator';
  readonly resource: 'cluster-resources';
  readonly of: RuntimeIdentity;
  readonly roleArn: string;
  readonly questions: readonly PolicyQuestion[];
};

export type Probe = ObjectProbe | IdentityProbe | LocationProbe | SecretProbe | PathProbe | SimulationProbe;

export type ProbedRuntime = Pick<ElasticRuntime, 'metadata' | 'spec'>;

const everything: readonly ProbeAction[] = ['write', 'read', 'list', 'delete'];

/** What the runtime itself needs: the worker at staging and logs, the master at its logs. Default roles are made with these rights, so they are not probed. */
export function runtimeProbes(runtime: ProbedRuntime): readonly ObjectProbe[] {
  return [staging(runtime, 'worker'), ...logProbes(runtime)];
}

/** What is left of a job in staging the operator lists and deletes when it is over: tried below a name that no job has, with default roles, too. */
export function cleaningProbe(runtime: ProbedRuntime): ObjectProbe {
  const own = runtimeFolder(runtime, 'staging');
  const folder = { ...own, key: `${own.key}/jobs/-` };
  return { kind: 'objects', identity: 'operator', resource: 'cluster-info', folder, within: own, actions: ['list', 'delete'] };
}

/** Where logs are stored from nodes. The runtime proved it when it was made; policies may have been changed since. */
function logProbes(runtime: ProbedRuntime): readonly ObjectProbe[] {
  return [{ ...logs(runtime, 'worker', 'log'), actions: everything }, nodeLog(runtime, 'worker'), nodeLog(runtime, 'master')];
}

/**
 * Where the logs of a job's master or workers would lie; no job is named `-`. That the location can be reached says nothing of it: policies name the folders of either.
 * Neither may delete its logs; the worker may delete probes among them.
 */
function nodeLog(runtime: ProbedRuntime, role: 'master' | 'worker'): ObjectProbe {
  const { bucket, key } = runtimeFolder(runtime, 'logs');
  const place = { folder: { bucket, key: `${key}/jobs/-/0/${role}` }, within: { bucket, key: `${key}/jobs` } };
  const deletedBy: ObjectProbe = { ...logs(runtime, 'worker', 'log'), ...place, actions: ['delete'] };
  return { ...logs(runtime, role, `log:${role}`), ...place, actions: ['write'], deletedBy };
}

/**
 * What a job needs before a node starts: one probe per (identity, location) of its plan, and the pods' own way to their roles. Dependencies are no probes:
 * they are read and stored for real in the next step, before any node.
 */
export function jobProbes(
  runtime: ProbedRuntime,
  job: JobObject & { readonly namespace?: string | undefined },
  plan: AccessPlan,
): readonly Probe[] {
  // Every plan has one.
  const polling = plan.rows.find(({ phase, resource }) => phase === 'Poll' && resource === 'log')?.identity ?? 'agent';
  const own = jobPrefix(runtimeFolder(runtime, 'logs'), job);
  const agentLog: ObjectProbe = {
    ...logs(runtime, 'agent', 'log:agent'),
    folder: logPrefix(own, 1, 'agent'),
    within: runtimeFolder(runtime, 'logs'),
    actions: ['write'],
    object: {
      name: 'agent.log',
      text: `job ${job.namespace ?? 'default'}/${job.name} accepted; this log is written anew when the attempt ends\n`,
    },
  };
  return [
    staging(runtime, plan.staging.identity),
    { ...logs(runtime, polling, 'log'), actions: ['list', 'read'], reads: agentLog },
    cleaningProbe(runtime),
    ...plan.connections.flatMap((connection) => connectionProbe(connection, plan, runtime.spec.region)),
    ...plan.connections.flatMap((connection) => designProbe(connection, plan)),
    ...(hasDefaultRoles(runtime) ? [] : [...logProbes(runtime), ...runtimePaths(runtime)]),
  ];
}

/** Of a job's connections, what no preflight will be able to tell: known from the plan alone. */
export function neverProved(plan: AccessPlan, region: string): readonly string[] {
  const probes = plan.connections.flatMap((connection) => connectionProbe(connection, plan, region));
  return probes.flatMap((probe) => (probe.kind === 'identity' && probe.notVerified !== undefined ? [probe.notVerified] : []));
}

/** Master and worker role let the pods of this runtime in. Not asked of default roles: we made their trust. */
export function runtimePaths({ spec: { identities } }: ProbedRuntime): readonly PathProbe[] {
  return (['master', 'worker'] as const).flatMap((of) => {
    const roleArn = identities[of]?.roleArn;
    return roleArn === undefined ? [] : [pathTo(of, roleArn, false)];
  });
}

function pathTo(of: Identity, roleArn: string, externalId: boolean): PathProbe {
  return { kind: 'path', identity: 'operator', resource: 'cluster-resources', of, roleArn, externalId };
}

function staging(runtime: ProbedRuntime, identity: Identity): ObjectProbe {
  const { kmsKeyArn } = runtime.spec.staging;
  return { kind: 'objects', identity, resource: 'staging', folder: runtimeFolder(runtime, 'staging'), actions: everything, kmsKeyArn };
}

function logs(runtime: ProbedRuntime, identity: Identity, resource: Resource): ObjectProbe {
  const { kmsKeyArn } = runtime.spec.logs;
  return { kind: 'objects', identity, resource, folder: runtimeFolder(runtime, 'logs'), actions: [], kmsKeyArn };
}

function connectionProbe(connection: Connection, plan: AccessPlan, region: string): readonly Probe[] {
  const resource: Resource = `connection:${connection.name}`;
  const row = plan.rows.find(({ phase, resource: of }) => phase === 'Run' && of === resource);
  if (row === undefined) return [];
  const { identity } = row;
  const { authentication } = connection;
  const path =
    authentication.kind === 'role' ? [pathTo(identity, authentication.roleArn, authentication.externalIdSecretRef !== undefined)] : [];
  return [access(connection, identity, resource, { plan, region }), ...path];
}

/** Of objects alone: nothing else is shown at design time. Whoever has an identity of its own is proved by what the job does. */
function designProbe(connection: Connection, plan: AccessPlan): readonly ObjectProbe[] {
  const resource: Resource = `connection:${connection.name}`;
  const isAgents = plan.rows.some((row) => row.phase === 'Design' && row.resource === resource && row.identity === 'agent');
  const folder = isAgents ? objectFolder(connection) : undefined;
  if (folder === undefined) return [];
  const { expectedBucketOwner } = connection.spec;
  return [{ kind: 'objects', identity: 'agent', resource, folder, actions: ['list'], expectedBucketOwner, atDesignTime: true }];
}

function access(
  connection: Connection,
  identity: Identity,
  resource: Resource,
  { plan, region }: { readonly plan: AccessPlan; readonly region: string },
): Probe {
  const { authentication, spec, usage } = connection;
  if (authentication.kind === 'properties') return { kind: 'secret', identity, resource, connection: connection.name };
  const folder = objectFolder(connection);
  const { expectedBucketOwner, kmsKeyArn } = spec;
  if (folder !== undefined)
    return { kind: 'objects', identity, resource, folder, actions: usageActions[usage], kmsKeyArn, expectedBucketOwner };
  const { roles } = plan.principals;
  const partition = roles.agent.split(':')[1] ?? 'aws';
  const role = authentication.kind === 'role' ? authentication.roleArn : identity === 'worker' ? roles.worker : undefined;
  const at = locationOfConnection(connection, { principals: plan.principals, region });
  if (at === undefined) return { kind: 'identity', identity, resource, notVerified: notJudged(connection, { partition, region }) };
  const isForeign = role !== undefined && accountOf(role) !== accountOf(roles.operator);
  return { kind: 'location', identity, resource, usage, at, ...(isForeign && { foreignRole: role }) };
}

const usageActions: Readonly<Record<Connection['usage'], readonly ProbeAction[]>> = {
  Source: ['list', 'read'],
  Target: ['list', 'write', 'delete'],
  // What lies there is read, and the probe: it alone has the key that is written with.
  SourceAndTarget: ['list', 'write', 'read', 'delete'],
};

function objectFolder({ spec: { location } }: Connection): S3Folder | undefined {
  if (location?.startsWith('s3://') !== true) return undefined;
  const folder = parseS3Uri(location);
  return folder.ok ? folder.value : undefined;
}

/**
 * Name of the probe object. `discriminator`: two identities may probe one folder at the same time, and each must find its own. The same one each
 * time, so that what a crash left behind is overwritten, and deleted, by the next probe.
 */
export function probeName(runtimeUid: string, discriminator: string): string {
  return `.elastic-probe-${uid8(runtimeUid)}-${discriminator.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 8)}`;
}

/**
 * The session policy of a probe: its calls and nothing else. Cut to the runtime's folder or the connection's location, never to a job: what one job
 * has proved serves the next.
 */
export function probePolicy(probe: Probe, region: string, partition: string): Parsed<SessionPolicy> {
  if (probe.kind === 'path') return sessionPolicyFor({ region, partition, roles: { read: [probe.roleArn] } });
  if (probe.kind === 'simulation') return sessionPolicyFor({ region, partition, roles: { simulate: [probe.roleArn] } });
  if (probe.kind === 'location') {
    const roles = probe.foreignRole === undefined ? {} : { simulate: [probe.foreignRole] };
    return sessionPolicyFor({ region, partition, described: describedBy(probe), roles });
  }
  if (probe.kind !== 'objects') return sessionPolicyFor({ region, partition });
  const { actions } = probe;
  const folder = probe.within ?? probe.folder;
  // Objects of a location whose key is not named may be encrypted with any: only through S3, and only for these objects.
  const kmsKeyArn = probe.kmsKeyArn ?? '*';
  return sessionPolicyFor({ region, partition, objects: [{ bucket: folder.bucket, folders: [folder.key], actions, kmsKeyArn }] });
}

/** The calls that show a location, and nothing else. */
function describedBy({ at, usage }: LocationProbe): NonNullable<SessionAccess['described']> {
  const sample = usage === 'Target' ? undefined : at.kind.sample;
  return byResources([at.kind.describe, sample].flatMap((call) => (call === undefined ? [] : asksOf(at, call.action))));
}

/** The operator's session that asks IAM of the role, or the user, behind a location. */
export function askPolicy(principalArn: string, region: string, partition: string): Parsed<SessionPolicy> {
  return sessionPolicyFor({ region, partition, roles: { simulate: [principalArn] } });
}
