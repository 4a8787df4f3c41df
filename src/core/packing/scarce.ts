import { planWithin } from './buy.ts';
import type { PodClass } from './classes.ts';
import { type Ledger, resetLedger, restoreLedger, type Snapshot, saveLedger } from './ledger.ts';
import { placeInParts, placeOnNodes, placeTogether, type Unit } from './units.ts';

type Left = ReadonlyMap<number, number>;
type Outcome = { readonly left: Left; readonly saved: Snapshot };

/**
 * Where not every pod can have a place: all of the highest priorities as long as they all have one, together; then as many as possible of
 * the next; then whatever else there is room for, priority by priority. Gangs whole. Answers what is left; undefined where the pods are of
 * too many kinds for patterns.
 */
export function placeScarce(ledger: Ledger, units: readonly Unit[]): Left | undefined {
  resetLedger(ledger);
  const left = new Map(placeOnNodes(ledger, units));
  ledger.phase = 'launch';
  const waiting = units.filter((unit) => isUnplaced(unit, left));
  const levels = [...new Set(waiting.map((unit) => unit.priority))];
  const upTo = (count: number) => waiting.filter((unit) => levels.indexOf(unit.priority) < count);
  let whole = 0;
  for (let none = levels.length; none - whole > 1; ) {
    const middle = (whole + none) >> 1;
    if (fitsAll(ledger, upTo(middle), left)) whole = middle;
    else none = middle;
  }
  for (let level = whole; level < levels.length; level++) {
    const own = waiting.filter((unit) => unit.priority === levels[level]);
    const outcome =
      level === whole && whole > 0
        ? (placeMost(ledger, upTo(whole), own, left) ?? placeAfter(ledger, upTo(whole), own, left))
        : placeMost(ledger, [], own, left);
    if (outcome === undefined) return undefined;
    for (const [id, count] of outcome) left.set(id, count);
  }
  return left;
}

function isUnplaced({ classes }: Unit, left: Left): boolean {
  return classes.some((one) => (left.get(one.id) as number) > 0);
}

function classesOf(units: readonly Unit[]): readonly PodClass[] {
  return units.flatMap((unit) => unit.classes);
}

function fitsAll(ledger: Ledger, units: readonly Unit[], left: Left): boolean {
  const before = saveLedger(ledger);
  const fits = tryAll(ledger, units, [], left, true) !== undefined;
  restoreLedger(ledger, before);
  return fits;
}

/** All of `must` and as many pods as possible of `may`, which has no gangs; undefined where `must` finds no place. */
function tryAll(ledger: Ledger, must: readonly Unit[], may: readonly Unit[], left: Left, isProbe: boolean): Left | undefined {
  const open = new Map(left);
  if (!placeTogether(ledger, must, open)) return undefined;
  placeInParts(ledger, must, open);
  const optional = new Set(classesOf(may));
  const classes = [...classesOf(must), ...optional].sort((one, other) => one.id - other.id);
  const rest = planWithin(ledger, classes, open, { mayLeave: (one) => optional.has(one), quick: isProbe, isProbe });
  return rest === undefined || classesOf(must).some((one) => (rest.get(one.id) as number) > 0) ? undefined : rest;
}

/** As many pods as possible of these units beside those that must have a place; gangs that are large or awkward go first where not all fit. */
function placeMost(ledger: Ledger, must: readonly Unit[], units: readonly Unit[], left: Left): Left | undefined {
  const before = saveLedger(ledger);
  const gangs = units.filter((unit) => unit.gang !== undefined).sort(bySize);
  const singles = units.filter((unit) => unit.gang === undefined);
  const attempt = (count: number, isProbe: boolean): Outcome | undefined => {
    restoreLedger(ledger, before);
    const rest = tryAll(ledger, [...must, ...gangs.slice(0, count)], singles, left, isProbe);
    return rest && { left: rest, saved: saveLedger(ledger) };
  };
  let best = gangs.length === 0 ? undefined : attempt(gangs.length, true);
  let fits = best === undefined ? 0 : gangs.length;
  for (let none = gangs.length; none - fits > 1; ) {
    const middle = (fits + none) >> 1;
    const outcome = attempt(middle, true);
    if (outcome === undefined) none = middle;
    else {
      fits = middle;
      best = outcome;
    }
  }
  best = attempt(fits, false) ?? best;
  restoreLedger(ledger, best?.saved ?? before);
  return best?.left;
}

/** The same, one after the other: rules between pods may keep a plan for both from giving each of the first its place. */
function placeAfter(ledger: Ledger, must: readonly Unit[], units: readonly Unit[], left: Left): Left | undefined {
  const first = tryAll(ledger, must, [], left, false);
  if (first === undefined) return undefined;
  const open = new Map([...left, ...first]);
  const rest = placeMost(ledger, [], units, open);
  return rest && new Map([...open, ...rest]);
}

function bySize(one: Unit, other: Unit): number {
  return podsOf(one) - podsOf(other);
}

function podsOf({ classes }: Unit): number {
  return classes.reduce((sum, one) => sum + one.pods.length, 0);
}
