import { admitsLaunch, topologyAdmitsLaunch } from './admit.ts';
import type { Variant } from './compile.ts';
import { HOSTNAME } from './filters.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, roomOf } from './ledger.ts';
import { brokenLimit, wantedCapacityType } from './limits.ts';
import { missingMinValues, wantsValues } from './min-values.ts';

/**
 * The node to open for pods of a variant: in the heaviest pool that can take them, the least price a pod, judged by how many of the
 * remaining ones it would hold. Undefined where no node may be opened.
 */
export function candidateFor(ledger: Ledger, variant: Variant, remaining: number): Candidate | undefined {
  for (const weight of weights(ledger)) {
    const isEligible = eligibility(ledger, variant, weight);
    const chosen = cheapest(ledger, variant, remaining, (candidate) => keepsShare(ledger, candidate) && isEligible(candidate));
    // The wanted capacity type may not be for sale, or not be allowed by the pods: then the other one is better than none.
    const found = chosen ?? cheapest(ledger, variant, remaining, isEligible);
    if (found !== undefined) return found;
  }
  return undefined;
}

function weights(ledger: Ledger): readonly number[] {
  return [...new Set(ledger.problem.pools.map((pool) => pool.weight ?? 0))].sort((left, right) => right - left);
}

function eligibility(ledger: Ledger, variant: Variant, weight: number): (candidate: Candidate) => boolean {
  const byDomain = new Map<string, boolean>();
  const keys = ledger.compiled.topology.tables.size > 0;
  return (candidate) => {
    if ((candidate.shape.pool.weight ?? 0) !== weight || !admitsLaunch(ledger, variant.filter, candidate)) return false;
    if (brokenLimit(ledger.limits, candidate) !== undefined) return false;
    if (!keys) return true;
    const domain = `${candidate.shape.id} ${candidate.zone} ${candidate.capacityType}`;
    const known = byDomain.get(domain) ?? topologyAdmitsLaunch(ledger, variant, candidate);
    byDomain.set(domain, known);
    return known;
  };
}

function keepsShare(ledger: Ledger, candidate: Candidate): boolean {
  const wanted = wantedCapacityType(ledger.limits, candidate.shape.pool, candidate.shape.vcpus);
  return wanted === undefined || wanted === candidate.capacityType;
}

function cheapest(
  ledger: Ledger,
  variant: Variant,
  remaining: number,
  isEligible: (candidate: Candidate) => boolean,
): Candidate | undefined {
  const most = Math.min(remaining, hostCap(variant));
  let best: Candidate | undefined;
  let bestPrice = Number.POSITIVE_INFINITY;
  for (const candidate of ledger.space.candidates) {
    // Cheapest first: a node that costs more than the best price for all pods together cannot win.
    if (candidate.usdPerHour / most >= bestPrice) break;
    const pods = Math.min(most, howMany(roomOf(ledger, candidate), variant.requests));
    if (pods === 0 || candidate.usdPerHour / pods >= bestPrice || !isEligible(candidate)) continue;
    if (wantsValues(candidate.shape.pool)) {
      const options = ledger.space.candidates.filter((option) => isEligible(option) && isExchange(ledger, variant, candidate, option));
      if (missingMinValues(candidate, options) !== undefined) continue;
    }
    best = candidate;
    bestPrice = candidate.usdPerHour / pods;
  }
  return best;
}

function isExchange(ledger: Ledger, variant: Variant, candidate: Candidate, option: Candidate): boolean {
  return (
    option.shape.pool === candidate.shape.pool &&
    option.zone === candidate.zone &&
    (option.shape.pool.spotPercent === undefined || option.capacityType === candidate.capacityType) &&
    howMany(roomOf(ledger, option), variant.requests) > 0
  );
}

/** How many pods of a variant one host may hold, by the variant's own rules. */
export function hostCap(variant: Variant): number {
  let cap = Number.POSITIVE_INFINITY;
  for (const counter of variant.avoids) if (counter.table.key === HOSTNAME && variant.counted.includes(counter)) cap = 1;
  for (const { rule, self } of variant.spreads) if (rule.key === HOSTNAME && self === 1) cap = Math.min(cap, rule.maxSkew);
  return cap;
}

export function howMany(room: Float64Array, requests: Float64Array): number {
  let pods = Number.POSITIVE_INFINITY;
  for (let dim = 0; dim < room.length; dim++) {
    const asked = requests[dim] as number;
    if (asked > 0) pods = Math.min(pods, Math.floor((room[dim] as number) / asked));
  }
  return Math.max(0, pods);
}
