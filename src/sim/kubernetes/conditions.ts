import { at, type Fields } from './json.ts';
import type { Entity } from './kinds.ts';

export type ConditionPatch = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastProbeTime?: string;
};

export function conditionsOf(object: unknown): readonly Fields[] {
  const conditions = at(object, 'status', 'conditions');
  return Array.isArray(conditions) ? (conditions as readonly Fields[]) : [];
}

export function findCondition(object: unknown, type: string): Fields | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

export function conditionIsTrue(object: unknown, type: string): boolean {
  return findCondition(object, type)?.status === 'True';
}

/** The object with the condition set; its transition time moves only with its status. */
export function withCondition(object: Entity | Fields, now: string, patch: ConditionPatch): Fields {
  const before = findCondition(object, patch.type);
  const lastTransitionTime = before?.status === patch.status ? before.lastTransitionTime : now;
  const next = { ...patch, lastTransitionTime };
  const rest = conditionsOf(object);
  const conditions = before === undefined ? [...rest, next] : rest.map((condition) => (condition === before ? next : condition));
  return { ...object, status: { ...(at(object, 'status') as Fields | undefined), conditions } };
}
