import type { Condition } from '../api/kubernetes.ts';
import { formatTime } from './time.ts';

export type ConditionUpdate = Omit<Condition, 'lastTransitionTime'>;

/**
 * Sets one condition; pure. `lastTransitionTime` moves only when `status` does
 * (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties).
 * Gives the same array back where nothing changes, so that a caller can compare by identity.
 */
export function setCondition(conditions: readonly Condition[] | undefined, update: ConditionUpdate, nowMs: number): readonly Condition[] {
  const existing = conditions ?? [];
  const at = existing.findIndex((condition) => condition.type === update.type);
  const old = existing[at];
  const lastTransitionTime = old !== undefined && old.status === update.status ? old.lastTransitionTime : formatTime(nowMs);
  const next: Condition = { ...update, lastTransitionTime };
  if (old === undefined) return [...existing, next];
  if (sameCondition(old, next)) return existing;
  return existing.with(at, next);
}

/** Sets several, in order. */
export function setConditions(
  conditions: readonly Condition[] | undefined,
  updates: readonly ConditionUpdate[],
  nowMs: number,
): readonly Condition[] {
  return updates.reduce<readonly Condition[]>((all, update) => setCondition(all, update, nowMs), conditions ?? []);
}

/** Takes a condition out: kstatus's abnormal-true conditions (`Reconciling`, `Stalled`) are absent rather than False. */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): readonly Condition[] {
  const existing = conditions ?? [];
  return existing.some((condition) => condition.type === type) ? existing.filter((condition) => condition.type !== type) : existing;
}

export function getCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return getCondition(conditions, type)?.status === 'True';
}

export type Kstatus =
  | { readonly state: 'Ready'; readonly reason: string; readonly message: string }
  /** Work goes on: `Ready` False (or Unknown), `Reconciling` True. */
  | { readonly state: 'Reconciling'; readonly reason: string; readonly message: string }
  /** Nothing more happens without a change by someone: `Ready` False, `Stalled` True. */
  | { readonly state: 'Stalled'; readonly reason: string; readonly message: string };

/**
 * The three conditions that kstatus reads (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md), from one state:
 * `Ready` is always there, `Reconciling` and `Stalled` only while True.
 */
export function setKstatus(
  conditions: readonly Condition[] | undefined,
  status: Kstatus,
  observedGeneration: number | undefined,
  nowMs: number,
): readonly Condition[] {
  const generation = observedGeneration === undefined ? {} : { observedGeneration };
  const { reason, message } = status;
  let next = setCondition(
    conditions,
    { type: 'Ready', status: status.state === 'Ready' ? 'True' : 'False', reason, message, ...generation },
    nowMs,
  );
  for (const type of ['Reconciling', 'Stalled'] as const) {
    next =
      status.state === type
        ? setCondition(next, { type, status: 'True', reason, message, ...generation }, nowMs)
        : removeCondition(next, type);
  }
  return next;
}

function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration &&
    a.lastTransitionTime === b.lastTransitionTime
  );
}
