import type { Labels, PackingNode, PackingPod, PodAffinityTerm } from './problem.ts';
import { type Amounts, add, type HostPort, hostPorts, parseResources, podRequests } from './requests.ts';

/** What a node's own objects say, derived once per object: the caller keeps unchanged nodes, so re-planning does not read them again. */
export type NodeFacts = {
  /** Allocatable less what runs there. Malformed amounts count as nothing free: such a node takes no pod. */
  readonly free: ReadonlyMap<string, number>;
  readonly ports: readonly HostPort[];
  readonly antiAffinity: readonly { readonly pod: PackingPod; readonly term: PodAffinityTerm }[];
  readonly groups: readonly PodGroup[];
};

/** Running pods with the same labels, which every selector sees alike. */
export type PodGroup = {
  readonly namespace: string;
  readonly labels: Labels;
  readonly signature: string;
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
  };
}

function groupsOf(pods: readonly PackingPod[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup>();
  for (const pod of pods) {
    const signature = `${pod.namespace}\n${JSON.stringify(pod.labels ?? {})}`;
    let group = groups.get(signature);
    if (group === undefined) {
      group = { namespace: pod.namespace, labels: pod.labels ?? {}, signature, count: 0, terminating: 0 };
      groups.set(signature, group);
    }
    group.count += 1;
    if (pod.terminating) group.terminating += 1;
  }
  return [...groups.values()];
}
