import { canPlace } from './admit.ts';
import type { Variant } from './compile.ts';
import { HOSTNAME } from './filters.ts';
import { type Ledger, mark, openNode, place, rollBack, roomyNodes } from './ledger.ts';
import { candidateFor } from './open.ts';

/** Where pods may go: only where nodes are, or on new ones too. */
export type Reach = 'nodes' | 'nodes and launches';

/**
 * Places up to `count` pods of a class, strictest rules first, each onto the first node that takes it; opens nodes where allowed.
 * Answers how many found a place. The simple planner: right for every rule, dear by the standards of the pattern planner.
 */
export function placePods(ledger: Ledger, strictest: Variant, count: number, reach: Reach): number {
  let placed = 0;
  let variant: Variant | undefined = strictest;
  let cursor = 0;
  while (placed < count && variant !== undefined) {
    const node = firstNode(ledger, variant, cursor);
    if (node >= 0) {
      place(ledger, variant, node);
      placed += 1;
      cursor = staysFull(ledger, variant) ? node : 0;
      continue;
    }
    const opened = reach === 'nodes' ? -1 : openFor(ledger, variant, count - placed);
    if (opened >= 0) {
      place(ledger, variant, opened);
      placed += 1;
      cursor = staysFull(ledger, variant) ? opened : 0;
    } else {
      variant = variant.relaxed;
      cursor = 0;
    }
  }
  return placed;
}

/** A new node that takes a pod of the variant, or -1. */
function openFor(ledger: Ledger, variant: Variant, remaining: number): number {
  const candidate = candidateFor(ledger, variant, remaining);
  if (candidate === undefined) return -1;
  const before = mark(ledger);
  const { index } = openNode(ledger, candidate);
  if (canPlace(ledger, variant, index)) return index;
  rollBack(ledger, before);
  return -1;
}

function firstNode(ledger: Ledger, variant: Variant, from: number): number {
  const there = roomyNodes(ledger, variant);
  for (let at = 0; at < there.length; at++) {
    const node = there[at] as number;
    if (node >= from && canPlace(ledger, variant, node)) return node;
  }
  for (let node = Math.max(from, ledger.problem.nodes.length); node < ledger.nodes.length; node++)
    if (canPlace(ledger, variant, node)) return node;
  return -1;
}

/** A node that refused a pod of the class will refuse the next: true unless other pods can make a domain acceptable again. */
function staysFull(ledger: Ledger, variant: Variant): boolean {
  if (variant.affinities.length > 0) return false;
  return ledger.phase === 'launch' ? variant.spreads.every(({ rule }) => rule.key === HOSTNAME) : variant.spreads.length === 0;
}
