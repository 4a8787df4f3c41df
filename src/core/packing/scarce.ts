import { planWithin } from './buy.ts';
import type { PodClass } from './classes.ts';
import type { Variant } from './compile.ts';
import { FEW_PODS } from './effort.ts';
import { type Ledger, resetLedger, restoreLedger, type Snapshot, saveLedger } from './ledger.ts';
import { worthWithin } from './tightness.ts';
import { placeInParts, placeOnNodes, placeTogether, type Unit } from './units.ts';

type Left = ReadonlyMap<number, number>;

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
    const outcome = placeMost(ledger, level === whole ? upTo(whole) : [], own, left);
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

/** As many pods as possible of these units beside those that must have a place. */
function placeMost(ledger: Ledger, must: readonly Unit[], units: readonly Unit[], left: Left): Left | undefined {
  const singles = units.filter((unit) => unit.gang === undefined);
  const gangs = units.filter((unit) => unit.gang !== undefined);
  if (gangs.length === 0) return placeBeside(ledger, must, singles, left);
  const before = saveLedger(ledger);
  const fits = (some: readonly Unit[]) => {
    const found = tryAll(ledger, [...must, ...some], [], left, true) !== undefined;
    restoreLedger(ledger, before);
    return found;
  };
  const orders = [cheapestGangs(ledger, must, gangs, singles, left)];
  // What pods are worth knows no rules: with few pods the largest gangs first are tried, too.
  if (ledger.problem.pods.length <= FEW_PODS) orders.push(gangs);
  let best: { readonly rest: Left; readonly waiting: number; readonly saved: Snapshot } | undefined;
  for (const order of orders) {
    restoreLedger(ledger, before);
    const rest = placeBeside(ledger, [...must, ...thoseThatFit(order, fits)], singles, left);
    if (rest === undefined) continue;
    const waiting = classesOf(units).reduce((sum, { id }) => sum + (rest.get(id) as number), 0);
    if (best === undefined || waiting < best.waiting) best = { rest, waiting, saved: saveLedger(ledger) };
  }
  if (best !== undefined) restoreLedger(ledger, best.saved);
  return best?.rest;
}

function thoseThatFit(gangs: readonly Unit[], fits: (some: readonly Unit[]) => boolean): readonly Unit[] {
  let chosen = gangs;
  for (let turn = 0; turn < TURNS && !fits(chosen); turn++) {
    let most = 0;
    for (let none = chosen.length; none - most > 1; ) {
      const middle = (most + none) >> 1;
      if (fits(chosen.slice(0, middle))) most = middle;
      else none = middle;
    }
    // The first that is one too many may be awkward, and not all that come after it.
    chosen = turn + 1 < TURNS ? chosen.toSpliced(most, 1) : chosen.slice(0, most);
  }
  return chosen;
}

const TURNS = 3;

/** Gangs to place so that the most pods find room, singles among them, by what pods are worth; the cheapest first. */
function cheapestGangs(
  ledger: Ledger,
  must: readonly Unit[],
  gangs: readonly Unit[],
  singles: readonly Unit[],
  left: Left,
): readonly Unit[] {
  const worth = worthWithin(ledger, classesOf([...must, ...gangs, ...singles]), left);
  if (worth === undefined) return gangs;
  const waits = ({ classes }: Unit) => classes.filter(({ id }) => (left.get(id) as number) > 0);
  const price = (unit: Unit) => waits(unit).reduce((sum, { id }) => sum + (left.get(id) as number) * (worth.perPod.get(id) ?? 0), 0);
  const pods = (unit: Unit) => waits(unit).reduce((sum, { id }) => sum + (left.get(id) as number), 0);
  let open = must.reduce((rest, unit) => rest - price(unit), worth.budget * FILLED);
  const chosen: Unit[] = [];
  const placeable = [...gangs, ...singles].filter((unit) => waits(unit).every(({ id }) => worth.perPod.has(id)));
  const ranked = placeable.map((unit) => ({ unit, usd: price(unit), each: price(unit) / Math.max(1, pods(unit)) }));
  for (const { unit, usd } of ranked.sort((one, other) => one.each - other.each)) {
    if (unit.gang === undefined) open -= Math.min(open, usd);
    else if (usd <= open) {
      open -= usd;
      chosen.push(unit);
    }
  }
  return chosen;
}

// What of its room a plan fills.
const FILLED = 0.98;

/** Planned together what needs no place may take the room of what does; where rules would keep that from finding other room it goes first. */
function placeBeside(ledger: Ledger, must: readonly Unit[], units: readonly Unit[], left: Left): Left | undefined {
  if (must.length === 0) return tryAll(ledger, [], units, left, false);
  const before = saveLedger(ledger);
  const together = () => tryAll(ledger, must, units, left, false);
  const after = () => placeAfter(ledger, must, units, left);
  for (const place of hasRules(ledger, must) ? [after, together] : [together, after]) {
    const found = place();
    if (found !== undefined) return found;
    restoreLedger(ledger, before);
  }
  return undefined;
}

/** Rules between pods. */
export function hasRules(ledger: Ledger, units: readonly Unit[]): boolean {
  return classesOf(units).some(({ id }) => {
    const { spreads, affinities, avoids } = ledger.compiled.strictest[id] as Variant;
    return spreads.length + affinities.length + avoids.length > 0;
  });
}

/** One after the other: rules between pods may keep a plan for both from giving each of the first its place. */
function placeAfter(ledger: Ledger, must: readonly Unit[], units: readonly Unit[], left: Left): Left | undefined {
  const first = tryAll(ledger, must, [], left, false);
  if (first === undefined) return undefined;
  const open = new Map([...left, ...first]);
  const rest = tryAll(ledger, [], units, open, false);
  return rest && new Map([...open, ...rest]);
}
