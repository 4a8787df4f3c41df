import type { Candidate } from './launch.ts';
import { type Ledger, openedNodes } from './ledger.ts';

/** A price on exceeding the spot share: added to each node's price, and what of it the share allows for free. */
export type ShareSlack = { readonly surcharge: (candidate: Candidate) => number; readonly allowance: number };

const NO_SHARE: ShareSlack = { surcharge: () => 0, allowance: 0 };

/**
 * Spot vCPUs may exceed the share by one node at most. Taking that rule out of the problem and putting a price of `unit` USD per vCPU and
 * hour on breaking it gives a lower bound for every unit >= 0; the differences between on-demand and spot are the units worth trying.
 */
export function shareSlack(ledger: Ledger): readonly ShareSlack[] {
  if (ledger.limits.shares.size === 0) return [NO_SHARE];
  const units = [...savings(ledger)].sort((left, right) => left - right);
  const tried = [0, 0.25, 0.5, 0.75].map((quantile) => units[Math.floor(quantile * units.length)]).filter((unit) => unit !== undefined);
  return [NO_SHARE, ...[...new Set(tried)].map((unit) => slackAt(ledger, unit))];
}

function slackAt(ledger: Ledger, unit: number): ShareSlack {
  const largest = Math.max(0, ...openedNodes(ledger).map((node) => node.candidate?.shape.vcpus ?? 0));
  let allowance = 0;
  for (const { initialSpotVcpus, initialVcpus, percent } of ledger.limits.shares.values()) {
    allowance += unit * Math.max(0, largest + (initialVcpus * percent) / 100 - initialSpotVcpus);
  }
  return {
    allowance,
    surcharge: ({ shape, capacityType }) => {
      const percent = shape.pool.spotPercent;
      if (percent === undefined) return 0;
      return unit * shape.vcpus * ((capacityType === 'spot' ? 1 : 0) - percent / 100);
    },
  };
}

/** What spot saves per vCPU, of every shape of a pool with a share. */
function savings(ledger: Ledger): readonly number[] {
  const onDemand = new Map<number, number>();
  const spot = new Map<number, number>();
  for (const { shape, capacityType, usdPerHour } of ledger.space.candidates) {
    if (shape.pool.spotPercent === undefined) continue;
    const prices = capacityType === 'spot' ? spot : onDemand;
    if (!prices.has(shape.id)) prices.set(shape.id, usdPerHour / shape.vcpus);
  }
  return [...spot].flatMap(([shape, price]) => {
    const saved = (onDemand.get(shape) ?? 0) - price;
    return saved > 0 ? [saved] : [];
  });
}
