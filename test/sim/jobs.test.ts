import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticNode } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { SimulationManifest } from '../../src/sim/simulate.ts';
import { change, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

void test('a job that fails by itself is tried backoffLimit more times, then fails with pod and exit code', async () => {
  const simulation = start([...runtime({}), job('broken', { exitCode: '3', duration: '20s' }, { backoffLimit: 2 })]);
  await simulation.settle(2 * hour);
  const { status } = find(simulation, 'broken');
  assert.equal(status?.phase, 'Failed');
  assert.equal(status.attempts, 3);
  assert.deepEqual(
    status.attemptHistory?.map(({ number, reason }) => [number, reason]),
    [
      [1, 'PodFailed'],
      [2, 'PodFailed'],
      [3, 'PodFailed'],
    ],
  );
  assert.equal(status.failure?.reason, 'PodFailed');
  assert.equal(status.failure?.identity, 'master');
  assert.equal(status.failure?.exitCode, 3);
  assert.ok(status.conditions?.some(({ type, status: is }) => type === 'Stalled' && is === 'True'));
});

void test('a worker that fails by itself ends the attempt and is named', async () => {
  const simulation = start([
    ...runtime({}),
    job('worker-broken', { duration: '1h', worker: { min: 2, max: 2, duration: '30s', exitCode: '137' } }, { backoffLimit: 0 }),
  ]);
  await simulation.settle(3 * hour);
  const { status } = find(simulation, 'worker-broken');
  assert.equal(status?.phase, 'Failed');
  assert.equal(status.failure?.identity, 'worker');
  assert.equal(status.failure?.exitCode, 137);
  assert.match(status.failure?.pod ?? '', /^worker-broken-1-worker-/);
});

void test("a spot interruption of the master's node ends the attempt without counting it", async () => {
  const simulation = start([
    ...runtime({ spotPercent: 100 }),
    job('long', { duration: '10m', worker: { min: 2, max: 2 } }, { backoffLimit: 0 }),
  ]);
  await until(simulation, 'running', () => find(simulation, 'long').status?.phase === 'Running');
  const master = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'on-demand');
  assert.ok(master);
  simulation.account.shutDown(master.instanceId);
  await simulation.settle(3 * hour);
  const { status } = find(simulation, 'long');
  assert.equal(status?.phase, 'Succeeded');
  assert.equal(status.attempts, 2);
  assert.equal(status.attemptHistory?.length, 2);
});

void test('a worker that infrastructure takes away comes back, in the same attempt', async () => {
  const simulation = start([
    ...runtime({ spotPercent: 100 }),
    job('long', { duration: '20m', worker: { min: 2, max: 2, cpu: '3' } }, { backoffLimit: 0 }),
  ]);
  await until(
    simulation,
    'running',
    () => find(simulation, 'long').status?.phase === 'Running' && find(simulation, 'long').status?.workers?.ready === 2,
  );
  const spot = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'spot');
  assert.ok(spot);
  simulation.account.shutDown(spot.instanceId);
  await until(simulation, 'one is missing', () => (find(simulation, 'long').status?.workers?.ready ?? 0) < 2);
  await until(simulation, 'it came back', () => find(simulation, 'long').status?.workers?.ready === 2);
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'long').status?.phase, 'Succeeded');
  assert.equal(find(simulation, 'long').status?.attempts, 1);
});

void test('workers grow to max as capacity allows, and not past the pool', async () => {
  const simulation = start([
    ...runtime({ max: 3, requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['c6a.xlarge'] }] }),
    job('elastic', { duration: '15m', worker: { min: 1, max: 9, cpu: '3' } }),
  ]);
  await until(simulation, 'grown', () => find(simulation, 'elastic').status?.workers?.ready === 3);
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'elastic').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});

void test('two gangs that each fit alone run one after the other', async () => {
  const one = { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['c6a.xlarge'] };
  const gang = { duration: '3m', worker: { min: 3, max: 3, cpu: '3' } };
  const simulation = start([...runtime({ max: 4, requirements: [one] }), job('first', gang), job('second', gang)]);
  let most = 0;
  simulation.world.afterStep(() => {
    most = Math.max(most, simulation.jobs().filter(({ status }) => status?.phase === 'Running').length);
  });
  await simulation.settle(3 * hour);
  assert.deepEqual(
    simulation.jobs().map(({ status }) => status?.phase),
    ['Succeeded', 'Succeeded'],
  );
  assert.equal(most, 1);
});

void test('workers beyond the minimum take no place that their own gang waits for', async () => {
  const one = { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['c6a.xlarge'] };
  const simulation = start([
    ...runtime({ max: 4, requirements: [one] }),
    job('first', { duration: '10m', worker: { min: 2, max: 2, cpu: '3' } }),
    job('second', { worker: { min: 3, max: 8, cpu: '3' } }),
  ]);
  await until(simulation, 'the second waits', () => find(simulation, 'second').status?.waiting?.reason === 'GangIncomplete');
  await simulation.world.runUntil(() => false, minute);
  assert.equal(simulation.account.liveInstances().length, 3, 'none for workers that do not start');
  await simulation.settle(3 * hour);
  assert.deepEqual(
    simulation.jobs().map(({ status }) => status?.phase),
    ['Succeeded', 'Succeeded'],
  );
});

