import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { planPacking } from '../../src/core/packing/plan.ts';
import type { Container, PackingPlan, PackingPod, PackingProblem, Taint } from '../../src/core/packing/problem.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { randomProblem, withRareRules } from '../core/packing/random-problem.ts';

/*
 * The real kube-scheduler must accept every pod on the node that the plan gave it, in the plan's order. Each pod is created behind a
 * scheduling gate, nominated for its node, and released: the scheduler then asks its filters about that node first, and about no other
 * if they accept. Nothing else is changed about the pod, so that spread and affinity are judged on what the plan judged.
 */

const PROBLEMS = Number(process.env['PACKING_AGREEMENT_PROBLEMS'] ?? 200);
const FIRST_SEED = 40_000;
const OVERHEAD = { cpu: '50m', memory: '32Mi' };

let cluster: ControlPlane;

before(async () => {
  cluster = await startControlPlane();
  for (const [name, team] of [
    ['ns', 'red'],
    ['other', 'blue'],
  ] as const) {
    await made('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team } } });
    await waitFor(`the ServiceAccount of ${name}`, async () =>
      (await cluster.call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)).status === 200 ? true : undefined,
    );
  }
  await made('/apis/node.k8s.io/v1/runtimeclasses', {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'heavy' },
    handler: 'heavy',
    overhead: { podFixed: OVERHEAD },
  });
});

after(() => cluster.stop());

test(`kube-scheduler places every pod that the plan placed: ${PROBLEMS} random problems`, { timeout: 1_800_000 }, async () => {
  let pods = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROBLEMS; seed++) {
    const problem = withoutTerminating(withRareRules(randomProblem(seed, { pods: 12, types: 6, nodes: 4 }), seed));
    const plan = planPacking(problem);
    pods += plan.order.length;
    if (plan.order.length > 0) await replay(seed, problem, plan);
  }
  assert.ok(pods > 4 * PROBLEMS, `only ${pods} pods were placed at all`);
});

/** A pod that ends while the test looks on would be another problem. */
function withoutTerminating(problem: PackingProblem): PackingProblem {
  return { ...problem, nodes: problem.nodes.map((node) => ({ ...node, pods: node.pods.map((pod) => ({ ...pod, terminating: false })) })) };
}

async function replay(seed: number, problem: PackingProblem, plan: PackingPlan): Promise<void> {
  const name = (node: string) => `s${seed}-${node}`;
  const existing = problem.nodes.map((node) => ({
    name: name(node.name),
    labels: node.labels,
    taints: node.taints ?? [],
    allocatable: text(node.allocatable),
  }));
  const launched = plan.newNodes.map((node) => ({
    name: name(node.name),
    labels: node.labels,
    taints: problem.pools.find((pool) => pool.name === node.pool)?.taints ?? [],
    allocatable: text({ ...node.allocatable, cpu: `${node.allocatable['cpu']}m` }),
  }));
  await joinNodes(existing);
  for (const node of problem.nodes) {
    for (const pod of node.pods) await made(`/api/v1/namespaces/${pod.namespace}/pods`, manifest(pod, { nodeName: name(node.name) }));
    if (node.unschedulable) await cluster.call('PATCH', `/api/v1/nodes/${name(node.name)}`, { spec: { unschedulable: true } });
  }
  const nodeOf = new Map([
    ...plan.assignments.map((one) => [one.pod, one.node] as const),
    ...plan.newNodes.flatMap((node) => node.pods.map((pod) => [pod, node.name] as const)),
  ]);
  const isNew = new Set(plan.newNodes.map((node) => node.name));
  let joined = false;
  for (const key of plan.order) {
    const node = nodeOf.get(key) as string;
    // As in life: what fits on nodes that are there is bound before the new ones come.
    if (!joined && isNew.has(node)) {
      await joinNodes(launched);
      joined = true;
    }
    const pod = problem.pods.find((one) => one.key === key) as PackingPod;
    assert.equal(await scheduled(pod, name(node)), name(node), `seed ${seed}: ${key} on ${node}`);
  }
  await clear([...existing, ...(joined ? launched : [])].map((node) => node.name));
}

