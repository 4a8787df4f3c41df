/** From jobs, nodes and pods to one packing problem: what is demanded, what is there, what may be launched. */
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { DaemonSet, Node, Pod } from '../../api/kubernetes.ts';
import { labels, taints } from '../../api/labels.ts';
import type { Allowance, Usage } from '../classes/limits.ts';
import { gangId, type SlotRole, slotKey, slotName } from '../jobs/slots.ts';
import type { Catalog } from '../packing/catalog.ts';
import { planPacking } from '../packing/plan.ts';
import type { PackingNode, PackingPod, PackingPool, PackingProblem, PodSpec, Toleration, UnavailableOffering } from '../packing/problem.ts';
import { type BoundPods, boundPods, sameItems, slotKeyOfPod } from './bound-pods.ts';
import { nodeLabels, nodeTaints, type ResolvedPool } from './pools.ts';

export type DemandJob = {
  readonly job: ElasticJob & { readonly metadata: { readonly uid: string } };
  readonly attempt: number;
  readonly priority: number;
};

export type DemandInput = {
  readonly runtime: ElasticRuntime & { readonly metadata: { readonly uid: string } };
  readonly pools: readonly ResolvedPool[];
  readonly jobs: readonly DemandJob[];
  readonly elasticNodes: readonly (ElasticNode & { readonly metadata: { readonly uid: string } })[];
  readonly nodeByProviderId: (providerID: string) => Node | undefined;
  /** Pods of the runtime's jobs that have not ended. */
  readonly pods: readonly Pod[];
  readonly daemonSets: readonly DaemonSet[];
  readonly catalog: Catalog;
  readonly unavailable: readonly UnavailableOffering[];
  /** What the runtime class leaves to this runtime. */
  readonly limits?: Allowance | undefined;
};

/** Growth beyond a gang's minimum never stands before another gang. */
const growthPenalty = 2_000_000_000;

/**
 * The problem of one look. Parts whose sources are the same objects as at the look before are the same objects, too: the planner remembers what it derived from
 * them, so that planning anew costs what has changed. `memory` belongs to one runtime.
 */
export function buildProblem(input: DemandInput, memory: DemandMemory = demandMemory()): PackingProblem {
  forgetOther(input, memory);
  memory.bound = boundPods(input.pods, memory.bound);
  const { bound, podsAt } = memory.bound;
  const demands = new Map(input.jobs.map((demand) => [`${demand.job.metadata.uid}/${demand.attempt}`, slotPods(input, demand, memory)]));
  const look: Look = { input, bound, podsAt, demands, types: typesOf(input.catalog), memory };
  return {
    pods: unplacedPods(look),
    // What is going still counts against the limits, and takes nothing new.
    nodes: input.elasticNodes
      .filter((node) => isUsable(node) || node.status?.instanceId !== undefined)
      .map((node) => packingNode(look, node)),
    types: input.catalog.types,
    offerings: input.catalog.offerings,
    pools: memory.packingPools,
    daemons: daemonsOf(input, memory),
    unavailable: input.unavailable,
    ...(input.limits !== undefined && { limits: input.limits }),
  };
}

/** Slots that no pod fills and no node is kept for. */
function unplacedPods({ input, bound, demands }: Look): readonly PackingPod[] {
  const waiting = new Map<string, Map<string, PackingPod>>();
  for (const [attempt, { slots }] of demands) {
    const open = new Map<string, PackingPod>();
    for (const [name, { key, pod }] of slots) if (!bound.has(key)) open.set(name, pod);
    if (open.size > 0) waiting.set(attempt, open);
  }
  for (const node of input.elasticNodes) {
    if (waiting.size === 0) break;
    if (node.spec.reservedFor === undefined || !isUsable(node)) continue;
    for (const { jobUid, attempt, slots } of node.spec.reservedFor) {
      const open = waiting.get(`${jobUid}/${attempt}`);
      if (open !== undefined) for (const slot of slots) open.delete(slot);
    }
  }
  return [...waiting.values()].flatMap((open) => [...open.values()]);
}