void test('a gang that loses a node before it starts, and may have no other, takes the place of its own growth', async () => {
  const one = { key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['c6a.xlarge'] };
  const simulation = start([...runtime({ max: 3, requirements: [one] }), job('elastic', { worker: { min: 2, max: 9, cpu: '3' } })]);
  const lost = (): string | undefined => {
    const nodes = simulation.kubernetes.server.store.list(kindNamed('ElasticNode')) as unknown as readonly ElasticNode[];
    return nodes.find(({ spec }) => spec.reservedFor?.some(({ slots }) => slots.includes('worker/0')))?.status?.instanceId;
  };
  await until(simulation, 'launched', () => simulation.account.liveInstances().length === 4 && lost() !== undefined);
  simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...current.spec, workers: { ...(current.spec?.['workers'] as object), max: 2 } },
  }));
  simulation.account.shutDown(lost() ?? '');
  await simulation.settle(3 * hour);
  const { status } = find(simulation, 'elastic');
  assert.deepEqual([status?.phase, status?.attempts], ['Succeeded', 1]);
  assert.equal(simulation.account.instances().length, 4, 'nothing was launched in its stead');
});

void test('a gang that never fits waits with a reason, launches nothing, and fails at waitDeadlineSeconds', async () => {
  const simulation = start([
    ...runtime({ max: 1 }),
    job('wide', { worker: { min: 40, max: 40, cpu: '30' } }, { waitDeadlineSeconds: 600 }),
  ]);
  await until(
    simulation,
    'waiting',
    () => find(simulation, 'wide').status?.waiting?.reason !== undefined && find(simulation, 'wide').status?.phase === 'Waiting',
  );
  await simulation.world.runUntil(() => false, 2 * minute);
  assert.match(find(simulation, 'wide').status?.waiting?.reason ?? '', /LimitReached|GangIncomplete/);
  assert.equal(simulation.account.instances().length, 0);
  await simulation.settle(hour);
  assert.equal(find(simulation, 'wide').status?.failure?.reason, 'WaitDeadlineExceeded');
});

void test('activeDeadlineSeconds ends a job that runs too long', async () => {
  const simulation = start([...runtime({}), job('slow', { duration: '5h' }, { activeDeadlineSeconds: 300 })]);
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'slow').status?.failure?.reason, 'DeadlineExceeded');
  assert.deepEqual(simulation.account.liveInstances(), []);
});

void test('suspend gives the capacity back, resume runs the job to its end', async () => {
  const simulation = start([...runtime({}), job('paused', { duration: '5m', worker: { min: 1, max: 1 } })]);
  await until(simulation, 'running', () => find(simulation, 'paused').status?.phase === 'Running');
  change(simulation, 'paused', { suspend: true });
  await until(simulation, 'suspended', () => find(simulation, 'paused').status?.phase === 'Suspended');
  await until(simulation, 'nodes go', () => simulation.account.liveInstances().length === 0);
  change(simulation, 'paused', { suspend: false });
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'paused').status?.phase, 'Succeeded');
});

void test('terminate ends the job and keeps its record and its agent log', async () => {
  const simulation = start([...runtime({}), job('ended', { duration: '5h', worker: { min: 1, max: 1 } })]);
  await until(simulation, 'running', () => find(simulation, 'ended').status?.phase === 'Running');
  change(simulation, 'ended', { terminate: true });
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'ended').status?.phase, 'Terminated');
  assert.ok(simulation.account.objects('acme-logs').some(({ key }) => key.endsWith('/agent/agent.log')));
});

void test('a node minimum is kept without jobs', async () => {
  const simulation = start([...runtime({ min: 2 }, { masters: { min: 1, max: 2 } })]);
  await until(simulation, 'three nodes', () => simulation.account.liveInstances().length === 3);
  await simulation.world.runUntil(() => false, hour);
  assert.equal(simulation.account.liveInstances().length, 3);
  assert.equal(simulation.account.instances().length, 3);
});

void test('insufficient capacity moves on to another offering, and is remembered', async () => {
  const account: SimulationManifest = {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { capacity: ['c6a.large', 'c6a.xlarge', 'c7i.large', 'm6a.large'].map((instanceType) => ({ instanceType, instances: 0 })) },
  };
  const simulation = start([...runtime({}), job('hungry', { worker: { min: 2, max: 2 } }), account]);
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'hungry').status?.phase, 'Succeeded');
  assert.ok(simulation.account.instances().every(({ type }) => !['c6a.large', 'c6a.xlarge', 'c7i.large', 'm6a.large'].includes(type.name)));
});
