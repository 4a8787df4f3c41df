import type { PodClass } from './classes.ts';
import type { Variant } from './compile.ts';
import { ZONE } from './filters.ts';
import type { LaunchSpace } from './launch.ts';
import { closeLedger, type Ledger, mark, rollBack } from './ledger.ts';
import { placePods, type Reach } from './place.ts';

/** What is placed together: the classes of a gang, or one class alone. */
export type Unit = {
  readonly gang: string | undefined;
  readonly singleZone: boolean;
  readonly priority: number;
  readonly classes: readonly PodClass[];
};

/** Highest priority first; then gangs, which are the harder to place; then the larger pods. */
export function unitsOf(ledger: Ledger, classes: readonly PodClass[]): readonly Unit[] {
  const gangs = new Map<string, PodClass[]>();
  const units: Unit[] = [];
  const bySize = [...classes].sort((left, right) => size(ledger, right) - size(ledger, left) || left.id - right.id);
  for (const one of bySize) {
    if (one.gang === undefined) units.push({ gang: undefined, singleZone: false, priority: one.priority, classes: [one] });
    else gangs.set(one.gang, [...(gangs.get(one.gang) ?? []), one]);
  }
  for (const [gang, members] of gangs) {
    const singleZone = ledger.problem.gangs?.some((known) => known.id === gang && known.singleZone) ?? false;
    units.push({ gang, singleZone, priority: Math.max(...members.map((one) => one.priority)), classes: members });
  }
  return units.sort((left, right) => right.priority - left.priority || Number(right.gang !== undefined) - Number(left.gang !== undefined));
}

/** The share of the largest machine that a pod takes in its scarcest resource. */
function size(ledger: Ledger, one: PodClass): number {
  const requests = (ledger.compiled.strictest[one.id] as Variant).requests;
  const largest = (ledger.largest ??= largestRoom(ledger));
  let share = 0;
  for (let dim = 0; dim < requests.length; dim++) share = Math.max(share, (requests[dim] as number) / Math.max(1, largest[dim] as number));
  return share;
}

const largestOf = new WeakMap<LaunchSpace, ReadonlyMap<string, number>>();

/** The most that any machine for sale has of each resource; the same for every plan with this launch space. */
function largestRoom({ space, dims }: Ledger): Float64Array {
  let largest = largestOf.get(space);
  if (largest === undefined) {
    const most = new Map<string, number>();
    for (const { capacity } of space.shapes) for (const [name, amount] of capacity) most.set(name, Math.max(most.get(name) ?? 0, amount));
    largest = most;
    largestOf.set(space, most);
  }
  return Float64Array.from(dims.names, (name) => largest.get(name) ?? 0);
}

/**
 * Places all units; answers how many pods of each class are left. Within a priority, first onto nodes that are there, then with new
 * ones. A unit that waits for others (affinity to pods that come later) is tried again as long as something moves.
 */
export function placeUnits(ledger: Ledger, units: readonly Unit[]): Map<number, number> {
  const left = allOf(units);
  for (const priority of new Set(units.map((unit) => unit.priority))) {
    const peers = units.filter((unit) => unit.priority === priority);
    if (ledger.nodes.length > 0) untilStill(ledger, peers, left, 'nodes');
    ledger.phase = 'launch';
    untilStill(ledger, peers, left, 'nodes and launches');
  }
  for (const [phase, reach] of [
    ['closing', 'nodes and launches'],
    ['closed', 'nodes'],
  ] as const) {
    if (!isWaiting(left)) break;
    closeLedger(ledger, phase);
    untilStill(ledger, units, left, reach);
  }
  return left;
}

/** Pods of each class, none of them placed. */
export function allOf(units: readonly Unit[]): Map<number, number> {
  return new Map(units.flatMap((unit) => unit.classes.map((one) => [one.id, one.pods.length] as const)));
}

export function isWaiting(left: ReadonlyMap<number, number>): boolean {
  return [...left.values()].some((count) => count > 0);
}

/** Onto nodes that are there only, every priority; what is left is for launches. */
export function placeOnNodes(ledger: Ledger, units: readonly Unit[]): Map<number, number> {
  const left = allOf(units);
  if (ledger.nodes.length > 0) untilStill(ledger, units, left, 'nodes');
  return left;
}

