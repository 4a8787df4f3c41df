import { admitsLaunch } from './admit.ts';
import type { Classified, PodClass } from './classes.ts';
import { laxest, type Variant } from './compile.ts';
import { CAPACITY_TYPE, INSTANCE_TYPE, ZONE } from './filters.ts';
import { isPort } from './host-ports.ts';
import { keptAway } from './kept-away.ts';
import { admitsCandidate, type Candidate, isUnavailable, soldOut } from './launch.ts';
import { emptyRoom, type Ledger, mark, rollBack, roomOf } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import { missingMinValues, wantsValues } from './min-values.ts';
import { placePods } from './place.ts';
import type { Labels, Offering, PackingPod, PackingProblem, Unschedulable, UnschedulableReason } from './problem.ts';
import { overrun, portTaken, refusedBy, refusedByPool, tooFewValues, tooLittle } from './refusal.ts';
import { describeTaint, untolerated } from './taints.ts';

type Verdict = { readonly rank: number; readonly reason: UnschedulableReason; readonly excludedBy: () => string };

/** Why each pod that is left found no place: the offering that passes the most rules, and the rule that it fails. */
export function explain(ledger: Ledger, classified: Classified, left: ReadonlyMap<number, number>): readonly Unschedulable[] {
  const keyAt = (pod: number) => (ledger.problem.pods[pod] as PackingPod).key;
  const invalid = classified.invalid.map(
    ({ pod, message }) => ({ pod: keyAt(pod), reason: 'InvalidPod', message }) satisfies Unschedulable,
  );
  const known = new Map<string, Stuck | undefined>();
  const stuckOf: StuckOf = (gang, find) => {
    if (!known.has(gang)) known.set(gang, find());
    return known.get(gang);
  };
  const waiting = classified.classes.filter((one) => (left.get(one.id) ?? 0) > 0);
  const explained = waiting.flatMap((one) => {
    const pods = one.pods.slice(one.pods.length - (left.get(one.id) as number));
    const why = explainClass(ledger, classified, one, stuckOf);
    return pods.map((pod) => ({ pod: keyAt(pod), ...why }));
  });
  return [...invalid, ...explained];
}

type Why = Omit<Unschedulable, 'pod'>;
type Nearest = { readonly candidate: Candidate; readonly verdict: Verdict };

/** The offering that passes the most rules; undefined where none is for sale. */
function nearestFor(ledger: Ledger, classified: Classified, one: PodClass): Nearest | undefined {
  const variant = laxest(ledger.compiled.strictest[one.id] as Variant);
  let nearest: Nearest | undefined;
  for (const candidate of ledger.space.candidates) {
    const verdict = judge(ledger, classified, variant, candidate);
    if (nearest === undefined || verdict.rank > nearest.verdict.rank) nearest = { candidate, verdict };
  }
  return nearest;
}

function explainClass(ledger: Ledger, classified: Classified, one: PodClass, stuckOf: StuckOf): Why {
  const nearest = nearestFor(ledger, classified, one);
  const missed = nearest === undefined || nearest.verdict.rank < 3 ? soldOutFor(ledger, classified, one) : undefined;
  if (missed !== undefined) return missed;
  if (nearest === undefined) return nothingForSale(ledger);
  return one.gang === undefined ? whyOf(nearest) : explainMember(ledger, classified, one, nearest, stuckOf);
}

/** An offering that a pod of the class could use, had EC2 not been out of it lately. */
function soldOutFor(ledger: Ledger, { filters }: Classified, one: PodClass): Why | undefined {
  const { filter, requests } = laxest(ledger.compiled.strictest[one.id] as Variant);
  const fitting = soldOut(ledger.problem, filters.filters).filter((candidate) => {
    if (untolerated(candidate.shape.pool.taints, filter.tolerations, false) !== undefined || !admitsCandidate(filter, candidate))
      return false;
    const room = emptyRoom(ledger, candidate);
    return requests.every((asked, dim) => asked === 0 || asked <= (room[dim] as number));
  });
  const [first, ...others] = fitting;
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : `, and so are ${others.length} more that would do`;
  const excludedBy = `it is remembered as having insufficient capacity${more}; it is tried again soon`;
  return {
    reason: 'InsufficientCapacity',
    message: `nearest is ${describe(first.offering)}: ${excludedBy}`,
    nearest: { offering: first.offering, excludedBy },
  };
}

