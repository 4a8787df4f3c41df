import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { planPacking } from '../../../src/core/packing/plan.ts';
import { violations } from './checker.ts';
import { randomProblem } from './random-problem.ts';

const RUNS = Number(process.env['PACKING_RUNS'] ?? 2000);

test('random problems: every rule is kept, nothing is lost, the bound holds', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const problem = randomProblem(seed, { pods: 24, types: 6, nodes: 4 });
      assert.deepEqual(violations(problem, planPacking(problem)), []);
    }),
    { seed: 5, numRuns: RUNS, endOnFailure: true },
  );
});
