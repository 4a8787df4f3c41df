import { CAPACITY_TYPE, HOSTNAME, type LabelLookup } from './filters.ts';
import { isPort, portsHeld } from './host-ports.ts';
import type { Labels, PackingNode, PackingPod, PodAffinityTerm, Taint } from './problem.ts';
import { type Amounts, ATTACHMENTS, add, type HostPort, hostPorts, parseResources, podRequests } from './requests.ts';

/** What a node's own objects say, derived once per object: the caller keeps unchanged nodes, so re-planning does not read them again. */
export type NodeFacts = {
  /** Allocatable less what runs there. Malformed amounts count as nothing free: such a node takes no pod. */
  readonly free: ReadonlyMap<string, number>;
  readonly ports: readonly HostPort[];
  readonly antiAffinity: readonly { readonly pod: PackingPod; readonly term: PodAffinityTerm }[];
  readonly groups: readonly PodGroup[];
  readonly label: LabelLookup;
  readonly taints: readonly Taint[];
  readonly vcpus: number;
  readonly memoryGiB: number;
  readonly isSpot: boolean;
};

/** Running pods with the same labels, which every selector sees alike. */
export type PodGroup = {
  /** Of what selectors read. */
  readonly signature: string;
  readonly namespace: string;
  readonly labels: Labels;
  count: number;
  terminating: number;
};

const remembered = new WeakMap<PackingNode, NodeFacts>();

export function nodeFacts(node: PackingNode): NodeFacts {
  let facts = remembered.get(node);
  if (facts === undefined) {
    facts = readNode(node);
    remembered.set(node, facts);
  }
  return facts;
}

function readNode(node: PackingNode): NodeFacts {
  const allocatable = parseResources(node.allocatable);
  const used = new Map<string, number>();
  for (const pod of node.pods) {
    const requests = podRequests(pod);
    if (requests.ok) add(used, requests.value);
  }
  const capacity: Amounts = allocatable.ok ? allocatable.value : new Map();
  const free = new Map([...capacity].map(([name, amount]) => [name, amount - (used.get(name) ?? 0)]));
  return {
    free,
    ports: node.pods.flatMap((pod) => hostPorts(pod.spec)),
    antiAffinity: node.pods.flatMap((pod) =>
      (pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({ pod, term })),
    ),
    groups: groupsOf(node.pods),
    label: (key) => (Object.hasOwn(node.labels, key) ? node.labels[key] : key === HOSTNAME ? node.name : undefined),
    taints: node.unschedulable ? [...(node.taints ?? []), CORDON] : (node.taints ?? []),
    vcpus: vcpusOf(node, capacity),
    memoryGiB: nominalGiB(node.labels, capacity),
    isSpot: node.labels[CAPACITY_TYPE] === 'spot',
  };
}

/** What the node lifecycle controller puts on a cordoned node. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** The machine's size where its label says so, else what it lets pods have, rounded up: reservations are below one core. */
function vcpusOf({ labels }: PackingNode, capacity: Amounts): number {
  const labelled = Number(labels['karpenter.k8s.aws/instance-cpu']);
  return Number.isFinite(labelled) && labelled > 0 ? labelled : Math.ceil((capacity.get('cpu') ?? 0) / 1000);
}

/** The machine's memory where its label says so (in MiB), else what it lets pods have. */
export function nominalGiB(labels: Labels, capacity: Amounts): number {
  const labelled = Number(labels['karpenter.k8s.aws/instance-memory']);
  return Number.isFinite(labelled) && labelled > 0 ? labelled / 1024 : (capacity.get('memory') ?? 0) / 2 ** 30;
}

/** Free room in these dimensions; ports of the host are there once, or not if a running pod holds them. */
export function freeRoom({ free, ports }: NodeFacts, names: readonly string[]): readonly number[] {
  const held = ports.length > 0 ? new Set(portsHeld(ports, names)) : undefined;
  return names.map((name) => (isPort(name) ? (held?.has(name) ? 0 : 1) : (free.get(name) ?? (name === ATTACHMENTS ? Infinity : 0))));
}

function groupsOf(pods: readonly PackingPod[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup>();
  for (const pod of pods) {
    const signature = `${pod.namespace}\n${JSON.stringify(pod.labels ?? {})}`;
    let group = groups.get(signature);
    if (group === undefined) {
      group = { signature, namespace: pod.namespace, labels: pod.labels ?? {}, count: 0, terminating: 0 };
      groups.set(signature, group);
    }
    group.count += 1;
    if (pod.terminating) group.terminating += 1;
  }
  return [...groups.values()];
}
