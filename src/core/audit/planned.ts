/** Differences of a recorded call to the plan of its job. */
import type { AccessRow } from '../access/vocabulary.ts';
import { allowedBy, isHop } from './implied.ts';
import { isAt } from './place.ts';
import type { Recorded } from './records.ts';
import { sessionDifference } from './session.ts';

/** A job's plan, as its record of accesses has it. */
export type JobPlan = {
  readonly runtime: string;
  readonly job: string;
  readonly uid?: string | undefined;
  readonly runtimeUid?: string | undefined;
  readonly rows: readonly PlanRow[];
  /** What the same document holds of the job's accesses. */
  readonly kept?: readonly Recorded[];
};
/** Rows of records that were written before there was a location have none, and are not judged by it. */
export type PlanRow = Pick<AccessRow, 'phase' | 'resource' | 'action' | 'identity' | 'chain'> & {
  readonly rule?: string;
  readonly location?: string;
};

export function noRule({ phase, planResource, rule }: Recorded): string | undefined {
  return phase === undefined || planResource === undefined || rule === undefined ? 'the record names no rule of a plan' : undefined;
}

/** Why the call is none that the plan has; undefined where it is one. */
export function planDifference(record: Recorded, rows: readonly PlanRow[]): string | undefined {
  const { planResource = '', identity, action, resource } = record;
  const meant = [...rows, ...clearing(rows)].filter((row) => row.resource === planResource);
  if (meant.length === 0) return `the plan has no ${planResource}`;
  if (isHop(action)) return hopDifference(record, meant, rows) ?? phaseDifference(record, meant) ?? sessionDifference(record);
  const asWhom = meant.filter((row) => row.identity === identity);
  if (asWhom.length === 0)
    return `the plan reaches ${planResource} as ${listed(
      meant.map((row) => row.identity),
      ' or ',
    )}, not as ${identity}`;
  const asksIam = /^iam:(GetRole|SimulatePrincipalPolicy)$/.test(action) && planResource.startsWith('connection:');
  const actions = allowedBy(action);
  const planned = asWhom.filter((row) => actions.includes(row.action));
  const call = asksIam
    ? asksOfItself(record)
    : planned.length === 0
      ? `the plan has ${planResource} to ${listed(
          asWhom.map((row) => row.action),
          ', ',
        )}, which takes no ${action}`
      : planned.some((row) => isAt(row, action, resource))
        ? undefined
        : `the plan has ${planResource} at ${listed(
            planned.map(({ location = '' }) => location),
            ' or ',
          )}, not at ${resource}`;
  return call ?? phaseDifference(record, asWhom) ?? chainDifference(record, asWhom, rows) ?? sessionDifference(record);
}

function phaseDifference({ phase = '', planResource = '', identity }: Recorded, rows: readonly PlanRow[]): string | undefined {
  return rows.some((row) => row.phase === phase)
    ? undefined
    : `the plan has ${planResource} as ${identity} in the phase ${listed(
        rows.map((row) => row.phase),
        ' or ',
      )}, not in ${phase}`;
}

function chainDifference({ chain, identity }: Recorded, asWhom: readonly PlanRow[], rows: readonly PlanRow[]): string | undefined {
  return asWhom.some((row) => waysOf(row, rows).some((way) => isSame(way, chain)))
    ? undefined
    : `the plan does not come to ${identity} through ${chain.length === 0 ? 'no role at all' : chain.join(', ')}`;
}

function hopDifference({ planResource = '', action, chain, resource }: Recorded, meant: readonly PlanRow[], rows: readonly PlanRow[]) {
  const hops = action === 'sts:GetCallerIdentity' ? chain : action.startsWith('sts:') ? [...chain, resource] : chain;
  const onTheWay = meant.some((row) => waysOf(row, rows).some((way) => isSame(way.slice(0, hops.length), hops)));
  return onTheWay ? undefined : `the plan does not reach ${planResource} through ${resource}`;
}

/** What pods do by themselves the operator proves beforehand, with its own way to the pods' role. */
function waysOf({ chain }: PlanRow, rows: readonly PlanRow[]): readonly (readonly string[])[] {
  const own = wayToOperator(rows);
  const isPods = own !== undefined && chain.length > 0 && chain[0] !== own[0];
  return isPods ? [chain, [...own, ...chain]] : [chain];
}

/** Every plan stores what the cluster is, as operator. */
export function wayToOperator(rows: readonly PlanRow[]): readonly string[] | undefined {
  return rows.find(({ identity, chain }) => identity === 'operator' && chain.length === 2)?.chain;
}

/** What is left in staging is taken away when a job is over, whoever put it there. */
function clearing(rows: readonly PlanRow[]): readonly PlanRow[] {
  const location = rows.find(({ resource, location: at }) => resource === 'staging' && at !== undefined)?.location;
  const chain = wayToOperator(rows);
  return (['list', 'delete'] as const).map((action) => ({
    phase: 'Complete',
    resource: 'staging',
    action,
    identity: 'operator',
    chain: chain ?? [],
    ...(location !== undefined && { location }),
  }));
}

/** Whom a connection's role trusts, and what it, or the user whose keys they are, may do at the location, is asked of nobody else. */
function asksOfItself({ action, chain, resource }: Recorded): string | undefined {
  const own = chain.at(-1);
  // GetRole names a role without its path.
  const asked = action === 'iam:GetRole' ? own?.slice(own.lastIndexOf('/') + 1) : own;
  const isOwn = own === undefined ? /^arn:[a-z-]+:iam::\d{12}:user\//.test(resource) : resource === asked;
  return isOwn ? undefined : `IAM is asked what ${resource} may do, which is not whose call it is`;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

function listed(items: readonly string[], between: string): string {
  return [...new Set(items)].join(between);
}
