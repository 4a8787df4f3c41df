import type { Taint, Toleration } from './problem.ts';

/**
 * The first taint that keeps the pod out, or undefined (kube-scheduler's TaintToleration filter: NoSchedule and NoExecute).
 * `PreferNoSchedule` keeps out only where `strict`: a preference that is kept as long as the pod can be placed.
 */
export function untolerated(taints: readonly Taint[] | undefined, tolerations: readonly Toleration[], strict: boolean): Taint | undefined {
  return taints?.find(
    (taint) => (strict || taint.effect !== 'PreferNoSchedule') && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** k8s.io/api/core/v1 Toleration.ToleratesTaint: an absent key with Exists is every taint, an absent effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  // Without a key only Exists is valid; the API server refuses the rest.
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
}

export function describeTaint(taint: Taint): string {
  return `${taint.key}${taint.value ? `=${taint.value}` : ''}:${taint.effect}`;
}
