import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticNode } from '../../src/api/generated/types.ts';
import { differencesOf } from '../../src/sim/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

function nodes(simulation: Simulation): readonly ElasticNode[] {
  return simulation.kubernetes.server.store.list(kindNamed('ElasticNode')) as unknown as readonly ElasticNode[];
}

function withAnnotation(manifest: SimulationManifest, key: string, value: string): SimulationManifest {
  return JSON.parse(
    JSON.stringify(manifest).replaceAll(
      '"simulation.elasticruntime.dev/exit-code"',
      `"${key}":"${value}","simulation.elasticruntime.dev/exit-code"`,
    ),
  ) as SimulationManifest;
}

void test('a volume that fills up grows as worker: never a no-op, never more than four times a day, never smaller', async () => {
  const filling = withAnnotation(job('filler', { duration: '6h' }), 'simulation.elasticruntime.dev/writes-gib-per-hour', '60');
  const simulation = start(
    [...runtime({}, { masters: { min: 0, max: 4, volumes: { type: 'gp3', initialGiB: 50, maxGiB: 400, growAtPercent: 80 } } }), filling],
    { nodeAgents: true },
  );
  await until(simulation, 'running', () => find(simulation, 'filler').status?.phase === 'Running');
  await simulation.world.runUntil(() => false, 5 * hour);
  const grown = simulation.account.calls.filter(({ method }) => method === 'ec2.modifyVolume');
  const made = grown.filter(({ outcome }) => outcome === 'ok');
  assert.ok(made.length >= 2 && made.length <= 4, `${made.length} modifications`);
  assert.equal(grown.length, made.length, 'none was refused');
  assert.ok(grown.every(({ roleArn }) => roleArn?.endsWith('role/worker')));
  const [volume] = simulation.account.volumes();
  assert.ok(volume && simulation.account.volumeSize(volume) > 100);
  const history = nodes(simulation)[0]?.status?.volumes?.[0]?.modifications ?? [];
  assert.ok(history.length >= 2 && history.every(({ fromGiB, toGiB }) => toGiB > fromGiB));
  assert.deepEqual(simulation.violations(), []);
});

void test("the logs of every pod arrive whole before its attempt's pods go, written as the role of their node", async () => {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 2, max: 2 } })], { nodeAgents: true });
  await simulation.settle(2 * hour);
  const { status, metadata } = find(simulation, 'talker');
  assert.equal(status?.conditions?.find(({ type }) => type === 'LogsUploaded')?.reason, 'Uploaded');
  const prefix = `elastic/acme/finance/analytics/jobs/talker-${(metadata as { readonly uid?: string }).uid?.slice(0, 8)}/1/`;
  const objects = simulation.account.objects('acme-logs').filter(({ key }) => key.startsWith(prefix));
  const text = (role: string): string =>
    objects
      .filter(({ key }) => key.startsWith(`${prefix}${role}/`) && key.includes('/main/'))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ body }) => new TextDecoder().decode(body))
      .join('');
  // A line every five seconds for four minutes, and one at the end.
  assert.equal(text('master').trimEnd().split('\n').length, 49);
  assert.ok(text('worker').split('\n').length > 80);
  const writers = new Set(
    simulation
      .audit()
      .filter(({ action, resource }) => action === 's3:PutObject' && resource.includes('/master/'))
      .map(({ identity }) => identity),
  );
  assert.deepEqual([...writers], ['master']);
  assert.deepEqual(
    differencesOf(
      simulation.account.calls.filter(({ time }) => time < simulation.world.now() - minute),
      simulation.audit().filter(({ time }) => Date.parse(time) < simulation.world.now() - minute + 1000),
    ).slice(0, 2),
    [],
  );
});

void test('a notice of interruption moves the work before the machine is taken', async () => {
  const simulation = start(
    [...runtime({ spotPercent: 100 }), job('long', { duration: '15m', worker: { min: 1, max: 1, cpu: '3' } }, { backoffLimit: 0 })],
    { nodeAgents: true },
  );
  await until(simulation, 'running', () => find(simulation, 'long').status?.workers?.ready === 1);
  const spot = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'spot');
  assert.ok(spot);
  simulation.account.interrupt(spot.instanceId);
  await until(simulation, 'the node is given up', () =>
    nodes(simulation).some((node) => node.status?.instanceId === spot.instanceId && node.metadata.deletionTimestamp !== undefined),
  );
  assert.equal(simulation.account.stateOf(spot), 'running', 'before EC2 took it');
  await until(simulation, 'another worker is ready elsewhere', () => {
    const ready = find(simulation, 'long').status?.workers?.ready === 1;
    return (
      ready &&
      simulation.account.liveInstances().some(({ instanceId, capacityType }) => capacityType === 'spot' && instanceId !== spot.instanceId)
    );
  });
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'long').status?.phase, 'Succeeded');
  assert.equal(find(simulation, 'long').status?.attempts, 1);
});

void test('an instance that never joins is ended and replaced', async () => {
  const simulation = start([...runtime({}), job('patient', {})]);
  await until(simulation, 'launched', () => simulation.account.liveInstances().length > 0);
  const [first] = simulation.account.liveInstances();
  assert.ok(first);
  (first as { neverRegisters: boolean }).neverRegisters = true;
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'patient').status?.phase, 'Succeeded');
  assert.ok(simulation.account.instances().length >= 2);
  assert.match(simulation.account.instance(first.instanceId)?.endedBy ?? '', /role\/master/);
});

void test('what is not its own is never touched: an instance with another node uid stays, one of a node that is gone is ended', async () => {
  const simulation = start([...runtime({ min: 1 })]);
  await until(simulation, 'one node', () => nodes(simulation)[0]?.status?.phase === 'Ready');
  const [own] = simulation.account.liveInstances();
  assert.ok(own);
  // Somebody takes the finalizer off and deletes the intent: the instance is an orphan with all our tags.
  const name = nodes(simulation)[0]?.metadata.name ?? '';
  simulation.kubernetes.server.delete(kindNamed('ElasticNode'), name);
  simulation.kubernetes.server.patch(kindNamed('ElasticNode'), name, undefined, 'somebody', (current) => ({
    ...current,
    metadata: { ...current.metadata, finalizers: [] },
  }));
  await until(
    simulation,
    'the orphan is ended',
    () => !simulation.account.liveInstances().some(({ instanceId }) => instanceId === own.instanceId),
  );
  await until(simulation, 'the minimum is kept', () => nodes(simulation).some((node) => node.status?.phase === 'Ready'));
});
