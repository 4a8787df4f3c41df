import { canPlace } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { type Ledger, openNode, place } from '../ledger.ts';
import { brokenLimit, wantedCapacityType } from '../limits.ts';
import { placePods } from '../place.ts';
import type { Fluid } from './fluid.ts';
import { growNodes } from './grow.ts';
import type { Member, PatternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { assignZones, byNeed, byStrictness, candidateIn, type ZoneNeeds, zoneNeeds } from './zones.ts';

/** Places that patterns keep for an item on the nodes of one zone. */
type Slots = { readonly nodes: number[]; readonly left: number[]; cursor: number };

/**
 * Makes nodes of patterns and puts pods onto them, each judged by every rule. A pattern says how many pods of an item a node holds, not
 * which: that freedom is what the rules between pods are kept with. What finds no such place goes wherever there is room, or onto a new
 * node. Answers how many pods of each class are left.
 */
export function realise(
  ledger: Ledger,
  problem: PatternProblem,
  patterns: readonly Pattern[],
  fluid: Fluid,
  shuffle: number,
  mayLaunch = true,
): Map<number, number> {
  const plan = zoneNeeds(ledger, problem, fluid, shuffle);
  const zoneOf = assignZones(patterns, plan, fluid.values, shuffle);
  const slots = slotsOf(problem, plan);
  for (const [index, pattern] of patterns.entries()) {
    const zone = zoneOf[index] as number;
    const { pool, vcpus } = (pattern.option.candidates[0] as (typeof pattern.option.candidates)[number]).shape;
    const candidate = candidateIn(pattern, plan.zones[zone] as string, wantedCapacityType(ledger.limits, pool, vcpus));
    if (candidate === undefined || brokenLimit(ledger.limits, candidate) !== undefined) continue;
    const node = openNode(ledger, candidate);
    for (const [at, item] of pattern.items.entries()) {
      const there = (slots[item] as Slots[])[zone] as Slots;
      there.nodes.push(node.index);
      there.left.push(pattern.counts[at] as number);
    }
  }
  return fill(ledger, problem, plan, slots, mayLaunch);
}

/** Items that differ only in whether they may be left out share their places: whoever must have one goes first. */
function slotsOf({ items }: PatternProblem, { zones }: ZoneNeeds): readonly (readonly Slots[])[] {
  const shared = new Map<string, readonly Slots[]>();
  const fresh = () => zones.map((): Slots => ({ nodes: [], left: [], cursor: 0 }));
  if (!items.some(({ optional }) => optional)) return items.map(fresh);
  return items.map(({ amounts, eligible }) => {
    const key = `${amounts.join()};${eligible.join('')}`;
    const slots = shared.get(key) ?? fresh();
    shared.set(key, slots);
    return slots;
  });
}

function fill(
  ledger: Ledger,
  problem: PatternProblem,
  plan: ZoneNeeds,
  slots: readonly (readonly Slots[])[],
  mayLaunch: boolean,
): Map<number, number> {
  const itemOf = new Map<Member, number>();
  for (const item of problem.items) for (const member of item.members) itemOf.set(member, item.id);
  const limited = problem.limits.some(({ excessUsd }) => excessUsd === undefined);
  const waiting: Member[] = [];
  for (const member of byStrictness(
    problem.items.flatMap((item) => item.members),
    limited,
  )) {
    const { variant, count } = member;
    const placed = placeMember(ledger, variant, count, slots[itemOf.get(member) as number] as readonly Slots[], plan.targets.get(member));
    if (placed < count) waiting.push({ ...member, count: count - placed });
  }
  const left = new Map<number, number>();
  if (limited) waiting.sort(byNeed);
  const tooLarge: Variant[] = [];
  for (const { variant, count } of waiting) {
    const placed = limited
      ? placeWithin(ledger, variant, count, mayLaunch, tooLarge)
      : placePods(ledger, variant, count, 'nodes and launches');
    left.set(variant.class.id, (left.get(variant.class.id) ?? 0) + count - placed);
  }
  return left;
}

/** What limits leave for pods without a place: room on nodes, then larger nodes, then more of them. */
function placeWithin(ledger: Ledger, variant: Variant, count: number, mayLaunch: boolean, tooLarge: Variant[]): number {
  let placed = placePods(ledger, variant, count, 'nodes');
  if (placed < count) placed += growNodes(ledger, variant, count - placed, tooLarge);
  if (placed < count && mayLaunch) placed += placePods(ledger, variant, count - placed, 'nodes and launches');
  return placed;
}

function placeMember(ledger: Ledger, variant: Variant, count: number, slots: readonly Slots[], targets: Float64Array | undefined): number {
  const wanted = targets?.slice() ?? new Float64Array(slots.length);
  // Rules that change as pods are placed make a node acceptable again: then every pod looks from the start.
  const changing = variant.spreads.length > 0 || variant.affinities.length > 0;
  for (const there of slots) there.cursor = 0;
  const zones = new Int32Array(slots.length);
  let placed = 0;
  for (; placed < count; placed++) {
    let done = false;
    sortZones(zones, slots, wanted, targets !== undefined);
    for (let turn = 0; turn < zones.length; turn++) {
      const zone = zones[turn] as number;
      const there = slots[zone] as Slots;
      const at = nextSlot(ledger, variant, there, changing);
      if (at < 0) continue;
      place(ledger, variant, there.nodes[at] as number);
      there.left[at] = (there.left[at] as number) - 1;
      if (there.left[at] === 0) dropSlot(there, at);
      wanted[zone] = (wanted[zone] as number) - 1;
      done = true;
      break;
    }
    if (!done) break;
  }
  return placed;
}

/** Where pods are wanted most, or where most nodes have places for them, comes first; of equal ones the first. */
function sortZones(zones: Int32Array, slots: readonly Slots[], wanted: Float64Array, targeted: boolean): void {
  const rank = (zone: number) => (targeted ? (wanted[zone] as number) : (slots[zone] as Slots).nodes.length);
  for (let zone = 0; zone < zones.length; zone++) {
    const own = rank(zone);
    let at = zone;
    for (; at > 0 && rank(zones[at - 1] as number) < own; at--) zones[at] = zones[at - 1] as number;
    zones[at] = zone;
  }
}

function nextSlot(ledger: Ledger, variant: Variant, there: Slots, changing: boolean): number {
  if (changing) there.cursor = 0;
  for (; there.cursor < there.nodes.length; there.cursor++)
    if (canPlace(ledger, variant, there.nodes[there.cursor] as number)) return there.cursor;
  return -1;
}

function dropSlot(there: Slots, at: number): void {
  there.nodes.splice(at, 1);
  there.left.splice(at, 1);
}
