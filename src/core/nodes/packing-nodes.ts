/** The nodes of a runtime as the planner sees them. */
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Node, Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import type { Catalog } from '../packing/catalog.ts';
import { type Daemon, daemonsOn } from '../packing/daemons.ts';
import type { PackingNode, PackingPod, PodSpec } from '../packing/problem.ts';
import { own } from '../packing/requirements.ts';
import { filledSlot, sameItems } from './bound-pods.ts';
import { nodeLabels, nodeTaints, type ResolvedPool } from './pools.ts';

/** A node's part of the problem, and every source that it was made from. */
export type SeenNode = {
  readonly node: ElasticNode;
  readonly machine: Node | undefined;
  readonly pods: readonly Pod[];
  readonly held: readonly PackingPod[];
  readonly daemons: readonly Daemon[];
  /** What is read of the ElasticNode and of its machine: a heartbeat makes another object that says the same. */
  readonly text: string;
  readonly machineText: string;
  readonly value: PackingNode;
};

export type NodeSources = {
  readonly runtime: ElasticRuntime & { readonly metadata: { readonly uid: string } };
  readonly pools: readonly ResolvedPool[];
  readonly types: ReadonlyMap<string, Catalog['types'][number]>;
  readonly nodeByProviderId: (providerID: string) => Node | undefined;
  readonly podsAt: ReadonlyMap<string, readonly Pod[]>;
  /** The same list while no DaemonSet says anything else. */
  readonly daemons: readonly Daemon[];
  readonly heldFor: (node: ElasticNode) => readonly PackingPod[];
};

export function isUsable(node: ElasticNode): boolean {
  return (
    node.metadata.deletionTimestamp === undefined && node.status?.phase !== 'Failed' && node.status?.report?.interruption === undefined
  );
}

const none: readonly never[] = [];

/** `before`: what was seen of the same node at the look before. Its part of the problem stays the same object where it says the same. */
export function seeNode(sources: NodeSources, node: ElasticNode, before: SeenNode | undefined): SeenNode {
  const machine = machineOf(node, sources.nodeByProviderId);
  const pods = (machine === undefined ? undefined : sources.podsAt.get(machine.metadata.name)) ?? none;
  const held = sources.heldFor(node);
  const text = node === before?.node ? before.text : nodeText(node);
  const machineText = before !== undefined && machine === before.machine ? before.machineText : textOfMachine(machine);
  const isSame =
    before !== undefined &&
    text === before.text &&
    machineText === before.machineText &&
    sources.daemons === before.daemons &&
    sameItems(pods, before.pods) &&
    sameItems(held, before.held);
  const value = isSame ? before.value : readNode(sources, node, machine, [...pods.map(boundPod), ...held]);
  return { node, machine, pods, held, daemons: sources.daemons, text, machineText, value };
}

export function machineOf({ status }: ElasticNode, nodeByProviderId: NodeSources['nodeByProviderId']): Node | undefined {
  return status?.providerID === undefined ? undefined : nodeByProviderId(status.providerID);
}

function offeringOf({ status, spec }: ElasticNode) {
  return status?.offering ?? spec.offerings[0];
}

function nodeText(node: ElasticNode): string {
  return JSON.stringify([node.metadata.name, node.spec.pool, offeringOf(node), isUsable(node)]);
}

function textOfMachine(machine: Node | undefined): string {
  return machine === undefined ? '' : JSON.stringify([machine.metadata.labels, machine.status?.allocatable]);
}

function readNode(
  { runtime, pools, types, daemons }: NodeSources,
  node: ElasticNode,
  machine: Node | undefined,
  pods: readonly PackingPod[],
): PackingNode {
  const { name, namespace = '', uid } = runtime.metadata;
  const pool = pools.find((candidate) => candidate.name === node.spec.pool);
  const offering = offeringOf(node);
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
  const nodeLabelled = { ...expected, ...machine?.metadata.labels };
  const taints = pool === undefined ? [] : nodeTaints(uid, pool);
  const launching = machine?.status?.allocatable === undefined;
  // The planner adds them to a node that is launching.
  const running = launching ? [] : daemonsOn(daemons, (key) => own(nodeLabelled, key), taints);
  return {
    name: node.metadata.name,
    labels: nodeLabelled,
    taints,
    allocatable: machine?.status?.allocatable ?? allocatableOf(type),
    pods: running.length === 0 ? pods : [...pods, ...running.map(({ pod }) => pod)],
    launching,
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
    key: filledSlot(pod)?.key ?? `pod ${pod.metadata.namespace}/${pod.metadata.name}`,
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    spec: pod.spec as unknown as PodSpec,
    terminating: pod.metadata.deletionTimestamp !== undefined,
  };
}