function whyOf({ candidate: { offering }, verdict }: Nearest, before = ''): Why {
  const excludedBy = verdict.excludedBy();
  return { reason: verdict.reason, message: `${before}nearest is ${describe(offering)}: ${excludedBy}`, nearest: { offering, excludedBy } };
}

/** A gang's pod may have a place by itself: then it waits for the member that has none, or for as many as fit no more. */
function explainMember(ledger: Ledger, classified: Classified, one: PodClass, nearest: Nearest, stuckOf: StuckOf): Why {
  const before = `gang ${one.gang} is placed as a whole or not at all; `;
  if (nearest.verdict.rank < FITS) return whyOf(nearest, before);
  const members = classified.classes.filter(({ gang }) => gang === one.gang);
  for (const other of members) {
    if (other === one) continue;
    const theirs = nearestFor(ledger, classified, other);
    if (theirs !== undefined && theirs.verdict.rank < FITS) {
      const why = whyOf(theirs, `${before}${keyOf(ledger, other)} of it has no place: `);
      return { ...why, reason: 'GangIncomplete' };
    }
  }
  const stuck = stuckOf(one.gang as string, () => firstThatFails(ledger, classified, members));
  if (stuck === undefined) return { ...whyOf(nearest, before), reason: 'GangIncomplete' };
  const { placed, pods, where, next, last } = stuck;
  const count = placed === 1 ? '1 of its pods has' : `${placed} of its ${pods} pods have`;
  const why = `${where}${count} a place and ${next} has none: nearest is ${describe(last.offering)}: ${last.excludedBy}`;
  return { reason: 'GangIncomplete', message: `${before}${why}`, nearest: last };
}

/** Of a gang, found once for all its members. */
type StuckOf = (gang: string, find: () => Stuck | undefined) => Stuck | undefined;
type Stuck = {
  readonly placed: number;
  readonly pods: number;
  readonly where: string;
  readonly next: string;
  readonly last: NonNullable<Unschedulable['nearest']>;
};

/** Places the members one by one, in the zone that takes the most where it has to be one, and asks what refuses the first that finds no place. */
function firstThatFails(ledger: Ledger, classified: Classified, members: readonly PodClass[]): Stuck | undefined {
  const together = ledger.problem.gangs?.some(({ id, singleZone }) => singleZone && id === members[0]?.gang) ?? false;
  const zones = together ? [...new Set(ledger.space.candidates.map(({ zone }) => zone))].sort() : [undefined];
  const pods = members.reduce((sum, one) => sum + one.pods.length, 0);
  let best: Stuck | undefined;
  for (const zone of zones) {
    const before = mark(ledger);
    ledger.onlyZone = zone;
    let placed = 0;
    let next = '';
    const refused = members.find((one) => {
      const some = placePods(ledger, ledger.compiled.strictest[one.id] as Variant, one.pods.length, 'nodes and launches');
      placed += some;
      next = some < one.pods.length ? keyOf(ledger, one, some) : '';
      return next !== '';
    });
    const nearest = refused && nearestFor(ledger, classified, refused);
    const last = nearest && { offering: nearest.candidate.offering, excludedBy: nearest.verdict.excludedBy() };
    ledger.onlyZone = undefined;
    rollBack(ledger, before);
    if (last === undefined || placed <= (best?.placed ?? -1)) continue;
    best = { placed, pods, where: zone === undefined ? '' : `it must be in one zone, and in ${zone}, which takes most, `, next, last };
  }
  return best;
}

function keyOf({ problem }: Ledger, one: PodClass, at = 0): string {
  return (problem.pods[one.pods[at] as number] as PackingPod).key;
}

function nothingForSale(ledger: Ledger): Omit<Unschedulable, 'pod'> {
  const { problem } = ledger;
  if (problem.pools.length === 0) return { reason: 'NoOffering', message: 'no pool may launch nodes and no node has room' };
  const unavailable = problem.offerings.length > 0 && problem.offerings.every((offering) => isUnavailable(problem, offering));
  if (unavailable) return { reason: 'InsufficientCapacity', message: 'every offering is remembered as having insufficient capacity' };
  const nearest = nearestToPool(problem);
  if (nearest === undefined) return { reason: 'NoOffering', message: 'no offering satisfies the requirements of any pool' };
  const { offering, excludedBy } = nearest;
  const message = `no offering satisfies the requirements of any pool; nearest is ${describe(offering)}: ${excludedBy}`;
  return { reason: 'NoOffering', message, nearest };
}

