import type { KubernetesObject } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Expectations } from './expectations.ts';
import type { Store, StoreChange } from './store.ts';
import type { WorkQueue } from './work-queue.ts';

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
  readonly start: (enqueue: (key: string, priority?: number) => void) => () => void;
};

export type StoreSourceOptions<T extends KubernetesObject> = {
  /** Default `normal`; first lists are always `background`. */
  readonly priority?: number;
  /** Changes for which this is false are left out. */
  readonly when?: (change: StoreChange<T>) => boolean;
};

export declare function storeSource<T extends KubernetesObject>(
  store: Store<T>,
  /** Keys to reconcile because of this object; asked for the old and for the new state, so that an owner that lost an object hears of it. */
  keysFor: (object: NonNullable<StoreChange<T>['current']>) => readonly string[],
  options?: StoreSourceOptions<T>,
): Source;

/** The keys of the store's own objects: the usual primary source. */
export declare function primarySource<T extends KubernetesObject>(store: Store<T>, options?: StoreSourceOptions<T>): Source;

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
export declare function runController(options: ControllerOptions, signal: AbortSignal): Promise<void>;
