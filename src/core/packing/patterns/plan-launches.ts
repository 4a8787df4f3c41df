import type { PodClass } from '../classes.ts';
import type { Variant } from '../compile.ts';
import { type Ledger, mark, restoreLedger, rollBack, type Snapshot, saveLedger } from '../ledger.ts';
import { placePods } from '../place.ts';
import { resizeNodes } from '../resize.ts';
import type { Effort } from './columns.ts';
import { dive } from './dive.ts';
import { type Fluid, solveFluid } from './fluid.ts';
import { type Item, type Member, type PatternProblem, patternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { realise } from './realise.ts';
import { hasZoneRules, splitByZone, zoneNeeds } from './zones.ts';

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
  const free = prepare(ledger, members);
  if (free === undefined) return undefined;
  const start = mark(ledger);
  const spent = ledger.limits.all.usdPerHour;
  const dives = new Map<number, readonly Pattern[]>();
  const run = (attempt: Attempt): Map<number, number> => {
    rollBack(ledger, start);
    const { problem, others, fluid } = attempt.zoned ? (decided(ledger, members, free, attempt.shuffle) ?? free) : free;
    const patterns =
      (attempt.zoned ? undefined : dives.get(attempt.podsPerNode)) ??
      dive(problem, fluid, attempt.zoned ? { ...effort, rounds: effort.zonedRounds, patience: 1 } : effort, attempt.podsPerNode);
    if (!attempt.zoned) dives.set(attempt.podsPerNode, patterns);
    const rest = new Map(left);
    for (const { variant } of members) rest.set(variant.class.id, 0);
    for (const [id, count] of realise(ledger, problem, patterns, fluid.values, attempt.shuffle)) rest.set(id, count);
    for (const { variant, count } of others) {
      const missed = count - placePods(ledger, variant, count, 'nodes and launches');
      rest.set(variant.class.id, (rest.get(variant.class.id) ?? 0) + missed);
    }
    resizeNodes(ledger);
    return rest;
  };
  const attempts = attemptsFor(effort, members, free);
  if (attempts.length === 1) return run(attempts[0] as Attempt);
  let best:
    | { readonly saved: Snapshot; readonly rest: Map<number, number>; readonly left: number; readonly usdPerHour: number }
    | undefined;
  for (const attempt of attempts) {
    const rest = run(attempt);
    const missed = [...rest.values()].reduce((sum, count) => sum + count, 0);
    const usdPerHour = ledger.limits.all.usdPerHour - spent;
    if (best === undefined || missed < best.left || (missed === best.left && usdPerHour < best.usdPerHour - 1e-9)) {
      best = { saved: saveLedger(ledger), rest, left: missed, usdPerHour };
    }
    if (best.left === 0 && best.usdPerHour <= free.fluid.usdPerHour * CLOSE_ENOUGH) break;
  }
  if (best === undefined) return undefined;
  restoreLedger(ledger, best.saved);
  return best.rest;
}

const CLOSE_ENOUGH = 1.002;

type Prepared = { readonly problem: PatternProblem; readonly others: readonly Member[]; readonly fluid: Fluid };

/** Items that no machine holds are left to the simple planner, which may give up a preference for them. */
function prepare(ledger: Ledger, members: readonly Member[]): Prepared | undefined {
  const whole = patternProblem(ledger, members, 400);
  if (whole === undefined) return undefined;
  const holds = (item: Item) =>
    whole.options.some(
      (option) =>
        item.eligible[option.id] === 1 && item.taken.every((dim) => (item.amounts[dim] as number) <= (option.room[dim] as number)),
    );
  const problem = { ...whole, items: whole.items.filter(holds).map((item, id) => ({ ...item, id })) };
  const others = whole.items.filter((item) => !holds(item)).flatMap((item) => item.members);
  return { problem, others, fluid: solveFluid(problem) };
}

/** The same with the zones of pods that have rules about zones decided beforehand: patterns then keep them, at the price of more rows. */
function decided(ledger: Ledger, members: readonly Member[], { problem, fluid, others }: Prepared, shuffle: number): Prepared | undefined {
  if (others.length > 0) return undefined;
  const plan = zoneNeeds(ledger, problem, fluid.values, shuffle);
  const split = prepare(ledger, splitByZone(members, plan, shuffle));
  return split === undefined || split.others.length > 0 ? undefined : split;
}

/** How many pods a node should have room for; a number that varies which zones are chosen (0: as planned); whether that comes first. */
type Attempt = { readonly podsPerNode: number; readonly shuffle: number; readonly zoned: boolean };

const SIZES = [16, 8, 24, 12] as const;

/** The fewer the pods, the more attempts: each costs its pods, and a plan of few nodes leaves the most to gain. */
function attemptsFor(effort: Effort, members: readonly Member[], { problem }: Prepared): readonly Attempt[] {
  const pods = members.reduce((sum, member) => sum + member.count, 0);
  const share = (100 / pods) ** 2;
  const zones = problem.items.some((item) => item.members.some(({ variant }) => hasZoneRules(variant)));
  const tried = (most: number, zoned: boolean): readonly Attempt[] =>
    Array.from({ length: Math.min(most, Math.floor(most * share)) }, (_, index) => ({
      podsPerNode: SIZES[index % SIZES.length] as number,
      shuffle: Math.floor(index / SIZES.length),
      zoned,
    }));
  const first: Attempt = { podsPerNode: SIZES[0], shuffle: 0, zoned: false };
  return [first, ...tried(effort.attempts, false).slice(1), ...(zones ? tried(effort.zonedAttempts, true) : [])];
}
