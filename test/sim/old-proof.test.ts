import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { change, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* What was proved of a job is at most ten minutes old when nodes are launched for it, however long it waits. */

const reader = 'arn:aws:iam::111122223333:role/reader';
const connections = [
  {
    name: 'orders',
    usage: 'SourceAndTarget',
    connector: 'AmazonS3',
    location: 's3://acme-orders/raw/',
    authentication: { roleArn: reader },
  },
];
const classOf = (nodes: number): SimulationManifest => ({
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticRuntimeClass',
  metadata: { name: 'default' },
  spec: { allowed: {}, limitsPerNamespace: { nodes } },
});

function withdraw({ account }: Simulation): void {
  const role = account.roles().find(({ arn }) => arn === reader);
  assert.ok(role);
  account.putRole({ ...role, policies: [] });
}

const pass = (simulation: Simulation, ms: number) => simulation.world.runUntil(() => false, ms);
const lists = ({ account }: Simulation) =>
  account.calls.filter(({ action, resource }) => action === 's3:ListBucket' && resource.includes('acme-orders'));
const launches = ({ account }: Simulation) =>
  account.calls.filter(({ action, outcome }) => action === 'ec2:CreateFleet' && outcome === 'ok');
const accessOf = ({ status }: ElasticJob) => status?.conditions?.find(({ type }) => type === 'AccessVerified');
const isOver = (simulation: Simulation) => ['Failed', 'Succeeded'].includes(find(simulation, 'etl').status?.phase ?? '');

function assertRefused(simulation: Simulation, nodes: number): void {
  const etl = find(simulation, 'etl');
  assert.deepEqual([etl.status?.phase, etl.status?.failure?.reason, accessOf(etl)?.status], ['Failed', 'AccessDenied', 'False']);
  assert.equal(launches(simulation).length, nodes, 'nothing was launched on what was true before');
}

async function waitingForLimit(names: readonly string[] = ['etl']): Promise<Simulation> {
  const simulation = start([classOf(0), ...runtime({}), ...names.map((name) => job(name, { duration: '2m' }, { connections }))]);
  await until(simulation, 'all wait for the limit', () =>
    simulation.jobs().every(({ status }) => status?.waiting?.reason === 'LimitReached'),
  );
  return simulation;
}

void test('a job that waits for capacity is proved every ten minutes, and ends when it is refused', async () => {
  const simulation = await waitingForLimit();
  await pass(simulation, 3 * hour);
  const times = lists(simulation).map(({ time }) => time);
  assert.ok(times.length >= 18, `${times.length} times in three hours`);
  for (const [index, time] of times.entries())
    assert.ok(index === 0 || Math.abs(time - (times[index - 1] ?? 0) - 10 * minute) < 5_000, 'ten minutes apart');
  withdraw(simulation);
  await simulation.world.runUntil(() => isOver(simulation), 11 * minute);
  assertRefused(simulation, 0);
});

void test('equal jobs that wait cost one preflight in ten minutes and one write each, and say what they wait for all the time', async () => {
  const simulation = await waitingForLimit(Array.from({ length: 50 }, (_, index) => `etl-${index}`));
  await pass(simulation, minute);
  const asked = lists(simulation).length;
  const writes = new Map<string, number>();
  const said = new Set<string>();
  const shown = ({ metadata, status }: ElasticJob): string =>
    JSON.stringify([metadata.name, status?.phase, status?.waiting, status?.conditions, status?.preflight]);
  for (const one of simulation.jobs()) said.add(shown(one));
  simulation.kubernetes.server.store.subscribe((kind, { object }) => {
    if (kind.kind !== 'ElasticJob') return;
    writes.set(object.metadata.name, (writes.get(object.metadata.name) ?? 0) + 1);
    said.add(shown(object as unknown as ElasticJob));
  });
  await pass(simulation, hour);
  assert.equal(lists(simulation).length - asked, 6);
  assert.equal(said.size, 50, 'nothing that people see has changed');
  const all = [...writes.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(all <= 50 * 6 + 6, `${all} writes of 50 jobs in an hour: one for each verification, and the note of whoever makes it`);
});

void test('a refusal ends all equal jobs that wait, and is asked for a few times only', async () => {
  const simulation = await waitingForLimit(Array.from({ length: 50 }, (_, index) => `etl-${index}`));
  withdraw(simulation);
  const asked = lists(simulation).length;
  await simulation.world.runUntil(() => simulation.jobs().every(({ status }) => status?.phase === 'Failed'), 11 * minute);
  assert.ok(simulation.jobs().every(({ status }) => status?.phase === 'Failed'));
  assert.ok(lists(simulation).length - asked <= 10, `${lists(simulation).length - asked} times`);
});

void test('a job that was suspended for hours is proved before a node is launched for it', async () => {
  const simulation = start([classOf(50), ...runtime({}), job('etl', { duration: '2m' }, { connections })]);
  await until(simulation, 'it is verified', () => accessOf(find(simulation, 'etl'))?.status === 'True');
  change(simulation, 'etl', { suspend: true });
  await pass(simulation, 3 * hour);
  const before = launches(simulation).length;
  withdraw(simulation);
  change(simulation, 'etl', { suspend: false });
  await until(simulation, 'it has ended', () => isOver(simulation));
  assertRefused(simulation, before);
});

void test('so is the next attempt of one that ran for hours', async () => {
  const simulation = start([...runtime({}), job('etl', { duration: '2h', exitCode: '1' }, { connections, backoffLimit: 3 })]);
  await until(simulation, 'it runs', () => find(simulation, 'etl').status?.phase === 'Running');
  const before = launches(simulation).length;
  await pass(simulation, 30 * minute);
  assert.equal(lists(simulation).length, 1, 'what runs is not asked');
  withdraw(simulation);
  await simulation.world.runUntil(() => isOver(simulation), 3 * hour);
  assertRefused(simulation, before);
  assert.equal(find(simulation, 'etl').status?.attempts, 2);
});

void test('a node that was planned for a job is launched when the job, of which nobody knows how old its proof is, is proved once more', async () => {
  for (const refuses of [false, true]) {
    const simulation = await waitingForLimit();
    // As a process finds it that was away for an hour.
    simulation.kubernetes.server.patch(kindNamed('ElasticJob'), 'finance/etl', 'status', 'kubectl', (current) => {
      const status = (current as unknown as ElasticJob).status ?? {};
      return { ...current, status: { ...status, internal: { ...status.internal, verifiedAt: '2026-11-02T07:00:00Z' } } };
    });
    if (refuses) withdraw(simulation);
    // Its own timer would come first.
    simulation.operator.current().process.crash();
    simulation.apply(classOf(50));
    await until(simulation, 'it has ended', () => isOver(simulation));
    if (refuses) assertRefused(simulation, 0);
    else assert.ok((lists(simulation)[1]?.time ?? Infinity) < (launches(simulation)[0]?.time ?? 0), 'proved before it was launched');
  }
});
