import type { Item, Option } from './items.ts';

/** So many of each item on one node. */
export type Pattern = { readonly option: Option; readonly items: Int32Array; readonly counts: Int32Array; readonly value: number };

/** An item that is worth something, with what filling asks of it again and again. */
export type Ranked = { readonly item: Item; readonly value: number; readonly weight: number; readonly limit: number };

// Keeps densities finite for items that take nothing of what has a price.
const SOME_WEIGHT = 1e-9;

/** Items by value per weighted amount, for all options with these weights. */
export function rank(items: readonly Item[], values: Float64Array, weights: Float64Array): readonly Ranked[] {
  const order: Ranked[] = [];
  for (const item of items) {
    const value = values[item.id] as number;
    if (value <= 1e-12) continue;
    let weight = SOME_WEIGHT;
    for (const dim of item.taken) weight += (item.amounts[dim] as number) * (weights[dim] as number);
    order.push({ item, value, weight, limit: 0 });
  }
  return order.sort((left, right) => right.value / right.weight - left.value / left.weight || left.item.id - right.item.id);
}

/** Those of them that an empty node of the option holds, with how many of each at most. */
export function holding(order: readonly Ranked[], limits: Int32Array, option: Option): readonly Ranked[] {
  const held: Ranked[] = [];
  for (const { item, value, weight } of order) {
    const limit = mostOn(item, limits, option);
    if (limit > 0) held.push({ item, value, weight, limit });
  }
  return held;
}

/** How many of an item an empty node of the option holds. */
export function mostOn(item: Item, limits: Int32Array, option: Option): number {
  return item.eligible[option.id] === 1 ? fitting(item, option.room, limits[item.id] as number) : 0;
}

/**
 * No filling of the node is worth more: room and items weighed into one dimension (a surrogate, valid for any weights >= 0), items by
 * density until the weighted room is full, the last one in part (Dantzig).
 */
export function relaxedValue(order: readonly Ranked[], limits: Int32Array, option: Option, weights: Float64Array): number {
  let left = weightedRoom(option.room, weights);
  let bound = 0;
  for (const { item, value, weight } of order) {
    const most = mostOn(item, limits, option);
    if (most * weight >= left) return bound + (left / weight) * value;
    left -= most * weight;
    bound += most * value;
  }
  return bound;
}

function weightedRoom(room: Float64Array, weights: Float64Array): number {
  let weighted = 0;
  for (let dim = 0; dim < room.length; dim++)
    if ((weights[dim] as number) > 0) weighted += (room[dim] as number) * (weights[dim] as number);
  return Math.max(0, weighted);
}

/**
 * A near-optimal filling that contains `first`: greedy by value for what is scarce in the room left, so that all resources run out
 * together; then the last few pods are given back and that corner is filled anew by branch and bound in at most `steps`.
 * Where items are worth what they take, as near the LP's optimum, the corner decides: greedy alone leaves 5 to 9 % there.
 */
export function fillNode(
  order: readonly Ranked[],
  first: number,
  option: Option,
  weights: Float64Array,
  steps: number,
  base?: Int32Array,
): { readonly counts: Int32Array; readonly value: number } {
  const { room } = option;
  const free = room.slice();
  const counts = base?.slice() ?? new Int32Array(order.length);
  if (base !== undefined) for (let at = 0; at < base.length; at++) take((order[at] as Ranked).item, free, base[at] as number);
  const picks: number[] = [];
  const scarcity = new Float64Array(room.length);
  for (
    let next = base === undefined ? first : scarcest(order, counts, free, room, weights, scarcity);
    next >= 0;
    next = scarcest(order, counts, free, room, weights, scarcity)
  ) {
    const { item, limit } = order[next] as Ranked;
    const most = fitting(item, free, limit - (counts[next] as number));
    // Large nodes are filled in strides: single pods matter at the end only.
    const pods = Math.max(1, most >> 3);
    counts[next] = (counts[next] as number) + pods;
    take(item, free, pods);
    for (let pick = 0; pick < Math.min(pods, 2); pick++) picks.push(next);
  }
  for (let last = Math.max(1, picks.length - 3); last < picks.length; last++) {
    const pick = picks[last] as number;
    counts[pick] = (counts[pick] as number) - 1;
    take((order[pick] as Ranked).item, free, -1);
  }
  fillCorner(order, counts, free, weights, steps);
  let value = 0;
  for (let at = 0; at < order.length; at++) value += (counts[at] as number) * (order[at] as Ranked).value;
  return { counts, value };
}

