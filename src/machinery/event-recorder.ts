import type { Event, KubernetesObject, Stored } from '../api/kubernetes.ts';
import { type Clock, type Random, sleep } from '../ports/clock.ts';
import type { KubernetesError, KubernetesPort, ResourceType } from '../ports/kubernetes.ts';
import { events } from '../ports/resources.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { backoffDelay } from './backoff.ts';
import { formatTime } from './time.ts';

export type EventRecorder = {
  /**
   * Records a core/v1 Event about `object`. Returns at once, never throws: events are for people, nothing may depend on them.
   * The same (object, type, reason, message) again becomes a count; an object that has too many to say is cut.
   */
  record<T extends KubernetesObject>(
    type: ResourceType<T>,
    object: Stored<T>,
    severity: 'Normal' | 'Warning',
    /** UpperCamelCase, of a small set. */
    reason: string,
    message: string,
  ): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
};

export type EventRecorderOptions = {
  readonly port: KubernetesPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Who reports: `elastic-runtime-operator`. */
  readonly component: string;
  /** The process, as in the lease. */
  readonly instance: string;
  /** Per object: default bursts of 25, then one every 5 minutes (client-go's spam filter). */
  readonly limit?: { readonly burst: number; readonly refillMs: number };
};

/** Events under way, and events known by name: more is noise. */
const longestQueue = 1_000;
const knownEvents = 4_096;
const knownObjects = 4_096;
const attempts = 3;

type Known = { readonly name: string; readonly namespace: string; readonly count: number };
type Pending = {
  readonly event: Omit<Event, 'metadata'>;
  readonly name: string;
  readonly namespace: string;
  times: number;
  lastMs: number;
};

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { port, clock, random, telemetry } = options;
  const limit = options.limit ?? { burst: 25, refillMs: 300_000 };
  const allowances = new Map<string, { tokens: number; at: number }>();
  const known = new Map<string, Known>();
  const pending = new Map<string, Pending>();
  let pump: Promise<void> | undefined;

  function allowed(uid: string): boolean {
    const now = clock.monotonic();
    const last = allowances.get(uid) ?? { tokens: limit.burst, at: now };
    const tokens = Math.min(limit.burst, last.tokens + (now - last.at) / limit.refillMs);
    const granted = tokens >= 1;
    putLatest(allowances, uid, { tokens: granted ? tokens - 1 : tokens, at: now }, knownObjects);
    return granted;
  }

  function drop(why: string): void {
    telemetry.count('events_dropped_total', { why });
  }

  function record<T extends KubernetesObject>(
    type: ResourceType<T>,
    object: Stored<T>,
    severity: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const { uid, name, resourceVersion } = object.metadata;
    if (!allowed(uid)) {
      drop('too-many');
      return;
    }
    const text = message.length > 1024 ? `${message.slice(0, 1023)}…` : message;
    const key = JSON.stringify([uid, severity, reason, text]);
    const waiting = pending.get(key);
    if (waiting !== undefined) {
      waiting.times += 1;
      waiting.lastMs = clock.now();
      return;
    }
    if (pending.size >= longestQueue) {
      drop('queue-full');
      return;
    }
    const namespace = object.metadata.namespace;
    const event = {
      involvedObject: {
        apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
        kind: type.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        uid,
        resourceVersion,
      },
      type: severity,
      reason: reason.slice(0, 128),
      message: text,
      source: { component: options.component },
      reportingComponent: options.component,
      reportingInstance: options.instance,
    } satisfies Omit<Event, 'metadata'>;
    // Events about cluster-scoped objects live in `default`: the API server takes them nowhere else.
    pending.set(key, { event, name: eventName(name, random), namespace: namespace ?? 'default', times: 1, lastMs: clock.now() });
    pump ??= writeAll();
  }

  async function writeAll(): Promise<void> {
    // One turn later: what is recorded in the same breath is counted together.
    await undefined;
    for (const key of pending.keys()) {
      const entry = pending.get(key);
      pending.delete(key);
      if (entry === undefined) continue;
      try {
        await write(key, entry);
      } catch (error) {
        drop('exception');
        telemetry.log('error', 'writing an event threw', { error });
      }
    }
    pump = undefined;
  }

  async function write(key: string, entry: Pending): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const error = await writeOnce(key, entry);
      if (error === undefined) return;
      const passing = error.kind === 'Network' || error.kind === 'Server' || error.kind === 'TooManyRequests';
      if (!passing || attempt === attempts) {
        drop(error.kind);
        telemetry.log('info', 'an event was not written', { reason: entry.event.reason, error: error.kind, message: error.message });
        return;
      }
      await sleep(clock, Math.max(backoffDelay({ baseMs: 500, maxMs: 5_000 }, attempt, random), (error.retryAfterSeconds ?? 0) * 1000));
    }
  }

  async function writeOnce(key: string, entry: Pending): Promise<KubernetesError | undefined> {
    const lastTimestamp = formatTime(entry.lastMs);
    const earlier = known.get(key);
    if (earlier !== undefined) {
      const count = earlier.count + entry.times;
      const patched = await port.mergePatch(events, { namespace: earlier.namespace, name: earlier.name }, { count, lastTimestamp });
      if (patched.ok) putLatest(known, key, { ...earlier, count }, knownEvents);
      if (patched.ok || patched.error.kind !== 'NotFound') return patched.ok ? undefined : patched.error;
      // The API server keeps events for an hour.
      known.delete(key);
    }
    const { name, namespace, times: count } = entry;
    const event: Event = { ...entry.event, metadata: { name, namespace }, count, firstTimestamp: lastTimestamp, lastTimestamp };
    const created = await port.create(events, event);
    // AlreadyExists: the answer to an attempt of ours got lost.
    if (!created.ok && created.error.kind !== 'AlreadyExists') return created.error;
    putLatest(known, key, { name, namespace, count }, knownEvents);
    return undefined;
  }

  return {
    record(type, object, severity, reason, message) {
      try {
        record(type, object, severity, reason, message);
      } catch (error) {
        drop('exception');
        telemetry.log('error', 'recording an event threw', { error });
      }
    },
    flush: () => pump ?? Promise.resolve(),
  };
}

/** `<object>.<16 hexadecimal digits>`, at most 253 characters, every label ending as DNS wants it. */
function eventName(object: string, random: Random): string {
  const suffix = random.uuid().replaceAll('-', '').slice(-16);
  return `${object.slice(0, 253 - 17).replace(/[.-]+$/, '')}.${suffix}`;
}

/** Keeps the `most` entries that were put last. */
function putLatest<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
