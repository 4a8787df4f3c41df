import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

type Spec = ElasticRuntime['spec'];
type Roles = Readonly<Record<string, { readonly roleArn: string }>>;

const roleArn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };

/** The stage's runtime, with its identities in the defaults of its class. */
function ofClass(more: Partial<Spec> = {}): readonly SimulationManifest[] {
  const [namespace, full] = runtime({}, more) as readonly [SimulationManifest, SimulationManifest];
  const { identities, ...spec } = full['spec'] as Spec;
  const standard = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'standard' },
    spec: { allowed: {}, defaults: { identities } },
  };
  return [standard, namespace, { ...full, spec: { ...spec, runtimeClassName: 'standard' } }];
}

/** The class gives other roles for some of its runtimes' identities. */
function changeClass(simulation: Simulation, roles: Roles): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticRuntimeClass'), 'standard', undefined, 'kubectl', (current) => {
    const spec = current.spec as { readonly defaults: { readonly identities: object } };
    return { ...current, spec: { ...spec, defaults: { ...spec.defaults, identities: { ...spec.defaults.identities, ...roles } } } };
  });
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

/** `<name>2` beside a role, less the statements of one sid, which the operator role may assume too. */
function addSecondRole(simulation: Simulation, name: string, lacking?: RegExp): void {
  const { roles } = simulation.account.spec;
  const [first, operator] = [roleArn(name), roleArn('operator')].map((arn) => roles.find((role) => role.arn === arn));
  assert.ok(first && operator);
  const policies = first.policies.map((policy) => ({
    ...policy,
    document: { ...policy.document, Statement: [policy.document.Statement].flat().filter(({ Sid = '' }) => lacking?.test(Sid) !== true) },
  }));
  simulation.account.putRole({ ...first, arn: roleArn(`${name}2`), policies });
  const Action = ['sts:AssumeRole', 'sts:TagSession', 'iam:GetRole', 'iam:SimulatePrincipalPolicy'];
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: roleArn(`${name}2`) }] } as const;
  simulation.account.putRole({ ...operator, policies: [...operator.policies, { name: `${name}2`, document }] });
}

const nodes = (simulation: Simulation) => simulation.kubernetes.server.store.list(kindNamed('ElasticNode'));
const noNode = (simulation: Simulation) => until(simulation, 'no node is left', () => nodes(simulation).length === 0);
const ended = (simulation: Simulation, name: string) =>
  until(simulation, `${name} has ended`, () => ['Succeeded', 'Failed'].includes(find(simulation, name).status?.phase ?? ''));

void test('a role that the class changes is verified by calls as it, and its pods run as it, though the generation of the runtime is the same', async () => {
  const simulation = start([...ofClass({ idleTimeout: '10s' }), job('one', { duration: '30s' }, { connections: [orders] })]);
  await ended(simulation, 'one');
  assert.equal(find(simulation, 'one').status?.phase, 'Succeeded');
  await noNode(simulation);
  addSecondRole(simulation, 'worker', /Orders/);
  changeClass(simulation, { worker: { roleArn: roleArn('worker2') } });
  await simulation.world.runUntil(() => false, minute);
  const account = simulation.kubernetes.server.store.get(kindNamed('ServiceAccount'), 'finance/analytics-worker');
  assert.equal(account?.metadata.annotations?.['eks.amazonaws.com/role-arn'], roleArn('worker2'));
  // The old role's answer would have been good for ten minutes.
  simulation.apply(job('two', { duration: '30s' }, { connections: [orders] }));
  await ended(simulation, 'two');
  assert.equal(find(simulation, 'two').status?.failure?.reason, 'AccessDenied');
  assert.match(find(simulation, 'two').status?.failure?.message ?? '', /acme-orders failed as worker \(.*role\/worker2\)/);
  assert.equal(nodes(simulation).length, 0);
  assert.deepEqual(simulation.violations(), []);
});

const running = (simulation: Simulation, name: string) =>
  until(simulation, `${name} runs`, () => find(simulation, name).status?.phase === 'Running');
const ready = (simulation: Simulation) => simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'Ready');
const rolesSince = (simulation: Simulation, calls: number): ReadonlySet<string> =>
  new Set(simulation.account.calls.slice(calls).flatMap(({ roleArn: arn }) => arn?.split('/').at(-1) ?? []));

/** Roles for master and worker that may do the same, and that the operator role may assume. */
function addRoles(simulation: Simulation): Roles {
  for (const name of ['master', 'worker']) addSecondRole(simulation, name);
  return { master: { roleArn: roleArn('master2') }, worker: { roleArn: roleArn('worker2') } };
}

