import type { Clock, Random } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type BackoffPolicy, backoffDelay } from './backoff.ts';

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

/** One in so many keys is the one that has waited longest, whatever its priority: background work goes on under a storm of events. */
const fairEvery = 8;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { name, clock, random, telemetry } = options;
  const backoff = options.backoff ?? { baseMs: 200, maxMs: 300_000 };
  const bucket = createTokenBucket(clock, options.retryRate ?? { perSecond: 10, burst: 100 });
  const labels = { name };

  const waiting = createWaitingKeys();
  /** Keys being worked on, with when that began, and the priority with which they came up again meanwhile. */
  const processing = new Map<string, { readonly since: number; again: number | undefined }>();
  const delayed = new Map<string, { readonly at: number; readonly priority: number; readonly cancel: () => void }>();
  const failures = new Map<string, number>();
  const takers: ((key: string | undefined) => void)[] = [];
  const idlers: (() => void)[] = [];
  let closed = false;

  function add(key: string, priority: number = priorities.normal): void {
    if (closed) return;
    const underWay = processing.get(key);
    if (underWay !== undefined) {
      underWay.again = Math.max(underWay.again ?? priority, priority);
      return;
    }
    if (waiting.add(key, priority, clock.monotonic())) telemetry.count('workqueue_adds_total', labels);
    const taker = takers.shift();
    if (taker !== undefined) taker(hand());
    telemetry.gauge('workqueue_depth', waiting.size(), labels);
  }

  function addAfter(key: string, delayMs: number, priority: number = priorities.normal): void {
    if (closed) return;
    if (delayMs <= 0) {
      add(key, priority);
      return;
    }
    const at = clock.monotonic() + delayMs;
    const existing = delayed.get(key);
    if (existing !== undefined && existing.at <= at && existing.priority >= priority) return;
    existing?.cancel();
    const earliest = Math.min(existing?.at ?? at, at);
    const highest = Math.max(existing?.priority ?? priority, priority);
    const cancel = clock.after(Math.max(earliest - clock.monotonic(), 0), () => {
      delayed.delete(key);
      add(key, highest);
    });
    delayed.set(key, { at: earliest, priority: highest, cancel });
  }

  function hand(): string | undefined {
    const next = waiting.take();
    if (next === undefined) return undefined;
    const now = clock.monotonic();
    processing.set(next.key, { since: now, again: undefined });
    telemetry.observeSeconds('workqueue_queue_duration_seconds', (now - next.since) / 1000, labels);
    return next.key;
  }

  return {
    add,
    addAfter,
    retry(key, minimumMs = 0) {
      if (closed) return;
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      telemetry.count('workqueue_retries_total', labels);
      addAfter(key, Math.max(backoffDelay(backoff, count, random), bucket.reserve(), minimumMs));
    },
    forget(key) {
      failures.delete(key);
    },
    failures: (key) => failures.get(key) ?? 0,
    take() {
      if (closed) return Promise.resolve(undefined);
      const key = hand();
      if (key === undefined) return new Promise((resolve) => takers.push(resolve));
      telemetry.gauge('workqueue_depth', waiting.size(), labels);
      return Promise.resolve(key);
    },
    done(key) {
      const ended = processing.get(key);
      if (ended === undefined) throw new Error(`${name}: done(${key}), which nobody works on`);
      processing.delete(key);
      telemetry.observeSeconds('workqueue_work_duration_seconds', (clock.monotonic() - ended.since) / 1000, labels);
      if (ended.again !== undefined) add(key, ended.again);
      if (processing.size === 0) for (const idler of idlers.splice(0)) idler();
    },
    length: () => waiting.size(),
    shutDown() {
      closed = true;
      for (const { cancel } of delayed.values()) cancel();
      delayed.clear();
      waiting.clear();
      for (const taker of takers.splice(0)) taker(undefined);
      telemetry.gauge('workqueue_depth', 0, labels);
    },
    idle: () => (processing.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  };
}

type Waiting = { readonly key: string; readonly since: number };

/** First in, first out per priority. */
function createWaitingKeys() {
  const lanes = new Map<number, Map<string, { readonly since: number; readonly order: number }>>();
  const laneOf = new Map<string, number>();
  let added = 0;
  let taken = 0;

  function lane(priority: number) {
    const existing = lanes.get(priority);
    if (existing !== undefined) return existing;
    const fresh = new Map<string, { readonly since: number; readonly order: number }>();
    lanes.set(priority, fresh);
    return fresh;
  }

  function leave(key: string, priority: number): void {
    const keys = lane(priority);
    keys.delete(key);
    if (keys.size === 0) lanes.delete(priority);
    laneOf.delete(key);
  }

  /** Of the heads of the lanes, the one that goes first by `better`. */
  function head(better: (a: { priority: number; order: number }, b: { priority: number; order: number }) => boolean) {
    let best: (Waiting & { readonly priority: number; readonly order: number }) | undefined;
    for (const [priority, keys] of lanes) {
      for (const [key, entry] of keys) {
        const candidate = { key, priority, ...entry };
        if (best === undefined || better(candidate, best)) best = candidate;
        break;
      }
    }
    return best;
  }

  return {
    size: () => laneOf.size,
    clear() {
      lanes.clear();
      laneOf.clear();
    },
    /** Whether the key is new here. */
    add(key: string, priority: number, now: number): boolean {
      const current = laneOf.get(key);
      if (current !== undefined && current >= priority) return false;
      const since = current === undefined ? now : (lane(current).get(key)?.since ?? now);
      if (current !== undefined) leave(key, current);
      added += 1;
      lane(priority).set(key, { since, order: added });
      laneOf.set(key, priority);
      return current === undefined;
    },
    take(): Waiting | undefined {
      if (laneOf.size === 0) return undefined;
      taken += 1;
      const next = taken % fairEvery === 0 ? head((a, b) => a.order < b.order) : head((a, b) => a.priority > b.priority);
      if (next !== undefined) leave(next.key, next.priority);
      return next;
    },
  };
}

/** Tokens may be taken in advance: the answer is how long to wait for the one that was reserved. */
function createTokenBucket(clock: Clock, rate: { readonly perSecond: number; readonly burst: number }) {
  let tokens = rate.burst;
  let refilledAt = clock.monotonic();
  return {
    /** Milliseconds until the reserved token is there. */
    reserve(): number {
      const now = clock.monotonic();
      tokens = Math.min(rate.burst, tokens + ((now - refilledAt) / 1000) * rate.perSecond);
      refilledAt = now;
      tokens -= 1;
      return tokens >= 0 ? 0 : (-tokens / rate.perSecond) * 1000;
    },
  };
}
