import type { LedgerNode } from './ledger.ts';
import { type Matcher, matchesPod, neededLabel } from './matchers.ts';
import type { Labels, PackingNode, PackingPool, PackingProblem } from './problem.ts';
import { own } from './requirements.ts';
import { prefersNoSchedule } from './rules.ts';
import { freeRoom, type NodeFacts, nodeFacts } from './running.ts';
import { type DomainNames, domainOf, type KeyTable, keyTable } from './topology.ts';

/**
 * What the nodes that are there imply, as columns by their position: room, domains, pods that selectors mean, which filters admit them. Kept
 * from plan to plan of the same pools and made anew only where a node is another object, so that a plan against thousands of nodes costs what
 * has changed. It says nothing that could not be read from the nodes: with it and without it the plan is the same.
 */
export type Fleet = {
  readonly pools: readonly PackingPool[];
  nodes: PackingNode[];
  facts: NodeFacts[];
  /** The ledger's views of them. Plans share them: a plan that places pods replaces its own. */
  entries: LedgerNode[];
  /** By node: kind of running pods, how many, how many of those are not ending; one after the other. */
  groups: Int32Array[];
  /** How long they are together. */
  grouped: number;
  /** Running pods that selectors cannot tell apart, by number; and their numbers by what selectors read. */
  readonly kinds: Kind[];
  readonly kindOf: Map<string, number>;
  /** By label that a selector has asked for, and value: the kinds that carry it, as far as they were read. */
  readonly carriers: Map<string, { read: number; readonly byValue: Map<string, number[]> }>;
  readonly tables: Map<string, DomainNames>;
  readonly columns: Map<string, Column>;
  turn: number;
};

type Kind = { readonly namespace: string; readonly labels: Labels };

type Cells = Float64Array | Int32Array | Uint8Array;
/** `width` cells a node, written by `write` at `at`. */
type Column<Some extends Cells = Cells> = {
  cells: Some;
  readonly width: number;
  readonly make: (length: number) => Some;
  readonly write: (cells: Some, at: number, node: number) => void;
  usedAt: number;
};

const fleets = new WeakMap<readonly PackingPool[], Fleet>();

// Selectors and filters come and go with the pods that are pending; what so many plans did not ask for is dropped.
const KEPT_TURNS = 16;
// Kinds and domains of nodes that are gone are kept until they are so many, then all is read anew.
const MOST_GONE = 1024;

export function fleetOf({ nodes, pools }: Pick<PackingProblem, 'nodes' | 'pools'>): Fleet {
  const known = fleets.get(pools);
  // While it is brought up to date it is nobody's: malformed input may end that half-way.
  fleets.delete(pools);
  const fleet = known === undefined || isStale(known) ? emptyFleet(pools) : known;
  update(fleet, nodes);
  fleets.set(pools, fleet);
  return fleet;
}

function emptyFleet(pools: readonly PackingPool[]): Fleet {
  const [kindOf, carriers, tables, columns] = [new Map(), new Map(), new Map(), new Map()];
  return { pools, nodes: [], facts: [], entries: [], groups: [], grouped: 0, kinds: [], kindOf, carriers, tables, columns, turn: 0 };
}

function isStale({ grouped, kinds, nodes, tables }: Fleet): boolean {
  const isFull = (most: number) => kinds.length > most + MOST_GONE;
  if (isFull(nodes.length) && isFull(grouped / 3)) return true;
  return [...tables.values()].some(({ values }) => values.length > 2 * nodes.length + MOST_GONE);
}

function update(fleet: Fleet, nodes: readonly PackingNode[]): void {
  fleet.turn += 1;
  for (const [key, column] of fleet.columns) if (column.usedAt + KEPT_TURNS < fleet.turn) fleet.columns.delete(key);
  const before = fleet.nodes;
  const changed: number[] = [];
  let moved = nodes.length !== before.length;
  for (let at = 0; at < nodes.length && !moved; at++) {
    if (nodes[at] === before[at]) continue;
    if (nodes[at]?.name === before[at]?.name) changed.push(at);
    else moved = true;
  }
  if (moved) rearrange(fleet, nodes);
  else if (changed.length > 0) replace(fleet, nodes, changed);
}

