import type { DeleteOptions } from '../../ports/kubernetes.ts';
import { type Answer, conflict, notFound } from './errors.ts';
import { at, type Fields } from './json.ts';
import type { Entity, Kind } from './kinds.ts';
import type { Store } from './store.ts';
import { parseTimestamp, timestamp } from './time.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

type Change = (kind: Kind, key: string, edit: (current: Entity) => Fields | undefined) => Entity | undefined;

/**
 * Deletion as k8s.io/apiserver/pkg/registry does it: preconditions, the collector's finalizers, grace periods of pods, and objects that stay
 * with a deletion timestamp for as long as finalizers hold them.
 */
export function createDeletion(store: Store, change: Change) {
  /** Whether an object that is being deleted has nothing left to wait for. */
  function mayGo(kind: Kind, object: Entity): boolean {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
    if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
    return kind.kind !== 'Namespace' || heldByNamespace(object) === 0;
  }

  function deleteObject(kind: Kind, key: string, options: DeleteOptions = {}): Answer<void> {
    const current = store.get(kind, key);
    if (current === undefined) return notFound(kind, key.slice(key.indexOf('/') + 1));
    const refused = checkPreconditions(kind, current, options);
    if (refused !== undefined) return refused;
    if (kind.kind === 'Namespace') return deleteNamespace(kind, key, current, options);
    const grace = gracePeriod(kind, current, options);
    if (grace === 'pending') return { ok: true, value: undefined };
    const finalizers = finalizersFor(kind, current, options);
    if (grace === undefined && finalizers.length === 0) {
      store.remove(kind, key);
      return { ok: true, value: undefined };
    }
    mark(kind, key, finalizers, grace);
    // Without finalizers and grace, `change` has removed a marked object already.
    return { ok: true, value: undefined };
  }

  function mark(kind: Kind, key: string, finalizers: readonly string[], grace: Grace | undefined): void {
    change(kind, key, (current) => {
      const { deletionTimestamp, generation, finalizers: _, ...metadata } = current.metadata;
      const first = deletionTimestamp === undefined;
      const until = grace?.until ?? Math.min(store.world.now(), parseTimestamp(deletionTimestamp) ?? Number.POSITIVE_INFINITY);
      return {
        ...current,
        metadata: {
          ...metadata,
          ...(finalizers.length === 0 ? {} : { finalizers }),
          ...(generation === undefined ? {} : { generation: first ? generation + 1 : generation }),
          deletionTimestamp: timestamp(until),
          deletionGracePeriodSeconds: grace?.seconds ?? 0,
        },
      };
    });
  }

  type Grace = { readonly seconds: number; readonly until: number };

  /** Only pods are deleted gracefully: undefined for everything else, 'pending' where the pod is on its way out already and not faster now. */
  function gracePeriod(kind: Kind, current: Entity, options: DeleteOptions): Grace | 'pending' | undefined {
    if (kind.kind !== 'Pod') return undefined;
    const now = store.world.now();
    const { deletionTimestamp, deletionGracePeriodSeconds } = current.metadata;
    const wanted = options.gracePeriodSeconds;
    if (deletionTimestamp !== undefined) {
      if (deletionGracePeriodSeconds === undefined || deletionGracePeriodSeconds === 0) return undefined;
      if (wanted === undefined || wanted >= deletionGracePeriodSeconds) return 'pending';
      const until = (parseTimestamp(deletionTimestamp) ?? now) + (wanted - deletionGracePeriodSeconds) * 1000;
      if (until >= now) return { seconds: wanted, until };
      return { seconds: wanted === 0 ? 0 : 1, until: now };
    }
    const { nodeName, terminationGracePeriodSeconds } = current.spec ?? {};
    const phase = current.status?.phase;
    const immediate = nodeName === undefined || phase === 'Failed' || phase === 'Succeeded';
    const seconds = immediate ? 0 : Math.max(0, wanted ?? Number(terminationGracePeriodSeconds ?? 0));
    return { seconds, until: now + seconds * 1000 };
  }

  function deleteNamespace(kind: Kind, key: string, current: Entity, options: DeleteOptions): Answer<void> {
    if (current.metadata.deletionTimestamp === undefined) {
      change(kind, key, (namespace) => ({
        ...namespace,
        metadata: {
          ...namespace.metadata,
          deletionTimestamp: timestamp(store.world.now()),
          ...listed(finalizersFor(kind, namespace, options)),
        },
        status: { ...namespace.status, phase: 'Terminating' },
      }));
    } else if (heldByNamespace(current) === 0) {
      change(kind, key, (namespace) => ({ ...namespace, metadata: { ...namespace.metadata, deletionGracePeriodSeconds: 0 } }));
    }
    return { ok: true, value: undefined };
  }

  return { mayGo, delete: deleteObject };
}

function listed(finalizers: readonly string[]): { readonly finalizers?: readonly string[] } {
  return finalizers.length === 0 ? {} : { finalizers };
}

function heldByNamespace(namespace: Entity): number {
  const finalizers = at(namespace, 'spec', 'finalizers');
  return Array.isArray(finalizers) ? finalizers.length : 0;
}

function checkPreconditions(kind: Kind, current: Entity, options: DeleteOptions): Answer<never> | undefined {
  const { name, uid, resourceVersion } = current.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    return conflict(
      kind,
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    return conflict(
      kind,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
  return undefined;
}

/** The object's own finalizers, with the garbage collector's as the propagation policy asks. batch/v1 Jobs orphan their pods unless told otherwise. */
function finalizersFor(kind: Kind, current: Entity, options: DeleteOptions): readonly string[] {
  const own = current.metadata.finalizers ?? [];
  const others = own.filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  const propagation = options.propagation ?? defaultPropagation(kind, own);
  if (propagation === 'Foreground') return [...others, FOREGROUND];
  return propagation === 'Orphan' ? [...others, ORPHAN] : others;
}

function defaultPropagation(kind: Kind, finalizers: readonly string[]): DeleteOptions['propagation'] {
  if (finalizers.includes(FOREGROUND)) return 'Foreground';
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return kind.kind === 'Job' ? 'Orphan' : 'Background';
}
