import { spreadMinimum } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { ZONE } from '../filters.ts';
import type { Candidate, LaunchSpace } from '../launch.ts';
import { type Ledger, roomOf } from '../ledger.ts';
import type { Counter } from '../topology.ts';
import type { Fluid } from './fluid.ts';
import type { Member, PatternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';

/** How many pods of each item should find a place in each zone: zone by zone, then item by item. */
export type ZoneNeeds = {
  readonly zones: readonly string[];
  readonly needs: readonly Float64Array[];
  readonly targets: ReadonlyMap<Member, Float64Array>;
};

/**
 * Where pods with rules about zones will want to go, before any node exists: groups that stay together are spread over the zones by
 * weight, the heaviest first; pods that spread are shared equally. Pods without such rules fill what is left, so this need not be exact.
 */
export function zoneNeeds(ledger: Ledger, problem: PatternProblem, fluid: Fluid, shuffle: number): ZoneNeeds {
  const zones = zonesOf(ledger.space);
  const needs = zones.map(() => new Float64Array(problem.items.length));
  const targets = new Map<Member, Float64Array>();
  const homes = homesOf(ledger, problem, zones, fluid, shuffle);
  const dealt = zonesDiffer(ledger.space) ? dealZones(ledger, problem, zones) : undefined;
  for (const item of problem.items) {
    for (const member of item.members) {
      const share = shareOf(member, zones, homes, ledger);
      if (share === undefined) continue;
      const target = dealt?.get(member) ?? share.map((part) => part * member.count);
      targets.set(member, target);
      for (const [zone, pods] of target.entries())
        (needs[zone] as Float64Array)[item.id] = ((needs[zone] as Float64Array)[item.id] as number) + pods;
    }
  }
  return { zones, needs, targets };
}

function shareOf(
  { variant, zone: decided }: Member,
  zones: readonly string[],
  homes: ReadonlyMap<Counter, number>,
  ledger: Ledger,
): Float64Array | undefined {
  if (decided !== undefined) return Float64Array.from(zones, (zone) => (zone === decided ? 1 : 0));
  for (const counter of zoneAffinities(variant)) {
    const share = new Float64Array(zones.length);
    const taken = zones.findIndex((zone) => countIn(counter, zone) > 0);
    share[taken >= 0 ? taken : (homes.get(counter) ?? 0)] = 1;
    return share;
  }
  const spreads = variant.spreads.filter(({ rule }) => rule.key === ZONE);
  if (spreads.length === 0 || ledger.space.candidates.length === 0) return undefined;
  if (spreads.some(({ self }) => self === 1) || zonesDiffer(ledger.space)) return new Float64Array(zones.length).fill(1 / zones.length);
  // Judged by pods that come after them: free while there are none, else where there are few.
  const open = zones.map((zone) =>
    spreads.every((spread) => countIn(spread.counter, zone) - spreadMinimum(ledger, spread) <= spread.rule.maxSkew),
  );
  const count = open.filter(Boolean).length;
  return count === 0 || count === zones.length ? undefined : Float64Array.from(open, (is) => (is ? 1 / count : 0));
}

/**
 * Zones for pods that spread, one by one in the order in which they will be placed: each to the zone where there are fewest of those that
 * count like it. So every count stays level and no pod's rule ever keeps it from the zone that patterns were made for.
 */
function dealZones(ledger: Ledger, { items }: PatternProblem, zones: readonly string[]): ReadonlyMap<Member, Float64Array> {
  const dealt = new Map<Member, Float64Array>();
  const counts = new Map<Counter, Float64Array>();
  const countsOf = (counter: Counter): Float64Array => {
    let known = counts.get(counter);
    if (known === undefined) {
      known = Float64Array.from(zones, (zone) => countIn(counter, zone));
      counts.set(counter, known);
    }
    return known;
  };
  let turn = 0;
  for (const member of byStrictness(items.flatMap((item) => item.members))) {
    const { variant, count, zone } = member;
    if (zone !== undefined || zoneAffinities(variant).length > 0) continue;
    const rules = variant.spreads.filter(({ rule }) => rule.key === ZONE);
    if (rules.length === 0) continue;
    const raised = ledger.compiled.topology.spread.filter(({ counter }) => counter.table.key === ZONE && variant.counted.includes(counter));
    const target = new Float64Array(zones.length);
    for (let pod = 0; pod < count; pod++) {
      let best = 0;
      let least = Number.POSITIVE_INFINITY;
      for (let step = 0; step < zones.length; step++) {
        const at = (turn + step) % zones.length;
        let there = 0;
        for (const { counter } of raised) there += countsOf(counter)[at] as number;
        // Its own rule comes first: a zone that has too many of those that it avoids is the last choice.
        for (const { counter, self, rule } of rules)
          if ((countsOf(counter)[at] as number) + self - Math.min(...countsOf(counter)) > rule.maxSkew) there += 1e6;
        if (there < least) {
          least = there;
          best = at;
        }
      }
      if (raised.length === 0) turn += 1;
      target[best] = (target[best] as number) + 1;
      for (const { counter } of raised) {
        const there = countsOf(counter);
        there[best] = (there[best] as number) + 1;
      }
    }
    dealt.set(member, target);
  }
  return dealt;
}

export function hasZoneRules(variant: Variant): boolean {
  return zoneAffinities(variant).length > 0 || variant.spreads.some(({ rule }) => rule.key === ZONE);
}

export function zonesOf({ candidates }: LaunchSpace): readonly string[] {
  return [...new Set(candidates.map((candidate) => candidate.zone))].sort();
}

const differing = new WeakMap<LaunchSpace, boolean>();

/** Does it matter in which zone a node is bought: a machine that costs more in one zone than in another, or is not sold in one? */
export function zonesDiffer(space: LaunchSpace): boolean {
  let differ = differing.get(space);
  if (differ === undefined) {
    differ = readZonesDiffer(space);
    differing.set(space, differ);
  }
  return differ;
}

function readZonesDiffer({ candidates }: LaunchSpace): boolean {
  const zones = new Set(candidates.map((candidate) => candidate.zone)).size;
  const sold = new Map<string, { readonly usdPerHour: number; zones: number }>();
  for (const { shape, capacityType, usdPerHour } of candidates) {
    const key = `${shape.id} ${capacityType}`;
    const known = sold.get(key);
    if (known === undefined) sold.set(key, { usdPerHour, zones: 1 });
    else if (known.usdPerHour !== usdPerHour) return true;
    else known.zones += 1;
  }
  return [...sold.values()].some((one) => one.zones !== zones);
}

function zoneAffinities(variant: Variant): readonly Counter[] {
  return variant.affinities.flatMap(({ counters }) => counters.filter((counter) => counter.table.key === ZONE));
}

function countIn(counter: Counter, zone: string): number {
  const domain = counter.table.index.get(zone);
  return domain === undefined ? 0 : (counter.byDomain[domain] ?? 0);
}

/** The same pods with the zones decided: whole numbers near the targets, the odd ones dealt out in turn. */
export function splitByZone(members: readonly Member[], { zones, targets }: ZoneNeeds, shuffle: number): readonly Member[] {
  let turn = shuffle;
  return members.flatMap((member) => {
    const target = targets.get(member);
    if (target === undefined) return [member];
    const counts = target.map((part) => Math.floor(part + 1e-9));
    for (let odd = member.count - counts.reduce((sum, count) => sum + count, 0); odd > 0; odd--) {
      do turn = (turn + 1) % zones.length;
      while ((target[turn] as number) === 0);
      counts[turn] = (counts[turn] as number) + 1;
    }
    return zones.flatMap((zone, at) => ((counts[at] as number) > 0 ? [{ ...member, count: counts[at] as number, zone }] : []));
  });
}

/** A zone for each group that stays together: the heaviest group first, each to the zone with least so far. */
function homesOf(
  ledger: Ledger,
  problem: PatternProblem,
  zones: readonly string[],
  { values: worth, weights: weightsOf }: Fluid,
  shuffle: number,
): ReadonlyMap<Counter, number> {
  const weights = new Map<Counter, number>();
  for (const item of problem.items) {
    for (const { variant, count } of item.members) {
      for (const counter of zoneAffinities(variant)) weights.set(counter, (weights.get(counter) ?? 0) + count * (worth[item.id] as number));
    }
  }
  const loads = new Float64Array(Math.max(1, zones.length));
  const cheap = cheapZones(ledger, zones, weightsOf);
  const homes = new Map<Counter, number>();
  for (const [counter, weight] of [...weights].sort(([, left], [, right]) => right - left)) {
    const lightest = cheap.reduce((best, zone) => ((loads[zone] as number) < (loads[best] as number) ? zone : best));
    loads[lightest] = (loads[lightest] as number) + weight * (1 + 0.5 * noise(shuffle, homes.size, lightest));
    homes.set(counter, lightest);
  }
  return homes;
}

// Zones that cost hardly more than the cheapest share the groups among them.
const SAME_PRICE = 1.003;

/** The zones in which what pods take can be had at nearly the least price. */
function cheapZones(ledger: Ledger, zones: readonly string[], weightsOf: readonly Float64Array[]): readonly number[] {
  const all = [...zones.keys()];
  if (!zonesDiffer(ledger.space)) return all;
  const width = ledger.dims.names.length;
  const weights = new Float64Array(width);
  for (const some of new Set(weightsOf))
    for (let dim = 0; dim < width; dim++) weights[dim] = Math.max(weights[dim] as number, some[dim] as number);
  const prices = new Map<string, number>(zones.map((zone) => [zone, Number.POSITIVE_INFINITY]));
  for (const candidate of ledger.space.candidates) {
    const room = roomOf(ledger, candidate);
    let worth = 0;
    for (let dim = 0; dim < width; dim++) if ((weights[dim] as number) > 0) worth += (weights[dim] as number) * (room[dim] as number);
    if (worth > 0) prices.set(candidate.zone, Math.min(prices.get(candidate.zone) as number, candidate.usdPerHour / worth));
  }
  const cheapest = Math.min(...prices.values());
  const cheap = all.filter((zone) => (prices.get(zones[zone] as string) as number) <= cheapest * SAME_PRICE);
  return cheap.length > 0 ? cheap : all;
}

/** From -1 to 1, the same for the same numbers; 0 where nothing is to be shuffled. */
function noise(shuffle: number, first: number, second: number): number {
  if (shuffle === 0) return 0;
  let mixed = Math.imul(shuffle * 0x9e3779b1 + first * 0x85ebca6b + second * 0xc2b2ae35, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 13)) >>> 0) / 2147483648 - 1;
}

