import type { KubernetesObject, Stored } from '../../../src/api/kubernetes.ts';
import { keyOf } from '../../../src/machinery/keys.ts';
import type { KubernetesError, KubernetesPort, KubernetesResult, ResourceType } from '../../../src/ports/kubernetes.ts';
import { ok } from '../../../src/ports/result.ts';
import { failure, scriptedPort } from './scripted-port.ts';

type Verb = 'get' | 'create' | 'replace' | 'mergePatch' | 'apply' | 'delete';

export type MemoryPort = {
  readonly port: KubernetesPort;
  /** `verb Kind name`, in order. */
  readonly calls: string[];
  /** The next call of `verb` fails: before it takes effect, or (`lost`) after it. */
  fail(verb: Verb, error: KubernetesError['kind'], lost?: 'lost'): void;
  /** The next call of `verb` is answered when the returned function is called; it takes effect then. */
  hold(verb: Verb): () => void;
  /** Between the read and the write of who is under test. */
  before(verb: Verb, action: () => void): void;
  put<T extends KubernetesObject>(type: ResourceType<T>, object: T): Stored<T>;
  read<T extends KubernetesObject>(type: ResourceType<T>, key: string): Stored<T> | undefined;
  drop<T extends KubernetesObject>(type: ResourceType<T>, key: string): void;
};

/** Enough of an API server for one object at a time: identity, versions, preconditions. No schemas, no managed fields. */
export function memoryPort(): MemoryPort {
  const objects = new Map<string, Stored<KubernetesObject>>();
  const calls: string[] = [];
  const failures: { readonly verb: Verb; readonly error: KubernetesError['kind']; readonly lost: boolean }[] = [];
  const holds: { readonly verb: Verb; readonly released: Promise<void> }[] = [];
  const hooks: { readonly verb: Verb; readonly action: () => void }[] = [];
  let version = 100;
  let uids = 0;

  function idOf(type: { readonly plural: string }, object: Parameters<typeof keyOf>[0]): string {
    return `${type.plural}/${keyOf(object)}`;
  }

  function store<T extends KubernetesObject>(type: ResourceType<T>, object: T): Stored<T> {
    const id = idOf(type, object);
    const existing = objects.get(id);
    const { resourceVersion: _, ...unversioned } = (existing ?? object).metadata;
    if (
      existing !== undefined &&
      same({ ...existing, metadata: unversioned }, { ...object, metadata: { ...object.metadata, resourceVersion: undefined } })
    ) {
      return existing as Stored<T>;
    }
    version += 1;
    if (existing === undefined) uids += 1;
    const stored = {
      ...object,
      metadata: {
        creationTimestamp: '2026-01-02T03:04:05Z',
        uid: `uid-${uids}`,
        ...existing?.metadata,
        ...object.metadata,
        resourceVersion: String(version),
      },
    } as Stored<T>;
    objects.set(id, stored);
    return stored;
  }

  async function call<T extends KubernetesObject, R>(
    verb: Verb,
    type: ResourceType<T>,
    name: string,
    effect: () => KubernetesResult<R>,
  ): Promise<KubernetesResult<R>> {
    calls.push(`${verb} ${type.kind} ${name}`);
    const held = take(holds, verb);
    if (held !== undefined) await held.released;
    take(hooks, verb)?.action();
    const planned = take(failures, verb);
    if (planned !== undefined && !planned.lost) return failure(planned.error);
    const result = effect();
    return planned === undefined ? result : failure(planned.error);
  }

  function conditional(existing: Stored<KubernetesObject>, resourceVersion: unknown): boolean {
    return resourceVersion === undefined || resourceVersion === existing.metadata.resourceVersion;
  }

  const port: KubernetesPort = {
    ...scriptedPort().port,
    get: (type, key) =>
      call('get', type, key.name, () => {
        const found = objects.get(idOf(type, key));
        return found === undefined ? failure('NotFound') : ok(found as never);
      }),
    create: (type, object) =>
      call('create', type, object.metadata.name, () =>
        objects.has(idOf(type, object)) ? failure('AlreadyExists') : ok(store(type, object)),
      ),
    replace: (type, object) =>
      call('replace', type, object.metadata.name, () => {
        const existing = objects.get(idOf(type, object));
        if (existing === undefined) return failure('NotFound');
        return conditional(existing, object.metadata.resourceVersion) ? ok(store(type, object)) : failure('Conflict');
      }),
    mergePatch: (type, key, patch) =>
      call('mergePatch', type, key.name, () => {
        const existing = objects.get(idOf(type, key));
        if (existing === undefined) return failure('NotFound');
        const metadata = (patch['metadata'] ?? {}) as Readonly<Record<string, unknown>>;
        if (!conditional(existing, metadata['resourceVersion'])) return failure('Conflict');
        return ok(store(type, merge(existing, patch) as never));
      }),
    apply: (type, object) =>
      call('apply', type, object.metadata.name, () => ok(store(type, merge(objects.get(idOf(type, object)) ?? {}, object) as never))),
    delete: (type, key) => call('delete', type, key.name, () => (objects.delete(idOf(type, key)) ? ok(undefined) : failure('NotFound'))),
  };

  return {
    port,
    calls,
    fail: (verb, error, lost) => void failures.push({ verb, error, lost: lost === 'lost' }),
    hold(verb) {
      let release: () => void = () => {};
      holds.push({ verb, released: new Promise((resolve) => (release = resolve)) });
      return () => release();
    },
    before: (verb, action) => void hooks.push({ verb, action }),
    put: store,
    read: <T extends KubernetesObject>(type: ResourceType<T>, key: string) => objects.get(`${type.plural}/${key}`) as Stored<T> | undefined,
    drop: (type, key) => void objects.delete(`${type.plural}/${key}`),
  };
}

function take<E extends { readonly verb: Verb }>(entries: E[], verb: Verb): E | undefined {
  const at = entries.findIndex((entry) => entry.verb === verb);
  return at < 0 ? undefined : entries.splice(at, 1)[0];
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  const result = base as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
