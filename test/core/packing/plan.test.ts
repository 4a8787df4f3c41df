import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { PackingProblem } from '../../../src/core/packing/problem.ts';
import { offer, pod, problem, ZONES } from './fixtures.ts';

test('nothing to place is an empty plan', () => {
  const plan = planPacking(problem({}));
  assert.deepEqual([plan.newNodes, plan.assignments, plan.unschedulable, plan.usdPerHour, plan.gap], [[], [], [], 0, 0]);
});

test('pods go onto nodes with room before anything is launched', () => {
  const node = {
    name: 'n1',
    labels: { 'topology.kubernetes.io/zone': 'z-a' },
    allocatable: { cpu: 2, memory: '8Gi', pods: 10 },
    pods: [pod('r', 1, '1Gi')],
  };
  const plan = planPacking(problem({ pods: [pod('a', 1, '1Gi'), pod('b', 1, '1Gi')], nodes: [node] }));
  assert.deepEqual(plan.assignments, [{ pod: 'a', node: 'n1' }]);
  assert.deepEqual(
    plan.newNodes.map((one) => [one.instanceType, one.pods]),
    [['t.small', ['b']]],
  );
});

test('a gang that does not fit as a whole takes nothing', () => {
  const pods = [0, 1, 2].map((index) => pod(`g${index}`, 2, '1Gi', {}, { gang: 'g' }));
  const plan = planPacking(problem({ pods: [...pods, pod('single', 2, '1Gi')], limits: { usdPerHour: 0.2 } }));
  assert.deepEqual(
    plan.newNodes.flatMap((one) => one.pods),
    ['single'],
  );
  assert.deepEqual(plan.unschedulable.map((one) => one.pod).sort(), ['g0', 'g1', 'g2']);
});

test('a gang that stays together is in one zone', () => {
  const pods = [0, 1, 2, 3, 4, 5].map((index) => pod(`g${index}`, 6, '1Gi', {}, { gang: 'g' }));
  const plan = planPacking(problem({ pods, gangs: [{ id: 'g', singleZone: true }], unavailable: [{ zone: 'z-a' }] }));
  assert.deepEqual(new Set(plan.newNodes.map((one) => one.zone)), new Set(['z-b']));
  assert.equal(plan.unschedulable.length, 0);
});

test('a gang that stays together pays for the zone that sells all it needs', () => {
  const pods = [pod('g0', '7500m', '1Gi', {}, { gang: 'g' }), pod('g1', '1900m', '1Gi', {}, { gang: 'g' })];
  const offerings = [
    ...offer('t.small', 0.1, ['z-a']),
    ...offer('t.small', 0.12, ['z-b']),
    ...offer('t.large', 0.36, ['z-b']),
    ...offer('t.large', 0.3, ['z-c']),
  ];
  const zonesOf = (gangs: PackingProblem['gangs']) =>
    planPacking(problem({ pods, offerings, gangs: gangs ?? [] })).newNodes.map((one) => one.zone);
  assert.deepEqual(zonesOf([{ id: 'g' }]).sort(), ['z-a', 'z-c']);
  assert.deepEqual(zonesOf([{ id: 'g', singleZone: true }]), ['z-b', 'z-b']);
});

test('zone spread uses every zone that can be launched in', () => {
  const spread = {
    maxSkew: 1,
    topologyKey: 'topology.kubernetes.io/zone',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'a' } },
  } as const;
  const pods = [0, 1, 2].map((index) => pod(`p${index}`, '100m', '1Gi', { topologySpreadConstraints: [spread] }, { labels: { app: 'a' } }));
  const plan = planPacking(problem({ pods }));
  assert.deepEqual(plan.newNodes.map((one) => one.zone).sort(), [...ZONES]);
});

test('the spot share is exact to one node', () => {
  const offerings = ZONES.flatMap((zone) => [
    { instanceType: 't.small', zone, capacityType: 'on-demand' as const, usdPerHour: 0.1 },
    { instanceType: 't.small', zone, capacityType: 'spot' as const, usdPerHour: 0.03 },
  ]);
  const pods = Array.from({ length: 10 }, (_, index) => pod(`p${index}`, 2, '1Gi'));
  const plan = planPacking(problem({ pods, offerings, pools: [{ name: 'workers', spotPercent: 70 }] }));
  assert.equal(plan.newNodes.filter((one) => one.capacityType === 'spot').length, 7);
});
