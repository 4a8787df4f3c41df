import type { KubernetesObject } from '../api/kubernetes.ts';
import type { ObjectKey } from '../ports/kubernetes.ts';

/** `namespace/name`, or `name` for what is cluster-scoped: the key of stores and queues. */
export function keyOf(object: KubernetesObject | ObjectKey): string {
  const { namespace, name } = 'metadata' in object ? object.metadata : object;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The other way: Kubernetes names hold no slash. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

const digits = /^[0-9]+$/;

/**
 * Order of two resource versions: negative, 0, positive; undefined where they are not numbers. They are decimal numbers that grow within a resource:
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions (KEP-5504, comparable resource version).
 */
export function compareResourceVersions(a: string, b: string): number | undefined {
  if (a === b) return 0;
  if (!digits.test(a) || !digits.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
