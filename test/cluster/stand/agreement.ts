import type { AccessRow } from '../../../src/core/access/vocabulary.ts';
import type { GateRecord } from '../../gate/record.ts';

/** A job as `kubectl-elastic explain -o json` prints it. */
export type ExplainedJob = { readonly job: string; readonly access: readonly AccessRow[] };

export type Places = {
  /** `bucket/prefix` of the runtime in staging and in its log location. */
  readonly staging: string;
  readonly logs: string;
  /** By job: `bucket/prefix` by connection. */
  readonly connections: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** First eight characters of the UID, by job. */
  readonly uid8: Readonly<Record<string, string>>;
  /** Identity by the last four characters of a static access key. */
  readonly keys: Readonly<Record<string, string>>;
};

/** What a call is in the words of a plan. `actions`: any of them allows it. */
type Claim = {
  /** The job it was made for; undefined = for the runtime, and so for each of its jobs */
  readonly job: string | undefined;
  readonly identity: string;
  readonly actor: string | undefined;
  readonly resources: readonly string[];
  readonly actions: readonly string[];
  /** Of what people look at, a listing is tried before a node starts. */
  readonly lists: boolean;
};

/**
 * Calls that no row allows, as lines. The operator pod reaches a role through more hops than a pod does, so what must agree is who: the identity, and the
 * role that acts. An AssumeRole is a hop: it must lie on the way to some row's role.
 */
export function unexplained(calls: readonly GateRecord[], plans: readonly ExplainedJob[], places: Places): readonly string[] {
  const ways = new Set(plans.flatMap(({ access }) => access.flatMap((row) => wayTo(row, plans))));
  return calls.flatMap((call) => {
    if (call.action.startsWith('sts:Assume')) {
      const hop = [...call.chain, call.resource].join(' > ');
      return ways.has(hop) ? [] : [`a hop on no way: ${hop}`];
    }
    const claim = claimOf(call, places);
    const allowed = plans.some(({ job, access }) => (claim.job ?? job) === job && access.some((row) => allows(row, claim)));
    return allowed
      ? []
      : [`${call.action} ${call.resource} by ${claim.identity} (${claim.actor ?? 'keys'}): no row of ${claim.job ?? 'any job'}`];
  });
}

/** Rows that nobody acted on, of those that operator and node agents carry out themselves. */
export function unused(calls: readonly GateRecord[], plans: readonly ExplainedJob[], places: Places): readonly string[] {
  const claims = calls
    .filter(({ action, outcome }) => !action.startsWith('sts:Assume') && outcome === 'ok')
    .map((call) => claimOf(call, places));
  return plans.flatMap(({ job, access }) =>
    access
      .filter((row) => isOurs(row) && !claims.some((claim) => (claim.job ?? job) === job && allows(row, claim)))
      .map(({ phase, resource, action, identity }) => `${job}: ${phase} ${resource} ${action} as ${identity}`),
  );
}

/**
 * Design: only `preview` and the like reach data at design time. Volumes grow when a disk fills, and none did. Logs are read by `logs`; that they can be is
 * proved by the log of one job for all. A login outside AWS makes no call here.
 */
function isOurs({ phase, resource, action, identity }: AccessRow): boolean {
  if (phase === 'Design' || resource === 'volumes' || identity.startsWith('connectionProperties:')) return false;
  return !(phase === 'Poll' && action === 'read');
}

function allows(row: AccessRow, claim: Claim): boolean {
  return (
    (row.phase !== 'Design' || claim.lists) &&
    row.identity === claim.identity &&
    row.chain.at(-1) === claim.actor &&
    claim.resources.includes(row.resource) &&
    claim.actions.includes(row.action)
  );
}

/** The chain of a row as the operator pod goes it, and every beginning of it. */
function wayTo({ chain }: AccessRow, plans: readonly ExplainedJob[]): readonly string[] {
  const before = plans
    .flatMap(({ access }) => access.map((row) => row.chain))
    .find((other) => other.length === 3 && other.at(-1) === chain[0]);
  const whole = before === undefined ? chain : [...before.slice(0, 2), ...chain];
  return whole.map((_, index) => whole.slice(0, index + 1).join(' > '));
}

