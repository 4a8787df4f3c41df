import type { PodClass } from '../classes.ts';
import type { Variant } from '../compile.ts';
import { type Ledger, mark, restoreLedger, rollBack, type Snapshot, saveLedger } from '../ledger.ts';
import { placePods } from '../place.ts';
import { resizeNodes } from '../resize.ts';
import { type Attempt, attemptsFor, choicesOf, doWithout, FIRST, holdsItem } from './attempts.ts';
import type { Effort } from './columns.ts';
import { completeNodes } from './complete.ts';
import { dive } from './dive.ts';
import { type Fluid, solveFluid } from './fluid.ts';
import { type Item, type Member, type PatternProblem, patternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { realise } from './realise.ts';
import { splitByZone, zoneNeeds, zonesDiffer } from './zones.ts';

type Left = ReadonlyMap<number, number>;
type Best = {
  readonly saved: Snapshot;
  readonly rest: Left;
  readonly missed: number;
  readonly usdPerHour: number;
  readonly types: readonly string[];
};

// More rows make each round of the pattern LP slow.
const MOST_KINDS = 200;
// Above so many pods the search seldom ends in its steps.
const MOST_COMPLETED = 60;
// What small machines leave over may be little on larger ones; with more pods than these the first attempt is near enough.
const LARGER = 64;
const MOST_ON_LARGE = 3000;
const FAR = 1.005;
// A plan so near its bound is not worth another attempt.
const CLOSE_ENOUGH = 1.002;

/**
 * Buys nodes for pods that found none: patterns by column generation, then whole nodes, then pods by name; several times with other sizes
 * and zones, of which the cheapest is kept. Answers how many pods of each class are left; undefined where the pods are of too many kinds
 * for patterns.
 */
export function planLaunches(ledger: Ledger, classes: readonly PodClass[], left: Left, effort: Effort): Left | undefined {
  const waiting = classes.filter((one) => (left.get(one.id) as number) > 0);
  const members: Member[] = waiting.map((one) => ({
    variant: ledger.compiled.strictest[one.id] as Variant,
    count: left.get(one.id) as number,
  }));
  const pods = members.reduce((sum, member) => sum + member.count, 0);
  const free = prepare(ledger, members);
  if (free === undefined) return undefined;
  const start = mark(ledger);
  const spent = ledger.limits.all.usdPerHour;
  const run = attemptRunner(ledger, members, left, free, effort);
  const zonesMatter = zonesDiffer(ledger.space);
  let best: Best | undefined;
  const isClose = () => best !== undefined && best.missed === 0 && best.usdPerHour <= free.fluid.usdPerHour * CLOSE_ENOUGH;
  const consider = (attempt: Attempt, nodes?: readonly Pattern[]): boolean => {
    rollBack(ledger, start);
    const rest = run(attempt, nodes);
    const missed = [...rest.values()].reduce((sum, count) => sum + count, 0);
    const usdPerHour = ledger.limits.all.usdPerHour - spent;
    const better = best === undefined || missed < best.missed || (missed === best.missed && usdPerHour < best.usdPerHour - 1e-9);
    if (better) best = { saved: saveLedger(ledger), rest, missed, usdPerHour, types: typesOpened(ledger, start.nodes) };
    return better;
  };
  for (const attempt of attemptsFor(effort, pods, free.problem, zonesMatter)) {
    consider(attempt);
    if (isClose()) break;
  }
  if (pods <= MOST_ON_LARGE && best !== undefined && best.usdPerHour > free.fluid.usdPerHour * FAR)
    consider({ ...FIRST, podsPerNode: LARGER });
  if (!isClose() && pods <= MOST_COMPLETED && best !== undefined) {
    const { missed, usdPerHour } = best;
    const nodes = completeNodes(free.problem, free.fluid, missed === 0 ? usdPerHour : Number.POSITIVE_INFINITY, {
      steps: effort.completions,
      fillings: 120,
    });
    if (nodes !== undefined) consider(FIRST, nodes);
  }
  doWithout(
    free.problem,
    pods,
    () => best?.types ?? [],
    (without) => !isClose() && consider({ ...FIRST, without }),
  );
  const { saved, rest } = best as unknown as Best;
  restoreLedger(ledger, saved);
  return rest;
}

function typesOpened(ledger: Ledger, from: number): readonly string[] {
  return [...new Set(ledger.nodes.slice(from).flatMap((node) => (node.candidate === undefined ? [] : [node.candidate.shape.type.name])))];
}

function attemptRunner(
  ledger: Ledger,
  members: readonly Member[],
  left: Left,
  free: Prepared,
  effort: Effort,
): (attempt: Attempt, nodes?: readonly Pattern[]) => Left {
  const dives = new Map<string, readonly Pattern[]>();
  return (attempt, nodes) => {
    const { problem, others, fluid } = attempt.zoned ? (decided(ledger, members, free, attempt.shuffle) ?? free) : free;
    const key = attempt.zoned ? '' : `${attempt.podsPerNode} ${attempt.without.join()}`;
    const spent =
      attempt.zoned && !(attempt.shuffle === 0 && zonesDiffer(ledger.space))
        ? { ...effort, rounds: effort.zonedRounds, patience: 1 }
        : effort;
    const patterns = nodes ?? dives.get(key) ?? dive(problem, fluid, spent, attempt.podsPerNode, choicesOf(problem, attempt.without));
    if (key !== '' && nodes === undefined) dives.set(key, patterns);
    const rest = new Map(left);
    for (const { variant } of members) rest.set(variant.class.id, 0);
    for (const [id, count] of realise(ledger, problem, patterns, fluid, attempt.shuffle)) rest.set(id, count);
    for (const { variant, count } of others) {
      const missed = count - placePods(ledger, variant, count, 'nodes and launches');
      rest.set(variant.class.id, (rest.get(variant.class.id) ?? 0) + missed);
    }
    resizeNodes(ledger);
    return rest;
  };
}

type Prepared = { readonly problem: PatternProblem; readonly others: readonly Member[]; readonly fluid: Fluid };

/** Items that no machine holds are left to the simple planner, which may give up a preference for them. */
function prepare(ledger: Ledger, members: readonly Member[]): Prepared | undefined {
  const whole = patternProblem(ledger, members, MOST_KINDS);
  if (whole === undefined) return undefined;
  const holds = (item: Item) => whole.options.some((option) => holdsItem(option, item));
  const problem = { ...whole, items: whole.items.filter(holds).map((item, id) => ({ ...item, id })) };
  const others = whole.items.filter((item) => !holds(item)).flatMap((item) => item.members);
  return { problem, others, fluid: solveFluid(problem) };
}

/** The same with the zones of pods that have rules about zones decided beforehand: patterns then keep them, at the price of more rows. */
function decided(ledger: Ledger, members: readonly Member[], { problem, fluid, others }: Prepared, shuffle: number): Prepared | undefined {
  if (others.length > 0) return undefined;
  const plan = zoneNeeds(ledger, problem, fluid, shuffle);
  const split = prepare(ledger, splitByZone(members, plan, shuffle));
  return split === undefined || split.others.length > 0 ? undefined : split;
}
