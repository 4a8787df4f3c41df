import type { Node } from '../../api/kubernetes.ts';
import type { ApiServer } from './api-server.ts';
import { withCondition } from './conditions.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { type Amounts, add, amountsOf, lacking, matchesNode, preference, requestsOf, untolerated } from './placement.ts';
import { asPod, isTerminal, isTerminating, type PodIndex, podKind, type StoredPod } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import { timestamp } from './time.ts';

const nodeKind = kindNamed('Node');

type Candidate = { readonly node: Entity & Node; readonly free: Map<string, number> };

/**
 * kube-scheduler with its filters for node selectors, required node affinity, taints and resources, and the scores for preferred affinity and least
 * allocation. Pods go by priority, then age. No preemption, no pod affinity, no topology spread.
 */
export function startScheduler(server: ApiServer, pods: PodIndex): void {
  const { store, world } = server;
  const queue = createReconciler(world, 'scheduler', () => {
    cycle();
    return undefined;
  });
  store.subscribe((kind, { type, object, previous }) => {
    if (kind === nodeKind) queue.add('cycle');
    if (kind !== podKind) return;
    const waits = pods.unbound().has(`${object.metadata.namespace}/${object.metadata.name}`);
    const leaves = type === 'Deleted' || (isTerminal(asPod(object)) && previous !== undefined && !isTerminal(asPod(previous)));
    // A pod's own conditions are no reason to look again.
    if ((waits && previous?.spec !== object.spec) || (leaves && pods.unbound().size > 0)) queue.add('cycle');
  });

  function cycle(): void {
    if (pods.unbound().size === 0) return;
    const waiting = [...pods.unbound()]
      .map((key) => store.get(podKind, key))
      .filter((pod) => pod !== undefined)
      .map(asPod)
      .filter(isMine)
      // Those that wait longest come first within a priority.
      .sort((one, other) => (other.spec.priority ?? 0) - (one.spec.priority ?? 0));
    const candidates = store.list(nodeKind).map(candidate);
    for (const pod of waiting) place(pod, candidates);
  }

  function candidate(object: Entity): Candidate {
    const node: Entity & Node = object;
    const free = new Map(amountsOf(node.status?.allocatable));
    for (const pod of pods.onNode(node.metadata.name)) if (!isTerminal(pod)) add(free, negated(requestsOf(pod.spec)));
    return { node, free };
  }

  function place(pod: StoredPod, candidates: readonly Candidate[]): void {
    const wanted = requestsOf(pod.spec);
    const reasons = new Map<string, number>();
    let best: Candidate | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const each of candidates) {
      const obstacles = obstaclesOf(pod, wanted, each);
      for (const reason of obstacles) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      const score = obstacles.length > 0 ? Number.NEGATIVE_INFINITY : scoreOf(pod, each);
      if (score > bestScore) [best, bestScore] = [each, score];
    }
    if (best === undefined) {
      markUnschedulable(pod, candidates.length, reasons);
      return;
    }
    add(best.free, negated(wanted));
    bind(pod, best.node.metadata.name);
  }

  function bind(pod: StoredPod, nodeName: string): void {
    server.change(podKind, keyOfPod(pod), (current) =>
      withCondition({ ...current, spec: { ...current.spec, nodeName } }, timestamp(world.now()), { type: 'PodScheduled', status: 'True' }),
    );
  }

  function markUnschedulable(pod: StoredPod, nodes: number, reasons: ReadonlyMap<string, number>): void {
    const counts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
    const message = `0/${nodes} nodes are available: ${counts.length === 0 ? 'no nodes' : counts.join(', ')}.`;
    server.change(podKind, keyOfPod(pod), (current) =>
      withCondition(current, timestamp(world.now()), { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }),
    );
  }
}

function isMine(pod: StoredPod): boolean {
  const { schedulerName = 'default-scheduler', schedulingGates } = pod.spec as StoredPod['spec'] & {
    readonly schedulingGates?: readonly unknown[];
  };
  return schedulerName === 'default-scheduler' && (schedulingGates ?? []).length === 0 && !isTerminating(pod);
}

function keyOfPod(pod: StoredPod): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

function negated(amounts: Amounts): Amounts {
  return new Map([...amounts].map(([name, amount]) => [name, -amount]));
}

function obstaclesOf(pod: StoredPod, wanted: Amounts, { node, free }: Candidate): readonly string[] {
  if (node.spec?.unschedulable === true) return ['node(s) were unschedulable'];
  if (!matchesNode(pod.spec, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  const taint = untolerated(pod.spec, node.spec?.taints);
  if (taint !== undefined) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  return lacking(wanted, free).map((name) => (name === 'pods' ? 'Too many pods' : `Insufficient ${name}`));
}

/** Preferred affinity first, then the emptiest node. */
function scoreOf(pod: StoredPod, { node, free }: Candidate): number {
  const allocatable = amountsOf(node.status?.allocatable);
  const shares = ['cpu', 'memory'].map((name) => (free.get(name) ?? 0) / Math.max(1, allocatable.get(name) ?? 1));
  return preference(pod.spec, node) * 10 + shares.reduce((sum, share) => sum + share, 0);
}
