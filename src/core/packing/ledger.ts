import type { Classified, Dimensions } from './classes.ts';
import { type Compiled, compile, type NodeView, type Variant } from './compile.ts';
import { type Daemon, daemonOverhead, readDaemons } from './daemons.ts';
import { HOSTNAME, type NodeFilter } from './filters.ts';
import { answerColumn, type Fleet, meantColumn, roomColumn, special } from './fleet.ts';
import { isPort } from './host-ports.ts';
import { type Candidate, type LaunchSpace, labelLookup } from './launch.ts';
import { countLaunch, type LaunchLimits, launchLimits } from './limits.ts';
import type { Matcher } from './matchers.ts';
import type { PackingNode, PackingProblem } from './problem.ts';
import { reachableDomains } from './reach.ts';
import { ATTACHMENTS } from './requests.ts';
import type { NodeFacts } from './running.ts';
import { addDomain, type Counter, countAll, countPods, domainOf, forgetNode, setDomains, takesPart } from './topology.ts';

/**
 * Which nodes topology spread may count on. existing: those that are there and could be launched. launch: the same, and an empty host can
 * always be had. closing: those that have nodes, and new nodes only in them. closed: those that have nodes, all of which are known.
 */
export type Phase = 'existing' | 'launch' | 'closing' | 'closed';

export type LedgerNode = NodeView & {
  readonly index: number;
  readonly existing: PackingNode | undefined;
  /** Of a new node; may be exchanged for another size of the same pool, zone and capacity type. */
  candidate: Candidate | undefined;
  /** Pods placed by this plan, by variant id. */
  placed: ReadonlyMap<number, number>;
};

/** The cluster as the plan would leave it: room, topology counts, limits. Every change can be undone. */
export type Ledger = {
  readonly problem: PackingProblem;
  readonly dims: Dimensions;
  readonly compiled: Compiled;
  readonly space: LaunchSpace;
  readonly daemons: readonly Daemon[];
  readonly nodes: LedgerNode[];
  readonly limits: LaunchLimits;
  /** Room left: dims.names.length numbers a node. */
  free: Float64Array;
  /** Of the nodes that were there, before this plan and before daemons that are still to come: never less than is free. */
  readonly atFirst: Float64Array;
  /** By class: those of them that had room for one of its pods, found when first asked. */
  readonly roomy: (Int32Array | undefined)[];
  /** The most that any machine offers, found when first asked. */
  largest: Float64Array | undefined;
  /** By candidate: those that differ from it in size only, grouped when first asked. */
  exchange: readonly (readonly Candidate[])[] | undefined;
  /** Domains that spread counts because nodes could be launched there. */
  reachable: ReturnType<typeof reachableDomains> | undefined;
  phase: Phase;
  /** While a way without the nodes that are there is tried. */
  areNodesClosed: boolean;
  /** While a gang that stays together is placed: the zone that is being tried. */
  onlyZone: string | undefined;
  /** What was placed where, in order: variant, node, variant, node, … */
  readonly log: number[];
  /** By filter, then node that is there or candidate: 0 not asked yet, 1 admits, 2 refuses. */
  readonly admits: readonly Uint8Array[];
  readonly admitsCandidate: Uint8Array[];
  /** By candidate: what an empty node offers to pods. */
  readonly room: (Float64Array | undefined)[];
};

