import { answer } from './answer.ts';
import { classify, dimensions } from './classes.ts';
import { explain } from './explain.ts';
import { launchSpace } from './launch.ts';
import { type Ledger, openLedger, openNode } from './ledger.ts';
import { brokenLimit } from './limits.ts';
import type { PackingPlan, PackingProblem } from './problem.ts';
import { resizeNodes } from './resize.ts';
import { placeUnits, unitsOf } from './units.ts';

/**
 * Decides where pending pods go and which nodes to launch for them, at the least price per hour that it finds, with a proven lower
 * bound. Pure and deterministic; effort is counted in steps, never in time. Malformed input is reported in the plan, never thrown.
 */
export function planPacking(problem: PackingProblem): PackingPlan {
  const classified = classify(problem);
  const dims = dimensions(classified.classes);
  const space = launchSpace(problem, classified.filters.filters);
  const ledger = openLedger(problem, classified, dims, space);
  const left = placeUnits(ledger, unitsOf(ledger, classified.classes));
  resizeNodes(ledger);
  keepMinimumNodes(ledger);
  return answer(ledger, explain(ledger, classified, left), 0);
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
