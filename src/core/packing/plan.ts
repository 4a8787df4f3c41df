import { admitsLaunch } from './admit.ts';
import { answer } from './answer.ts';
import { lowerBound } from './bound.ts';
import { launchFor, meetsLimit } from './buy.ts';
import { classify, dimensions, type PodClass } from './classes.ts';
import { laxest, type Variant } from './compile.ts';
import { effortOf, FEW_PODS, SOME_PODS } from './effort.ts';
import { explain } from './explain.ts';
import { ZONE } from './filters.ts';
import { fleetOf } from './fleet.ts';
import { type Candidate, launchSpace } from './launch.ts';
import { type Ledger, openedNodes, openLedger, openNode, resetLedger, restoreLedger, roomOf, type Snapshot, saveLedger } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import { improveLaunches } from './patterns/improve.ts';
import { capRows } from './patterns/limit-rows.ts';
import type { PackingPlan, PackingProblem } from './problem.ts';
import { resizeNodes } from './resize.ts';
import { hasRules, placeScarce } from './scarce.ts';
import { missesShare } from './share.ts';
import { isMore, placedByPriority, placeStubborn } from './stubborn.ts';
import { tightness } from './tightness.ts';
import { allOf, isWaiting, placeOnNodes, placeRest, placeUnits, type Unit, unitsOf } from './units.ts';
import { vacateNodes } from './vacate.ts';

/**
 * Decides where pending pods go and which nodes to launch for them, at the least price per hour that it finds, with a proven lower
 * bound. Pure and deterministic; effort is counted in steps, never in time. Malformed input is reported in the plan, never thrown.
 */
export function planPacking(problem: PackingProblem): PackingPlan {
  const fleet = fleetOf(problem);
  const classified = classify(problem, fleet);
  const dims = dimensions(classified.classes);
  const space = launchSpace(problem, classified.filters.filters);
  const ledger = openLedger(problem, fleet, classified, dims, space);
  const units = unitsOf(ledger, classified.classes);
  const left = placeWithAndWithoutNodes(ledger, units);
  return answer(ledger, explain(ledger, classified, left), lowerBound(ledger, left));
}

/**
 * A plan that may use the nodes that are there is never worse than one that only launches: what goes onto nodes may leave the awkward part,
 * take the places that rules or a spot share allow, or keep another pod away. What runs on the nodes counts as ever.
 */
function placeWithAndWithoutNodes(ledger: Ledger, units: readonly Unit[]): Left {
  const left = placeAndImprove(ledger, units, { isAlone: false });
  if (!usesNodes(ledger) || !couldBeBetterAlone(ledger, units, left)) return left;
  const withNodes = outcome(ledger, units, left);
  const saved = saveLedger(ledger);
  const alone = placeAndImprove(ledger, units, { isAlone: true });
  if (isBetterOutcome(outcome(ledger, units, alone), withNodes)) return alone;
  restoreLedger(ledger, saved);
  return left;
}

function priceOfNew(ledger: Ledger): number {
  return openedNodes(ledger).reduce((sum, { candidate }) => sum + (candidate?.usdPerHour ?? 0), 0);
}

/**
 * Launches alone cost at least what the dearest pod needs: some node must hold it. They place no pod that no node for sale holds, and nothing where no node may be
 * bought.
 */
function couldBeBetterAlone(ledger: Ledger, units: readonly Unit[], left: Left): boolean {
  const cheapest = units.flatMap((unit) => unit.classes).map((one) => ({ one, usdPerHour: cheapestFor(ledger, one)?.usdPerHour }));
  if (missesShare(ledger) || cheapest.some(({ one, usdPerHour }) => usdPerHour !== undefined && (left.get(one.id) as number) > 0)) {
    const { opened, log, phase } = saveLedger(ledger);
    resetLedger(ledger);
    const mayBuy = ledger.space.candidates.some((candidate) => brokenLimit(ledger.limits, candidate) === undefined);
    restoreLedger(ledger, { opened, log, phase });
    return mayBuy;
  }
  return priceOfNew(ledger) > Math.max(0, ...cheapest.map(({ usdPerHour = 0 }) => usdPerHour));
}

