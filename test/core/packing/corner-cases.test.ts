import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { PackingNode, PackingPod, PackingProblem, PodSpec, TopologySpreadConstraint } from '../../../src/core/packing/problem.ts';
import { violations } from './checker.ts';
import { instanceType, offer, pod, problem } from './fixtures.ts';

/*
 * Corner cases of "Pod Topology Spread Constraints", "Assigning Pods to Nodes" and Karpenter's scheduling page. Existing nodes and no
 * pool where kube-scheduler's answer is asked; `placed` = the pods that find a place.
 */
const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const app = (name: string) => ({ matchLabels: { app: name } });

function node(name: string, zone: string | undefined, running: readonly string[] = [], more: Partial<PackingNode> = {}): PackingNode {
  const pods = running.map(
    (label, index): PackingPod => ({ key: `${name}-${index}`, namespace: 'default', labels: { app: label }, spec: { containers: [{}] } }),
  );
  return {
    name,
    labels: { [HOST]: name, ...(zone === undefined ? {} : { [ZONE]: zone }) },
    allocatable: { cpu: 4, memory: '16Gi', pods: 20 },
    pods,
    ...more,
  };
}
function spread(more: Partial<TopologySpreadConstraint> = {}): Partial<PodSpec> {
  return {
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', labelSelector: app('x'), ...more }],
  };
}
const affinity = (name: string, topologyKey = ZONE): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: app(name) }] } },
});
const anti = (name: string, topologyKey = HOST): Partial<PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: app(name) }] } },
});
const pods = (count: number, label: string, spec: Partial<PodSpec>, more: Partial<PackingPod> = {}): readonly PackingPod[] =>
  Array.from({ length: count }, (_, index) => pod(`${label}${index}`, '100m', '64Mi', spec, { labels: { app: label }, ...more }));

