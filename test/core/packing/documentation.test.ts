import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type {
  LabelSelector,
  Labels,
  NodeRequirement,
  NodeSelectorTerm,
  PackingNode,
  PackingPod,
  PackingProblem,
  PodAffinityTerm,
  PodSpec,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '../../../src/core/packing/problem.ts';
import { podRequests } from '../../../src/core/packing/requests.ts';
import { violations } from './checker.ts';
import { instanceType, LARGE, offer, problem, SMALL } from './fixtures.ts';

/*
 * What the documentation of Kubernetes and Karpenter states about where a pod may run, page by page and heading by heading, each rule in our words with a case that
 * asks the planner. Rules about running pods (eviction, tolerationSeconds) and about what others write (admission, quota) are not the planner's.
 */
const PAGES = {
  assign: 'https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/',
  spread: 'https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/',
  taints: 'https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/',
  init: 'https://kubernetes.io/docs/concepts/workloads/pods/init-containers/',
  sidecar: 'https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/',
  overhead: 'https://kubernetes.io/docs/concepts/scheduling-eviction/pod-overhead/',
  podLevel: 'https://kubernetes.io/docs/tasks/configure-pod-container/assign-pod-level-resources/',
  resources: 'https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/',
  volumes: 'https://kubernetes.io/docs/concepts/storage/storage-limits/',
  selectors: 'https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/',
  priority: 'https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/',
  nodepools: 'https://karpenter.sh/docs/concepts/nodepools/',
  scheduling: 'https://karpenter.sh/docs/concepts/scheduling/',
} as const;

type Row = readonly [page: keyof typeof PAGES, heading: string, rule: string, check: () => void];

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const ARCH = 'kubernetes.io/arch';
const TYPE = 'node.kubernetes.io/instance-type';
const CAPACITY = 'karpenter.sh/capacity-type';

const asks = (requests: Record<string, string | number> = { cpu: '100m' }, more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [{ resources: { requests } }],
  ...more,
});
const pod = (key: string, spec: PodSpec = asks(), more: Partial<PackingPod> = {}): PackingPod => ({
  key,
  namespace: 'default',
  spec,
  ...more,
});
const web = (key: string, more: Partial<PodSpec> = {}, labels: Labels = { app: 'web' }) => pod(key, asks(undefined, more), { labels });
const running = (app: string, namespace = 'default'): PackingPod =>
  pod(`${namespace}/${app}`, asks({ cpu: '10m' }), { namespace, labels: { app } });

function node(name: string, labels: Labels = {}, more: Partial<PackingNode> = {}): PackingNode {
  return { name, labels: { [HOST]: name, ...labels }, allocatable: { cpu: 4, memory: '16Gi', pods: 20 }, pods: [], ...more };
}
const inZone = (name: string, zone: string, apps: readonly string[] = [], more: Partial<PackingNode> = {}) =>
  node(name, { [ZONE]: zone }, { pods: apps.map((app, index) => ({ ...running(app), key: `${name}/${index}` })), ...more });
const full = (name: string, zone: string, apps: readonly string[] = []) =>
  inZone(name, zone, apps, { allocatable: { cpu: 0, memory: 0, pods: 0 } });

/** Where kube-scheduler may put them: each pod on one of the nodes named for it, or nowhere. */
function lands(nodes: readonly PackingNode[], pods: readonly PackingPod[], where: Readonly<Record<string, readonly string[]>>): () => void {
  return () => {
    const input = problem({ nodes, pods, pools: [] });
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), []);
    const at = new Map(plan.assignments.map((one) => [one.pod, one.node]));
    for (const { key } of pods) {
      const allowed = where[key] ?? [];
      const found = at.get(key);
      if (allowed.length === 0) assert.equal(found, undefined, `${key} on ${found}`);
      else assert.ok(found !== undefined && allowed.includes(found), `${key} on ${found}, not on ${allowed.join()}`);
    }
  };
}
function placed(nodes: readonly PackingNode[], pods: readonly PackingPod[], count: number): () => void {
  return () => {
    const input = problem({ nodes, pods, pools: [] });
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), []);
    assert.equal(plan.assignments.length, count, JSON.stringify(plan.unschedulable));
  };
}
const refused = (one: PackingPod, reason: RegExp) => () => {
  const [left] = planPacking(problem({ pods: [one] })).unschedulable;
  assert.equal(left?.reason, 'InvalidPod');
  assert.match(left.message, reason);
};
function takes(spec: PodSpec, expected: Readonly<Record<string, number>>): () => void {
  return () => {
    const read = podRequests(pod('p', spec));
    assert.ok(read.ok);
    assert.deepEqual(Object.fromEntries(read.value), { ...expected, pods: 1 });
  };
}
/** What is launched: type, zone, capacity type, pool and pods of each node, as far as `of` says. */
function launches(
  part: Partial<PackingProblem>,
  of: readonly ('instanceType' | 'zone' | 'capacityType' | 'pool')[],
  expected: readonly string[],
): () => void {
  return () => {
    const input = problem(part);
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), []);
    assert.deepEqual(plan.newNodes.map((one) => of.map((field) => one[field]).join(' ')).sort(), [...expected].sort());
  };
}
const left = (part: Partial<PackingProblem>, reason: string) => () =>
  assert.deepEqual(
    planPacking(problem(part)).unschedulable.map((one) => one.reason),
    [reason],
  );

