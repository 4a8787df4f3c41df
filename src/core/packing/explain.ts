import { admitsLaunch, topologyAdmitsLaunch } from './admit.ts';
import type { Classified, PodClass } from './classes.ts';
import type { Variant } from './compile.ts';
import { CAPACITY_TYPE, INSTANCE_TYPE, ZONE } from './filters.ts';
import { type Candidate, isUnavailable } from './launch.ts';
import { type Ledger, roomOf } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import type { Labels, Offering, PackingPod, PackingProblem, Unschedulable, UnschedulableReason } from './problem.ts';
import { refusedBy, refusedByPool, tooLittle } from './refusal.ts';
import { describeTaint, untolerated } from './taints.ts';

type Verdict = { readonly rank: number; readonly reason: UnschedulableReason; readonly excludedBy: () => string };

/** Why each pod that is left found no place: the offering that passes the most rules, and the rule that it fails. */
export function explain(ledger: Ledger, classified: Classified, left: ReadonlyMap<number, number>): readonly Unschedulable[] {
  const keyOf = (pod: number) => (ledger.problem.pods[pod] as PackingPod).key;
  const invalid = classified.invalid.map(
    ({ pod, message }) => ({ pod: keyOf(pod), reason: 'InvalidPod', message }) satisfies Unschedulable,
  );
  const waiting = classified.classes.filter((one) => (left.get(one.id) ?? 0) > 0);
  const explained = waiting.flatMap((one) => {
    const pods = one.pods.slice(one.pods.length - (left.get(one.id) as number));
    const why = explainClass(ledger, one);
    return pods.map((pod) => ({ pod: keyOf(pod), ...why }));
  });
  return [...invalid, ...explained];
}

function explainClass(ledger: Ledger, one: PodClass): Omit<Unschedulable, 'pod'> {
  const variant = laxest(ledger.compiled.strictest[one.id] as Variant);
  let nearest: { readonly candidate: Candidate; readonly verdict: Verdict } | undefined;
  for (const candidate of ledger.space.candidates) {
    const verdict = judge(ledger, variant, candidate);
    if (nearest === undefined || verdict.rank > nearest.verdict.rank) nearest = { candidate, verdict };
  }
  if (nearest === undefined) return nothingForSale(ledger);
  const { candidate, verdict } = nearest;
  const excludedBy = verdict.excludedBy();
  const offering = candidate.offering;
  const where = describe(offering);
  const reason = one.gang !== undefined && verdict.reason === 'InsufficientCapacity' ? 'GangIncomplete' : verdict.reason;
  const gang = one.gang === undefined ? '' : `gang ${one.gang} does not fit as a whole; `;
  return { reason, message: `${gang}nearest is ${where}: ${excludedBy}`, nearest: { offering, excludedBy } };
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

function laxest(variant: Variant): Variant {
  return variant.relaxed === undefined ? variant : laxest(variant.relaxed);
}

/** The rules in their order; a higher rank got further. */
function judge(ledger: Ledger, variant: Variant, candidate: Candidate): Verdict {
  const { pool } = candidate.shape;
  const taint = untolerated(pool.taints, variant.filter.tolerations, false);
  if (taint !== undefined)
    return { rank: 0, reason: 'NoOffering', excludedBy: () => `untolerated taint ${describeTaint(taint)} of pool ${pool.name}` };
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
    const excludedBy = () => tooLittle(ledger.dims.names[short] as string, asked, there);
    return { rank: 2 + Math.max(0, Math.min(0.99, there / asked)), reason: 'TooLarge', excludedBy };
  }
  const limit = brokenLimit(ledger.limits, candidate);
  if (limit !== undefined) return { rank: 4, reason: 'LimitReached', excludedBy: () => limit };
  if (!topologyAdmitsLaunch(ledger, variant, candidate)) {
    const reason =
      variant.affinities.length > 0 || variant.avoids.length > 0 || variant.spreads.length === 0 ? 'Affinity' : 'TopologySpread';
    return { rank: 3, reason, excludedBy: () => (reason === 'Affinity' ? 'pod affinity or anti-affinity' : 'topology spread') };
  }
  return { rank: 5, reason: 'InsufficientCapacity', excludedBy: () => 'room for part of the pods only' };
}
