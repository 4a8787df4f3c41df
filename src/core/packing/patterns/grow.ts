import { canPlace, topologyAdmits } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { alternatives } from '../exchange.ts';
import type { Candidate } from '../launch.ts';
import { type Ledger, type LedgerNode, openedNodes, place } from '../ledger.ts';
import { brokenExchange, countLaunch, dollarsLeft } from '../limits.ts';
import { exchange } from '../resize.ts';

type Growth = { readonly node: LedgerNode; readonly from: Candidate; readonly to: Candidate };

/**
 * Makes new nodes larger for pods that found no room, each time where it costs the least, as far as limits allow: where no node more may be
 * launched this is the only way. Answers how many were placed. `tooLarge`: pods for which no node can grow, with those that this call found.
 */
export function growNodes(ledger: Ledger, variant: Variant, count: number, tooLarge: Variant[]): number {
  if (tooLarge.some((one) => asksAsMuch(variant, one))) return 0;
  let placed = 0;
  const refused = new Set<number>();
  while (placed < count) {
    const growth = cheapestGrowth(ledger, variant, refused);
    if (growth === undefined) {
      // Where rules kept no node out it was size, and what asks for more finds none either: growth only ever takes from limits.
      if (refused.size === 0) tooLarge.push(variant);
      break;
    }
    const { node, from, to } = growth;
    swap(ledger, node, from, to);
    if (canPlace(ledger, variant, node.index)) {
      place(ledger, variant, node.index);
      placed += 1;
      while (placed < count && canPlace(ledger, variant, node.index)) {
        place(ledger, variant, node.index);
        placed += 1;
      }
    } else {
      swap(ledger, node, to, from);
      refused.add(node.index);
    }
  }
  return placed;
}

function asksAsMuch(variant: Variant, other: Variant): boolean {
  if (variant.filter !== other.filter) return false;
  for (let dim = 0; dim < variant.requests.length; dim++)
    if ((variant.requests[dim] as number) < (other.requests[dim] as number)) return false;
  return true;
}

/** Nodes that rules keep the pod from at any size are added to the refused. */
function cheapestGrowth(ledger: Ledger, variant: Variant, refused: Set<number>): Growth | undefined {
  let best: Growth | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const node of openedNodes(ledger)) {
    const from = node.candidate;
    if (from === undefined || refused.has(node.index)) continue;
    if (!topologyAdmits(ledger, variant, node.index)) {
      refused.add(node.index);
      continue;
    }
    const below = from.usdPerHour + Math.min(least, dollarsLeft(ledger.limits, from.shape.pool));
    const to = alternatives(ledger, node.index, { also: variant, below }).find((option) => !brokenExchange(ledger.limits, from, option));
    if (to === undefined || to.usdPerHour - from.usdPerHour >= least) continue;
    least = to.usdPerHour - from.usdPerHour;
    best = { node, from, to };
  }
  return best;
}

function swap(ledger: Ledger, node: LedgerNode, from: Candidate, to: Candidate): void {
  countLaunch(ledger.limits, from, -1);
  countLaunch(ledger.limits, to, 1);
  exchange(ledger, node, to);
}
