import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { change, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* What a hostile review found, each as the history in which it went wrong. */

function uidOf(simulation: Simulation, name: string): string {
  return (find(simulation, name).metadata as { readonly uid?: string }).uid ?? '';
}

function runtimeOf(simulation: Simulation): ElasticRuntime | undefined {
  return simulation.runtimes()[0];
}

void test("a stranger's pods with a job's labels decide nothing, in any namespace", async () => {
  const simulation = start([...runtime({}), job('victim', { duration: '5m' })]);
  await until(simulation, 'running', () => find(simulation, 'victim').status?.phase === 'Running');
  simulation.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stranger' } });
  for (const namespace of ['stranger', 'finance']) {
    if (simulation.kubernetes.server.store.get(kindNamed('ServiceAccount'), `${namespace}/default`) === undefined) {
      simulation.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
    }
    const labels = {
      'elasticruntime.dev/job-uid': uidOf(simulation, 'victim'),
      'elasticruntime.dev/job': 'victim',
      'elasticruntime.dev/runtime': 'analytics',
      'elasticruntime.dev/attempt': '1',
      'elasticruntime.dev/role': 'master',
    };
    simulation.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `forged-${namespace}`, namespace, labels } as SimulationManifest['metadata'],
      spec: { containers: [{ name: 'main', image: 'x' }] },
    });
    simulation.kubernetes.server.change(kindNamed('Pod'), `${namespace}/forged-${namespace}`, (pod) => ({
      ...pod,
      status: { phase: 'Failed', containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 1 } } }] },
    }));
  }
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'victim').status?.phase, 'Succeeded');
  assert.equal(find(simulation, 'victim').status?.attempts, 1);
});

void test('a Service of somebody else with the name of ours is left alone', async () => {
  const foreign = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kafka-1', namespace: 'finance' },
    spec: { selector: { app: 'kafka' }, ports: [{ port: 9092 }] },
  };
  const simulation = start([...runtime({}), foreign, job('kafka', {})]);
  await until(simulation, 'it says so', () => find(simulation, 'kafka').status?.waiting?.reason === 'NameTaken');
  simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/kafka');
  await until(simulation, 'the job is gone', () => simulation.jobs().length === 0);
  assert.ok(simulation.kubernetes.server.store.get(kindNamed('Service'), 'finance/kafka-1'));
});

void test('time in suspension counts against no deadline', async () => {
  const limits = { waitDeadlineSeconds: 600, activeDeadlineSeconds: 900 };
  const simulation = start([
    ...runtime({}),
    job('queued', { duration: '5m' }, { ...limits, suspend: true }),
    job('paused', { duration: '10m' }, limits),
  ]);
  await until(simulation, 'running', () => find(simulation, 'paused').status?.phase === 'Running');
  change(simulation, 'paused', { suspend: true });
  await simulation.world.runUntil(() => false, hour);
  for (const name of ['queued', 'paused']) change(simulation, name, { suspend: false });
  await simulation.settle(2 * hour);
  assert.deepEqual(
    simulation.jobs().map(({ status }) => status?.phase),
    ['Succeeded', 'Succeeded'],
  );
});

void test('a job of a runtime that never comes obeys terminate and waitDeadlineSeconds, without spinning', async () => {
  const lost = (name: string) => job(name, {}, { runtime: 'nowhere', waitDeadlineSeconds: 300 });
  const simulation = start([...runtime({}), lost('late'), lost('given-up')]);
  await simulation.world.runUntil(() => false, minute);
  change(simulation, 'given-up', { terminate: true });
  await simulation.world.runUntil(() => false, 10 * minute);
  assert.equal(find(simulation, 'given-up').status?.phase, 'Terminated');
  assert.equal(find(simulation, 'late').status?.failure?.reason, 'WaitDeadlineExceeded');
  const before = simulation.kubernetes.server.store.version();
  await simulation.world.runUntil(() => false, hour);
  assert.equal(simulation.kubernetes.server.store.version(), before);
});

void test('ttlSecondsAfterFinished is obeyed although cleanupAfterSeconds is later', async () => {
  const simulation = start([...runtime({}), job('brief', {}, { ttlSecondsAfterFinished: 60 })]);
  await until(simulation, 'ended', () => find(simulation, 'brief').status?.phase === 'Succeeded');
  await simulation.world.runUntil(() => simulation.jobs().length === 0, 3 * minute);
  assert.deepEqual(simulation.jobs(), []);
});

void test('a launch template that somebody deleted is made anew, and the job runs', async () => {
  const simulation = start([...runtime({}), job('later', {}, { suspend: true })]);
  await until(simulation, 'templates', () => (runtimeOf(simulation)?.status?.launchTemplates ?? []).length === 2);
  const ids = simulation.account.templates().map(({ id }) => id);
  for (const id of ids) simulation.account.deleteTemplate(id);
  change(simulation, 'later', { suspend: false });
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'later').status?.phase, 'Succeeded');
  assert.ok(simulation.account.templates().every(({ id }) => !ids.includes(id)));
});

