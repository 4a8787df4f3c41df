import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { change, find, job, minute, runtime, start, until } from './support/stage.ts';

/* Whatever becomes of a job or of the operator while dependencies are put into staging: nothing of it is left there. */

const dependencies = [{ path: 'app/etl.py', configMapKeyRef: { name: 'code', key: 'etl.py' } }];
const code = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'code', namespace: 'finance' },
  data: { 'etl.py': 'print(1)' },
} as SimulationManifest;
const orders: SimulationManifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'ElasticConnection',
  metadata: { name: 'orders', namespace: 'finance' },
  spec: { connector: 'AmazonS3', location: 's3://acme-orders/raw/' },
};
const connections = [{ name: 'orders', usage: 'Source', connectionRef: { name: 'orders' } }];

const staged = ({ account }: Simulation): readonly string[] =>
  account
    .objects('acme-staging')
    .map(({ key }) => key)
    .filter((key) => key.includes('/deps/'));

const remove = (simulation: Simulation, kind: string, name: string): void => {
  simulation.kubernetes.server.delete(kindNamed(kind), `finance/${name}`);
};

const crash = (simulation: Simulation): void => simulation.operator.current().process.crash();
const terminate = (simulation: Simulation): void => change(simulation, 'etl', { terminate: true });
const deleteJob = (simulation: Simulation): void => remove(simulation, 'ElasticJob', 'etl');
const deleteConnection = (simulation: Simulation): void => remove(simulation, 'ElasticConnection', 'orders');

const histories: Readonly<Record<string, readonly ((simulation: Simulation) => void)[]>> = {
  'the job is deleted': [deleteJob],
  'the job is terminated': [terminate],
  'the operator dies and the job is deleted': [crash, deleteJob],
  'the operator dies and the job is terminated': [crash, terminate],
  'the job and what it is connected to are deleted': [deleteConnection, deleteJob],
  'the operator dies, the connection is deleted and the job terminated': [crash, deleteConnection, terminate],
  'the operator dies and the runtime is deleted': [crash, (simulation) => remove(simulation, 'ElasticRuntime', 'analytics')],
};

for (const [name, history] of Object.entries(histories))
  void test(`nothing stays in staging where, right after the first dependency was put there, ${name}`, async () => {
    const simulation = start([...runtime({}), code, orders, job('etl', {}, { connections, dependencies, cleanupAfterSeconds: 30 })]);
    let done = false;
    simulation.world.afterStep(() => {
      if (done || staged(simulation).length === 0) return;
      done = true;
      for (const happens of history) happens(simulation);
    });
    await until(simulation, 'a dependency is put', () => done);
    const isOver = (): boolean =>
      history.includes(deleteJob)
        ? simulation.jobs().length === 0
        : (find(simulation, 'etl').status?.internal as { readonly cleaned?: boolean } | undefined)?.cleaned === true;
    await until(simulation, 'it is over', isOver);
    assert.deepEqual(staged(simulation), []);
    await simulation.world.runUntil(() => false, 5 * minute);
    assert.deepEqual([staged(simulation), simulation.violations()], [[], []]);
  });

void test('a job whose dependency is stored has a note of it before the first is', async () => {
  const simulation = start([...runtime({}), code, orders, job('etl', {}, { connections, dependencies })]);
  await until(simulation, 'a dependency is put', () => staged(simulation).length > 0);
  const { staging } = (find(simulation, 'etl').status?.internal ?? {}) as { readonly staging?: boolean };
  assert.equal(staging, true);
});

void test('what was cleaned up and let go is not cleaned up once more where the cache is behind', async () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const simulation = start([...runtime({}), code, orders, job('etl', {}, { connections, dependencies })], { seed });
    const { server } = simulation.kubernetes;
    await until(simulation, 'a dependency is put', () => staged(simulation).length > 0);
    server.delete(kindNamed('Namespace'), 'finance');
    await until(simulation, 'the job is gone', () => simulation.jobs().length === 0);
    const { length } = simulation.account.calls;
    await simulation.world.runUntil(() => false, minute);
    const late = simulation.account.calls.slice(length).filter(({ resource }) => resource.includes('/jobs/etl-'));
    assert.deepEqual(late, [], `seed ${seed}`);
  }
});
