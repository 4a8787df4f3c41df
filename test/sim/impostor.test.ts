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

function registered(simulation: Simulation) {
  return intents(simulation).flatMap(({ status }) => status?.conditions?.filter(({ type }) => type === 'Registered') ?? []);
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

void test('a machine that claims the provider id before the real one has joined gets nothing, and the real one is believed when it comes', async () => {
  const simulation = start([...runtime({}), job('patient', {})]);
  await until(simulation, 'launched', () => intents(simulation)[0]?.status?.instanceId !== undefined);
  const [instance] = simulation.account.liveInstances();
  assert.ok(instance);
  claim(simulation, 'a-stolen-machine', instance.instanceId, instance.zone);
  await until(simulation, 'it says so', () => registered(simulation).some(({ reason }) => reason === 'NodeNameMismatch'));
  const [refusal] = registered(simulation);
  assert.match(refusal?.message ?? '', /^node a-stolen-machine says that it is aws:\/\/\/[^ ]+, whose name is ip-10-/);
  assert.deepEqual(labelled(simulation), []);
  await until(simulation, 'registered', () => intents(simulation)[0]?.status?.nodeName !== undefined);
  assert.equal(intents(simulation)[0]?.status?.nodeName, instance.privateDnsName);
  assert.deepEqual(labelled(simulation), [instance.privateDnsName]);
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'patient').status?.phase, 'Succeeded');
  assert.equal(simulation.account.instance(instance.instanceId)?.endedBy?.includes('a-stolen-machine') ?? false, false);
});

void test('a machine that is never there but by claims of others is given up with the reason, and its instance is ended as master', async () => {
  const simulation = start([...runtime({}), job('patient', {})]);
  await until(simulation, 'launched', () => simulation.account.liveInstances().length > 0);
  const [instance] = simulation.account.liveInstances();
  assert.ok(instance);
  (instance as { neverRegisters: boolean }).neverRegisters = true;
  for (const name of ['a-machine', 'b-machine']) claim(simulation, name, instance.instanceId, instance.zone);
  await until(simulation, 'it says so', () => registered(simulation).some(({ reason }) => reason === 'NodeNameMismatch'));
  assert.deepEqual(labelled(simulation), []);
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'patient').status?.phase, 'Succeeded');
  assert.match(simulation.account.instance(instance.instanceId)?.endedBy ?? '', /role\/master/);
});

void test('a machine that is named by its instance id joins as any other', async () => {
  const simulation = start([...runtime({}), job('patient', {})]);
  await until(simulation, 'launched', () => simulation.account.liveInstances().length > 0);
  const [instance] = simulation.account.liveInstances();
  assert.ok(instance);
  (instance as { neverRegisters: boolean }).neverRegisters = true;
  claim(simulation, instance.instanceId, instance.instanceId, instance.zone);
  await until(simulation, 'registered', () => intents(simulation)[0]?.status?.nodeName === instance.instanceId);
  assert.deepEqual(labelled(simulation), [instance.instanceId]);
});
