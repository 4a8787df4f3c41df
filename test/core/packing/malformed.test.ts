import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import { pod, problem } from './fixtures.ts';

/* What JSON allows and the Kubernetes API does not: one pod's fault is that pod's reason, and the others are placed. */

const term = (value: unknown) => ({ requiredDuringSchedulingIgnoredDuringExecution: [value] });
const spread = (more: object) => [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule', ...more }];

const ROWS: readonly (readonly [string, object])[] = [
  ['spec.nodeSelector: expected a map', { nodeSelector: ['x'] }],
  ['spec.nodeSelector[a]: expected text', { nodeSelector: { a: 5 } }],
  ['spec.affinity: expected an object', { affinity: 'x' }],
  [
    'spec.affinity.nodeAffinity',
    { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [null] } } } },
  ],
  ['spec.affinity.nodeAffinity', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: 5 } } }],
  ['preference is missing', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } } }],
  ['podAffinityTerm is missing', { affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } } }],
  ['spec.affinity.podAffinity', { affinity: { podAffinity: term(null) } }],
  ['spec.affinity.podAffinity', { affinity: { podAffinity: term({ topologyKey: 'x', labelSelector: { matchExpressions: [null] } }) } }],
  ['matchLabelKeys: expected a list', { affinity: { podAntiAffinity: term({ topologyKey: 'x', labelSelector: {}, matchLabelKeys: 5 }) } }],
  ['spec.tolerations: expected a list', { tolerations: {} }],
  ['spec.tolerations[0]: expected an object', { tolerations: [null] }],
  ['spec.topologySpreadConstraints: expected a list', { topologySpreadConstraints: 'x' }],
  ['matchLabelKeys: expected a list', { topologySpreadConstraints: spread({ labelSelector: {}, matchLabelKeys: 'x' }) }],
  ['nodeAffinityPolicy: expected Honor or Ignore', { topologySpreadConstraints: spread({ nodeAffinityPolicy: 'x' }) }],
  ['spec.initContainers: expected a list', { initContainers: {} }],
  ['spec.overhead: expected a map', { overhead: [5] }],
  ['spec.resources: expected an object', { resources: null }],
  ['spec.containers[0]: expected an object', { containers: [null] }],
  ['spec.containers[0].resources: expected an object', { containers: [{ resources: null }] }],
  ['spec.containers[0].ports: expected a list', { containers: [{ ports: 5 }] }],
  ['hostPort: expected a whole number', { containers: [{ ports: [{ hostPort: -1 }] }] }],
  ['requests[cpu]: expected a quantity', { containers: [{ resources: { requests: { cpu: null } } }] }],
];

for (const [reason, spec] of ROWS)
  test(`${reason}: ${JSON.stringify(spec).slice(0, 90)}`, () => {
    const bad = pod('bad', 1, '1Gi', spec);
    const plan = planPacking(problem({ pods: [bad, pod('good', 1, '1Gi')] }));
    assert.deepEqual(plan.order, ['good']);
    assert.equal(plan.unschedulable[0]?.reason, 'InvalidPod');
    assert.ok(plan.unschedulable[0]?.message.includes(reason), plan.unschedulable[0]?.message);
  });

test('a price that would drown all others is left out', () => {
  const { offerings } = problem({});
  const plan = planPacking(
    problem({
      pods: [pod('a', 1, '1Gi')],
      offerings: offerings.map((one) => (one.instanceType === 't.large' ? { ...one, usdPerHour: 1e308 } : one)),
    }),
  );
  assert.equal(plan.usdPerHour, 0.1);
  assert.equal(plan.rejected.length, 3);
});
