import { canPlace } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { alternatives } from '../exchange.ts';
import type { Candidate } from '../launch.ts';
import { type Ledger, type LedgerNode, openedNodes, place } from '../ledger.ts';
import { brokenExchange, countLaunch } from '../limits.ts';
import { exchange } from '../resize.ts';

type Growth = { readonly node: LedgerNode; readonly from: Candidate; readonly to: Candidate };

/**
 * Makes new nodes larger for pods that found no room, each time where it costs the least, as far as limits allow: where no node more may be
 * launched this is the only way. Answers how many were placed.
 */
export function growNodes(ledger: Ledger, variant: Variant, count: number): number {
  let placed = 0;
  const refused = new Set<number>();
  while (placed < count) {
    const growth = cheapestGrowth(ledger, variant, refused);
    if (growth === undefined) break;
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

function cheapestGrowth(ledger: Ledger, variant: Variant, refused: ReadonlySet<number>): Growth | undefined {
  let best: Growth | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const node of openedNodes(ledger)) {
    const from = node.candidate;
    if (from === undefined || refused.has(node.index)) continue;
    const to = alternatives(ledger, node.index, { also: variant }).find((option) => !brokenExchange(ledger.limits, from, option));
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