/** What a whole plan has left: gangs of which nothing is placed, and pods; onto nodes or new ones. */
export function placeRest(ledger: Ledger, units: readonly Unit[], left: Map<number, number>): void {
  untilStill(ledger, units, left, 'nodes and launches');
}

/** Gangs that must stay in one zone, onto nodes or new ones. Answers whether all of them found a place. */
export function placeTogether(ledger: Ledger, units: readonly Unit[], left: Map<number, number>): boolean {
  const together = units.filter((unit) => unit.singleZone);
  untilStill(ledger, together, left, 'nodes and launches');
  return together.every((unit) => unit.classes.every((one) => left.get(one.id) === 0));
}

/** Gangs that found no room as a whole, as far as nodes have room: the rest of them is for launches, and if that fails nothing of it counts. */
export function placeInParts(ledger: Ledger, units: readonly Unit[], left: Map<number, number>): void {
  for (const unit of units.filter((one) => one.gang !== undefined && !one.singleZone)) {
    for (const one of unit.classes) {
      const waiting = left.get(one.id) as number;
      left.set(one.id, waiting - placePods(ledger, ledger.compiled.strictest[one.id] as Variant, waiting, 'nodes'));
    }
  }
}

function untilStill(ledger: Ledger, units: readonly Unit[], left: Map<number, number>, reach: Reach): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const unit of units) if (placeUnit(ledger, unit, left, reach)) moved = true;
  }
}

function placeUnit(ledger: Ledger, unit: Unit, left: Map<number, number>, reach: Reach): boolean {
  if (unit.gang !== undefined) return placeGang(ledger, unit, left, reach);
  const [one] = unit.classes as [PodClass];
  const waiting = left.get(one.id) as number;
  if (waiting === 0) return false;
  const placed = placePods(ledger, ledger.compiled.strictest[one.id] as Variant, waiting, reach);
  left.set(one.id, waiting - placed);
  return placed > 0;
}

/** All of the gang or nothing of it; where it must stay together, in the zone that adds the fewest dollars. */
function placeGang(ledger: Ledger, unit: Unit, left: Map<number, number>, reach: Reach): boolean {
  if (unit.classes.every((one) => left.get(one.id) === 0)) return false;
  const zones = unit.singleZone ? zonesFor(ledger, unit) : [undefined];
  let best: { readonly zone: string | undefined; readonly usdPerHour: number } | undefined;
  for (const zone of zones) {
    const before = mark(ledger);
    const paid = ledger.limits.all.usdPerHour;
    if (tryGang(ledger, unit, zone, reach)) {
      const usdPerHour = ledger.limits.all.usdPerHour - paid;
      if (best === undefined || usdPerHour < best.usdPerHour - 1e-9) best = { zone, usdPerHour };
    }
    rollBack(ledger, before);
  }
  if (best === undefined || !tryGang(ledger, unit, best.zone, reach)) return false;
  for (const one of unit.classes) left.set(one.id, 0);
  return true;
}

function tryGang(ledger: Ledger, unit: Unit, zone: string | undefined, reach: Reach): boolean {
  ledger.onlyZone = zone;
  let waiting = unit.classes.map((one) => ({ one, count: one.pods.length }));
  for (let moved = true; moved && waiting.length > 0; ) {
    moved = false;
    for (const entry of waiting) {
      const placed = placePods(ledger, ledger.compiled.strictest[entry.one.id] as Variant, entry.count, reach);
      entry.count -= placed;
      if (placed > 0) moved = true;
    }
    waiting = waiting.filter((entry) => entry.count > 0);
  }
  ledger.onlyZone = undefined;
  return waiting.length === 0;
}

/** Where its other pods run already, else every zone. */
function zonesFor(ledger: Ledger, unit: Unit): readonly string[] {
  const at = (node: { readonly label: (key: string) => string | undefined }) => node.label(ZONE) ?? '';
  const taken = ledger.nodes.filter((node) => node.existing?.pods.some((pod) => pod.gang === unit.gang)).map(at);
  if (taken.length > 0) return [...new Set(taken)];
  return [...new Set([...ledger.nodes.map(at), ...ledger.space.candidates.map((candidate) => candidate.zone)])]
    .filter((zone) => zone !== '')
    .sort();
}
