import type { KubernetesObject } from '../api/kubernetes.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { BackoffPolicy } from './backoff.ts';
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
  /** `Listing`, `Watching` or `Waiting` (backing off); for health pages and tests. */
  phase(): string;
};

export declare function createReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector;
