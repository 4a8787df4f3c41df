import type { Fluid } from './fluid.ts';
import type { Item, Option } from './items.ts';
import { fillNode, holding, type Pattern, patternOf, type Ranked, rank, relaxedValue } from './knapsack.ts';

// What is left after so many patterns is little.
const MOST_SEEDS = 60;
const OPTIONS_TRIED = 3;

/**
 * Patterns of a plan made one after the other, each filling the best option with what is still left and bought as often as that lasts
 * (Haessler's sequential procedure). Together they hold every item near its demand, which columns priced one by one reach only after many
 * rounds where machines hold many pods.
 */
export function seedPatterns(items: readonly Item[], options: readonly Option[], left: Int32Array, fluid: Fluid, steps: number): Pattern[] {
  const open = left.slice();
  const seeds: Pattern[] = [];
  for (let count = 0; count < MOST_SEEDS; count++) {
    const active = items.filter((item) => (open[item.id] as number) > 0);
    if (active.length === 0) break;
    const best = bestFilling(active, options, open, fluid, steps, count);
    if (best === undefined) break;
    let times = Number.POSITIVE_INFINITY;
    for (const [at, item] of best.items.entries())
      times = Math.min(times, Math.floor((open[item] as number) / (best.counts[at] as number)));
    // Half of what would be possible keeps the mix of what is left, so that later patterns stay as full.
    const bought = Math.max(1, times >> 1);
    for (const [at, item] of best.items.entries()) open[item] = (open[item] as number) - bought * (best.counts[at] as number);
    seeds.push(best);
  }
  return seeds;
}

function bestFilling(
  active: readonly Item[],
  options: readonly Option[],
  open: Int32Array,
  fluid: Fluid,
  steps: number,
  turn: number,
): Pattern | undefined {
  const orders = new Map<Float64Array, readonly Ranked[]>();
  const ranked = options.map((option) => {
    const weights = fluid.weights[option.id] as Float64Array;
    const order = orders.get(weights) ?? rank(active, fluid.values, weights);
    orders.set(weights, order);
    return { option, weights, order, ratio: relaxedValue(order, open, option, weights) / option.usdPerHour };
  });
  ranked.sort((one, other) => other.ratio - one.ratio || one.option.usdPerHour - other.option.usdPerHour);
  let best: Pattern | undefined;
  let bestRatio = 0;
  for (const { option, weights, order: all } of ranked.slice(0, OPTIONS_TRIED)) {
    const order = holding(all, open, option);
    if (order.length === 0) continue;
    const filling = fillNode(order, turn % order.length, option, weights, steps, evenShare(order, open, option));
    const ratio = filling.value / option.usdPerHour;
    if (ratio <= bestRatio) continue;
    bestRatio = ratio;
    best = patternOf(option, order, filling);
  }
  return best;
}

/** Of each item what a node gets where all nodes get the same, rounded down. */
function evenShare(order: readonly Ranked[], open: Int32Array, { room }: Option): Int32Array {
  const demand = new Float64Array(room.length);
  for (const { item } of order)
    for (const dim of item.taken) demand[dim] = (demand[dim] as number) + (open[item.id] as number) * (item.amounts[dim] as number);
  let nodes = 1;
  for (let dim = 0; dim < room.length; dim++)
    if ((room[dim] as number) > 0) nodes = Math.max(nodes, (demand[dim] as number) / (room[dim] as number));
  return Int32Array.from(order, ({ item }) => Math.floor((open[item.id] as number) / nodes));
}