type Row = {
  readonly name: string;
  readonly nodes: readonly PackingNode[];
  readonly pods: readonly PackingPod[];
  readonly placed: number;
  readonly on?: readonly string[];
  readonly more?: Partial<PackingProblem>;
};
const ROWS: readonly Row[] = [
  {
    name: 'spread: a node that lacks the key of another constraint counts for none',
    nodes: [
      { ...node('a', 'a', ['x']), labels: { [HOST]: 'a', [ZONE]: 'a', rack: '1' } },
      { ...node('b', 'b', ['x']), labels: { [HOST]: 'b', [ZONE]: 'b', rack: '2' } },
      node('c', 'c'),
    ],
    pods: pods(1, 'x', {
      topologySpreadConstraints: [ZONE, 'rack'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: app('x'),
      })),
    }),
    placed: 1,
  },
  {
    name: 'cordoned: not even for who tolerates everything, since the node is about to go',
    nodes: [node('a', 'a', [], { unschedulable: true })],
    pods: pods(1, 'x', { tolerations: [{ operator: 'Exists' }] }),
    placed: 0,
  },
  {
    name: 'daemons take their room on a node that is still launching',
    nodes: [node('a', 'a', [], { launching: true })],
    pods: [pod('p', '3500m', '1Gi')],
    placed: 0,
    more: { daemons: [pod('daemon', 1, '1Gi')] },
  },
  {
    name: 'spread: the emptier zone first',
    nodes: [node('a', 'a', ['x', 'x']), node('b', 'b', ['x'])],
    pods: pods(1, 'x', spread()),
    placed: 1,
    on: ['b'],
  },
  {
    name: 'spread: skew counts the incoming pod',
    nodes: [node('a', 'a', ['x']), node('b', 'b', ['x'], { unschedulable: true })],
    pods: pods(2, 'x', spread()),
    placed: 1,
    on: ['a'],
  },
  {
    name: 'spread: a pod that its own selector does not mean does not raise the count',
    nodes: [node('a', 'a', ['x']), node('b', 'b', [], { unschedulable: true })],
    pods: pods(3, 'y', spread()),
    placed: 3,
  },
  {
    name: 'spread: a node without the key takes no pod and is no domain',
    nodes: [node('a', 'a'), node('bare', undefined)],
    pods: pods(2, 'x', spread()),
    placed: 2,
    on: ['a', 'a'],
  },
  {
    name: 'spread: maxSkew 2',
    nodes: [node('a', 'a'), node('b', 'b', [], { unschedulable: true })],
    pods: pods(3, 'x', spread({ maxSkew: 2 })),
    placed: 2,
  },
  {
    name: 'spread: minDomains not reached makes the minimum 0',
    nodes: [node('a', 'a', ['x']), node('b', 'b', ['x'])],
    pods: pods(1, 'x', spread({ minDomains: 3 })),
    placed: 0,
  },
  {
    name: 'spread: minDomains reached changes nothing',
    nodes: [node('a', 'a', ['x']), node('b', 'b', ['x'])],
    pods: pods(1, 'x', spread({ minDomains: 2 })),
    placed: 1,
  },
  {
    name: 'spread: nodes that the pod does not select are no domain (nodeAffinityPolicy Honor)',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: pods(3, 'x', { ...spread(), nodeSelector: { [ZONE]: 'a' } }),
    placed: 3,
  },
  {
    name: 'spread: with nodeAffinityPolicy Ignore they are',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: pods(3, 'x', { ...spread({ nodeAffinityPolicy: 'Ignore' }), nodeSelector: { [ZONE]: 'a' } }),
    placed: 1,
  },
  {
    name: 'spread: tainted nodes are domains (nodeTaintsPolicy Ignore is the default)',
    nodes: [node('a', 'a'), node('b', 'b', [], { taints: [{ key: 't', effect: 'NoSchedule' }] })],
    pods: pods(3, 'x', spread()),
    placed: 1,
  },
  {
    name: 'spread: with nodeTaintsPolicy Honor they are not',
    nodes: [node('a', 'a'), node('b', 'b', [], { taints: [{ key: 't', effect: 'NoSchedule' }] })],
    pods: pods(3, 'x', spread({ nodeTaintsPolicy: 'Honor' })),
    placed: 3,
  },
  {
    name: 'spread: ScheduleAnyway does not keep a pod out',
    nodes: [node('a', 'a'), node('b', 'b', [], { unschedulable: true })],
    pods: pods(4, 'x', spread({ whenUnsatisfiable: 'ScheduleAnyway' })),
    placed: 4,
  },
  {
    name: 'spread: an absent selector means no pod',
    nodes: [node('a', 'a'), node('b', 'b', [], { unschedulable: true })],
    pods: pods(3, 'x', { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule' }] }),
    placed: 3,
  },
  {
    name: 'spread: pods of other namespaces do not count',
    nodes: [node('a', 'a'), node('b', 'b', [], { unschedulable: true })],
    pods: pods(1, 'x', spread(), { namespace: 'elsewhere' }),
    placed: 1,
  },
  {
    name: 'spread: terminating pods do not count',
    nodes: [
      node('a', 'a', [], {
        pods: [{ key: 'r', namespace: 'default', labels: { app: 'x' }, spec: { containers: [{}] }, terminating: true }],
      }),
      node('b', 'b', [], { unschedulable: true }),
    ],
    pods: pods(1, 'x', spread()),
    placed: 1,
    on: ['a'],
  },
  {
    name: 'spread: hosts of an existing cluster share alike',
    nodes: [node('a', 'a', ['x']), node('b', 'b', ['x'])],
    pods: pods(4, 'x', spread({ topologyKey: HOST })),
    placed: 4,
    on: ['a', 'a', 'b', 'b'],
  },
  {
    name: 'spread: zone and host at once',
    nodes: [node('a1', 'a'), node('a2', 'a'), node('b1', 'b')],
    pods: pods(2, 'x', {
      topologySpreadConstraints: [
        ...(spread().topologySpreadConstraints ?? []),
        ...(spread({ topologyKey: HOST }).topologySpreadConstraints ?? []),
      ],
    }),
    placed: 2,
    on: ['a1', 'b1'],
  },
  {
    name: 'spread: matchLabelKeys separates revisions',
    nodes: [node('a', 'a', ['x']), node('b', 'b', [], { unschedulable: true })],
    pods: pods(1, 'x', spread({ matchLabelKeys: ['revision'] }), { labels: { app: 'x', revision: '2' } }),
    placed: 1,
    on: ['a'],
  },
  {
    name: 'affinity: the first of a group that means itself goes anywhere',
    nodes: [node('a', 'a')],
    pods: pods(2, 'x', affinity('x')),
    placed: 2,
  },
  { name: 'affinity: the first of others waits', nodes: [node('a', 'a')], pods: pods(1, 'x', affinity('y')), placed: 0 },
  {
    name: 'affinity: follows a pod placed in the same plan',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: [...pods(1, 'x', affinity('y')), ...pods(1, 'y', { nodeSelector: { [ZONE]: 'b' } })],
    placed: 2,
    on: ['b', 'b'],
  },
  {
    name: 'affinity: a chain is followed to its end',
    nodes: [node('a', 'a'), node('b', 'b', ['z'])],
    pods: [...pods(1, 'x', affinity('y')), ...pods(1, 'y', affinity('z'))],
    placed: 2,
    on: ['b', 'b'],
  },
  {
    name: 'affinity: a node without the key never satisfies it',
    nodes: [node('bare', undefined, ['x'])],
    pods: pods(1, 'x', affinity('x')),
    placed: 0,
  },
  {
    name: 'affinity: all terms at once, by one and the same pod',
    nodes: [node('a', 'a', ['x', 'y'])],
    pods: pods(1, 'p', {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: ZONE, labelSelector: app('x') },
            { topologyKey: ZONE, labelSelector: app('y') },
          ],
        },
      },
    }),
    placed: 0,
  },
  {
    name: 'affinity: other namespaces count where listed',
    nodes: [node('a', 'a', [], { pods: [{ key: 'r', namespace: 'other', labels: { app: 'y' }, spec: { containers: [{}] } }] })],
    pods: pods(1, 'x', {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: ZONE, labelSelector: app('y'), namespaces: ['other'] }],
        },
      },
    }),
    placed: 1,
  },
  {
    name: 'affinity: an empty namespaceSelector is every namespace',
    nodes: [node('a', 'a', [], { pods: [{ key: 'r', namespace: 'other', labels: { app: 'y' }, spec: { containers: [{}] } }] })],
    pods: pods(1, 'x', {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: ZONE, labelSelector: app('y'), namespaceSelector: {} }],
        },
      },
    }),
    placed: 1,
  },
  { name: 'anti-affinity: one a host', nodes: [node('a', 'a'), node('b', 'b')], pods: pods(3, 'x', anti('x')), placed: 2 },
  { name: 'anti-affinity: one a zone', nodes: [node('a1', 'a'), node('a2', 'a')], pods: pods(2, 'x', anti('x', ZONE)), placed: 1 },
  {
    name: 'anti-affinity of a running pod keeps others out',
    nodes: [node('a', 'a', [], { pods: [{ key: 'r', namespace: 'default', spec: { containers: [{}], ...anti('x') } }] })],
    pods: pods(1, 'x', {}),
    placed: 0,
  },
  { name: 'anti-affinity to others does not separate its own', nodes: [node('a', 'a')], pods: pods(3, 'x', anti('y')), placed: 3 },
  {
    name: 'anti-affinity: a node without the key is no obstacle',
    nodes: [node('bare', undefined, ['x'])],
    pods: pods(1, 'x', anti('x', ZONE)),
    placed: 1,
  },
  {
    name: 'preferred anti-affinity is given up rather than a pod',
    nodes: [node('a', 'a')],
    pods: pods(2, 'x', {
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: HOST, labelSelector: app('x') } }],
        },
      },
    }),
    placed: 2,
  },
  {
    name: 'preferred node affinity chooses among nodes',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: pods(1, 'x', {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchExpressions: [{ key: ZONE, operator: 'In', values: ['b'] }] } },
          ],
        },
      },
    }),
    placed: 1,
    on: ['b'],
  },
  {
    name: 'node affinity terms are alternatives',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: pods(1, 'x', {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: ZONE, operator: 'In', values: ['z'] }] },
              { matchExpressions: [{ key: ZONE, operator: 'In', values: ['b'] }] },
            ],
          },
        },
      },
    }),
    placed: 1,
    on: ['b'],
  },
  {
    name: 'host ports: one on all addresses meets one on a single address',
    nodes: [node('a', 'a')],
    pods: [
      ...pods(1, 'x', { containers: [{ ports: [{ hostPort: 80 }] }] }),
      ...pods(1, 'y', { containers: [{ ports: [{ hostPort: 80, hostIP: '10.0.0.1' }] }] }),
    ],
    placed: 1,
  },
  {
    name: 'host ports: two addresses do not meet',
    nodes: [node('a', 'a')],
    pods: [
      ...pods(1, 'x', { containers: [{ ports: [{ hostPort: 80, hostIP: '10.0.0.2' }] }] }),
      ...pods(1, 'y', { containers: [{ ports: [{ hostPort: 80, hostIP: '10.0.0.1' }] }] }),
    ],
    placed: 2,
  },
  {
    name: 'host ports: protocols do not meet',
    nodes: [node('a', 'a')],
    pods: [
      ...pods(1, 'x', { containers: [{ ports: [{ hostPort: 80 }] }] }),
      ...pods(1, 'y', { containers: [{ ports: [{ hostPort: 80, protocol: 'UDP' }] }] }),
    ],
    placed: 2,
  },
  {
    name: 'volumes: only where they are',
    nodes: [node('a', 'a'), node('b', 'b')],
    pods: pods(1, 'x', {}, { volumes: { zones: ['b'] } }),
    placed: 1,
    on: ['b'],
  },
  {
    name: 'volumes: attachments are counted',
    nodes: [node('a', 'a', [], { allocatable: { cpu: 4, memory: '16Gi', pods: 20, 'attachable-volumes-aws-ebs': 3 } })],
    pods: pods(3, 'x', {}, { volumes: { attachments: 2 } }),
    placed: 1,
  },
  {
    name: 'reserved nodes: for their job only',
    nodes: [node('a', 'a', [], { reservedFor: ['job-1'] })],
    pods: [...pods(1, 'x', {}), ...pods(1, 'y', {}, { reservation: 'job-1' })],
    placed: 1,
  },
  {
    name: 'ephemeral storage is counted ("Local ephemeral storage")',
    nodes: [node('a', 'a', [], { allocatable: { cpu: 4, memory: '16Gi', pods: 20, 'ephemeral-storage': '10Gi' } })],
    pods: pods(3, 'x', { containers: [{ resources: { requests: { 'ephemeral-storage': '4Gi' } } }] }),
    placed: 2,
  },
  {
    name: 'anti-affinity: matchLabelKeys means its own revision only ("Assigning Pods to Nodes")',
    nodes: [node('a', 'a', ['x'])],
    pods: pods(
      2,
      'x',
      {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOST, labelSelector: app('x'), matchLabelKeys: ['revision'] }],
          },
        },
      },
      { labels: { app: 'x', revision: '2' } },
    ),
    placed: 1,
  },
  {
    name: 'anti-affinity: mismatchLabelKeys means other tenants only ("Assigning Pods to Nodes")',
    nodes: [node('a', 'a')],
    pods: pods(
      2,
      'x',
      {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              {
                topologyKey: HOST,
                labelSelector: { matchExpressions: [{ key: 'tenant', operator: 'Exists' }] },
                mismatchLabelKeys: ['tenant'],
              },
            ],
          },
        },
      },
      { labels: { app: 'x', tenant: 'red' } },
    ),
    placed: 2,
  },
  {
    name: 'a pod that requests nothing still takes one of the pods',
    nodes: [node('a', 'a', [], { allocatable: { cpu: 4, memory: '16Gi', pods: 2 } })],
    pods: pods(3, 'x', { containers: [{}] }),
    placed: 2,
  },
];
for (const row of ROWS) {
  test(row.name, () => {
    const input = problem({ nodes: row.nodes, pods: row.pods, pools: [], ...row.more });
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), []);
    assert.equal(plan.assignments.length, row.placed, JSON.stringify(plan.unschedulable));
    if (row.on !== undefined) assert.deepEqual(plan.assignments.map((one) => one.node).sort(), row.on);
  });
}

