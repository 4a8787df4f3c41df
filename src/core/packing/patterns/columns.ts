import { fillBound } from './fill-bound.ts';
import type { Fluid } from './fluid.ts';
import type { Item, Option, PatternProblem } from './items.ts';
import { fillNode, holding, type Pattern, patternOf, type Ranked, rank, relaxedValue } from './knapsack.ts';
import { seedPatterns } from './seeds.ts';
import { type Column, optimise, priceOf, reducedCost, type Simplex, startSimplex } from './simplex.ts';
import { surrogateWeights } from './surrogate.ts';

export type Effort = {
  /** Steps of branch and bound per filling. */
  readonly fillSteps: number;
  /** Fillings per option and round, each started with another item. */
  readonly starts: number;
  /** Options priced per round, the most promising ones. */
  readonly options: number;
  /** How many times the steps a filling may take where the first find nothing. */
  readonly patience: number;
  /** Rounds of new columns. */
  readonly rounds: number;
  readonly columnsPerRound: number;
  /** Whole plans tried for up to 100 pods, and those of them with zones decided first; fewer for more pods. */
  readonly attempts: number;
  readonly zonedAttempts: number;
  readonly zonedRounds: number;
  /** Steps of the search for better whole nodes where there are few pods. */
  readonly completions: number;
  /** Rounds of packing some of the nodes anew, for up to 100 pods; fewer for more. */
  readonly improvements: number;
};

/** The pattern LP: how often to buy each pattern, in parts. Patterns are found as they are needed (column generation, Gilmore and Gomory 1961). */
export type Master = {
  readonly simplex: Simplex;
  readonly patterns: Pattern[];
  readonly rowOf: Int32Array;
  readonly active: readonly Item[];
};

/** Solves the pattern LP for what is left of each item; `known` patterns are tried first, cut to what is left. */
export function solveMaster(
  problem: PatternProblem,
  options: readonly Option[],
  left: Int32Array,
  fluid: Fluid,
  known: readonly Pattern[],
  effort: Effort,
): Master {
  const active = problem.items.filter((item) => (left[item.id] as number) > 0);
  const rowOf = new Int32Array(problem.items.length).fill(-1);
  for (const [row, item] of active.entries()) rowOf[item.id] = row;
  const patterns: Pattern[] = active.map((item) => onlyOf(item, options, left[item.id] as number));
  const demand = Float64Array.from(active, (item) => left[item.id] as number);
  const simplex = startSimplex(
    patterns.map((pattern) => columnOf(pattern, rowOf)),
    demand,
  );
  const add = (pattern: Pattern) => {
    patterns.push(pattern);
    simplex.columns.push(columnOf(pattern, rowOf));
  };
  const seen = new Set<number>();
  for (const pattern of known) {
    const part = cut(pattern, left);
    if (part !== undefined && isNew(seen, part)) add(part);
  }
  const floor = worthOf(active, left, fluid);
  const smooth = { center: fluid.values, bound: 0 };
  const weights = [...fluid.weights];
  let steps = effort.fillSteps;
  let most = effort.rounds;
  let wide = known.length === 0 && podsPerNode(active, options, left, fluid) > WIDE;
  let stuck = most === 0;
  for (let round = 0; ; round++) {
    optimise(simplex, 4 * active.length + 50);
    const usd = priceOf(simplex);
    if (usd <= floor * NEAR) break;
    if (stuck && wide && usd > floor * FAR) {
      wide = false;
      stuck = false;
      most = round + effort.rounds;
      for (const pattern of seedPatterns(active, options, left, fluid, effort.fillSteps)) if (isNew(seen, pattern)) add(pattern);
      continue;
    }
    if (stuck) break;
    const duals = new Float64Array(problem.items.length);
    for (const item of active) duals[item.id] = Math.max(0, simplex.duals[rowOf[item.id] as number] as number);
    let found = 0;
    // Near the center first; where that finds nothing new, at the duals themselves, which cannot miss.
    for (const trust of [SMOOTHING, 0]) {
      const values = duals.map((dual, id) => trust * (smooth.center[id] as number) + (1 - trust) * dual);
      for (const pattern of price(
        active,
        options,
        values,
        left,
        weights,
        { ...effort, fillSteps: steps, starts: (effort.starts * steps) / effort.fillSteps },
        smooth,
        round,
      )) {
        if (reducedCost(simplex, columnOf(pattern, rowOf)) >= -1e-7 || !isNew(seen, pattern)) continue;
        add(pattern);
        found += 1;
        if (found === effort.columnsPerRound) break;
      }
      if (found > 0) break;
    }
    // Nothing found with few steps is no proof that there is nothing: fill more carefully before giving up.
    stuck = round + 1 === most || (found === 0 && steps >= effort.fillSteps * effort.patience);
    if (found === 0) steps *= 4;
  }
  return { simplex, patterns, rowOf, active };
}

const SMOOTHING = 0.5;
/** Steps towards the weights that tell most of a filling, each round from where the last one ended. */
const WEIGHING = 6;
/** Of so few kinds of pods the best filling is found for certain, at hardly more steps. */
const FEW_KINDS = 8;
const EXACT_STEPS = 2000;
/** Above so many pods a node, columns priced one by one take too many rounds to hold every pod near its demand. */
const WIDE = 48;
const FAR = 1.003;
/** No column can bring the LP below the resource relaxation; so near it, none is worth a round. */
const NEAR = 1.0003;

