import { bytesText, type Item, type Option, type PatternProblem } from './items.ts';
import type { LimitRow } from './limit-rows.ts';
import { type Column, optimise, startSimplex } from './simplex.ts';

/**
 * The resource relaxation: nodes may be bought in parts, and each resource of a pod may come from a different node that the pod is
 * allowed on. No real plan is cheaper. Its duals are the price of a unit of each resource.
 */
export type Fluid = {
  /** Proven: scaled until the duals are feasible to the last bit, whatever the simplex's rounding did. */
  readonly usdPerHour: number;
  /** By option: USD per hour and unit of each dimension there. */
  readonly weights: readonly Float64Array[];
  /** By item: what its amounts are worth. */
  readonly values: Float64Array;
  /** By limit: USD per hour that a unit more would save. */
  readonly prices: Float64Array;
  /** The limits do not even allow parts of nodes for all items. */
  readonly isShort: boolean;
};

// In parts of the largest machine: more than the simplex's rounding.
const SHORT = 1e-5;

type Side = { readonly members: readonly number[]; readonly demand: Float64Array };

export function solveFluid({ items, options, width, limits }: PatternProblem, absorbed?: Float64Array): Fluid {
  const groups = itemGroups(items, width, absorbed);
  const sides = optionGroups(options, groups, items);
  const scale = Float64Array.from({ length: width }, (_, dim) => scaleOf(options, dim));
  const rowOfGroup = (group: number, dim: number) => group * width + dim;
  const rowOfSide = (side: number, dim: number) => (groups.length + side) * width + dim;
  const firstLimit = (groups.length + sides.openTo.length) * width;
  const columns: Column[] = options.map((option, id) =>
    withUses(roomColumn(option, rowOfSide(sides.byOption[id] as number, 0), scale), option, firstLimit),
  );
  for (const [side, open] of sides.openTo.entries()) {
    for (const group of open) {
      for (const dim of range(width))
        columns.push(
          column(0, [
            [rowOfGroup(group, dim), 1],
            [rowOfSide(side, dim), -1],
          ]),
        );
      // An amount without a limit on some machine costs nothing there: it can be had for the price of nothing else.
      for (const dim of sides.unlimited[side] as readonly number[]) columns.push(column(0, [[rowOfGroup(group, dim), 1]]));
    }
  }
  const rows = firstLimit;
  const demand = new Float64Array(rows);
  for (const [group, { demand: wanted }] of groups.entries())
    for (const dim of range(width)) demand[rowOfGroup(group, dim)] = (wanted[dim] as number) / (scale[dim] as number);
  const dear = 1000 * options.reduce((most, option) => Math.max(most, option.usdPerHour), 1);
  const start = range(rows).map((row) => column(dear, [[row, 1]]));
  const excess = excessColumns(limits, firstLimit);
  const simplex = startSimplex(
    [...start, ...limits.map(({ left }, limit) => (left < 0 ? excess[limit] : undefined))],
    Float64Array.of(...demand.map((amount, row) => amount + 1e-9 * (row + 1)), ...limits.map(({ left }) => -left)),
  );
  simplex.columns.push(...columns, ...excess.filter((one) => one !== undefined));
  optimise(simplex, 40 * (rows + limits.length) + 200);
  const price = (group: number, dim: number) => Math.max(0, simplex.duals[rowOfGroup(group, dim)] as number) / (scale[dim] as number);
  const prices = Float64Array.from(limits, (_, limit) => Math.max(0, simplex.duals[firstLimit + limit] as number));
  const fluid = proven(items, options, groups, sides, price, width, prices);
  const allowance = limits.reduce((sum, { left }, limit) => sum + (prices[limit] as number) * left, 0);
  const isShort =
    limits.length > 0 && simplex.basis.some((index, position) => index >= 0 && index < rows && (simplex.x[position] as number) > SHORT);
  return { ...fluid, usdPerHour: fluid.usdPerHour - allowance, isShort };
}

/** What taking more than is left costs, limit by limit. */
export function excessColumns(limits: readonly LimitRow[], firstRow: number): readonly (Column | undefined)[] {
  return limits.map(({ excessUsd }, limit) => (excessUsd === undefined ? undefined : column(excessUsd, [[firstRow + limit, 1]])));
}

/** What a node costs where limits have these prices. */
export function pricedAt({ usdPerHour, uses }: Option, prices: ArrayLike<number>): number {
  let usd = usdPerHour;
  for (let limit = 0; limit < uses.length; limit++) usd += (prices[limit] as number) * (uses[limit] as number);
  return uses.length === 0 ? usd : Math.max(usd, 1e-3 * usdPerHour);
}

