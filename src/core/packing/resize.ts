import { alternatives, usedOn } from './exchange.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, type LedgerNode, openedNodes, roomOf } from './ledger.ts';
import { brokenLimit, countLaunch, wantedCapacityType } from './limits.ts';
import { missingMinValues } from './min-values.ts';

/** Exchanges each new node for the cheapest one that holds the same pods. A node was opened for the first of its pods; the rest came later. */
export function resizeNodes(ledger: Ledger): void {
  for (const node of openedNodes(ledger)) if (node.candidate !== undefined && node.placed.size > 0) resize(ledger, node, node.candidate);
}

function resize(ledger: Ledger, node: LedgerNode, current: Candidate): void {
  const cheaper = alternatives(ledger, node.index, { below: current.usdPerHour });
  if (cheaper.length === 0) return;
  const hasMinValues = current.shape.pool.requirements?.some((requirement) => requirement.minValues !== undefined) ?? false;
  // The node itself is not counted while its successor is judged.
  countLaunch(ledger.limits, current, -1);
  const better = cheaper.find((option) => {
    if (brokenLimit(ledger.limits, option) !== undefined) return false;
    const wanted = wantedCapacityType(ledger.limits, option.shape.pool, option.shape.vcpus);
    if (option.capacityType !== (wanted === undefined ? option.capacityType : current.capacityType)) return false;
    return missingMinValues(option, hasMinValues ? alternatives(ledger, node.index) : []) === undefined;
  });
  const chosen = better ?? current;
  countLaunch(ledger.limits, chosen, 1);
  if (better !== undefined) exchange(ledger, node, better);
}

export function exchange(ledger: Ledger, node: LedgerNode, candidate: Candidate): void {
  node.candidate = candidate;
  const used = usedOn(ledger, node.index);
  const room = roomOf(ledger, candidate);
  for (let dim = 0; dim < used.length; dim++) ledger.free[node.index * used.length + dim] = (room[dim] as number) - (used[dim] as number);
}
