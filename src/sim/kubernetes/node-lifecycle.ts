import type { Node, Taint } from '../../api/kubernetes.ts';
import { between } from '../faults.ts';
import type { ApiServer } from './api-server.ts';
import { findCondition, withCondition } from './conditions.ts';
import { equalJson } from './json.ts';
import type { Entity } from './kinds.ts';
import { type Machines, NOT_READY, nodeKind, UNREACHABLE, UNSCHEDULABLE } from './machines.ts';
import { tolerates } from './placement.ts';
import { asPod, isTerminal, isTerminating, type PodIndex, podKind, type StoredPod } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import { keyOf } from './store.ts';
import { parseTimestamp, timestamp } from './time.ts';

/** --node-monitor-grace-period of Kubernetes 1.35 is 50 s. */
const GRACE_MS = 50_000;
/** The pod collector runs every 20 s and gives a missing node another 40 s. */
const ORPHAN_MS = 40_000;

/**
 * The node lifecycle controller with its taint manager, the cloud's node controller (deletes nodes whose instance is gone), and the pod collector.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
 */
export function startNodeLifecycle(server: ApiServer, machines: Machines, pods: PodIndex): void {
  const { store, world } = server;
  const nodes = createReconciler(world, 'node-lifecycle', (name) => {
    reconcileTaints(name);
    return evictByTaints(name);
  });
  const orphans = createReconciler(world, 'pod-collector', (name) => {
    if (store.get(nodeKind, name) === undefined) for (const pod of pods.onNode(name)) collect(pod);
    return undefined;
  });

  const unscheduled = createReconciler(world, 'pod-collector', (key) => {
    const pod = store.get(podKind, key);
    if (pod !== undefined && isTerminating(asPod(pod)) && pod.spec?.nodeName === undefined) end(asPod(pod));
    return undefined;
  });

  store.subscribe((kind, { type, object, previous }) => {
    if (kind === nodeKind) {
      const { name } = object.metadata;
      if (type === 'Deleted') orphans.add(name, ORPHAN_MS + between(world.random, 0, 20_000));
      else if (previous?.spec !== object.spec || previous?.status !== object.status) nodes.add(name);
    } else if (
      kind === podKind &&
      type !== 'Deleted' &&
      object.spec?.nodeName === undefined &&
      object.metadata.deletionTimestamp !== undefined
    ) {
      unscheduled.add(keyOf(object.metadata), between(world.random, 0, 20_000));
    } else if (kind === podKind && type !== 'Deleted' && object.spec?.nodeName !== previous?.spec?.nodeName) {
      const name = String(object.spec?.nodeName);
      nodes.add(name);
      if (store.get(nodeKind, name) === undefined) orphans.add(name, ORPHAN_MS);
    }
  });

  machines.onLost((name) => {
    world.schedule(GRACE_MS + between(world.random, 0, 5000), `node-lifecycle misses ${name}`, () => {
      server.change(nodeKind, name, (current) =>
        withCondition(current, timestamp(world.now()), {
          type: 'Ready',
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        }),
      );
      if (machines.state(name) === 'terminated') deleteSoon(name);
    });
  });

  function deleteSoon(name: string): void {
    world.schedule(between(world.random, 1000, 6000), `cloud-node-lifecycle deletes ${name}`, () => {
      server.delete(nodeKind, name);
    });
  }

  /** Taints by condition, and by `unschedulable`. */
  function reconcileTaints(name: string): void {
    server.change(nodeKind, name, (current) => {
      const node: Entity & Node = current;
      const ready = findCondition(node, 'Ready')?.status;
      const now = timestamp(world.now());
      const wanted: Taint[] = [];
      if (ready === 'False') wanted.push({ key: NOT_READY, effect: 'NoSchedule' }, { key: NOT_READY, effect: 'NoExecute', timeAdded: now });
      if (ready === 'Unknown')
        wanted.push({ key: UNREACHABLE, effect: 'NoSchedule' }, { key: UNREACHABLE, effect: 'NoExecute', timeAdded: now });
      if (node.spec?.unschedulable === true) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
      const before = node.spec?.taints ?? [];
      const own = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE]);
      const kept = before.filter(
        ({ key, effect }) => !own.has(key) || wanted.some((taint) => taint.key === key && taint.effect === effect),
      );
      const added = wanted.filter(({ key, effect }) => !kept.some((taint) => taint.key === key && taint.effect === effect));
      const taints = [...kept, ...added];
      if (equalJson(taints, before)) return undefined;
      const { taints: _, ...spec } = node.spec ?? {};
      return { ...current, spec: { ...spec, ...(taints.length === 0 ? {} : { taints }) } };
    });
  }

  /** Deletes pods that do not tolerate a NoExecute taint (any longer); answers when the next one's time is over. */
  function evictByTaints(name: string): number | undefined {
    const node: (Entity & Node) | undefined = store.get(nodeKind, name);
    const taints = (node?.spec?.taints ?? []).filter((taint) => taint.effect === 'NoExecute');
    if (taints.length === 0) return undefined;
    let next: number | undefined;
    for (const pod of pods.onNode(name)) {
      if (isTerminal(pod) || isTerminating(pod)) continue;
      const left = Math.min(...taints.map((taint) => toleratedFor(pod, taint)));
      if (left <= 0) evict(pod);
      else if (Number.isFinite(left)) next = Math.min(next ?? left, left);
    }
    return next;
  }

  function toleratedFor(pod: StoredPod, taint: Taint): number {
    const toleration = tolerates(pod.spec.tolerations, taint);
    if (toleration === undefined) return 0;
    if (toleration.tolerationSeconds === undefined) return Number.POSITIVE_INFINITY;
    return (parseTimestamp(taint.timeAdded) ?? world.now()) + toleration.tolerationSeconds * 1000 - world.now();
  }

  function evict(pod: StoredPod): void {
    disrupt(pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint');
    server.delete(podKind, keyOf(pod.metadata), { uid: pod.metadata.uid });
  }

  /** A pod whose node is gone. */
  function collect(pod: StoredPod): void {
    if (!isTerminal(pod)) disrupt(pod, 'DeletionByPodGC', 'PodGC: node no longer exists');
    end(pod);
  }

  /** For a pod that no kubelet is there to end. */
  function end(pod: StoredPod): void {
    if (!isTerminal(pod))
      server.change(podKind, keyOf(pod.metadata), (current) => ({ ...current, status: { ...current.status, phase: 'Failed' } }));
    server.delete(podKind, keyOf(pod.metadata), { uid: pod.metadata.uid, gracePeriodSeconds: 0 });
  }

  function disrupt(pod: StoredPod, reason: string, message: string): void {
    server.change(podKind, keyOf(pod.metadata), (current) =>
      withCondition(current, timestamp(world.now()), { type: 'DisruptionTarget', status: 'True', reason, message }),
    );
  }
}
