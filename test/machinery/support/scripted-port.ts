import type { KubernetesObject, Pod, Stored } from '../../../src/api/kubernetes.ts';
import type {
  KubernetesError,
  KubernetesPort,
  KubernetesResult,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
} from '../../../src/ports/kubernetes.ts';
import { err, ok } from '../../../src/ports/result.ts';
import { settle } from './fakes.ts';

export type OpenWatch = {
  readonly options: WatchOptions;
  readonly signal: AbortSignal;
  send(event: WatchEvent<Pod>): Promise<void>;
  end(result?: KubernetesResult<void>): Promise<void>;
};

export type ScriptedPort = {
  readonly port: KubernetesPort;
  /** What was asked of `list`, in order. */
  readonly lists: readonly ListOptions[];
  readonly watches: readonly OpenWatch[];
  /** Answers the list under way or to come. */
  answerList(answer: KubernetesResult<ObjectList<Pod>>): Promise<void>;
  lastWatch(): OpenWatch;
};

/** Lists and watches of pods whose every answer the test gives, when it wants to. */
export function scriptedPort(): ScriptedPort {
  const lists: ListOptions[] = [];
  const watches: OpenWatch[] = [];
  const answers: KubernetesResult<ObjectList<Pod>>[] = [];
  const waiting: ((answer: KubernetesResult<ObjectList<Pod>>) => void)[] = [];
  const unscripted = (): never => {
    throw new Error('not scripted');
  };

  const port: KubernetesPort = {
    get: unscripted,
    create: unscripted,
    replace: unscripted,
    mergePatch: unscripted,
    apply: unscripted,
    delete: unscripted,
    evict: unscripted,
    requestToken: unscripted,
    reviewToken: unscripted,
    list<T extends KubernetesObject>(_type: unknown, options: ListOptions = {}) {
      lists.push(options);
      const answer = answers.shift();
      const promise = answer === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(answer);
      return promise as unknown as Promise<KubernetesResult<ObjectList<T>>>;
    },
    watch<T extends KubernetesObject>(_type: unknown, options: WatchOptions, onEvent: (event: WatchEvent<T>) => void, signal: AbortSignal) {
      return new Promise((resolve) => {
        watches.push({
          options,
          signal,
          async send(event) {
            onEvent(event as unknown as WatchEvent<T>);
            await settle();
          },
          async end(result = ok(undefined)) {
            resolve(result);
            await settle();
          },
        });
      });
    },
  };

  return {
    port,
    lists,
    watches,
    async answerList(answer) {
      const waiter = waiting.shift();
      if (waiter === undefined) answers.push(answer);
      else waiter(answer);
      await settle();
    },
    lastWatch() {
      const watch = watches.at(-1);
      if (watch === undefined) throw new Error('no watch was opened');
      return watch;
    },
  };
}

export function pod(
  name: string,
  resourceVersion: number,
  extra: { readonly uid?: string; readonly node?: string; readonly deleting?: boolean } = {},
): Stored<Pod> {
  return {
    metadata: {
      namespace: 'team',
      name,
      uid: extra.uid ?? `uid-${name}`,
      resourceVersion: String(resourceVersion),
      creationTimestamp: '2026-01-02T03:04:05Z',
      ...(extra.deleting === true ? { deletionTimestamp: '2026-01-02T03:04:06Z' } : {}),
    },
    spec: { containers: [], ...(extra.node === undefined ? {} : { nodeName: extra.node }) },
  };
}

export function page(items: readonly Stored<Pod>[], resourceVersion: number, next?: string): KubernetesResult<ObjectList<Pod>> {
  return ok({ items, resourceVersion: String(resourceVersion), ...(next === undefined ? {} : { continue: next }) });
}

export function failure(
  kind: KubernetesError['kind'],
  more: Partial<KubernetesError> = {},
): { readonly ok: false; readonly error: KubernetesError } {
  return err({ kind, message: `scripted ${kind}`, ...more });
}
