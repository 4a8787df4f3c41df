import { answer } from './answer.ts';
import { lowerBound } from './bound.ts';
import { type Classified, classify, dimensions } from './classes.ts';
import { effortOf } from './effort.ts';
import { explain } from './explain.ts';
import { launchSpace } from './launch.ts';
import { type Ledger, openLedger, openNode } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import { planLaunches } from './patterns/plan-launches.ts';
import type { PackingPlan, PackingProblem } from './problem.ts';
import { resizeNodes } from './resize.ts';
import { placeStubborn } from './stubborn.ts';
import { isWaiting, placeOnNodes, placeTogether, type Unit, unitsOf } from './units.ts';

/**
 * Decides where pending pods go and which nodes to launch for them, at the least price per hour that it finds, with a proven lower
 * bound. Pure and deterministic; effort is counted in steps, never in time. Malformed input is reported in the plan, never thrown.
 */
export function planPacking(problem: PackingProblem): PackingPlan {
  const classified = classify(problem);
  const dims = dimensions(classified.classes);
  const space = launchSpace(problem, classified.filters.filters);
  const ledger = openLedger(problem, classified, dims, space);
  const units = unitsOf(ledger, classified.classes);
  const left = placeAll(ledger, classified, units);
  resizeNodes(ledger);
  keepMinimumNodes(ledger);
  return answer(ledger, explain(ledger, classified, left), lowerBound(ledger, left));
}

/** Patterns where they place everything; else unit by unit, which decides by priority who goes without. */
function placeAll(ledger: Ledger, classified: Classified, units: readonly Unit[]): ReadonlyMap<number, number> {
  const left = placeOnNodes(ledger, units);
  if (!isWaiting(left)) return left;
  ledger.phase = 'launch';
  // Patterns do not know that a gang stays in one zone.
  const together = placeTogether(ledger, units, left);
  const rest = together ? planLaunches(ledger, classified.classes, left, effortOf(ledger.problem)) : undefined;
  if (rest !== undefined && !isWaiting(rest)) return rest;
  return placeStubborn(ledger, units);
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
