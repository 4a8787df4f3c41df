/** From jobs, nodes and pods to one packing problem: what is demanded, what is there, what may be launched. */
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { DaemonSet, Node, Pod } from '../../api/kubernetes.ts';
import { labels, taints } from '../../api/labels.ts';
import type { Allowance, Usage } from '../classes/limits.ts';
import { gangId, type SlotRole, slotKey, slotName } from '../jobs/slots.ts';
import type { Catalog } from '../packing/catalog.ts';
import type { PackingNode, PackingPod, PackingPool, PackingProblem, PodSpec, Toleration, UnavailableOffering } from '../packing/problem.ts';
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

export function slotOfPod(pod: Pod): { readonly jobUid: string; readonly attempt: number; readonly name: string } | undefined {
  const own = pod.metadata.labels ?? {};
  const jobUid = own[labels.jobUid];
  const role = own[labels.role] as SlotRole | undefined;
  const attempt = Number(own[labels.attempt]);
  if (jobUid === undefined || role === undefined || !Number.isInteger(attempt)) return undefined;
  const index =
    role === 'master'
      ? 0
      : Number(own['batch.kubernetes.io/job-completion-index'] ?? pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']);
  return Number.isInteger(index) ? { jobUid, attempt, name: slotName(role, index) } : undefined;
}

export function buildProblem(input: DemandInput): PackingProblem {
  const bound = new Map<string, Pod>();
  for (const pod of input.pods) {
    const slot = slotOfPod(pod);
    if (slot !== undefined && pod.spec.nodeName !== undefined) bound.set(`${slot.jobUid}/${slot.attempt}/${slot.name}`, pod);
  }
  const reserved = reservedSlots(input.elasticNodes);
  const pods = input.jobs.flatMap((demand) =>
    slotsOf(demand)
      .filter(({ key }) => !bound.has(key) && !reserved.has(key))
      .map((slot) => packingPod(input, demand, slot)),
  );
  return {
    pods,
    // What is going still counts against the limits, and takes nothing new.
    nodes: input.elasticNodes
      .filter((node) => isUsable(node) || node.status?.instanceId !== undefined)
      .map((node) => ({ ...packingNode(input, node, bound), ...(!isUsable(node) && { unschedulable: true }) })),
    types: input.catalog.types,
    offerings: input.catalog.offerings,
    pools: input.pools.map((pool) => packingPool(input, pool)),
    daemons: input.daemonSets.map(daemonPod),
    unavailable: input.unavailable,
    ...(input.limits !== undefined && { limits: input.limits }),
  };
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

function packingPod(input: DemandInput, demand: DemandJob, slot: SlotDemand): PackingPod {
  const { job, attempt, priority } = demand;
  const { uid, namespace = '' } = job.metadata;
  const template = slot.role === 'master' ? job.spec.master.template : job.spec.workers.template;
  const spec = (template?.spec ?? { containers: [] }) as unknown as PodSpec;
  const toleration: Toleration = { key: taints.runtime, operator: 'Equal', value: input.runtime.metadata.uid, effect: 'NoSchedule' };
  return {
    key: slot.key,
    namespace,
    labels: { ...template?.metadata?.labels, [labels.jobUid]: uid, [labels.role]: slot.role, [labels.attempt]: String(attempt) },
    spec: {
      ...spec,
      nodeSelector: { ...spec.nodeSelector, [labels.nodeRole]: slot.role },
      tolerations: [...(spec.tolerations ?? []), toleration],
    },
    priority: slot.inGang ? priority : priority - growthPenalty,
    ...(slot.inGang && { gang: gangId(uid, attempt) }),
  };
}

function packingNode(input: DemandInput, node: DemandInput['elasticNodes'][number], bound: ReadonlyMap<string, Pod>): PackingNode {
  const { name, namespace = '', uid } = input.runtime.metadata;
  const pool = input.pools.find((candidate) => candidate.name === node.spec.pool);
  const machine = node.status?.providerID === undefined ? undefined : input.nodeByProviderId(node.status.providerID);
  const offering = node.status?.offering ?? node.spec.offerings[0];
  const type = input.catalog.types.find((candidate) => candidate.name === offering?.instanceType);
  const expected: Record<string, string> = {
    ...type?.labels,
    ...(pool === undefined ? {} : nodeLabels({ name, namespace }, pool)),
    [labels.runtimeUid]: uid,
    [labels.zone]: offering?.zone ?? '',
    [labels.capacityType]: offering?.capacityType ?? 'on-demand',
    [labels.instanceType]: offering?.instanceType ?? '',
    [labels.hostname]: node.metadata.name,
  };
  const registered = machine?.status?.allocatable !== undefined;
  return {
    name: node.metadata.name,
    labels: { ...expected, ...machine?.metadata.labels },
    taints: pool === undefined ? [] : nodeTaints(uid, pool),
    allocatable: machine?.status?.allocatable ?? allocatableOf(type),
    pods: [...boundTo(machine?.metadata.name, bound, input.pods), ...heldFor(input, node, bound)],
    launching: !registered,
    pool: node.spec.pool,
    ...(offering?.usdPerHour !== undefined && { usdPerHour: offering.usdPerHour }),
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

function boundTo(nodeName: string | undefined, bound: ReadonlyMap<string, Pod>, all: readonly Pod[]): readonly PackingPod[] {
  if (nodeName === undefined) return [];
  const slots = new Map([...bound].map(([key, pod]) => [pod.metadata.uid, key]));
  return all
    .filter((pod) => pod.spec.nodeName === nodeName)
    .map((pod) => ({
      key: slots.get(pod.metadata.uid) ?? `pod ${pod.metadata.namespace}/${pod.metadata.name}`,
      namespace: pod.metadata.namespace ?? '',
      labels: pod.metadata.labels ?? {},
      spec: pod.spec as unknown as PodSpec,
      terminating: pod.metadata.deletionTimestamp !== undefined,
    }));
}

/** Slots that are kept here for pods that do not exist yet, or are not bound yet. */
function heldFor(input: DemandInput, node: ElasticNode, bound: ReadonlyMap<string, Pod>): readonly PackingPod[] {
  return (node.spec.reservedFor ?? []).flatMap((entry) => {
    const demand = input.jobs.find(({ job, attempt }) => job.metadata.uid === entry.jobUid && attempt === entry.attempt);
    if (demand === undefined) return [];
    const byName = new Map(slotsOf(demand).map((slot) => [slotName(slot.role, slot.index), slot]));
    return entry.slots.flatMap((name) => {
      const slot = byName.get(name);
      return slot === undefined || bound.has(slot.key) ? [] : [packingPod(input, demand, slot)];
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
