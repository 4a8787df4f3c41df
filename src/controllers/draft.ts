import type { Condition, KubernetesObject, Stored } from '../api/kubernetes.ts';
import type { Applier } from '../machinery/applier.ts';
import { type Kstatus, removeCondition, setCondition, setKstatus } from '../machinery/conditions.ts';
import type { KubernetesResult, ResourceType } from '../ports/kubernetes.ts';

type StatusLike = { readonly conditions?: readonly Condition[]; readonly observedGeneration?: number };

/** The status that one reconcile is writing: collected in steps, sent once at the end, and only where it differs. */
export type StatusDraft<S extends StatusLike> = {
  readonly value: () => S;
  set(fields: Partial<S>): void;
  unset(...fields: readonly (keyof S)[]): void;
  condition(type: string, status: boolean, reason: string, message: string): void;
  dropCondition(type: string): void;
  summary(status: Kstatus): void;
};

export function draftStatus<S extends StatusLike>(current: S | undefined, generation: number | undefined, nowMs: number): StatusDraft<S> {
  let status = { ...current, ...(generation !== undefined && { observedGeneration: generation }) } as S;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return {
    value: () => status,
    set(fields) {
      status = { ...status, ...fields };
    },
    unset(...fields) {
      const rest = { ...status };
      for (const field of fields) delete rest[field];
      status = rest;
    },
    condition(type, isTrue, reason, message) {
      const conditions = setCondition(
        status.conditions,
        { type, status: isTrue ? 'True' : 'False', reason, message: clip(message), ...observed },
        nowMs,
      );
      status = { ...status, conditions };
    },
    dropCondition(type) {
      status = { ...status, conditions: removeCondition(status.conditions, type) };
    },
    summary(kstatus) {
      status = { ...status, conditions: setKstatus(status.conditions, { ...kstatus, message: clip(kstatus.message) }, generation, nowMs) };
    },
  };
}

/** Messages hold at most 32,768 characters; four thousand say it, a missing policy statement included. */
export const longestMessage = 4096;

export function clip(message: string): string {
  return message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 1)}…`;
}

/**
 * Sends the draft by server-side apply, conditional on the resource version that was read: a status made from a stale view, or from an object that was
 * replaced since, is refused (the API server ignores a uid precondition on a custom resource's status).
 */
export function applyStatus<T extends KubernetesObject & { readonly status?: StatusLike }>(
  applier: Applier,
  type: ResourceType<T>,
  object: Stored<T>,
  status: NonNullable<T['status']>,
): Promise<KubernetesResult<{ readonly object: Stored<T>; readonly changed: boolean }>> {
  const { name, namespace, resourceVersion } = object.metadata;
  const desired = {
    apiVersion: `${type.group}/${type.version}`,
    kind: type.kind,
    metadata: { name, resourceVersion, ...(namespace !== undefined && { namespace }) },
    status,
  } as unknown as T;
  return applier.apply({ type, desired, current: object, subresource: 'status', exact: ['status'] });
}
