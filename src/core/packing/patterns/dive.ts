import { columnOf, cut, type Effort, solveMaster } from './columns.ts';
import { type Fluid, solveFluid } from './fluid.ts';
import type { Item, Option, PatternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { reducedCost, type Simplex } from './simplex.ts';

/** Whole nodes for all items: solve the pattern LP, buy the whole parts of its answer, solve again for the rest, and so on down. */
export function dive(
  problem: PatternProblem,
  fluid: Fluid,
  effort: Effort,
  podsPerNode: number,
  choices = problem.options,
): readonly Pattern[] {
  const left = Int32Array.from(problem.items, (item) => item.count);
  const bought: Pattern[] = [];
  let known: readonly Pattern[] = [];
  const efficient = Float64Array.from(problem.items, (item) => efficientPrice(choices, item));
  let worth = fluid.usdPerHour;
  for (let round = 0; left.some((count) => count > 0); round++) {
    const options = sizesFor(problem, choices, left, worth, round === 0 ? podsPerNode : Math.min(podsPerNode, USUAL), efficient);
    const { simplex, patterns, rowOf } = solveMaster(
      problem,
      options,
      left,
      fluid,
      known,
      round === 0 ? effort : { ...effort, rounds: Math.min(effort.rounds, 4), patience: 1 },
    );
    const shares = sharesOf(simplex.basis, simplex.x);
    known = cheap(patterns, rowOf, simplex);
    let rest = 0;
    for (const [index, share] of shares) {
      const pattern = patterns[index] as Pattern;
      for (let whole = Math.floor(share + 1e-6); whole > 0 && buy(pattern, left, bought, true); whole--) rest -= pattern.option.usdPerHour;
      rest += share * pattern.option.usdPerHour;
    }
    worth = Math.max(0, rest);
    // Then the largest part, and whatever else is nearly whole and still fits without a cut.
    const parts = shares
      .map(([index, share]) => ({ pattern: patterns[index] as Pattern, part: share - Math.floor(share + 1e-6) }))
      .sort((one, other) => other.part - one.part);
    // What large machines leave over goes onto smaller ones.
    const waits = podsPerNode > USUAL && shares.some(([, share]) => share >= 1);
    for (const [rank, { pattern, part }] of parts.entries()) {
      if ((rank > 0 || waits) && part < 0.8) break;
      if (buy(pattern, left, bought, rank > 0)) worth = Math.max(0, worth - part * pattern.option.usdPerHour);
    }
  }
  return bought;
}

/** The patterns that the LP's prices make nearly worth their nodes: the rest will hardly be bought later. */
function cheap(patterns: readonly Pattern[], rowOf: Int32Array, simplex: Simplex): readonly Pattern[] {
  const loss = (pattern: Pattern) => reducedCost(simplex, columnOf(pattern, rowOf)) / pattern.option.usdPerHour;
  return patterns
    .map((pattern) => ({ pattern, loss: loss(pattern) }))
    .sort((left, right) => left.loss - right.loss)
    .slice(0, KEPT_PATTERNS)
    .map(({ pattern }) => pattern);
}

const KEPT_PATTERNS = 300;

function sharesOf(basis: Int32Array, x: Float64Array): readonly (readonly [number, number])[] {
  return [...basis.entries()]
    .filter(([position, column]) => column >= 0 && (x[position] as number) > 1e-7)
    .map(([position, column]) => [column, x[position] as number]);
}

function buy(pattern: Pattern, left: Int32Array, bought: Pattern[], whole: boolean): boolean {
  const part = cut(pattern, left);
  if (part === undefined || (whole && part !== pattern)) return false;
  for (const [at, item] of part.items.entries()) left[item] = (left[item] as number) - (part.counts[at] as number);
  bought.push(part);
  return true;
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
  worth: number,
  podsPerNode: number,
  efficient: Float64Array,
): readonly Option[] {
  const active = problem.items.filter((item) => (left[item.id] as number) > 0);
  const pods = active.reduce((sum, item) => sum + (left[item.id] as number), 0);
  let most = Math.min(worth / (podsPerNode > USUAL ? 8 : 40), Math.max(worth / (8 * active.length), (podsPerNode * worth) / pods));
  for (const item of active) most = Math.max(most, efficient[item.id] as number);
  return withBargains(problem, choices, active, left, most, worth);
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
  most: number,
  worth: number,
): readonly Option[] {
  const upTo = (usdPerHour: number) => choices.filter((option) => option.usdPerHour <= usdPerHour);
  const useful = Math.max(most, worth);
  const all = upTo(useful);
  let limit = most;
  let chosen = upTo(limit);
  if (chosen.length === all.length) return chosen;
  const least = relaxed(problem, all, active, left);
  while (chosen.length < all.length && relaxed(problem, chosen, active, left) > DEAR * least) {
    limit *= STEP;
    chosen = upTo(limit);
  }
  return chosen;
}

function relaxed({ width }: PatternProblem, choices: readonly Option[], active: readonly Item[], left: Int32Array): number {
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
  return solveFluid({ items, options: choices.map((option, id) => ({ ...option, id })), width }).usdPerHour;
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
  const smallest = options.findIndex((_, id) => (perPod[id] as number) <= least * 1.05);
  const cheapest = options.findIndex((_, id) => Number.isFinite(perPod[id]));
  return Math.max((options[smallest] as Option).usdPerHour, 2 * (options[cheapest] as Option).usdPerHour);
}
