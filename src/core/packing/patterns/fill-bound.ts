import type { Item, Option } from './items.ts';

/** An item on one machine, with what a search for the best filling asks of it again and again. */
type Held = { readonly item: Item; readonly value: number; readonly weight: number; readonly limit: number };

export type FillBound = {
  /** No filling of the machine is worth more. */
  readonly most: number;
  /** The items of a filling, by id, and how many of each: whole where the search ended, in parts where only the relaxation is known. */
  readonly items: Int32Array;
  readonly counts: Float64Array;
  readonly value: number;
  readonly whole: boolean;
  readonly steps: number;
};

type Search = {
  readonly held: readonly Held[];
  /** By level: the items from there on, by density, and the dimensions that any of them takes. */
  readonly rests: readonly { readonly order: readonly Held[]; readonly dims: readonly number[] }[];
  readonly free: Float64Array;
  readonly weights: Float64Array;
};

/**
 * How much the best filling of a machine can be worth: depth first over the items, those with rules about hosts before the rest, cut where
 * the relaxation of what is left cannot beat the best so far or `enough`. What is at most `enough` need not be known better, and where the
 * steps run out the relaxation of the empty machine stands: valid always.
 */
export function fillBound(
  items: readonly Item[],
  values: Float64Array,
  limits: Int32Array,
  option: Option,
  weights: Float64Array,
  enough: number,
  most: number,
): FillBound {
  const held = heldBy(items, values, limits, option, weights);
  const search: Search = { held, rests: restsOf(held, weights.length), free: Float64Array.from(option.room), weights };
  const parts = new Float64Array(held.length);
  const root = relaxed(search, 0, parts);
  if (root <= enough) return { ...NOTHING, most: root };
  const chosen = new Int32Array(held.length);
  const best = new Float64Array(held.length);
  let bestValue = 0;
  let value = 0;
  let level = 0;
  let steps = 1;
  for (;;) {
    while (level < held.length) {
      steps += 1;
      if (value + relaxed(search, level) <= Math.max(bestValue + 1e-12, enough)) break;
      const entry = held[level] as Held;
      const count = fitting(entry.item, search.free, entry.limit);
      chosen[level] = count;
      take(entry.item, search.free, count);
      value += count * entry.value;
      level += 1;
    }
    if (value > bestValue) {
      bestValue = value;
      best.set(chosen.subarray(0, level));
      best.fill(0, level);
    }
    if (steps > most) return answerOf(held, parts, root, root, steps, false);
    level -= 1;
    while (level >= 0 && chosen[level] === 0) level -= 1;
    if (level < 0) break;
    const entry = held[level] as Held;
    chosen[level] = (chosen[level] as number) - 1;
    take(entry.item, search.free, -1);
    value -= entry.value;
    level += 1;
  }
  return answerOf(held, best, Math.max(bestValue, enough), bestValue, steps, true);
}

const NOTHING = { items: new Int32Array(0), counts: new Float64Array(0), value: 0, whole: false, steps: 1 };

function answerOf(held: readonly Held[], counts: Float64Array, most: number, value: number, steps: number, whole: boolean): FillBound {
  const kept = [...counts.keys()].filter((at) => (counts[at] as number) > 0);
  return {
    most,
    items: Int32Array.from(kept, (at) => (held[at] as Held).item.id),
    counts: Float64Array.from(kept, (at) => counts[at] as number),
    value,
    whole: whole && kept.length > 0,
    steps,
  };
}

function heldBy(items: readonly Item[], values: Float64Array, limits: Int32Array, option: Option, weights: Float64Array): readonly Held[] {
  const held: Held[] = [];
  for (const item of items) {
    const value = worthAt(values, item);
    if (value === 0 || item.eligible[option.id] === 0) continue;
    const limit = fitting(item, option.room, limits[item.id] as number);
    if (limit === 0) continue;
    let weight = 0;
    for (const dim of item.taken) weight += (item.amounts[dim] as number) * (weights[dim] as number);
    held.push({ item, value, weight, limit });
  }
  // The more dimensions an item takes the rarer it is on a node: decided first, what follows needs fewer of them.
  return held.sort((one, other) => other.item.taken.length - one.item.taken.length || byDensity(one, other));
}

/** Dust of the simplex is nothing. */
export function worthAt(values: Float64Array, { id }: Item): number {
  const value = values[id] as number;
  return value > 1e-12 ? value : 0;
}

/** The most valuable for what it weighs first; what weighs nothing fits beside anything. */
function byDensity(one: Held, other: Held): number {
  return other.value * one.weight - one.value * other.weight || one.item.id - other.item.id;
}

function restsOf(held: readonly Held[], width: number): Search['rests'] {
  const ranked = [...held.entries()].sort(([, one], [, other]) => byDensity(one, other));
  return held.map((_, level) => {
    const order = ranked.filter(([at]) => at >= level).map(([, entry]) => entry);
    const dims = Array.from({ length: width }, (_, dim) => dim).filter((dim) => order.some(({ item }) => item.taken.includes(dim)));
    return { order, dims };
  });
}

/**
 * All dimensions weighed into one (a surrogate, valid for any weights >= 0), items by density until it is full, the last one in part
 * (Dantzig); of each item no more than the room left would hold alone.
 */
function relaxed({ held, rests, free, weights }: Search, level: number, into?: Float64Array): number {
  const { order, dims } = rests[level] ?? { order: [], dims: [] };
  let left = 0;
  for (const dim of dims) if ((weights[dim] as number) > 0) left += (weights[dim] as number) * Math.max(0, free[dim] as number);
  let bound = 0;
  for (const entry of order) {
    const most = fitting(entry.item, free, entry.limit);
    if (most === 0) continue;
    const part = entry.weight > 0 ? Math.min(most, left / entry.weight) : most;
    bound += part * entry.value;
    if (into !== undefined) into[held.indexOf(entry)] = part;
    left -= part * entry.weight;
    if (part < most) break;
  }
  return bound;
}

function fitting({ taken, amounts }: Item, free: Float64Array, limit: number): number {
  let most = limit;
  for (let at = 0; at < taken.length; at++) {
    const asked = amounts[taken[at] as number] as number;
    const room = free[taken[at] as number] as number;
    if (room < asked) return 0;
    if (room < asked * most) most = Math.floor(room / asked);
  }
  return most;
}

function take({ taken, amounts }: Item, free: Float64Array, pods: number): void {
  for (const dim of taken) free[dim] = (free[dim] as number) - pods * (amounts[dim] as number);
}
