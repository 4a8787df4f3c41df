import type { Variant } from '../compile.ts';
import { ZONE } from '../filters.ts';
import type { Candidate } from '../launch.ts';
import type { Ledger } from '../ledger.ts';
import type { Counter } from '../topology.ts';
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
export function zoneNeeds(ledger: Ledger, problem: PatternProblem, worth: Float64Array, shuffle: number): ZoneNeeds {
  const zones = [...new Set(problem.options.flatMap((option) => option.candidates.map((candidate) => candidate.zone)))].sort();
  const needs = zones.map(() => new Float64Array(problem.items.length));
  const targets = new Map<Member, Float64Array>();
  const homes = homesOf(problem, zones, worth, shuffle);
  for (const item of problem.items) {
    for (const member of item.members) {
      const { count } = member;
      const share = shareOf(member, zones, homes, ledger);
      if (share === undefined) continue;
      targets.set(
        member,
        share.map((part) => part * count),
      );
      for (const [zone, part] of share.entries())
        (needs[zone] as Float64Array)[item.id] = ((needs[zone] as Float64Array)[item.id] as number) + part * count;
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
  const spreads = variant.spreads.some(({ rule }) => rule.key === ZONE);
  return spreads && ledger.space.candidates.length > 0 ? new Float64Array(zones.length).fill(1 / zones.length) : undefined;
}

export function hasZoneRules(variant: Variant): boolean {
  return zoneAffinities(variant).length > 0 || variant.spreads.some(({ rule }) => rule.key === ZONE);
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
    return zones.flatMap((zone, at) =>
      (counts[at] as number) > 0 ? [{ variant: member.variant, count: counts[at] as number, zone }] : [],
    );
  });
}

/** A zone for each group that stays together: the heaviest group first, each to the zone with least so far. */
function homesOf(problem: PatternProblem, zones: readonly string[], worth: Float64Array, shuffle: number): ReadonlyMap<Counter, number> {
  const weights = new Map<Counter, number>();
  for (const item of problem.items) {
    for (const { variant, count } of item.members) {
      for (const counter of zoneAffinities(variant)) weights.set(counter, (weights.get(counter) ?? 0) + count * (worth[item.id] as number));
    }
  }
  const loads = new Float64Array(Math.max(1, zones.length));
  const homes = new Map<Counter, number>();
  for (const [counter, weight] of [...weights].sort(([, left], [, right]) => right - left)) {
    const lightest = loads.indexOf(Math.min(...loads));
    loads[lightest] = (loads[lightest] as number) + weight * (1 + 0.5 * noise(shuffle, homes.size, lightest));
    homes.set(counter, lightest);
  }
  return homes;
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
    for (const [zone, name] of plan.zones.entries()) {
      if (!pattern.option.candidates.some((candidate) => candidate.zone === name)) continue;
      const needs = open[zone] as Float64Array;
      let gain = -1e-3 * (spent[zone] as number);
      for (const [at, item] of pattern.items.entries()) {
        gain += Math.max(0, Math.min(pattern.counts[at] as number, needs[item] as number)) * (worth[item] as number);
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
    for (const [at, item] of pattern.items.entries()) needs[item] = (needs[item] as number) - (pattern.counts[at] as number);
  }
  return zoneOf;
}

export function candidateIn(pattern: Pattern, zone: string, capacityType: Candidate['capacityType'] | undefined): Candidate | undefined {
  const there = pattern.option.candidates.filter((candidate) => candidate.zone === zone);
  return there.find((candidate) => candidate.capacityType === capacityType) ?? there[0];
}

/**
 * Rules of others first: whoever is judged by where earlier pods are goes while there are few of them, so that pods without rules of their
 * own never stand in the way.
 */
export function byStrictness(members: readonly Member[]): readonly Member[] {
  const stage = ({ variant }: Member): number => {
    if (variant.affinities.length > 0) return 0;
    if (variant.spreads.some(({ rule, self }) => rule.key === ZONE && self === 0)) return 1;
    if (variant.spreads.some(({ rule }) => rule.key === ZONE)) return 2;
    if (variant.spreads.some(({ self }) => self === 0)) return 3;
    if (variant.spreads.length > 0) return 4;
    return variant.avoids.length > 0 ? 5 : 6;
  };
  return [...members].sort((left, right) => stage(left) - stage(right) || left.variant.id - right.variant.id);
}
