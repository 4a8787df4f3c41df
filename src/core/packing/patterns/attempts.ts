import type { Candidate } from '../launch.ts';
import type { Effort } from './columns.ts';
import { holdsItem, type Option, type PatternProblem } from './items.ts';
import { hasZoneRules } from './zones.ts';

/** One way to plan the same launches. */
export type Attempt = {
  /** How many pods a node should have room for. */
  readonly podsPerNode: number;
  /** Varies which zones are chosen; 0: as planned. */
  readonly shuffle: number;
  /** Zones are decided before patterns are. */
  readonly zoned: boolean;
  /** Instance types not to use. */
  readonly without: readonly string[];
  /** The part of each limit that patterns leave for pods that find no place in them. */
  readonly reserve: number;
  /** The part of a limit on nodes that is kept for the small ones that come last. */
  readonly spare: number;
};

// So few pods that an attempt in vain costs little.
const SURVEYED = 400;
const SIZES = [16, 8, 24, 12] as const;
// Few kinds of pods may leave a gap on every machine but a large one, and a whole plan of few kinds costs little.
const LARGE = [64, 256, 6] as const;
const FEW_KINDS = 8;
export const FIRST: Attempt = { podsPerNode: SIZES[0], shuffle: 0, zoned: false, without: [], reserve: 0, spare: 0.15 };
export const RESERVES = [0.003, 0.01, 0.03] as const;
export const SPARES = [0.3, 0.05, 0] as const;

/** The fewer the pods, the more attempts: each costs its pods, and a plan of few nodes leaves the most to gain. */
export function attemptsFor(effort: Effort, pods: number, { items, limits }: PatternProblem, zonesMatter: boolean): readonly Attempt[] {
  const share = (100 / pods) ** 2;
  const tried = (most: number, zoned: boolean): readonly Attempt[] =>
    Array.from({ length: Math.min(most, Math.floor(most * share)) }, (_, index) => ({
      podsPerNode: SIZES[zoned ? 0 : index % SIZES.length] as number,
      shuffle: zoned ? index : Math.floor(index / SIZES.length),
      zoned,
      without: [],
      reserve: 0,
      spare: FIRST.spare,
    }));
  const zones = items.some((item) => item.members.some(({ variant }) => hasZoneRules(variant)));
  // Where zones differ in price, patterns that do not know their pods' zones are of little use.
  if (zones && zonesMatter) {
    const hasShare = limits.some(({ excessUsd }) => excessUsd !== undefined);
    const blind = hasShare && pods > SURVEYED ? [] : tried(effort.attempts, false).slice(0, 1);
    return [{ ...FIRST, zoned: true }, ...tried(effort.zonedAttempts, true).slice(1), ...blind];
  }
  const large = items.length <= FEW_KINDS && effort.rounds > 0 ? LARGE.map((podsPerNode) => ({ ...FIRST, podsPerNode })) : [];
  return [FIRST, ...large, ...tried(effort.attempts, false).slice(1), ...(zones ? tried(effort.zonedAttempts, true) : [])];
}

// Above this many pods the LP is not misled by single types.
const FEW_PODS = 60;
const MOST_WITHOUT = 4;

/**
 * For few pods: is there a cheaper plan without one of the types in use? A type that is a bargain for some pods can leave the others
 * badly packed, and a catalog with it must not give a dearer plan than one without.
 */
export function doWithout(
  problem: PatternProblem,
  pods: number,
  best: () => { readonly types: readonly string[]; readonly leavesPods: boolean },
  isBetter: (without: readonly string[]) => boolean,
): void {
  if (pods > FEW_PODS) return;
  let without: readonly string[] = [];
  for (let round = 0; round < MOST_WITHOUT; round++) {
    const { types, leavesPods } = best();
    const spared = types.filter((type) => !without.includes(type) && holdsAll(problem, [...without, type]));
    // Where pods are left it may take two types less to place them.
    const next = spared.find((type) => isBetter([...without, type])) ?? (leavesPods ? spared[0] : undefined);
    if (next === undefined) return;
    without = [...without, next];
  }
}

export function choicesOf(problem: PatternProblem, without: readonly string[]): readonly Option[] {
  return without.length === 0
    ? problem.options
    : problem.options.filter((option) => !without.includes((option.candidates[0] as Candidate).shape.type.name));
}

function holdsAll(problem: PatternProblem, without: readonly string[]): boolean {
  const choices = choicesOf(problem, without);
  return problem.items.every((item) => choices.some((option) => holdsItem(option, item)));
}
