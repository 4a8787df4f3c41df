/** From jobs, nodes and pods to one packing problem: what is demanded, what is there, what may be launched. */
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { DaemonSet, Node, Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import type { Allowance, Usage } from '../classes/limits.ts';
import { gangId } from '../jobs/slots.ts';
import type { Catalog } from '../packing/catalog.ts';
import { type Daemon, readDaemons } from '../packing/daemons.ts';
import { planPacking } from '../packing/plan.ts';
import type { PackingNode, PackingPod, PackingPool, PackingProblem, PodSpec, UnavailableOffering } from '../packing/problem.ts';
import { type BoundPods, noBoundPods, sameItems, updateBoundPods } from './bound-pods.ts';
import {
  add,
  attemptsIn,
  drop,
  type Holders,
  type LedgerChanges,
  type LedgerIndex,
  ledgerIndex,
  nodesUnder,
  updateLedgerIndex,
} from './ledger-index.ts';
import { isUsable, machineOf, type NodeSources, type SeenNode, seeNode } from './packing-nodes.ts';
import { nodeLabels, nodeTaints, type ResolvedPool } from './pools.ts';
import { type DemandJob, isSameDemand, type SlotPods, slotPods } from './slot-pods.ts';

export type DemandInput = {
  readonly runtime: ElasticRuntime & { readonly metadata: { readonly uid: string } };
  readonly pools: readonly ResolvedPool[];
  readonly jobs: readonly DemandJob[];
  readonly elasticNodes: readonly (ElasticNode & { readonly metadata: { readonly uid: string } })[];
  readonly nodeByProviderId: (providerID: string) => Node | undefined;
  /** Provider ids for which that may answer otherwise than at the look before with the same memory; absent: any. */
  readonly movedMachines?: ReadonlySet<string>;
  /** Pods of the runtime's jobs that have not ended, job by job. */
  readonly pods: readonly (readonly Pod[])[];
  readonly daemonSets: readonly DaemonSet[];
  readonly catalog: Catalog;
  readonly unavailable: readonly UnavailableOffering[];
  /** What the runtime class leaves to this runtime. */
  readonly limits?: Allowance | undefined;
};

/**
 * The problem of one look. Parts whose sources are the same objects as at the look before, or say the same, are the same objects, too: the planner remembers what
 * it derived from them, so that planning anew costs what has changed. `memory` belongs to one runtime.
 */
export function buildProblem(input: DemandInput, memory: DemandMemory = demandMemory()): PackingProblem {
  look(input, memory);
  return {
    // Slots that no pod fills and no node is kept for.
    pods: inOrder(memory, ({ open }) => open),
    nodes: packingNodes(input, memory),
    types: input.catalog.types,
    offerings: input.catalog.offerings,
    pools: memory.packingPools,
    daemons: daemonsOf(input, memory),
    unavailable: input.unavailable,
    ...(input.limits !== undefined && { limits: input.limits }),
  };
}

/** What is going still counts against the limits, and takes nothing new. */
function isCounted(node: ElasticNode): boolean {
  return isUsable(node) || node.status?.instanceId !== undefined;
}

/** What the nodes of a runtime take of the limits of its namespace. */
export function usageOf(nodes: readonly ElasticNode[], catalog: Catalog): Usage {
  const counted = nodes.filter(isCounted);
  const offerings = counted.map((node) => node.status?.offering ?? node.spec.offerings[0]);
  const vcpus = offerings.map((offering) =>
    Number(catalog.types.find(({ name }) => name === offering?.instanceType)?.capacity['cpu'] ?? 0),
  );
  return {
    nodes: counted.length,
    vcpus: vcpus.reduce((sum, each) => sum + each, 0),
    usdPerHour: offerings.reduce((sum, offering) => sum + (offering?.usdPerHour ?? 0), 0),
  };
}

const none: readonly never[] = [];

/** An attempt's slots: those without a place, and those that the bound counts. */
type AttemptDemand = { readonly slots: SlotPods; open: readonly PackingPod[]; counted: readonly PackingPod[] };

/** What a look leaves for the next one. It only saves time: all of it could be read from the next look's input. */
export type DemandMemory = {
  /** What the rest was made from besides its own sources. */
  pools: readonly ResolvedPool[] | undefined;
  catalog: Catalog | undefined;
  packingPools: readonly PackingPool[];
  /** The same without what may only forbid, for the bound. */
  boundPools: readonly PackingPool[];
  boundPoolsText: string;
  types: ReadonlyMap<string, Catalog['types'][number]>;
  daemonSets: readonly DaemonSet[];
  daemons: readonly PackingPod[];
  daemonsRead: readonly Daemon[];
  bound: BoundPods;
  /** In the order of the jobs, and by attempt. */
  order: readonly AttemptDemand[];
  demands: Map<string, AttemptDemand>;
  ledgers: LedgerIndex;
  seen: Map<ElasticNode, SeenNode>;
  /** By the name of the machine that was seen. */
  byMachine: Holders;
  /** By uid: what was seen of objects that are gone, for the objects that are there in their stead. */
  left: Map<string | undefined, SeenNode>;
  /** Nodes of which a source may have changed since they were seen. */
  stale: Set<ElasticNode>;
  /** In the order of the ledgers' nodes, undefined where it does not count; undefined where that order is another than at the look before. */
  nodes: readonly (PackingNode | undefined)[] | undefined;
  /** A look that ended half-way, by malformed input, leaves nothing to rely on. */
  isWhole: boolean;
};

export function demandMemory(): DemandMemory {
  return {
    pools: undefined,
    catalog: undefined,
    packingPools: [],
    boundPools: [],
    boundPoolsText: '',
    types: new Map(),
    daemonSets: [],
    daemons: [],
    daemonsRead: [],
    bound: noBoundPods(),
    order: [],
    demands: new Map(),
    ledgers: ledgerIndex(),
    seen: new Map(),
    byMachine: new Map(),
    left: new Map(),
    stale: new Set(),
    nodes: undefined,
    isWhole: true,
  };
}

function forgetOther(input: DemandInput, memory: DemandMemory): void {
  const { pools, catalog } = input;
  if (memory.isWhole && memory.pools === pools && memory.catalog === catalog) return;
  const packingPools = pools.map((pool) => packingPool(input, pool));
  const boundPools = packingPools.map(({ limits: _limits, minNodes: _minNodes, ...pool }) => pool);
  const isSame = memory.pools === pools;
  Object.assign(memory, demandMemory(), {
    pools,
    catalog,
    packingPools: isSame ? memory.packingPools : packingPools,
    boundPools: isSame ? memory.boundPools : boundPools,
    boundPoolsText: JSON.stringify(boundPools),
    types: new Map(catalog.types.map((type) => [type.name, type])),
  });
}

/** Finds what has changed since the look before, and looks again at the attempts that that touches. Once more with the same input it finds nothing. */
function look(input: DemandInput, memory: DemandMemory): void {
  forgetOther(input, memory);
  memory.isWhole = false;
  const touched = updateDemands(input, memory);
  const { attempts, machines } = updateBoundPods(memory.bound, input.pods);
  for (const id of attempts) touched.add(id);
  const changes = updateLedgerIndex(memory.ledgers, input.elasticNodes);
  if (!changes.inPlace) memory.nodes = undefined;
  for (const node of changes.gone) leave(memory, node);
  for (const node of changes.come) memory.stale.add(node);
  const { byAttempt, byProviderId } = memory.ledgers;
  for (const id of touched) for (const node of nodesUnder(byAttempt, id)) memory.stale.add(node);
  for (const machine of machines) for (const node of nodesUnder(memory.byMachine, machine)) memory.stale.add(node);
  for (const id of input.movedMachines ?? []) for (const node of nodesUnder(byProviderId, id)) memory.stale.add(node);
  for (const id of attemptsOfChanged(changes)) touched.add(id);
  for (const id of touched) {
    const demand = memory.demands.get(id);
    if (demand !== undefined) Object.assign(demand, placesOf(memory, demand.slots));
  }
  memory.isWhole = true;
}

/** Answers the attempts that came, went or ask for something else. */
function updateDemands({ jobs, runtime }: DemandInput, memory: DemandMemory): Set<string> {
  const touched = new Set<string>();
  const before = memory.order;
  let moved = 0;
  memory.order = jobs.map((demand, at) => {
    const there = before[at];
    // Most jobs are those of the look before, at the same place: then nothing has to be looked up.
    if (there !== undefined && isSameDemand(there.slots.of, demand)) return there;
    moved += 1;
    const id = gangId(demand.job.metadata.uid, demand.attempt);
    const known = memory.demands.get(id);
    const slots = slotPods(runtime, demand, known?.slots);
    if (known !== undefined && slots === known.slots) return known;
    touched.add(id);
    return { slots, open: none, counted: none };
  });
  if (moved === 0 && before.length === jobs.length) return touched;
  const now = new Set(memory.order);
  for (const { slots } of before.filter((demand) => !now.has(demand))) touched.add(slots.id);
  for (const id of touched) memory.demands.delete(id);
  for (const demand of memory.order) if (touched.has(demand.slots.id)) memory.demands.set(demand.slots.id, demand);
  return touched;
}

/** The attempts that nodes held slots of and hold no more, or the other way round. */
function attemptsOfChanged({ come, gone }: LedgerChanges): ReadonlySet<string> {
  const attempts = new Set<string>();
  const before = new Map(gone.map((node) => [node.metadata.uid, node]));
  const same = new Set<ElasticNode>();
  for (const node of come) {
    const old = before.get(node.metadata.uid);
    if (old === undefined || isUsable(old) !== isUsable(node)) continue;
    if (JSON.stringify(old.spec.reservedFor) === JSON.stringify(node.spec.reservedFor)) same.add(old).add(node);
  }
  for (const node of [...come, ...gone]) if (!same.has(node)) for (const id of attemptsIn(node)) attempts.add(id);
  return attempts;
}

/** Which of an attempt's slots have a place: a pod fills it, or a node that can be used keeps it. */
function placesOf({ bound, ledgers }: DemandMemory, { id, slots }: SlotPods): Pick<AttemptDemand, 'open' | 'counted'> {
  const reserved = new Set<string>();
  for (const node of nodesUnder(ledgers.byAttempt, id)) {
    if (!isUsable(node)) continue;
    for (const entry of node.spec.reservedFor ?? [])
      if (gangId(entry.jobUid, entry.attempt) === id) for (const slot of entry.slots) reserved.add(slot);
  }
  const open: PackingPod[] = [];
  const counted: PackingPod[] = [];
  for (const [name, { key, pod }] of slots) {
    const hasPlace = bound.filled.has(key) || reserved.has(name);
    if (!hasPlace) open.push(pod);
    if (hasPlace || pod.gang !== undefined) counted.push(pod);
  }
  return { open, counted };
}

/** What is seen of each node now. */
export function seenNodes({ seen }: DemandMemory): Iterable<SeenNode> {
  return seen.values();
}

/** The nodes that count: made anew where a source may have changed, else those of the look before. */
function packingNodes(input: DemandInput, memory: DemandMemory): readonly PackingNode[] {
  const { nodeByProviderId, movedMachines } = input;
  daemonsOf(input, memory);
  const { ledgers, seen, stale, left, daemonsRead: daemons } = memory;
  const heldHere = (node: ElasticNode) => heldFor(memory, node);
  const sources: NodeSources = { ...input, types: memory.types, podsAt: memory.bound.podsAt, daemons, heldFor: heldHere };
  if (movedMachines === undefined)
    for (const [node, { machine }] of seen) if (machineOf(node, nodeByProviderId) !== machine) stale.add(node);
  const nodes = memory.nodes?.slice();
  for (const node of stale) {
    const place = ledgers.places.get(node);
    if (place === undefined) continue;
    const before = seen.get(node);
    const now = seeNode(sources, node, before ?? left.get(node.metadata.uid));
    if (before?.machine !== undefined) drop(memory.byMachine, before.machine.metadata.name, node);
    if (now.machine !== undefined) add(memory.byMachine, now.machine.metadata.name, node);
    seen.set(node, now);
    if (nodes !== undefined) nodes[place] = isCounted(node) ? now.value : undefined;
  }
  stale.clear();
  left.clear();
  memory.nodes = nodes ?? ledgers.nodes.map((node) => (isCounted(node) ? seen.get(node)?.value : undefined));
  return memory.nodes.filter((node) => node !== undefined);
}

/** The object is not among the nodes any more. */
function leave({ seen, byMachine, left }: DemandMemory, node: ElasticNode): void {
  const known = seen.get(node);
  if (known === undefined) return;
  seen.delete(node);
  left.set(node.metadata.uid, known);
  if (known.machine !== undefined) drop(byMachine, known.machine.metadata.name, node);
}

/** Slots that are kept here for pods that do not exist yet, or are not bound yet. */
function heldFor({ demands, bound }: DemandMemory, { spec: { reservedFor } }: ElasticNode): readonly PackingPod[] {
  if (reservedFor === undefined || reservedFor.length === 0) return none;
  return reservedFor.flatMap((entry) => {
    const demand = demands.get(gangId(entry.jobUid, entry.attempt));
    return entry.slots.flatMap((name) => {
      const slot = demand?.slots.slots.get(name);
      return slot === undefined || bound.filled.has(slot.key) ? [] : [slot.pod];
    });
  });
}

/** Pods of all attempts, in the order of the jobs. */
function inOrder({ order }: DemandMemory, of: (attempt: AttemptDemand) => readonly PackingPod[]): readonly PackingPod[] {
  const pods: PackingPod[] = [];
  for (const demand of order) for (const pod of of(demand)) pods.push(pod);
  return pods;
}

function daemonsOf({ daemonSets }: DemandInput, memory: DemandMemory): readonly PackingPod[] {
  if (!sameItems(memory.daemonSets, daemonSets)) {
    const daemons = daemonSets.map(daemonPod);
    // A DaemonSet's status moves with each node that joins.
    if (JSON.stringify(daemons) !== JSON.stringify(memory.daemons)) {
      Object.assign(memory, { daemons, daemonsRead: readDaemons(daemons) });
      for (const node of memory.seen.keys()) memory.stale.add(node);
    }
    memory.daemonSets = daemonSets;
  }
  return memory.daemons;
}

function packingPool(input: DemandInput, pool: ResolvedPool): PackingPool {
  const { name, namespace = '', uid } = input.runtime.metadata;
  return {
    name: pool.name,
    weight: pool.weight,
    labels: { ...nodeLabels({ name, namespace }, pool), [labels.runtimeUid]: uid },
    taints: nodeTaints(uid, pool),
    requirements: [
      ...(pool.requirements as PackingPool['requirements'] & object),
      { key: labels.arch, operator: 'In', values: [pool.architecture] },
      // A master that is taken away ends the attempt, so masters are never spot; neither are workers of a pool without a spot share.
      ...(pool.role === 'master' || pool.spotPercent === 0
        ? [{ key: labels.capacityType, operator: 'In' as const, values: ['on-demand'] }]
        : []),
    ],
    minNodes: pool.min,
    limits: {
      nodes: pool.max,
      ...(pool.maxVcpus !== undefined && { vcpus: pool.maxVcpus }),
      ...(pool.maxMemoryGiB !== undefined && { memoryGiB: pool.maxMemoryGiB }),
      ...(pool.maxUsdPerHour !== undefined && { usdPerHour: pool.maxUsdPerHour }),
    },
    ...(pool.role === 'worker' && pool.spotPercent > 0 && { spotPercent: pool.spotPercent, spotShareGroup: pool.spotShareGroup }),
  };
}

function daemonPod(daemonSet: DaemonSet): PackingPod {
  const { name, namespace = '' } = daemonSet.metadata;
  const { template } = daemonSet.spec;
  return {
    key: `daemon ${namespace}/${name}`,
    namespace,
    labels: template.metadata?.labels ?? {},
    spec: template.spec as unknown as PodSpec,
  };
}

/**
 * What no set of nodes for the present demand costs less than, US dollars an hour: every slot that has a place and every gang's slots, planned from nothing, with
 * each offering of the catalog to be had. Growth that has no place yet is not counted: limits may never let it have one. `of` tells one demand from another, `pods` says how many it counts.
 */
export function demandBound(
  input: DemandInput,
  memory: DemandMemory = demandMemory(),
): { readonly of: string; readonly pods: number; readonly usdPerHour: () => number } {
  look(input, memory);
  const daemons = daemonsOf(input, memory);
  const { boundPools: pools, boundPoolsText, order } = memory;
  const counts = order.map(({ slots, counted }) => `${slots.id} ${slots.of.priority} ${counted.length}`);
  const { types, offerings } = input.catalog;
  return {
    of: `${counts.join()} ${boundPoolsText}`,
    pods: order.reduce((sum, { counted }) => sum + counted.length, 0),
    usdPerHour: () => {
      const pods = inOrder(memory, ({ counted }) => counted);
      return pods.length === 0 ? 0 : planPacking({ pods, nodes: [], types, offerings, pools, daemons, effort: 0 }).lowerBoundUsdPerHour;
    },
  };
}
