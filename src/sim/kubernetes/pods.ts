import type { Pod } from '../../api/kubernetes.ts';
import type { ApiServer } from './api-server.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { keyOf } from './store.ts';

export const podKind = kindNamed('Pod');

/** A stored pod, read as what the API server has validated it to be. */
export type StoredPod = Entity & Pod;

export function asPod(object: Entity): StoredPod {
  return object as StoredPod;
}

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export type PodIndex = {
  /** Pods bound to a node, in the order in which they were bound. */
  onNode(name: string): readonly StoredPod[];
  /** Keys of pods that wait for the scheduler. */
  unbound(): ReadonlySet<string>;
};

/** Follows where pods are, so that nobody has to look through all of them. */
export function createPodIndex(server: ApiServer): PodIndex {
  const bound = new Map<string, Set<string>>();
  const unbound = new Set<string>();
  server.store.subscribe((kind, { type, object }) => {
    if (kind !== podKind) return;
    const key = keyOf(object.metadata);
    const node = asPod(object).spec.nodeName;
    if (type === 'Deleted' || node !== undefined || isTerminal(asPod(object))) unbound.delete(key);
    else unbound.add(key);
    if (node === undefined) return;
    const keys = bound.get(node) ?? new Set<string>();
    bound.set(node, keys);
    if (type === 'Deleted') keys.delete(key);
    else keys.add(key);
    if (keys.size === 0) bound.delete(node);
  });
  return {
    onNode: (name) =>
      [...(bound.get(name) ?? [])]
        .map((key) => server.store.get(podKind, key))
        .filter((pod) => pod !== undefined)
        .map(asPod),
    unbound: () => unbound,
  };
}
