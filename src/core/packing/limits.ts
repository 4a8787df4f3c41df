import { type Fleet, SIZE_CELLS, sizeColumn } from './fleet.ts';
import type { Candidate } from './launch.ts';
import type { CapacityType, LaunchCaps, PackingPool, PackingProblem } from './problem.ts';

export type Tally = { nodes: number; vcpus: number; memoryGiB: number; usdPerHour: number };
type Caps = LaunchCaps & { readonly whose?: string };
type Share = { spotVcpus: number; vcpus: number; initialSpotVcpus: number; initialVcpus: number; readonly percent: number };

/** What pools and the whole problem may still launch, and which capacity type keeps a pool's spot share. */
export type LaunchLimits = {
  readonly all: Tally;
  readonly byPool: ReadonlyMap<string, Tally>;
  readonly shares: ReadonlyMap<string, Share>;
  readonly caps: Caps | undefined;
};

export function launchLimits(problem: PackingProblem, fleet: Fleet): LaunchLimits {
  const nothing: Readonly<Tally> = { nodes: 0, vcpus: 0, memoryGiB: 0, usdPerHour: 0 };
  const all: Tally = { ...nothing };
  const byPool = new Map<string, Tally>(problem.pools.map((pool) => [pool.name, { ...nothing }]));
  const shares = new Map<string, Share>();
  for (const pool of problem.pools) {
    if (pool.spotPercent === undefined) continue;
    shares.set(shareGroup(pool), { spotVcpus: 0, vcpus: 0, initialSpotVcpus: 0, initialVcpus: 0, percent: pool.spotPercent });
  }
  const tallies = problem.pools.map((pool) => ({ own: byPool.get(pool.name) as Tally, share: shares.get(shareGroup(pool)) }));
  const sizes = sizeColumn(fleet);
  for (let at = 0; at < sizes.length; at += SIZE_CELLS) {
    const tally = tallies[sizes[at] as number];
    if (tally === undefined) continue;
    const vcpus = sizes[at + 1] as number;
    for (const counted of [all, tally.own]) {
      counted.nodes += 1;
      counted.vcpus += vcpus;
      counted.memoryGiB += sizes[at + 4] as number;
      counted.usdPerHour += sizes[at + 2] as number;
    }
    if (tally.share === undefined) continue;
    tally.share.vcpus += vcpus;
    if (sizes[at + 3] === 1) tally.share.spotVcpus += vcpus;
  }
  for (const share of shares.values()) {
    share.initialSpotVcpus = share.spotVcpus;
    share.initialVcpus = share.vcpus;
  }
  return { all, byPool, shares, caps: problem.limits };
}

export function shareGroup(pool: PackingPool): string {
  return pool.spotShareGroup ?? pool.name;
}

/** Both capacity types are wanted: which a node is matters to the others. */
export function isMixed({ spotPercent }: PackingPool): boolean {
  return spotPercent !== undefined && spotPercent > 0 && spotPercent < 100;
}

function count(tally: Tally, size: Tally, sign: number): void {
  tally.nodes += sign * size.nodes;
  tally.vcpus += sign * size.vcpus;
  tally.memoryGiB += sign * size.memoryGiB;
  tally.usdPerHour += sign * size.usdPerHour;
}

/** Adds (1) or takes back (-1) a launch. */
export function countLaunch(limits: LaunchLimits, candidate: Candidate, sign: number): void {
  const { pool, vcpus, memoryGiB } = candidate.shape;
  const size = { nodes: 1, vcpus, memoryGiB, usdPerHour: candidate.usdPerHour };
  count(limits.all, size, sign);
  count(limits.byPool.get(pool.name) as Tally, size, sign);
  const share = limits.shares.get(shareGroup(pool));
  if (share === undefined) return;
  share.vcpus += sign * vcpus;
  if (candidate.capacityType === 'spot') share.spotVcpus += sign * vcpus;
}

/** The limit that a launch would break, as one phrase; undefined if none. */
export function brokenLimit(limits: LaunchLimits, candidate: Candidate): string | undefined {
  const { pool } = candidate.shape;
  return (
    brokenCap(limits.all, limits.caps, candidate, limits.caps?.whose ?? 'the limit') ??
    brokenCap(limits.byPool.get(pool.name) as Tally, pool.limits, candidate, `the limit of pool ${pool.name}`)
  );
}

/** Would the limits be broken by one launch in place of another of the same pool? */
export function brokenExchange(limits: LaunchLimits, from: Candidate, to: Candidate): boolean {
  const { pool } = from.shape;
  return exceeds(limits.all, limits.caps, from, to) || exceeds(limits.byPool.get(pool.name) as Tally, pool.limits, from, to);
}

function exceeds(tally: Tally, caps: LaunchCaps | undefined, from: Candidate, to: Candidate): boolean {
  if (caps === undefined) return false;
  return (
    tally.vcpus + to.shape.vcpus - from.shape.vcpus > (caps.vcpus ?? Infinity) ||
    tally.memoryGiB + to.shape.memoryGiB - from.shape.memoryGiB > (caps.memoryGiB ?? Infinity) ||
    tally.usdPerHour + to.usdPerHour - from.usdPerHour > (caps.usdPerHour ?? Infinity) + CENT_DUST
  );
}

/** No node can become dearer by as much: what all and the pool may still pay, and a bit more. */
export function dollarsLeft(limits: LaunchLimits, pool: PackingPool): number {
  const all = (limits.caps?.usdPerHour ?? Infinity) - limits.all.usdPerHour;
  const own = (pool.limits?.usdPerHour ?? Infinity) - (limits.byPool.get(pool.name) as Tally).usdPerHour;
  return Math.max(0, Math.min(all, own)) + 2 * CENT_DUST;
}

// Sums of prices carry rounding of the last bits; a cap met exactly is kept.
const CENT_DUST = 1e-9;

function brokenCap(tally: Tally, caps: Caps | undefined, candidate: Candidate, whose: string): string | undefined {
  if (caps === undefined) return undefined;
  if (tally.nodes + 1 > (caps.nodes ?? Infinity)) return `${whose} of ${caps.nodes} nodes`;
  if (tally.vcpus + candidate.shape.vcpus > (caps.vcpus ?? Infinity)) return `${whose} of ${caps.vcpus} vCPUs`;
  if (tally.memoryGiB + candidate.shape.memoryGiB > (caps.memoryGiB ?? Infinity)) return `${whose} of ${caps.memoryGiB} GiB of memory`;
  if (tally.usdPerHour + candidate.usdPerHour > (caps.usdPerHour ?? Infinity) + CENT_DUST)
    return `${whose} of ${caps.usdPerHour} USD per hour`;
  return undefined;
}

/**
 * The capacity type that brings the pool's spot share closest to its percentage if a node of so many vCPUs is added; undefined where
 * the pool sets no share. Taking it each time keeps the share exact to one node.
 */
export function wantedCapacityType(limits: LaunchLimits, pool: PackingPool, vcpus: number): CapacityType | undefined {
  const share = limits.shares.get(shareGroup(pool));
  if (share === undefined || pool.spotPercent === undefined) return undefined;
  const target = ((share.vcpus + vcpus) * pool.spotPercent) / 100;
  return Math.abs(share.spotVcpus + vcpus - target) < Math.abs(share.spotVcpus - target) ? 'spot' : 'on-demand';
}
