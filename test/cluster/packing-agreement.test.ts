import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { planPacking } from '../../src/core/packing/plan.ts';
import type { Container, PackingPlan, PackingPod, PackingProblem, Taint } from '../../src/core/packing/problem.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { randomProblem, withRareRules, withVolumes } from '../core/packing/random-problem.ts';

/*
 * The real kube-scheduler must accept every pod on the node that the plan gave it, in the plan's order. Each pod is created behind a
 * scheduling gate, nominated for its node, and released: the scheduler then asks its filters about that node first, and about no other
 * if they accept. Nothing else is changed about the pod, so that spread and affinity are judged on what the plan judged.
 */

const PROBLEMS = Number(process.env['PACKING_AGREEMENT_PROBLEMS'] ?? 200);
// Another run of problems: `PACKING_AGREEMENT_SEED=7000 node --test test/cluster/packing-agreement.test.ts`.
const FIRST_SEED = Number(process.env['PACKING_AGREEMENT_SEED'] ?? 40_000);
const DRIVER = 'ebs.csi.aws.com';
const ATTACHMENTS = 'attachable-volumes-aws-ebs';
const ZONE = 'topology.kubernetes.io/zone';
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
  await made('/apis/storage.k8s.io/v1/csidrivers', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: DRIVER },
    // Nobody attaches here: the scheduler counts what pods claim.
    spec: { attachRequired: false },
  });
});

after(() => cluster.stop());

test(`kube-scheduler places every pod that the plan placed: ${PROBLEMS} random problems`, { timeout: 1_800_000 }, async () => {
  let pods = 0;
  let withVolume = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROBLEMS; seed++) {
    const problem = withoutTerminating(withVolumes(withRareRules(randomProblem(seed, { pods: 12, types: 6, nodes: 4 }), seed), seed));
    const plan = planPacking(problem);
    pods += plan.order.length;
    withVolume += problem.pods.filter((pod) => pod.volumes !== undefined && plan.order.includes(pod.key)).length;
    if (plan.order.length > 0) await replay(seed, problem, plan);
  }
  assert.ok(pods > 4 * PROBLEMS && withVolume > PROBLEMS / 2, `only ${pods} pods were placed at all, ${withVolume} of them with volumes`);
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
    attachments: attachmentsOf(node.allocatable),
  }));
  const launched = plan.newNodes.map((node) => ({
    name: name(node.name),
    labels: node.labels,
    taints: problem.pools.find((pool) => pool.name === node.pool)?.taints ?? [],
    allocatable: text({ ...node.allocatable, cpu: `${node.allocatable['cpu']}m` }),
    attachments: attachmentsOf(problem.types.find((type) => type.name === node.instanceType)?.capacity),
  }));
  const placed = new Set(plan.order);
  const theirs = [...problem.pods.filter((pod) => placed.has(pod.key)), ...problem.nodes.flatMap((node) => node.pods)];
  await Promise.all([joinNodes(existing), makeVolumes(seed, theirs)]);
  for (const node of problem.nodes) {
    for (const pod of node.pods) {
      const more = { nodeName: name(node.name), ...claimsOf(seed, pod) };
      await made(`/api/v1/namespaces/${pod.namespace}/pods`, manifest(pod, more));
    }
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
    assert.equal(await scheduled(pod, name(node), claimsOf(seed, pod)), name(node), `seed ${seed}: ${key} on ${node}`);
  }
  await clear([...existing, ...(joined ? launched : [])].map((node) => node.name));
}

function attachmentsOf(amounts: Readonly<Record<string, string | number>> = {}): number | undefined {
  const count = amounts[ATTACHMENTS];
  return count === undefined ? undefined : Number(count);
}

/**
 * The pods' volumes as real objects: each a claim, and the PersistentVolume of the EBS driver made for it, which can be attached in the pod's
 * zones; bound by the volume controller. Claims first: a claim that comes at its volume waits for the controller's next round.
 */
