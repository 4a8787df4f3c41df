import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { ResourceType } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { compareResourceVersions, keyOf } from './keys.ts';

/** One change of a store. `previous` alone: deleted (its last known state). `current` alone: added. Both: modified. */
export type StoreChange<T extends KubernetesObject> = {
  readonly previous: Stored<T> | undefined;
  readonly current: Stored<T> | undefined;
  /** Part of the first list, or of the replay to a handler that came later: nobody waits for it. */
  readonly initial: boolean;
};

export type ChangeHandler<T extends KubernetesObject> = (change: StoreChange<T>) => void;

/** What controllers read. Reads cost no call; what they give is as old as the watch. */
export type Store<T extends KubernetesObject, I extends string = string> = {
  readonly type: ResourceType<T>;
  readonly indexes: Readonly<Record<I, IndexFunction<T>>>;
  get(key: string): Stored<T> | undefined;
  list(): readonly Stored<T>[];
  /** The objects for which the index function `index` gave `value`, in the order of their arrival. */
  byIndex(index: I, value: string): readonly Stored<T>[];
  /** How many they are. */
  countByIndex(index: I, value: string): number;
  size(): number;
  /** Whether the first list is in. */
  hasSynced(): boolean;
  /** Resolves once `hasSynced`. */
  synced(): Promise<void>;
  /** The resource version up to which the store is known to hold everything; undefined before the first list. */
  resourceVersion(): string | undefined;
  /** Whether everything written up to `resourceVersion` has been seen; undefined where the versions cannot be compared. */
  caughtUpWith(resourceVersion: string): boolean | undefined;
  /** Calls the handler for every object there already is, then for every change. Answers a function that removes the handler. */
  onChange(handler: ChangeHandler<T>): () => void;
  /** Called after the store moved on (changes, bookmarks, relists), after the change handlers. */
  onProgress(handler: () => void): () => void;
};

/** What the reflector writes. */
export type WritableStore<T extends KubernetesObject, I extends string = string> = Store<T, I> & {
  set(object: Stored<T>): void;
  remove(object: Stored<T>): void;
  /** A bookmark: nothing changed up to here. */
  advance(resourceVersion: string): void;
  /** A whole list: stores the differences and reports each of them. */
  replace(objects: readonly Stored<T>[], resourceVersion: string): void;
};

export type IndexFunction<T extends KubernetesObject> = (object: Stored<T>) => readonly string[];

export type StoreOptions<T extends KubernetesObject, I extends string> = {
  readonly type: ResourceType<T>;
  readonly telemetry: Telemetry;
  readonly indexes?: Readonly<Record<I, IndexFunction<T>>>;
};

