import { admitsNode, canPlace, fits } from './admit.ts';
import type { Variant } from './compile.ts';
import { type Ledger, openedNodes, place, reopenLedger, restoreLedger, roomyNodes, type Snapshot, saveLedger } from './ledger.ts';
import { placePods } from './place.ts';
import { missesShare } from './share.ts';

// Rules asked of pods at their places: a plan of some hundred nodes, each tried once.
const STEPS = 300_000;

/**
 * Takes new nodes away whose pods find places on the others, the nodes that are there first; the dearest is tried first. Every pod that stays is judged again by every
 * rule. Answers whether there were any.
 */
export function vacateNodes(ledger: Ledger): boolean {
  if (ledger.problem.nodes.length === 0) return false;
  const first = ledger.problem.nodes.length;
  const price = (node: number) => ledger.nodes[node]?.candidate?.usdPerHour ?? 0;
  let isChanged = false;
  let places: Places = new Map();
  let order = byPrice(ledger, price);
  for (let at = 0, steps = 0; at < order.length && steps < STEPS; at++) {
    const node = order[at] as number;
    if (!mayMove(ledger, node, places)) continue;
    steps += ledger.log.length / 2;
    if (!without(ledger, node)) continue;
    isChanged = true;
    places = new Map();
    // Those behind it have moved up by one; those tried in vain may be tried in vain again.
    order = byPrice(ledger, price).filter((other) => other >= first);
    at = -1;
  }
  return isChanged;
}

function byPrice(ledger: Ledger, price: (node: number) => number): readonly number[] {
  return openedNodes(ledger)
    .filter(({ placed }) => placed.size > 0)
    .map(({ index }) => index)
    .sort((one, other) => price(other) - price(one) || one - other);
}

/** By variant, up to two nodes that would take one more of it. */
type Places = Map<number, readonly number[]>;

/** Each of its pods has room elsewhere; of gangs that stay together none is moved. */
function mayMove(ledger: Ledger, node: number, places: Places): boolean {
  const { placed } = ledger.nodes[node] as Ledger['nodes'][number];
  return [...placed.keys()].every((id) => {
    const variant = ledger.compiled.variants[id] as Variant;
    if (ledger.problem.gangs?.some((gang) => gang.singleZone && gang.id === variant.class.gang) === true) return false;
    const found = places.get(id) ?? twoPlaces(ledger, variant);
    places.set(id, found);
    return found.some((other) => other !== node);
  });
}

/** Rules between pods are asked when all is placed anew: now its own pods may be what keeps it away. */
function twoPlaces(ledger: Ledger, variant: Variant): readonly number[] {
  const mayTake = (node: number) => fits(ledger, variant.requests, node) && admitsNode(ledger, variant.filter, node);
  const found: number[] = [];
  const there = roomyNodes(ledger, variant);
  for (let at = 0; at < there.length && found.length < 2; at++) if (mayTake(there[at] as number)) found.push(there[at] as number);
  for (let node = ledger.problem.nodes.length; node < ledger.nodes.length && found.length < 2; node++) if (mayTake(node)) found.push(node);
  return found;
}

function without(ledger: Ledger, node: number): boolean {
  const before = saveLedger(ledger);
  const missedBefore = missesShare(ledger);
  if (replay(ledger, before, node) && (missedBefore || !missesShare(ledger))) return true;
  restoreLedger(ledger, before);
  return false;
}

function replay(ledger: Ledger, before: Snapshot, gone: number): boolean {
  const moved = reopenLedger(ledger, before, new Set([gone]));
  const moving: Variant[] = [];
  for (let at = 0; at < before.log.length; at += 2) {
    const variant = ledger.compiled.variants[before.log[at] as number] as Variant;
    const node = before.log[at + 1] as number;
    if (node === gone) {
      moving.push(variant);
      continue;
    }
    const now = moved.get(node) ?? node;
    if (!canPlace(ledger, variant, now)) return false;
    place(ledger, variant, now);
  }
  return moving.every((variant) => placePods(ledger, ledger.compiled.strictest[variant.class.id] as Variant, 1, 'nodes') === 1);
}
