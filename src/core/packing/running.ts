import { HOSTNAME, type LabelLookup } from './filters.ts';
import { isPort, portsHeld } from './host-ports.ts';
import { type Matcher, matchesPod } from './matchers.ts';
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
  /** Free room in the order of the dimensions that were asked for last. */
  vector: { readonly names: string; readonly room: Float64Array } | undefined;
  /** Pods that a matcher means, by its signature: all of them, and those that are not ending. */
  readonly counts: Map<string, { readonly all: number; readonly staying: number }>;
};

/** Running pods with the same labels, which every selector sees alike. */
export type PodGroup = {
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
    vector: undefined,
    counts: new Map(),
  };
}

/** What the node lifecycle controller puts on a cordoned node. */
const CORDON: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Free room in these dimensions; ports of the host are there once, or not if a running pod holds them. */
export function freeRoom(node: PackingNode, names: readonly string[], joined: string): Float64Array {
  const facts = nodeFacts(node);
  if (facts.vector?.names !== joined) {
    const held = facts.ports.length > 0 ? new Set(portsHeld(facts.ports, names)) : undefined;
    const room = Float64Array.from(names, (name) =>
      isPort(name) ? (held?.has(name) ? 0 : 1) : (facts.free.get(name) ?? (name === ATTACHMENTS ? Infinity : 0)),
    );
    facts.vector = { names: joined, room };
  }
  return facts.vector.room;
}

// Selectors come and go with the pods that are pending; what was counted for old ones is dropped now and then.
const MOST_COUNTS = 64;

export function countMeant(node: PackingNode, matcher: Matcher): { readonly all: number; readonly staying: number } {
  const { counts, groups } = nodeFacts(node);
  let count = counts.get(matcher.signature);
  if (count === undefined) {
    let all = 0;
    let staying = 0;
    for (const group of groups) {
      if (!matchesPod(matcher, group.namespace, group.labels)) continue;
      all += group.count;
      staying += group.count - group.terminating;
    }
    count = { all, staying };
    if (counts.size >= MOST_COUNTS) counts.clear();
    counts.set(matcher.signature, count);
  }
  return count;
}

function groupsOf(pods: readonly PackingPod[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup>();
  for (const pod of pods) {
    const signature = `${pod.namespace}\n${JSON.stringify(pod.labels ?? {})}`;
    let group = groups.get(signature);
    if (group === undefined) {
      group = { namespace: pod.namespace, labels: pod.labels ?? {}, count: 0, terminating: 0 };
      groups.set(signature, group);
    }
    group.count += 1;
    if (pod.terminating) group.terminating += 1;
  }
  return [...groups.values()];
}