export function createStore<T extends KubernetesObject, I extends string = never>(options: StoreOptions<T, I>): WritableStore<T, I> {
  const { type, telemetry } = options;
  const objects = new Map<string, Stored<T>>();
  const indexes = Object.entries<IndexFunction<T>>(options.indexes ?? {}).map(([name, indexFunction]) => ({
    name,
    indexFunction,
    keys: new Map<string, Set<string>>(),
    // The same list for as long as it says the same: thousands of objects are asked for several times in one reconcile.
    lists: new Map<string, readonly Stored<T>[]>(),
  }));
  const byName = new Map(indexes.map((index) => [index.name, index]));
  // Replaced, never changed: a handler that comes or goes during a change does not disturb its delivery.
  let changeHandlers: readonly ChangeHandler<T>[] = [];
  let progressHandlers: readonly (() => void)[] = [];
  let version: string | undefined;
  let markSynced: () => void = () => {};
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve;
  });

  function guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      // One bad handler must not cost the others the change, nor end the watch.
      telemetry.count('store_handler_errors_total', { kind: type.kind });
      telemetry.log('error', 'a change handler threw', { kind: type.kind, error });
    }
  }

  function reindex(key: string, previous: Stored<T> | undefined, current: Stored<T> | undefined): void {
    for (const index of indexes) {
      const before = previous === undefined ? [] : index.indexFunction(previous);
      const after = current === undefined ? [] : index.indexFunction(current);
      for (const value of before) {
        index.lists.delete(value);
        if (after.includes(value)) continue;
        const keys = index.keys.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.keys.delete(value);
      }
      for (const value of after) {
        index.lists.delete(value);
        const keys = index.keys.get(value);
        if (keys === undefined) index.keys.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  }

  function commit(key: string, previous: Stored<T> | undefined, current: Stored<T> | undefined, initial: boolean): void {
    // Same name, another object: who only compares uids of `previous` and `current` would miss that the first is gone.
    if (previous !== undefined && current !== undefined && previous.metadata.uid !== current.metadata.uid) {
      commit(key, previous, undefined, initial);
      commit(key, undefined, current, initial);
      return;
    }
    if (current === undefined) objects.delete(key);
    else objects.set(key, current);
    reindex(key, previous, current);
    for (const handler of changeHandlers) guarded(() => handler({ previous, current, initial }));
  }

  function progress(resourceVersion: string): void {
    version = resourceVersion;
    for (const handler of progressHandlers) guarded(handler);
  }

  return {
    type,
    indexes: options.indexes ?? ({} as Readonly<Record<I, IndexFunction<T>>>),
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex(name, value) {
      const index = byName.get(name);
      if (index === undefined) throw new Error(`the ${type.kind} store has no index ${name}`);
      const keys = index.keys.get(value);
      if (keys === undefined) return [];
      const list = index.lists.get(value) ?? [...keys].map((key) => objects.get(key) as Stored<T>);
      index.lists.set(value, list);
      return list;
    },
    countByIndex: (name, value) => byName.get(name)?.keys.get(value)?.size ?? 0,
    size: () => objects.size,
    hasSynced: () => version !== undefined,
    synced: () => synced,
    resourceVersion: () => version,
    caughtUpWith(resourceVersion) {
      if (version === undefined) return false;
      const order = compareResourceVersions(version, resourceVersion);
      return order === undefined ? undefined : order >= 0;
    },
    onChange(handler) {
      for (const current of objects.values()) guarded(() => handler({ previous: undefined, current, initial: true }));
      changeHandlers = [...changeHandlers, handler];
      return () => {
        changeHandlers = changeHandlers.filter((other) => other !== handler);
      };
    },
    onProgress(handler) {
      progressHandlers = [...progressHandlers, handler];
      return () => {
        progressHandlers = progressHandlers.filter((other) => other !== handler);
      };
    },
    set(object) {
      const key = keyOf(object);
      const previous = objects.get(key);
      if (!isOlderOrSame(object, previous)) commit(key, previous, object, false);
      progress(object.metadata.resourceVersion);
    },
    remove(object) {
      const key = keyOf(object);
      const previous = objects.get(key);
      if (previous !== undefined && !isOlder(object, previous)) commit(key, previous, undefined, false);
      progress(object.metadata.resourceVersion);
    },
    advance(resourceVersion) {
      progress(resourceVersion);
    },
    replace(list, resourceVersion) {
      const initial = version === undefined;
      const present = new Set(list.map(keyOf));
      // Deletions first: what they free (names, capacity) may be taken by what is new.
      for (const [key, previous] of objects) {
        if (!present.has(key)) commit(key, previous, undefined, initial);
      }
      for (const object of list) {
        const key = keyOf(object);
        const previous = objects.get(key);
        if (previous?.metadata.resourceVersion !== object.metadata.resourceVersion || previous.metadata.uid !== object.metadata.uid) {
          commit(key, previous, object, initial);
        }
      }
      progress(resourceVersion);
      markSynced();
    },
  };
}

/** A duplicate, or an older state of the same object (a replayed event): the store never goes back, except by a list. */
function isOlderOrSame(object: Stored<KubernetesObject>, previous: Stored<KubernetesObject> | undefined): boolean {
  if (previous === undefined || previous.metadata.uid !== object.metadata.uid) return false;
  const order = compareResourceVersions(object.metadata.resourceVersion, previous.metadata.resourceVersion);
  return order !== undefined && order <= 0;
}

/** The DELETED event of an object whose name another one has taken since. */
function isOlder(object: Stored<KubernetesObject>, previous: Stored<KubernetesObject>): boolean {
  const order = compareResourceVersions(object.metadata.resourceVersion, previous.metadata.resourceVersion);
  return order !== undefined && order < 0;
}
