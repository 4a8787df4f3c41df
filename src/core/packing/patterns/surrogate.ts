import type { Item, Option } from './items.ts';

type Held = { readonly item: Item; readonly value: number; readonly limit: number; weight: number };

// What each resource counts for at least when the search begins, in parts of the machine's price.
const LEAST_SHARE = 0.05;
// How hard a resource that is overdrawn is made dearer: less with every round.
const FIRST_STEP = 1.5;

/**
 * Weights that make a machine's resources into one which tells most of what a filling can be worth: those under which the relaxation (items
 * by density until the weighted room is full) is worth least. Resources that it overdraws become dearer, those left over cheaper
 * (multiplicative subgradient of the surrogate dual, Glover 1975). The prices of the resource relaxation are where it begins; they are right
 * only while all machines together run out of everything at once. Once no filling can be worth more than `enough`, nobody asks further.
 */
export function surrogateWeights(
  items: readonly Item[],
  values: Float64Array,
  limits: Int32Array,
  { id, room, usdPerHour }: Option,
  start: Float64Array,
  rounds: number,
  enough: number,
): Float64Array {
  const held = items.flatMap((item): readonly Held[] => {
    const value = values[item.id] as number;
    if (value <= 1e-12 || item.eligible[id] === 0) return [];
    let limit = limits[item.id] as number;
    for (const dim of item.taken) limit = Math.min(limit, Math.floor((room[dim] as number) / (item.amounts[dim] as number)));
    return limit > 0 ? [{ item, value, limit, weight: 0 }] : [];
  });
  const dims = [...room.keys()].filter((dim) => Number.isFinite(room[dim]) && held.some(({ item }) => item.taken.includes(dim)));
  if (dims.length < 2) return start;
  const weights = new Float64Array(room.length);
  for (const dim of dims) weights[dim] = Math.max(start[dim] as number, (LEAST_SHARE * usdPerHour) / (room[dim] as number));
  let best = start;
  let least = Number.POSITIVE_INFINITY;
  const used = new Float64Array(room.length);
  for (let round = 0; round < rounds; round++) {
    const value = relax(held, weights, room, dims, used);
    if (value < least) {
      least = value;
      best = weights.slice();
    }
    if (value <= enough) break;
    const step = FIRST_STEP / (1 + round);
    for (const dim of dims)
      weights[dim] = (weights[dim] as number) * Math.exp(step * Math.min(1, (used[dim] as number) / (room[dim] as number) - 1));
  }
  return best;
}

/** The worth of the relaxation; leaves in `used` what it takes of each resource. */
function relax(held: Held[], weights: Float64Array, room: Float64Array, dims: readonly number[], used: Float64Array): number {
  for (const entry of held) {
    let weight = 0;
    for (const dim of entry.item.taken) weight += (weights[dim] as number) * (entry.item.amounts[dim] as number);
    entry.weight = weight;
  }
  held.sort((one, other) => other.value * one.weight - one.value * other.weight || one.item.id - other.item.id);
  let left = 0;
  for (const dim of dims) left += (weights[dim] as number) * (room[dim] as number);
  used.fill(0);
  let worth = 0;
  for (const { item, value, limit, weight } of held) {
    const part = weight > 0 ? Math.min(limit, left / weight) : limit;
    worth += part * value;
    left -= part * weight;
    for (const dim of item.taken) used[dim] = (used[dim] as number) + part * (item.amounts[dim] as number);
    if (part < limit) break;
  }
  return worth;
}