/** Some nodes are other objects, each at its old place. */
function replace(fleet: Fleet, nodes: readonly PackingNode[], changed: readonly number[]): void {
  const { facts, entries, groups } = fleet;
  for (const at of changed) {
    const node = nodes[at] as PackingNode;
    const read = nodeFacts(node);
    fleet.nodes[at] = node;
    facts[at] = read;
    entries[at] = entryOf(node, read, at);
    fleet.grouped -= groups[at]?.length ?? 0;
    groups[at] = groupsOf(fleet, read);
    fleet.grouped += groups[at].length;
  }
  for (const { cells, width, write } of fleet.columns.values()) for (const at of changed) write(cells, at * width, at);
}

/** Nodes came or went: what is known of the others goes with them to their new places. */
function rearrange(fleet: Fleet, nodes: readonly PackingNode[]): void {
  const places = new Map(fleet.nodes.map((node, at) => [node, at]));
  const from = Int32Array.from(nodes, (node) => places.get(node) ?? -1);
  const facts = nodes.map((node, at) => fleet.facts[from[at] as number] ?? nodeFacts(node));
  const entries = nodes.map((node, at) =>
    from[at] === at ? (fleet.entries[at] as LedgerNode) : entryOf(node, facts[at] as NodeFacts, at),
  );
  const groups = facts.map((read, at) => fleet.groups[from[at] as number] ?? groupsOf(fleet, read));
  const grouped = groups.reduce((sum, one) => sum + one.length, 0);
  Object.assign(fleet, { nodes: nodes.slice(), facts, entries, groups, grouped });
  for (const column of fleet.columns.values()) {
    const { cells: old, width, make, write } = column;
    const cells = make(nodes.length * width);
    for (let at = 0; at < nodes.length; at++) {
      const source = from[at] as number;
      if (source < 0) write(cells, at * width, at);
      else for (let cell = 0; cell < width; cell++) cells[at * width + cell] = old[source * width + cell] as number;
    }
    column.cells = cells;
  }
}

const NOTHING: ReadonlyMap<number, number> = new Map();

function entryOf(node: PackingNode, { label, taints }: NodeFacts, index: number): LedgerNode {
  return { index, name: node.name, label, taints, existing: node, candidate: undefined, placed: NOTHING };
}

function groupsOf({ kinds, kindOf }: Fleet, { groups }: NodeFacts): Int32Array {
  const found = new Int32Array(3 * groups.length);
  for (const [at, { signature, namespace, labels, count, terminating }] of groups.entries()) {
    let kind = kindOf.get(signature);
    if (kind === undefined) {
      kind = kinds.length;
      kinds.push({ namespace, labels });
      kindOf.set(signature, kind);
    }
    found.set([kind, count, count - terminating], 3 * at);
  }
  return found;
}

/** `isBlank`: every cell would be 0. */
function columnOf<Some extends Cells>(
  fleet: Fleet,
  key: string,
  width: number,
  make: Column<Some>['make'],
  write: Column<Some>['write'],
  isBlank = () => false,
): Some {
  const known = fleet.columns.get(key);
  if (known !== undefined) {
    known.usedAt = fleet.turn;
    return known.cells as Some;
  }
  const cells = make(width * fleet.nodes.length);
  if (!isBlank()) for (let at = 0; at < fleet.nodes.length; at++) write(cells, at * width, at);
  fleet.columns.set(key, { cells, width, make, write, usedAt: fleet.turn } satisfies Column<Some> as unknown as Column);
  return cells;
}

const bytes = (length: number) => new Uint8Array(length);
const whole = (length: number) => new Int32Array(length);
const amounts = (length: number) => new Float64Array(length);

/** Free room in these dimensions, node by node, before daemons that are still to come. */
export function roomColumn(fleet: Fleet, names: readonly string[]): Float64Array {
  return columnOf(fleet, `room ${names.join()}`, names.length, amounts, (cells, at, node) =>
    cells.set(freeRoom(fleet.facts[node] as NodeFacts, names), at),
  );
}

/** Answers about each node, 0 where nobody asked since it changed. `question` is all that the answer depends on but the node. */
export function answerColumn(fleet: Fleet, question: string): Uint8Array {
  return columnOf(fleet, `answer ${question}`, 1, bytes, (cells, at) => {
    cells[at] = 0;
  });
}

/** The kinds, from this one on, that may carry the label: a runtime's pods each have labels of their own, and a selector means few of them. */
function kindsWith({ kinds, carriers }: Fleet, [key, value]: readonly [string, string], from: number): readonly number[] {
  const known = carriers.get(key) ?? { read: 0, byValue: new Map<string, number[]>() };
  carriers.set(key, known);
  for (; known.read < kinds.length; known.read++) {
    const carried = own(kinds[known.read]?.labels, key);
    if (carried === undefined) continue;
    const alike = known.byValue.get(carried);
    if (alike === undefined) known.byValue.set(carried, [known.read]);
    else alike.push(known.read);
  }
  return (known.byValue.get(value) ?? []).filter((kind) => kind >= from);
}

