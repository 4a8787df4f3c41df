import { answer } from './answer.ts';
import { lowerBound } from './bound.ts';
import { type Classified, classify, dimensions } from './classes.ts';
import { effortOf } from './effort.ts';
import { explain } from './explain.ts';
import { fleetOf } from './fleet.ts';
import { launchSpace } from './launch.ts';
import { type Ledger, openLedger, openNode, resetLedger, restoreLedger, type Snapshot, saveLedger } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import { improveLaunches } from './patterns/improve.ts';
import { planLaunches } from './patterns/plan-launches.ts';
import type { PackingPlan, PackingProblem } from './problem.ts';
import { resizeNodes } from './resize.ts';
import { placeStubborn } from './stubborn.ts';
import { allOf, isWaiting, placeInParts, placeOnNodes, placeTogether, placeUnits, type Unit, unitsOf } from './units.ts';

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
  const left = placeAll(ledger, classified, units);
  resizeNodes(ledger);
  improveLaunches(ledger, effortOf(problem).improvements);
  keepMinimumNodes(ledger);
  return answer(ledger, explain(ledger, classified, left), lowerBound(ledger, left));
}

/** A way to place all pods from the start; undefined where it leaves one. */
type Strategy = () => ReadonlyMap<number, number> | undefined;

/** The cheapest of the ways that place every pod; where none does, unit by unit, which decides by priority who goes without. */
function placeAll(ledger: Ledger, classified: Classified, units: readonly Unit[]): ReadonlyMap<number, number> {
  const left = placeOnNodes(ledger, units);
  if (!isWaiting(left)) return left;
  const isUntouched = ledger.log.length === 0;
  // Where nothing went onto nodes, looking again would find nothing again.
  const onNodes = () => (isUntouched ? new Map(left) : placeOnNodes(ledger, units));
  const strategies: Strategy[] = [() => launchFor(ledger, classified, units, onNodes())];
  // What full nodes leave over may be the awkward part: the same pods without those nodes must not be cheaper.
  if (!isUntouched) strategies.push(() => launchFor(ledger, classified, units, allOf(units)));
  if (ledger.problem.pods.length <= FEW_PODS) strategies.push(() => placeSimply(ledger, units));
  let best: { readonly saved: Snapshot; readonly rest: ReadonlyMap<number, number>; readonly usdPerHour: number } | undefined;
  for (const strategy of strategies) {
    resetLedger(ledger);
    const rest = strategy();
    if (rest === undefined) continue;
    const { usdPerHour } = ledger.limits.all;
    if (strategies.length === 1) return rest;
    if (best === undefined || usdPerHour < best.usdPerHour - 1e-9) best = { saved: saveLedger(ledger), rest, usdPerHour };
  }
  if (best === undefined) return placeAnyway(ledger, classified, units);
  restoreLedger(ledger, best.saved);
  return best.rest;
}

// Above this the simple planner is never the cheaper one, and it is slow.
const FEW_PODS = 100;

/**
 * Where no way places every pod: unit by unit. If pods that others keep away are then left though some went onto nodes, new nodes alone may hold them all: a plan that
 * may use nodes places no fewer than one that may not.
 */
function placeAnyway(ledger: Ledger, classified: Classified, units: readonly Unit[]): ReadonlyMap<number, number> {
  const left = placeStubborn(ledger, units);
  const isKeptAway = ledger.compiled.strictest.some(
    (variant) => (left.get(variant.class.id) ?? 0) > 0 && variant.affinities.length + variant.avoids.length + variant.spreads.length > 0,
  );
  if (!isKeptAway || ledger.problem.pods.length > FEW_PODS || !usesNodes(ledger)) return left;
  for (const strategy of launchesAlone(ledger, classified, units)) {
    resetLedger(ledger);
    const alone = strategy();
    if (alone !== undefined) return alone;
  }
  resetLedger(ledger);
  return placeStubborn(ledger, units);
}

function usesNodes(ledger: Ledger): boolean {
  return ledger.log.some((node, at) => at % 2 === 1 && node < ledger.problem.nodes.length);
}

/** As if no node took a pod; what runs there counts as ever. */
function launchesAlone(ledger: Ledger, classified: Classified, units: readonly Unit[]): readonly Strategy[] {
  const ways: Strategy[] = [() => launchFor(ledger, classified, units, allOf(units))];
  if (ledger.problem.pods.length <= FEW_PODS) ways.push(() => placeSimply(ledger, units));
  return ways.map((way) => () => {
    ledger.areNodesClosed = true;
    const left = way();
    ledger.areNodesClosed = false;
    return left;
  });
}

function placeSimply(ledger: Ledger, units: readonly Unit[]): ReadonlyMap<number, number> | undefined {
  const left = placeUnits(ledger, units);
  resizeNodes(ledger);
  return isWaiting(left) ? undefined : left;
}

/** Nodes for all that is left, or undefined where not everything finds a place. */
function launchFor(
  ledger: Ledger,
  classified: Classified,
  units: readonly Unit[],
  left: Map<number, number>,
): ReadonlyMap<number, number> | undefined {
  ledger.phase = 'launch';
  // Patterns do not know that a gang stays in one zone.
  if (!placeTogether(ledger, units, left)) return undefined;
  placeInParts(ledger, units, left);
  const rest = planLaunches(ledger, classified.classes, left, effortOf(ledger.problem));
  return rest === undefined || isWaiting(rest) ? undefined : rest;
}

/** Pools with a minimum get empty nodes of their cheapest offering until they have it. */
function keepMinimumNodes(ledger: Ledger): void {
  for (const pool of ledger.problem.pools) {
    const tally = ledger.limits.byPool.get(pool.name);
    for (let missing = (pool.minNodes ?? 0) - (tally?.nodes ?? 0); missing > 0; missing--) {
      const cheapest = ledger.space.candidates.find(
        (candidate) => candidate.shape.pool === pool && brokenLimit(ledger.limits, candidate) === undefined,
      );
      if (cheapest === undefined) break;
      openNode(ledger, cheapest);
    }
  }
}
