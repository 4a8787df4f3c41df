import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticNode } from '../../src/api/generated/types.ts';
import type { Node } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import { joinNode } from '../../src/sim/kubernetes/cluster.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { find, hour, job, runtime, start, until } from './support/stage.ts';

/* Who is root on a machine writes its Node's provider id: a stolen one says that it is another runtime's instance. */

function intents(simulation: Simulation): readonly ElasticNode[] {
  return simulation.kubernetes.server.store.list(kindNamed('ElasticNode')) as unknown as readonly ElasticNode[];
}

function labelled(simulation: Simulation): readonly string[] {
  const all = simulation.kubernetes.server.store.list(kindNamed('Node')) as unknown as readonly Node[];
  return all.filter(({ metadata }) => metadata.labels?.[labels.runtimeUid] !== undefined).map(({ metadata }) => metadata.name);
}

function claim(simulation: Simulation, name: string, instanceId: string, zone: string): void {
  const capacity = { cpu: '8', memory: '32Gi', pods: '50', 'ephemeral-storage': '50Gi' };
  joinNode(simulation.kubernetes, { name, providerID: `aws:///${zone}/${instanceId}`, zone, capacity });
}

void test('a machine that claims the provider id of a registered one gets no label, also when the operator begins anew', async () => {
  const simulation = start([...runtime({ min: 1 })]);
  await until(simulation, 'one node', () => intents(simulation)[0]?.status?.phase === 'Ready');
  const [instance] = simulation.account.liveInstances();
  assert.ok(instance);
  // Before the real one in every list of the API server.
  claim(simulation, 'a-stolen-machine', instance.instanceId, instance.zone);
  simulation.operator.current().process.crash();
  await simulation.world.runUntil(() => false, hour);
  assert.deepEqual(labelled(simulation), [instance.privateDnsName]);
  assert.equal(intents(simulation)[0]?.status?.nodeName, instance.privateDnsName);
});

void test('of two machines that claim one provider id before any is registered, none gets a pod; the intent is given up with the reason', async () => {
  const simulation = start([...runtime({}), job('patient', {})]);
  await until(simulation, 'launched', () => simulation.account.liveInstances().length > 0);
  const [instance] = simulation.account.liveInstances();
  assert.ok(instance);
  (instance as { neverRegisters: boolean }).neverRegisters = true;
  for (const name of ['a-machine', 'b-machine']) claim(simulation, name, instance.instanceId, instance.zone);
  await until(simulation, 'it says so', () =>
    intents(simulation).some(({ status }) => status?.conditions?.some(({ reason }) => reason === 'ProviderIdClaimedTwice')),
  );
  assert.deepEqual(labelled(simulation), []);
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'patient').status?.phase, 'Succeeded');
  assert.match(simulation.account.instance(instance.instanceId)?.endedBy ?? '', /role\/master/);
});
