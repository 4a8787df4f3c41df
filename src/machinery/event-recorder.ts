import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort, ResourceType } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';

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

export declare function createEventRecorder(options: EventRecorderOptions): EventRecorder;
