import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod } from '../../../src/api/kubernetes.ts';
import { loseNode } from '../../../src/sim/kubernetes/cluster.ts';
import { type Bed, bed, budgets, daemonSets, machine, nodes, pod, pods, priorityClasses, refusal, secrets } from './bed.ts';

const simulation = 'simulation.elasticruntime.dev';

async function podNamed(at: Bed, name: string): Promise<Pod> {
  return at.value(at.port.get(pods, { namespace: 'finance', name }));
}

async function nodeNamed(at: Bed, name: string): Promise<Node> {
  return at.value(at.port.get(nodes, { name }));
}

function ready(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}

test('a node joins not ready, and is ready and untainted soon after', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one', {
    taints: [{ key: 'elasticruntime.dev/runtime', value: 'x', effect: 'NoSchedule' }],
    labels: { pool: 'a' },
  });
  const fresh = await nodeNamed(at, 'one');
  assert.deepEqual([ready(fresh), fresh.spec?.providerID, fresh.metadata.labels?.pool], ['False', 'aws:///us-east-1a/i-one', 'a']);
  assert.ok(fresh.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready'));
  await at.pass(10_000);
  const later = await nodeNamed(at, 'one');
  assert.deepEqual([ready(later), later.spec?.taints?.map(({ key }) => key)], ['True', ['elasticruntime.dev/runtime']]);
});

test('a terminated machine: its node is missed, deleted, and its pods are failed and collected', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(pods, pod('etl', { metadata: { annotations: { [`${simulation}/duration`]: '1h' } } })));
  await at.pass(30_000);
  loseNode(at.kubernetes, 'one');
  await at.pass(30_000);
  assert.equal(ready(await nodeNamed(at, 'one')), 'True');
  await at.pass(40_000);
  assert.equal(refusal(await at.answer(at.port.get(nodes, { name: 'one' }))).kind, 'NotFound');
  assert.equal((await podNamed(at, 'etl')).status?.phase, 'Running');
  await at.pass(80_000);
  assert.equal(refusal(await at.answer(at.port.get(pods, { namespace: 'finance', name: 'etl' }))).kind, 'NotFound');
});

test('a stopped machine: its node stays unreachable, its pods are deleted after five minutes and hang', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(pods, pod('etl', { metadata: { annotations: { [`${simulation}/duration`]: '1h' } } })));
  await at.pass(30_000);
  loseNode(at.kubernetes, 'one', 'stopped');
  await at.pass(2 * 60_000);
  const unreachable = await nodeNamed(at, 'one');
  assert.equal(ready(unreachable), 'Unknown');
  assert.deepEqual(unreachable.spec?.taints?.map(({ key, effect }) => `${key}:${effect}`).sort(), [
    'node.kubernetes.io/unreachable:NoExecute',
    'node.kubernetes.io/unreachable:NoSchedule',
  ]);
  assert.equal((await podNamed(at, 'etl')).metadata.deletionTimestamp, undefined);
  await at.pass(6 * 60_000);
  const doomed = await podNamed(at, 'etl');
  assert.ok(doomed.metadata.deletionTimestamp);
  assert.equal(doomed.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'DeletionByTaintManager');
});

test('a NoExecute taint drives out pods that do not tolerate it', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const tolerations = [{ key: 'elasticruntime.dev/unregistered', operator: 'Exists' }];
  await at.value(at.port.create(pods, pod('goes', { metadata: { annotations: { [`${simulation}/duration`]: '1h' } } })));
  await at.value(
    at.port.create(pods, pod('stays', { spec: { tolerations }, metadata: { annotations: { [`${simulation}/duration`]: '1h' } } })),
  );
  await at.pass(30_000);
  const taints = [{ key: 'elasticruntime.dev/unregistered', effect: 'NoExecute' }];
  await at.value(at.port.mergePatch(nodes, { name: 'one' }, { spec: { taints } }));
  await at.pass(10_000);
  assert.deepEqual(
    (await at.value(at.port.list(pods))).items.map((each) => each.metadata.name),
    ['stays'],
  );
});

