import type { KubernetesObject } from '../api/kubernetes.ts';
import { type Clock, type Random, sleep } from '../ports/clock.ts';
import type { KubernetesError, KubernetesPort, KubernetesResult, WatchEvent } from '../ports/kubernetes.ts';
import { ok } from '../ports/result.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type BackoffPolicy, createBackoff } from './backoff.ts';
import { afterPage, afterWatch, firstState, type Move, type ReflectorState, type WatchOutcome } from './reflector-state.ts';
import type { WritableStore } from './store.ts';

export type ReflectorOptions<T extends KubernetesObject> = {
  readonly port: KubernetesPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Its `type` is what is listed and watched. */
  readonly store: WritableStore<T>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects per page of a list; default 500. */
  readonly pageSize?: number;
  /** How long the server keeps one watch open: drawn from [n, 2n) seconds; default 290, under the idle limits of load balancers. */
  readonly watchSeconds?: number;
  /** A watch that brings neither event nor bookmark for so long is cut and resumed; default 150 s (bookmarks come every minute). */
  readonly stalledAfterMs?: number;
  readonly backoff?: BackoffPolicy;
};

export type Reflector = {
  /** Lists and watches until `signal` aborts; never rejects, never gives up. */
  run(signal: AbortSignal): Promise<void>;
  /** What it is at; `Waiting`: not started, or backing off. */
  phase(): 'Listing' | 'Watching' | 'Waiting';
};

/** Keeps a store equal to what the API server has: list, watch, resume; the decisions are in reflector-state.ts. */
export function createReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector {
  const { port, clock, random, telemetry, store } = options;
  const { type } = store;
  const pageSize = options.pageSize ?? 500;
  const watchSeconds = options.watchSeconds ?? 290;
  const stalledAfterMs = options.stalledAfterMs ?? 150_000;
  const backoff = createBackoff(options.backoff ?? { baseMs: 800, maxMs: 30_000 }, random);
  const labels = { kind: type.kind };
  const scope = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
  let phase: ReturnType<Reflector['phase']> = 'Waiting';

  async function run(signal: AbortSignal): Promise<void> {
    let state: ReflectorState<T> = firstState;
    while (!signal.aborted) {
      const move: Move<T> = await step(state, signal);
      if (signal.aborted) return;
      if (move.complete !== undefined) {
        store.replace(move.complete.objects, move.complete.resourceVersion);
        telemetry.count('reflector_lists_total', labels);
        telemetry.gauge('reflector_objects', store.size(), labels);
      }
      if (move.trouble !== undefined) {
        telemetry.count('reflector_troubles_total', labels);
        telemetry.log(move.trouble.level, 'reflector', { kind: type.kind, trouble: move.trouble.text });
      }
      if (move.pace === 'reset') backoff.reset();
      const waitMs = Math.max(move.pace === 'backoff' ? backoff.next() : 0, move.minimumWaitMs ?? 0);
      state = move.next;
      if (waitMs === 0) continue;
      phase = 'Waiting';
      await sleep(clock, waitMs, signal);
    }
  }

  async function step(state: ReflectorState<T>, signal: AbortSignal): Promise<Move<T>> {
    switch (state.phase) {
      case 'List':
        phase = 'Listing';
        // No resourceVersion: the most recent one. "0" would be cheaper and may be older than what we have seen already, after which
        // things that are gone come back: https://github.com/kubernetes/kubernetes/issues/59848
        return afterPage(state, await port.list(type, { ...scope, ...(state.paged ? { limit: pageSize } : {}) }));
      case 'NextPage':
        phase = 'Listing';
        return afterPage(state, await port.list(type, { ...scope, limit: pageSize, continue: state.continue }));
      case 'Watch':
        phase = 'Watching';
        return afterWatch(state, await watch(state.resourceVersion, signal));
    }
  }

  async function watch(from: string, signal: AbortSignal): Promise<WatchOutcome> {
    const startedAt = clock.monotonic();
    const abort = new AbortController();
    const seen = { resourceVersion: from, events: 0, stalled: false, streamError: undefined as KubernetesError | undefined };
    // Whatever a port still delivers of a watch that was given up belongs to the past.
    let open = true;
    let cancelTimer: () => void = () => {};
    let giveUp: () => void = () => {};
    const givenUp = new Promise<KubernetesResult<void>>((resolve) => {
      giveUp = () => resolve(ok(undefined));
    });

    function expectEvent(): void {
      cancelTimer();
      cancelTimer = clock.after(stalledAfterMs, () => {
        seen.stalled = true;
        end();
      });
    }

    /** Not every connection that is dead answers to its abort: go on without waiting for it. */
    function end(): void {
      abort.abort();
      giveUp();
    }

    function onEvent(event: WatchEvent<T>): void {
      if (!open) return;
      expectEvent();
      if (event.type === 'Error') {
        seen.streamError ??= event.error;
        return;
      }
      seen.events += 1;
      if (event.type === 'Bookmark') {
        seen.resourceVersion = event.resourceVersion;
        store.advance(event.resourceVersion);
        return;
      }
      seen.resourceVersion = event.object.metadata.resourceVersion;
      if (event.type === 'Deleted') store.remove(event.object);
      else store.set(event.object);
    }

    expectEvent();
    signal.addEventListener('abort', end, { once: true });
    try {
      const timeoutSeconds = Math.floor(watchSeconds * (1 + random.next()));
      const stream = port.watch(type, { ...scope, resourceVersion: from, timeoutSeconds }, onEvent, abort.signal);
      const result = await Promise.race([stream, givenUp]);
      return { ...seen, result, lastedMs: clock.monotonic() - startedAt };
    } finally {
      open = false;
      cancelTimer();
      signal.removeEventListener('abort', end);
    }
  }

  return { run, phase: () => phase };
}