function worthOf(active: readonly Item[], left: Int32Array, { values }: Fluid): number {
  return active.reduce((sum, item) => sum + (values[item.id] as number) * (left[item.id] as number), 0);
}

/** How many average pods the largest machine holds, by what they are worth. */
function podsPerNode(active: readonly Item[], options: readonly Option[], left: Int32Array, fluid: Fluid): number {
  const pods = active.reduce((sum, item) => sum + (left[item.id] as number), 0);
  const largest = Math.max(...options.map((option) => option.usdPerHour));
  return (pods * largest) / Math.max(1e-9, worthOf(active, left, fluid));
}

type Smooth = { center: Float64Array; bound: number };

/**
 * Valuable fillings, best for their price first. The values give a bound on the LP by the way (Farley 1990): scaled down until no filling
 * is worth more than its node, they are feasible duals. The values of the best bound become the center around which prices are smoothed
 * (Wentges 1997): bare duals jump between extremes and need many more rounds.
 */
function price(
  active: readonly Item[],
  options: readonly Option[],
  values: Float64Array,
  left: Int32Array,
  weightsOf: Float64Array[],
  effort: Effort,
  smooth: Smooth,
  round: number,
): readonly Pattern[] {
  const found: Pattern[] = [];
  const orders = new Map<Float64Array, readonly Ranked[]>();
  const ranked = options.map((option) => {
    const weights = surrogateWeights(active, values, left, option, weightsOf[option.id] as Float64Array, WEIGHING, option.usdPerHour);
    weightsOf[option.id] = weights;
    const order = orders.get(weights) ?? rank(active, values, weights);
    orders.set(weights, order);
    return { option, weights, order, ratio: relaxedValue(order, left, option, weights) / option.usdPerHour };
  });
  ranked.sort((one, other) => other.ratio - one.ratio || one.option.id - other.option.id);
  let excess = 0;
  const few = active.length <= FEW_KINDS;
  for (const { option, weights, order: all, ratio } of few ? ranked : ranked.slice(0, effort.options)) {
    if (ratio <= 1) break;
    const order = holding(all, left, option);
    if (few) {
      const exact = fillBound(active, values, left, option, weights, option.usdPerHour, EXACT_STEPS);
      if (exact.whole) found.push({ option, items: exact.items, counts: Int32Array.from(exact.counts), value: exact.value });
      excess = Math.max(excess, exact.most / option.usdPerHour);
      continue;
    }
    let best = 0;
    for (let start = 0; start < Math.min(effort.starts, order.length); start++) {
      const first = (Math.floor((start * order.length) / effort.starts) + round * 3 + (option.id % 5)) % order.length;
      const filling = fillNode(order, first, option, weights, effort.fillSteps);
      best = Math.max(best, filling.value);
      if (filling.value > option.usdPerHour * 0.99) found.push(patternOf(option, order, filling));
    }
    excess = Math.max(excess, best / option.usdPerHour);
  }
  let worth = 0;
  for (const item of active) worth += (values[item.id] as number) * (left[item.id] as number);
  if (excess > 0 && worth / excess > smooth.bound) {
    smooth.bound = worth / excess;
    smooth.center = values.map((value) => value / excess);
  }
  return found.sort((one, other) => other.value / other.option.usdPerHour - one.value / one.option.usdPerHour);
}

/** A node with nothing but this item, at the least price a pod. */
function onlyOf(item: Item, options: readonly Option[], left: number): Pattern {
  let best: Pattern | undefined;
  let bestPrice = Number.POSITIVE_INFINITY;
  for (const option of options) {
    if (item.eligible[option.id] === 0) continue;
    let pods = left;
    for (const dim of item.taken) pods = Math.min(pods, Math.floor((option.room[dim] as number) / (item.amounts[dim] as number)));
    if (pods < 1 || option.usdPerHour / pods >= bestPrice) continue;
    bestPrice = option.usdPerHour / pods;
    best = { option, items: Int32Array.of(item.id), counts: Int32Array.of(pods), value: 0 };
  }
  if (best === undefined) throw new Error(`no option holds item ${item.id}`);
  return best;
}

export function columnOf(pattern: Pattern, rowOf: Int32Array): Column {
  return {
    cost: pattern.option.usdPerHour,
    rows: Int32Array.from(pattern.items, (item) => rowOf[item] as number),
    values: Float64Array.from(pattern.counts),
  };
}

/** The part of a pattern that is still wanted; undefined if nothing is. */
export function cut(pattern: Pattern, left: Int32Array): Pattern | undefined {
  if (pattern.items.every((item, at) => (left[item] as number) >= (pattern.counts[at] as number))) return pattern;
  const counts = pattern.counts.map((count, at) => Math.min(count, left[pattern.items[at] as number] as number));
  const kept = [...counts.keys()].filter((at) => (counts[at] as number) > 0);
  if (kept.length === 0) return undefined;
  return {
    option: pattern.option,
    items: Int32Array.from(kept, (at) => pattern.items[at] as number),
    counts: Int32Array.from(kept, (at) => counts[at] as number),
    value: 0,
  };
}

/** By a hash of 33 bits: two patterns that share one by chance cost a column, nothing else. */
function isNew(seen: Set<number>, { option, items, counts }: Pattern): boolean {
  let hash = option.id + 1;
  for (let at = 0; at < items.length; at++)
    hash = (hash * 1_000_003 + (items[at] as number) * 8191 + (counts[at] as number)) % 8_589_934_583;
  if (seen.has(hash)) return false;
  seen.add(hash);
  return true;
}