void test('identities that a class changes while a node exists wait for it: it is ended as the old ones, none is launched, then the new ones hold', async () => {
  const simulation = start([...ofClass({ masters: { min: 1, max: 4 } } as Partial<Spec>), job('one', { duration: '10m' })], {
    nodeAgents: true,
  });
  await running(simulation, 'one');
  const launched = simulation.account.instances().length;
  const before = simulation.account.calls.length;
  changeClass(simulation, addRoles(simulation));
  simulation.apply(job('two', { duration: '1m' }));
  await until(simulation, 'it is said', () => ready(simulation)?.reason === 'IdentitiesInUse');
  assert.match(
    ready(simulation)?.message ?? '',
    /^ElasticRuntimeClass standard changed identities of its runtimes \(master, worker\) while \d node/,
  );
  await until(simulation, 'the job is told', () => find(simulation, 'two').status?.waiting?.reason === 'RuntimeNotReady');
  assert.match(find(simulation, 'two').status?.waiting?.message ?? '', /ElasticRuntimeClass standard changed identities/);
  await ended(simulation, 'one');
  assert.equal(find(simulation, 'one').status?.phase, 'Succeeded');
  await noNode(simulation);
  assert.equal(simulation.account.instances().length, launched);
  assert.deepEqual(
    ['master2', 'worker2'].filter((name) => rolesSince(simulation, before).has(name)),
    [],
  );
  assert.ok(rolesSince(simulation, before).has('master'));
  // A call that was under way when the last node went is still the old one's.
  await until(simulation, 'ready', () => ready(simulation)?.status === 'True');
  const between = simulation.account.calls.length;
  await ended(simulation, 'two');
  assert.equal(find(simulation, 'two').status?.phase, 'Succeeded');
  assert.deepEqual(
    ['master', 'worker'].filter((name) => rolesSince(simulation, between).has(name)),
    [],
  );
  assert.equal(ready(simulation)?.status, 'True');
  assert.deepEqual(simulation.violations(), []);
});

void test('a machine that EC2 takes is ended, and one that is idle, while other identities wait; they come back at once where the class takes it back', async () => {
  const simulation = start([...ofClass(), job('one', { duration: '20m', worker: { min: 1, max: 1, duration: '1m' } })], {
    nodeAgents: true,
  });
  await running(simulation, 'one');
  const roles = addRoles(simulation);
  changeClass(simulation, roles);
  await until(simulation, 'it is said', () => ready(simulation)?.reason === 'IdentitiesInUse');
  const worker = nodes(simulation).find(({ spec }) => spec?.['role'] === 'worker');
  assert.ok(worker);
  simulation.account.interrupt(String(worker.status?.['instanceId']));
  await until(simulation, 'the worker is gone', () => !nodes(simulation).some(({ metadata }) => metadata.name === worker.metadata.name));
  changeClass(simulation, { master: { roleArn: roleArn('master') }, worker: { roleArn: roleArn('worker') } });
  await until(simulation, 'ready', () => ready(simulation)?.status === 'True');
  assert.equal(find(simulation, 'one').status?.phase, 'Running');
  await simulation.settle(2 * hour);
  assert.equal(find(simulation, 'one').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});

/** The author names other roles. */
function changeSpec(simulation: Simulation, roles: Roles): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => {
    const spec = current.spec as Spec;
    return { ...current, spec: { ...spec, identities: { ...spec.identities, ...roles } } };
  });
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

void test("an author's own change as the last machine goes waits for it and then holds", async () => {
  const simulation = start([...runtime({}), job('one', { duration: '1m' })]);
  await until(simulation, 'the last one is going', () =>
    nodes(simulation).some(({ metadata }) => metadata.deletionTimestamp !== undefined),
  );
  changeSpec(simulation, addRoles(simulation));
  await until(simulation, 'it is said', () => ready(simulation)?.reason === 'IdentitiesInUse');
  assert.match(ready(simulation)?.message ?? '', /^spec\.identities was changed \(master, worker\) while 1 node/);
  await noNode(simulation);
  await until(simulation, 'ready', () => ready(simulation)?.status === 'True');
  const before = simulation.account.calls.length;
  simulation.apply(job('two', { duration: '1m' }));
  await ended(simulation, 'two');
  assert.equal(find(simulation, 'two').status?.phase, 'Succeeded');
  assert.deepEqual(
    ['master', 'worker'].filter((name) => rolesSince(simulation, before).has(name)),
    [],
  );
  assert.equal(simulation.account.liveInstances().length, nodes(simulation).length);
});

void test('a runtime that is deleted while other identities wait ends as those that it was verified with', async () => {
  const simulation = start([...runtime({}), job('one', { duration: '20m' })]);
  await running(simulation, 'one');
  const before = simulation.account.calls.length;
  changeSpec(simulation, { operator: { roleArn: roleArn('nobody') }, master: { roleArn: roleArn('nobody') } });
  await until(simulation, 'it is said', () => ready(simulation)?.reason === 'IdentitiesInUse');
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.equal(simulation.account.liveInstances().length, 0);
  assert.ok(simulation.account.calls.slice(before).every(({ outcome }) => outcome !== 'AccessDenied'));
  assert.deepEqual(simulation.violations(), []);
});

void test('identities that AWS refuses for good while a node exists give way to others of the same account, which end it', async () => {
  const simulation = start([...runtime({}), job('one', { duration: '3h' })]);
  await running(simulation, 'one');
  const roles = addRoles(simulation);
  for (const name of ['master', 'worker']) simulation.account.deleteRole(roleArn(name));
  changeSpec(simulation, roles);
  await until(simulation, 'it waits', () => ready(simulation)?.reason === 'IdentitiesInUse');
  const before = simulation.account.calls.length;
  await simulation.world.runUntil(() => ready(simulation)?.status === 'True', 2 * hour);
  assert.equal(ready(simulation)?.status, 'True');
  assert.equal(nodes(simulation).length, 1);
  assert.equal(find(simulation, 'one').status?.phase, 'Running');
  await simulation.settle(5 * hour);
  assert.equal(find(simulation, 'one').status?.phase, 'Succeeded');
  assert.equal(simulation.account.liveInstances().length, 0);
  assert.ok(rolesSince(simulation, before).has('master2'));
  assert.deepEqual(simulation.violations(), []);
});
