import type { PodClass } from '../classes.ts';
import type { Variant } from '../compile.ts';
import type { Ledger } from '../ledger.ts';
import { placePods } from '../place.ts';
import type { Effort } from './columns.ts';
import { dive } from './dive.ts';
import { solveFluid } from './fluid.ts';
import { type Member, patternProblem } from './items.ts';
import { realise } from './realise.ts';

/**
 * Buys nodes for pods that found none: patterns by column generation, then whole nodes, then pods by name. Answers how many pods of each
 * class are left; undefined where the pods are of too many kinds for patterns.
 */
export function planLaunches(
  ledger: Ledger,
  classes: readonly PodClass[],
  left: ReadonlyMap<number, number>,
  effort: Effort,
): Map<number, number> | undefined {
  const waiting = classes.filter((one) => (left.get(one.id) as number) > 0);
  const members: Member[] = waiting.map((one) => ({
    variant: ledger.compiled.strictest[one.id] as Variant,
    count: left.get(one.id) as number,
  }));
  const problem = patternProblem(ledger, members, 400);
  if (problem === undefined) return undefined;
  // Items that no machine holds are left to the simple planner, which may give up a preference for them.
  const placeable = problem.items.filter((item) =>
    problem.options.some(
      (option) =>
        item.eligible[option.id] === 1 && item.taken.every((dim) => (item.amounts[dim] as number) <= (option.room[dim] as number)),
    ),
  );
  const narrowed = { ...problem, items: placeable.map((item, id) => ({ ...item, id })) };
  const rest = new Map(left);
  if (narrowed.items.length > 0) {
    const fluid = solveFluid(narrowed);
    for (const { variant } of narrowed.items.flatMap((item) => item.members)) rest.set(variant.class.id, 0);
    for (const [id, count] of realise(ledger, narrowed, dive(narrowed, fluid, effort), fluid.values)) rest.set(id, count);
  }
  for (const item of problem.items) {
    if (placeable.includes(item)) continue;
    for (const { variant, count } of item.members)
      rest.set(variant.class.id, count - placePods(ledger, variant, count, 'nodes and launches'));
  }
  return rest;
}
