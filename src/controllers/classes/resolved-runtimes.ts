import type { ElasticNode, ElasticRuntime, ElasticRuntimeClass, ElasticRuntimeSpec } from '../../api/generated/types.ts';
import type { Namespace, Stored } from '../../api/kubernetes.ts';
import { changedIdentities, type HeldIdentities, inSameAccount } from '../../core/classes/held-identities.ts';
import { later } from '../../core/classes/merge.ts';
import { pinsOf } from '../../core/classes/pins.ts';
import { type Resolution, resolveRuntime, stalledBy } from '../../core/classes/resolve.ts';
import { equals } from '../../machinery/covers.ts';
import { keyOf } from '../../machinery/keys.ts';
import type { ChangeHandler, Store } from '../../machinery/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { runtimeKey } from '../context.ts';
import { accessDigest } from '../runtime/identities.ts';
import { notesOf, revokedByNow, wasRefused } from '../runtime/notes.ts';

/** Whether anything may be begun for a runtime. What runs is never ended for it. */
export type Standing =
  | { readonly kind: 'allowed' }
  /** The caches do not show its namespace yet. */
  | { readonly kind: 'pending'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

export type ResolvedRuntimes = {
  /** Every runtime with what its class and the defaults make of its spec. Nothing of it may be written back. */
  readonly store: Store<ElasticRuntime>;
  /** Undefined where the cache does not have this runtime (any more). */
  resolution(runtime: Stored<ElasticRuntime>): Resolution | undefined;
  standing(runtime: Stored<ElasticRuntime>): Standing;
  /** The identities that this runtime is to have, where it still has those that its nodes were launched as. */
  heldIdentities(runtime: Stored<ElasticRuntime>): HeldIdentities | undefined;
};

export type ResolvedRuntimesParts = {
  /** As they are stored in the API server. */
  readonly written: Store<ElasticRuntime>;
  readonly classes: Store<ElasticRuntimeClass>;
  readonly namespaces: Store<Namespace>;
  readonly elasticNodes: Store<ElasticNode, 'runtime' | 'providerID'>;
  readonly telemetry: Telemetry;
};

type Entry = {
  readonly runtime: Stored<ElasticRuntime>;
  readonly resolution: Resolution;
  readonly known: boolean;
  readonly held: HeldIdentities | undefined;
};

/**
 * The one place where runtimes are resolved: all controllers, and the broker, read this store and no other. A class or a namespace that changes is
 * reported as a change of every runtime for which something else holds now; such a change has no `previous`, so that a handler which looks only at
 * what the object itself says of a change does not pass it over.
 *
 * Nodes were launched, and can only be ended, as the roles that the runtime had then: with a role of another account every instance would look as if it were gone. So a
 * runtime has the identities that it was begun with until no node of it exists, whoever has changed them, and those that it was verified with until its end; but where AWS
 * refuses these for good, nothing could be ended as them, and others that see the same instances take their place.
 *
 * A revocation that was begun holds for good: sessions from before it would be let in again with an older moment, or with none.
 */
export function createResolvedRuntimes(parts: ResolvedRuntimesParts): ResolvedRuntimes {
  const { written, classes, namespaces, elasticNodes, telemetry } = parts;
  const entries = new Map<string, Entry>();
  let handlers: readonly ChangeHandler<ElasticRuntime>[] = [];

  function resolve(runtime: Stored<ElasticRuntime>): Entry {
    const { namespace = '' } = runtime.metadata;
    const found = namespaces.get(namespace);
    const resolution = resolveRuntime(runtime, classes.list(), { name: namespace, labels: found?.metadata.labels ?? {} });
    return withIdentities(runtime, { resolution, known: found !== undefined });
  }

  function withIdentities(runtime: Stored<ElasticRuntime>, { resolution, known }: Pick<Entry, 'resolution' | 'known'>): Entry {
    const { identities: pinned } = pinsOf(runtime);
    const { class: ofClass } = resolution;
    const spec = withRevocation(runtime, resolution.spec);
    const held = pinned && changedIdentities({ written: runtime.spec, ofClass, wanted: spec.identities, pinned });
    const begun = { ...runtime, spec: { ...spec, identities: pinned ?? spec.identities } } as Stored<ElasticRuntime>;
    const isOver = pinned !== undefined && wasRefused(runtime) && inSameAccount(pinned, spec.identities);
    const isHeld = held !== undefined && !isOver && (hasNode(runtime) || endsAs(begun));
    return isHeld ? { runtime: begun, resolution, known, held } : { runtime: { ...runtime, spec }, resolution, known, held: undefined };
  }

  function hasNode({ metadata }: Stored<ElasticRuntime>): boolean {
    return elasticNodes.byIndex('runtime', runtimeKey(metadata)).some(({ spec }) => spec.runtimeRef.uid === metadata.uid);
  }

  function tell(change: Parameters<ChangeHandler<ElasticRuntime>>[0]): void {
    for (const handler of handlers) {
      try {
        handler(change);
      } catch (error) {
        telemetry.count('store_handler_errors_total', { kind: written.type.kind });
        telemetry.log('error', 'a change handler threw', { kind: written.type.kind, error });
      }
    }
  }

  function again(concerned: (runtime: Stored<ElasticRuntime>) => boolean): void {
    for (const runtime of written.list().filter(concerned)) {
      const key = keyOf(runtime);
      const before = entries.get(key);
      const now = resolve(runtime);
      if (before !== undefined && same(before, now)) continue;
      entries.set(key, now);
      tell({ previous: undefined, current: now.runtime, initial: false });
    }
  }

  written.onChange(({ previous, current, initial }) => {
    const key = keyOf((current ?? previous) as Stored<ElasticRuntime>);
    const before = entries.get(key);
    const now = current && resolve(current);
    if (now === undefined) entries.delete(key);
    else entries.set(key, now);
    // Its own controller has written why other identities hold: what it says itself would be no news to it.
    const isOther = before !== undefined && now !== undefined && !equals(before.held, now.held);
    tell({ previous: isOther ? undefined : previous && (before?.runtime ?? previous), current: now?.runtime, initial });
  });
  classes.onChange(() => again(() => true));
  namespaces.onChange(({ previous, current }) => {
    if (equals(previous?.metadata.labels, current?.metadata.labels) && previous !== undefined && current !== undefined) return;
    const name = (current ?? previous)?.metadata.name;
    again(({ metadata }) => metadata.namespace === name);
  });

  elasticNodes.onChange(({ previous, current }) => {
    const of = (current ?? previous)?.spec.runtimeRef;
    const before = of && entries.get(runtimeKey(of));
    if (before === undefined || (previous !== undefined && current !== undefined)) return;
    const stored = written.get(keyOf(before.runtime));
    const now = stored && withIdentities(stored, before);
    if (now === undefined || equals(before.held, now.held)) return;
    entries.set(keyOf(now.runtime), now);
    tell({ previous: undefined, current: now.runtime, initial: false });
  });

  const all = [written, classes, namespaces, elasticNodes];
  const entryOf = (runtime: Stored<ElasticRuntime>): Entry | undefined => {
    const entry = entries.get(keyOf(runtime));
    return entry?.runtime.metadata.uid === runtime.metadata.uid ? entry : undefined;
  };
  const store: Store<ElasticRuntime> = {
    ...written,
    get: (key) => entries.get(key)?.runtime,
    list: () => [...entries.values()].map(({ runtime }) => runtime),
    hasSynced: () => all.every((one) => one.hasSynced()),
    synced: async () => void (await Promise.all(all.map((one) => one.synced()))),
    onChange(handler) {
      for (const { runtime } of entries.values()) handler({ previous: undefined, current: runtime, initial: true });
      handlers = [...handlers, handler];
      return () => {
        handlers = handlers.filter((other) => other !== handler);
      };
    },
  };
  return {
    store,
    resolution: (runtime) => entryOf(runtime)?.resolution,
    heldIdentities: (runtime) => entryOf(runtime)?.held,
    standing(runtime) {
      const entry = entryOf(runtime);
      if (entry?.known !== true) return { kind: 'pending', message: `namespace ${runtime.metadata.namespace} is not known yet` };
      const message = stalledBy(entry.resolution);
      return message === undefined ? { kind: 'allowed' } : { kind: 'refused', message };
    },
  };
}

function withRevocation(runtime: Stored<ElasticRuntime>, spec: ElasticRuntimeSpec): ElasticRuntimeSpec {
  const accessRevokedBefore = later(spec.accessRevokedBefore, revokedByNow(runtime));
  return accessRevokedBefore === undefined ? spec : { ...spec, accessRevokedBefore };
}

/** A runtime that is being deleted ends as it was verified: what the new identities may, nobody looks at any more. */
function endsAs(begun: Stored<ElasticRuntime>): boolean {
  return begun.metadata.deletionTimestamp !== undefined && notesOf(begun).verified === accessDigest(begun);
}

function same(one: Entry, other: Entry): boolean {
  return (
    one.known === other.known &&
    equals(one.held, other.held) &&
    equals(one.resolution.spec, other.resolution.spec) &&
    equals(one.resolution.violations, other.resolution.violations) &&
    // Its limits and connection roles, too.
    equals(one.resolution.class?.spec, other.resolution.class?.spec)
  );
}
