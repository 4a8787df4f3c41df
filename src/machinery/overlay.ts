import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import { shows, showsDeletion } from './expectations.ts';
import { compareResourceVersions, keyOf } from './keys.ts';
import type { IndexFunction, Store } from './store.ts';
import { formatTime } from './time.ts';

/**
 * A store with this process's own writes laid over it: what was created is there at once, what was patched is never seen older than the answer.
 * An own write is dropped as soon as the store has caught up with its resource version, and after `timeoutMs` in any case.
 */
export type Overlay<T extends KubernetesObject, I extends string = string> = Pick<
  Store<T, I>,
  'type' | 'get' | 'list' | 'byIndex' | 'hasSynced'
> & {
  /** `object` as the server answered the create, apply or patch. */
  wrote(object: Stored<T>): void;
  /** A delete of `object` was accepted: the reader sees a deletionTimestamp until the store shows one, or that it is gone. Never hidden: a pod that is ending still runs. */
  deleted(object: Stored<T>): void;
  /** Own writes that the store has not shown yet. */
  pending(): number;
};

export type OverlayOptions<T extends KubernetesObject, I extends string> = {
  readonly store: Store<T, I>;
  readonly clock: Clock;
  /** Default 60 s. */
  readonly timeoutMs?: number;
};

type Write<T extends KubernetesObject> = { readonly object: Stored<T>; readonly deleted: boolean; readonly deadline: number };

export function createOverlay<T extends KubernetesObject, I extends string = never>(options: OverlayOptions<T, I>): Overlay<T, I> {
  const { store, clock } = options;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const writes = new Map<string, Write<T>>();
  let sweepAt = 64;

  function put(object: Stored<T>, deleted: boolean): void {
    const earlier = live(keyOf(object));
    // Answers may come out of order, and a patch's answer after the delete's.
    if (earlier !== undefined && !deleted && isOlder(object, earlier)) return;
    writes.set(keyOf(object), { object, deleted, deadline: clock.monotonic() + timeoutMs });
    // Reads drop what they pass; what nobody reads any more is swept once the map has doubled.
    if (writes.size < sweepAt) return;
    sweep();
    sweepAt = Math.max(64, writes.size * 2);
  }

  /** The own write that the store has not shown yet. */
  function live(key: string): Stored<T> | undefined {
    const write = writes.get(key);
    if (write === undefined) return undefined;
    const shown = write.deleted ? showsDeletion(store, write.object) : shows(store, write.object);
    if (!shown && clock.monotonic() < write.deadline) return write.object;
    writes.delete(key);
    return undefined;
  }

  function sweep(): void {
    for (const key of writes.keys()) live(key);
  }

  /** The objects of the store under their own writes, then the own writes that are not among them and fit. */
  function merge(objects: readonly Stored<T>[], fits: (object: Stored<T>) => boolean): readonly Stored<T>[] {
    sweep();
    if (writes.size === 0) return objects;
    const merged: Stored<T>[] = [];
    const seen = new Set<string>();
    for (const object of objects) {
      const key = keyOf(object);
      seen.add(key);
      const write = writes.get(key);
      if (write === undefined) merged.push(object);
      else if (fits(write.object)) merged.push(write.object);
    }
    for (const [key, write] of writes) if (!seen.has(key) && fits(write.object)) merged.push(write.object);
    return merged;
  }

  return {
    type: store.type,
    hasSynced: () => store.hasSynced(),
    get: (key) => live(key) ?? store.get(key),
    list: () => merge(store.list(), () => true),
    byIndex(name, value) {
      const indexFunction: IndexFunction<T> = store.indexes[name];
      return merge(store.byIndex(name, value), (object) => indexFunction(object).includes(value));
    },
    wrote: (object) => put(object, false),
    deleted(object) {
      const latest = live(keyOf(object)) ?? object;
      if (latest.metadata.uid !== object.metadata.uid) return;
      const deletionTimestamp = latest.metadata.deletionTimestamp ?? formatTime(clock.now());
      put({ ...latest, metadata: { ...latest.metadata, deletionTimestamp } }, true);
    },
    pending() {
      sweep();
      return writes.size;
    },
  };
}

function isOlder(object: Stored<KubernetesObject>, than: Stored<KubernetesObject>): boolean {
  const order = compareResourceVersions(object.metadata.resourceVersion, than.metadata.resourceVersion);
  const sameObject = object.metadata.uid === than.metadata.uid;
  return (
    (order !== undefined && order < 0) ||
    (sameObject && than.metadata.deletionTimestamp !== undefined && object.metadata.deletionTimestamp === undefined)
  );
}