export function openLedger(problem: PackingProblem, fleet: Fleet, classified: Classified, dims: Dimensions, space: LaunchSpace): Ledger {
  const nodes = [...fleet.entries];
  const { launching, repelling } = special(fleet);
  const running: { matcher: Matcher; key: string }[] = [];
  for (const node of repelling) {
    for (const { pod, term } of (fleet.facts[node] as NodeFacts).antiAffinity)
      running.push({ matcher: classified.matchers.ofTerms(pod, [term]), key: term.topologyKey });
  }
  const filters = classified.filters.filters;
  const ledger: Ledger = {
    problem,
    dims,
    compiled: compile(classified.classes, dims.vectors, running, fleet, (node) => nodes[node] as LedgerNode),
    space,
    daemons: readDaemons(problem.daemons),
    nodes,
    limits: launchLimits(problem, fleet),
    free: new Float64Array(dims.names.length * (problem.nodes.length + 64)),
    atFirst: roomColumn(fleet, dims.names),
    roomy: [],
    largest: undefined,
    reachable: undefined,
    exchange: undefined,
    phase: 'existing',
    areNodesClosed: false,
    onlyZone: undefined,
    log: [],
    admits: filters.map((filter) => answerColumn(fleet, `admits ${filter.signature}`)),
    admitsCandidate: candidateAnswers(space, filters),
    room: roomsOf(space, dims, problem),
  };
  ledger.free.set(ledger.atFirst);
  for (const node of launching) takeDaemons(ledger, nodes[node] as LedgerNode);
  countRunning(ledger, classified, fleet, repelling);
  for (const { counter, domains } of reachableDomains(ledger))
    for (const value of domains) addDomain(counter, domainOf(counter.table, value));
  return ledger;
}

/** Daemons are not among the pods of a node that is still launching, but they will be. */
function takeDaemons(ledger: Ledger, { index, label, taints }: LedgerNode): void {
  const offset = index * ledger.dims.names.length;
  const daemons = daemonOverhead(ledger.daemons, ledger.dims.names, label, taints);
  for (const [dim, name] of ledger.dims.names.entries())
    ledger.free[offset + dim] = (ledger.free[offset + dim] as number) - (daemons.get(name) ?? 0);
}

const NOTHING: ReadonlyMap<number, number> = new Map();

function enter(ledger: Ledger, node: LedgerNode): number {
  const needed = (node.index + 1) * ledger.dims.names.length;
  if (needed > ledger.free.length) {
    const larger = new Float64Array(needed * 2);
    larger.set(ledger.free);
    ledger.free = larger;
  }
  ledger.nodes.push(node);
  for (const table of ledger.compiled.topology.tables.values()) table.ofNode[node.index] = domainOf(table, node.label(table.key));
  const { spread } = ledger.compiled.topology;
  for (let at = 0; at < spread.length; at++) {
    const { counter } = spread[at] as (typeof spread)[number];
    if (takesPart(counter, node.index)) addDomain(counter, counter.table.ofNode[node.index] as number);
  }
  return node.index;
}

function countRunning(ledger: Ledger, classified: Classified, fleet: Fleet, repelling: readonly number[]): void {
  const { plain, spread } = ledger.compiled.topology;
  for (const { counter } of spread) setDomains(counter, ledger.nodes.length);
  for (const { matcher, counter } of plain) countAll(counter, meantColumn(fleet, matcher), 2, 0);
  for (const { rule, counter } of spread) countAll(counter, meantColumn(fleet, rule.matcher), 2, 1);
  for (const node of repelling) {
    for (const { pod, term } of (fleet.facts[node] as NodeFacts).antiAffinity)
      countPods(ledger.compiled.owner(classified.matchers.ofTerms(pod, [term]), term.topologyKey), node, 1);
  }
}

type Rooms = { readonly daemons: PackingProblem['daemons']; readonly byNames: Map<string, (Float64Array | undefined)[]> };
const rooms = new WeakMap<LaunchSpace, Rooms>();
// Pods of one cluster ask for few sets of resources.
const MOST_SETS = 8;

/** Remembered from earlier plans that asked for the same resources under the same daemons. */
function roomsOf(space: LaunchSpace, dims: Dimensions, { daemons }: PackingProblem): (Float64Array | undefined)[] {
  const known = rooms.get(space);
  const isOurs = known !== undefined && known.daemons === daemons && known.byNames.size < MOST_SETS;
  const { byNames } = isOurs ? known : ({ daemons, byNames: new Map() } satisfies Rooms);
  if (!isOurs) rooms.set(space, { daemons, byNames });
  const names = dims.names.join();
  const room: (Float64Array | undefined)[] = byNames.get(names) ?? [];
  byNames.set(names, room);
  return room;
}

const answers = new WeakMap<LaunchSpace, Map<string, Uint8Array>>();
const MOST_ANSWERS = 64;

