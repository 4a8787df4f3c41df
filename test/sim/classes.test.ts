import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { change, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

type Json = Readonly<Record<string, unknown>>;

function runtimeClass(name: string, spec: Json): SimulationManifest {
  return { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticRuntimeClass', metadata: { name }, spec };
}

function connection(name: string, spec: Json): SimulationManifest {
  return { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticConnection', metadata: { name, namespace: 'finance' }, spec };
}

/** A second runtime beside `analytics`, with the same roles. */
function second(): SimulationManifest {
  const [, first] = runtime({}) as readonly [SimulationManifest, SimulationManifest];
  return { ...first, metadata: { name: 'reports', namespace: 'finance' } };
}

function patch(simulation: Simulation, kind: string, key: string, spec: Json): void {
  const answer = simulation.kubernetes.server.patch(kindNamed(kind), key, undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...(current.spec as Json), ...spec },
  }));
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

const condition = (simulation: Simulation, type: string, name = 'analytics') =>
  simulation
    .runtimes()
    .find(({ metadata }) => metadata.name === name)
    ?.status?.conditions?.find((one) => one.type === type);
const nodes = (simulation: Simulation) => simulation.kubernetes.server.store.list(kindNamed('ElasticNode'));
const eventsOf = (simulation: Simulation) =>
  simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly {
    readonly reason: string;
    readonly message?: string;
    readonly note?: string;
  }[];
const says = (event: { readonly message?: string; readonly note?: string }) => event.message ?? event.note ?? '';

void test('what a class does not allow stalls the runtime with the name of the class: no call, no node; a changed class lets it go on', async () => {
  const strict = runtimeClass('default', { allowed: { roleArns: ['arn:aws:iam::111122223333:role/acme-*'] } });
  const simulation = start([strict, ...runtime({}), job('waits', { duration: '30s' })]);
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  const stalled = condition(simulation, 'Stalled');
  assert.equal(stalled?.reason, 'NotAllowedByClass');
  assert.match(
    stalled.message,
    /ElasticRuntimeClass default: spec\.identities\.agent\.roleArn ".*role\/agent": .*allowed\.roleArns: arn:.*acme-\*/,
  );
  await simulation.world.runUntil(() => false, 5 * minute);
  assert.equal(simulation.account.calls.length, 0);
  assert.equal(nodes(simulation).length, 0);
  assert.equal(find(simulation, 'waits').status?.waiting?.reason, 'RuntimeNotReady');
  assert.ok(
    eventsOf(simulation).some((event) => event.reason === 'NotAllowedByClass' && says(event).includes('ElasticRuntimeClass default')),
  );
  patch(simulation, 'ElasticRuntimeClass', 'default', { allowed: { roleArns: ['arn:aws:iam::111122223333:role/*'] } });
  await simulation.settle(hour);
  assert.equal(find(simulation, 'waits').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});

void test('a runtime whose logs lie in its staging stalls: no call, no node, and its jobs wait', async () => {
  const [, plain] = runtime({}) as readonly [SimulationManifest, SimulationManifest];
  const { staging } = plain['spec'] as { readonly staging: { readonly uri: string; readonly kmsKeyArn: string } };
  const logs = { ...staging, uri: `${staging.uri}/acme/finance/analytics/logs` };
  const simulation = start([...runtime({}, { logs }), job('waits', { duration: '30s' })]);
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(
    condition(simulation, 'Stalled')?.message ?? '',
    /^spec\.logs\.uri "s3:.*lies in its folder in staging.*: name another folder/,
  );
  await simulation.world.runUntil(() => false, 5 * minute);
  assert.deepEqual([simulation.account.calls.length, nodes(simulation).length], [0, 0]);
  assert.equal(find(simulation, 'waits').status?.waiting?.reason, 'RuntimeNotReady');
  assert.throws(() => start([...runtime({}, { logs: staging })]), /staging and logs must be two folders/);
});

void test("a class's defaults hold without standing in the spec, and the status shows them with the class's name", async () => {
  const defaults = {
    tags: { CostCenter: '4711' },
    idleTimeout: '2m',
    network: { subnetIds: ['subnet-0123456789abcdef0'], securityGroupIds: ['sg-0123456789abcdef0'] },
  };
  const standard = runtimeClass('standard', { defaults, requiredTags: ['CostCenter'] });
  const [space, plain] = runtime({}, { runtimeClassName: 'standard', network: undefined, idleTimeout: undefined });
  const simulation = start([standard, space as SimulationManifest, plain as SimulationManifest, job('one', { duration: '30s' })]);
  await until(simulation, 'succeeded', () => find(simulation, 'one').status?.phase === 'Succeeded');
  const stored = simulation.kubernetes.server.store.get(kindNamed('ElasticRuntime'), 'finance/analytics');
  assert.deepEqual([stored?.spec?.['tags'], stored?.spec?.['network'], stored?.spec?.['idleTimeout']], [undefined, undefined, undefined]);
  const resolved = (stored?.status?.['resolved'] ?? {}) as Json;
  assert.deepEqual([resolved['runtimeClassName'], resolved['tags'], resolved['idleTimeout']], ['standard', { CostCenter: '4711' }, '2m']);
  assert.ok(simulation.account.instances().every(({ tags }) => tags['CostCenter'] === '4711'));
});

/** The runtime of `runtime({})` with all its fields in the class, and none of its own but its name. */
function given(more: Json = {}): readonly [SimulationManifest, SimulationManifest, SimulationManifest] {
  const [space, full] = runtime({}) as readonly [SimulationManifest, SimulationManifest];
  const spec = { allowed: { defaultRoles: 'Allowed' }, defaults: { ...(full['spec'] as Json), ...more } };
  return [runtimeClass('default', spec), space, { ...full, spec: { runtimeClassName: 'default' } }];
}

void test('a runtime of which the class gives everything runs jobs, keeps what it was begun with, and ends though the class is gone', async () => {
  const simulation = start([...given(), job('one', { duration: '10m' })]);
  await until(simulation, 'running', () => find(simulation, 'one').status?.phase === 'Running');
  const defaults = (
    given({ staging: { uri: 's3://acme-logs/elsewhere', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/x' } })[0]['spec'] as Json
  )['defaults'];
  patch(simulation, 'ElasticRuntimeClass', 'default', { defaults });
  await until(simulation, 'succeeded', () => find(simulation, 'one').status?.phase === 'Succeeded');
  assert.ok(!simulation.audit().some(({ resource }) => resource.includes('elsewhere')));
  assert.equal(condition(simulation, 'Ready')?.status, 'True');
  assert.deepEqual(simulation.kubernetes.server.store.get(kindNamed('ElasticRuntime'), 'finance/analytics')?.spec, {
    runtimeClassName: 'default',
  });
  simulation.apply(job('two', { duration: '10m' }));
  await until(simulation, 'running', () => find(simulation, 'two').status?.phase === 'Running');
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntimeClass'), 'default');
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(condition(simulation, 'Stalled')?.message ?? '', /spec\.runtimeClassName "default": no ElasticRuntimeClass has this name/);
  assert.ok(simulation.account.liveInstances().length > 0);
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.deepEqual([simulation.account.liveInstances().length, simulation.violations()], [0, []]);
  const staged = simulation.account.objects('acme-staging').filter(({ key }) => key.includes('cluster.json'));
  assert.deepEqual(staged, []);
});

void test('what neither class nor author gives stalls the runtime with the name of the field; its job waits, and both can go; with it, both go on', async () => {
  const [, space, bare] = given();
  const simulation = start([
    runtimeClass('default', { allowed: { defaultRoles: 'Allowed' } }),
    space,
    bare,
    job('waits', { duration: '30s' }),
    job('unwanted', { duration: '30s' }),
  ]);
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(
    condition(simulation, 'Stalled')?.message ?? '',
    /spec\.identities\.agent\.roleArn: must be given: write it in the runtime, or in the defaults of the class/,
  );
  await until(simulation, 'told', () => find(simulation, 'waits').status?.waiting?.reason === 'RuntimeNotReady');
  assert.match(find(simulation, 'waits').status?.waiting?.message ?? '', /spec\.staging\.uri: must be given/);
  simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/unwanted');
  await until(simulation, 'gone', () => simulation.jobs().length === 1);
  await simulation.world.runUntil(() => false, 5 * minute);
  assert.equal(simulation.account.calls.length, 0);
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.equal(simulation.account.calls.length, 0);
});

void test('a class that changes ends no running node, lets nothing new begin, and is heard of again', async () => {
  const standard = runtimeClass('default', {});
  const simulation = start([standard, ...runtime({}), job('runs', { duration: '10m' })]);
  await until(simulation, 'running', () => find(simulation, 'runs').status?.phase === 'Running');
  const before = simulation.account.liveInstances().length;
  patch(simulation, 'ElasticRuntimeClass', 'default', { organization: 'globex' });
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  simulation.apply(job('later', { duration: '30s' }));
  await simulation.world.runUntil(() => false, 2 * minute);
  assert.equal(simulation.account.liveInstances().length, before);
  assert.equal(find(simulation, 'runs').status?.phase, 'Running');
  assert.equal(find(simulation, 'later').status?.attempts, undefined);
  await until(simulation, 'it ends well', () => find(simulation, 'runs').status?.phase === 'Succeeded');
  patch(simulation, 'ElasticRuntimeClass', 'default', { organization: 'acme' });
  await simulation.settle(hour);
  assert.equal(find(simulation, 'later').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});

void test('labels of the namespace say which class is for it, and are looked at when they change', async () => {
  const standard = runtimeClass('default', { namespaceSelector: { matchLabels: { team: 'finance' } } });
  const simulation = start([standard, ...runtime({})]);
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(
    condition(simulation, 'Stalled')?.message ?? '',
    /namespaceSelector of ElasticRuntimeClass default does not match the labels of namespace finance/,
  );
  simulation.kubernetes.server.patch(kindNamed('Namespace'), 'finance', undefined, 'kubectl', (current) => ({
    ...current,
    metadata: { ...current.metadata, labels: { team: 'finance' } },
  }));
  await until(simulation, 'ready', () => condition(simulation, 'Ready')?.status === 'True');
});

void test('limitsPerNamespace count over the runtimes of a namespace: the second waits, is told why, and goes on when the first gives back', async () => {
  const limited = runtimeClass('default', { limitsPerNamespace: { nodes: 1 } });
  const on = (name: string, runtimeName: string) => {
    const one = job(name, { duration: '4m' });
    return { ...one, spec: { ...(one['spec'] as Json), runtime: runtimeName } };
  };
  const simulation = start([limited, ...runtime({}), second(), on('first', 'analytics'), on('other', 'reports')]);
  let most = 0;
  simulation.world.afterStep(() => {
    most = Math.max(most, nodes(simulation).length);
  });
  const phase = (name: string) => find(simulation, name).status?.phase;
  await until(simulation, 'one runs', () => phase('first') === 'Running' || phase('other') === 'Running');
  const waits = phase('first') === 'Running' ? 'other' : 'first';
  await until(simulation, 'the other is told', () => find(simulation, waits).status?.waiting?.reason === 'LimitReached');
  assert.match(
    find(simulation, waits).status?.waiting?.message ?? '',
    /ElasticRuntimeClass default leaves this runtime in namespace finance/,
  );
  await simulation.settle(3 * hour);
  assert.deepEqual([phase('first'), phase('other')], ['Succeeded', 'Succeeded']);
  assert.equal(most, 1);
});

const orders = {
  connector: 'AmazonS3',
  location: 's3://acme-orders/raw/',
  authentication: { roleArn: 'arn:aws:iam::111122223333:role/orders-reader' },
};
const reads = (name: string) =>
  job(name, { duration: '2m' }, { connections: [{ name: 'orders', usage: 'Source', connectionRef: { name: 'orders' } }] });

void test('a job acts through the ElasticConnection that it names, as through one of its own', async () => {
  const simulation = start([...runtime({}), connection('orders', orders), reads('one')]);
  await simulation.settle(hour);
  const { status, spec } = find(simulation, 'one');
  assert.equal(status?.phase, 'Succeeded', JSON.stringify(status));
  assert.equal(status.securityType, 'Role');
  assert.deepEqual(spec.connections?.[0]?.connectionRef, { name: 'orders' });
  assert.ok(simulation.audit().some(({ identity, resource }) => identity === 'connectionRole:orders' && resource.includes('acme-orders')));
  assert.deepEqual(simulation.violations(), []);
});

void test('a missing ElasticConnection stalls the job until it is there; a class that refuses its role stalls it, too', async () => {
  const strict = runtimeClass('default', { allowed: { connectionRoleArns: ['arn:aws:iam::111122223333:role/data/*'] } });
  const simulation = start([strict, ...runtime({}), connection('unused', orders), reads('one')]);
  await until(simulation, 'not found', () => find(simulation, 'one').status?.waiting?.reason === 'ConnectionNotFound');
  const stalled = find(simulation, 'one').status?.conditions?.find(({ type }) => type === 'Stalled');
  assert.equal(stalled?.status, 'True');
  assert.match(stalled.message, /names no ElasticConnection of this namespace: create ElasticConnection orders/);
  simulation.apply(connection('orders', orders));
  await until(simulation, 'refused', () => find(simulation, 'one').status?.waiting?.reason === 'NotAllowedByClass');
  assert.match(
    find(simulation, 'one').status?.waiting?.message ?? '',
    /ElasticRuntimeClass default: connection orders: authentication\.roleArn .*role\/data\/\*/,
  );
  assert.equal(nodes(simulation).length, 0);
  patch(simulation, 'ElasticRuntimeClass', 'default', { allowed: {} });
  await until(simulation, 'goes on', () =>
    ['Preparing', 'Waiting', 'Running', 'Failed'].includes(find(simulation, 'one').status?.phase ?? ''),
  );
});

void test('the class judges locations and keys too, of connections and dependencies, inline or of an ElasticConnection', async () => {
  const strict = runtimeClass('default', {
    allowed: { uris: ['s3://acme-staging/*', 's3://acme-logs/*', 's3://acme-orders/*'], defaultRoles: 'Allowed' },
  });
  const stages = job('stages', {}, { dependencies: [{ path: 'lib.jar', uri: 's3://evil/lib.jar' }] });
  const table = { name: 'orders', usage: 'Source', connector: 'DynamoDB', location: 'arn:aws:dynamodb:us-east-1:111122223333:table/else' };
  const queries = job('queries', {}, { connections: [table] });
  const simulation = start([
    strict,
    ...runtime({}),
    connection('orders', { ...orders, location: 's3://else/raw/' }),
    reads('one'),
    stages,
    queries,
  ]);
  const message = (name: string) => find(simulation, name).status?.waiting?.message ?? '';
  for (const name of ['one', 'stages', 'queries'])
    await until(simulation, 'refused', () => find(simulation, name).status?.waiting?.reason === 'NotAllowedByClass');
  assert.match(message('one'), /ElasticRuntimeClass default: connection orders: location "s3:\/\/else\/raw\/": .*allowed\.uris/);
  assert.match(
    message('queries'),
    /ElasticRuntimeClass default: connection orders: location "arn:aws:dynamodb:\S+:table\/else": .*allowed\.uris/,
  );
  assert.match(message('stages'), /ElasticRuntimeClass default: dependency lib\.jar: uri "s3:\/\/evil\/lib\.jar"/);
  assert.ok(!simulation.audit().some(({ resource }) => /evil|else/.test(resource)));
  patch(simulation, 'ElasticConnection', 'finance/orders', { location: 's3://acme-orders/raw/' });
  // The account has no such bucket: it is the access that is looked at now.
  await until(simulation, 'goes on', () => find(simulation, 'one').status?.failure?.reason === 'AccessDenied');
});

void test('a running job keeps the connection that it was verified with; one that has not begun takes the new one', async () => {
  const simulation = start([...runtime({}), connection('orders', orders), reads('runs')]);
  await until(simulation, 'running', () => find(simulation, 'runs').status?.phase === 'Running');
  patch(simulation, 'ElasticConnection', 'finance/orders', { location: 's3://elsewhere/raw/' });
  simulation.apply(reads('later'));
  await until(simulation, 'both have ended', () =>
    ['runs', 'later'].every((name) => ['Succeeded', 'Failed'].includes(find(simulation, name).status?.phase ?? '')),
  );
  assert.equal(find(simulation, 'runs').status?.phase, 'Succeeded');
  assert.ok(!simulation.audit().some(({ job: by, resource }) => by === 'finance/runs' && resource.includes('elsewhere')));
  // The account has no such bucket: what the new one names is what is verified.
  assert.equal(find(simulation, 'later').status?.failure?.reason, 'AccessDenied');
  assert.match(find(simulation, 'later').status?.failure?.message ?? '', /elsewhere/);
});

void test('a job that waits for a connection is no obstacle to the end of its runtime', async () => {
  const simulation = start([...runtime({}), reads('one')]);
  await until(simulation, 'not found', () => find(simulation, 'one').status?.waiting?.reason === 'ConnectionNotFound');
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  assert.equal(find(simulation, 'one').status?.failure?.reason, 'RuntimeDeleted');
});

void test('a job that waits for a connection is still ended by its author', async () => {
  const simulation = start([...runtime({}), reads('one')]);
  await until(simulation, 'not found', () => find(simulation, 'one').status?.waiting?.reason === 'ConnectionNotFound');
  change(simulation, 'one', { terminate: true });
  await until(simulation, 'terminated', () => find(simulation, 'one').status?.phase === 'Terminated');
});
