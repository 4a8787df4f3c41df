import type { PodClass } from '../classes.ts';
import type { Variant } from '../compile.ts';
import { type Ledger, mark, rollBack } from '../ledger.ts';
import { placePods } from '../place.ts';
import { resizeNodes } from '../resize.ts';
import type { Effort } from './columns.ts';
import { dive } from './dive.ts';
import { solveFluid } from './fluid.ts';
import { type Item, type Member, patternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { realise } from './realise.ts';

/**
 * Buys nodes for pods that found none: patterns by column generation, then whole nodes, then pods by name; several times with other sizes
 * and zones, of which the cheapest is kept. Answers how many pods of each class are left; undefined where the pods are of too many kinds
 * for patterns.
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
  const whole = patternProblem(ledger, members, 400);
  if (whole === undefined) return undefined;
  // Items that no machine holds are left to the simple planner, which may give up a preference for them.
  const holds = (item: Item) =>
    whole.options.some(
      (option) =>
        item.eligible[option.id] === 1 && item.taken.every((dim) => (item.amounts[dim] as number) <= (option.room[dim] as number)),
    );
  const problem = { ...whole, items: whole.items.filter(holds).map((item, id) => ({ ...item, id })) };
  const others = whole.items.filter((item) => !holds(item)).flatMap((item) => item.members);
  const fluid = solveFluid(problem);
  const start = mark(ledger);
  const before = ledger.limits.all.usdPerHour;
  const dives = new Map<number, readonly Pattern[]>();
  const run = (attempt: Attempt): Map<number, number> => {
    rollBack(ledger, start);
    const patterns = dives.get(attempt.podsPerNode) ?? dive(problem, fluid, effort, attempt.podsPerNode);
    dives.set(attempt.podsPerNode, patterns);
    const rest = new Map(left);
    for (const { variant } of members) rest.set(variant.class.id, 0);
    for (const [id, count] of realise(ledger, problem, patterns, fluid.values, attempt.shuffle)) rest.set(id, count);
    for (const { variant, count } of others) rest.set(variant.class.id, count - placePods(ledger, variant, count, 'nodes and launches'));
    resizeNodes(ledger);
    return rest;
  };
  let best: { readonly attempt: Attempt; readonly left: number; readonly usdPerHour: number } | undefined;
  const attempts = attemptsFor(effort, members);
  if (attempts.length === 1) return run(attempts[0] as Attempt);
  for (const attempt of attempts) {
    const rest = [...run(attempt).values()].reduce((sum, count) => sum + count, 0);
    const { usdPerHour } = ledger.limits.all;
    if (best === undefined || rest < best.left || (rest === best.left && usdPerHour < best.usdPerHour - 1e-9))
      best = { attempt, left: rest, usdPerHour };
    if (best.left === 0 && best.usdPerHour - before <= fluid.usdPerHour * CLOSE_ENOUGH) break;
  }
  return run((best as { readonly attempt: Attempt }).attempt);
}

const CLOSE_ENOUGH = 1.002;

/** How many pods a node should have room for, and a number that varies which zones nodes go to (0: as planned). */
type Attempt = { readonly podsPerNode: number; readonly shuffle: number };

const SIZES = [16, 8, 24, 12] as const;

/** The fewer the pods, the more attempts: each costs its pods, and a plan of few nodes leaves the most to gain. */
function attemptsFor(effort: Effort, members: readonly Member[]): readonly Attempt[] {
  const pods = members.reduce((sum, member) => sum + member.count, 0);
  const count = Math.max(1, Math.min(effort.attempts, Math.floor(effort.attempts * (100 / pods) ** 2)));
  return Array.from({ length: count }, (_, index) => ({
    podsPerNode: SIZES[index % SIZES.length] as number,
    shuffle: Math.floor(index / SIZES.length),
  }));
}