/** Which candidates filters admit, as far as earlier plans with this launch space have asked: the answer depends on nothing else. */
function candidateAnswers(space: LaunchSpace, filters: readonly NodeFilter[]): Uint8Array[] {
  const known = answers.get(space) ?? new Map<string, Uint8Array>();
  answers.set(space, known);
  const own = filters.map(({ signature }) => {
    const column = known.get(signature) ?? new Uint8Array(space.candidates.length);
    // Last in the map: the first are those that no plan has asked for the longest.
    known.delete(signature);
    known.set(signature, column);
    return column;
  });
  for (const signature of known.keys()) {
    if (known.size <= MOST_ANSWERS) break;
    known.delete(signature);
  }
  return own;
}

/** What an empty node of the candidate offers: usable capacity less the daemons that would run on it. */
export function roomOf(ledger: Ledger, candidate: Candidate): Float64Array {
  let room = ledger.room[candidate.id];
  if (room === undefined) {
    room = emptyRoom(ledger, candidate);
    ledger.room[candidate.id] = room;
  }
  return room;
}

/** The same of a candidate that need not be one of the launch space's. */
export function emptyRoom({ dims: { names }, daemons: all }: Ledger, candidate: Candidate): Float64Array {
  const { capacity, pool } = candidate.shape;
  const daemons = daemonOverhead(all, names, labelLookup(candidate), pool.taints ?? []);
  return Float64Array.from(
    names,
    (name) => (isPort(name) ? 1 : (capacity.get(name) ?? (OPEN_ENDED.has(name) ? Infinity : 0))) - (daemons.get(name) ?? 0),
  );
}

/** A type that says nothing of its volumes gets as much as is asked: they are made with the node. */
const OPEN_ENDED: ReadonlySet<string> = new Set([ATTACHMENTS, 'ephemeral-storage']);

/** Opens a node; the caller has judged it with `brokenLimit`. */
export function openNode(ledger: Ledger, candidate: Candidate): LedgerNode {
  const index = ledger.nodes.length;
  const name = `new-${index - ledger.problem.nodes.length + 1}`;
  const lookup = labelLookup(candidate);
  const label = (key: string) => (key === HOSTNAME ? name : lookup(key));
  const node: LedgerNode = {
    index,
    name,
    label,
    taints: candidate.shape.pool.taints ?? [],
    existing: undefined,
    candidate,
    placed: NOTHING,
  };
  enter(ledger, node);
  ledger.free.set(roomOf(ledger, candidate), index * ledger.dims.names.length);
  countLaunch(ledger.limits, candidate, 1);
  return node;
}

/** The nodes that were there and could have taken a pod of the variant, as far as room goes: a full cluster of thousands is looked through once a plan. */
export function roomyNodes(ledger: Ledger, { class: { id }, requests }: Variant): Int32Array {
  let nodes = ledger.roomy[id];
  if (nodes === undefined) {
    const found: number[] = [];
    const { atFirst } = ledger;
    for (let node = 0, at = 0; node < ledger.problem.nodes.length; node++, at += requests.length)
      if (holds(atFirst, at, requests)) found.push(node);
    nodes = Int32Array.from(found);
    ledger.roomy[id] = nodes;
  }
  return nodes;
}

function holds(room: Float64Array, first: number, requests: Float64Array): boolean {
  for (let dim = 0; dim < requests.length; dim++) {
    const asked = requests[dim] as number;
    if (asked > 0 && asked > (room[first + dim] as number)) return false;
  }
  return true;
}

export function place(ledger: Ledger, variant: Variant, node: number): void {
  apply(ledger, variant, node, 1);
  ledger.log.push(variant.id, node);
}

function apply(ledger: Ledger, variant: Variant, node: number, sign: 1 | -1): void {
  const stride = ledger.dims.names.length;
  const offset = node * stride;
  const { requests, counted } = variant;
  for (let dim = 0; dim < stride; dim++)
    ledger.free[offset + dim] = (ledger.free[offset + dim] as number) - sign * (requests[dim] as number);
  for (let at = 0; at < counted.length; at++) countPods(counted[at] as Counter, node, sign);
  const placed = placedOn(ledger, node);
  const pods = (placed.get(variant.id) ?? 0) + sign;
  if (pods === 0) placed.delete(variant.id);
  else placed.set(variant.id, pods);
}

