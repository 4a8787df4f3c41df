import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { KubernetesPort, KubernetesResult, ResourceType } from '../ports/kubernetes.ts';

export declare function hasFinalizer(object: KubernetesObject, finalizer: string): boolean;

/**
 * Adds a finalizer; no call where it is there already. Conditional on the resource version; a conflict is answered by reading anew (same uid only) and trying again, four times at most.
 * Conflict with reason `Deleting` where the object is being deleted: the server takes no new finalizers then.
 */
export declare function ensureFinalizer<T extends KubernetesObject>(
  port: KubernetesPort,
  type: ResourceType<T>,
  object: Stored<T>,
  finalizer: string,
): Promise<KubernetesResult<Stored<T>>>;

/** Takes a finalizer off; ok(undefined) where the object (this uid) is gone, before or because of it. */
export declare function removeFinalizer<T extends KubernetesObject>(
  port: KubernetesPort,
  type: ResourceType<T>,
  object: Stored<T>,
  finalizer: string,
): Promise<KubernetesResult<Stored<T> | undefined>>;
