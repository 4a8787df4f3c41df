import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { defaultRoles, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* A runtime that was verified is looked at again: what AWS no longer lets it become is said of it. */

type Event = { readonly type: string; readonly reason: string; readonly note?: string; readonly message?: string };

const roleArn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const condition = (simulation: Simulation, type: string) => simulation.runtimes()[0]?.status?.conditions?.find((one) => one.type === type);
const isReady = (simulation: Simulation): boolean => condition(simulation, 'Ready')?.status === 'True';
const eventsOf = (simulation: Simulation): readonly Event[] =>
  simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly Event[];

for (const [what, manifests, lost] of [
  ['the agent role', runtime({}), 'agent'],
  ['the operator role', runtime({}), 'operator'],
  ['the worker role', runtime({}), 'worker'],
  ['the agent role of default roles', defaultRoles(), 'agent'],
] as const) {
  void test(`${what} that goes is said of a runtime that lives, ends nothing that runs, and is over when the role is back`, async () => {
    const simulation = start([...manifests, job('runs', { duration: '5h' })]);
    await until(simulation, 'running', () => find(simulation, 'runs').status?.phase === 'Running');
    const role = simulation.account.spec.roles.find(({ arn }) => arn === roleArn(lost));
    assert.ok(role);
    simulation.account.deleteRole(role.arn);
    const goneAt = simulation.world.now();
    await simulation.world.runUntil(() => condition(simulation, 'AccessVerified')?.status === 'False', 2 * hour);
    assert.ok(simulation.world.now() - goneAt < 85 * minute, `${(simulation.world.now() - goneAt) / minute} minutes`);
    const { reason, message = '' } = condition(simulation, 'AccessVerified') ?? {};
    assert.equal(reason, 'AccessDenied');
    assert.match(message, new RegExp(`^sts:AssumeRole\\S* on ${roleArn(lost)} failed as ${lost} .*AccessDenied: `));
    assert.deepEqual([condition(simulation, 'Ready')?.status, condition(simulation, 'Ready')?.message], ['False', message]);
    assert.ok(!isReady(simulation));
    simulation.apply(job('waits', { duration: '1m' }));
    await simulation.world.runUntil(() => false, 30 * minute);
    assert.equal(find(simulation, 'waits').status?.waiting?.reason, 'RuntimeNotReady');
    assert.equal(find(simulation, 'runs').status?.phase, 'Running');
    assert.equal(simulation.account.liveInstances().length, 1);
    const told = eventsOf(simulation).filter(({ type, reason: why }) => type === 'Warning' && why === 'AccessDenied');
    assert.deepEqual(
      told.map(({ note, message: text }) => (note ?? text ?? '').slice(0, 60)),
      [message.slice(0, 60)],
    );
    simulation.account.putRole(role);
    const backAt = simulation.world.now();
    await until(simulation, 'ready', () => isReady(simulation));
    assert.ok(simulation.world.now() - backAt < 3 * minute);
    assert.equal(condition(simulation, 'AccessVerified')?.status, 'True');
    await until(simulation, 'what waited is done', () => find(simulation, 'waits').status?.phase === 'Succeeded');
    assert.equal(find(simulation, 'runs').status?.phase, 'Running');
    assert.equal(find(simulation, 'runs').status?.attempts, 1);
    assert.deepEqual(simulation.violations(), []);
  });
}

void test('runtimes that nobody uses are looked at each half hour, and not all at once', async () => {
  const [namespace, first] = runtime({}) as readonly [SimulationManifest, SimulationManifest];
  const names = ['a', 'b', 'c', 'd', 'e'];
  const simulation = start([namespace, ...names.map((name) => ({ ...first, metadata: { name, namespace: 'finance' } }))]);
  await simulation.world.runUntil(() => false, 4 * hour);
  const looks = simulation
    .audit()
    .filter(({ action, resource, preflight }) => action === 'sts:AssumeRole' && resource === roleArn('worker') && preflight === true);
  const since = simulation.world.now() - 3 * hour;
  const seldom = names.map((name) =>
    looks.filter(({ runtime: of, time }) => of === `finance/${name}` && Date.parse(time) > since).map(({ time }) => Date.parse(time)),
  );
  for (const times of seldom) assert.ok(times.length >= 5 && times.length <= 8, `${times.length} looks in three hours`);
  // Two may fall into the same minute by chance.
  assert.ok(new Set(seldom.map(([time = 0]) => Math.floor(time / minute))).size >= 3);
  assert.deepEqual(simulation.violations(), []);
});
