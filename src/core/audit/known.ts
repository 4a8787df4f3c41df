/** Differences of a recorded call to what the runtime's identities ever do: of the runtime's own calls, and of jobs whose plan is not at hand. */
import { locationActions } from '../access/arn-locations.ts';
import { allowedBy, isHop } from './implied.ts';
import { isAt, split } from './place.ts';
import type { JobPlan, PlanRow } from './planned.ts';
import type { Recorded } from './records.ts';
import { sessionDifference } from './session.ts';

const objects = ['s3:GetObject', 's3:PutObject', 's3:ListBucket', 's3:DeleteObject'];
const asksIam = ['iam:GetRole', 'iam:SimulatePrincipalPolicy'];

type Work = { readonly as: RegExp; readonly does: readonly string[] | 'create' | 'scale' | 'grow' };

/** By the resource of the plan: who does what there on a runtime's behalf. */
const works: Readonly<Record<string, readonly Work[]>> = {
  staging: [
    { as: /^(worker$|connectionRole:|connectionCredentials:)/, does: objects },
    { as: /^operator$/, does: ['s3:ListBucket', 's3:DeleteObject'] },
  ],
  log: [
    { as: /^worker$/, does: objects },
    { as: /^(agent$|connectionRole:|connectionCredentials:)/, does: ['s3:GetObject', 's3:ListBucket'] },
  ],
  'log:worker': [{ as: /^worker$/, does: ['s3:PutObject'] }],
  'log:master': [{ as: /^master$/, does: ['s3:PutObject'] }],
  'log:agent': [{ as: /^agent$/, does: ['s3:PutObject'] }],
  dependencies: [{ as: /^operator$/, does: ['s3:PutObject'] }],
  dependency: [{ as: /^(worker$|connectionRole:|connectionCredentials:)/, does: ['s3:GetObject'] }],
  'cluster-info': [{ as: /^operator$/, does: ['s3:PutObject', 's3:ListBucket', 's3:DeleteObject'] }],
  'init-script': [{ as: /^master$/, does: ['s3:GetObject'] }],
  connection: [
    { as: /^(agent$|worker$|connectionRole:|connectionCredentials:)/, does: [...objects, ...asksIam, ...locationActions.keys()] },
  ],
  'connection-secret': [{ as: /^worker$/, does: ['ssm:GetParameter', 'secretsmanager:GetSecretValue'] }],
  'cluster-resources': [{ as: /^operator$/, does: 'create' }],
  nodes: [{ as: /^master$/, does: 'scale' }],
  volumes: [{ as: /^worker$/, does: 'grow' }],
};

/** Of the same runtime: whatever is known of where its objects lie, and of its connections. */
export type Known = {
  /** Of all its plans at hand, by the resource; of rows that differ in neither identity nor location, one. */
  readonly rows: ReadonlyMap<string, readonly PlanRow[]>;
  /** Each of its jobs that made a call has a plan among them. */
  readonly isWhole: boolean;
};

export function knownOf(plans: readonly JobPlan[], isWhole: boolean): Known {
  const rows = new Map<string, PlanRow>();
  for (const row of plans.flatMap((plan) => plan.rows)) rows.set(JSON.stringify([row.resource, row.identity, row.location]), row);
  return { rows: Map.groupBy(rows.values(), ({ resource }) => resource), isWhole };
}

export function knownDifference(record: Recorded, known: Known): string | undefined {
  const { planResource = '', identity, action } = record;
  const [kind, name] = split(planResource);
  const done = works[planResource] ?? works[kind];
  if (done === undefined) return `no plan has ${planResource}`;
  if (isHop(action)) return hopDifference(record) ?? sessionDifference(record);
  const own = done.filter(({ as }) => as.test(identity) && (kind !== 'connection' || isOwn(identity, name)));
  if (own.length === 0) return `no plan reaches ${planResource} as ${identity}`;
  if (!own.some(({ does }) => (typeof does === 'string' ? allowedBy(action).includes(does) : does.includes(action))))
    return `${identity} makes no ${action} for ${planResource}`;
  return placeDifference(record, known) ?? wayDifference(record) ?? sessionDifference(record);
}

/** A connection is reached by no other's role or keys. */
function isOwn(identity: string, connection: string): boolean {
  const [, of] = split(identity);
  return of === '' || of === connection;
}

function placeDifference({ planResource = '', identity, action, resource }: Recorded, { rows, isWhole }: Known): string | undefined {
  const [kind] = split(planResource);
  // The runtime proves its folders, not those of one job.
  const folder: Readonly<Record<string, string>> = { dependencies: 'staging', log: 'log' };
  const isOfJobs = kind.startsWith('connection') || kind === 'dependency';
  const where = isOfJobs ? planResource : (folder[kind] ?? planResource);
  // That the operator may clear what jobs leave is tried beside its own object.
  const isOperators = kind === 'cluster-info';
  const meant = [where, ...(isOperators ? ['staging'] : [])].flatMap((resource) => rows.get(resource) ?? []);
  if (isOfJobs && (!isWhole || action.startsWith('iam:'))) return undefined;
  const same = isOfJobs ? meant.filter((row) => row.identity === identity) : meant;
  if (same.length === 0) return isOfJobs && rows.size > 0 ? `no plan at hand reaches ${planResource} as ${identity}` : undefined;
  return same.some((row) => isAt(row, action, resource))
    ? undefined
    : `the plans at hand have ${planResource} at ${placesOf(same)}, not at ${resource}`;
}

function placesOf(rows: readonly PlanRow[]): string {
  return [...new Set(rows.flatMap(({ location }) => location ?? []))].join(' or ');
}

/** By how many roles an identity is reached: operator's, node agent's and pods' ways. */
const ways: Readonly<Record<string, readonly number[]>> = {
  agent: [1],
  operator: [2],
  master: [1, 3],
  worker: [1, 3],
  connectionRole: [2, 4],
  connectionCredentials: [0],
};

function wayDifference({ identity, chain }: Recorded): string | undefined {
  const lengths = ways[split(identity)[0]] ?? [];
  return lengths.includes(chain.length)
    ? undefined
    : `nobody comes to ${identity} through ${chain.length === 0 ? 'no role at all' : chain.join(', ')}`;
}

function hopDifference(record: Recorded): string | undefined {
  const { action, identity, chain } = record;
  if (action === 'sts:GetCallerIdentity') return wayDifference(record);
  const isFirst = action === 'sts:AssumeRoleWithWebIdentity' || action === 'iot:AssumeRoleWithCertificate';
  if (isFirst && /^(agent|master|worker)$/.test(identity) && chain.length === 0) return undefined;
  if (action === 'sts:AssumeRole' && /^(agent|operator|worker)$/.test(identity)) return wayDifference(record);
  return `${identity} makes no ${action} on the way of a plan`;
}
