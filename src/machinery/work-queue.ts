import type { Clock, Random } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { BackoffPolicy } from './backoff.ts';

/** Higher first. What nobody waits for (first lists, resyncs) comes after what just happened. */
export const priorities = { background: -10, normal: 0, urgent: 10 } as const;

export type WorkQueueOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Per key, for `retry`; default 200 ms doubling to 5 min. */
  readonly backoff?: BackoffPolicy;
  /** Over all keys, for `retry`; default 10 a second, bursts of 100. */
  readonly retryRate?: { readonly perSecond: number; readonly burst: number };
};

/**
 * A set of keys to work on. A key is in it at most once and is never handed out twice at the same time;
 * what is added while it is being worked on comes back after `done`.
 */
export type WorkQueue = {
  /** At the default priority `normal`. A key that waits already keeps its place, or moves up where the new priority is higher. */
  add(key: string, priority?: number): void;
  /** Adds later. Of several for one key the earliest wins. */
  addAfter(key: string, delayMs: number, priority?: number): void;
  /** Adds after the key's backoff, which grows until `forget`, and no faster than the overall rate. At least `minimumMs` (a Retry-After) from now. */
  retry(key: string, minimumMs?: number): void;
  /** The key went well: its backoff starts anew. */
  forget(key: string): void;
  /** Retries since the last `forget`. */
  failures(key: string): number;
  /** The next key, when there is one; undefined after `shutDown`. Every key that was taken must be given to `done`. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Keys that wait to be taken (not the delayed ones). */
  length(): number;
  /** Nothing is added or handed out any more; what waits is dropped. */
  shutDown(): void;
  /** Resolves when no key is being worked on. */
  idle(): Promise<void>;
};

export declare function createWorkQueue(options: WorkQueueOptions): WorkQueue;
