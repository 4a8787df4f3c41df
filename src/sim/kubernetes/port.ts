import type { KubernetesObject, Stored } from '../../api/kubernetes.ts';
import type { KubernetesError, KubernetesPort, KubernetesResult, ObjectKey, ResourceType } from '../../ports/kubernetes.ts';
import type { SimulatedProcess } from '../world.ts';
import type { ApiServer } from './api-server.ts';
import { network, server as serverError, tooManyRequests } from './errors.ts';
import { evict } from './eviction.ts';
import { type Fields, freezeJson, mergeJson } from './json.ts';
import { type Entity, type Kind, kindOf } from './kinds.ts';
import type { EntityList } from './lists.ts';
import { selectorOf } from './selectors.ts';
import { keyOf } from './store.ts';
import type { Tokens } from './tokens.ts';
import type { Watches } from './watches.ts';

export type Backend = {
  readonly server: ApiServer;
  readonly watches: Watches;
  readonly tokens: Tokens;
  list(kind: Kind, options?: Parameters<KubernetesPort['list']>[1]): KubernetesResult<EntityList>;
};

/** One process's client of the simulated API server. Its writes are owned by the process's name without the incarnation. */
export function createPort(backend: Backend, process: SimulatedProcess): KubernetesPort {
  const { server, watches, tokens } = backend;
  const { faults, random } = server.world;
  const manager = process.name.split('#')[0] ?? process.name;

  function lost(): { readonly ok: false; readonly error: KubernetesError } {
    return random.next() < 0.7
      ? network('connection reset by peer')
      : serverError('the server was unable to return a response in the time allotted');
  }

  function busy(): { readonly ok: false; readonly error: KubernetesError } {
    if (random.next() < 0.5) return tooManyRequests('the server has received too many requests and has asked us to try again later', 1);
    return serverError('the server is currently unable to handle the request');
  }

  function call<T>(
    write: boolean,
    verb: string,
    type: ResourceType<KubernetesObject>,
    name: string,
    effect: (kind: Kind) => KubernetesResult<T>,
    conditional = false,
  ): Promise<KubernetesResult<T>> {
    const kind = kindOf(type);
    return process.call<KubernetesResult<T>>(
      `${verb} ${type.kind} ${name}`,
      { write, service: 'kubernetes' },
      () => {
        if (kind === undefined)
          return {
            ok: false,
            error: { kind: 'NotFound', reason: 'NotFound', message: 'the server could not find the requested resource' },
          };
        if (conditional && faults.happens('conflict'))
          return {
            ok: false,
            error: { kind: 'Conflict', reason: 'Conflict', message: 'please apply your changes to the latest version and try again' },
          };
        return effect(kind);
      },
      { lost, busy },
    );
  }

  function write<T extends KubernetesObject>(
    verb: string,
    type: ResourceType<T>,
    key: ObjectKey,
    effect: (kind: Kind) => KubernetesResult<Entity>,
    conditional = false,
  ): Promise<KubernetesResult<Stored<T>>> {
    return call(true, verb, plain(type), keyOf(key), (kind) => decoded(type, effect(kind)), conditional);
  }

  return {
    get: (type, key) => call(false, 'get', plain(type), keyOf(key), (kind) => decoded(type, server.get(kind, keyOf(key)))),
    list: (type, options) =>
      call(false, 'list', plain(type), options?.namespace ?? '', (kind) => {
        const answer = backend.list(kind, options);
        if (!answer.ok) return answer;
        const { items, ...rest } = answer.value;
        return { ok: true, value: { ...rest, items: items.map((item) => trimmed(type, item)) } };
      }),
    async watch(type, options, onEvent, signal) {
      const opened = await call(false, 'watch', plain(type), options.namespace ?? '', (kind) => {
        const predicate = selectorOf(options);
        return predicate.ok ? { ok: true as const, value: { kind, predicate: predicate.value } } : predicate;
      });
      if (!opened.ok) return opened;
      return new Promise((resolve) => {
        if (signal.aborted) {
          resolve({ ok: true, value: undefined });
          return;
        }
        const close = watches.open(process, {
          ...opened.value,
          options,
          onEvent: (event) => onEvent('object' in event ? { type: event.type, object: trimmed(type, event.object as Entity) } : event),
          onEnd: (result) => {
            signal.removeEventListener('abort', abort);
            resolve(result);
          },
        });
        function abort(): void {
          close();
          resolve({ ok: true, value: undefined });
        }
        signal.addEventListener('abort', abort, { once: true });
      });
    },
    create(type, object) {
      const body = snapshot(object);
      return write('create', type, object.metadata, (kind) => server.create(kind, body, manager));
    },
    replace(type, object, subresource) {
      const body = snapshot(object);
      return write(verb('update', subresource), type, object.metadata, (kind) => server.replace(kind, body, subresource, manager), true);
    },
    mergePatch(type, key, patch, subresource) {
      const body = snapshot(patch);
      const conditional = JSON.stringify(patch).includes('"resourceVersion"');
      return write(
        verb('patch', subresource),
        type,
        key,
        (kind) => server.patch(kind, keyOf(key), subresource, manager, (current) => mergeJson(current, body) as Fields),
        conditional,
      );
    },
    apply(type, object, options) {
      const body = snapshot(object);
      return write(verb('apply', options.subresource), type, object.metadata, (kind) => server.apply(kind, body, options));
    },
    delete(type, key, options) {
      const conditional = options?.resourceVersion !== undefined;
      return call(true, 'delete', plain(type), keyOf(key), (kind) => server.delete(kind, keyOf(key), options), conditional);
    },
    evict: (key, options) => call(true, 'evict', podType, keyOf(key), () => evict(server, keyOf(key), options)),
    requestToken: ({ namespace = '', name }, request) =>
      call(true, 'token', accountType, `${namespace}/${name}`, () => tokens.request({ namespace, name }, request)),
    reviewToken: (token, audiences) => call(true, 'review', reviewType, '', () => ({ ok: true, value: tokens.review(token, audiences) })),
  };
}

const podType = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const accountType = { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };
/** Served without storage; any known kind will do. */
const reviewType = { ...accountType };

function verb(name: string, subresource: 'status' | undefined): string {
  return subresource === undefined ? name : `${name} status of`;
}

/** The call addresses a kind; only the answer's decoding knows the type. */
function plain<T extends KubernetesObject>(type: ResourceType<T>): ResourceType<KubernetesObject> {
  const { trim: _, ...rest } = type;
  return rest;
}

/** What goes on the wire when the call is made: later changes of the caller's object do not count. Nulls stay, for merge patches. */
function snapshot(value: unknown): Fields {
  return JSON.parse(JSON.stringify(value)) as Fields;
}

/** One decoded copy of a stored object for each way to trim it, shared by all that read it. */
const decodedCopies = new WeakMap<Entity, Map<unknown, unknown>>();

function trimmed<T extends KubernetesObject>(type: ResourceType<T>, entity: Entity): Stored<T> {
  const object = entity as unknown as Stored<T>;
  if (type.trim === undefined) return object;
  const copies = decodedCopies.get(entity) ?? new Map<unknown, unknown>();
  decodedCopies.set(entity, copies);
  let copy = copies.get(type.trim) as Stored<T> | undefined;
  if (copy === undefined) {
    copy = freezeJson(type.trim(object) as Stored<T>);
    copies.set(type.trim, copy);
  }
  return copy;
}

function decoded<T extends KubernetesObject>(type: ResourceType<T>, answer: KubernetesResult<Entity>): KubernetesResult<Stored<T>> {
  return answer.ok ? { ok: true, value: trimmed(type, answer.value) } : answer;
}
