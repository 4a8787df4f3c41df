import { canPlace } from '../admit.ts';
import type { Variant } from '../compile.ts';
import { ZONE } from '../filters.ts';
import type { Candidate } from '../launch.ts';
import { type Ledger, type LedgerNode, openedNodes, openNode, place, reopenLedger, restoreLedger, saveLedger } from '../ledger.ts';
import { brokenLimit, isMixed } from '../limits.ts';
import { completeNodes } from './complete.ts';
import { type Fluid, solveFluid } from './fluid.ts';
import { askedInAll, cappedRoom, type Member, type PatternProblem, patternProblem, undominated } from './items.ts';
import type { Pattern } from './knapsack.ts';
import { hasZoneRules } from './zones.ts';

// So many pods that a round costs little, and so few that single nodes still matter.
const MOST_PODS = 400;
const MOST_TOGETHER = 40;
// Of so few kinds a node has few fillings, however many pods it holds.
const FEW_KINDS = 4;
const EFFORT = { steps: 50, fillings: 40 };
// Measured: what so many choices did not make cheaper the next did not either.
const MOST_MISSES = 100;
const CLOSE_ENOUGH = 1.003;

/**
 * A few nodes at a time are emptied and their pods packed anew by search; kept where that is cheaper and every rule still admits every pod
 * at its place in the order (large neighbourhood search). Pods with rules about zones stay in their zones.
 */
export function improveLaunches(ledger: Ledger, rounds: number): void {
  const placed = placedOnNew(ledger);
  if (rounds === 0 || placed.pods === 0 || placed.pods > MOST_PODS) return;
  const problem = patternProblem(ledger, placed.members, 400, { limits: [], accepts: ({ shape }) => !isMixed(shape.pool) });
  if (problem === undefined) return;
  const fluid = solveFluid(problem);
  const itemOf = new Map<string, number>();
  for (const item of problem.items) for (const { variant, zone } of item.members) itemOf.set(keyOf(variant, zone), item.id);
  const most = Math.floor(rounds * Math.min(1, 100 / placed.pods) * Math.min(1, 150 / problem.items.length));
  const failed = new Set<string>();
  let misses = 0;
  for (let round = 0; round < most && misses < MOST_MISSES; round++) {
    if (priceOfNew(ledger) <= fluid.usdPerHour * CLOSE_ENOUGH) return;
    misses = tryRound(ledger, problem, fluid, itemOf, round, failed) ? 0 : misses + 1;
  }
}

function keyOf(variant: Variant, zone: string | undefined): string {
  return `${variant.id} ${zone ?? ''}`;
}

function zoneKept(ledger: Ledger, variant: Variant, node: LedgerNode): string | undefined {
  const together = ledger.problem.gangs?.some((gang) => gang.singleZone && gang.id === variant.class.gang) ?? false;
  return together || hasZoneRules(variant) ? node.label(ZONE) : undefined;
}

function placedOnNew(ledger: Ledger): { readonly members: readonly Member[]; readonly pods: number } {
  const members = new Map<string, Member>();
  let pods = 0;
  for (const node of openedNodes(ledger)) {
    if (!mayChange(node)) continue;
    for (const [id, count] of node.placed) {
      const variant = ledger.compiled.variants[id] as Variant;
      const zone = zoneKept(ledger, variant, node);
      const key = keyOf(variant, zone);
      members.set(key, { variant, count: count + (members.get(key)?.count ?? 0), ...(zone === undefined ? {} : { zone }) });
      pods += count;
    }
  }
  return { members: [...members.values()], pods };
}

/** Another capacity type would change the spot share. */
function mayChange({ candidate }: LedgerNode): boolean {
  return candidate !== undefined && !isMixed(candidate.shape.pool);
}

function priceOfNew(ledger: Ledger): number {
  return openedNodes(ledger).reduce((sum, node) => sum + (mayChange(node) ? (node.candidate?.usdPerHour ?? 0) : 0), 0);
}

type Load = { readonly node: LedgerNode; readonly counts: Int32Array; readonly pods: number; readonly waste: number };

/** `failed`: nodes that were packed anew in vain, by what they cost and hold; this adds to them. */
function tryRound(
  ledger: Ledger,
  problem: PatternProblem,
  fluid: Fluid,
  itemOf: ReadonlyMap<string, number>,
  round: number,
  failed: Set<string>,
): boolean {
  const loads = openedNodes(ledger)
    .filter(mayChange)
    .map((node) => loadOf(ledger, problem, fluid, itemOf, node, node.candidate as Candidate))
    .filter((load) => load.pods > 0)
    .sort((left, right) => right.waste - left.waste || left.node.index - right.node.index);
  const chosen = chooseNodes(loads, round, problem.items.length <= FEW_KINDS ? MOST_PODS : MOST_TOGETHER);
  if (chosen.length < 2) return false;
  const counts = new Int32Array(problem.items.length);
  for (const load of chosen) for (const [item, count] of load.counts.entries()) counts[item] = (counts[item] as number) + count;
  const paid = chosen.reduce((sum, { node }) => sum + (node.candidate?.usdPerHour ?? 0), 0);
  // Few nodes are chosen together again and again: what was not packed for less then is not now.
  const key = `${paid} ${counts.join()}`;
  if (failed.has(key)) return false;
  const mostNodes = chosen.length + (ledger.limits.caps?.nodes ?? Infinity) - ledger.limits.all.nodes;
  const patterns = packAnew(problem, counts, paid, mostNodes);
  if (patterns === undefined) failed.add(key);
  return patterns !== undefined && rebuild(ledger, new Set(chosen.map(({ node }) => node.index)), patterns, itemOf);
}