/** The offering that misses the fewest labels that a pool requires. */
function nearestToPool({ pools, types, offerings }: PackingProblem): Unschedulable['nearest'] {
  let nearest: { readonly offering: Offering; readonly excludedBy: string; readonly count: number } | undefined;
  const labelsOf = new Map(types.map((type) => [type.name, type.labels]));
  for (const pool of pools) {
    for (const offering of offerings) {
      const labels = labelsOf.get(offering.instanceType);
      if (labels === undefined || !(offering.usdPerHour > 0)) continue;
      const own: Labels = {
        ...labels,
        ...pool.labels,
        [INSTANCE_TYPE]: offering.instanceType,
        [ZONE]: offering.zone,
        [CAPACITY_TYPE]: offering.capacityType,
      };
      const refusal = refusedByPool(pool.requirements ?? [], (key) => (Object.hasOwn(own, key) ? own[key] : undefined));
      if (refusal === undefined || refusal.count >= (nearest?.count ?? Number.POSITIVE_INFINITY)) continue;
      nearest = { offering, count: refusal.count, excludedBy: `pool ${pool.name} requires ${refusal.phrase()}` };
    }
  }
  return nearest && { offering: nearest.offering, excludedBy: nearest.excludedBy };
}

function describe({ instanceType, zone, capacityType }: Offering): string {
  return `${instanceType} in ${zone} (${capacityType})`;
}

/** The rules in their order; a higher rank got further. */
function judge(ledger: Ledger, classified: Classified, variant: Variant, candidate: Candidate): Verdict {
  const { pool } = candidate.shape;
  const taint = untolerated(pool.taints, variant.filter.tolerations, false);
  if (taint !== undefined)
    return {
      rank: 0,
      reason: 'NoOffering',
      excludedBy: () => `untolerated taint ${describeTaint(taint)} of pool ${pool.name}: only pods that tolerate it go there`,
    };
  const room = roomOf(ledger, candidate);
  const short = ledger.dims.names.findIndex(
    (_, dim) => (variant.requests[dim] as number) > 0 && (variant.requests[dim] as number) > (room[dim] as number),
  );
  if (!admitsLaunch(ledger, variant.filter, candidate)) {
    const refusal = refusedBy(variant.filter, candidate);
    // Fewest labels first, and of those a machine that is large enough.
    const rank = 1 + 0.5 / (1 + (refusal?.count ?? 1)) + (short < 0 ? 0.001 : 0);
    return { rank, reason: 'NoOffering', excludedBy: refusal?.phrase ?? (() => 'node affinity') };
  }
  if (short >= 0) {
    const [asked, there] = [variant.requests[short] as number, room[short] as number];
    const excludedBy = () => shortOf(ledger, short, asked, there);
    return { rank: 2 + Math.max(0, Math.min(0.99, there / asked)), reason: 'TooLarge', excludedBy };
  }
  if (brokenLimit(ledger.limits, candidate) !== undefined)
    return { rank: 4, reason: 'LimitReached', excludedBy: () => overrun(ledger.limits, candidate) };
  const kept = keptAway({ ledger, classified, variant, candidate });
  if (kept !== undefined) return { rank: 3, reason: kept.reason, excludedBy: kept.phrase };
  const options = wantsValues(pool) ? choices(ledger, variant, candidate) : [];
  if (wantsValues(pool) && missingMinValues(candidate, options) !== undefined)
    return { rank: 4.5, reason: 'MinValues', excludedBy: () => tooFewValues(pool, options) };
  return { rank: FITS, reason: 'InsufficientCapacity', excludedBy: () => 'room for part of the pods only' };
}

/** A pod alone has a place there. */
const FITS = 5;

/** What a node could be launched as instead, for a pod of the variant alone. */
function choices(ledger: Ledger, variant: Variant, { shape, zone }: Candidate): readonly Candidate[] {
  return ledger.space.candidates.filter((one) => {
    if (one.shape.pool !== shape.pool || one.zone !== zone || !admitsLaunch(ledger, variant.filter, one)) return false;
    const room = roomOf(ledger, one);
    return variant.requests.every((asked, dim) => asked === 0 || asked <= (room[dim] as number));
  });
}

function shortOf(ledger: Ledger, dim: number, asked: number, there: number): string {
  const name = ledger.dims.names[dim] as string;
  if (isPort(name)) return portTaken(name, ledger.problem.daemons ?? []);
  const most = ledger.space.candidates.reduce((found, one) => Math.max(found, roomOf(ledger, one)[dim] as number), 0);
  return tooLittle(name, asked, there, most);
}
