import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type {
  Labels,
  NodeRequirement,
  NodeSelectorTerm,
  PackingNode,
  PackingPod,
  PackingProblem,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
  UnschedulableReason,
} from '../../../src/core/packing/problem.ts';
import { offer, pod, problem, SMALL } from './fixtures.ts';

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
    'too little memory (40Gi asked for, 32Gi there, the most of any offering)',
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

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const web = { app: 'web' };
const means = (labels: Labels) => ({ labelSelector: { matchLabels: labels } });
type Term = Omit<PodAffinityTerm, 'topologyKey'>;
const without = (topologyKey: string, term: Term): Partial<PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, ...term }] } },
});
const beside = (topologyKey: string, term: Term): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, ...term }] } },
});
const spread = (topologyKey: string, more: Partial<TopologySpreadConstraint>): Partial<PodSpec> => ({
  topologySpreadConstraints: [{ topologyKey, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', ...more }],
});
const full = (name: string, zone: string, pods: readonly PackingPod[]): PackingNode => ({
  name,
  labels: { [ZONE]: zone, [HOST]: name, [ARCH]: 'amd64' },
  allocatable: { cpu: 0, memory: 0, pods: 0 },
  pods,
});
const running = (key: string, labels: Labels, spec: Partial<PodSpec> = {}) => pod(key, 0, '0', spec, { labels });

/* What a person reads: object, field, value, and what to do where there is something. */
const READ: readonly (readonly [left: string, part: Partial<PackingProblem>, pod: string, reason: UnschedulableReason, message: string])[] =
  [
    [
      'each zone has a pod that it must not meet',
      {
        pods: [pod('default/p', 1, '1Gi', without(ZONE, means(web)), { labels: web })],
        nodes: [
          full('n1', 'z-a', [running('default/web-1', web)]),
          full('n2', 'z-b', [running('default/web-2', web), running('default/web-4', web)]),
          full('n3', 'z-c', [running('default/web-3', web)]),
        ],
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod anti-affinity over topology.kubernetes.io/zone to pods app=web: z-a has default/web-1, z-b has default/web-2 and 1 more, z-c has default/web-3',
    ],
    [
      'a running pod must not meet it',
      {
        pods: [pod('default/p', 1, '1Gi', {}, { labels: web })],
        offerings: offer('t.small', 0.1, ['z-a']),
        nodes: [full('n1', 'z-a', [running('default/db-1', { app: 'db' }, without(ZONE, means(web)))])],
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): default/db-1 in z-a has pod anti-affinity over topology.kubernetes.io/zone to pods app=web, which this pod is one of',
    ],
    [
      'a pod of the same plan must not meet it',
      {
        pods: [
          pod('default/db', 1, '1Gi', without(ZONE, means(web)), { labels: { app: 'db' }, priority: 5 }),
          pod('default/p', 1, '1Gi', {}, { labels: web }),
        ],
        offerings: offer('t.small', 0.1, ['z-a']),
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): default/db in z-a has pod anti-affinity over topology.kubernetes.io/zone to pods app=web, which this pod is one of',
    ],
    [
      'a pod that it wants to be with is not there',
      { pods: [pod('default/p', 1, '1Gi', beside(ZONE, means({ app: 'db' })), { labels: web })] },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over topology.kubernetes.io/zone to pods app=db: no such pod runs or is planned, and this pod is none of them; start one of them first',
    ],
    [
      'it wants to be where no node can be launched',
      {
        pods: [pod('default/p', 1, '1Gi', beside(ZONE, means({ app: 'db' })), { labels: web })],
        nodes: [full('n9', 'z-x', [running('default/db-1', { app: 'db' })])],
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over topology.kubernetes.io/zone to pods app=db: z-a has none; z-x has 1, where no node can be launched for it',
    ],
    [
      'it wants to be on a host that is full',
      {
        pods: [pod('default/p', 1, '1Gi', beside(HOST, means({ app: 'db' })), { labels: web })],
        nodes: [full('n9', 'z-a', [running('default/db-1', { app: 'db' })])],
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over kubernetes.io/hostname to pods app=db: a new node has none; n9 has 1, which has no room',
    ],
    [
      'it wants pods of another namespace',
      { pods: [pod('default/p', 1, '1Gi', beside(ZONE, { ...means({ app: 'db' }), namespaces: ['data'] }), { labels: web })] },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over topology.kubernetes.io/zone to pods app=db of namespaces data: no such pod runs or is planned, and this pod is none of them; start one of them first',
    ],
    [
      'it wants pods by an expression',
      {
        pods: [
          pod(
            'default/p',
            1,
            '1Gi',
            beside(ZONE, {
              labelSelector: {
                matchExpressions: [
                  { key: 'tier', operator: 'In', values: ['a', 'b'] },
                  { key: 'legacy', operator: 'DoesNotExist' },
                ],
              },
            }),
            { labels: web },
          ),
        ],
      },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over topology.kubernetes.io/zone to pods tier in (a,b),!legacy: no such pod runs or is planned, and this pod is none of them; start one of them first',
    ],
    [
      'it wants to share what no node has',
      { pods: [pod('default/p', 1, '1Gi', beside('rack', means(web)), { labels: web })] },
      'default/p',
      'Affinity',
      'nearest is t.small in z-a (on-demand): pod affinity over rack to pods app=web: no such pod runs or is planned, and this pod is none of them; start one of them first',
    ],
    [
      'the emptiest zone can get no node',
      {
        pods: [pod('default/p', 1, '1Gi', spread(ZONE, means(web)), { labels: web })],
        nodes: [
          full('n1', 'z-a', [running('default/web-1', web)]),
          full('n2', 'z-b', [running('default/web-2', web)]),
          full('n3', 'z-c', [running('default/web-3', web)]),
          full('n9', 'z-x', []),
        ],
      },
      'default/p',
      'TopologySpread',
      'nearest is t.small in z-a (on-demand): topology spread over topology.kubernetes.io/zone of pods app=web (maxSkew 1): z-a would have 2, z-x has 0, where no node can be launched for it: let some be, or raise maxSkew',
    ],
    [
      'there are fewer zones than minDomains',
      {
        pods: Array.from({ length: 3 }, (_, i) =>
          pod(`default/p${i}`, 1, '1Gi', spread(ZONE, { ...means(web), minDomains: 3 }), { labels: web }),
        ),
        offerings: offer('t.small', 0.1, ['z-a', 'z-b']),
      },
      'default/p2',
      'TopologySpread',
      'nearest is t.small in z-a (on-demand): topology spread over topology.kubernetes.io/zone of pods app=web (maxSkew 1, minDomains 3 of which there are 2): z-a would have 2, and with fewer domains than minDomains the least counts as 0: let nodes be launched in more, or lower minDomains',
    ],
    [
      'it spreads over what no node has',
      { pods: [pod('default/p', 1, '1Gi', spread('rack', means(web)), { labels: web })] },
      'default/p',
      'TopologySpread',
      'nearest is t.small in z-a (on-demand): topology spread over rack of pods app=web (maxSkew 1): its nodes have no such label',
    ],
    [
      'a daemon holds its host port',
      {
        pods: [pod('default/p', 1, '1Gi', { containers: [{ resources: { requests: { cpu: 1 } }, ports: [{ hostPort: 8080 }] }] })],
        daemons: [pod('kube-system/agent', '100m', '64Mi', { containers: [{ ports: [{ hostPort: 8080 }] }] })],
      },
      'default/p',
      'TooLarge',
      'nearest is t.small in z-a (on-demand): host port 8080/TCP is taken on every node by kube-system/agent',
    ],
    [
      'its volumes are elsewhere',
      { pods: [pod('default/p', 1, '1Gi', {}, { volumes: { zones: ['z-x'] } })] },
      'default/p',
      'NoOffering',
      'nearest is t.small in z-a (on-demand): zones of its volumes topology.kubernetes.io/zone In [z-x] (it has z-a)',
    ],
    [
      'it has more volumes than can be attached',
      {
        pods: [pod('default/p', 1, '1Gi', {}, { volumes: { attachments: 28 } })],
        types: [{ ...SMALL, capacity: { ...SMALL.capacity, 'attachable-volumes-aws-ebs': 25 } }],
        offerings: offer('t.small', 0.1),
      },
      'default/p',
      'TooLarge',
      'nearest is t.small in z-a (on-demand): too little room for volumes (28 asked for, 25 there, the most of any offering)',
    ],
    [
      'a taint of the pool',
      { pods: [pod('default/p', 1, '1Gi')], pools: [{ name: 'workers', taints: [{ key: 'team', value: 'red', effect: 'NoSchedule' }] }] },
      'default/p',
      'NoOffering',
      'nearest is t.small in z-a (on-demand): untolerated taint team=red:NoSchedule of pool workers: only pods that tolerate it go there',
    ],
    [
      'minValues',
      {
        pods: [pod('default/p', 1, '1Gi')],
        pools: [{ name: 'workers', requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'Exists', minValues: 5 }] }],
      },
      'default/p',
      'MinValues',
      'nearest is t.small in z-a (on-demand): minValues 5 of node.kubernetes.io/instance-type in pool workers: only 2 possible for this pod (t.large, t.small)',
    ],
    [
      'the node limit of a pool',
      {
        pods: [pod('default/a', 8, '1Gi', {}, { priority: 1 }), pod('default/p', 7, '1Gi')],
        pools: [{ name: 'workers', limits: { nodes: 1 } }],
      },
      'default/p',
      'LimitReached',
      'nearest is t.large in z-a (on-demand): the limit of pool workers of 1 node would be exceeded: 1 in use, 2 with this node',
    ],
    [
      'the vCPU limit of a namespace',
      {
        pods: [pod('default/a', 7, '1Gi', {}, { priority: 1 }), pod('default/p', 7, '1Gi')],
        limits: { vcpus: 10, whose: 'limitsPerNamespace of class gold in namespace data' },
      },
      'default/p',
      'LimitReached',
      'nearest is t.large in z-a (on-demand): limitsPerNamespace of class gold in namespace data of 10 vCPUs would be exceeded: 8 in use, 16 with this node',
    ],
    [
      'the price limit of a pool',
      {
        pods: [pod('default/a', 7, '1Gi', {}, { priority: 1 }), pod('default/p', 7, '1Gi')],
        pools: [{ name: 'workers', limits: { usdPerHour: 0.5 } }],
      },
      'default/p',
      'LimitReached',
      'nearest is t.large in z-a (on-demand): the limit of pool workers of 0.5 USD per hour would be exceeded: 0.36 in use, 0.72 with this node',
    ],
    [
      'a member of its gang is too large',
      { pods: [pod('j/master', 1, '1Gi', {}, { gang: 'j/1' }), pod('j/worker-0', 64, '1Gi', {}, { gang: 'j/1' })] },
      'j/master',
      'GangIncomplete',
      'gang j/1 is placed as a whole or not at all; j/worker-0 of it has no place: nearest is t.large in z-a (on-demand): too little cpu (64 asked for, 8 there, the most of any offering)',
    ],
    [
      'its gang reaches a limit',
      {
        pods: Array.from({ length: 4 }, (_, i) => pod(`j/w${i}`, 7, '1Gi', {}, { gang: 'j/1' })),
        pools: [{ name: 'workers', limits: { nodes: 2 } }],
      },
      'j/w0',
      'GangIncomplete',
      'gang j/1 is placed as a whole or not at all; 2 of its 4 pods have a place and j/w2 has none: nearest is t.large in z-a (on-demand): the limit of pool workers of 2 nodes would be exceeded: 2 in use, 3 with this node',
    ],
    [
      'its gang fits in no one zone',
      {
        pods: [
          pod('j/m', 1, '1Gi', { nodeSelector: { [ZONE]: 'z-a' } }, { gang: 'j/1' }),
          pod('j/w', 1, '1Gi', { nodeSelector: { [ZONE]: 'z-b' } }, { gang: 'j/1' }),
        ],
        gangs: [{ id: 'j/1', singleZone: true }],
      },
      'j/m',
      'GangIncomplete',
      'gang j/1 is placed as a whole or not at all; it must be in one zone, and in z-a, which takes most, 1 of its pods has a place and j/w has none: nearest is t.small in z-a (on-demand): node selector or required node affinity topology.kubernetes.io/zone In [z-b] (it has z-a)',
    ],
    [
      'cpu',
      { pods: [pod('default/p', 64, '1Gi')] },
      'default/p',
      'TooLarge',
      'nearest is t.large in z-a (on-demand): too little cpu (64 asked for, 8 there, the most of any offering)',
    ],
    [
      'memory',
      { pods: [pod('default/p', 1, '40Gi')] },
      'default/p',
      'TooLarge',
      'nearest is t.large in z-a (on-demand): too little memory (40Gi asked for, 32Gi there, the most of any offering)',
    ],
    [
      'a GPU that nobody sells',
      {
        pods: [
          pod('default/p', 1, '1Gi', {
            containers: [{ resources: { requests: { cpu: 1, 'nvidia.com/gpu': 1 }, limits: { 'nvidia.com/gpu': 1 } } }],
          }),
        ],
      },
      'default/p',
      'TooLarge',
      'nearest is t.small in z-a (on-demand): no offering has nvidia.com/gpu (1 asked for)',
    ],
    [
      'EC2 is out of all',
      { pods: [pod('default/p', 1, '1Gi')], unavailable: [{}] },
      'default/p',
      'InsufficientCapacity',
      'nearest is t.small in z-a (on-demand): it is remembered as having insufficient capacity, and so are 5 more that would do; it is tried again soon',
    ],
    [
      'EC2 is out of what would do',
      { pods: [pod('default/p', 7, '1Gi')], unavailable: [{ instanceType: 't.large' }] },
      'default/p',
      'InsufficientCapacity',
      'nearest is t.large in z-a (on-demand): it is remembered as having insufficient capacity, and so are 2 more that would do; it is tried again soon',
    ],
    [
      'there is no pool',
      { pods: [pod('default/p', 1, '1Gi')], pools: [] },
      'default/p',
      'NoOffering',
      'no pool may launch nodes and no node has room',
    ],
    [
      'the architecture',
      { pods: [pod('default/p', 1, '1Gi', { nodeSelector: { 'kubernetes.io/arch': 'arm64' } })] },
      'default/p',
      'NoOffering',
      'nearest is t.small in z-a (on-demand): node selector or required node affinity kubernetes.io/arch In [arm64] (it has amd64)',
    ],
    [
      'a negative amount',
      { pods: [pod('default/p', -1, '1Gi')] },
      'default/p',
      'InvalidPod',
      'spec.containers[0].resources: requests.cpu: "-1" is negative',
    ],
    [
      'an unknown suffix',
      { pods: [pod('default/p', 1, '1Gx')] },
      'default/p',
      'InvalidPod',
      'spec.containers[0].resources: requests.memory: "1Gx" has the unknown suffix "Gx": use n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi or Ei',
    ],
  ];
for (const [why, part, key, reason, message] of READ)
  test(`is told: ${why}`, () => {
    const [first] = planPacking(problem(part)).unschedulable;
    assert.deepEqual([first?.pod, first?.reason, first?.message], [key, reason, message]);
    // Where an offering is the nearest, programs read the same of it.
    if (message.includes('nearest is')) assert.ok(first?.nearest !== undefined && message.endsWith(first.nearest.excludedBy));
  });
