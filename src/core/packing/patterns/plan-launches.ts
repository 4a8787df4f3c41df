import type { PodClass } from '../classes.ts';
import type { Variant } from '../compile.ts';
import { type Ledger, mark, restoreLedger, rollBack, type Snapshot, saveLedger } from '../ledger.ts';
import { placePods } from '../place.ts';
import { dropEmptyNodes, resizeNodes } from '../resize.ts';
import { missesShare } from '../share.ts';
import { type Attempt, attemptsFor, choicesOf, doWithout, FIRST, RESERVES, SPARES } from './attempts.ts';
import type { Effort } from './columns.ts';
import { completeNodes } from './complete.ts';
import { dive } from './dive.ts';
import { type Fluid, solveFluid } from './fluid.ts';
import { holdsItem, type Item, type Member, NO_USES, type PatternProblem, patternProblem, type Scope } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { realise } from './realise.ts';
import { splitByZone, zoneNeeds, zonesDiffer } from './zones.ts';

type Left = ReadonlyMap<number, number>;
type Best = {
  readonly saved: Snapshot;
  readonly rest: Left;
  /** Pods without a place: those that must have one, then all. */
  readonly missed: readonly [number, number];
  readonly missesShare: boolean;
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
// Where pods are left out each kind may be two rows, and the LP has less to tell kinds apart by.
const SCARCE_ROUNDS = 12;
const PROBE_ROUNDS = 3;
// A plan so near its bound is not worth another attempt.
const CLOSE_ENOUGH = 1.002;

/** How nodes are bought. */
export type Buying = Scope & {
  /** Pods of these classes may be left out where limits do not allow all of them; none where absent. */
  readonly mayLeave?: (one: PodClass) => boolean;
  /** A pool with less weight comes after this one: pods are left to it. */
  readonly leavesRest?: boolean;
  /** One attempt only. */
  readonly quick?: boolean;
  /** Asked whether the pods fit at all: the search for their price is kept short. */
  readonly isProbe?: boolean;
};

/**
 * Buys nodes for pods that found none: patterns by column generation, then whole nodes, then pods by name; several times with other sizes
 * and zones, of which the cheapest is kept. Answers how many pods of each class are left; undefined where the pods are of too many kinds
 * for patterns.
 */
export function planLaunches(ledger: Ledger, classes: readonly PodClass[], left: Left, effort: Effort, buying: Buying): Left | undefined {
  const waiting = classes.filter((one) => (left.get(one.id) as number) > 0);
  const mayLeave = buying.mayLeave ?? (() => false);
  const members: Member[] = waiting.map((one) => ({
    variant: ledger.compiled.strictest[one.id] as Variant,
    count: left.get(one.id) as number,
    ...(mayLeave(one) ? { optional: true } : {}),
  }));
  const pods = members.reduce((sum, member) => sum + member.count, 0);
  const free = prepare(ledger, members, buying);
  if (free === undefined || isHopeless(free.problem)) return undefined;
  const start = mark(ledger);
  const spent = ledger.limits.all.usdPerHour;
  const run = attemptRunner(ledger, members, left, free, effort, buying);
  const zonesMatter = zonesDiffer(ledger.space);
  let best: Best | undefined;
  const isClose = () =>
    best !== undefined && best.missed[1] === 0 && !best.missesShare && best.usdPerHour <= free.fluid.usdPerHour * CLOSE_ENOUGH;
  const consider = (attempt: Attempt, nodes?: readonly Pattern[]): boolean => {
    rollBack(ledger, start);
    const { rest, types } = run(attempt, nodes);
    const missing = (some: readonly PodClass[]) => some.reduce((sum, one) => sum + (rest.get(one.id) as number), 0);
    const missed = [missing(waiting.filter((one) => !mayLeave(one))), missing(waiting)] as const;
    const usdPerHour = ledger.limits.all.usdPerHour - spent;
    const found = { missed, missesShare: missesShare(ledger), usdPerHour };
    const better = best === undefined || isBetter(found, best);
    if (better) best = { ...found, saved: saveLedger(ledger), rest, types };
    return better;
  };
  const attempts = attemptsFor(effort, pods, free.problem, zonesMatter);
  // The search for whole nodes knows no share, and no pods that may be left out.
  const hasShare = free.problem.limits.some(({ excessUsd }) => excessUsd !== undefined);
  for (const attempt of attempts) {
    consider(attempt);
    // Where no node may be bought for any of them all attempts are the same.
    if (isClose() || buying.quick || free.problem.items.length === 0) break;
  }
  const isFar = () => best !== undefined && (best.missed[1] > 0 || best.usdPerHour > free.fluid.usdPerHour * FAR);
  if (!buying.quick && free.problem.items.length > 0 && pods <= MOST_ON_LARGE && isFar() && !(hasShare && attempts[0]?.zoned))
    consider({ ...FIRST, podsPerNode: LARGER });
  // Whole nodes may leave no room for the last pods: then patterns are made for a bit less than the limits allow.
  const lacks = () => best !== undefined && best.missed[0] > 0 && free.problem.limits.some(({ excessUsd }) => excessUsd === undefined);
  for (const reserve of buying.quick ? RESERVES.slice(1, 2) : RESERVES) {
    // Where a bit less does not help, it is rules that keep pods out.
    if (!lacks() || (!consider({ ...FIRST, reserve }) && pods > MOST_COMPLETED)) break;
  }
  const placesAll = () => best !== undefined && best.missed[1] === 0;
  if (free.problem.limits.some((limit) => limit.spare > 0) && placesAll() && !buying.quick)
    for (const spare of SPARES) if (!isClose()) consider({ ...FIRST, spare });
  const enough = () => isClose() || buying.quick === true || free.problem.items.length === 0;
  if (!enough() && !hasShare && buying.mayLeave === undefined && pods <= MOST_COMPLETED && best !== undefined) {
    const { missed, usdPerHour } = best;
    const nodes = completeNodes(free.problem, free.fluid, missed[1] === 0 ? usdPerHour : Number.POSITIVE_INFINITY, {
      steps: effort.completions,
      fillings: 120,
    });
    if (nodes !== undefined) consider(FIRST, nodes);
  }
  doWithout(
    free.problem,
    pods,
    () => ({ types: best?.types ?? [], leavesPods: (best?.missed[0] ?? 0) > 0 }),
    (without) => !enough() && consider({ ...FIRST, without }),
  );
  const { saved, rest } = best as unknown as Best;
  restoreLedger(ledger, saved);
  return rest;
}

type Judged = Pick<Best, 'missed' | 'missesShare' | 'usdPerHour'>;

function isBetter(one: Judged, other: Judged): boolean {
  const at = one.missed[0] === other.missed[0] ? 1 : 0;
  if (one.missed[at] !== other.missed[at]) return one.missed[at] < other.missed[at];
  if (one.missesShare !== other.missesShare) return other.missesShare;
  return one.usdPerHour < other.usdPerHour - 1e-9;
}

/** Those that rules left without a pod included: others may do in their place. */
function typesOpened(ledger: Ledger, from: number): readonly string[] {
  return [...new Set(ledger.nodes.slice(from).flatMap((node) => (node.candidate === undefined ? [] : [node.candidate.shape.type.name])))];
}

function attemptRunner(
  ledger: Ledger,
  members: readonly Member[],
  left: Left,
  free: Prepared,
  effort: Effort,
  buying: Buying,
): (attempt: Attempt, nodes?: readonly Pattern[]) => { readonly rest: Left; readonly types: readonly string[] } {
  const dives = new Map<string, readonly Pattern[]>();
  return (attempt, nodes) => {
    const start = mark(ledger);
    const { problem, others, fluid } = attempt.zoned ? (decided(ledger, members, free, attempt.shuffle, buying) ?? free) : free;
    const key = attempt.zoned ? '' : `${attempt.podsPerNode} ${attempt.reserve} ${attempt.spare} ${attempt.without.join()}`;
    const usual =
      buying.quick || buying.mayLeave !== undefined
        ? { ...effort, rounds: Math.min(effort.rounds, buying.isProbe ? PROBE_ROUNDS : SCARCE_ROUNDS) }
        : effort;
    const spent =
      attempt.zoned && !(attempt.shuffle === 0 && zonesDiffer(ledger.space)) ? { ...usual, rounds: usual.zonedRounds, patience: 1 } : usual;
    const patterns =
      nodes ?? dives.get(key) ?? dive(reserving(problem, attempt), fluid, spent, attempt.podsPerNode, choicesOf(problem, attempt.without));
    if (key !== '' && nodes === undefined) dives.set(key, patterns);
    const rest = new Map(left);
    for (const { variant } of members) rest.set(variant.class.id, 0);
    for (const [id, count] of realise(ledger, problem, patterns, fluid, attempt.shuffle, !buying.leavesRest)) rest.set(id, count);
    for (const { variant, count } of others) {
      const missed = count - placePods(ledger, variant, count, buying.leavesRest ? 'nodes' : 'nodes and launches');
      rest.set(variant.class.id, (rest.get(variant.class.id) ?? 0) + missed);
    }
    resizeNodes(ledger);
    const types = typesOpened(ledger, start.nodes);
    if (dropEmptyNodes(ledger, start)) {
      // What they would have cost may be what others lacked.
      for (const { variant } of members) {
        const missed = rest.get(variant.class.id) as number;
        if (missed > 0)
          rest.set(variant.class.id, missed - placePods(ledger, variant, missed, buying.leavesRest ? 'nodes' : 'nodes and launches'));
      }
    }
    return { rest, types };
  };
}

function reserving(problem: PatternProblem, { reserve, spare }: Attempt): PatternProblem {
  // Where pods are left out anyway there is no last one that needs a node of the right size.
  const kept = problem.items.some(({ optional }) => optional) ? 0 : spare;
  const limits = problem.limits.map((limit) => ({
    ...limit,
    left: limit.excessUsd === undefined ? limit.left * (1 - reserve) : limit.left,
    spare: limit.spare > 0 ? kept : 0,
  }));
  return { ...problem, limits };
}

type Prepared = { readonly problem: PatternProblem; readonly others: readonly Member[]; readonly fluid: Fluid };

/** Items that no machine holds are left to the simple planner, which may give up a preference for them. */
function prepare(ledger: Ledger, members: readonly Member[], scope: Scope): Prepared | undefined {
  const whole = patternProblem(ledger, members, MOST_KINDS, scope);
  if (whole === undefined) return undefined;
  const holds = (item: Item) => whole.options.some((option) => holdsItem(option, item));
  const problem = { ...whole, items: whole.items.filter(holds).map((item, id) => ({ ...item, id })) };
  const others = whole.items.filter((item) => !holds(item)).flatMap((item) => item.members);
  return { problem, others, fluid: fluidFor(problem) };
}

/** The resource relaxation knows of no pods that may be left out: with those, what all of them are worth without limits. */
function fluidFor(problem: PatternProblem): Fluid {
  if (!problem.items.some(({ optional }) => optional)) return solveFluid(problem);
  const unlimited = { ...problem, limits: [], options: problem.options.map((option) => ({ ...option, uses: NO_USES })) };
  return { ...solveFluid(unlimited), prices: new Float64Array(problem.limits.length) };
}

/** Do limits leave no room for the pods that must have a place, even in parts of nodes? Then no attempt will find any. */
function isHopeless(problem: PatternProblem): boolean {
  if (!problem.limits.some(({ excessUsd }) => excessUsd === undefined)) return false;
  const must = problem.items.filter(({ optional }) => !optional).map((item, id) => ({ ...item, id }));
  return must.length > 0 && solveFluid({ ...problem, items: must }).isShort;
}

/** The same with the zones of pods that have rules about zones decided beforehand: patterns then keep them, at the price of more rows. */
function decided(
  ledger: Ledger,
  members: readonly Member[],
  { problem, fluid, others }: Prepared,
  shuffle: number,
  scope: Scope,
): Prepared | undefined {
  if (others.length > 0) return undefined;
  const plan = zoneNeeds(ledger, problem, fluid, shuffle);
  const split = prepare(ledger, splitByZone(members, plan, shuffle), scope);
  return split === undefined || split.others.length > 0 ? undefined : split;
}