/** A zone for each bought node: where its items are wanted most, then where the least has been spent. */
export function assignZones(patterns: readonly Pattern[], plan: ZoneNeeds, worth: Float64Array, shuffle: number): readonly number[] {
  const open = plan.needs.map((needs) => needs.slice());
  const spent = new Float64Array(plan.zones.length);
  const zoneOf = Array.from(patterns, () => 0);
  const bySize = [...patterns.keys()].sort(
    (left, right) => (patterns[right] as Pattern).option.usdPerHour - (patterns[left] as Pattern).option.usdPerHour || left - right,
  );
  for (const index of bySize) {
    const pattern = patterns[index] as Pattern;
    let best = 0;
    let bestGain = Number.NEGATIVE_INFINITY;
    const { items, counts } = pattern;
    for (let zone = 0; zone < plan.zones.length; zone++) {
      if (!isSoldIn(pattern, plan.zones[zone] as string)) continue;
      const needs = open[zone] as Float64Array;
      let gain = -1e-3 * (spent[zone] as number);
      for (let at = 0; at < items.length; at++) {
        const item = items[at] as number;
        gain += Math.max(0, Math.min(counts[at] as number, needs[item] as number)) * (worth[item] as number);
      }
      gain *= 1 + 0.3 * noise(shuffle, index, zone);
      if (gain > bestGain + 1e-12) {
        bestGain = gain;
        best = zone;
      }
    }
    zoneOf[index] = best;
    spent[best] = (spent[best] as number) + pattern.option.usdPerHour;
    const needs = open[best] as Float64Array;
    for (let at = 0; at < items.length; at++) {
      const item = items[at] as number;
      needs[item] = (needs[item] as number) - (counts[at] as number);
    }
  }
  return zoneOf;
}

