import type { Candidate } from '../launch.ts';
import type { Ledger } from '../ledger.ts';
import { isMixed, shareGroup } from '../limits.ts';
import type { LaunchCaps, PackingPool } from '../problem.ts';

/** Something that all nodes to launch may take only so much of together: a row of the pattern LP. */
export type LimitRow = {
  readonly left: number;
  /** What a node takes of it; below 0 where it leaves others more. */
  readonly takes: (candidate: Candidate) => number;
  /** USD per hour and unit for taking more than is left; undefined where none may. */
  readonly excessUsd: number | undefined;
  /** The part of what is left that is kept for the small nodes that come last; what counts dollars, vCPUs or memory needs none. */
  readonly spare: number;
};

const SIZES: Readonly<Record<keyof LaunchCaps, (candidate: Candidate) => number>> = {
  nodes: () => 1,
  vcpus: ({ shape }) => shape.vcpus,
  memoryGiB: ({ shape }) => shape.memoryGiB,
  usdPerHour: ({ usdPerHour }) => usdPerHour,
};

/** What is left of the limits on nodes, vCPUs, memory and dollars, over all and of each pool. */
export function capRows({ limits, problem }: Ledger): readonly LimitRow[] {
  const rowsOf = (caps: LaunchCaps | undefined, used: Required<LaunchCaps>, pool?: PackingPool): readonly LimitRow[] =>
    (['nodes', 'vcpus', 'memoryGiB', 'usdPerHour'] as const).flatMap((name) => {
      const most = caps?.[name];
      if (most === undefined) return [];
      const takes = SIZES[name];
      return [
        {
          left: Math.max(0, most - used[name]),
          takes: pool === undefined ? takes : (candidate: Candidate) => (candidate.shape.pool === pool ? takes(candidate) : 0),
          excessUsd: undefined,
          spare: name === 'nodes' ? SPARE : 0,
        },
      ];
    });
  return [
    ...rowsOf(limits.caps, limits.all),
    ...problem.pools.flatMap((pool) => {
      const used = limits.byPool.get(pool.name);
      return used === undefined ? [] : rowsOf(pool.limits, used, pool);
    }),
  ];
}

/**
 * Spot vCPUs are their share of all vCPUs: a row for more and one for less. Where pods keep that from being so exactly, what is off costs
 * more than any price that the share could have.
 */
export function shareRows({ limits, space }: Ledger): readonly LimitRow[] {
  return [...limits.shares].flatMap(([group, { spotVcpus, vcpus, percent }]): readonly LimitRow[] => {
    const own = space.candidates.filter(({ shape }) => isMixed(shape.pool) && shareGroup(shape.pool) === group);
    if (new Set(own.map(({ capacityType }) => capacityType)).size < 2) return [];
    const dearest = Math.max(...own.map(({ usdPerHour, shape }) => usdPerHour / Math.max(1, shape.vcpus)));
    const off = spotVcpus - (vcpus * percent) / 100;
    const inGroup = new Set(own.map(({ shape }) => shape.pool));
    const more = ({ shape, capacityType }: Candidate) =>
      inGroup.has(shape.pool) ? shape.vcpus * ((capacityType === 'spot' ? 1 : 0) - percent / 100) : 0;
    return [
      { left: -off, takes: more, excessUsd: EXCESS * dearest, spare: 0 },
      { left: off, takes: (candidate) => -more(candidate), excessUsd: EXCESS * dearest, spare: 0 },
    ];
  });
}

const EXCESS = 4;
// Nodes of twice the size cost twice as much: fewer of them first lose little, and the last pods need nodes of many sizes.
const SPARE = 0.15;

/** May one more node of these uses be bought with so much left of each limit? */
export function isAffordable(uses: Float64Array, left: Float64Array, rows: readonly LimitRow[]): boolean {
  for (let row = 0; row < uses.length; row++)
    if (rows[row]?.excessUsd === undefined && (uses[row] as number) > (left[row] as number) + DUST) return false;
  return true;
}

// Sums of prices carry rounding of the last bits; a cap met exactly is kept.
const DUST = 1e-9;