/** Most nodes get nothing in a plan and are other plans' nodes, too: the first pod makes one this plan's own. */
function placedOn(ledger: Ledger, node: number): Map<number, number> {
  const at = ledger.nodes[node] as LedgerNode;
  if (at.placed.size > 0) return at.placed as Map<number, number>;
  const placed = new Map<number, number>();
  if (at.existing === undefined) at.placed = placed;
  else ledger.nodes[node] = { ...at, placed };
  return placed;
}

export type Mark = { readonly log: number; readonly nodes: number };

export function mark(ledger: Ledger): Mark {
  return { log: ledger.log.length, nodes: ledger.nodes.length };
}

/** Takes back everything since the mark, the nodes opened since included. Domains stay known: they were launchable before. */
export function rollBack(ledger: Ledger, to: Mark): void {
  while (ledger.log.length > to.log) {
    const node = ledger.log.pop() as number;
    const variant = ledger.compiled.variants[ledger.log.pop() as number] as Variant;
    apply(ledger, variant, node, -1);
  }
  while (ledger.nodes.length > to.nodes) {
    const node = ledger.nodes.pop() as LedgerNode;
    countLaunch(ledger.limits, node.candidate as Candidate, -1);
    for (const counter of ledger.compiled.topology.counters) forgetNode(counter, node.index);
  }
}

/** They come after those that were there before. */
export function openedNodes(ledger: Ledger): readonly LedgerNode[] {
  return ledger.nodes.slice(ledger.problem.nodes.length);
}

/** The same for two ledgers that opened the same nodes and placed the same pods there, in whatever order. */
export function stateOf(ledger: Ledger): string {
  const placed: string[] = [];
  for (let at = 0; at < ledger.log.length; at += 2) placed.push(`${ledger.log[at]} ${ledger.log[at + 1]}`);
  return `${openedNodes(ledger)
    .map(({ candidate }) => candidate?.id)
    .join()}|${placed.sort().join()}`;
}

/** What a plan has placed and opened, to come back to after others were tried. */
export type Snapshot = { readonly log: readonly number[]; readonly opened: readonly Candidate[]; readonly phase: Phase };

export function saveLedger(ledger: Ledger): Snapshot {
  const opened = openedNodes(ledger).map(({ candidate }) => candidate as Candidate);
  return { log: [...ledger.log], opened, phase: ledger.phase };
}

export function restoreLedger(ledger: Ledger, saved: Snapshot): void {
  resetLedger(ledger);
  for (const candidate of saved.opened) openNode(ledger, candidate);
  for (let at = 0; at < saved.log.length; at += 2)
    place(ledger, ledger.compiled.variants[saved.log[at] as number] as Variant, saved.log[at + 1] as number);
  ledger.phase = saved.phase;
}

/** From the start with the new nodes that stay, and nothing placed; answers their new places. */
export function reopenLedger(ledger: Ledger, before: Snapshot, gone: ReadonlySet<number>): ReadonlyMap<number, number> {
  resetLedger(ledger);
  ledger.phase = before.phase;
  const moved = new Map<number, number>();
  const first = ledger.nodes.length;
  for (const [at, candidate] of before.opened.entries())
    if (!gone.has(first + at)) moved.set(first + at, openNode(ledger, candidate).index);
  return moved;
}

/** From here on spread counts the domains that have nodes, no longer those that could get one. */
export function closeLedger(ledger: Ledger, phase: 'closing' | 'closed'): void {
  ledger.phase = phase;
  for (const { counter } of ledger.compiled.topology.spread) setDomains(counter, ledger.nodes.length);
}

/** Takes back everything placed and opened. */
export function resetLedger(ledger: Ledger): void {
  rollBack(ledger, { log: 0, nodes: ledger.problem.nodes.length });
  ledger.phase = 'existing';
  for (const { counter } of ledger.compiled.topology.spread) setDomains(counter, ledger.nodes.length);
  countReachable(ledger);
}

function countReachable(ledger: Ledger): void {
  ledger.reachable ??= reachableDomains(ledger);
  for (const { counter, domains } of ledger.reachable) for (const value of domains) addDomain(counter, domainOf(counter.table, value));
}
