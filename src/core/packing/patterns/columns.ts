import { fillBound } from './fill-bound.ts';
import { excessColumns, type Fluid, pricedAt } from './fluid.ts';
import type { Item, Option, PatternProblem } from './items.ts';
import { fillNode, holding, mostOn, type Pattern, patternOf, type Ranked, rank, relaxedValue } from './knapsack.ts';
import { isAffordable } from './limit-rows.ts';
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
  /** By column; undefined where a column buys nothing but leaves pods out, or a limit exceeded. */
  readonly patterns: (Pattern | undefined)[];
  readonly rowOf: Int32Array;
  readonly active: readonly Item[];
};

/**
 * Solves the pattern LP for what is left of each item and of each limit; `known` patterns are tried first, cut to what is left. Under limits
 * an item may be left out, at a price.
 */
export function solveMaster(
  problem: PatternProblem,
  options: readonly Option[],
  left: Int32Array,
  room: Float64Array,
  fluid: Fluid,
  known: readonly Pattern[],
  effort: Effort,
): Master {
  const active = problem.items.filter((item) => (left[item.id] as number) > 0);
  const rowOf = new Int32Array(problem.items.length).fill(-1);
  for (const [row, item] of active.entries()) rowOf[item.id] = row;
  const { limits } = problem;
  const alone = active.map((item) => onlyOf(item, options, left[item.id] as number));
  const { simplex, patterns } =
    limits.length === 0 ? coveringLp(active, alone, left, rowOf) : limitedLp(problem, dearest(options), active, left, room, rowOf);
  const add = (pattern: Pattern) => {
    patterns.push(pattern);
    simplex.columns.push(columnOf(pattern, rowOf, active.length));
  };
  const seen = new Set<number>();
  if (limits.length > 0) for (const pattern of alone) if (pattern !== undefined) add(pattern);
  for (const pattern of known) {
    if (limits.length > 0 && !isAffordable(pattern.option.uses, room, limits)) continue;
    const part = cut(pattern, left);
    if (part !== undefined && isNew(seen, part)) add(part);
  }
  // The resource relaxation knows of no pods that may be left out.
  const leaves = active.some(({ optional }) => optional);
  const floor = leaves ? Number.NEGATIVE_INFINITY : worthOf(active, left, fluid) - allowanceOf(fluid.prices, room);
  const smooth = { center: fluid.values, bound: 0 };
  const weights = [...fluid.weights];
  const held: (readonly Item[] | undefined)[] = [];
  const heldOn = (option: Option) => (held[option.id] ??= active.filter((item) => mostOn(item, left, option) > 0));
  let steps = effort.fillSteps;
  let most = effort.rounds;
  const rows = active.length + limits.length;
  let wide = known.length === 0 && podsPerNode(active, options, left, fluid) > WIDE;
  let stuck = most === 0;
  for (let round = 0; ; round++) {
    optimise(simplex, 4 * rows + 50);
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
    const sigma = simplex.duals.slice(active.length).map((dual) => Math.max(0, dual));
    let found = 0;
    // Near the center first; where that finds nothing new, at the duals themselves, which cannot miss.
    for (const trust of [SMOOTHING, 0]) {
      const values = duals.map((dual, id) => trust * (smooth.center[id] as number) + (1 - trust) * dual);
      for (const pattern of price(
        active,
        options,
        heldOn,
        values,
        { limits: sigma, allowance: allowanceOf(sigma, room) },
        left,
        weights,
        { ...effort, fillSteps: steps, starts: (effort.starts * steps) / effort.fillSteps },
        smooth,
        round,
      )) {
        if (reducedCost(simplex, columnOf(pattern, rowOf, active.length)) >= -1e-7 || !isNew(seen, pattern)) continue;
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

type Lp = Pick<Master, 'simplex' | 'patterns'>;

function coveringLp(active: readonly Item[], alone: readonly (Pattern | undefined)[], left: Int32Array, rowOf: Int32Array): Lp {
  const patterns = alone.map((pattern, row) => {
    if (pattern === undefined) throw new Error(`no option holds item ${active[row]?.id}`);
    return pattern;
  });
  const demand = Float64Array.from(active, (item) => left[item.id] as number);
  const columns = patterns.map((pattern) => columnOf(pattern, rowOf, active.length));
  return { simplex: startSimplex(columns, demand), patterns };
}

/** Starts with everything left out and nothing bought: that keeps every limit but those that are exceeded already. */
function limitedLp(
  { limits }: PatternProblem,
  usdPerHour: number,
  active: readonly Item[],
  left: Int32Array,
  room: Float64Array,
  rowOf: Int32Array,
): Lp {
  const leave = active.map(({ id, optional }): Column => {
    const cost = (optional ? WAIVER : MUST) * usdPerHour;
    return { cost, rows: Int32Array.of(rowOf[id] as number), values: Float64Array.of(1) };
  });
  const excess = excessColumns(limits, active.length);
  const simplex = startSimplex(
    [...leave, ...excess.map((column, limit) => ((room[limit] as number) < 0 ? column : undefined))],
    Float64Array.of(...active.map((item) => left[item.id] as number), ...room.map((amount) => -amount)),
  );
  simplex.columns.push(...excess.filter((column) => column !== undefined));
  return { simplex, patterns: simplex.columns.map(() => undefined) };
}

// What leaving out a pod costs, in prices of the dearest machine: more than any place for it; and one that must have a place.
const WAIVER = 5;
const MUST = 500;

function dearest(options: readonly Option[]): number {
  return options.reduce((most, option) => Math.max(most, option.usdPerHour), 0);
}

function allowanceOf(prices: ArrayLike<number>, room: Float64Array): number {
  let usd = 0;
  for (let limit = 0; limit < room.length; limit++) usd += (prices[limit] as number) * (room[limit] as number);
  return usd;
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
  heldOn: (option: Option) => readonly Item[],
  values: Float64Array,
  prices: { readonly limits: Float64Array; readonly allowance: number },
  left: Int32Array,
  weightsOf: Float64Array[],
  effort: Effort,
  smooth: Smooth,
  round: number,
): readonly Pattern[] {
  const found: Pattern[] = [];
  const orders = new Map<Float64Array, readonly Ranked[]>();
  const ranked = options.map((option) => {
    const usd = pricedAt(option, prices.limits);
    // Where zones are decided a machine holds few of all items: only those are looked at.
    const held = heldOn(option);
    const weights = surrogateWeights(held, values, left, option, weightsOf[option.id] as Float64Array, WEIGHING, usd);
    weightsOf[option.id] = weights;
    const isShared = held.length === active.length;
    const order = (isShared ? orders.get(weights) : undefined) ?? rank(held, values, weights);
    if (isShared) orders.set(weights, order);
    return { option, usd, weights, order, ratio: relaxedValue(order, left, option, weights) / usd };
  });
  ranked.sort((one, other) => other.ratio - one.ratio || one.option.id - other.option.id);
  let excess = 0;
  const few = active.length <= FEW_KINDS;
  for (const { option, usd, weights, order: all, ratio } of few ? ranked : ranked.slice(0, effort.options)) {
    if (ratio <= 1) break;
    const order = holding(all, left, option);
    if (few) {
      const exact = fillBound(active, values, left, option, weights, usd, EXACT_STEPS);
      if (exact.whole) found.push({ option, items: exact.items, counts: Int32Array.from(exact.counts), value: exact.value });
      excess = Math.max(excess, exact.most / usd);
      continue;
    }
    let best = 0;
    for (let start = 0; start < Math.min(effort.starts, order.length); start++) {
      const first = (Math.floor((start * order.length) / effort.starts) + round * 3 + (option.id % 5)) % order.length;
      const filling = fillNode(order, first, option, weights, effort.fillSteps);
      best = Math.max(best, filling.value);
      if (filling.value > usd * 0.99) found.push(patternOf(option, order, filling));
    }
    excess = Math.max(excess, best / usd);
  }
  let worth = 0;
  for (const item of active) worth += (values[item.id] as number) * (left[item.id] as number);
  if (excess > 0 && worth / excess - prices.allowance > smooth.bound) {
    smooth.bound = worth / excess - prices.allowance;
    smooth.center = values.map((value) => value / excess);
  }
  const worthOfPrice = ({ value, option }: Pattern) => value / pricedAt(option, prices.limits);
  return found.sort((one, other) => worthOfPrice(other) - worthOfPrice(one));
}

/** A node with nothing but this item, at the least price a pod; undefined where no option holds one. */
function onlyOf(item: Item, options: readonly Option[], left: number): Pattern | undefined {
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
  return best;
}

/** The rows of limits come after those of items, at `firstLimit`. */
export function columnOf({ option, items, counts }: Pattern, rowOf: Int32Array, firstLimit: number): Column {
  const { uses } = option;
  const rows = new Int32Array(items.length + uses.length);
  const values = new Float64Array(rows.length);
  for (let at = 0; at < items.length; at++) rows[at] = rowOf[items[at] as number] as number;
  values.set(counts);
  for (let limit = 0; limit < uses.length; limit++) {
    rows[items.length + limit] = firstLimit + limit;
    values[items.length + limit] = -(uses[limit] as number);
  }
  return { cost: option.usdPerHour, rows, values };
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