/** The cheapest node for sale that holds a pod of the class, whatever else there is. */
function cheapestFor(ledger: Ledger, one: PodClass): Candidate | undefined {
  const { filter, requests } = laxest(ledger.compiled.strictest[one.id] as Variant);
  const holds = (candidate: Candidate) => roomOf(ledger, candidate).every((room, dim) => (requests[dim] as number) <= Math.max(0, room));
  return ledger.space.candidates.find((candidate) => admitsLaunch(ledger, filter, candidate) && holds(candidate));
}

/** `isAlone`: the nodes that are there are for what launches leave over, and for pods that save a new node by going there. */
function placeAndImprove(ledger: Ledger, units: readonly Unit[], { isAlone }: { readonly isAlone: boolean }): Left {
  if (isAlone) resetLedger(ledger);
  ledger.areNodesClosed = isAlone;
  const left = new Map(placeAll(ledger, units));
  resizeNodes(ledger);
  improveLaunches(ledger, effortOf(ledger.problem).improvements);
  ledger.areNodesClosed = false;
  if ((vacateNodes(ledger) || isAlone) && isWaiting(left)) placeRest(ledger, units, left);
  keepMinimumNodes(ledger);
  return left;
}

type Outcome = Pick<Found, 'usdPerHour' | 'missesShare'> & { readonly placed: readonly number[] };

function outcome(ledger: Ledger, units: readonly Unit[], left: Left): Outcome {
  return { placed: placedByPriority(units, left), usdPerHour: ledger.limits.all.usdPerHour, missesShare: missesShare(ledger) };
}

function isBetterOutcome(one: Outcome, other: Outcome): boolean {
  return isMore(one.placed, other.placed) || (!isMore(other.placed, one.placed) && isBetter(one, other));
}

/** A way to place all pods from the start; undefined where it leaves one. */
type Strategy = () => Left | undefined;
type Left = ReadonlyMap<number, number>;

/** The cheapest of the ways that place every pod; where none does, the one that leaves the fewest, by priority. */
function placeAll(ledger: Ledger, units: readonly Unit[]): Left {
  const left = placeOnNodes(ledger, units);
  if (!isWaiting(left)) return left;
  // A runtime that has all its nodes is looked at again and again: there is nothing to buy.
  if (!ledger.space.candidates.some((candidate) => brokenLimit(ledger.limits, candidate) === undefined))
    return placeStubborn(ledger, units);
  const isUntouched = ledger.log.length === 0;
  // Where nothing went onto nodes, looking again would find nothing again.
  const onNodes = () => (isUntouched ? new Map(left) : placeOnNodes(ledger, units));
  const launch = (limits?: 'quick' | 'thorough') => () => launchFor(ledger, units, onNodes(), limits);
  const classes = units.flatMap((unit) => unit.classes);
  // Rules may do more with few pods than the relaxation knows, and few plans in vain cost little.
  const tight = ledger.problem.pods.length <= FEW_PODS ? 'loose' : tightness(ledger, classes, left);
  const others: Strategy[] = [];
  // Nodes filled first may leave the awkward part over: the same pods once more, nodes only where launches leave some.
  if (!isUntouched) others.push(() => launchFor(ledger, units, allOf(units)));
  if (ledger.problem.pods.length <= FEW_PODS) others.push(() => placeSimply(ledger, units));
  if (tight === 'hopeless') return (isUntouched ? undefined : cheapest(ledger, others)) ?? placeMost(ledger, units);
  if (tight === 'tight') {
    // Of few kinds of pods another plan costs next to nothing.
    if (classes.length <= FEW_KINDS) others.push(launch());
    // Under a spot share each attempt is slow, and a second seldom better than the first.
    const within = cheapest(ledger, [launch(ledger.limits.shares.size > 0 ? 'quick' : 'thorough'), ...others]);
    return within ?? cheapest(ledger, [launch()]) ?? placeMost(ledger, units);
  }
  const free = cheapest(ledger, [launch(), ...others]);
  if (free !== undefined && !meetsLimit(ledger)) return free;
  const usdPerHour = free === undefined ? Number.POSITIVE_INFINITY : ledger.limits.all.usdPerHour;
  const saved = free && { rest: free, saved: saveLedger(ledger), usdPerHour, missesShare: missesShare(ledger) };
  // What the small nodes that come last take of a limit on nodes is found by trying.
  const isCounted = capRows(ledger).some(({ spare }) => spare > 0);
  const isThorough = isCounted || ledger.problem.pods.length <= FEW_PODS;
  const first = free === undefined && isThorough ? 'thorough' : 'quick';
  const all = cheapest(ledger, [launch(first)], saved);
  if (all !== undefined || first === 'thorough') return all ?? placeMost(ledger, units);
  // Where rules keep the last pods out, looking longer seldom finds a place for each.
  return (hasRules(ledger, units) ? undefined : cheapest(ledger, [launch('thorough')])) ?? placeMost(ledger, units);
}

