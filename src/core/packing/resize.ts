import type { Variant } from './compile.ts';
import { alternatives, usedOn } from './exchange.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, type LedgerNode, type Mark, openedNodes, openNode, place, rollBack, roomOf } from './ledger.ts';
import { brokenLimit, countLaunch, wantedCapacityType } from './limits.ts';
import { missingMinValues } from './min-values.ts';

/** Exchanges each new node for the cheapest one that holds the same pods. A node was opened for the first of its pods; the rest came later. */
export function resizeNodes(ledger: Ledger): void {
  for (const node of openedNodes(ledger)) if (node.candidate !== undefined && node.placed.size > 0) resize(ledger, node, node.candidate);
}

/**
 * Takes back new nodes, opened since the mark, that rules left without a pod; answers whether there were any. An empty node never was what
 * a rule needed: spread counts nothing there, and where a domain less is too few it counts nothing either.
 */
export function dropEmptyNodes(ledger: Ledger, since: Mark): boolean {
  const kept = ledger.nodes.slice(since.nodes).filter(({ placed }) => placed.size > 0);
  if (kept.length === ledger.nodes.length - since.nodes) return false;
  const log = ledger.log.slice(since.log);
  const { phase } = ledger;
  rollBack(ledger, since);
  ledger.phase = phase;
  const moved = new Map<number, number>();
  for (const { index, candidate } of kept) moved.set(index, openNode(ledger, candidate as Candidate).index);
  for (let at = 0; at < log.length; at += 2) {
    const node = log[at + 1] as number;
    place(ledger, ledger.compiled.variants[log[at] as number] as Variant, moved.get(node) ?? node);
  }
  return true;
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