function loadOf(
  ledger: Ledger,
  problem: PatternProblem,
  { values }: Fluid,
  itemOf: ReadonlyMap<string, number>,
  node: LedgerNode,
  candidate: Candidate,
): Load {
  const counts = new Int32Array(problem.items.length);
  let pods = 0;
  let waste = candidate.usdPerHour;
  for (const [id, count] of node.placed) {
    const variant = ledger.compiled.variants[id] as Variant;
    const item = itemOf.get(keyOf(variant, zoneKept(ledger, variant, node))) as number;
    counts[item] = (counts[item] as number) + count;
    pods += count;
    waste -= count * (values[item] as number);
  }
  return { node, counts, pods, waste };
}

/** One of the most wasteful nodes and some others, more often wasteful ones; another choice each round, the same for the same round. */
function chooseNodes(loads: readonly Load[], round: number, mostTogether: number): readonly Load[] {
  const chosen = new Set<Load>();
  let pods = 0;
  const size = 2 + (round % 4);
  for (let turn = 0; turn < 4 * size && chosen.size < size; turn++) {
    const mixed = Math.imul(round * 0x9e3779b1 + turn * 0x85ebca6b + 1, 0x27d4eb2f) >>> 0;
    const share = (mixed % 1000) / 1000;
    const at = chosen.size === 0 ? Math.floor(round / 4) % Math.max(1, loads.length) : Math.floor(share * share * loads.length);
    const load = loads[at];
    if (load === undefined || chosen.has(load) || pods + load.pods > mostTogether) continue;
    chosen.add(load);
    pods += load.pods;
  }
  return [...chosen];
}

function packAnew(problem: PatternProblem, counts: Int32Array, below: number, mostNodes: number): readonly Pattern[] | undefined {
  const items = problem.items
    .filter((item) => (counts[item.id] as number) > 0)
    .map((item) => ({ ...item, count: counts[item.id] as number }));
  const asked = askedInAll(items, problem.width);
  const capped = problem.options.map((option) => ({ ...option, room: cappedRoom(option.room, asked) }));
  const options = undominated(
    capped.filter((option) => option.usdPerHour < below),
    items.map((item) => item.eligible),
  );
  const part: PatternProblem = {
    width: problem.width,
    limits: [],
    options: options.map((option, id) => ({ ...option, id })),
    items: items.map((item, id) => ({ ...item, id, eligible: Uint8Array.from(options, (option) => item.eligible[option.id] as number) })),
  };
  if (part.items.some((item) => !item.eligible.includes(1))) return undefined;
  const fluid = solveFluid(part);
  if (fluid.usdPerHour >= below - 1e-6) return undefined;
  if (mostNodes < Infinity && leastWithin(part, mostNodes) >= below - 1e-6) return undefined;
  return completeNodes(part, fluid, below - 1e-6, { ...EFFORT, mostNodes })?.map((pattern) => ({
    ...pattern,
    items: pattern.items.map((item) => (items[item] as (typeof items)[number]).id),
  }));
}

/** What so few nodes cost at least. */
function leastWithin(part: PatternProblem, mostNodes: number): number {
  const limits = [{ left: mostNodes, takes: () => 1, excessUsd: undefined, spare: 0 }];
  const options = part.options.map((option) => ({ ...option, uses: Float64Array.of(1) }));
  const { isShort, usdPerHour } = solveFluid({ ...part, options, limits });
  return isShort ? Number.POSITIVE_INFINITY : usdPerHour;
}

/** The plan with these nodes replaced: every pod at its old place in the order, judged again by every rule. False, and all as it was, where one is refused. */
function rebuild(ledger: Ledger, gone: ReadonlySet<number>, patterns: readonly Pattern[], itemOf: ReadonlyMap<string, number>): boolean {
  const before = saveLedger(ledger);
  const entries: { readonly variant: Variant; readonly node: number; readonly item: number | undefined }[] = [];
  for (let at = 0; at < before.log.length; at += 2) {
    const variant = ledger.compiled.variants[before.log[at] as number] as Variant;
    const node = before.log[at + 1] as number;
    const item = gone.has(node) ? itemOf.get(keyOf(variant, zoneKept(ledger, variant, ledger.nodes[node] as LedgerNode))) : undefined;
    entries.push({ variant, node, item });
  }
  const moved = reopenLedger(ledger, before, gone);
  const slots = openPatterns(ledger, patterns);
  const done =
    slots !== undefined &&
    entries.every(({ variant, node, item }) => {
      const target = item === undefined ? (moved.get(node) ?? node) : slotFor(ledger, slots, variant, item);
      if (target === undefined || !canPlace(ledger, variant, target)) return false;
      place(ledger, variant, target);
      return true;
    });
  if (!done) restoreLedger(ledger, before);
  return done;
}

type Slot = { readonly node: number; readonly left: Map<number, number> };

function openPatterns(ledger: Ledger, patterns: readonly Pattern[]): readonly Slot[] | undefined {
  const slots: Slot[] = [];
  for (const { option, items, counts } of patterns) {
    // Those of a price are alike; the first that no limit forbids.
    const candidate = option.candidates.find(
      (one) => one.usdPerHour <= option.usdPerHour + 1e-9 && brokenLimit(ledger.limits, one) === undefined,
    );
    if (candidate === undefined) return undefined;
    const { index } = openNode(ledger, candidate);
    slots.push({ node: index, left: new Map([...items].map((item, at) => [item, counts[at] as number])) });
  }
  return slots;
}

function slotFor(ledger: Ledger, slots: readonly Slot[], variant: Variant, item: number): number | undefined {
  for (const slot of slots) {
    const left = slot.left.get(item) ?? 0;
    if (left === 0 || !canPlace(ledger, variant, slot.node)) continue;
    slot.left.set(item, left - 1);
    return slot.node;
  }
  return undefined;
}