async function makeVolumes(seed: number, pods: readonly PackingPod[]): Promise<void> {
  const names = await Promise.all(pods.flatMap((pod) => volumeNames(seed, pod).map((name) => makeVolume(name, pod))));
  if (names.length === 0) return;
  await waitFor('every claim bound', async () => {
    const { items } = (await cluster.call('GET', '/api/v1/persistentvolumeclaims')).body as {
      items: readonly { metadata: { name: string }; status?: { phase?: string } }[];
    };
    const bound = new Set(items.filter(({ status }) => status?.phase === 'Bound').map(({ metadata }) => metadata.name));
    return names.every((name) => bound.has(name)) ? true : undefined;
  });
}

async function makeVolume(name: string, { namespace, volumes = {} }: PackingPod): Promise<string> {
  const common = { storageClassName: '', accessModes: ['ReadWriteOnce'] };
  const claim = await made(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { ...common, resources: { requests: { storage: '1Gi' } } },
  });
  const { uid } = (claim as { metadata: { uid: string } }).metadata;
  const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: volumes.zones }] }] };
  await made('/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      ...common,
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid },
      csi: { driver: DRIVER, volumeHandle: `vol-${name}` },
      ...(volumes.zones === undefined ? {} : { nodeAffinity: { required } }),
    },
  });
  return name;
}

function volumeNames(seed: number, { key, volumes }: PackingPod): readonly string[] {
  return Array.from({ length: volumes?.attachments ?? 0 }, (_, index) => `s${seed}-${key.replace('/', '-')}-${index}`);
}

function claimsOf(seed: number, pod: PackingPod): object {
  return {
    volumes: volumeNames(seed, pod).map((claimName, index) => ({ name: `volume${index}`, persistentVolumeClaim: { claimName } })),
  };
}

function text(amounts: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amounts)
      .filter(([resource]) => resource !== ATTACHMENTS)
      .map(([resource, amount]) => [resource, String(amount)]),
  );
}

type Node = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly allocatable: Record<string, string>;
  /** How many volumes the node's CSI driver says that it can attach. */
  readonly attachments: number | undefined;
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
  await Promise.all(
    nodes.map(({ name, attachments }) =>
      made('/apis/storage.k8s.io/v1/csinodes', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name },
        spec: {
          drivers: [
            {
              name: DRIVER,
              nodeID: name,
              topologyKeys: [ZONE],
              ...(attachments === undefined ? {} : { allocatable: { count: attachments } }),
            },
          ],
        },
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
async function scheduled(pod: PackingPod, node: string, more: object): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods`;
  const name = pod.key.replace('/', '-');
  let bound: string | undefined;
  const deadline = performance.now() + 30_000;
  for (let first = true; first || (bound !== node && performance.now() < deadline); first = false) {
    if (!first) {
      await cluster.call('DELETE', `${path}/${name}?gracePeriodSeconds=0`);
      await waitFor(`${name} gone`, async () => ((await cluster.call('GET', `${path}/${name}`)).status === 404 ? true : undefined));
    }
    await made(path, manifest(pod, { ...more, schedulingGates: [{ name: 'test.elasticruntime.dev/plan' }] }));
    await cluster.call('PATCH', `${path}/${name}/status`, { status: { nominatedNodeName: node } });
    await cluster.call('PATCH', `${path}/${name}`, { spec: { schedulingGates: null } });
    bound = await waitFor(`${name} judged`, async () => verdict((await cluster.call('GET', `${path}/${name}`)).body));
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
  await Promise.all([
    ...nodes.flatMap((node) => [cluster.deleteNode(node), cluster.call('DELETE', `/apis/storage.k8s.io/v1/csinodes/${node}`)]),
    ...['ns', 'other'].map((namespace) => cluster.call('DELETE', `/api/v1/namespaces/${namespace}/persistentvolumeclaims`)),
  ]);
  await cluster.call('DELETE', '/api/v1/persistentvolumes');
}

async function made(path: string, body: object): Promise<unknown> {
  const answer = await cluster.call('POST', path, body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}