test('the scheduler minds selectors, affinity, taints, resources and the number of pods, and says what is missing', async () => {
  const at = await bed();
  machine(at.kubernetes, 'plain', { capacity: { cpu: '2', memory: '4Gi', pods: '2' } });
  machine(at.kubernetes, 'tainted', {
    taints: [{ key: 'gpu', effect: 'NoSchedule' }],
    labels: { kind: 'gpu' },
    capacity: { cpu: '8', memory: '32Gi', pods: '58', 'nvidia.com/gpu': '1' },
  });
  const affinity = (operator: string, values: readonly string[]): { readonly affinity: Readonly<Record<string, unknown>> } => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kind', operator, values }] }] },
      },
    },
  });
  const tolerations = [{ key: 'gpu', operator: 'Exists' }];
  const gpu = { containers: [{ name: 'main', resources: { requests: { 'nvidia.com/gpu': '1' } } }] };
  const rows: readonly (readonly [string, Parameters<typeof pod>[1], string | undefined])[] = [
    ['large', { cpu: '4' }, undefined],
    ['tolerant', { cpu: '4', spec: { tolerations } }, 'tainted'],
    ['tolerates-another', { cpu: '4', spec: { tolerations: [{ key: 'gpu', value: 'x' }] } }, undefined],
    ['large-init', { cpu: '100m', spec: { initContainers: [{ name: 'init', resources: { requests: { cpu: '16' } } }] } }, undefined],
    ['selected', { spec: { nodeSelector: { kind: 'gpu' }, tolerations } }, 'tainted'],
    ['nowhere', { spec: { nodeSelector: { kind: 'tpu' } } }, undefined],
    ['wants', { spec: { ...affinity('In', ['gpu']), tolerations } }, 'tainted'],
    ['avoids', { spec: { ...affinity('NotIn', ['gpu']), tolerations } }, 'plain'],
    ['accelerated', { spec: { ...gpu, tolerations } }, 'tainted'],
    ['another', { spec: { ...gpu, tolerations } }, undefined],
    ['small', { cpu: '100m' }, 'plain'],
    ['third', { cpu: '100m' }, undefined],
  ];
  await at.pass(20_000);
  for (const [name, more] of rows) {
    const annotations = { [`${simulation}/duration`]: '1h' };
    await at.value(at.port.create(pods, pod(name, { ...more, metadata: { annotations } })));
    await at.pass(1000);
  }
  for (const [name, , where] of rows) {
    const found = await podNamed(at, name);
    assert.equal(found.spec.nodeName, where, name);
    const scheduled = found.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    assert.deepEqual([scheduled?.status, scheduled?.reason], where === undefined ? ['False', 'Unschedulable'] : ['True', undefined], name);
  }
  const { conditions } = (await podNamed(at, 'third')).status ?? {};
  assert.match(conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? '', /^0\/2 nodes are available: .*Too many pods/);
});

test('the more important pod gets the last place', async () => {
  const at = await bed();
  await at.value(at.port.create(priorityClasses, { metadata: { name: 'nightly' }, value: 1000 }));
  await at.value(at.port.create(pods, pod('first', { cpu: '3' })));
  await at.value(at.port.create(pods, pod('urgent', { cpu: '3', spec: { priorityClassName: 'nightly' } })));
  machine(at.kubernetes, 'one');
  await at.pass(20_000);
  assert.deepEqual([(await podNamed(at, 'first')).spec.nodeName, (await podNamed(at, 'urgent')).spec.nodeName], [undefined, 'one']);
});

