import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { planPacking } from '../../../src/core/packing/plan.ts';
import { cheapestSet } from './brute-force.ts';
import { violations } from './checker.ts';
import { amountsOnly, randomProblem, simpler, withRareRules } from './random-problem.ts';

/** A problem is its seed; a failure prints it, and `randomProblem(seed, size)` is the problem again. */
function forSeeds(numRuns: number, check: (seed: number) => void): void {
  fc.assert(fc.property(fc.nat(), check), { seed: 5, numRuns, endOnFailure: true });
}

test('2,000 random problems: every rule is kept, nothing is lost, the bound is below the cost', () => {
  let placed = 0;
  let launched = 0;
  forSeeds(2000, (seed) => {
    const problem = withRareRules(randomProblem(seed, { pods: 24, types: 6, nodes: 4 }), seed);
    const plan = planPacking(problem);
    placed += plan.order.length;
    launched += plan.newNodes.length;
    assert.deepEqual(violations(problem, plan), []);
  });
  assert.ok(placed > 20_000 && launched > 4000, `too little happened: ${placed} pods placed, ${launched} nodes launched`);
});

test('the same problem gives the same plan, whatever was planned before', () => {
  forSeeds(150, (seed) => {
    const size = { pods: 24, types: 6, nodes: 4 };
    const first = planPacking(randomProblem(seed, size));
    planPacking(randomProblem(seed + 1, size));
    assert.deepEqual(planPacking(randomProblem(seed, size)), first);
  });
});

test('what brute force can place, the plan places; and no set of nodes is cheaper than the bound', () => {
  let compared = 0;
  let optimal = 0;
  forSeeds(250, (seed) => {
    const problem = simpler(randomProblem(seed, { pods: 4, types: 2, nodes: 2 }));
    const best = cheapestSet(problem, 3);
    if (best === undefined) return;
    const plan = planPacking(problem);
    assert.deepEqual(plan.unschedulable, []);
    assert.ok(
      plan.lowerBoundUsdPerHour <= best.usdPerHour + 1e-6,
      `bound ${plan.lowerBoundUsdPerHour} above the optimum ${best.usdPerHour}`,
    );
    compared += 1;
    if (plan.usdPerHour <= best.usdPerHour + 1e-6) optimal += 1;
  });
  // The rest is the price of spreading over zones without nodes, which brute force does not pay.
  assert.ok(compared > 100 && optimal >= 0.75 * compared, `${optimal} of ${compared} at the optimum`);
});

test('one more instance type never makes a plan dearer by more than 1 %: 2,000 small problems', () => {
  let compared = 0;
  forSeeds(2000, (seed) => {
    const all = amountsOnly(randomProblem(seed, { pods: 24, types: 6, nodes: 0 }));
    const last = all.types.at(-1)?.name;
    const fewer = planPacking({ ...all, offerings: all.offerings.filter((offering) => offering.instanceType !== last) });
    if (fewer.unschedulable.length > 0) return;
    const more = planPacking(all);
    assert.deepEqual(more.unschedulable, []);
    assert.ok(more.usdPerHour <= fewer.usdPerHour * 1.01 + 1e-9, `${fewer.usdPerHour} became ${more.usdPerHour}`);
    compared += 1;
  });
  assert.ok(compared > 1000, `only ${compared} compared`);
});

test('nodes that are there never make a plan dearer than packing the pods alone', () => {
  forSeeds(300, (seed) => {
    const problem = amountsOnly(randomProblem(seed, { pods: 24, types: 6, nodes: 3 }));
    const alone = planPacking({ ...problem, nodes: [] });
    if (alone.unschedulable.length > 0) return;
    const together = planPacking(problem);
    assert.ok(together.usdPerHour <= alone.usdPerHour + 1e-9, `${alone.usdPerHour} became ${together.usdPerHour}`);
  });
});