function isSoldIn({ option }: Pattern, zone: string): boolean {
  for (const candidate of option.candidates) if (candidate.zone === zone) return true;
  return false;
}

export function candidateIn(pattern: Pattern, zone: string, capacityType: Candidate['capacityType'] | undefined): Candidate | undefined {
  const there = pattern.option.candidates.filter((candidate) => candidate.zone === zone);
  return there.find((candidate) => candidate.capacityType === capacityType) ?? there[0];
}

/** Those that must have a place, then the higher priority. */
export function byNeed(one: Member, other: Member): number {
  return Number(one.optional ?? false) - Number(other.optional ?? false) || other.variant.class.priority - one.variant.class.priority;
}

/**
 * Rules of others first: whoever is judged by where earlier pods are goes while there are few of them, so that pods without rules of their
 * own never stand in the way. Pods that are together in a zone come after those that spread, whose counts they would make uneven. `byPriority`:
 * of pods with equal rules those that must have a place first, then the higher priority.
 */
export function byStrictness(members: readonly Member[], byPriority = false): readonly Member[] {
  const stage = ({ variant }: Member): number => {
    const spreads = variant.spreads.filter(({ rule }) => rule.key === ZONE);
    if (variant.affinities.some(({ counters }) => counters.some((counter) => counter.table.key !== ZONE))) return 0;
    if (variant.affinities.length > 0) return spreads.length > 0 ? 0 : 3;
    if (spreads.length > 0) return spreads.some(({ self }) => self === 0) ? 1 : 2;
    if (variant.spreads.some(({ self }) => self === 0)) return 4;
    if (variant.spreads.length > 0) return 5;
    return variant.avoids.length > 0 ? 6 : 7;
  };
  const staged = members.map((member) => ({ member, at: stage(member) }));
  const rank = byPriority ? byNeed : () => 0;
  const order = (one: Member, other: Member) => rank(one, other) || one.variant.id - other.variant.id;
  return staged.sort((left, right) => left.at - right.at || order(left.member, right.member)).map(({ member }) => member);
}
