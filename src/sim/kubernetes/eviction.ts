import type { ApiServer } from './api-server.ts';
import { conditionIsTrue, withCondition } from './conditions.ts';
import { type Answer, server as serverError, tooManyRequests } from './errors.ts';
import { at, isFields } from './json.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { matchesLabelSelector } from './selectors.ts';
import { timestamp } from './time.ts';

const pods = kindNamed('Pod');
const budgets = kindNamed('PodDisruptionBudget');

/** The Eviction API (pkg/registry/core/pod/storage/eviction.go); budgets are counted on the spot, without the disruption controller's delay. */
export function evict(
  server: ApiServer,
  key: string,
  options: { readonly uid?: string; readonly gracePeriodSeconds?: number } = {},
): Answer<void> {
  const found = server.get(pods, key);
  if (!found.ok) return found;
  const pod = found.value;
  if (!isPastDisruption(pod)) {
    const guarding = server.store.list(budgets).filter((budget) => guards(budget, pod));
    const [budget] = guarding;
    if (guarding.length > 1)
      return serverError('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
    if (budget !== undefined && !allows(server, budget, pod)) {
      return tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10, [
        { reason: 'DisruptionBudget', message: `The disruption budget ${budget.metadata.name} does not allow evicting pods currently` },
      ]);
    }
  }
  if (options.uid !== undefined && options.uid !== pod.metadata.uid) return server.delete(pods, key, options);
  server.change(pods, key, (current) =>
    withCondition(current, timestamp(server.world.now()), {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    }),
  );
  return server.delete(pods, key, options);
}

function isPastDisruption(pod: Entity): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
}

function guards(budget: Entity, pod: Entity): boolean {
  return budget.metadata.namespace === pod.metadata.namespace && matchesLabelSelector(budget.spec?.selector, pod.metadata.labels ?? {});
}

function allows(server: ApiServer, budget: Entity, pod: Entity): boolean {
  const guarded = server.store
    .list(pods)
    .filter((each) => guards(budget, each) && each.status?.phase !== 'Succeeded' && each.status?.phase !== 'Failed');
  const healthy = guarded.filter((each) => conditionIsTrue(each, 'Ready') && each.metadata.deletionTimestamp === undefined).length;
  const expected = guarded.length;
  const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy } = budget.spec ?? {};
  const needed =
    maxUnavailable !== undefined
      ? expected - amount(maxUnavailable, expected)
      : amount(minAvailable ?? (isFields(at(budget, 'spec', 'selector')) ? 1 : 0), expected);
  if (!conditionIsTrue(pod, 'Ready')) return unhealthyPodEvictionPolicy === 'AlwaysAllow' || (healthy >= needed && needed > 0);
  return healthy - 1 >= needed;
}

/** A number, or a percentage rounded up (intstr.GetScaledValueFromIntOrPercent). */
function amount(value: unknown, total: number): number {
  const text = String(value);
  return text.endsWith('%') ? Math.ceil((Number(text.slice(0, -1)) * total) / 100) : Number(value);
}
