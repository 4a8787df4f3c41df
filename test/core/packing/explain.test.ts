import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { NodeRequirement, NodeSelectorTerm, PackingProblem, PodSpec } from '../../../src/core/packing/problem.ts';
import { pod, problem } from './fixtures.ts';

/* Who is left is told the nearest offering and what exactly excluded it: key, operator, values, and what the offering has. */

const required = (...nodeSelectorTerms: readonly NodeSelectorTerm[]): Partial<PodSpec> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const is = (key: string, operator: NodeRequirement['operator'], ...values: readonly string[]): NodeRequirement => ({
  key,
  operator,
  ...(values.length === 0 ? {} : { values }),
});
const ARCH = 'kubernetes.io/arch';
const PLACEMENT = 'node selector or required node affinity';

const ROWS: readonly (readonly [string, Partial<PodSpec>, Partial<PackingProblem>, string, string])[] = [
  ['a node selector', { nodeSelector: { [ARCH]: 'arm64' } }, {}, 't.small', `${PLACEMENT} ${ARCH} In [arm64] (it has amd64)`],
  [
    'NotIn',
    required({ matchExpressions: [is(ARCH, 'NotIn', 'amd64')] }),
    {},
    't.small',
    `${PLACEMENT} ${ARCH} NotIn [amd64] (it has amd64)`,
  ],
  ['Exists', required({ matchExpressions: [is('gpu', 'Exists')] }), {}, 't.small', `${PLACEMENT} gpu Exists (it has no such label)`],
  [
    'DoesNotExist',
    required({ matchExpressions: [is(ARCH, 'DoesNotExist')] }),
    {},
    't.small',
    `${PLACEMENT} ${ARCH} DoesNotExist (it has amd64)`,
  ],
  ['Gt', required({ matchExpressions: [is('size', 'Gt', '3')] }), {}, 't.small', `${PLACEMENT} size Gt 3 (it has no such label)`],
  [
    'the alternative that misses least',
    required({ matchExpressions: [is('a', 'Exists'), is('b', 'Exists')] }, { matchExpressions: [is('c', 'Lt', '5')] }),
    {},
    't.small',
    `${PLACEMENT} c Lt 5 (it has no such label)`,
  ],
  [
    'two keys at once',
    { nodeSelector: { [ARCH]: 'arm64', team: 'red' } },
    {},
    't.small',
    `${PLACEMENT} ${ARCH} In [arm64] (it has amd64) and team In [red] (it has no such label)`,
  ],
  [
    'a name',
    required({ matchFields: [is('metadata.name', 'In', 'n1')] }),
    {},
    't.small',
    `${PLACEMENT} metadata.name In [n1] (it has no name yet)`,
  ],
  ['an empty term', required({}), {}, 't.small', `${PLACEMENT} an empty term, which no node matches`],
  [
    'of offerings that miss as little, one that is large enough',
    { nodeSelector: { [ARCH]: 'arm64' }, containers: [{ resources: { requests: { cpu: '4' } } }] },
    {},
    't.large',
    `${PLACEMENT} ${ARCH} In [arm64] (it has amd64)`,
  ],
  [
    'size',
    { containers: [{ resources: { requests: { memory: '40Gi' } } }] },
    {},
    't.large',
    'too little memory (40Gi asked for, 32Gi there)',
  ],
  [
    'a pool',
    {},
    { pools: [{ name: 'workers', requirements: [is(ARCH, 'In', 'arm64')] }] },
    't.small',
    `pool workers requires ${ARCH} In [arm64] (it has amd64)`,
  ],
];
for (const [name, spec, part, type, excludedBy] of ROWS)
  test(`left because of ${name}`, () => {
    const plan = planPacking(problem({ pods: [pod('p', 1, '1Gi', spec)], ...part }));
    const [left] = plan.unschedulable;
    assert.equal(left?.nearest?.excludedBy, excludedBy);
    assert.equal(left?.nearest?.offering.instanceType, type);
    assert.ok(left?.message.includes(`nearest is ${type} in z-a (on-demand): ${excludedBy}`), left?.message);
  });

test('left because of the zones of its volumes', () => {
  const plan = planPacking(problem({ pods: [pod('p', 1, '1Gi', {}, { volumes: { zones: ['z-x'] } })] }));
  assert.equal(plan.unschedulable[0]?.nearest?.excludedBy, 'zones of its volumes topology.kubernetes.io/zone In [z-x] (it has z-a)');
});
