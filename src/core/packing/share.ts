import type { Candidate } from './launch.ts';
import { type Ledger, openedNodes } from './ledger.ts';
import { shareGroup } from './limits.ts';
import { capRows, type LimitRow } from './patterns/limit-rows.ts';

/** Prices on what limits leave: added to each node's price, and what of it the limits allow for free. */
export type Slack = { readonly surcharge: (candidate: Candidate) => number; readonly allowance: number };

export const NO_SLACK: Slack = { surcharge: () => 0, allowance: 0 };

/**
 * Is a share missed by more than the largest of the new nodes of its pools, and could it be closer? Where nodes that were there have moved it, new ones of the type
 * that is wanted are all that can be done: to buy more of them than are needed is not.
 */
export function missesShare(ledger: Ledger): boolean {
  return [...ledger.limits.shares].some(([group, { spotVcpus, vcpus, percent }]) => {
    const off = spotVcpus - (vcpus * percent) / 100;
    let largest = 0;
    let isAgainst = false;
    for (const { candidate } of openedNodes(ledger)) {
      if (candidate === undefined || shareGroup(candidate.shape.pool) !== group) continue;
      largest = Math.max(largest, candidate.shape.vcpus);
      if ((candidate.capacityType === 'spot') === off > 0) isAgainst = true;
    }
    return isAgainst && Math.abs(off) > largest + DUST;
  });
}

const DUST = 1e-9;

/** What every plan keeps: the limits that this one has met, as they were before it, and spot vCPUs that exceed their share by one node at most. */
export function boundRows(ledger: Ledger): readonly LimitRow[] {
  const opened = openedNodes(ledger).flatMap(({ candidate }) => candidate ?? []);
  // Where as much is left as another node would take, it is not the limit that makes the plan dear.
  const caps = capRows(ledger)
    .filter(({ left, takes }) => opened.some((candidate) => takes(candidate) > left))
    .map((row) => ({ ...row, left: row.left + opened.reduce((sum, candidate) => sum + row.takes(candidate), 0) }));
  const largest = opened.reduce((most, { shape }) => Math.max(most, shape.vcpus), 0);
  const shares = [...ledger.limits.shares].map(([group, { initialSpotVcpus, initialVcpus, percent }]): LimitRow => {
    const inGroup = new Set(ledger.problem.pools.filter((pool) => pool.spotPercent !== undefined && shareGroup(pool) === group));
    return {
      left: Math.max(0, largest + (initialVcpus * percent) / 100 - initialSpotVcpus),
      takes: ({ shape, capacityType }) => (inGroup.has(shape.pool) ? shape.vcpus * ((capacityType === 'spot' ? 1 : 0) - percent / 100) : 0),
      excessUsd: undefined,
      spare: 0,
    };
  });
  return [...caps, ...shares];
}

/**
 * The rows taken out of the problem, and these prices put on breaking them: a lower bound for any prices >= 0 that leave every node a price
 * (Lagrangian relaxation); undefined where they do not.
 */
export function slackAt(ledger: Ledger, rows: readonly LimitRow[], prices: Float64Array): Slack | undefined {
  if (!prices.some((price) => price > 0)) return undefined;
  const surcharge = (candidate: Candidate) => rows.reduce((sum, { takes }, row) => sum + (prices[row] as number) * takes(candidate), 0);
  if (ledger.space.candidates.some((candidate) => candidate.usdPerHour + surcharge(candidate) < 1e-9)) return undefined;
  return { surcharge, allowance: rows.reduce((sum, { left }, row) => sum + (prices[row] as number) * left, 0) };
}