function proven(
  items: readonly Item[],
  options: readonly Option[],
  groups: readonly Side[],
  sides: OptionGroups,
  price: (group: number, dim: number) => number,
  width: number,
  prices: Float64Array,
): Omit<Fluid, 'isShort'> {
  const weights = sides.openTo.map((open, side) =>
    Float64Array.from({ length: width }, (_, dim) =>
      (sides.unlimited[side] as readonly number[]).includes(dim) ? 0 : Math.max(0, ...open.map((group) => price(group, dim))),
    ),
  );
  let excess = 1;
  for (const [id, option] of options.entries()) {
    const worth = dot(weights[sides.byOption[id] as number] as Float64Array, option.room);
    excess = Math.max(excess, worth / pricedAt(option, prices));
  }
  let usdPerHour = 0;
  const values = new Float64Array(items.length);
  for (const [group, { members, demand }] of groups.entries()) {
    for (const dim of range(width)) {
      // A dimension that is free somewhere the group may go has no price for it.
      const free = sides.openTo.some((open, side) => open.includes(group) && (sides.unlimited[side] as readonly number[]).includes(dim));
      const unit = free ? 0 : price(group, dim) / excess;
      usdPerHour += unit * (demand[dim] as number);
      for (const item of members) values[item] = (values[item] as number) + unit * ((items[item] as Item).amounts[dim] as number);
    }
  }
  return { usdPerHour, weights: options.map((_, id) => weights[sides.byOption[id] as number] as Float64Array), values, prices };
}

function dot(weights: Float64Array, room: Float64Array): number {
  let sum = 0;
  for (let dim = 0; dim < weights.length; dim++) if (weights[dim] !== 0) sum += (weights[dim] as number) * (room[dim] as number);
  return sum;
}

/** Items with the same machines to choose from; their demand less what existing nodes could absorb of it. */
function itemGroups(items: readonly Item[], width: number, absorbed: Float64Array | undefined): readonly Side[] {
  const groups = new Map<string, { members: number[]; demand: Float64Array }>();
  const texts = new Map<Uint8Array, string>();
  for (const item of items) {
    const key = texts.get(item.eligible) ?? bytesText(item.eligible);
    texts.set(item.eligible, key);
    const group = groups.get(key) ?? { members: [], demand: new Float64Array(width) };
    group.members.push(item.id);
    for (const dim of item.taken) group.demand[dim] = (group.demand[dim] as number) + item.count * (item.amounts[dim] as number);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ members, demand }) => ({
    members,
    demand: demand.map((amount, dim) => Math.max(0, amount - (absorbed?.[dim] ?? 0))),
  }));
}

type OptionGroups = {
  readonly byOption: readonly number[];
  readonly openTo: readonly (readonly number[])[];
  readonly unlimited: readonly (readonly number[])[];
};

function optionGroups(options: readonly Option[], groups: readonly Side[], items: readonly Item[]): OptionGroups {
  const known = new Map<string, number>();
  const openTo: number[][] = [];
  const unlimited: number[][] = [];
  const eligible = groups.map(({ members }) => (items[members[0] as number] as Item).eligible);
  const byOption = options.map((option, id) => {
    let key = '';
    for (let group = 0; group < eligible.length; group++) if (eligible[group]?.[id] === 1) key += `${group},`;
    key += ';';
    for (let dim = 0; dim < option.room.length; dim++) if (!finite(option, dim)) key += `${dim},`;
    let side = known.get(key);
    if (side === undefined) {
      side = openTo.length;
      known.set(key, side);
      openTo.push([...groups.keys()].filter((group) => eligible[group]?.[id] === 1));
      unlimited.push([...option.room.keys()].filter((dim) => !finite(option, dim)));
    }
    return side;
  });
  return { byOption, openTo, unlimited };
}

function finite(option: Option, dim: number): boolean {
  return Number.isFinite(option.room[dim]);
}

function scaleOf(options: readonly Option[], dim: number): number {
  let most = 1;
  for (const option of options) if (finite(option, dim)) most = Math.max(most, option.room[dim] as number);
  return most;
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index);
}

/** What a machine covers of its side's rows, which begin at `first`: there are hundreds of machines, and a plan asks several times. */
/** And what a node takes of limits. */
function withUses(room: Column, { uses }: Option, firstLimit: number): Column {
  if (uses.length === 0) return room;
  const taken = [...uses].flatMap((amount, limit) => (amount === 0 ? [] : [[firstLimit + limit, -amount] as const]));
  if (taken.length === 0) return room;
  return {
    cost: room.cost,
    rows: Int32Array.of(...room.rows, ...taken.map(([row]) => row)),
    values: Float64Array.of(...room.values, ...taken.map(([, value]) => value)),
  };
}

function roomColumn({ room, usdPerHour }: Option, first: number, scale: Float64Array): Column {
  let bounded = 0;
  for (let dim = 0; dim < room.length; dim++) if (Number.isFinite(room[dim])) bounded++;
  const rows = new Int32Array(bounded);
  const values = new Float64Array(bounded);
  for (let dim = 0, at = 0; dim < room.length; dim++) {
    if (!Number.isFinite(room[dim])) continue;
    rows[at] = first + dim;
    values[at++] = (room[dim] as number) / (scale[dim] as number);
  }
  return { cost: usdPerHour, rows, values };
}

function column(cost: number, entries: readonly (readonly [number, number])[]): Column {
  return { cost, rows: Int32Array.from(entries, ([row]) => row), values: Float64Array.from(entries, ([, value]) => value) };
}
