import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { KubernetesPort, KubernetesResult, ResourceType } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type Applied<T extends KubernetesObject> = { readonly object: Stored<T>; readonly changed: boolean };

export type ApplyDesired<T extends KubernetesObject> = {
  readonly type: ResourceType<T>;
  /** Every field that this controller owns, and no other: what a later call leaves out is removed. */
  readonly desired: T;
  /** The object as the cache has it; undefined where it is not there. */
  readonly current: Stored<T> | undefined;
  readonly subresource?: 'status';
  /** Paths (`data`, `status.conditions`) that this controller owns alone: fields there that are not desired count as a difference. */
  readonly exact?: readonly string[];
};

export type Applier = {
  /** Server-side apply, forced, unless nothing would change: then `current` comes back with `changed: false` and no call is made. */
  apply<T extends KubernetesObject>(request: ApplyDesired<T>): Promise<KubernetesResult<Applied<T>>>;
};

export type ApplierOptions = {
  readonly port: KubernetesPort;
  readonly telemetry: Telemetry;
  /** One per controller: fields belong to it. */
  readonly fieldManager: string;
};

export declare function createApplier(options: ApplierOptions): Applier;