const requires = (...nodeSelectorTerms: readonly NodeSelectorTerm[]): Partial<PodSpec> => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const prefers = (...terms: readonly (readonly [weight: number, key: string, value: string])[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: terms.map(([weight, key, value]) => ({
        weight,
        preference: { matchExpressions: [{ key, operator: 'In', values: [value] }] },
      })),
    },
  },
});
const is = (key: string, operator: NodeRequirement['operator'], ...values: readonly string[]): NodeRequirement => ({
  key,
  operator,
  values,
});
const term = (topologyKey: string, app: string | undefined, more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey,
  ...(app === undefined ? {} : { labelSelector: { matchLabels: { app } } }),
  ...more,
});
const beside = (...terms: readonly PodAffinityTerm[]): Partial<PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const apart = (...terms: readonly PodAffinityTerm[]): Partial<PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
});
const over = (topologyKey: string, more: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
});
const spreads = (...topologySpreadConstraints: readonly TopologySpreadConstraint[]): Partial<PodSpec> => ({ topologySpreadConstraints });
const taint = (effect: Taint['effect'], key = 'key1', value = 'value1'): Taint => ({ key, value, effect });
const tolerating = (...tolerations: readonly Toleration[]) => pod('p', asks(undefined, { tolerations }));
const tainted = (...taints: readonly Taint[]) => [node('n', {}, { taints })];
const NOWHERE = { p: [] };
const THERE = { p: ['n'] };
// The four nodes of the page's examples: A holds two pods, B one.
const four = [inZone('n1', 'A', ['web']), inZone('n2', 'A', ['web']), inZone('n3', 'B', ['web']), inZone('n4', 'B')];
const selects = (selector: LabelSelector | undefined, labels: Labels, isMeant: boolean): (() => void) => {
  const one = pod('p', asks(undefined, apart({ topologyKey: HOST, ...(selector === undefined ? {} : { labelSelector: selector }) })));
  return lands([node('n', {}, { pods: [pod('r', asks({ cpu: '10m' }), { labels })] })], [one], isMeant ? NOWHERE : THERE);
};
const cpu = (amount: string, restartPolicy?: string) => ({
  resources: { requests: { cpu: amount } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});
const big = { cpu: 7, memory: '1Gi' };
const gpu = {
  ...instanceType('g.one', 4, '16Gi', { 'karpenter.k8s.aws/instance-family': 'g' }),
  capacity: { cpu: 4, memory: '16Gi', pods: 20, 'nvidia.com/gpu': 1 },
};
const arm = instanceType('t.arm', 2, '8Gi', { [ARCH]: 'arm64' });
const types = [
  { ...SMALL, labels: { ...SMALL.labels, 'karpenter.k8s.aws/instance-cpu': '2', 'karpenter.k8s.aws/instance-family': 't' } },
  { ...LARGE, labels: { ...LARGE.labels, 'karpenter.k8s.aws/instance-cpu': '8', 'karpenter.k8s.aws/instance-family': 'u' } },
];

const ROWS: readonly Row[] = [
  [
    'assign',
    'nodeSelector',
    'a node must carry every label named; more labels do no harm',
    lands(
      [node('a', { disk: 'ssd' }), node('b', { disk: 'ssd', cpu: 'fast', other: 'x' })],
      [pod('p', asks(undefined, { nodeSelector: { disk: 'ssd', cpu: 'fast' } }))],
      { p: ['b'] },
    ),
  ],
  [
    'assign',
    'Node labels',
    'the host name is a label like others',
    lands([node('a'), node('b')], [pod('p', asks(undefined, { nodeSelector: { [HOST]: 'b' } }))], { p: ['b'] }),
  ],
  [
    'assign',
    'Node affinity',
    'a required rule that no node meets keeps the pod pending',
    lands([node('n', { zone: 'a' })], [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'In', 'b')] })))], NOWHERE),
  ],
  [
    'assign',
    'Node affinity',
    'In takes any of its values',
    lands(
      [node('a', { zone: 'a' }), node('c', { zone: 'c' })],
      [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'In', 'b', 'c')] })))],
      { p: ['c'] },
    ),
  ],
  [
    'assign',
    'Node affinity',
    'nodeSelector and nodeAffinity must both hold',
    lands(
      [node('a', { zone: 'a', disk: 'ssd' }), node('b', { zone: 'b' })],
      [pod('p', asks(undefined, { nodeSelector: { disk: 'ssd' }, ...requires({ matchExpressions: [is('zone', 'In', 'b')] }) }))],
      NOWHERE,
    ),
  ],
  [
    'assign',
    'Node affinity',
    'of several nodeSelectorTerms one is enough',
    lands(
      [node('b', { zone: 'b' })],
      [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'In', 'a')] }, { matchExpressions: [is('zone', 'In', 'b')] })))],
      { p: ['b'] },
    ),
  ],
  [
    'assign',
    'Node affinity',
    'of several matchExpressions of a term all are needed',
    lands(
      [node('a', { zone: 'a', disk: 'hdd' })],
      [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'In', 'a'), is('disk', 'In', 'ssd')] })))],
      NOWHERE,
    ),
  ],
  [
    'assign',
    'Node affinity',
    'a preferred rule that no node meets does not keep the pod out',
    lands([node('a', { zone: 'a' })], [pod('p', asks(undefined, prefers([1, 'zone', 'b'])))], { p: ['a'] }),
  ],
  [
    'assign',
    'Node affinity',
    'a preferred rule chooses among nodes that meet the required ones',
    lands([node('a', { zone: 'a' }), node('b', { zone: 'b' })], [pod('p', asks(undefined, prefers([1, 'zone', 'b'])))], { p: ['b'] }),
  ],
  [
    'assign',
    'Node affinity weight',
    'the heavier of two preferences that exclude each other wins',
    lands([node('a', { zone: 'a' }), node('b', { zone: 'b' })], [pod('p', asks(undefined, prefers([1, 'zone', 'a'], [50, 'zone', 'b'])))], {
      p: ['b'],
    }),
  ],
  [
    'assign',
    'Node affinity weight',
    'a weight outside 1 to 100 is refused',
    refused(pod('p', asks(undefined, prefers([0, 'zone', 'a']))), /weight/),
  ],
  [
    'assign',
    'Operators',
    'NotIn: a node without the label matches',
    lands([node('n')], [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'NotIn', 'a')] })))], THERE),
  ],
  [
    'assign',
    'Operators',
    'NotIn: a node with one of the values does not',
    lands(
      [node('n', { zone: 'a' })],
      [pod('p', asks(undefined, requires({ matchExpressions: [is('zone', 'NotIn', 'a', 'b')] })))],
      NOWHERE,
    ),
  ],
  [
    'assign',
    'Operators',
    'Exists: any value, an empty one too',
    lands([node('n', { gpu: '' })], [pod('p', asks(undefined, requires({ matchExpressions: [is('gpu', 'Exists')] })))], THERE),
  ],
  [
    'assign',
    'Operators',
    'DoesNotExist: only without the label',
    lands([node('n', { gpu: 'x' })], [pod('p', asks(undefined, requires({ matchExpressions: [is('gpu', 'DoesNotExist')] })))], NOWHERE),
  ],
  [
    'assign',
    'Operators',
    'Gt compares as whole numbers, not as text',
    lands(
      [node('a', { cpus: '9' }), node('b', { cpus: '10' })],
      [pod('p', asks(undefined, requires({ matchExpressions: [is('cpus', 'Gt', '9')] })))],
      { p: ['b'] },
    ),
  ],
  [
    'assign',
    'Operators',
    'Lt: strictly less',
    lands([node('n', { cpus: '9' })], [pod('p', asks(undefined, requires({ matchExpressions: [is('cpus', 'Lt', '9')] })))], NOWHERE),
  ],
  [
    'assign',
    'Operators',
    'Gt and Lt: a label that is no whole number never matches',
    lands([node('n', { cpus: '9.5' })], [pod('p', asks(undefined, requires({ matchExpressions: [is('cpus', 'Gt', '1')] })))], NOWHERE),
  ],
  [
    'assign',
    'Operators',
    'Gt and Lt are not for pod affinity: refused',
    refused(
      web('p', beside({ topologyKey: ZONE, labelSelector: { matchExpressions: [{ key: 'app', operator: 'Gt' as 'In', values: ['1'] }] } })),
      /Gt/,
    ),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'affinity: in the domain of a pod that matches, on any node of it',
    lands([inZone('a', 'A'), full('b1', 'B', ['db']), inZone('b2', 'B')], [web('p', beside(term(ZONE, 'db')))], { p: ['b2'] }),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'anti-affinity: not in the domain of a pod that matches, whichever node',
    lands([inZone('a', 'A'), full('b1', 'B', ['db']), inZone('b2', 'B')], [web('p', apart(term(ZONE, 'db')))], { p: ['a'] }),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'anti-affinity holds both ways: a running pod keeps the new one out',
    lands([inZone('n', 'A', [], { pods: [web('r', apart(term(HOST, 'web')), { app: 'db' })] })], [web('p')], NOWHERE),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'a node without the topology key cannot satisfy affinity',
    lands([node('n', {}, { pods: [running('db')] })], [web('p', beside(term(ZONE, 'db')))], NOWHERE),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'an empty topologyKey is refused, for affinity',
    refused(web('p', beside(term('', 'db'))), /topologyKey/),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'an empty topologyKey is refused, for anti-affinity',
    refused(web('p', apart(term('', 'db'))), /topologyKey/),
  ],
  [
    'assign',
    'Types of Inter-pod Affinity and Anti-affinity',
    'preferred anti-affinity spreads as long as there is another host',
    lands(
      [inZone('a', 'A', ['web']), inZone('b', 'A')],
      [
        web('p', {
          affinity: {
            podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term(HOST, 'web') }] },
          },
        }),
      ],
      { p: ['b'] },
    ),
  ],
  [
    'assign',
    'Types of Inter-pod Affinity and Anti-affinity',
    'preferred affinity is given up where it cannot be had',
    lands(
      [inZone('n', 'A')],
      [
        web('p', {
          affinity: {
            podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term(ZONE, 'db') }] },
          },
        }),
      ],
      THERE,
    ),
  ],
  [
    'assign',
    'Scheduling a group of pods with inter-pod affinity to themselves',
    'the first of the group goes anywhere, the others to it',
    placed([inZone('a', 'A')], [web('p', beside(term(ZONE, 'web'))), web('q', beside(term(ZONE, 'web')))], 2),
  ],
  [
    'assign',
    'Scheduling a group of pods with inter-pod affinity to themselves',
    'not the first: where one runs, even if that has no room',
    lands([full('a', 'A', ['web']), inZone('b', 'B')], [web('p', beside(term(ZONE, 'web')))], NOWHERE),
  ],
  [
    'assign',
    'Scheduling a group of pods with inter-pod affinity to themselves',
    'the first must match its own term',
    lands([inZone('n', 'A')], [web('p', beside(term(ZONE, 'db')))], NOWHERE),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'all required terms must hold at once',
    lands([inZone('a', 'A', ['db']), inZone('b', 'B', ['cache'])], [web('p', beside(term(ZONE, 'db'), term(ZONE, 'cache')))], NOWHERE),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'without namespaces: the namespace of the pod itself',
    lands([inZone('n', 'A', [], { pods: [running('db', 'other')] })], [web('p', apart(term(ZONE, 'db')))], THERE),
  ],
  [
    'assign',
    'Inter-pod affinity and anti-affinity',
    'with namespaces: those, and no longer its own',
    lands(
      [inZone('a', 'A', ['db']), inZone('b', 'B', [], { pods: [running('db', 'other')] })],
      [web('p', apart(term(ZONE, 'db', { namespaces: ['other'] })))],
      { p: ['a'] },
    ),
  ],
  [
    'assign',
    'Namespace Selector',
    'an empty one means all namespaces',
    lands(
      [inZone('n', 'A', [], { pods: [running('db', 'other')] })],
      [web('p', apart(term(ZONE, 'db', { namespaceSelector: {} })))],
      NOWHERE,
    ),
  ],
  [
    'assign',
    'Namespace Selector',
    'namespaces by their labels, together with those that are listed',
    () => {
      const nodes = [
        inZone('a', 'A', [], { pods: [running('db', 'red')] }),
        inZone('b', 'B', [], { pods: [running('db', 'blue')] }),
        inZone('c', 'C', [], { pods: [running('db', 'green')] }),
      ];
      const one = web('p', apart(term(ZONE, 'db', { namespaces: ['blue'], namespaceSelector: { matchLabels: { team: 'red' } } })));
      const plan = planPacking(problem({ nodes, pods: [one], pools: [], namespaces: { red: { team: 'red' }, blue: {}, green: {} } }));
      assert.deepEqual(plan.assignments, [{ pod: 'p', node: 'c' }]);
    },
  ],
  [
    'assign',
    'matchLabelKeys',
    'the value of the pod joins the selector: other revisions are not meant',
    lands(
      [node('n', {}, { pods: [pod('r', asks({ cpu: '10m' }), { labels: { app: 'web', rev: '1' } })] })],
      [web('p', apart(term(HOST, 'web', { matchLabelKeys: ['rev'] })), { app: 'web', rev: '2' })],
      THERE,
    ),
  ],
  [
    'assign',
    'matchLabelKeys',
    'a key that the pod does not carry is ignored',
    lands([node('n', {}, { pods: [running('web')] })], [web('p', apart(term(HOST, 'web', { matchLabelKeys: ['rev'] })))], NOWHERE),
  ],
  [
    'assign',
    'mismatchLabelKeys',
    'pods with another value are meant, those with the same are not',
    lands(
      [
        node('a', {}, { pods: [pod('r', asks({ cpu: '10m' }), { labels: { tenant: 'red' } })] }),
        node('b', {}, { pods: [pod('s', asks({ cpu: '10m' }), { labels: { tenant: 'blue' } })] }),
      ],
      [
        web(
          'p',
          apart({
            topologyKey: HOST,
            labelSelector: { matchExpressions: [{ key: 'tenant', operator: 'Exists' }] },
            mismatchLabelKeys: ['tenant'],
          }),
          { tenant: 'red' },
        ),
      ],
      { p: ['a'] },
    ),
  ],
  ['spread', 'Spread constraint definition', 'maxSkew must be above 0', refused(web('p', spreads(over(ZONE, { maxSkew: 0 }))), /maxSkew/)],
  [
    'spread',
    'Spread constraint definition',
    'zones with 2, 2 and 1: the next goes to the third',
    lands(
      [inZone('a', 'A', ['web', 'web']), inZone('b', 'B', ['web', 'web']), inZone('c', 'C', ['web'])],
      [web('p', spreads(over(ZONE)))],
      { p: ['c'] },
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'fewer domains than minDomains: the least counts as 0',
    lands([inZone('a', 'A', ['web']), inZone('b', 'B', ['web'])], [web('p', spreads(over(ZONE, { minDomains: 3 })))], NOWHERE),
  ],
  [
    'spread',
    'Spread constraint definition',
    'as many domains as minDomains: it changes nothing',
    lands([inZone('a', 'A', ['web']), inZone('b', 'B', ['web'])], [web('p', spreads(over(ZONE, { minDomains: 2 })))], { p: ['a', 'b'] }),
  ],
  [
    'spread',
    'Spread constraint definition',
    'minDomains must be above 0',
    refused(web('p', spreads(over(ZONE, { minDomains: 0 }))), /minDomains/),
  ],
  [
    'spread',
    'Spread constraint definition',
    'minDomains goes with DoNotSchedule only',
    refused(web('p', spreads(over(ZONE, { minDomains: 2, whenUnsatisfiable: 'ScheduleAnyway' }))), /minDomains/),
  ],
  [
    'spread',
    'Spread constraint definition',
    'ScheduleAnyway still schedules',
    lands(
      [inZone('a', 'A', ['web', 'web', 'web']), full('b', 'B')],
      [web('p', spreads(over(ZONE, { whenUnsatisfiable: 'ScheduleAnyway' })))],
      { p: ['a'] },
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'ScheduleAnyway goes where the skew becomes less',
    lands([inZone('a', 'A', ['web', 'web']), inZone('b', 'B')], [web('p', spreads(over(ZONE, { whenUnsatisfiable: 'ScheduleAnyway' })))], {
      p: ['b'],
    }),
  ],
  [
    'spread',
    'Spread constraint definition',
    'matchLabelKeys: only pods of the same revision are counted',
    lands(
      [inZone('a', 'A', ['web']), full('b', 'B')],
      [web('p', spreads(over(ZONE, { matchLabelKeys: ['rev'] })), { app: 'web', rev: '2' })],
      { p: ['a'] },
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'matchLabelKeys: a key that the pod does not carry is ignored',
    lands([inZone('a', 'A', ['web']), full('b', 'B')], [web('p', spreads(over(ZONE, { matchLabelKeys: ['rev'] })))], NOWHERE),
  ],
  [
    'assign',
    'matchLabelKeys',
    'it cannot do without a labelSelector',
    refused(web('p', apart({ topologyKey: HOST, mismatchLabelKeys: ['rev'] })), /mismatchLabelKeys needs a labelSelector/),
  ],
  [
    'spread',
    'Spread constraint definition',
    'matchLabelKeys cannot do without a labelSelector',
    refused(
      web('p', spreads({ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', matchLabelKeys: ['rev'] })),
      /matchLabelKeys/,
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'nodeAffinityPolicy Honor, the default: nodes that the pod does not select are no domain',
    lands([inZone('a', 'A', ['web']), full('b', 'B')], [web('p', { ...spreads(over(ZONE)), nodeSelector: { [ZONE]: 'A' } })], { p: ['a'] }),
  ],
  [
    'spread',
    'Spread constraint definition',
    'nodeAffinityPolicy Ignore: all nodes are counted',
    lands(
      [inZone('a', 'A', ['web']), full('b', 'B')],
      [web('p', { ...spreads(over(ZONE, { nodeAffinityPolicy: 'Ignore' })), nodeSelector: { [ZONE]: 'A' } })],
      NOWHERE,
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'nodeTaintsPolicy Ignore, the default: tainted nodes are domains',
    lands([inZone('a', 'A', ['web']), inZone('b', 'B', [], { taints: [taint('NoSchedule')] })], [web('p', spreads(over(ZONE)))], NOWHERE),
  ],
  [
    'spread',
    'Spread constraint definition',
    'nodeTaintsPolicy Honor: nodes that the pod does not tolerate are none',
    lands(
      [inZone('a', 'A', ['web']), inZone('b', 'B', [], { taints: [taint('NoSchedule')] })],
      [web('p', spreads(over(ZONE, { nodeTaintsPolicy: 'Honor' })))],
      { p: ['a'] },
    ),
  ],
  [
    'spread',
    'Spread constraint definition',
    'nodeTaintsPolicy Honor: nodes that it tolerates are',
    lands(
      [inZone('a', 'A', ['web']), inZone('b', 'B', [], { taints: [taint('NoSchedule')], allocatable: { cpu: 0, memory: 0, pods: 0 } })],
      [web('p', { ...spreads(over(ZONE, { nodeTaintsPolicy: 'Honor' })), tolerations: [{ operator: 'Exists' }] })],
      NOWHERE,
    ),
  ],
  [
    'spread',
    'Example: one topology spread constraint',
    'two in A and one in B: the next goes to B, on either node',
    lands(four, [web('p', spreads(over(ZONE)))], { p: ['n3', 'n4'] }),
  ],
  [
    'spread',
    'Example: one topology spread constraint',
    'with maxSkew 2 it may go to A as well',
    lands(
      four.map((one) => (one.name === 'n3' || one.name === 'n4' ? { ...one, unschedulable: true } : one)),
      [web('p', spreads(over(ZONE, { maxSkew: 2 })))],
      { p: ['n1', 'n2'] },
    ),
  ],
  [
    'spread',
    'Example: one topology spread constraint',
    'over nodes instead of zones only the empty node is left',
    lands(four, [web('p', spreads(over(HOST)))], { p: ['n4'] }),
  ],
  [
    'spread',
    'Example: multiple topology spread constraints',
    'both hold: the empty node of the emptier zone',
    lands(four, [web('p', spreads(over(ZONE), over(HOST)))], { p: ['n4'] }),
  ],
  [
    'spread',
    'Example: conflicting topology spread constraints',
    'zone asks for B, node for one in A: the pod stays pending',
    lands(
      [inZone('n1', 'A', ['web', 'web']), inZone('n2', 'A', ['web']), inZone('n3', 'B', ['web', 'web'])],
      [web('p', spreads(over(ZONE), over(HOST)))],
      NOWHERE,
    ),
  ],
  [
    'spread',
    'Example: conflicting topology spread constraints',
    'ScheduleAnyway on one of them resolves it',
    lands(
      [inZone('n1', 'A', ['web', 'web']), inZone('n2', 'A', ['web']), inZone('n3', 'B', ['web', 'web'])],
      [web('p', spreads(over(ZONE), over(HOST, { whenUnsatisfiable: 'ScheduleAnyway' })))],
      { p: ['n3'] },
    ),
  ],
  [
    'spread',
    'Example: topology spread constraints with node affinity',
    'the zone that node affinity excludes is left out of the skew',
    lands(
      [...four, inZone('n5', 'C')],
      [web('p', { ...spreads(over(ZONE)), ...requires({ matchExpressions: [is(ZONE, 'NotIn', 'C')] }) })],
      { p: ['n3', 'n4'] },
    ),
  ],
  [
    'spread',
    'Implicit conventions',
    'only pods of the same namespace count',
    lands([inZone('a', 'A', [], { pods: [running('web', 'other')] }), full('b', 'B')], [web('p', spreads(over(ZONE)))], { p: ['a'] }),
  ],
  [
    'spread',
    'Implicit conventions',
    'pods on a node that lacks one of the keys are not counted',
    lands(
      [
        node('bare', {}, { pods: [running('web'), { ...running('web'), key: 'two' }] }),
        inZone('a', 'A', ['web']),
        inZone('b', 'B', ['web']),
      ],
      [web('p', spreads(over(ZONE)))],
      { p: ['a', 'b'] },
    ),
  ],
  [
    'spread',
    'Implicit conventions',
    'such a node gets no pod',
    lands([node('n', { 'zone-typo': 'C' })], [web('p', spreads(over(ZONE)))], NOWHERE),
  ],
  [
    'spread',
    'Implicit conventions',
    'a pod that its own selector does not mean leaves the counts as they are',
    placed(
      [inZone('a', 'A'), full('b', 'B')],
      ['p', 'q', 'r'].map((key) => web(key, spreads(over(ZONE)), { app: 'other' })),
      3,
    ),
  ],
  [
    'spread',
    'Known limitations',
    'domains that have no node yet: a node autoscaler knows them and launches there',
    launches({ pods: ['p', 'q', 'r'].map((key) => web(key, spreads(over(ZONE)))) }, ['zone'], ['z-a', 'z-b', 'z-c']),
  ],
  [
    'taints',
    'Concepts',
    'without a toleration no pod comes onto a NoSchedule taint',
    lands(tainted(taint('NoSchedule')), [pod('p')], NOWHERE),
  ],
  [
    'taints',
    'Concepts',
    'Equal with key, value and effect matches',
    lands(tainted(taint('NoSchedule')), [tolerating({ key: 'key1', operator: 'Equal', value: 'value1', effect: 'NoSchedule' })], THERE),
  ],
  [
    'taints',
    'Concepts',
    'Exists with key and effect matches any value',
    lands(tainted(taint('NoSchedule')), [tolerating({ key: 'key1', operator: 'Exists', effect: 'NoSchedule' })], THERE),
  ],
  [
    'taints',
    'Concepts',
    'the operator is Equal where it is not said',
    lands(tainted(taint('NoSchedule')), [tolerating({ key: 'key1', value: 'value1', effect: 'NoSchedule' })], THERE),
  ],
  [
    'taints',
    'Concepts',
    'another value does not match',
    lands(tainted(taint('NoSchedule')), [tolerating({ key: 'key1', value: 'value2', effect: 'NoSchedule' })], NOWHERE),
  ],
  [
    'taints',
    'Concepts',
    'another effect does not match',
    lands(tainted(taint('NoSchedule')), [tolerating({ key: 'key1', operator: 'Exists', effect: 'NoExecute' })], NOWHERE),
  ],
  [
    'taints',
    'Concepts',
    'an empty key with Exists tolerates everything',
    lands(tainted(taint('NoSchedule'), taint('NoExecute', 'key2')), [tolerating({ operator: 'Exists' })], THERE),
  ],
  [
    'taints',
    'Concepts',
    'an empty effect is every effect of the key',
    lands(tainted(taint('NoSchedule'), taint('NoExecute')), [tolerating({ key: 'key1', operator: 'Exists' })], THERE),
  ],
  [
    'taints',
    'Concepts',
    'PreferNoSchedule: another node if there is one',
    lands([...tainted(taint('PreferNoSchedule')), node('free')], [pod('p')], { p: ['free'] }),
  ],
  [
    'taints',
    'Concepts',
    'PreferNoSchedule: the node itself if there is none',
    lands(tainted(taint('PreferNoSchedule')), [pod('p')], THERE),
  ],
  ['taints', 'Concepts', 'NoExecute keeps new pods out as well', lands(tainted(taint('NoExecute')), [pod('p')], NOWHERE)],
  [
    'taints',
    'Concepts',
    'two taints tolerated and a third not: not scheduled',
    lands(
      tainted(taint('NoSchedule'), taint('NoExecute'), taint('NoSchedule', 'key2', 'value2')),
      [tolerating({ key: 'key1', value: 'value1', effect: 'NoSchedule' }, { key: 'key1', value: 'value1', effect: 'NoExecute' })],
      NOWHERE,
    ),
  ],
  [
    'taints',
    'Example Use Cases',
    'a toleration lets the pod in, it does not bind it: dedicated nodes need a label, too',
    lands(
      [
        ...tainted(taint('NoSchedule', 'dedicated', 'ml')),
        node('m', { dedicated: 'ml' }, { taints: [taint('NoSchedule', 'dedicated', 'ml')] }),
      ],
      [pod('p', asks(undefined, { tolerations: [{ key: 'dedicated', value: 'ml' }], nodeSelector: { dedicated: 'ml' } }))],
      { p: ['m'] },
    ),
  ],
  [
    'taints',
    'Taint Nodes by Condition',
    'a cordoned node takes nothing new',
    lands([node('n', {}, { unschedulable: true })], [pod('p')], NOWHERE),
  ],
  [
    'init',
    'Resource sharing within containers',
    'the highest init container counts where it is more than the sum',
    takes({ containers: [cpu('1'), cpu('1')], initContainers: [cpu('3'), cpu('2')] }, { cpu: 3000 }),
  ],
  [
    'init',
    'Resource sharing within containers',
    'the sum of the containers counts where that is more',
    takes({ containers: [cpu('2'), cpu('2')], initContainers: [cpu('3')] }, { cpu: 4000 }),
  ],
  [
    'init',
    'Resource sharing within containers',
    'each resource by itself',
    takes(
      {
        containers: [{ resources: { requests: { cpu: '2', memory: '1Gi' } } }],
        initContainers: [{ resources: { requests: { cpu: '1', memory: '2Gi' } } }],
      },
      { cpu: 2000, memory: 2 * 1024 ** 3 },
    ),
  ],
  [
    'init',
    'Resource sharing within containers',
    'scheduling goes by it: no room for the init container, no place',
    lands(
      [node('n', {}, { allocatable: { cpu: 2, memory: '4Gi', pods: 5 } })],
      [pod('p', { containers: [cpu('1')], initContainers: [cpu('3')] })],
      NOWHERE,
    ),
  ],
  [
    'sidecar',
    'Resource sharing within containers',
    'a sidecar is added to the containers',
    takes({ containers: [cpu('1')], initContainers: [cpu('500m', 'Always')] }, { cpu: 1500 }),
  ],
  [
    'sidecar',
    'Sidecar containers and Pod lifecycle',
    'an init container runs beside the sidecars that started before it',
    takes({ containers: [cpu('1')], initContainers: [cpu('1', 'Always'), cpu('3')] }, { cpu: 4000 }),
  ],
  [
    'sidecar',
    'Sidecar containers and Pod lifecycle',
    'and not beside those that start after it',
    takes({ containers: [cpu('1')], initContainers: [cpu('3'), cpu('1', 'Always')] }, { cpu: 3000 }),
  ],
  [
    'overhead',
    'Usage example',
    'limits of 500m and 1500m with 250m of overhead: 2.25 CPU and 320 MiB',
    takes(
      {
        containers: [
          { resources: { limits: { cpu: '500m', memory: '100Mi' } } },
          { resources: { limits: { cpu: '1500m', memory: '100Mi' } } },
        ],
        overhead: { cpu: '250m', memory: '120Mi' },
      },
      { cpu: 2250, memory: 320 * 1024 ** 2 },
    ),
  ],
  [
    'overhead',
    'Usage example',
    'the scheduler looks for a node with all of it',
    lands(
      [node('n', {}, { allocatable: { cpu: 2, memory: '4Gi', pods: 5 } })],
      [pod('p', { containers: [cpu('1900m')], overhead: { cpu: '250m' } })],
      NOWHERE,
    ),
  ],
  [
    'podLevel',
    'Create a pod with resource requests and limits at both pod-level and container-level',
    'requests of the pod stand in place of those of its containers',
    takes({ containers: [cpu('500m'), cpu('250m')], resources: { requests: { cpu: '1' } } }, { cpu: 1000 }),
  ],
  [
    'podLevel',
    'Create a pod with resource requests and limits at both pod-level and container-level',
    'a resource that the pod does not name is the sum of its containers',
    takes(
      { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }], resources: { requests: { cpu: '1' } } },
      { cpu: 1000, memory: 1024 ** 3 },
    ),
  ],
  [
    'podLevel',
    'Create a pod with resource requests and limits at both pod-level and container-level',
    'a limit of the pod alone is no request where containers request the resource (pkg/apis/core/v1/defaults.go, defaultPodRequests)',
    takes({ containers: [cpu('500m'), {}], resources: { limits: { cpu: '2', memory: '1Gi' } } }, { cpu: 500, memory: 1024 ** 3 }),
  ],
  [
    'podLevel',
    'Limitations',
    'cpu, memory and huge pages only',
    refused(
      pod('p', { containers: [{}], resources: { requests: { 'nvidia.com/gpu': '1' } } }),
      /spec.resources: nvidia.com\/gpu: only cpu, memory and hugepages- can be asked for by the pod/,
    ),
  ],
  [
    'podLevel',
    'Create a pod with CPU requests and limits at pod-level',
    'a limit of the pod without a request is the request',
    takes({ containers: [{}], resources: { limits: { cpu: '1' } } }, { cpu: 1000 }),
  ],
  [
    'resources',
    'Resource requests and limits of Pod and container',
    'a limit without a request is the request',
    takes({ containers: [{ resources: { limits: { cpu: '2' } } }] }, { cpu: 2000 }),
  ],
  ['resources', 'CPU resource units', '0.1 and 100m are the same', takes({ containers: [cpu('0.1'), cpu('100m')] }, { cpu: 200 })],
  [
    'resources',
    'Memory resource units',
    '128974848, 129e6, 129M and 123Mi are about the same; m is a thousandth',
    takes(
      { containers: ['128974848', '129e6', '129M', '123Mi'].map((memory) => ({ resources: { requests: { memory } } })) },
      { memory: 2 * 128974848 + 2 * 129e6 },
    ),
  ],
  [
    'resources',
    'How Pods with resource requests are scheduled',
    'by requests, never by what is used; their sum stays within what is allocatable',
    placed(
      [node('n', {}, { allocatable: { cpu: 1, memory: '4Gi', pods: 20 } })],
      ['a', 'b', 'c'].map((key) => pod(key, asks({ cpu: '400m' }))),
      2,
    ),
  ],
  [
    'resources',
    'How Pods with ephemeral-storage requests are scheduled',
    'scratch space is an amount like others',
    placed(
      [node('n', {}, { allocatable: { cpu: 4, memory: '4Gi', pods: 20, 'ephemeral-storage': '5Gi' } })],
      ['a', 'b', 'c'].map((key) => pod(key, asks({ 'ephemeral-storage': '2Gi' }))),
      2,
    ),
  ],
  [
    'resources',
    'Consuming extended resources',
    'whole numbers only',
    refused(pod('p', asks({ 'example.com/foo': '1500m' })), /whole number/),
  ],
  [
    'resources',
    'Consuming extended resources',
    'a node that does not advertise it takes no such pod',
    lands([node('n')], [pod('p', asks({ 'example.com/foo': 1 }))], NOWHERE),
  ],
  [
    'volumes',
    'Dynamic volume limits',
    'so many volumes as the node can attach, by its type',
    placed(
      [node('n', {}, { allocatable: { cpu: 4, memory: '16Gi', pods: 20, 'attachable-volumes-aws-ebs': 25 } })],
      Array.from({ length: 6 }, (_, index) => pod(`p${index}`, asks(), { volumes: { attachments: 5 } })),
      5,
    ),
  ],
  [
    'volumes',
    'Dynamic volume limits',
    'what running pods have attached counts',
    lands(
      [
        node(
          'n',
          {},
          {
            allocatable: { cpu: 4, memory: '16Gi', pods: 20, 'attachable-volumes-aws-ebs': 25 },
            pods: [pod('r', asks(), { volumes: { attachments: 24 } })],
          },
        ),
      ],
      [pod('p', asks(), { volumes: { attachments: 2 } })],
      NOWHERE,
    ),
  ],
  [
    'selectors',
    'Resources that support set-based requirements',
    'matchLabels and matchExpressions must all hold',
    selects(
      { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] },
      { app: 'web', tier: 'c' },
      false,
    ),
  ],
  [
    'selectors',
    'Set-based requirement',
    'notin means pods without the label, too',
    selects({ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['a'] }] }, {}, true),
  ],
  [
    'selectors',
    'Set-based requirement',
    'the absence of a key',
    selects({ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, { tier: 'a' }, false),
  ],
  ['selectors', 'Label selectors', 'an empty selector means every pod', selects({}, { app: 'any' }, true)],
  [
    'priority',
    'Effect of Pod priority on scheduling order',
    'where not all have room the higher priority is placed',
    lands(
      [node('n', {}, { allocatable: { cpu: 1, memory: '4Gi', pods: 5 } })],
      [pod('low', asks({ cpu: 1 }), { priority: 1 }), pod('p', asks({ cpu: 1 }), { priority: 9 })],
      THERE,
    ),
  ],
  ['nodepools', 'NodePools', 'without a pool nothing is launched', left({ pods: [pod('p')], pools: [] }, 'NoOffering')],
  [
    'nodepools',
    'NodePools',
    'a pool with a taint that the pod does not tolerate is not used',
    launches(
      { pods: [pod('p')], pools: [{ name: 'gpu', taints: [taint('NoSchedule')], weight: 9 }, { name: 'plain' }] },
      ['pool'],
      ['plain'],
    ),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'pool and pod together: no overlap, no node',
    left(
      {
        pods: [pod('p', asks(undefined, { nodeSelector: { [TYPE]: 't.large' } }))],
        pools: [{ name: 'workers', requirements: [is(TYPE, 'In', 't.small')] }],
      },
      'NoOffering',
    ),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'a well-known label without a requirement may take any value',
    launches({ pods: [pod('p', asks(undefined, { nodeSelector: { [ZONE]: 'z-c' } }))] }, ['zone'], ['z-c']),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'Gt on a number of the machine',
    launches(
      { types, pods: [pod('p')], pools: [{ name: 'workers', requirements: [is('karpenter.k8s.aws/instance-cpu', 'Gt', '2')] }] },
      ['instanceType'],
      ['t.large'],
    ),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'Lt on a number of the machine',
    left(
      { types, pods: [pod('p', asks(big))], pools: [{ name: 'workers', requirements: [is('karpenter.k8s.aws/instance-cpu', 'Lt', '8')] }] },
      'TooLarge',
    ),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'NotIn excludes a type',
    launches(
      { pods: [pod('p')], pools: [{ name: 'workers', requirements: [is(TYPE, 'NotIn', 't.small')] }] },
      ['instanceType'],
      ['t.large'],
    ),
  ],
  [
    'nodepools',
    'spec.template.spec.requirements',
    'Exists on a label of the machine leaves out types without it',
    launches(
      {
        types: [SMALL, ...types.slice(1)],
        pods: [pod('p')],
        pools: [{ name: 'workers', requirements: [is('karpenter.k8s.aws/instance-family', 'Exists')] }],
      },
      ['instanceType'],
      ['t.large'],
    ),
  ],
  [
    'nodepools',
    'Architecture',
    'amd64 and arm64 by requirement',
    launches(
      {
        types: [SMALL, arm],
        offerings: [...offer('t.small', 0.1), ...offer('t.arm', 0.05)],
        pods: [pod('p')],
        pools: [{ name: 'workers', requirements: [is(ARCH, 'In', 'amd64')] }],
      },
      ['instanceType'],
      ['t.small'],
    ),
  ],
  [
    'nodepools',
    'Availability Zones',
    'a pool of one zone launches there only',
    launches({ pods: [pod('p')], pools: [{ name: 'workers', requirements: [is(ZONE, 'In', 'z-b')] }] }, ['zone'], ['z-b']),
  ],
  [
    'nodepools',
    'Capacity Type',
    'on-demand by requirement, though spot is cheaper',
    launches(
      {
        offerings: offer('t.small', 0.1, ['z-a'], 0.03),
        pods: [pod('p')],
        pools: [{ name: 'workers', requirements: [is(CAPACITY, 'In', 'on-demand')] }],
      },
      ['capacityType'],
      ['on-demand'],
    ),
  ],
  [
    'nodepools',
    'Capacity Type',
    'spot where both are allowed and it is cheaper',
    launches({ offerings: offer('t.small', 0.1, ['z-a'], 0.03), pods: [pod('p')] }, ['capacityType'], ['spot']),
  ],
  [
    'nodepools',
    'Capacity Type',
    'spot that is not to be had: on-demand',
    launches(
      { offerings: offer('t.small', 0.1, ['z-a'], 0.03), pods: [pod('p')], unavailable: [{ capacityType: 'spot' }] },
      ['capacityType'],
      ['on-demand'],
    ),
  ],
  [
    'nodepools',
    'Capacity Type',
    'it may be a topology key of spread',
    launches(
      { offerings: offer('t.small', 0.1, ['z-a'], 0.03), pods: [web('p', spreads(over(CAPACITY))), web('q', spreads(over(CAPACITY)))] },
      ['capacityType'],
      ['on-demand', 'spot'],
    ),
  ],
  [
    'nodepools',
    'Min Values',
    'so many types must stay possible in the list',
    () => {
      const pools = [{ name: 'workers', requirements: [{ ...is(TYPE, 'Exists'), minValues: 2 }] }];
      const [one] = planPacking(problem({ pods: [pod('p')], pools })).newNodes;
      assert.deepEqual(new Set(one?.offerings.map(({ instanceType: type }) => type)), new Set(['t.small', 't.large']));
    },
  ],
  [
    'nodepools',
    'Min Values',
    'where that cannot be met, the next pool that can take the pod',
    launches(
      {
        pods: [pod('p', asks(big))],
        pools: [{ name: 'flexible', weight: 9, requirements: [{ ...is(TYPE, 'Exists'), minValues: 2 }] }, { name: 'plain' }],
      },
      ['pool'],
      ['plain'],
    ),
  ],
  [
    'nodepools',
    'Min Values',
    'where there is no other, the pod is left',
    left(
      { pods: [pod('p', asks(big))], pools: [{ name: 'flexible', requirements: [{ ...is(TYPE, 'Exists'), minValues: 2 }] }] },
      'MinValues',
    ),
  ],
  [
    'nodepools',
    'Min Values',
    'of several on one key the greatest holds',
    left(
      {
        types,
        pods: [pod('p')],
        pools: [
          {
            name: 'flexible',
            requirements: [
              { ...is(TYPE, 'Exists'), minValues: 3 },
              { ...is(TYPE, 'In', 't.small', 't.large'), minValues: 1 },
            ],
          },
        ],
      },
      'MinValues',
    ),
  ],
  [
    'nodepools',
    'spec.limits',
    'no limit where none is said',
    launches(
      { pods: [pod('a', asks(big)), pod('b', asks(big)), pod('c', asks(big))] },
      ['instanceType'],
      ['t.large', 't.large', 't.large'],
    ),
  ],
  [
    'nodepools',
    'spec.limits',
    'what would exceed it is not launched',
    () => {
      const plan = planPacking(
        problem({ pods: ['a', 'b', 'c'].map((key) => pod(key, asks(big))), pools: [{ name: 'workers', limits: { vcpus: 16 } }] }),
      );
      assert.deepEqual([plan.newNodes.length, plan.unschedulable.map((one) => one.reason)], [2, ['LimitReached']]);
    },
  ],
  [
    'nodepools',
    'spec.limits',
    'nodes that are there count',
    left(
      {
        nodes: [node('n', {}, { pool: 'workers', allocatable: { cpu: 8, memory: '1Gi', pods: 1 }, pods: [running('web')] })],
        pods: [pod('p', asks(big))],
        pools: [{ name: 'workers', limits: { vcpus: 12 } }],
      },
      'LimitReached',
    ),
  ],
  [
    'nodepools',
    'spec.weight',
    'the heavier pool is tried first, though the other is cheaper',
    launches(
      { pods: [pod('p')], pools: [{ name: 'light' }, { name: 'heavy', weight: 50, requirements: [is(TYPE, 'In', 't.large')] }] },
      ['pool', 'instanceType'],
      ['heavy t.large'],
    ),
  ],
  [
    'nodepools',
    'spec.weight',
    'no weight is a weight of 0',
    launches({ pods: [pod('p')], pools: [{ name: 'none' }, { name: 'one', weight: 1 }] }, ['pool'], ['one']),
  ],
  [
    'nodepools',
    'Reserved Resources',
    'what kubelet and system keep is not for pods',
    launches(
      { types: problem({}).types.map((type) => ({ ...type, reserved: { cpu: '200m' } })), pods: [pod('p', asks({ cpu: '1900m' }))] },
      ['instanceType'],
      ['t.large'],
    ),
  ],
  [
    'scheduling',
    'Scheduling',
    'the constraints of a pod must lie within those of a pool: another zone, no node',
    left(
      {
        pods: [pod('p', asks(undefined, { nodeSelector: { [ZONE]: 'z-a' } }))],
        pools: [{ name: 'workers', requirements: [is(ZONE, 'In', 'z-b')] }],
      },
      'NoOffering',
    ),
  ],
  [
    'scheduling',
    'Resource requests',
    'the choice of a type goes by requests, not by limits',
    launches(
      { pods: [pod('p', { containers: [{ resources: { requests: { cpu: '500m' }, limits: { cpu: '6' } } }] })] },
      ['instanceType'],
      ['t.small'],
    ),
  ],
  [
    'scheduling',
    'Accelerators/GPU Resources',
    'a GPU named as a limit alone brings a machine with one',
    launches(
      {
        types: [SMALL, gpu],
        offerings: [...offer('t.small', 0.1), ...offer('g.one', 1)],
        pods: [pod('p', { containers: [{ resources: { limits: { 'nvidia.com/gpu': 1 } } }] })],
      },
      ['instanceType'],
      ['g.one'],
    ),
  ],
  [
    'scheduling',
    'User-Defined Labels',
    'a label that no pool knows: the pod stays pending',
    left({ pods: [pod('p', asks(undefined, { nodeSelector: { 'user.defined/type': 'x' } }))] }, 'NoOffering'),
  ],
  [
    'scheduling',
    'User-Defined Labels',
    'with Exists in the pool nodes get the value that the pod asks for',
    () => {
      const pools = [{ name: 'workers', requirements: [is('user.defined/type', 'Exists')] }];
      const [one] = planPacking(
        problem({ pods: [pod('p', asks(undefined, { nodeSelector: { 'user.defined/type': 'x' } }))], pools }),
      ).newNodes;
      assert.equal(one?.labels['user.defined/type'], 'x');
    },
  ],
  [
    'scheduling',
    'Preferences',
    'a preference is a requirement first: a dearer zone is taken for it',
    launches(
      {
        offerings: [...offer('t.small', 0.1, ['z-a']), ...offer('t.small', 0.2, ['z-b'])],
        pods: [pod('p', asks(undefined, prefers([1, ZONE, 'z-b'])))],
      },
      ['zone'],
      ['z-b'],
    ),
  ],
  [
    'scheduling',
    'Preferences',
    'the lightest is given up first',
    launches({ pods: [pod('p', asks(undefined, prefers([1, ZONE, 'z-x'], [9, ZONE, 'z-b'])))] }, ['zone'], ['z-b']),
  ],
  [
    'scheduling',
    'Node affinity',
    'In a and b with In b: b',
    launches(
      { pods: [pod('p', asks(undefined, requires({ matchExpressions: [is(ZONE, 'In', 'z-a', 'z-b'), is(ZONE, 'In', 'z-b')] })))] },
      ['zone'],
      ['z-b'],
    ),
  ],
  [
    'scheduling',
    'Node affinity',
    'In a and b with NotIn b: a',
    launches(
      { pods: [pod('p', asks(undefined, requires({ matchExpressions: [is(ZONE, 'In', 'z-a', 'z-b'), is(ZONE, 'NotIn', 'z-b')] })))] },
      ['zone'],
      ['z-a'],
    ),
  ],
  [
    'scheduling',
    'Node affinity',
    'the second term where the first has no capacity',
    launches(
      {
        offerings: [...offer('t.small', 0.1, ['z-a', 'z-c'], 0.03)],
        unavailable: [{ zone: 'z-a' }],
        pods: [
          pod(
            'p',
            asks(
              undefined,
              requires(
                { matchExpressions: [is(ZONE, 'In', 'z-a')] },
                { matchExpressions: [is(CAPACITY, 'In', 'spot'), is(ZONE, 'In', 'z-c')] },
              ),
            ),
          ),
        ],
      },
      ['zone', 'capacityType'],
      ['z-c spot'],
    ),
  ],
  [
    'scheduling',
    'Taints and tolerations',
    'a tainted pool is for pods that tolerate it',
    launches(
      {
        pods: [tolerating({ key: 'key1', operator: 'Exists', effect: 'NoSchedule' })],
        pools: [{ name: 'gpu', taints: [taint('NoSchedule')] }],
      },
      ['pool'],
      ['gpu'],
    ),
  ],
  [
    'scheduling',
    'Topology Spread',
    'over hosts: new nodes of their own',
    launches({ pods: [web('p', spreads(over(HOST))), web('q', spreads(over(HOST)))] }, ['instanceType'], ['t.small', 't.small']),
  ],
  [
    'scheduling',
    'Pod affinity/anti-affinity',
    'with affinity to a zone, launched where the other runs',
    launches({ nodes: [full('n', 'z-c', ['backend'])], pods: [web('p', beside(term(ZONE, 'backend')))] }, ['zone'], ['z-c']),
  ],
  [
    'scheduling',
    'Pod affinity/anti-affinity',
    'anti-affinity over hosts to its own label: no two on a node',
    launches(
      { pods: ['p', 'q', 'r'].map((key) => web(key, apart(term(HOST, 'web')))) },
      ['instanceType'],
      ['t.small', 't.small', 't.small'],
    ),
  ],
  [
    'scheduling',
    'Persistent Volume Topology',
    'the zone of a bound volume is a requirement of the pod',
    launches({ pods: [pod('p', asks(), { volumes: { zones: ['z-b'] } })] }, ['zone'], ['z-b']),
  ],
  [
    'scheduling',
    'Weighted NodePools',
    'reserved capacity first, up to its limit, then the others',
    launches(
      {
        pods: ['a', 'b', 'c'].map((key) => pod(key, asks(big))),
        pools: [{ name: 'reserved', weight: 50, limits: { vcpus: 8 } }, { name: 'default' }],
      },
      ['pool'],
      ['default', 'default', 'reserved'],
    ),
  ],
  [
    'scheduling',
    'Fallback',
    'a pod that asks for what the heavy pool has not goes to the other',
    launches(
      {
        types: [SMALL, arm],
        offerings: [...offer('t.small', 0.1), ...offer('t.arm', 0.2)],
        pods: [pod('p', asks(undefined, { nodeSelector: { [ARCH]: 'arm64' } }))],
        pools: [
          { name: 'default', weight: 50, requirements: [is(ARCH, 'In', 'amd64')] },
          { name: 'arm', requirements: [is(ARCH, 'In', 'arm64')] },
        ],
      },
      ['pool', 'instanceType'],
      ['arm t.arm'],
    ),
  ],
  [
    'scheduling',
    'Fallback',
    'another pod of the same batch may use that node, too: one node, not two',
    launches(
      {
        types: [SMALL, arm],
        offerings: [...offer('t.small', 0.1), ...offer('t.arm', 0.2)],
        pods: [pod('p', asks(undefined, { nodeSelector: { [ARCH]: 'arm64' } })), pod('q')],
        pools: [
          { name: 'default', weight: 50, requirements: [is(ARCH, 'In', 'amd64')] },
          { name: 'arm', requirements: [is(ARCH, 'In', 'arm64')] },
        ],
      },
      ['pool', 'instanceType'],
      ['arm t.arm'],
    ),
  ],
];

for (const [page, heading, rule, check] of ROWS) test(`${PAGES[page]} "${heading}": ${rule}`, check);

test('every page has rows, and no rule occurs twice', () => {
  assert.ok(ROWS.length >= 80, `${ROWS.length} rows`);
  assert.deepEqual(new Set(ROWS.map(([page]) => page)), new Set(Object.keys(PAGES)));
  assert.equal(new Set(ROWS.map(([page, heading, rule]) => `${page} ${heading} ${rule}`)).size, ROWS.length);
});