/** What the nodes of a runtime take of the limits of its namespace. */
export function usageOf(nodes: readonly ElasticNode[], catalog: Catalog): Usage {
  const counted = nodes.filter((node) => isUsable(node) || node.status?.instanceId !== undefined);
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

type SlotPods = { readonly slots: ReadonlyMap<string, { readonly key: string; readonly pod: PackingPod }> };
type NodeMemory = {
  readonly machine: Node | undefined;
  readonly pods: readonly Pod[];
  readonly held: readonly PackingPod[];
  readonly value: PackingNode;
};

export type DemandMemory = {
  /** What the rest was made from besides its own sources. */
  pools: readonly ResolvedPool[] | undefined;
  catalog: Catalog | undefined;
  packingPools: readonly PackingPool[];
  /** The same without what may only forbid, for the bound. */
  boundPools: readonly PackingPool[];
  daemonSets: readonly DaemonSet[];
  daemons: readonly PackingPod[];
  bound: BoundPods;
  nodes: WeakMap<object, NodeMemory>;
  slots: WeakMap<object, { readonly attempt: number; readonly priority: number; readonly value: SlotPods }>;
};

export function demandMemory(): DemandMemory {
  return {
    pools: undefined,
    catalog: undefined,
    packingPools: [],
    boundPools: [],
    daemonSets: [],
    daemons: [],
    bound: { pods: [], bound: new Map(), podsAt: new Map() },
    nodes: new WeakMap(),
    slots: new WeakMap(),
  };
}

function forgetOther(input: DemandInput, memory: DemandMemory): void {
  if (memory.pools === input.pools && memory.catalog === input.catalog) return;
  const { pools, catalog } = input;
  const packingPools = pools.map((pool) => packingPool(input, pool));
  const boundPools = packingPools.map(({ limits: _limits, minNodes: _minNodes, ...pool }) => pool);
  Object.assign(memory, demandMemory(), { pools, catalog, packingPools, boundPools });
}

function daemonsOf({ daemonSets }: DemandInput, memory: DemandMemory): readonly PackingPod[] {
  if (!sameItems(memory.daemonSets, daemonSets)) Object.assign(memory, { daemonSets, daemons: daemonSets.map(daemonPod) });
  return memory.daemons;
}

type Look = {
  readonly input: DemandInput;
  readonly bound: ReadonlyMap<string, Pod>;
  readonly podsAt: ReadonlyMap<string, readonly Pod[]>;
  readonly demands: ReadonlyMap<string, SlotPods>;
  readonly types: ReadonlyMap<string, Catalog['types'][number]>;
  readonly memory: DemandMemory;
};

const typeIndexes = new WeakMap<Catalog['types'], ReadonlyMap<string, Catalog['types'][number]>>();

function typesOf({ types }: Catalog): ReadonlyMap<string, Catalog['types'][number]> {
  const known = typeIndexes.get(types) ?? new Map(types.map((type) => [type.name, type]));
  typeIndexes.set(types, known);
  return known;
}

/** Pods of a job's slots by name. Those of one role share their spec, so that the planner reads it once. */
function slotPods(input: DemandInput, demand: DemandJob, memory: DemandMemory): SlotPods {
  const known = memory.slots.get(demand.job);
  if (known?.attempt === demand.attempt && known.priority === demand.priority) return known.value;
  const specs = { master: slotSpec(input, demand, 'master'), worker: slotSpec(input, demand, 'worker') };
  const slots = new Map(
    slotsOf(demand).map((slot) => [slotName(slot.role, slot.index), { key: slot.key, pod: packingPod(demand, slot, specs[slot.role]) }]),
  );
  const value = { slots };
  memory.slots.set(demand.job, { attempt: demand.attempt, priority: demand.priority, value });
  return value;
}

export function isUsable(node: ElasticNode): boolean {
  return (
    node.metadata.deletionTimestamp === undefined && node.status?.phase !== 'Failed' && node.status?.report?.interruption === undefined
  );
}

function reservedSlots(nodes: readonly ElasticNode[]): ReadonlySet<string> {
  return new Set(
    nodes
      .filter(isUsable)
      .flatMap((node) =>
        (node.spec.reservedFor ?? []).flatMap((entry) => entry.slots.map((slot) => `${entry.jobUid}/${entry.attempt}/${slot}`)),
      ),
  );
}

type SlotDemand = { readonly key: string; readonly role: SlotRole; readonly index: number; readonly inGang: boolean };

/** Master and minimum workers are the gang; the workers up to max are wanted as limits and capacity allow. */
export function slotsOf({ job, attempt }: Pick<DemandJob, 'job' | 'attempt'>): readonly SlotDemand[] {
  const slot = (role: SlotRole, index: number, inGang: boolean): SlotDemand => ({
    key: slotKey({ jobUid: job.metadata.uid, attempt, role, index }),
    role,
    index,
    inGang,
  });
  const { min, max, template } = job.spec.workers;
  const workers = template === undefined ? 0 : Math.max(min, max);
  return [slot('master', 0, true), ...Array.from({ length: workers }, (_, index) => slot('worker', index, index < min))];
}

function slotSpec(input: DemandInput, { job }: DemandJob, role: SlotRole): PodSpec {
  const template = role === 'master' ? job.spec.master.template : job.spec.workers.template;
  const spec = (template?.spec ?? { containers: [] }) as unknown as PodSpec;
  const toleration: Toleration = { key: taints.runtime, operator: 'Equal', value: input.runtime.metadata.uid, effect: 'NoSchedule' };
  return {
    ...spec,
    nodeSelector: { ...spec.nodeSelector, [labels.nodeRole]: role },
    tolerations: [...(spec.tolerations ?? []), toleration],
  };
}

function packingPod({ job, attempt, priority }: DemandJob, slot: SlotDemand, spec: PodSpec): PackingPod {
  const { uid, namespace = '' } = job.metadata;
  const template = slot.role === 'master' ? job.spec.master.template : job.spec.workers.template;
  return {
    key: slot.key,
    namespace,
    labels: { ...template?.metadata?.labels, [labels.jobUid]: uid, [labels.role]: slot.role, [labels.attempt]: String(attempt) },
    spec,
    priority: slot.inGang ? priority : priority - growthPenalty,
    ...(slot.inGang && { gang: gangId(uid, attempt) }),
  };
}

const none: readonly never[] = [];

function packingNode(look: Look, node: DemandInput['elasticNodes'][number]): PackingNode {
  const { providerID } = node.status ?? {};
  const machine = providerID === undefined ? undefined : look.input.nodeByProviderId(providerID);
  const pods = (machine === undefined ? undefined : look.podsAt.get(machine.metadata.name)) ?? none;
  const held = heldFor(look, node);
  const known = look.memory.nodes.get(node);
  if (known !== undefined && known.machine === machine && sameItems(known.pods, pods) && sameItems(known.held, held)) return known.value;
  const value = readNode(look, node, machine, [...pods.map(boundPod), ...held]);
  look.memory.nodes.set(node, { machine, pods, held, value });
  return value;
}

function readNode(
  { input, types }: Look,
  node: DemandInput['elasticNodes'][number],
  machine: Node | undefined,
  pods: readonly PackingPod[],
): PackingNode {
  const { name, namespace = '', uid } = input.runtime.metadata;
  const pool = input.pools.find((candidate) => candidate.name === node.spec.pool);
  const offering = node.status?.offering ?? node.spec.offerings[0];
  const type = types.get(offering?.instanceType ?? '');
  const expected: Record<string, string> = {
    ...type?.labels,
    ...(pool === undefined ? {} : nodeLabels({ name, namespace }, pool)),
    [labels.runtimeUid]: uid,
    [labels.zone]: offering?.zone ?? '',
    [labels.capacityType]: offering?.capacityType ?? 'on-demand',
    [labels.instanceType]: offering?.instanceType ?? '',
    [labels.hostname]: node.metadata.name,
  };
  return {
    name: node.metadata.name,
    labels: { ...expected, ...machine?.metadata.labels },
    taints: pool === undefined ? [] : nodeTaints(uid, pool),
    allocatable: machine?.status?.allocatable ?? allocatableOf(type),
    pods,
    launching: machine?.status?.allocatable === undefined,
    pool: node.spec.pool,
    ...(offering?.usdPerHour !== undefined && { usdPerHour: offering.usdPerHour }),
    ...(!isUsable(node) && { unschedulable: true }),
  };
}

/** Capacity less what the machine keeps, as quantities that the planner reads; both are written by the catalog. */
function allocatableOf(type: Catalog['types'][number] | undefined): Readonly<Record<string, string | number>> {
  if (type === undefined) return {};
  const number = (value: string | number | undefined): number => (typeof value === 'number' ? value : Number.parseFloat(value ?? '0'));
  const millis = number(type.capacity['cpu']) * 1000 - number(type.reserved?.['cpu']);
  const mebibytes = number(type.capacity['memory']) - number(type.reserved?.['memory']);
  return { ...type.capacity, cpu: `${millis}m`, memory: `${mebibytes}Mi` };
}

function boundPod(pod: Pod): PackingPod {
  return {
    key: slotKeyOfPod(pod) ?? `pod ${pod.metadata.namespace}/${pod.metadata.name}`,
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    spec: pod.spec as unknown as PodSpec,
    terminating: pod.metadata.deletionTimestamp !== undefined,
  };
}

/** Slots that are kept here for pods that do not exist yet, or are not bound yet. */
function heldFor({ demands, bound }: Look, node: ElasticNode): readonly PackingPod[] {
  const { reservedFor } = node.spec;
  if (reservedFor === undefined || reservedFor.length === 0) return none;
  return reservedFor.flatMap((entry) => {
    const demand = demands.get(`${entry.jobUid}/${entry.attempt}`);
    return entry.slots.flatMap((name) => {
      const slot = demand?.slots.get(name);
      return slot === undefined || bound.has(slot.key) ? [] : [slot.pod];
    });
  });
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
    limits: { nodes: pool.max, ...(pool.maxUsdPerHour !== undefined && { usdPerHour: pool.maxUsdPerHour }) },
    ...(pool.role === 'worker' && pool.spotPercent > 0 && { spotPercent: pool.spotPercent, spotShareGroup: 'workers' }),
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
 * each offering of the catalog to be had. Growth that has no place yet is not counted: limits may never let it have one. `of` tells one demand from another.
 */
export function demandBound(
  input: DemandInput,
  memory: DemandMemory = demandMemory(),
): { readonly of: string; readonly usdPerHour: () => number } {
  forgetOther(input, memory);
  memory.bound = boundPods(input.pods, memory.bound);
  const { bound } = memory.bound;
  let reserved: ReadonlySet<string> | undefined;
  const isReserved = (key: string): boolean => (reserved ??= reservedSlots(input.elasticNodes)).has(key);
  const pods: PackingPod[] = [];
  const counts: string[] = [];
  for (const demand of input.jobs) {
    const before = pods.length;
    for (const { key, pod } of slotPods(input, demand, memory).slots.values())
      if (pod.gang !== undefined || bound.has(key) || isReserved(key)) pods.push(pod);
    counts.push(`${demand.job.metadata.uid} ${demand.attempt} ${demand.priority} ${pods.length - before}`);
  }
  const pools = memory.boundPools;
  const { types, offerings } = input.catalog;
  const daemons = daemonsOf(input, memory);
  return {
    of: JSON.stringify([counts, pools]),
    usdPerHour: () =>
      pods.length === 0 ? 0 : planPacking({ pods, nodes: [], types, offerings, pools, daemons, effort: 0 }).lowerBoundUsdPerHour,
  };
}