function claimOf(call: GateRecord, places: Places): Claim {
  const [, job8 = '-', name = ''] = call.sessionName.split('.');
  const identity = places.keys[call.sessionName] ?? name.replace('=', ':');
  const fromSession = Object.keys(places.uid8).find((job) => places.uid8[job] === job8);
  const common = { identity, actor: call.chain.at(-1), lists: call.action === 's3:ListBucket' };
  const [service = ''] = call.action.split(':');
  if (service === 's3') {
    const path = call.resource.replace(/^arn:aws:s3:::/, '');
    return {
      ...common,
      job: fromSession ?? jobOfPath(path, places),
      // Whoever polls reads the logs of all.
      resources: [...resourcesAt(path, places), ...(call.action === 's3:GetObject' && path.startsWith(`${places.logs}/`) ? ['log'] : [])],
      actions: s3Actions[call.action] ?? [],
    };
  }
  return { ...common, job: fromSession, ...(otherActions[call.action] ?? { resources: [], actions: [] }) };
}

/** Who writes also lists what is there and deletes what it wrote (as the probes of the preflight do); who reads also lists. */
const s3Actions: Readonly<Record<string, readonly string[]>> = {
  's3:PutObject': ['write'],
  's3:GetObject': ['read'],
  's3:HeadObject': ['read'],
  's3:ListBucket': ['list', 'read', 'write'],
  's3:DeleteObject': ['delete', 'write'],
};

const scale = { resources: ['nodes'], actions: ['scale'] };
const make = { resources: ['cluster-resources'], actions: ['create'] };

const otherActions: Readonly<Record<string, { readonly resources: readonly string[]; readonly actions: readonly string[] }>> = {
  'ec2:CreateFleet': scale,
  'ec2:RunInstances': scale,
  'ec2:DescribeInstances': scale,
  'ec2:TerminateInstances': scale,
  'ec2:CreateLaunchTemplate': make,
  'ec2:DescribeLaunchTemplates': make,
  'ec2:DeleteLaunchTemplate': make,
  'ec2:DescribeSubnets': make,
  // Whether it will do is asked before it is made.
  'iam:GetRole': make,
  'iam:SimulatePrincipalPolicy': make,
  'ssm:GetParameter': make,
};

function jobOfPath(path: string, { uid8 }: Places): string | undefined {
  return Object.keys(uid8).find((job) => path.includes(`/jobs/${job}-${uid8[job]}/`));
}

function resourcesAt(path: string, { staging, logs, connections }: Places): readonly string[] {
  if (path.startsWith(`${staging}/`)) {
    // What the operator has there it takes away again: tried below a name that no job has.
    if (path === `${staging}/cluster.json` || path.startsWith(`${staging}/jobs/-/`)) return ['cluster-info'];
    return [/\/jobs\/[^/]+\/deps\//.test(path) ? 'dependencies' : 'staging'];
  }
  if (path.startsWith(`${logs}/`)) {
    const [, part] = /\/jobs\/[^/]+\/(?:\d+\/(agent|master|worker)\/|access\.json$)/.exec(path) ?? [];
    if (/\/access(\/\d+)?\.json$/.test(path)) return ['log:agent'];
    const [, recording] = /\/access\/(master|worker)\/[^/]+\/[^/]+\.json$/.exec(path) ?? [];
    if (recording !== undefined) return [`log:${recording}`];
    // A probe of a master's or worker's log, which the worker takes away.
    if (part !== undefined && path.includes(`/${part}/.elastic-probe-`)) return [`log:${part}`, 'log'];
    return [part === undefined ? 'log' : `log:${part}`];
  }
  return Object.values(connections).flatMap((own) =>
    Object.entries(own)
      .filter(([, location]) => path === location || path.startsWith(`${location}/`) || path.startsWith(`${location}*`))
      .map(([name]) => `connection:${name}`),
  );
}
