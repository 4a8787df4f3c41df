import { canPlace } from './admit.ts';
import { laxest, type Variant } from './compile.ts';
import type { Candidate } from './launch.ts';
import { closeLedger, type Ledger, mark, openedNodes, openNode, place, resetLedger, rollBack, stateOf } from './ledger.ts';
import { brokenLimit, wantedCapacityType } from './limits.ts';
import type { Unit } from './units.ts';

const MOST_NODES = 3;
const MOST_CHOICES = 12;
const STEPS_PER_SET = 400;
const STEPS = 12_000;

/**
 * For a handful of pods: sets of new nodes, fewest first, and for each a search for a way to place every pod with those nodes known. Topology
 * spread then counts the domains that there are, not those that could be: what needs no more of them is found here only.
 * Answers whether all are placed; the ledger then holds them.
 */
export function searchSets(ledger: Ledger, units: readonly Unit[], isAllowed: (ledger: Ledger) => boolean): boolean {
  const choices = choicesOf(ledger);
  const budget = { steps: STEPS };
  for (let size = 0; size <= MOST_NODES; size++) if (tryNodes(ledger, units, choices, size, [], budget, isAllowed)) return true;
  return false;
}

/** One candidate of each zone, capacity type and label set if there are many: the largest and the cheapest. */
function choicesOf(ledger: Ledger): readonly Candidate[] {
  const all = ledger.space.candidates;
  if (all.length <= MOST_CHOICES) return all;
  const groups = Map.groupBy(all, (one) => JSON.stringify([one.shape.labels, one.zone, one.capacityType, one.shape.vcpus]));
  const kept = [...groups.values()].flatMap((group) => group.slice(0, 1));
  if (kept.length <= MOST_CHOICES) return kept;
  const byPlace = Map.groupBy(kept, (one) => `${one.shape.poolIndex} ${one.zone} ${one.capacityType}`);
  return [...byPlace.values()].flatMap((group) => [...new Set([group[0], group.at(-1)])]).filter((one) => one !== undefined);
}

type Budget = { steps: number };

function tryNodes(
  ledger: Ledger,
  units: readonly Unit[],
  choices: readonly Candidate[],
  missing: number,
  chosen: readonly Candidate[],
  budget: Budget,
  isAllowed: (ledger: Ledger) => boolean,
): boolean {
  if (missing === 0) return placeOnto(ledger, units, chosen, budget, isAllowed);
  const from = chosen.length === 0 ? 0 : choices.indexOf(chosen.at(-1) as Candidate);
  for (const candidate of choices.slice(from)) {
    if (budget.steps <= 0) return false;
    if (tryNodes(ledger, units, choices, missing - 1, [...chosen, candidate], budget, isAllowed)) return true;
  }
  return false;
}

function placeOnto(
  ledger: Ledger,
  units: readonly Unit[],
  chosen: readonly Candidate[],
  budget: Budget,
  isAllowed: (ledger: Ledger) => boolean,
): boolean {
  resetLedger(ledger);
  for (const candidate of chosen) {
    const { pool, vcpus } = candidate.shape;
    if (brokenLimit(ledger.limits, candidate) !== undefined) return false;
    if ((wantedCapacityType(ledger.limits, pool, vcpus) ?? candidate.capacityType) !== candidate.capacityType) return false;
    openNode(ledger, candidate);
  }
  closeLedger(ledger, 'closed');
  const classes = units.flatMap((unit) => unit.classes);
  const left = new Map(classes.map((one) => [one.id, one.pods.length]));
  const search: Search = {
    left,
    pods: classes.reduce((sum, one) => sum + one.pods.length, 0),
    steps: Math.min(STEPS_PER_SET, budget.steps),
    variants: classes.map((one) => laxest(ledger.compiled.strictest[one.id] as Variant)),
    seen: new Set(),
    isAllowed: () => openedNodes(ledger).every((node) => node.placed.size > 0) && isAllowed(ledger),
  };
  const before = search.steps;
  const found = deepen(ledger, search);
  budget.steps -= before - search.steps + 1;
  return found;
}

type Search = {
  readonly left: Map<number, number>;
  pods: number;
  steps: number;
  readonly variants: readonly Variant[];
  readonly seen: Set<string>;
  readonly isAllowed: () => boolean;
};

function deepen(ledger: Ledger, search: Search): boolean {
  if (search.pods === 0) return search.isAllowed();
  const state = stateOf(ledger);
  if (search.seen.has(state)) return false;
  search.seen.add(state);
  for (const variant of search.variants) {
    const waiting = search.left.get(variant.class.id) as number;
    if (waiting === 0) continue;
    // New nodes come last in the ledger, and they are there to be used.
    for (let node = ledger.nodes.length - 1; node >= 0; node--) {
      if (search.steps-- <= 0) return false;
      if (!canPlace(ledger, variant, node)) continue;
      const before = mark(ledger);
      place(ledger, variant, node);
      search.left.set(variant.class.id, waiting - 1);
      search.pods -= 1;
      if (deepen(ledger, search)) return true;
      search.left.set(variant.class.id, waiting);
      search.pods += 1;
      rollBack(ledger, before);
    }
  }
  return false;
}