type Found = { readonly saved: Snapshot; readonly rest: Left; readonly usdPerHour: number; readonly missesShare: boolean };

function cheapest(ledger: Ledger, strategies: readonly Strategy[], known?: Found): Left | undefined {
  let best = known;
  for (const strategy of strategies) {
    resetLedger(ledger);
    const rest = strategy();
    if (rest === undefined) continue;
    const { usdPerHour } = ledger.limits.all;
    if (best === undefined && strategies.length === 1) return rest;
    const found = { usdPerHour, missesShare: missesShare(ledger) };
    if (best === undefined || isBetter(found, best)) best = { ...found, saved: saveLedger(ledger), rest };
  }
  if (best !== undefined) restoreLedger(ledger, best.saved);
  return best?.rest;
}

function isBetter(one: Pick<Found, 'usdPerHour' | 'missesShare'>, other: Pick<Found, 'usdPerHour' | 'missesShare'>): boolean {
  return one.missesShare === other.missesShare ? one.usdPerHour < other.usdPerHour - 1e-9 : other.missesShare;
}

/** Planned for what there is room for, or unit by unit: whichever leaves fewer of the highest priority, then the cheaper. */
function placeMost(ledger: Ledger, units: readonly Unit[]): Left {
  const planned = placeScarce(ledger, units);
  const saved = planned && {
    placed: placedByPriority(units, planned),
    usdPerHour: ledger.limits.all.usdPerHour,
    state: saveLedger(ledger),
  };
  // Above so few pods no order of single units does better than a plan; one attempt where rules make it so.
  const simple = placeStubborn(ledger, units, planned === undefined || ledger.problem.pods.length <= SOME_PODS ? undefined : 1);
  if (planned === undefined || saved === undefined) return simple;
  const placed = placedByPriority(units, simple);
  if (isMore(placed, saved.placed)) return simple;
  if (!isMore(saved.placed, placed) && ledger.limits.all.usdPerHour <= saved.usdPerHour + 1e-9) return simple;
  restoreLedger(ledger, saved.state);
  return planned;
}

const FEW_KINDS = 8;

function usesNodes(ledger: Ledger): boolean {
  return ledger.log.some((node, at) => at % 2 === 1 && node < ledger.problem.nodes.length);
}

function placeSimply(ledger: Ledger, units: readonly Unit[]): ReadonlyMap<number, number> | undefined {
  const left = placeUnits(ledger, units);
  resizeNodes(ledger);
  return isWaiting(left) ? undefined : left;
}

/** Pools with a minimum get empty nodes of their cheapest offering until they have it. */
function keepMinimumNodes(ledger: Ledger): void {
  for (const pool of ledger.problem.pools) {
    const tally = ledger.limits.byPool.get(pool.name);
    for (let missing = (pool.minNodes ?? 0) - (tally?.nodes ?? 0); missing > 0; missing--) {
      const fitting = ledger.space.candidates.filter(
        (candidate) => candidate.shape.pool === pool && brokenLimit(ledger.limits, candidate) === undefined,
      );
      // A zone that had no node yet is one more that pods may have to be spread over.
      const zones = new Set(ledger.nodes.map((node) => node.label(ZONE)));
      const cheapest = fitting.find(({ zone }) => zones.has(zone)) ?? fitting[0];
      if (cheapest === undefined) break;
      openNode(ledger, cheapest);
    }
  }
}
