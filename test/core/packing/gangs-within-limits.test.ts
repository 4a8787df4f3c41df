import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { PackingPod, PackingProblem } from '../../../src/core/packing/problem.ts';
import { instanceType, offer, pod, problem } from './fixtures.ts';

const SOLD = {
  types: [instanceType('m.small', 2, '8Gi'), instanceType('m.large', 8, '32Gi')],
  offerings: [...offer('m.small', 0.1), ...offer('m.large', 0.4)],
};

function several(count: number, name: string, cpu: string, more: Partial<PackingPod> = {}): readonly PackingPod[] {
  return Array.from({ length: count }, (_, index) => ({ ...pod(`ns/${name}${index}`, cpu, '256Mi'), ...more }));
}

function placed(limits: PackingProblem['limits'] & {}, pods: readonly PackingPod[]): ReadonlyMap<string, number> {
  const asked = problem({ ...SOLD, limits, pods });
  const plan = planPacking(asked);
  assert.deepEqual(planPacking(asked), plan);
  assert.ok(plan.usdPerHour <= (limits.usdPerHour ?? Number.POSITIVE_INFINITY) + 1e-9);
  const names = plan.order.map((key) => key.replace(/^ns\/|\d+$/g, ''));
  return new Map([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}

test('of gangs that do not all fit those go first whose pods cost less each', () => {
  const gangs = (count: number, name: string, size: number, cpu: string) =>
    Array.from({ length: count }, (_, at) => several(size, `${name}${at}-`, cpu, { gang: `${name}${at}` })).flat();
  const there = placed({ vcpus: 44 }, [...gangs(10, 'dear', 2, '7'), ...gangs(4, 'cheap', 10, '1')]);
  assert.deepEqual(there, new Map([0, 1, 2, 3].map((at) => [`cheap${at}-`, 10])));
});

test('a gang that no machine holds keeps no other out', () => {
  const pods = [
    ...several(2, 'huge', '64', { gang: 'huge' }),
    ...several(8, 'fits', '1', { gang: 'fits' }),
    ...several(60, 'single', '1500m'),
  ];
  const there = placed({ vcpus: 40 }, pods);
  assert.equal(there.get('huge'), undefined);
  assert.equal(there.get('fits'), 8);
  assert.ok((there.get('single') ?? 0) >= 20, `${there.get('single')}`);
});

test('pods of a higher priority that want hosts of their own have them, however many others there are', () => {
  const labels = { app: 'db' };
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } };
  const alone = several(10, 'db', '1', { priority: 1, labels }).map((one) => ({
    ...one,
    spec: { ...one.spec, affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
  }));
  for (const limits of [{ usdPerHour: 1.2 }, { vcpus: 24 }]) {
    const there = placed(limits, [...alone, ...several(150, 'web', '500m')]);
    assert.equal(there.get('db'), 10);
    assert.ok((there.get('web') ?? 0) >= 27, `${there.get('web')}`);
  }
});