export function patternOf(
  option: Option,
  order: readonly Ranked[],
  { counts, value }: { readonly counts: Int32Array; readonly value: number },
): Pattern {
  const kept = [...counts.keys()].filter((at) => (counts[at] as number) > 0);
  return {
    option,
    items: Int32Array.from(kept, (at) => (order[at] as Ranked).item.id),
    counts: Int32Array.from(kept, (at) => counts[at] as number),
    value,
  };
}

/** The item worth most for what it takes, each resource weighed by how much of it is gone; -1 where none fits. */
function scarcest(
  order: readonly Ranked[],
  counts: Int32Array,
  free: Float64Array,
  room: Float64Array,
  weights: Float64Array,
  scarcity: Float64Array,
): number {
  for (let dim = 0; dim < room.length; dim++) {
    scarcity[dim] =
      (weights[dim] as number) > 0 && (free[dim] as number) > 0
        ? ((weights[dim] as number) * (room[dim] as number)) / (free[dim] as number)
        : 0;
  }
  let best = -1;
  let bestScore = 0;
  for (let at = 0; at < order.length; at++) {
    const { item, value, limit } = order[at] as Ranked;
    if ((counts[at] as number) >= limit || fitting(item, free, 1) === 0) continue;
    let cost = SOME_WEIGHT;
    const { taken, amounts } = item;
    for (let index = 0; index < taken.length; index++) {
      const dim = taken[index] as number;
      cost += (amounts[dim] as number) * (scarcity[dim] as number);
    }
    if (value / cost > bestScore) {
      bestScore = value / cost;
      best = at;
    }
  }
  return best;
}

/** Exact within its steps: depth first over the items that still fit, cut where the weighted room left cannot beat the best so far. */
function fillCorner(order: readonly Ranked[], counts: Int32Array, free: Float64Array, weights: Float64Array, steps: number): void {
  const open: number[] = [];
  for (let at = 0; at < order.length; at++) {
    const { item, limit } = order[at] as Ranked;
    if ((counts[at] as number) < limit && fitting(item, free, 1) > 0) open.push(at);
  }
  const depth = open.length;
  const chosen = new Int32Array(depth);
  const best = new Int32Array(depth);
  let bestValue = 0;
  let value = 0;
  let weighted = weightedRoom(free, weights);
  let left = steps;
  let level = 0;
  for (;;) {
    while (level < depth) {
      const at = open[level] as number;
      const entry = order[at] as Ranked;
      if (value + weighted * (entry.value / entry.weight) <= bestValue + 1e-12) break;
      const most = fitting(entry.item, free, entry.limit - (counts[at] as number));
      chosen[level] = most;
      if (most > 0) {
        take(entry.item, free, most);
        value += most * entry.value;
        weighted -= most * entry.weight;
      }
      level += 1;
    }
    if (value > bestValue + 1e-12) {
      bestValue = value;
      best.set(chosen.subarray(0, level));
      best.fill(0, level);
    }
    level -= 1;
    while (level >= 0 && chosen[level] === 0) level -= 1;
    if (level < 0 || left-- <= 0) break;
    const entry = order[open[level] as number] as Ranked;
    chosen[level] = (chosen[level] as number) - 1;
    take(entry.item, free, -1);
    value -= entry.value;
    weighted += entry.weight;
    level += 1;
  }
  for (let at = 0; at < depth; at++) counts[open[at] as number] = (counts[open[at] as number] as number) + (best[at] as number);
}

function fitting(item: Item, free: Float64Array, limit: number): number {
  let most = limit;
  const { taken, amounts } = item;
  for (let at = 0; at < taken.length; at++) {
    const dim = taken[at] as number;
    const asked = amounts[dim] as number;
    const room = free[dim] as number;
    if (room < asked) return 0;
    if (room < asked * most) most = Math.floor(room / asked);
  }
  return most;
}

function take(item: Item, free: Float64Array, pods: number): void {
  const { taken, amounts } = item;
  for (let at = 0; at < taken.length; at++) {
    const dim = taken[at] as number;
    free[dim] = (free[dim] as number) - pods * (amounts[dim] as number);
  }
}
