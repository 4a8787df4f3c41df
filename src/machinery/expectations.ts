import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Store } from './store.ts';

/**
 * Bridges the gap between own writes and the cache, per key of a controller: what the controller wrote is expected to show up in the store.
 * Only speed depends on it: after `timeoutMs` an expectation is dropped (and counted), so a lost event delays a key but never stops it.
 */
export type Expectations = {
  /** `object` as the server answered the create, apply or patch. */
  wrote<T extends KubernetesObject>(key: string, store: Store<T>, object: Stored<T>): void;
  /** `object` as it was when the delete was accepted: met when it is gone or carries a deletionTimestamp. */
  deleted<T extends KubernetesObject>(key: string, store: Store<T>, object: Stored<T>): void;
  satisfied(key: string): boolean;
  /** Milliseconds until the key's last expectation times out; 0 where it is satisfied. */
  remainingMs(key: string): number;
  /** Forgets what the key expects (its object is gone). */
  clear(key: string): void;
  /** Called with a key when it becomes satisfied, by the store or by the timeout. */
  onSatisfied(handler: (key: string) => void): () => void;
};

export type ExpectationsOptions = {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Default 30 s. */
  readonly timeoutMs?: number;
};

export declare function createExpectations(options: ExpectationsOptions): Expectations;
