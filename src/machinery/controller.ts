import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Expectations } from './expectations.ts';
import { keyOf } from './keys.ts';
import type { Store, StoreChange } from './store.ts';
import { priorities, type WorkQueue } from './work-queue.ts';

export type ReconcileResult =
  /** Nothing to do until something changes. */
  | { readonly done: true }
  /** Went well; look again then. */
  | { readonly requeueAfterMs: number }
  /** Went wrong: again with backoff, at least `minimumMs` from now (a Retry-After). The reason is logged and counted: no secrets. */
  | { readonly retry: string; readonly minimumMs?: number };

export const done = { done: true } satisfies ReconcileResult;

/** What puts keys into the queue. */
export type Source = {
  /** Resolves when everything that existed at the start is known. */
  readonly synced: () => Promise<void>;
  /** Starts to enqueue; answers a function that stops it. */
  readonly start: (enqueue: (key: string, priority?: number, delayMs?: number) => void) => () => void;
};

export type StoreSourceOptions<T extends KubernetesObject> = {
  /** Default `normal`; first lists are always `background`. */
  readonly priority?: number;
  /** Changes for which this is false are left out. */
  readonly when?: (change: StoreChange<T>) => boolean;
  /** Milliseconds to gather further changes of a key in; of several the earliest counts. Default: none. */
  readonly gatherMs?: (key: string) => number;
};

export function storeSource<T extends KubernetesObject>(
  store: Store<T>,
  /** Keys to reconcile because of this object; asked for the old and for the new state, so that an owner that lost an object hears of it. */
  keysFor: (object: Stored<T>) => readonly string[],
  options: StoreSourceOptions<T> = {},
): Source {
  return {
    synced: () => store.synced(),
    start: (enqueue) =>
      store.onChange((change) => {
        if (options.when !== undefined && !options.when(change)) return;
        const priority = change.initial ? priorities.background : (options.priority ?? priorities.normal);
        const { previous, current } = change;
        const keys = new Set([...(previous === undefined ? [] : keysFor(previous)), ...(current === undefined ? [] : keysFor(current))]);
        for (const key of keys) enqueue(key, priority, options.gatherMs?.(key));
      }),
  };
}

/** The keys of the store's own objects: the usual primary source. */
export function primarySource<T extends KubernetesObject>(store: Store<T>, options: StoreSourceOptions<T> = {}): Source {
  return storeSource(store, (object) => [keyOf(object)], options);
}

export type ControllerOptions = {
  readonly name: string;
  readonly queue: WorkQueue;
  /** Keys worked on at the same time. */
  readonly workers: number;
  /** An exception is a programming error: logged, counted, retried with backoff. */
  readonly reconcile: (key: string) => Promise<ReconcileResult>;
  readonly sources: readonly Source[];
  /** A key with unmet expectations is not reconciled before the store has caught up (or their timeout). */
  readonly expectations?: Expectations;
  /** All keys again every so often, at `background`. */
  readonly resync?: { readonly everyMs: number; readonly keys: () => readonly string[] };
  readonly clock: Clock;
  readonly telemetry: Telemetry;
};

/** Waits for the sources, then works until `signal` aborts; resolves when the last reconcile has returned. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { name, queue, clock, telemetry, expectations } = options;

  const enqueue = (key: string, priority?: number, delayMs = 0): void =>
    delayMs > 0 ? queue.addAfter(key, delayMs, priority) : queue.add(key, priority);
  const stops = options.sources.map((source) => source.start(enqueue));
  if (expectations !== undefined) stops.push(expectations.onSatisfied((key) => queue.add(key)));
  // Deciding on half a cache would, for one, launch what exists already.
  await Promise.race([Promise.all(options.sources.map((source) => source.synced())), aborted(signal)]);

  if (!signal.aborted) {
    stops.push(startResync());
    const workers = Array.from({ length: options.workers }, work);
    await aborted(signal);
    queue.shutDown();
    await Promise.all(workers);
  }
  queue.shutDown();
  for (const stop of stops) stop();

  function startResync(): () => void {
    const { resync } = options;
    if (resync === undefined) return () => {};
    let cancel: () => void = () => {};
    function next(everyMs: number): void {
      cancel = clock.after(everyMs, () => {
        for (const key of resync?.keys() ?? []) queue.add(key, priorities.background);
        next(everyMs);
      });
    }
    next(resync.everyMs);
    return () => cancel();
  }

  async function work(): Promise<void> {
    for (;;) {
      const key = await queue.take();
      if (key === undefined) return;
      try {
        await handle(key);
      } finally {
        queue.done(key);
      }
    }
  }

  async function handle(key: string): Promise<void> {
    if (expectations !== undefined && !expectations.satisfied(key)) {
      // `onSatisfied` brings it back; the timer is there for the case that nothing else does.
      queue.addAfter(key, expectations.remainingMs(key));
      return;
    }
    const startedAt = clock.monotonic();
    const result = await attempt(key);
    telemetry.observeSeconds('controller_reconcile_seconds', (clock.monotonic() - startedAt) / 1000, { controller: name });
    if ('retry' in result) {
      telemetry.log('warn', 'reconcile will be retried', {
        controller: name,
        key,
        reason: result.retry,
        failures: queue.failures(key) + 1,
      });
      queue.retry(key, result.minimumMs);
    } else {
      queue.forget(key);
      if ('requeueAfterMs' in result) queue.addAfter(key, result.requeueAfterMs);
    }
    const outcome = 'retry' in result ? 'retry' : 'requeueAfterMs' in result ? 'requeue' : 'done';
    telemetry.count('controller_reconciles_total', { controller: name, outcome });
  }

  async function attempt(key: string): Promise<ReconcileResult> {
    try {
      return await options.reconcile(key);
    } catch (error) {
      telemetry.count('controller_reconcile_exceptions_total', { controller: name });
      telemetry.log('error', 'reconcile threw', { controller: name, key, error });
      return { retry: 'an internal error; see the log' };
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
