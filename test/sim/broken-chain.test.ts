import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/api/kubernetes.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { find, job, minute, runtime, start, until } from './support/stage.ts';

/* What a tenant sees where an identity breaks while a job runs: nodes that cannot be launched any more, and why. */

const roleArn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const waitingOf = (simulation: Simulation) => find(simulation, 'etl').status?.waiting;

function roleOf({ account }: Simulation, name: string) {
  const role = account.roles().find(({ arn }) => arn === roleArn(name));
  assert.ok(role);
  return role;
}

const nobody = {
  Version: '2012-10-17' as const,
  Statement: [{ Effect: 'Allow' as const, Principal: { AWS: roleArn('nobody') }, Action: 'sts:AssumeRole' }],
};
const statement = /Add to the (trust|identity) policy of role /;

for (const name of ['agent', 'operator', 'master'])
  void test(`a job whose nodes are lost after the ${name} role let nobody in any more says who was refused, and what to add`, async () => {
    const simulation = start([...runtime({}), job('etl', { duration: '20m', worker: { min: 1, max: 1, cpu: '3' } })]);
    await until(simulation, 'it runs', () => find(simulation, 'etl').status?.workers?.ready === 1);
    const role = roleOf(simulation, name);
    simulation.account.putRole({ ...role, trust: nobody });
    // Sessions from before are honoured until they have ended: a process that was not there has none.
    simulation.operator.current().process.crash();
    for (const { instanceId } of simulation.account.liveInstances()) simulation.account.shutDown(instanceId);
    const isSaid = (): boolean => /AccessDenied/.test(waitingOf(simulation)?.message ?? '');
    await simulation.world.runUntil(isSaid, 5 * minute);
    const { reason, message = '' } = waitingOf(simulation) ?? {};
    // Whichever is seen first: the launch, or the runtime's own look.
    assert.match(reason ?? '', /^(LaunchRefused|RuntimeNotReady)$/);
    assert.match(
      message,
      new RegExp(`^(runtime analytics is not ready: )?sts:AssumeRole.* failed as ${name} \\(chain .*${roleArn(name)}\\): AccessDenied`),
    );
    assert.match(message, statement);
    await simulation.world.runUntil(() => false, 2 * minute);
    assert.ok(isSaid(), 'as long as it is so');
    const events = simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly Event[];
    const ofRuntime = events.filter(
      ({ involvedObject, reason: why }) => involvedObject.kind === 'ElasticRuntime' && /^(LaunchRefused|AccessDenied)$/.test(why),
    );
    assert.ok(ofRuntime.length >= 1, 'the runtime says it, too');
    simulation.account.putRole(role);
    await until(simulation, 'it goes on', () => find(simulation, 'etl').status?.phase === 'Running');
    assert.deepEqual(simulation.violations(), []);
  });

void test('a fleet that may not launch is told once, with the statement', async () => {
  const simulation = start([...runtime({}), job('etl', {})]);
  await until(simulation, 'the runtime is ready', () =>
    simulation.runtimes().every(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')),
  );
  const role = roleOf(simulation, 'master');
  const policies = JSON.parse(
    JSON.stringify(role.policies).replaceAll('"ec2:CreateFleet","ec2:RunInstances"', '"ec2:CreateFleet"'),
  ) as typeof role.policies;
  simulation.account.putRole({ ...role, policies });
  await until(simulation, 'it says why', () => waitingOf(simulation)?.reason === 'LaunchRefused');
  const { message = '' } = waitingOf(simulation) ?? {};
  assert.match(message, /ec2:RunInstances on \* failed as master \(chain .*\): UnauthorizedOperation: /);
  assert.equal(message.split('UnauthorizedOperation').length, 2);
  assert.match(message, /Add to the identity policy of role master \(.*\): \{.*"ec2:RunInstances"/);
});