// Pools and launches.
const arm = instanceType('t.arm', 2, '8Gi', { 'kubernetes.io/arch': 'arm64', 'karpenter.k8s.aws/instance-cpu': '2' });
const launched = (part: Partial<PackingProblem>) => planPacking(problem(part)).newNodes;

test('pools: the heavier is taken though it is dearer', () => {
  const pools = [
    { name: 'light', weight: 1 },
    {
      name: 'heavy',
      weight: 10,
      requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['t.large'] } as const],
    },
  ];
  assert.deepEqual(
    launched({ pods: [pod('p', 1, '1Gi')], pools }).map((one) => [one.pool, one.instanceType]),
    [['heavy', 't.large']],
  );
});
test('pools: at its limit the next is taken', () => {
  const pools = [
    { name: 'light', weight: 1 },
    { name: 'heavy', weight: 10, limits: { nodes: 1 } },
  ];
  const plan = launched({ pods: [0, 1, 2].map((index) => pod(`p${index}`, 7, '1Gi')), pools });
  assert.deepEqual(plan.map((one) => one.pool).sort(), ['heavy', 'light', 'light']);
});
test('pools: a taint keeps pods out unless tolerated', () => {
  const pools = [{ name: 'red', taints: [{ key: 'team', value: 'red', effect: 'NoSchedule' } as const] }];
  const plan = planPacking(
    problem({ pods: [pod('p', 1, '1Gi'), pod('q', 1, '1Gi', { tolerations: [{ key: 'team', operator: 'Exists' }] })], pools }),
  );
  assert.deepEqual(
    [plan.newNodes.flatMap((one) => one.pods), plan.unschedulable.map((one) => [one.pod, one.nearest?.excludedBy])],
    [['q'], [['p', 'untolerated taint team=red:NoSchedule of pool red: only pods that tolerate it go there']]],
  );
});
test('pools: a label that the pool leaves open takes the value that the pod asks for', () => {
  const pools = [{ name: 'open', requirements: [{ key: 'team', operator: 'Exists' } as const] }];
  const plan = launched({
    pods: [pod('p', 1, '1Gi', { nodeSelector: { team: 'blue' } }), pod('q', 1, '1Gi', { nodeSelector: { team: 'red' } })],
    pools,
  });
  assert.deepEqual(plan.map((one) => one.labels['team']).sort(), ['blue', 'red']);
});
test('pools: minValues keeps so many types in the list', () => {
  const pools = [
    { name: 'flexible', requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'Exists', minValues: 2 } as const] },
  ];
  const [small] = launched({ pods: [pod('p', 1, '1Gi')], pools });
  assert.deepEqual(
    small?.offerings.map((one) => one.instanceType),
    ['t.small', 't.large'],
  );
  assert.equal(planPacking(problem({ pods: [pod('p', 7, '1Gi')], pools })).unschedulable[0]?.pod, 'p');
});
test('the cheapest that fits, and what is not to be had is not used', () => {
  assert.deepEqual(
    launched({ pods: [pod('p', 1, '1Gi')] }).map((one) => one.instanceType),
    ['t.small'],
  );
  assert.deepEqual(
    launched({ pods: [pod('p', 1, '1Gi')], unavailable: [{ instanceType: 't.small' }] }).map((one) => one.instanceType),
    ['t.large'],
  );
  assert.deepEqual(
    launched({ pods: [pod('p', 1, '1Gi')], unavailable: [{ zone: 'z-a' }, { zone: 'z-b' }] }).map((one) => one.zone),
    ['z-c'],
  );
});
test('architecture: a selector is obeyed', () => {
  const part = { types: [arm, ...problem({}).types], offerings: [...offer('t.arm', 0.05), ...problem({}).offerings] };
  assert.deepEqual(
    launched({ ...part, pods: [pod('p', 1, '1Gi', { nodeSelector: { 'kubernetes.io/arch': 'amd64' } })] }).map((one) => one.instanceType),
    ['t.small'],
  );
  assert.deepEqual(
    launched({ ...part, pods: [pod('p', 1, '1Gi')] }).map((one) => one.instanceType),
    ['t.arm'],
  );
});
test('GPUs: only where there are any, and enough', () => {
  const gpu = { ...instanceType('g.one', 4, '16Gi'), capacity: { cpu: 4, memory: '16Gi', pods: 20, 'nvidia.com/gpu': 1 } };
  const part = { types: [...problem({}).types, gpu], offerings: [...problem({}).offerings, ...offer('g.one', 1)] };
  const asks = (count: number) => pod(`gpu${count}`, 1, '1Gi', { containers: [{ resources: { limits: { 'nvidia.com/gpu': count } } }] });
  assert.deepEqual(
    launched({ ...part, pods: [asks(1)] }).map((one) => one.instanceType),
    ['g.one'],
  );
  const [misfit] = planPacking(problem({ ...part, pods: [asks(2)] })).unschedulable;
  assert.deepEqual(
    [misfit?.reason, misfit?.nearest?.offering.instanceType, misfit?.nearest?.excludedBy],
    ['TooLarge', 'g.one', 'too little nvidia.com/gpu (2 asked for, 1 there, the most of any offering)'],
  );
});
test('daemons take their room on new nodes', () => {
  const daemons = [pod('daemon', 1, '1Gi')];
  assert.deepEqual(
    launched({ pods: [pod('p', '1500m', '1Gi')], daemons }).map((one) => one.instanceType),
    ['t.large'],
  );
});
test('what the machine keeps is not given to pods', () => {
  const types = problem({}).types.map((type) => ({ ...type, reserved: { cpu: '100m', memory: '500Mi' } }));
  assert.deepEqual(
    launched({ pods: [pod('p', 2, '1Gi')], types }).map((one) => one.instanceType),
    ['t.large'],
  );
});
test('the minimum of a pool is kept without pods', () => {
  assert.deepEqual(
    launched({ pools: [{ name: 'workers', minNodes: 2 }] }).map((one) => one.instanceType),
    ['t.small', 't.small'],
  );
});
test('nodes for a minimum open no zone that pods would have to be spread over', () => {
  const { offerings } = problem({});
  const [first] = offerings;
  assert.ok(first);
  const sold = [
    { ...first, zone: 'cheap', usdPerHour: first.usdPerHour / 2 },
    { ...first, zone: 'there' },
  ];
  const pods = [pod('p', 1, '1Gi', { nodeSelector: { 'topology.kubernetes.io/zone': 'there' } })];
  assert.deepEqual(
    launched({ pods, offerings: sold, pools: [{ name: 'workers', minNodes: 2 }] }).map((one) => one.zone),
    ['there', 'there'],
  );
});
test('dollars: the cap is kept, and priority decides who is left', () => {
  const pods = [pod('low', 2, '1Gi', {}, { priority: 1 }), pod('high', 2, '1Gi', {}, { priority: 9 })];
  const plan = planPacking(problem({ pods, limits: { usdPerHour: 0.15 } }));
  assert.deepEqual(
    [plan.newNodes.flatMap((one) => one.pods), plan.unschedulable.map((one) => [one.pod, one.reason])],
    [['high'], [['low', 'LimitReached']]],
  );
});