test('a pod runs through its phases, for as long and with the end that its annotations say', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const annotations = { [`${simulation}/duration`]: '5m', [`${simulation}/exit-code`]: '137' };
  const initContainers = [{ name: 'credentials' }];
  await at.value(at.port.create(pods, pod('etl', { metadata: { annotations }, spec: { initContainers } })));
  await at.pass(30_000);
  const running = await podNamed(at, 'etl');
  assert.equal(running.status?.phase, 'Running');
  assert.match(running.status?.podIP ?? '', /^10\./);
  assert.ok(running.status?.containerStatuses?.[0]?.state?.running);
  assert.equal(running.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
  assert.equal(running.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  await at.pass(5 * 60_000);
  const failed = await podNamed(at, 'etl');
  assert.deepEqual([failed.status?.phase, failed.status?.containerStatuses?.[0]?.state?.terminated?.exitCode], ['Failed', 137]);
});

test('a pod waits for its Secret, and starts when it is there', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  await at.value(at.port.create(pods, pod('etl', { spec: { volumes: [{ name: 'keys', secret: { secretName: 'keys' } }] } })));
  await at.pass(30_000);
  assert.equal((await podNamed(at, 'etl')).status?.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating');
  await at.value(at.port.create(secrets, { metadata: { name: 'keys', namespace: 'finance' } }));
  await at.pass(10_000);
  assert.equal((await podNamed(at, 'etl')).status?.phase, 'Running');
});

test('a deleted pod ends within its grace period in a terminal phase; one that was never placed goes at once', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const annotations = { [`${simulation}/duration`]: '1h' };
  await at.value(at.port.create(pods, pod('etl', { metadata: { annotations, finalizers: ['example.com/look'] } })));
  await at.value(at.port.create(pods, pod('waits', { cpu: '64' })));
  await at.pass(30_000);
  await at.value(at.port.delete(pods, { namespace: 'finance', name: 'waits' }));
  assert.equal(refusal(await at.answer(at.port.get(pods, { namespace: 'finance', name: 'waits' }))).kind, 'NotFound');
  await at.value(at.port.delete(pods, { namespace: 'finance', name: 'etl' }));
  const leaving = await podNamed(at, 'etl');
  assert.deepEqual([leaving.status?.phase, leaving.metadata.deletionGracePeriodSeconds], ['Running', 30]);
  await at.pass(10_000);
  const ended = await podNamed(at, 'etl');
  assert.deepEqual([ended.status?.phase, ended.status?.containerStatuses?.[0]?.state?.terminated?.exitCode], ['Failed', 143]);
  await at.value(at.port.mergePatch(pods, { namespace: 'finance', name: 'etl' }, { metadata: { finalizers: null } }));
  assert.equal(refusal(await at.answer(at.port.get(pods, { namespace: 'finance', name: 'etl' }))).kind, 'NotFound');
});

test('a pod that is deleted while it starts fails too; deletion can be hastened, not put off', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const volumes = [{ name: 'keys', secret: { secretName: 'none' } }];
  const finalizers = ['example.com/look'];
  await at.value(at.port.create(pods, pod('starts', { spec: { volumes }, metadata: { finalizers } })));
  await at.value(at.port.create(pods, pod('hangs', { spec: { volumes }, metadata: { finalizers } })));
  await at.pass(30_000);
  await at.value(at.port.delete(pods, { namespace: 'finance', name: 'starts' }));
  await at.pass(10_000);
  const ended = await podNamed(at, 'starts');
  assert.deepEqual([ended.status?.phase, ended.status?.containerStatuses?.[0]?.state?.terminated?.exitCode], ['Failed', 137]);
  at.kubernetes.machines.lose('one', 'stopped');
  const grace = async (gracePeriodSeconds?: number): Promise<readonly unknown[]> => {
    await at.value(
      at.port.delete(pods, { namespace: 'finance', name: 'hangs' }, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    );
    const { deletionGracePeriodSeconds, generation } = (await podNamed(at, 'hangs')).metadata;
    return [deletionGracePeriodSeconds, generation];
  };
  assert.deepEqual(
    [await grace(), await grace(60), await grace(), await grace(10), await grace(0)],
    [
      [30, 2],
      [30, 2],
      [30, 2],
      [10, 2],
      [0, 2],
    ],
  );
});

