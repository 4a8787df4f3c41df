import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* A pod of a started attempt that cannot start does not hold nodes for ever. */

function spoiled(
  manifest: SimulationManifest,
  change: (template: { metadata: object; spec: object }, role: 'master' | 'workers') => object,
) {
  const { spec } = manifest as unknown as { spec: Record<'master' | 'workers', { template: { metadata: object; spec: object } }> };
  const roles = (['master', 'workers'] as const).filter((role) => spec[role] !== undefined);
  const changed = Object.fromEntries(roles.map((role) => [role, { ...spec[role], template: change(spec[role].template, role) }]));
  return { ...manifest, spec: { ...spec, ...changed } };
}

const imagePull = (which: 'master' | 'workers') => (template: { metadata: object; spec: object }, role: 'master' | 'workers') =>
  role !== which
    ? template
    : { ...template, metadata: { annotations: { 'simulation.elasticruntime.dev/start-error': 'ImagePullBackOff' } } };

void test('an image that cannot be pulled ends each attempt after startDeadlineSeconds, and the job after backoffLimit', async () => {
  const broken = job('etl', {}, { backoffLimit: 1, startDeadlineSeconds: 300 });
  const simulation = start([...runtime({}), spoiled(broken, imagePull('master'))]);
  await until(simulation, 'it fails', () => find(simulation, 'etl').status?.phase === 'Failed');
  const { status } = find(simulation, 'etl');
  assert.equal(status?.attempts, 2);
  assert.equal(status.failure?.reason, 'StartDeadlineExceeded');
  assert.match(
    status.failure?.message ?? '',
    /^pod etl-2-master-\S+, container main did not start within 300 s \(startDeadlineSeconds\): ImagePullBackOff: simulated/,
  );
  for (const { reason, startTime, endTime } of status.attemptHistory ?? []) {
    assert.equal(reason, 'StartDeadlineExceeded');
    const seconds = (Date.parse(endTime ?? '') - Date.parse(startTime ?? '')) / 1000;
    assert.ok(seconds >= 300 && seconds < 360, `${seconds} s`);
  }
  await simulation.settle(hour);
  assert.deepEqual(simulation.account.liveInstances(), []);
});

void test('a worker that cannot start ends the attempt although the master runs; the default is ten minutes', async () => {
  const broken = job('etl', { duration: '5h', worker: { min: 2, max: 2 } }, { backoffLimit: 0 });
  const simulation = start([...runtime({}), spoiled(broken, imagePull('workers'))]);
  await until(simulation, 'it fails', () => find(simulation, 'etl').status?.phase === 'Failed');
  const { failure } = find(simulation, 'etl').status ?? {};
  assert.equal(failure?.identity, 'worker');
  assert.match(failure?.message ?? '', /did not start within 600 s/);
});

void test('a ConfigMap that is missing is named; one that comes in time lets the attempt go on', async () => {
  const volumes = [{ name: 'settings', configMap: { name: 'settings' } }];
  const mounted = (manifest: SimulationManifest) => spoiled(manifest, (template) => ({ ...template, spec: { ...template.spec, volumes } }));
  const simulation = start([
    ...runtime({}),
    mounted(job('late', {}, { backoffLimit: 0 })),
    mounted(job('never', {}, { backoffLimit: 0, startDeadlineSeconds: 60 })),
  ]);
  await until(simulation, 'never fails', () => find(simulation, 'never').status?.phase === 'Failed');
  assert.match(find(simulation, 'never').status?.failure?.message ?? '', /configmap "settings" not found/);
  assert.equal(find(simulation, 'late').status?.phase, 'Running');
  simulation.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'finance' }, data: {} });
  await simulation.settle(hour);
  assert.equal(find(simulation, 'late').status?.phase, 'Succeeded');
});

void test('waiting for capacity is no start: a worker that was taken away may wait longer than the deadline', async () => {
  const simulation = start([
    ...runtime({ spotPercent: 100, requirements: [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['c6a.xlarge'] }] }),
    job('long', { duration: '40m', worker: { min: 1, max: 1, cpu: '3' } }, { backoffLimit: 0, startDeadlineSeconds: 60 }),
  ]);
  await until(simulation, 'running', () => find(simulation, 'long').status?.workers?.ready === 1);
  const spot = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'spot');
  assert.ok(spot);
  simulation.account.setCapacity([{ instanceType: 'c6a.xlarge', instances: 0 }]);
  simulation.account.shutDown(spot.instanceId);
  await until(simulation, 'it is missing', () => find(simulation, 'long').status?.workers?.ready === 0);
  await simulation.world.runUntil(() => false, 10 * minute);
  assert.equal(find(simulation, 'long').status?.phase, 'Running', find(simulation, 'long').status?.failure?.message ?? '');
  simulation.account.setCapacity([]);
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'long').status?.phase, 'Succeeded');
  assert.equal(find(simulation, 'long').status?.attempts, 1);
});
