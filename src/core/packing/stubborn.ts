import { canPlace } from './admit.ts';
import { laxest, type Variant } from './compile.ts';
import { ZONE } from './filters.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, mark, openNode, place, resetLedger, rollBack, stateOf } from './ledger.ts';
import { brokenLimit, wantedCapacityType } from './limits.ts';
import { searchSets } from './search-sets.ts';
import { allOf, isWaiting, placeUnits, type Unit } from './units.ts';

// Each attempt is a whole plan; what four orders do not place is rarely placed by a fifth.
const ATTEMPTS = 4;
const FEW_PODS = 8;
const SEARCH_STEPS = 4000;

/**
 * Unit by unit, from the start. Where pods are left, the units that they belong to go first in the next attempt, as far as that costs no
 * pod of a higher priority its place; a handful of pods is searched for a way to place them all.
 */
export function placeStubborn(ledger: Ledger, units: readonly Unit[], attempts = ATTEMPTS): ReadonlyMap<number, number> {
  const orders: (readonly Unit[])[] = [units];
  let best: { readonly order: readonly Unit[]; readonly placed: readonly number[]; readonly left: ReadonlyMap<number, number> } | undefined;
  let held = orders[0];
  for (let attempt = 0; attempt < orders.length && attempt < attempts; attempt++) {
    resetLedger(ledger);
    const order = orders[attempt] as readonly Unit[];
    const left = placeUnits(ledger, order);
    if (!isWaiting(left)) return left;
    held = order;
    const placed = placedByPriority(units, left);
    if (best === undefined || isMore(placed, best.placed)) best = { order, placed, left };
    const waiting = (unit: Unit) => unit.classes.reduce((sum, one) => sum + (left.get(one.id) as number), 0);
    const stuck = order.filter((unit) => waiting(unit) > 0);
    // A few large pods may keep many small ones away.
    const byMost = attempt === 0 ? [stuck.toSorted((one, other) => waiting(other) - waiting(one))] : [];
    for (const first of [stuck, ...byMost]) {
      const next = [...first.map((unit) => ({ ...unit, priority: Infinity })), ...order.filter((unit) => !first.includes(unit))];
      if (!orders.some((known) => sameOrder(next, known))) orders.push(next);
    }
  }
  const pods = units.reduce((sum, unit) => unit.classes.reduce((of, one) => of + one.pods.length, sum), 0);
  if (pods > FEW_PODS && best !== undefined && held === best.order) return best.left;
  if (pods <= FEW_PODS && searchAll(ledger, units, pods))
    return new Map(units.flatMap((unit) => unit.classes.map((one) => [one.id, 0] as const)));
  resetLedger(ledger);
  return placeUnits(ledger, best?.order ?? units);
}

function sameOrder(left: readonly Unit[], right: readonly Unit[]): boolean {
  return left.every((unit, at) => unit.classes[0] === right[at]?.classes[0] && unit.priority === right[at]?.priority);
}

/** Pods placed of each priority, the highest first. */
export function placedByPriority(units: readonly Unit[], left: ReadonlyMap<number, number>): readonly number[] {
  const priorities = [...new Set(units.flatMap((unit) => unit.classes.map((one) => one.priority)))].sort((one, other) => other - one);
  const classes = units.flatMap((unit) => unit.classes);
  return priorities.map((priority) =>
    classes.filter((one) => one.priority === priority).reduce((sum, one) => sum + one.pods.length - (left.get(one.id) as number), 0),
  );
}

/** Are more pods of the highest priority placed, of those that differ? */
export function isMore(left: readonly number[], right: readonly number[]): boolean {
  const first = left.findIndex((count, at) => count !== right[at]);
  return first >= 0 && (left[first] as number) > (right[first] as number);
}

/** Depth first over which pod goes next and where, for few pods and so many steps. True if all are placed. */
function searchAll(ledger: Ledger, units: readonly Unit[], pods: number): boolean {
  const left = allOf(units);
  resetLedger(ledger);
  ledger.phase = 'launch';
  const search = { left, pods, steps: SEARCH_STEPS, units, variants: ledger.compiled.strictest.map(laxest), seen: new Set<string>() };
  return deepen(ledger, search) || searchSets(ledger, units, (placed) => gangsTogether(placed, units));
}

type Search = {
  readonly left: Map<number, number>;
  pods: number;
  steps: number;
  readonly units: readonly Unit[];
  readonly variants: readonly Variant[];
  readonly seen: Set<string>;
};

function deepen(ledger: Ledger, search: Search): boolean {
  if (search.pods === 0) return gangsTogether(ledger, search.units);
  const state = stateOf(ledger);
  if (search.seen.has(state)) return false;
  search.seen.add(state);
  for (const variant of search.variants) {
    if (search.left.get(variant.class.id) === 0) continue;
    for (let node = 0; node < ledger.nodes.length; node++) if (tryOn(ledger, search, variant, node)) return true;
    for (const candidate of openable(ledger)) {
      const before = mark(ledger);
      if (tryOn(ledger, search, variant, openNode(ledger, candidate).index)) return true;
      rollBack(ledger, before);
      if (search.steps <= 0) return false;
    }
  }
  return false;
}

function gangsTogether(ledger: Ledger, units: readonly Unit[]): boolean {
  return units
    .filter((unit) => unit.singleZone)
    .every((unit) => {
      const isMember = (id: number) => unit.classes.includes((ledger.compiled.variants[id] as Variant).class);
      const nodes = ledger.nodes.filter(
        (node) => [...node.placed.keys()].some(isMember) || node.existing?.pods.some((pod) => pod.gang === unit.gang),
      );
      return new Set(nodes.map((node) => node.label(ZONE))).size === 1;
    });
}

function tryOn(ledger: Ledger, search: Search, variant: Variant, node: number): boolean {
  if (search.steps-- <= 0 || !canPlace(ledger, variant, node)) return false;
  const before = mark(ledger);
  const waiting = search.left.get(variant.class.id) as number;
  place(ledger, variant, node);
  search.left.set(variant.class.id, waiting - 1);
  search.pods -= 1;
  if (deepen(ledger, search)) return true;
  search.left.set(variant.class.id, waiting);
  search.pods += 1;
  rollBack(ledger, before);
  return false;
}

/** The largest of each pool, zone and capacity type: size does not keep a pod out, and the node is cut to size afterwards. */
function openable(ledger: Ledger): readonly Candidate[] {
  const largest = new Map<string, Candidate>();
  for (const candidate of ledger.space.candidates) {
    if (brokenLimit(ledger.limits, candidate) !== undefined) continue;
    const { pool, vcpus } = candidate.shape;
    if ((wantedCapacityType(ledger.limits, pool, vcpus) ?? candidate.capacityType) !== candidate.capacityType) continue;
    largest.set(`${JSON.stringify(candidate.shape.labels)} ${candidate.zone} ${candidate.capacityType}`, candidate);
  }
  return [...largest.values()];
}
