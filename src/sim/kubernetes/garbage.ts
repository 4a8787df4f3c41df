import type { ApiServer } from './api-server.ts';
import { FOREGROUND, ORPHAN } from './deletion.ts';
import type { Entity, Kind } from './kinds.ts';
import { createReconciler } from './reconciler.ts';
import { keyOf } from './store.ts';

/**
 * The garbage collector (https://kubernetes.io/docs/concepts/architecture/garbage-collection/): dependents go when the last of their owners is gone;
 * `foregroundDeletion` waits for those that block it; `orphan` lets them go free.
 */
export function startGarbageCollector(server: ApiServer): void {
  const { store, world } = server;
  const queue = createReconciler(world, 'garbage-collector', (uid) => {
    const found = store.findUid(uid);
    if (found === undefined) return undefined;
    const { kind, object } = found;
    if (object.metadata.deletionTimestamp !== undefined) finishDeletion(kind, object);
    else collect(kind, object);
    return undefined;
  });

  store.subscribe((_, { type, object, previous }) => {
    const { uid, ownerReferences = [], deletionTimestamp, finalizers = [] } = object.metadata;
    if (type === 'Deleted') {
      for (const dependent of store.ownedBy(uid)) queue.add(dependent.object.metadata.uid);
      // A foreground deletion of an owner may have waited for this one.
      for (const owner of ownerReferences) queue.add(owner.uid);
      return;
    }
    // Or for this one to be released.
    const released = (previous?.metadata.ownerReferences ?? []).filter(
      (before) => !ownerReferences.some((owner) => owner.uid === before.uid),
    );
    for (const owner of released) queue.add(owner.uid);
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN)) queue.add(uid);
    } else if (ownerReferences.length > 0 && previous?.metadata.ownerReferences !== ownerReferences) {
      queue.add(uid);
    }
  });

  function ownerExists(dependent: Entity, uid: string): boolean {
    const owner = store.findUid(uid);
    return owner !== undefined && (!owner.kind.namespaced || owner.object.metadata.namespace === dependent.metadata.namespace);
  }

  /** Deletes what has lost all its owners, and takes those that are gone off the list of the rest. */
  function collect(kind: Kind, object: Entity): void {
    const { ownerReferences = [], uid } = object.metadata;
    const solid = ownerReferences.filter((owner) => ownerExists(object, owner.uid));
    if (ownerReferences.length === 0 || solid.length === ownerReferences.length) return;
    if (solid.length === 0) {
      server.delete(kind, keyOf(object.metadata), { uid, propagation: propagationOf(object) });
    } else {
      server.change(kind, keyOf(object.metadata), (current) => ({ ...current, metadata: { ...current.metadata, ownerReferences: solid } }));
    }
  }

  function finishDeletion(kind: Kind, owner: Entity): void {
    const { finalizers = [], uid } = owner.metadata;
    const dependents = store.ownedBy(uid);
    if (finalizers.includes(ORPHAN)) {
      for (const dependent of dependents) release(dependent.kind, dependent.object, uid);
      removeFinalizer(kind, owner, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      const blocking = dependents.filter(({ object }) =>
        object.metadata.ownerReferences?.some((each) => each.uid === uid && each.blockOwnerDeletion === true),
      );
      if (blocking.length === 0) removeFinalizer(kind, owner, FOREGROUND);
      for (const dependent of dependents) deleteDependent(dependent.kind, dependent.object, uid);
    }
  }

  /** Of an owner that waits for it. Where another owner stays, it only loses this one. */
  function deleteDependent(kind: Kind, dependent: Entity, ownerUid: string): void {
    const { ownerReferences = [], uid, deletionTimestamp } = dependent.metadata;
    const stays = ownerReferences.some((each) => each.uid !== ownerUid && ownerExists(dependent, each.uid) && !isWaiting(each.uid));
    if (stays) release(kind, dependent, ownerUid);
    else if (deletionTimestamp === undefined) {
      server.delete(kind, keyOf(dependent.metadata), {
        uid,
        propagation: store.ownedBy(uid).length > 0 ? 'Foreground' : propagationOf(dependent),
      });
    }
  }

  /** Whether the object waits for its dependents to be deleted. */
  function isWaiting(uid: string): boolean {
    const { deletionTimestamp, finalizers = [] } = store.findUid(uid)?.object.metadata ?? {};
    return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND);
  }

  function release(kind: Kind, dependent: Entity, ownerUid: string): void {
    server.change(kind, keyOf(dependent.metadata), (current) => {
      const { ownerReferences = [], ...metadata } = current.metadata;
      const rest = ownerReferences.filter((owner) => owner.uid !== ownerUid);
      return { ...current, metadata: { ...metadata, ...(rest.length === 0 ? {} : { ownerReferences: rest }) } };
    });
  }

  function removeFinalizer(kind: Kind, object: Entity, finalizer: string): void {
    server.change(kind, keyOf(object.metadata), (current) => {
      const { finalizers = [], ...metadata } = current.metadata;
      const rest = finalizers.filter((each) => each !== finalizer);
      return { ...current, metadata: { ...metadata, ...(rest.length === 0 ? {} : { finalizers: rest }) } };
    });
  }
}

function propagationOf(object: Entity): 'Foreground' | 'Background' | 'Orphan' {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}