// Bad input gets a reason, never a crash.
const BAD: readonly (readonly [string, Partial<PackingProblem>, RegExp])[] = [
  ['a negative amount', { pods: [pod('p', '-1', '1Gi')] }, /"-1" is negative/],
  ['an unknown suffix', { pods: [pod('p', '1', '1GB')] }, /unknown suffix "GB"/],
  [
    'contradicting requirements of a pod',
    {
      pods: [
        pod('p', '1', '1Gi', {
          nodeSelector: { a: 'x' },
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['x'] }] }],
              },
            },
          },
        }),
      ],
    },
    /the requirements on a contradict each other/,
  ],
  [
    'an unknown operator',
    {
      pods: [
        pod('p', '1', '1Gi', {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Equals' as 'In', values: ['x'] }] }],
              },
            },
          },
        }),
      ],
    },
    /unknown operator "Equals"/,
  ],
  [
    'maxSkew 0',
    { pods: [pod('p', '1', '1Gi', { topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'z', whenUnsatisfiable: 'DoNotSchedule' }] })] },
    /maxSkew must be a whole number above 0, not 0/,
  ],
  ['a term without topologyKey', { pods: [pod('p', '1', '1Gi', anti('x', ''))] }, /a term has no topologyKey/],
  ['the same key twice', { pods: [pod('p', '1', '1Gi'), pod('p', '1', '1Gi')] }, /occurs twice/],
  ['no containers', { pods: [{ key: 'p', namespace: 'n', spec: {} as PodSpec }] }, /containers: expected a list/],
];
for (const [name, part, message] of BAD) {
  test(`bad input: ${name}`, () =>
    assert.match(
      planPacking(problem(part))
        .unschedulable.map((one) => one.message)
        .join(),
      message,
    ));
}
test('bad input: offerings without price or type, and pools that contradict themselves, are left out with a reason', () => {
  const [first, ...offerings] = problem({}).offerings;
  const pools = [
    { name: 'workers' },
    {
      name: 'torn',
      requirements: [{ key: 'a', operator: 'In', values: ['x'] } as const, { key: 'a', operator: 'In', values: ['y'] } as const],
    },
  ];
  const bad = [
    { ...first, usdPerHour: Number.NaN },
    { ...first, instanceType: 'ghost' },
  ] as PackingProblem['offerings'];
  const plan = planPacking(problem({ pods: [pod('p', 1, '1Gi')], offerings: [...offerings, ...bad], pools }));
  assert.deepEqual(
    plan.rejected.map((one) => one.reason),
    ['has no price above zero', 'no such instance type', 'the requirements on a contradict each other'],
  );
  assert.equal(plan.unschedulable.length, 0);
});
