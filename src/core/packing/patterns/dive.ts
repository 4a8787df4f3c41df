import { columnOf, cut, type Effort, type Master, solveMaster } from './columns.ts';
import { type Fluid, pricedAt, solveFluid } from './fluid.ts';
import { holdsItem, type Item, NO_USES, type Option, type PatternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { isAffordable } from './limit-rows.ts';
import { reducedCost } from './simplex.ts';

/** Whole nodes for all items: solve the pattern LP, buy the whole parts of its answer, solve again for the rest, and so on down. */
export function dive(
  problem: PatternProblem,
  fluid: Fluid,
  effort: Effort,
  podsPerNode: number,
  choices = problem.options,
): readonly Pattern[] {
  const { limits } = problem;
  const left = Int32Array.from(problem.items, (item) => item.count);
  const room = Float64Array.from(limits, (limit) => limit.left);
  const bought: Pattern[] = [];
  let known: readonly Pattern[] = [];
  const efficient = Float64Array.from(problem.items, (item) => efficientPrice(choices, item));
  let worth = fluid.usdPerHour;
  const buy = (pattern: Pattern, whole: boolean): boolean => {
    const part = cut(pattern, left);
    if (part === undefined || (whole && part !== pattern) || !isAffordable(part.option.uses, room, limits)) return false;
    for (const [at, item] of part.items.entries()) left[item] = (left[item] as number) - (part.counts[at] as number);
    for (const [limit, uses] of part.option.uses.entries()) room[limit] = (room[limit] as number) - uses;
    bought.push(part);
    return true;
  };
  for (let round = 0; left.some((count) => count > 0); round++) {
    const most = round === 0 ? podsPerNode : Math.min(podsPerNode, USUAL);
    const options = sizesFor(problem, choices, left, room, worth, most, efficient);
    if (options.length === 0) break;
    const spent = round === 0 ? effort : { ...effort, rounds: Math.min(effort.rounds, 4), patience: 1 };
    if (round === 0 && limits.length > 0) known = patternsAt(problem, options, left, fluid, spent);
    const spare = room.map((amount, at) => amount * (1 - (limits[at]?.spare ?? 0)));
    const careful = solveMaster(problem, options, left, spare, fluid, known, spent);
    const master =
      limits.some((limit) => limit.spare > 0) && leavesOut(careful)
        ? solveMaster(problem, options, left, room, fluid, known, spent)
        : careful;
    const shares = sharesOf(master);
    known = cheap(master);
    const before = bought.length;
    let rest = 0;
    for (const [pattern, share] of shares) {
      for (let whole = Math.floor(share + 1e-6); whole > 0 && buy(pattern, true); whole--) rest -= pattern.option.usdPerHour;
      rest += share * pattern.option.usdPerHour;
    }
    worth = Math.max(0, rest);
    // Then the largest part, and whatever else is nearly whole and still fits without a cut.
    const parts = shares
      .map(([pattern, share]) => ({ pattern, part: share - Math.floor(share + 1e-6) }))
      .sort((one, other) => other.part - one.part);
    // What large machines leave over goes onto smaller ones.
    const waits = podsPerNode > USUAL && shares.some(([, share]) => share >= 1);
    for (const [rank, { pattern, part }] of parts.entries()) {
      if ((rank > 0 || waits) && part < 0.8) break;
      if (buy(pattern, rank > 0)) worth = Math.max(0, worth - part * pattern.option.usdPerHour);
    }
    // Only limits can forbid to buy anything, or make it worth nothing: then the rest is left.
    if (bought.length === before && !parts.some(({ pattern }) => buy(pattern, false))) break;
  }
  return bought;
}

/** Patterns that are good where the limits have the prices of the resource relaxation: with them the LP under limits has few left to find. */
function patternsAt(
  problem: PatternProblem,
  options: readonly Option[],
  left: Int32Array,
  fluid: Fluid,
  effort: Effort,
): readonly Pattern[] {
  const priced = options.map((option) => ({ ...option, usdPerHour: pricedAt(option, fluid.prices), uses: NO_USES }));
  const sold = priced.filter((option) => option.usdPerHour > 0);
  const held = left.map((count, id) => (sold.some((option) => holdsItem(option, problem.items[id] as Item)) ? count : 0));
  const { patterns } = solveMaster({ ...problem, limits: [] }, sold, held, NOTHING, fluid, [], effort);
  return patterns.flatMap((pattern) =>
    pattern === undefined ? [] : [{ ...pattern, option: problem.options[pattern.option.id] as Option }],
  );
}

function leavesOut({ simplex: { basis, x }, active }: Master): boolean {
  return basis.some((column, position) => column >= 0 && column < active.length && (x[position] as number) > 1e-6);
}

const NOTHING = new Float64Array(0);

/** The patterns that the LP's prices make nearly worth their nodes: the rest will hardly be bought later. */
function cheap({ patterns, rowOf, simplex, active }: Master): readonly Pattern[] {
  const loss = (pattern: Pattern) => reducedCost(simplex, columnOf(pattern, rowOf, active.length)) / pattern.option.usdPerHour;
  return patterns
    .flatMap((pattern) => (pattern === undefined ? [] : [{ pattern, loss: loss(pattern) }]))
    .sort((left, right) => left.loss - right.loss)
    .slice(0, KEPT_PATTERNS)
    .map(({ pattern }) => pattern);
}

const KEPT_PATTERNS = 300;

function sharesOf({ simplex: { basis, x }, patterns }: Master): readonly (readonly [Pattern, number])[] {
  return [...basis.entries()].flatMap(([position, column]) => {
    const pattern = patterns[column];
    return pattern !== undefined && (x[position] as number) > 1e-7 ? [[pattern, x[position] as number] as const] : [];
  });
}

/**
 * Machines small enough that whole ones can follow the LP's parts: several of each pattern, no more than a fortieth of what is left to
 * pay each, but with room for so many pods that patterns can be full. Prices are nearly proportional to size, so little is lost, and the
 * last node is not a giant half empty.
 */
function sizesFor(
  problem: PatternProblem,
  choices: readonly Option[],
  left: Int32Array,
  room: Float64Array,
  worth: number,
  podsPerNode: number,
  efficient: Float64Array,
): readonly Option[] {
  const active = problem.items.filter((item) => (left[item.id] as number) > 0);
  const pods = active.reduce((sum, item) => sum + (left[item.id] as number), 0);
  let most = Math.min(worth / (podsPerNode > USUAL ? 8 : 40), Math.max(worth / (8 * active.length), (podsPerNode * worth) / pods));
  for (const item of active) most = Math.max(most, efficient[item.id] as number);
  const open = problem.limits.length === 0 ? choices : choices.filter((option) => isAffordable(option.uses, room, problem.limits));
  return withBargains(problem, open, active, left, room, most, worth);
}

// With room for more pods than this, large machines are asked for.
const USUAL = 24;

// What small machines may cost more than large ones before those are let in, and how much larger each step lets in.
const DEAR = 1.002;
const STEP = 1.6;

/** The options up to `most`, or up to so much more that the resource relaxation with them is hardly dearer than with all. */
function withBargains(
  problem: PatternProblem,
  choices: readonly Option[],
  active: readonly Item[],
  left: Int32Array,
  room: Float64Array,
  most: number,
  worth: number,
): readonly Option[] {
  const upTo = (usdPerHour: number) => choices.filter((option) => option.usdPerHour <= usdPerHour);
  // A limit can make machines worth buying that cost more than all that is left.
  const all = problem.limits.length === 0 ? upTo(Math.max(most, worth)) : choices;
  let limit = Math.max(most, all[0]?.usdPerHour ?? 0);
  let chosen = upTo(limit);
  if (chosen.length === all.length) return chosen;
  const least = relaxed(problem, all, active, left, room);
  while (chosen.length < all.length && relaxed(problem, chosen, active, left, room) > DEAR * least) {
    limit *= STEP;
    chosen = upTo(limit);
  }
  return chosen;
}

function relaxed(
  { width, limits }: PatternProblem,
  choices: readonly Option[],
  active: readonly Item[],
  left: Int32Array,
  room: Float64Array,
): number {
  const reduced = new Map<Uint8Array, Uint8Array>();
  for (const { eligible } of active)
    if (!reduced.has(eligible))
      reduced.set(
        eligible,
        Uint8Array.from(choices, (option) => eligible[option.id] as number),
      );
  const items = active.map((item, id) => ({
    ...item,
    id,
    count: left[item.id] as number,
    eligible: reduced.get(item.eligible) as Uint8Array,
  }));
  const rest = limits.map((limit, at) => ({ ...limit, left: room[at] as number }));
  return solveFluid({ items, options: choices.map((option, id) => ({ ...option, id })), width, limits: rest }).usdPerHour;
}

/** The price of the smallest machine that holds the item at nearly the least price a pod, or twice that of the cheapest that holds one. */
function efficientPrice(options: readonly Option[], item: Item): number {
  const perPod = options.map((option) => {
    if (item.eligible[option.id] === 0) return Number.POSITIVE_INFINITY;
    let pods = item.count;
    for (const dim of item.taken) pods = Math.min(pods, Math.floor((option.room[dim] as number) / (item.amounts[dim] as number)));
    return pods > 0 ? option.usdPerHour / pods : Number.POSITIVE_INFINITY;
  });
  const least = Math.min(...perPod);
  if (!Number.isFinite(least)) return 0;
  const smallest = options.findIndex((_, id) => (perPod[id] as number) <= least * 1.05);
  const cheapest = options.findIndex((_, id) => Number.isFinite(perPod[id]));
  return Math.max((options[smallest] as Option).usdPerHour, 2 * (options[cheapest] as Option).usdPerHour);
}
