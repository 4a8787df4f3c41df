import type { KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { KubernetesPort, KubernetesResult, ResourceType } from '../ports/kubernetes.ts';
import { ok } from '../ports/result.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { covers, dropsApplied, equals } from './covers.ts';

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
  /** Told of what was written, so that the next look at the cache is not older. */
  readonly overlay?: { readonly wrote: (object: Stored<T>) => void };
};

export type Applier = {
  /**
   * Server-side apply, forced, unless nothing would change: then `current` comes back with `changed: false` and no call is made.
   * Fields that an earlier process of ours applied and that are desired no more are seen only below `exact` paths.
   */
  apply<T extends KubernetesObject>(request: ApplyDesired<T>): Promise<KubernetesResult<Applied<T>>>;
};

export type ApplierOptions = {
  readonly port: KubernetesPort;
  readonly telemetry: Telemetry;
  /** One per controller: fields belong to it. */
  readonly fieldManager: string;
};

/** Desired states remembered per applier: enough for every object that a controller keeps touching. */
const remembered = 10_000;

export function createApplier(options: ApplierOptions): Applier {
  const { port, telemetry, fieldManager } = options;
  /** What this process applied last, and the resource version of the answer. */
  const applied = new Map<string, { readonly desired: unknown; readonly resourceVersion: string }>();

  function isUpToDate<T extends KubernetesObject>(request: ApplyDesired<T>): boolean {
    const { current, desired } = request;
    if (current === undefined) return false;
    const last = applied.get(memoryKey(request, current));
    // Nobody has touched it since our own write of the same: whatever the server made of it (defaults, other spellings of a quantity), it would again.
    if (last?.resourceVersion === current.metadata.resourceVersion && equals(last.desired, desired)) return true;
    return covers(current, desired, request.exact) && !(last !== undefined && dropsApplied(current, last.desired, desired));
  }

  function remember(key: string, desired: unknown, resourceVersion: string): void {
    applied.delete(key);
    applied.set(key, { desired, resourceVersion });
    if (applied.size <= remembered) return;
    for (const oldest of applied.keys()) {
      applied.delete(oldest);
      return;
    }
  }

  return {
    async apply(request) {
      const { type, current, desired, subresource } = request;
      if (current !== undefined && isUpToDate(request)) {
        telemetry.count('applies_total', { manager: fieldManager, kind: type.kind, outcome: 'skipped' });
        return ok({ object: current, changed: false });
      }
      const answer = await port.apply(type, desired, { fieldManager, force: true, ...(subresource === undefined ? {} : { subresource }) });
      const changed = answer.ok && answer.value.metadata.resourceVersion !== current?.metadata.resourceVersion;
      telemetry.count('applies_total', {
        manager: fieldManager,
        kind: type.kind,
        outcome: answer.ok ? (changed ? 'changed' : 'unchanged') : answer.error.kind,
      });
      if (!answer.ok) return answer;
      remember(memoryKey(request, answer.value), desired, answer.value.metadata.resourceVersion);
      request.overlay?.wrote(answer.value);
      return ok({ object: answer.value, changed });
    },
  };
}

function memoryKey<T extends KubernetesObject>(request: ApplyDesired<T>, object: Stored<T>): string {
  return `${request.type.plural}.${request.type.group}/${object.metadata.uid}/${request.subresource ?? ''}`;
}
