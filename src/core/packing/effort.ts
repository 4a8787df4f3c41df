import type { Effort } from './patterns/columns.ts';
import type { BoundEffort } from './patterns/pattern-bound.ts';
import type { PackingProblem } from './problem.ts';

/** What `effort` buys; everything is counted in steps so that the same problem gives the same plan on any machine. */
export function effortOf(problem: PackingProblem): Effort {
  const rounds = problem.effort ?? 30;
  return {
    fillSteps: 60,
    patience: 16,
    starts: 8,
    options: 12,
    rounds,
    columnsPerRound: 30,
    attempts: 1,
    zonedAttempts: 2,
    zonedRounds: 8,
    improvements: problem.effort === 0 ? 0 : 300,
    completions: problem.effort === 0 ? 0 : 1500,
  };
}

// Above this the simple planner is never the cheaper one, and it is slow; below it ways in vain cost little.
export const FEW_PODS = 100;
// Above this orders of single units place no more than a plan of all together.
export const SOME_PODS = 400;

export function boundEffort(problem: PackingProblem): BoundEffort {
  return problem.effort === 0 ? { rounds: 0, steps: 0 } : { rounds: 40, steps: 1_000_000 };
}