test('the Eviction API refuses where a budget does, marks the pod and deletes it where it does not', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const more = {
    metadata: { labels: { app: 'etl' }, annotations: { [`${simulation}/duration`]: '1h' }, finalizers: ['example.com/look'] },
  };
  for (const name of ['a', 'b']) await at.value(at.port.create(pods, pod(name, more)));
  await at.value(
    at.port.create(budgets, {
      metadata: { name: 'etl', namespace: 'finance' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'etl' } } },
    }),
  );
  await at.pass(30_000);
  await at.value(at.port.evict({ namespace: 'finance', name: 'a' }));
  const evicted = await podNamed(at, 'a');
  assert.ok(evicted.metadata.deletionTimestamp);
  assert.equal(evicted.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason, 'EvictionByEvictionAPI');
  const error = refusal(await at.answer(at.port.evict({ namespace: 'finance', name: 'b' })));
  assert.deepEqual([error.kind, error.causes?.[0]?.reason], ['TooManyRequests', 'DisruptionBudget']);
  assert.equal(refusal(await at.answer(at.port.evict({ namespace: 'finance', name: 'a' }, { uid: 'another' }))).kind, 'Conflict');
  assert.equal(refusal(await at.answer(at.port.evict({ namespace: 'finance', name: 'z' }))).kind, 'NotFound');
});

test('what pods write and log can be asked of their node', async () => {
  const at = await bed();
  machine(at.kubernetes, 'one');
  const annotations = { [`${simulation}/duration`]: '1h', [`${simulation}/writes-gib-per-hour`]: '20' };
  await at.value(at.port.create(pods, pod('etl', { metadata: { annotations } })));
  await at.pass(31 * 60_000);
  const written = at.kubernetes.bytesWritten('one') / 1024 ** 3;
  assert.ok(written > 10 && written < 10.4, String(written));
  const [log] = at.kubernetes.podLogs('one');
  assert.ok(log !== undefined && !log.finished && log.size > 1000);
  assert.match(log.path, /^\/var\/log\/pods\/finance_etl_[0-9a-f-]{36}\/main\/0\.log$/);
  const whole = log.read(0, log.size).toString();
  assert.equal(whole.length, log.size);
  assert.match(whole.split('\n')[0] ?? '', /^2026-11-02T08:\d\d:\d\d\.000000000Z stdout F finance\/etl main line 1\.+$/);
  for (const [from, length] of [
    [0, 10],
    [115, 250],
    [log.size - 5, 100],
    [log.size, 10],
  ] as const) {
    assert.equal(log.read(from, length).toString(), whole.slice(from, from + length));
  }
  await at.pass(40 * 60_000);
  const [ended] = at.kubernetes.podLogs('one');
  assert.ok(ended?.finished);
  assert.equal(ended.read(0, log.size).toString(), whole);
  await at.value(at.port.delete(pods, { namespace: 'finance', name: 'etl' }));
  await at.pass(5000);
  assert.deepEqual([at.kubernetes.podLogs('one').length, at.kubernetes.bytesWritten('one')], [0, 0]);
});

test('a daemon runs on every node that fits, restarts when it ends, and goes with its node', async () => {
  const at = await bed();
  const containers = [{ name: 'agent', resources: { requests: { cpu: '100m' } } }];
  const spec = { nodeSelector: { pool: 'a' }, tolerations: [{ key: 'elasticruntime.dev/runtime', operator: 'Exists' }], containers };
  await at.value(
    at.port.create(daemonSets, {
      metadata: { name: 'agent', namespace: 'finance' },
      spec: { selector: {}, template: { metadata: { labels: { app: 'agent' } }, spec } },
    }),
  );
  machine(at.kubernetes, 'one', { labels: { pool: 'a' }, taints: [{ key: 'elasticruntime.dev/runtime', effect: 'NoSchedule' }] });
  machine(at.kubernetes, 'two', { labels: { pool: 'b' } });
  await at.pass(30_000);
  const daemons = async (): Promise<readonly Pod[]> => (await at.value(at.port.list(pods, { labelSelector: 'app=agent' }))).items;
  const [only, ...more] = await daemons();
  assert.deepEqual([only?.spec.nodeName, only?.status?.phase, more.length], ['one', 'Running', 0]);
  await at.value(at.port.delete(pods, { namespace: 'finance', name: only?.metadata.name ?? '' }));
  await at.pass(30_000);
  const [next] = await daemons();
  assert.notEqual(next?.metadata.uid, only?.metadata.uid);
  assert.equal(next?.status?.phase, 'Running');
  loseNode(at.kubernetes, 'one');
  await at.pass(5 * 60_000);
  assert.deepEqual(await daemons(), []);
});
