import type { World } from '../world.ts';
import { freezeJson } from './json.ts';
import { type Entity, type Kind, kinds } from './kinds.ts';

/** One committed write, as watches see it. */
export type Change = {
  readonly version: number;
  /** World time, milliseconds. */
  readonly at: number;
  readonly type: 'Added' | 'Modified' | 'Deleted';
  readonly object: Entity;
  readonly previous?: Entity;
};

/** How much of each kind's past a watch can start from. */
export type HistoryWindow = { readonly ageMs: number; readonly changes: number };

/** The etcd of the simulated cluster: objects by kind and key, one version counter, and each kind's recent changes. */
export type Store = {
  readonly world: World;
  version(): number;
  get(kind: Kind, key: string): Entity | undefined;
  /** By namespace and name. */
  list(kind: Kind): readonly Entity[];
  /** Objects whose owner references name this uid. */
  ownedBy(uid: string): readonly { readonly kind: Kind; readonly object: Entity }[];
  findUid(uid: string): { readonly kind: Kind; readonly object: Entity } | undefined;
  /** Adds or replaces; answers the object with its new resource version. */
  put(kind: Kind, object: Entity): Entity;
  remove(kind: Kind, key: string): Entity | undefined;
  /** Changes after a version, undefined where they are no longer known. */
  changesSince(kind: Kind, version: number): readonly Change[] | undefined;
  /** The objects as they were `ageMs` ago, as far back as the history reaches. */
  listPast(kind: Kind, ageMs: number): { readonly version: number; readonly objects: readonly Entity[] };
  subscribe(listener: (kind: Kind, change: Change) => void): void;
};

export function keyOf(object: { readonly name: string; readonly namespace?: string }): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

type Table = {
  readonly objects: Map<string, Entity>;
  changes: Change[];
  /** Changes up to this version are forgotten. */
  compacted: number;
  sorted: readonly Entity[] | undefined;
};

export function createStore(world: World, window: HistoryWindow): Store {
  const tables = new Map<Kind, Table>(kinds.map((kind) => [kind, { objects: new Map(), changes: [], compacted: 0, sorted: undefined }]));
  const listeners: ((kind: Kind, change: Change) => void)[] = [];
  const uids = new Map<string, { readonly kind: Kind; readonly key: string }>();
  const dependents = new Map<string, Set<string>>();
  // As on a cluster that has lived a little.
  let version = 1000;

  function tableOf(kind: Kind): Table {
    const table = tables.get(kind);
    if (table === undefined) throw new Error(`no table for ${kind.kind}`);
    return table;
  }

  function commit(kind: Kind, table: Table, change: Change): void {
    table.changes.push(change);
    table.sorted = undefined;
    if (table.changes.length > 2 * window.changes) compact(table);
    world.trace.add(`  ${change.version} ${change.type} ${kind.kind} ${JSON.stringify(change.object)}`);
    for (const listener of listeners) listener(kind, change);
  }

  function compact(table: Table): void {
    const dropped = table.changes.splice(0, table.changes.length - window.changes);
    table.compacted = dropped.at(-1)?.version ?? table.compacted;
  }

  /** First change that is young enough. */
  function forgetOld(table: Table): void {
    const horizon = world.now() - window.ageMs;
    let count = 0;
    while (count < table.changes.length && (table.changes[count]?.at ?? 0) < horizon) count += 1;
    if (count === 0) return;
    table.compacted = table.changes[count - 1]?.version ?? table.compacted;
    table.changes.splice(0, count);
  }

  function index(object: Entity, previous: Entity | undefined): void {
    if (previous?.metadata.ownerReferences === object.metadata.ownerReferences) return;
    for (const owner of previous?.metadata.ownerReferences ?? []) dependents.get(owner.uid)?.delete(object.metadata.uid);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = dependents.get(owner.uid);
      if (known === undefined) dependents.set(owner.uid, new Set([object.metadata.uid]));
      else known.add(object.metadata.uid);
    }
  }

  function findUid(uid: string): { readonly kind: Kind; readonly object: Entity } | undefined {
    const place = uids.get(uid);
    const object = place === undefined ? undefined : tableOf(place.kind).objects.get(place.key);
    return place === undefined || object === undefined ? undefined : { kind: place.kind, object };
  }

  return {
    world,
    version: () => version,
    get: (kind, key) => tableOf(kind).objects.get(key),
    list(kind) {
      const table = tableOf(kind);
      table.sorted ??= [...table.objects].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object);
      return table.sorted;
    },
    findUid,
    ownedBy: (uid) => [...(dependents.get(uid) ?? [])].map(findUid).filter((found) => found !== undefined),
    put(kind, object) {
      const table = tableOf(kind);
      const key = keyOf(object.metadata);
      const previous = table.objects.get(key);
      version += 1;
      const stored = freezeJson({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
      table.objects.set(key, stored);
      uids.set(stored.metadata.uid, { kind, key });
      index(stored, previous);
      const change = { version, at: world.now(), object: stored };
      commit(kind, table, previous === undefined ? { ...change, type: 'Added' } : { ...change, type: 'Modified', previous });
      return stored;
    },
    remove(kind, key) {
      const table = tableOf(kind);
      const previous = table.objects.get(key);
      if (previous === undefined) return undefined;
      version += 1;
      table.objects.delete(key);
      uids.delete(previous.metadata.uid);
      for (const owner of previous.metadata.ownerReferences ?? []) dependents.get(owner.uid)?.delete(previous.metadata.uid);
      const object = freezeJson({ ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } });
      commit(kind, table, { version, at: world.now(), type: 'Deleted', object, previous });
      return object;
    },
    changesSince(kind, since) {
      const table = tableOf(kind);
      forgetOld(table);
      if (since < table.compacted) return undefined;
      const { changes } = table;
      // Most readers are nearly up to date: look from the end.
      let first = changes.length;
      while (first > 0 && (changes[first - 1]?.version ?? 0) > since) first -= 1;
      return changes.slice(first);
    },
    listPast(kind, ageMs) {
      const table = tableOf(kind);
      const then = world.now() - ageMs;
      const objects = new Map(table.objects);
      let past = version;
      for (const change of table.changes.toReversed()) {
        if (change.at <= then) break;
        const key = keyOf(change.object.metadata);
        if (change.previous === undefined) objects.delete(key);
        else objects.set(key, change.previous);
        past = change.version - 1;
      }
      return { version: past, objects: [...objects].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object) };
    },
    subscribe: (listener) => {
      listeners.push(listener);
    },
  };
}