function text(amounts: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amounts)
      .filter(([resource]) => resource !== 'attachable-volumes-aws-ebs')
      .map(([resource, amount]) => [resource, String(amount)]),
  );
}

type Node = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly allocatable: Record<string, string>;
};

async function joinNodes(nodes: readonly Node[]): Promise<void> {
  await Promise.all(
    nodes.map((node) =>
      cluster.joinNode({
        name: node.name,
        labels: { ...node.labels, 'kubernetes.io/hostname': node.name },
        taints: node.taints,
        capacity: node.allocatable,
      }),
    ),
  );
  await Promise.all(nodes.map((node) => waitFor(`${node.name} ready`, () => readiness(node))));
}

async function readiness(node: Node): Promise<true | undefined> {
  const { body } = await cluster.call('GET', `/api/v1/nodes/${node.name}`);
  const { spec, status } = body as {
    spec: { taints?: readonly Taint[] };
    status: { conditions?: readonly { type: string; status: string }[] };
  };
  const ready = status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return ready && !spec.taints?.some((taint) => taint.key.startsWith('node.kubernetes.io/not-ready')) ? true : undefined;
}

/** The node that the scheduler binds the pod to. Its view of nodes and pods may lag behind ours: then it is asked again. */
async function scheduled(pod: PackingPod, node: string): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods`;
  const name = pod.key.replace('/', '-');
  let bound: string | undefined;
  for (let attempt = 0; attempt < 4 && bound !== node; attempt++) {
    if (attempt > 0) {
      await cluster.call('DELETE', `${path}/${name}?gracePeriodSeconds=0`);
      await waitFor(`${name} gone`, async () => ((await cluster.call('GET', `${path}/${name}`)).status === 404 ? true : undefined));
    }
    await made(path, manifest(pod, { schedulingGates: [{ name: 'test.elasticruntime.dev/plan' }] }));
    await cluster.call('PATCH', `${path}/${name}/status`, { status: { nominatedNodeName: node } });
    await cluster.call('PATCH', `${path}/${name}`, { spec: { schedulingGates: null } });
    bound = await waitFor(`${name} judged`, async () => verdict((await cluster.call('GET', `${path}/${name}`)).body), 20);
  }
  return bound;
}

/** The node's name, or what the scheduler says against it; undefined while it has not looked. */
function verdict(body: unknown): string | undefined {
  const { spec, status } = body as {
    spec: { nodeName?: string };
    status: { conditions?: readonly { type: string; status: string; reason?: string; message?: string }[] };
  };
  if (spec.nodeName !== undefined) return spec.nodeName;
  return status.conditions?.find((condition) => condition.type === 'PodScheduled' && condition.reason === 'Unschedulable')?.message;
}

/** The pod as an API object: names and images that the API asks for, the overhead by its runtime class, no priority (the order is ours). */
function manifest(pod: PackingPod, more: object): object {
  const containers = (list: readonly Container[], prefix: string) =>
    list.map((container, index) => ({
      name: `${prefix}${index}`,
      image: 'registry.example.com/job:1',
      ...container,
      ports: (container.ports ?? []).map((port) => ({ containerPort: port.hostPort, ...port })),
    }));
  const { overhead, initContainers = [], ...spec } = pod.spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod.key.replace('/', '-'), namespace: pod.namespace, labels: pod.labels },
    spec: {
      ...spec,
      ...more,
      containers: containers(spec.containers, 'main'),
      initContainers: containers(initContainers, 'init'),
      ...(overhead === undefined ? {} : { runtimeClassName: 'heavy' }),
    },
  };
}

async function clear(nodes: readonly string[]): Promise<void> {
  for (const namespace of ['ns', 'other']) {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await cluster.call('DELETE', `${path}?gracePeriodSeconds=0`);
    await waitFor(`no pod in ${namespace}`, async () =>
      ((await cluster.call('GET', path)).body as { items: readonly unknown[] }).items.length === 0 ? true : undefined,
    );
  }
  await Promise.all(nodes.map((node) => cluster.deleteNode(node)));
}

async function made(path: string, body: object): Promise<void> {
  const answer = await cluster.call('POST', path, body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
}