/** Of each node how many running pods the matcher means, and how many of those are not ending. */
export function meantColumn(fleet: Fleet, matcher: Matcher): Int32Array {
  const { kinds } = fleet;
  const meant = new Set<number>();
  const label = neededLabel(matcher);
  let asked = 0;
  const ask = () => {
    const candidates = label === undefined ? range(asked, kinds.length) : kindsWith(fleet, label, asked);
    for (const kind of candidates) {
      const { namespace, labels } = kinds[kind] as Kind;
      if (matchesPod(matcher, namespace, labels)) meant.add(kind);
    }
    asked = kinds.length;
  };
  const isMeant = (kind: number): boolean => {
    // Kinds are numbered as they come.
    if (kind >= asked) ask();
    return meant.has(kind);
  };
  const isBlank = () => {
    ask();
    return meant.size === 0;
  };
  const write = (cells: Int32Array, at: number, node: number) => {
    const groups = fleet.groups[node] as Int32Array;
    let all = 0;
    let staying = 0;
    for (let group = 0; group < groups.length; group += 3) {
      if (!isMeant(groups[group] as number)) continue;
      all += groups[group + 1] as number;
      staying += groups[group + 2] as number;
    }
    cells[at] = all;
    cells[at + 1] = staying;
  };
  // The selectors of a job that is new mean no pod that runs.
  return columnOf(fleet, `meant ${matcher.signature}`, 2, whole, write, isBlank);
}

/** The domains of the nodes under a topology key, for one plan to go on from. Its names are shared: those that no node has mean nothing. */
export function tableOf(fleet: Fleet, key: string): KeyTable {
  const names = fleet.tables.get(key) ?? keyTable(key);
  fleet.tables.set(key, names);
  const cells = columnOf(fleet, `domain ${key}`, 1, whole, (column, at, node) => {
    column[at] = domainOf(names, (fleet.facts[node] as NodeFacts).label(key));
  });
  return { key, values: names.values, index: names.index, ofNode: Array.from(cells) };
}

export const SIZE_CELLS = 5;

/** Of each node the place of its pool among the pools (-1: of none), its vCPUs, its price, 1 where it is spot, and its memory in GiB; one after the other. */
export function sizeColumn(fleet: Fleet): Float64Array {
  const places = new Map(fleet.pools.map(({ name }, at) => [name, at]));
  return columnOf(fleet, 'size', SIZE_CELLS, amounts, (cells, at, node) => {
    const { pool, usdPerHour } = fleet.nodes[node] as PackingNode;
    const { vcpus, memoryGiB, isSpot } = fleet.facts[node] as NodeFacts;
    cells[at] = pool === undefined ? -1 : (places.get(pool) ?? -1);
    cells[at + 1] = vcpus;
    cells[at + 2] = usdPerHour ?? 0;
    cells[at + 3] = isSpot ? 1 : 0;
    cells[at + 4] = memoryGiB;
  });
}

const LAUNCHING = 1;
const REPELS = 2;
const AVOIDED = 4;

/** What few nodes are. `avoidTaints`: some node has a taint that is a preference. */
export type Special = {
  readonly launching: readonly number[];
  /** Running pods there keep others away by required anti-affinity. */
  readonly repelling: readonly number[];
  readonly avoidTaints: boolean;
};

export function special(fleet: Fleet): Special {
  const cells = columnOf(fleet, 'special', 1, bytes, (column, at, node) => {
    const { antiAffinity, taints } = fleet.facts[node] as NodeFacts;
    column[at] =
      (fleet.nodes[node]?.launching ? LAUNCHING : 0) + (antiAffinity.length > 0 ? REPELS : 0) + (prefersNoSchedule(taints) ? AVOIDED : 0);
  });
  const launching: number[] = [];
  const repelling: number[] = [];
  let avoidTaints = false;
  for (let node = 0; node < cells.length; node++) {
    const flags = cells[node] as number;
    if (flags === 0) continue;
    if ((flags & LAUNCHING) !== 0) launching.push(node);
    if ((flags & REPELS) !== 0) repelling.push(node);
    if ((flags & AVOIDED) !== 0) avoidTaints = true;
  }
  return { launching, repelling, avoidTaints };
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
