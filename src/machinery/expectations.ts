import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { compareResourceVersions, keyOf } from './keys.ts';
import type { Store } from './store.ts';

/**
 * Bridges the gap between own writes and the cache, per key of a controller: what the controller wrote is expected to show up in the store.
 * Only speed depends on it: after `timeoutMs` an expectation is dropped (and counted), so a lost event delays a key but never stops it.
 */
export type Expectations = {
  /** `object` as the server answered the create, apply or patch. */
  wrote<T extends KubernetesObject>(key: string, store: Store<T>, object: Stored<T>): void;
  /** `object` as it was when the delete was accepted: met when it is gone or carries a deletionTimestamp. */
  deleted<T extends KubernetesObject>(key: string, store: Store<T>, object: Stored<T>): void;
  satisfied(key: string): boolean;
  /** Milliseconds until the key's last expectation times out; 0 where it is satisfied. */
  remainingMs(key: string): number;
  /** Forgets what the key expects (its object is gone). */
  clear(key: string): void;
  /** Called with a key when it becomes satisfied, by the store or by the timeout. */
  onSatisfied(handler: (key: string) => void): () => void;
};

export type ExpectationsOptions = {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Default 30 s. */
  readonly timeoutMs?: number;
};

export function createExpectations(options: ExpectationsOptions): Expectations {
  const { clock, telemetry } = options;
  const timeoutMs = options.timeoutMs ?? 30_000;
  type Expected = { readonly store: object; readonly met: () => boolean; readonly deadline: number; readonly cancel: () => void };
  const byKey = new Map<string, readonly Expected[]>();
  const unsubscribe = new Map<object, () => void>();
  let handlers: readonly ((key: string) => void)[] = [];

  function expect<T extends KubernetesObject>(key: string, store: Store<T>, met: () => boolean): void {
    if (met()) return;
    const cancel = clock.after(timeoutMs, () => {
      telemetry.count('expectations_timed_out_total', { kind: store.type.kind });
      telemetry.log('warn', 'the cache did not show an own write in time', { kind: store.type.kind, key });
      settle(key);
    });
    byKey.set(key, [...(byKey.get(key) ?? []), { store, met, deadline: clock.monotonic() + timeoutMs, cancel }]);
    if (!unsubscribe.has(store))
      unsubscribe.set(
        store,
        store.onProgress(() => settleAll(store)),
      );
  }

  /** Drops what is met or timed out; tells when nothing is left. */
  function settle(key: string): void {
    const all = byKey.get(key);
    if (all === undefined) return;
    const now = clock.monotonic();
    // Writes show up in the order in which they were made: while the last one is out, the others need no look.
    const last = all.at(-1);
    if (last !== undefined && now < last.deadline && !last.met()) return;
    const left = all.filter((expected) => {
      if (now < expected.deadline && !expected.met()) return true;
      expected.cancel();
      return false;
    });
    if (left.length > 0) {
      byKey.set(key, left);
      return;
    }
    byKey.delete(key);
    for (const handler of handlers) handler(key);
  }

  function settleAll(store: object): void {
    let awaited = false;
    for (const [key, all] of byKey) {
      if (!all.some((expected) => expected.store === store)) continue;
      settle(key);
      awaited ||= byKey.get(key)?.some((expected) => expected.store === store) ?? false;
    }
    if (awaited) return;
    unsubscribe.get(store)?.();
    unsubscribe.delete(store);
  }

  return {
    wrote: (key, store, object) => expect(key, store, () => shows(store, object)),
    deleted: (key, store, object) => expect(key, store, () => showsDeletion(store, object)),
    satisfied(key) {
      const all = byKey.get(key);
      const now = clock.monotonic();
      return all === undefined || all.every((expected) => now >= expected.deadline || expected.met());
    },
    remainingMs(key) {
      const now = clock.monotonic();
      const unmet = (byKey.get(key) ?? []).filter((expected) => now < expected.deadline && !expected.met());
      return unmet.reduce((longest, expected) => Math.max(longest, expected.deadline - now), 0);
    },
    clear(key) {
      for (const expected of byKey.get(key) ?? []) expected.cancel();
      byKey.delete(key);
    },
    onSatisfied(handler) {
      handlers = [...handlers, handler];
      return () => {
        handlers = handlers.filter((other) => other !== handler);
      };
    },
  };
}

/** Whether the store has got to the state `written`, or past it: then it may show a later state, or that the object is gone again. */
export function shows<T extends KubernetesObject>(store: Store<T>, written: Stored<T>): boolean {
  if (store.caughtUpWith(written.metadata.resourceVersion) === true) return true;
  const seen = store.get(keyOf(written));
  if (seen === undefined || seen.metadata.uid !== written.metadata.uid) return false;
  return (compareResourceVersions(seen.metadata.resourceVersion, written.metadata.resourceVersion) ?? -1) >= 0;
}

/** Whether the store shows that `deleted` is gone or going. */
export function showsDeletion<T extends KubernetesObject>(store: Store<T>, deleted: Stored<T>): boolean {
  const seen = store.get(keyOf(deleted));
  // Not there: gone, unless the store has not even come to its creation.
  if (seen === undefined) return store.caughtUpWith(deleted.metadata.resourceVersion) !== false;
  if (seen.metadata.uid !== deleted.metadata.uid) return store.caughtUpWith(deleted.metadata.resourceVersion) !== false;
  return seen.metadata.deletionTimestamp !== undefined;
}
