import { fillBound, worthAt } from './fill-bound.ts';
import type { Fluid } from './fluid.ts';
import { type Item, NO_USES, type Option, type PatternProblem } from './items.ts';
import { type Column, optimise, priceOf, reducedCost, startSimplex } from './simplex.ts';
import { surrogateWeights } from './surrogate.ts';

/** `steps`: of the searches for best fillings, over all rounds. */
export type BoundEffort = { readonly rounds: number; readonly steps: number };

// What the searches for fillings need not tell apart, in parts of a machine's price.
const SLACK = 2e-4;
const CLOSE_ENOUGH = 1.0005;
const COLUMNS_PER_ROUND = 40;
// Nearest the best worths first; where nothing new is found there, nearer the LP's own.
const TRUSTS = [0.9, 0.6, 0.3, 0] as const;
const WEIGHING = 8;
// No search takes more than this part of all steps left: the others want theirs.
const LONGEST_SEARCH = 1 / 20;
// With few machines a round finds few columns and costs little.
const PRICED_IN_ALL = 400;

/**
 * A lower bound in USD per hour from whole fillings of machines: any worths of the items >= 0, scaled down until no machine can be filled
 * with more than its price, cost no plan more than it pays (Farley 1990). Searched for by column generation on the pattern LP, smoothed
 * around the best worths so far (Wentges 1997). It sees what the resource relaxation does not: that pods are whole and leave room over.
 * `absorbed` is what nodes that are there could take. `goal`: no more than this need be proven.
 */
export function patternBound(
  { items: all, options }: PatternProblem,
  fluid: Fluid,
  goal: number,
  effort: BoundEffort,
  known: readonly Column[],
  absorbed?: Float64Array,
): number {
  const items = all.filter((item) => options.some((option) => cheapestAlone(item, option) < Number.POSITIVE_INFINITY));
  if (items.length === 0) return 0;
  const limits = Int32Array.from(all, (item) => item.count);
  const rowOf = new Int32Array(all.length).fill(-1);
  for (const [row, item] of items.entries()) rowOf[item.id] = row;
  const simplex = startSimplex(
    items.map((item, row) => startColumn(item, row, options)),
    Float64Array.from(items, (item) => item.count),
  );
  for (const column of known) simplex.columns.push({ ...column, rows: column.rows.map((item) => rowOf[item] as number) });
  optimise(simplex, 4 * items.length + 50);
  const weights = options.map((option, id) => weightsFor(option, fluid.weights[id] as Float64Array));
  let center = fluid.values;
  let best = 0;
  let steps = effort.steps;
  const rounds = effort.rounds === 0 ? 0 : Math.max(effort.rounds, PRICED_IN_ALL / options.length);
  for (let round = 0; round < rounds && steps > 0; round++) {
    let found = 0;
    const duals = new Float64Array(all.length);
    for (const item of items) duals[item.id] = Math.max(0, simplex.duals[rowOf[item.id] as number] as number);
    for (const trust of round === 0 ? [1, ...TRUSTS] : TRUSTS) {
      const values = duals.map((dual, id) => trust * (center[id] as number) + (1 - trust) * dual);
      const priced = priceAll(items, options, values, limits, weights, steps);
      steps -= priced.steps;
      const worth = worthOf(items, values) - absorbedWorth(items, values, limits, weights, absorbed);
      const bound = worth > 0 ? worth / priced.excess : 0;
      if (bound > best) {
        best = bound;
        center = values.map((value) => value / priced.excess);
      }
      for (const column of priced.columns) {
        const rows = column.rows.map((item) => rowOf[item] as number);
        if (reducedCost(simplex, { ...column, rows }) >= -1e-9 * column.cost) continue;
        simplex.columns.push({ ...column, rows });
        found += 1;
        if (found === COLUMNS_PER_ROUND) break;
      }
      if (found > 0 || best * CLOSE_ENOUGH >= goal) break;
    }
    if (found === 0 || best * CLOSE_ENOUGH >= goal) break;
    optimise(simplex, 4 * items.length + 50);
    if (absorbed === undefined && priceOf(simplex) <= best * CLOSE_ENOUGH) break;
  }
  return best * (1 - ROUNDING);
}

// Sums of some hundred products in double precision are exact to about 1e-14.
const ROUNDING = 1e-10;

function priceAll(
  items: readonly Item[],
  options: readonly Option[],
  values: Float64Array,
  limits: Int32Array,
  weights: Float64Array[],
  budget: number,
): { readonly excess: number; readonly columns: readonly Column[]; readonly steps: number } {
  let steps = 0;
  let excess = 0;
  const found: { readonly column: Column; readonly ratio: number }[] = [];
  for (const option of options) {
    const price = option.usdPerHour;
    const each = Math.max(50, Math.min((4 * (budget - steps)) / options.length, LONGEST_SEARCH * budget));
    const enough = price * (1 + SLACK);
    const own = surrogateWeights(items, values, limits, option, weights[option.id] as Float64Array, WEIGHING, enough);
    weights[option.id] = own;
    const filling = fillBound(items, values, limits, option, own, enough, each);
    steps += filling.steps;
    excess = Math.max(excess, filling.most / price);
    if (filling.value > 0.98 * price)
      found.push({ column: { cost: price, rows: filling.items, values: filling.counts }, ratio: filling.value / price });
  }
  return { excess, columns: found.sort((one, other) => other.ratio - one.ratio).map(({ column }) => column), steps };
}

/** The worth of a unit of each resource there, or of an equal share of each where none has one. */
function weightsFor({ room }: Option, weights: Float64Array): Float64Array {
  return weights.some((weight) => weight > 0) ? weights : room.map((amount) => (amount > 0 && Number.isFinite(amount) ? 1 / amount : 0));
}

function worthOf(items: readonly Item[], values: Float64Array): number {
  return items.reduce((sum, item) => sum + item.count * worthAt(values, item), 0);
}

/** The nodes that are there as one machine without a price, which takes any item. */
function absorbedWorth(
  items: readonly Item[],
  values: Float64Array,
  limits: Int32Array,
  weights: readonly Float64Array[],
  absorbed: Float64Array | undefined,
): number {
  if (absorbed === undefined) return 0;
  const option: Option = { id: 0, candidates: [], usdPerHour: 0, room: absorbed, uses: NO_USES };
  const anywhere = items.map((item) => ({ ...item, eligible: Uint8Array.of(1) }));
  return fillBound(anywhere, values, limits, option, weights[0] as Float64Array, Number.POSITIVE_INFINITY, 1).most;
}

function startColumn(item: Item, row: number, options: readonly Option[]): Column {
  const cost = Math.min(...options.map((option) => cheapestAlone(item, option)));
  return { cost, rows: Int32Array.of(row), values: Float64Array.of(1) };
}

/** USD per hour and pod where a machine holds nothing else. */
function cheapestAlone(item: Item, option: Option): number {
  if (item.eligible[option.id] === 0) return Number.POSITIVE_INFINITY;
  let pods = item.count;
  for (const dim of item.taken) pods = Math.min(pods, Math.floor((option.room[dim] as number) / (item.amounts[dim] as number)));
  return pods > 0 ? option.usdPerHour / pods : Number.POSITIVE_INFINITY;
}
