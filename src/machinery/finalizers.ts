import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { KubernetesPort, KubernetesResult, ResourceType } from '../ports/kubernetes.ts';
import { err, ok } from '../ports/result.ts';

const attempts = 4;

export function hasFinalizer(object: KubernetesObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/**
 * Adds a finalizer; no call where it is there already. Conditional on the resource version: a conflict is answered by reading anew (same uid only) and trying again,
 * four times at most. Conflict with reason `Deleting` where the object is being deleted: the server takes no new finalizers then. NotFound where it is gone.
 */
export async function ensureFinalizer<T extends KubernetesObject>(
  port: KubernetesPort,
  type: ResourceType<T>,
  object: Stored<T>,
  finalizer: string,
): Promise<KubernetesResult<Stored<T>>> {
  return change(port, type, object, (latest) => {
    if (hasFinalizer(latest, finalizer)) return ok(undefined);
    if (latest.metadata.deletionTimestamp !== undefined) {
      return err({ kind: 'Conflict', reason: 'Deleting', message: `${type.kind} ${latest.metadata.name} is being deleted` });
    }
    return ok([...(latest.metadata.finalizers ?? []), finalizer]);
  });
}

/** Takes a finalizer off, in the same way; ok(undefined) where the object (this uid) is gone already. */
export async function removeFinalizer<T extends KubernetesObject>(
  port: KubernetesPort,
  type: ResourceType<T>,
  object: Stored<T>,
  finalizer: string,
): Promise<KubernetesResult<Stored<T> | undefined>> {
  const result = await change(port, type, object, (latest) =>
    ok(hasFinalizer(latest, finalizer) ? (latest.metadata.finalizers ?? []).filter((other) => other !== finalizer) : undefined),
  );
  return !result.ok && result.error.kind === 'NotFound' ? ok(undefined) : result;
}

/** `desired` answers the new list, or undefined where there is nothing to do. */
async function change<T extends KubernetesObject>(
  port: KubernetesPort,
  type: ResourceType<T>,
  object: Stored<T>,
  desired: (latest: Stored<T>) => KubernetesResult<readonly string[] | undefined>,
): Promise<KubernetesResult<Stored<T>>> {
  const { name, namespace } = object.metadata;
  const key = namespace === undefined ? { name } : { namespace, name };
  let latest = object;
  for (let attempt = 1; ; attempt++) {
    const finalizers = desired(latest);
    if (!finalizers.ok) return finalizers;
    if (finalizers.value === undefined) return ok(latest);
    const patched = await port.mergePatch(type, key, {
      metadata: { resourceVersion: latest.metadata.resourceVersion, finalizers: finalizers.value },
    });
    if (patched.ok || patched.error.kind !== 'Conflict' || attempt === attempts) return patched;
    const read = await port.get(type, key);
    if (!read.ok) return read;
    if (read.value.metadata.uid !== object.metadata.uid) {
      return err({ kind: 'NotFound', message: `${type.kind} ${name} is another object now` });
    }
    latest = read.value;
  }
}