void test('deleting a runtime ends its nodes even where staging can no longer be cleared, and says what blocks the rest', async () => {
  const simulation = start([...runtime({}), job('running', { duration: '5h', worker: { min: 1, max: 1 } })]);
  await until(simulation, 'running', () => find(simulation, 'running').status?.phase === 'Running');
  const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/operator'));
  assert.ok(role);
  const deny = {
    name: 'deny',
    document: { Version: '2012-10-17' as const, Statement: [{ Effect: 'Deny' as const, Action: 's3:*', Resource: '*' }] },
  };
  simulation.account.putRole({ ...role, policies: [...role.policies, deny] });
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'no node is left', () => simulation.account.liveInstances().length === 0);
  await until(
    simulation,
    'it says what blocks',
    () => runtimeOf(simulation)?.status?.conditions?.some(({ type, status }) => type === 'CleanupBlocked' && status === 'True') ?? false,
  );
  simulation.account.putRole(role);
  await until(simulation, 'it goes once it can', () => simulation.runtimes().length === 0);
});

void test("a role of the wrong kind blocks its own runtime's launches only, and says why", async () => {
  const [, good] = runtime({});
  const other = { ...(good as SimulationManifest), metadata: { name: 'analytics', namespace: 'evil' } };
  const simulation = start([
    ...runtime({}),
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'evil' } },
    JSON.parse(JSON.stringify(other).replace('role/master', 'role/evil-master')) as SimulationManifest,
  ]);
  // What it may not do from the start is found before anything is planned (preflight-roles.test.ts).
  await until(simulation, 'both are ready', () =>
    simulation.runtimes().every(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')),
  );
  const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/evil-master'));
  assert.ok(role);
  const deny = {
    name: 'deny',
    document: { Version: '2012-10-17' as const, Statement: [{ Effect: 'Deny' as const, Action: 'ec2:RunInstances', Resource: '*' }] },
  };
  simulation.account.putRole({ ...role, policies: [...role.policies, deny] });
  simulation.apply({ ...job('greedy', {}), metadata: { name: 'greedy', namespace: 'evil' } });
  await until(simulation, 'it says why', () => find(simulation, 'greedy').status?.waiting?.reason === 'LaunchRefused');
  simulation.apply(job('honest', {}));
  await until(simulation, 'the other runtime works', () =>
    simulation.jobs().some(({ metadata, status }) => metadata.name === 'honest' && status?.phase === 'Succeeded'),
  );
});

void test('a Secret that a runtime no longer names is let go', async () => {
  const secret = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'finance' },
    stringData: { externalId: 'external-id' },
  });
  const [space, plain] = runtime({});
  const named = JSON.parse(
    JSON.stringify(plain).replace(
      '"roleArn":"arn:aws:iam::111122223333:role/operator"',
      '"roleArn":"arn:aws:iam::111122223333:role/operator","externalIdSecretRef":{"name":"first","key":"externalId"}',
    ),
  ) as SimulationManifest;
  const simulation = start([space as SimulationManifest, secret('first'), secret('second'), named]);
  const finalizersOf = (name: string) =>
    simulation.kubernetes.server.store.get(kindNamed('Secret'), `finance/${name}`)?.metadata.finalizers ?? [];
  await until(simulation, 'held', () => finalizersOf('first').length === 1);
  await until(
    simulation,
    'ready',
    () => runtimeOf(simulation)?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
  );
  simulation.kubernetes.server.patch(
    kindNamed('ElasticRuntime'),
    'finance/analytics',
    undefined,
    'kubectl',
    (current) => JSON.parse(JSON.stringify(current).replace('"name":"first"', '"name":"second"')) as typeof current,
  );
  await until(simulation, 'the new one is held', () => finalizersOf('second').length === 1);
  await until(simulation, 'the old one is let go', () => finalizersOf('first').length === 0);
});

void test('fields that this version does not act on are refused with a reason, not passed over', async () => {
  const [space, plain] = runtime({}, { network: { subnetIds: ['subnet-0123456789abcdef0'], securityGroupSelector: { Tier: 'private' } } });
  const spark = { spark: { type: 'Python', mainApplicationFile: 'local:///app.py' } };
  const simulation = start([space as SimulationManifest, plain as SimulationManifest]);
  await until(
    simulation,
    'the runtime says so',
    () => runtimeOf(simulation)?.status?.conditions?.some(({ type, reason }) => type === 'Stalled' && reason === 'NotSupported') ?? false,
  );
  assert.equal(simulation.account.calls.length, 0);
  simulation.apply(job('engine', {}, spark));
  await until(simulation, 'the job says so', () => find(simulation, 'engine').status?.failure?.reason === 'InvalidSpec');
  assert.match(find(simulation, 'engine').status?.failure?.message ?? '', /spec\.spark/);
});
