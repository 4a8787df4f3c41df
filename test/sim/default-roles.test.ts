import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../src/api/generated/types.ts';
import { defaultRoleArn } from '../../src/core/access/roles.ts';
import { stackName } from '../../src/core/policy/cloudformation/names.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { defaultRoles, hour, job, minute, start } from './support/stage.ts';

/** As the stage's, but a failure says what the runtime says. */
async function until(simulation: Simulation, what: string, done: () => boolean): Promise<void> {
  const outcome = await simulation.world.runUntil(done, hour);
  assert.equal(outcome, 'done', `${what}: ${JSON.stringify(simulation.runtimes()[0]?.status?.conditions, null, 1)}`);
}

const lake = { name: 'lake', usage: 'Target', connector: 'AmazonS3', location: 's3://acme-lake/out/' };
const pause = (simulation: Simulation, ms: number): Promise<unknown> => simulation.world.runUntil(() => false, ms);

function own(simulation: Simulation): ElasticRuntime {
  const found = simulation.runtimes()[0];
  assert.ok(found);
  return found;
}

function condition(simulation: Simulation, type: string) {
  return simulation.runtimes()[0]?.status?.conditions?.find((one) => one.type === type);
}

const ready = (simulation: Simulation): Promise<void> =>
  until(simulation, 'the runtime is ready', () => condition(simulation, 'Ready')?.status === 'True');

function role(simulation: Simulation, name: 'agent' | 'master' | 'worker' | 'node') {
  const arn = name === 'agent' ? own(simulation).spec.identities.agent.roleArn : defaultRoleArn(own(simulation), name);
  return simulation.account.roles().find((one) => one.arn === arn);
}

const extra = {
  name: 'extra',
  document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-extra/*' }] },
} as const;

function calls(simulation: Simulation, method: string) {
  return simulation.account.calls.filter((call) => call.method === `cloudFormation.${method}` && call.outcome === 'ok');
}

function deleteRuntime(simulation: Simulation): void {
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
}

const gone = (simulation: Simulation): Promise<void> => until(simulation, 'the runtime is gone', () => simulation.runtimes().length === 0);

/** Nothing that any stack of ours made. */
function nothingLeft(simulation: Simulation): void {
  assert.deepEqual(
    simulation.account.stacks().map(({ name, status }) => `${name} ${status}`),
    [],
  );
  assert.deepEqual(
    simulation.account.roles().filter(({ arn }) => arn.includes('/elastic-runtime/')),
    [],
  );
  assert.deepEqual(simulation.violations(), []);
}

void test('one stack makes the roles; jobs run as them; nothing else is ever called', async () => {
  const simulation = start([...defaultRoles(), job('etl', { worker: { min: 1, max: 1 } }, { connections: [lake] })], { nodeAgents: true });
  assert.equal(await simulation.settle(4 * hour), 'settled');
  await pause(simulation, 2 * hour);
  assert.equal(simulation.jobs()[0]?.status?.phase, 'Succeeded', JSON.stringify(simulation.jobs()[0]?.status?.failure));
  const worker = defaultRoleArn(own(simulation), 'worker');
  assert.equal(own(simulation).status?.identities?.worker?.roleArn, worker);
  assert.ok(simulation.audit().some(({ identity, chain }) => identity === 'worker' && chain.at(-1) === worker));
  const account = simulation.kubernetes.server.store.get(kindNamed('ServiceAccount'), 'finance/analytics-worker');
  assert.equal(account?.metadata.annotations?.['eks.amazonaws.com/role-arn'], worker);
  const profiles = simulation.account.instances().map(({ instanceProfileArn = 'none' }) => instanceProfileArn);
  assert.deepEqual([...new Set(profiles)], [own(simulation).status?.identities?.node?.instanceProfileArn ?? 'unknown']);
  assert.equal(calls(simulation, 'createStack').length, 1);
  assert.equal(calls(simulation, 'updateStack').length, 0);
  const refused = simulation
    .audit()
    .filter(({ outcome, action }) => !['ok', 'DryRunOperation'].includes(outcome) && action !== 'cloudformation:DescribeStacks');
  assert.deepEqual(refused, []);
});

void test('the worker keeps in step with the agent: what is attached to one comes to the other, what is taken away goes, and a look changes nothing', async () => {
  const simulation = start(defaultRoles());
  await ready(simulation);
  const before = role(simulation, 'agent');
  assert.ok(before);
  const has = (): boolean => role(simulation, 'worker')?.policies.some(({ name }) => name === 'extra') === true;
  const managed = { ...extra, name: 'managed', arn: 'arn:aws:iam::111122223333:policy/managed' };
  simulation.account.putRole({ ...before, policies: [...before.policies, extra, managed] });
  await until(simulation, 'the worker has it', has);
  assert.ok(role(simulation, 'worker')?.policies.some(({ arn }) => arn === managed.arn));
  await pause(simulation, 40 * minute);
  assert.equal(calls(simulation, 'updateStack').length, 1);
  assert.equal(condition(simulation, 'Ready')?.status, 'True');
  simulation.account.putRole(before);
  await until(simulation, 'the worker has it no more', () => !has());
  await pause(simulation, 40 * minute);
  assert.equal(calls(simulation, 'updateStack').length, 2);
});

void test('every statement that the operator role has for default roles is needed in such a life, and none is missing', async () => {
  const simulation = start([...defaultRoles(), job('etl', {})]);
  await ready(simulation);
  const agent = role(simulation, 'agent');
  assert.ok(agent);
  simulation.account.putRole({ ...agent, policies: [...agent.policies, extra] });
  await until(simulation, 'updated', () => calls(simulation, 'updateStack').length === 1);
  await simulation.settle(hour);
  deleteRuntime(simulation);
  await gone(simulation);
  nothingLeft(simulation);
  const operator = simulation.account.roles().find(({ arn }) => arn.endsWith('/operator'));
  const used = new Set(
    [...simulation.account.calls.flatMap(({ allowed }) => allowed), ...simulation.account.forwarded].flatMap(({ by }) => by),
  );
  const sids = (operator?.policies ?? []).flatMap(({ name, document }) =>
    [document.Statement].flat().map((statement) => `${'Sid' in statement ? statement.Sid : ''} of ${name}`),
  );
  const ours = sids.filter((sid) => /Agent|Stack|Roles|Policies|Boundary|Profile/.test(sid.split(' of ')[0] ?? ''));
  assert.equal(ours.length, 11, ours.join('\n'));
  assert.deepEqual(
    ours.filter((sid) => !used.has(sid)),
    [],
  );
});

void test('deleted with the runtime: nodes end first, as master, then the stack; also where the namespace goes and somebody deletes what the operator needs', async () => {
  const orders: readonly ((simulation: Simulation) => void)[] = [
    deleteRuntime,
    ({ kubernetes }) => void kubernetes.server.delete(kindNamed('Namespace'), 'finance'),
    (simulation) => {
      simulation.kubernetes.server.delete(kindNamed('ServiceAccount'), 'elastic-agents/finance.analytics');
      deleteRuntime(simulation);
    },
    (simulation) => {
      deleteRuntime(simulation);
      simulation.kubernetes.server.delete(kindNamed('ServiceAccount'), 'elastic-agents/finance.analytics');
      simulation.kubernetes.server.delete(kindNamed('Namespace'), 'finance');
    },
  ];
  for (const order of orders) {
    const simulation = start([...defaultRoles(), job('etl', { duration: '50m', worker: { min: 1, max: 1 } })]);
    await until(simulation, 'a node runs', () => simulation.jobs()[0]?.status?.phase === 'Running');
    order(simulation);
    await gone(simulation);
    nothingLeft(simulation);
    const ended = Math.max(...simulation.account.instances().map(({ stoppingAt }) => stoppingAt));
    const [deletion] = calls(simulation, 'deleteStack');
    assert.ok(deletion !== undefined && deletion.time > ended, `stack deleted at ${deletion?.time}, last node ended at ${ended}`);
  }
});

void test('deleted while its stack is being made, or before: nothing is left', async () => {
  for (const at of [0, 200, 700, 1_000, 1_300, 3_000, 10_000, 30_000]) {
    const simulation = start(defaultRoles());
    await pause(simulation, at);
    deleteRuntime(simulation);
    await gone(simulation);
    await pause(simulation, 10 * minute);
    nothingLeft(simulation);
  }
});

void test('the operator dies at any of its first steps, or in its last ones: one stack is made, and none is left', async () => {
  for (let death = 0; death < 24; death += 1) {
    const simulation = start(defaultRoles(), { seed: 100 + death });
    await pause(simulation, 60 * death);
    simulation.operator.current().process.crash();
    await ready(simulation);
    assert.equal(simulation.account.stacks().length, 1);
    assert.equal(calls(simulation, 'createStack').length, 1, `died after ${60 * death} ms`);
    deleteRuntime(simulation);
    await pause(simulation, 80 * death);
    simulation.operator.current().process.crash();
    await gone(simulation);
    nothingLeft(simulation);
  }
});

void test('a stack of that name that is not ours stalls the runtime, and is neither adopted nor touched nor deleted', async () => {
  const simulation = start(defaultRoles());
  const name = stackName(own(simulation));
  simulation.account.placeStack(name, { owner: 'somebody' });
  await until(simulation, 'it says so', () => condition(simulation, 'Stalled')?.reason === 'StackNotOurs');
  assert.match(condition(simulation, 'Stalled')?.message ?? '', new RegExp(`${name} .* was not made for this runtime: tag`));
  await pause(simulation, 30 * minute);
  deleteRuntime(simulation);
  await gone(simulation);
  assert.deepEqual(
    simulation.account.stacks().map(({ status, tags }) => [status, tags]),
    [['CREATE_COMPLETE', { owner: 'somebody' }]],
  );
  for (const write of ['createStack', 'updateStack', 'deleteStack']) assert.equal(calls(simulation, write).length, 0);
});

void test('a role of that name that is not ours: CloudFormation refuses, its words stand in the condition, the role stays as it is; once it is gone the runtime gets well', async () => {
  const simulation = start(defaultRoles());
  const agent = role(simulation, 'agent');
  const arn = defaultRoleArn(own(simulation), 'worker').replace('/elastic-runtime/finance/analytics/', '/');
  assert.ok(agent);
  const theirs = { ...agent, arn, policies: [extra] };
  simulation.account.putRole(theirs);
  await until(simulation, 'it says so', () => condition(simulation, 'Stalled')?.reason === 'DefaultRolesFailed');
  assert.match(
    condition(simulation, 'DefaultRoles')?.message ?? '',
    /AWS::IAM::Role Worker: CREATE_FAILED: Resource of type 'AWS::IAM::Role' with identifier '.*\.worker' already exists\./,
  );
  await pause(simulation, 30 * minute);
  assert.deepEqual(
    simulation.account.roles().find((one) => one.arn === arn),
    theirs,
  );
  assert.ok(calls(simulation, 'createStack').length <= 6, 'it is tried again with growing pauses');
  simulation.account.deleteRole(arn);
  await ready(simulation);
  deleteRuntime(simulation);
  await gone(simulation);
  nothingLeft(simulation);
});

void test('a deletion that CloudFormation cannot finish shows as CleanupBlocked with the reason, and goes on once it can', async () => {
  const simulation = start(defaultRoles());
  await ready(simulation);
  const node = role(simulation, 'node');
  assert.ok(node);
  simulation.account.putRole({ ...node, policies: [...node.policies, extra] });
  deleteRuntime(simulation);
  await until(simulation, 'it is blocked', () => condition(simulation, 'CleanupBlocked')?.status === 'True');
  assert.match(
    condition(simulation, 'CleanupBlocked')?.message ?? '',
    /AWS::IAM::Role Node: DELETE_FAILED: Cannot delete entity, must detach all policies first/,
  );
  const uid8 = own(simulation).metadata.uid?.slice(0, 8);
  const said = new RegExp(
    `analytics-${uid8}\\.master, .*\\.worker, .*\\.node\\): take it away.* aws iam delete-role-policy --role-name finance\\.analytics-${uid8}\\.worker --policy-name elastic-revoked-${uid8}`,
  );
  assert.match(condition(simulation, 'CleanupBlocked')?.message ?? '', said);
  await pause(simulation, 20 * minute);
  assert.equal(condition(simulation, 'CleanupBlocked')?.status, 'True');
  const left = role(simulation, 'node');
  assert.ok(left);
  simulation.account.putRole(node);
  await gone(simulation);
  nothingLeft(simulation);
});

void test('an update that fails is rolled back: the runtime stalls with the reason, the old rights stay, and it follows once it can', async () => {
  const simulation = start(defaultRoles());
  await ready(simulation);
  const agent = role(simulation, 'agent');
  assert.ok(agent);
  simulation.account.putRole({ ...agent, policies: [...agent.policies, { ...extra, name: 'a name that IAM would not take' }] });
  await until(simulation, 'it says so', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(
    condition(simulation, 'DefaultRoles')?.message ?? '',
    /not in step with the agent role: .*Worker: UPDATE_FAILED: The specified value for policyName is invalid/,
  );
  assert.equal(role(simulation, 'worker')?.policies.length, agent.policies.length + 1);
  simulation.account.putRole({ ...agent, policies: [...agent.policies, extra] });
  await until(simulation, 'the worker follows', () => role(simulation, 'worker')?.policies.some(({ name }) => name === 'extra') === true);
  await ready(simulation);
});

void test('agent and operator in different accounts: said, and nothing is called', async () => {
  const simulation = start(
    defaultRoles().map((manifest) =>
      manifest.kind === 'ElasticRuntime'
        ? (JSON.parse(JSON.stringify(manifest).replace('111122223333:role/agent', '444455556666:role/agent')) as SimulationManifest)
        : manifest,
    ),
  );
  await until(simulation, 'it says so', () => condition(simulation, 'Stalled')?.reason === 'DefaultRolesNeedOneAccount');
  assert.deepEqual(
    simulation.account.calls.filter(({ method }) => /^(iam|cloudFormation)/.test(method)),
    [],
  );
});

void test('roles that are given later take over, and the stack goes', async () => {
  const simulation = start(defaultRoles());
  await ready(simulation);
  // As `iam` generates them with the other roles.
  const node = (kind: 'role' | 'instance-profile') =>
    `arn:aws:iam::111122223333:${kind}/elastic-runtime/finance/analytics/finance.analytics.node`;
  const given = (name: 'master' | 'worker') => ({ roleArn: `arn:aws:iam::111122223333:role/given-${name}` });
  for (const name of ['master', 'worker'] as const) {
    const made = role(simulation, name);
    assert.ok(made);
    const { trust, policies } = made;
    // Unlike a default role, one that is given proves the log location.
    const places = ['acme-logs', 'acme-logs/*'].map((path) => `arn:aws:s3:::${path}`);
    const proves = [
      { Effect: 'Allow', Action: 's3:*', Resource: places },
      { Effect: 'Allow', Action: 'kms:*', Resource: '*' },
      { Effect: 'Allow', Action: 'iam:PassRole', Resource: node('role') },
    ] as const;
    const more = { name: 'proves', document: { Version: '2012-10-17', Statement: proves } } as const;
    simulation.account.putRole({ arn: given(name).roleArn, trust, policies: [...policies, more] });
  }
  const made = role(simulation, 'node');
  assert.ok(made);
  simulation.account.putRole({ arn: node('role'), trust: made.trust, policies: made.policies });
  simulation.account.putInstanceProfile(node('instance-profile'), node('role'));
  const operator = simulation.account.roles().find(({ arn }) => arn.endsWith(':role/operator'));
  assert.ok(operator);
  const become = {
    Effect: 'Allow',
    Action: ['sts:AssumeRole', 'sts:TagSession'],
    Resource: 'arn:aws:iam::111122223333:role/given-*',
  } as const;
  simulation.account.putRole({
    ...operator,
    policies: [...operator.policies, { name: 'given', document: { Version: '2012-10-17', Statement: [become] } }],
  });
  simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => ({
    ...current,
    spec: {
      ...current.spec,
      identities: { ...(current.spec as ElasticRuntime['spec']).identities, master: given('master'), worker: given('worker') },
    },
  }));
  await until(simulation, 'the stack is gone', () => simulation.account.stacks().length === 0);
  await ready(simulation);
  await until(simulation, 'the status says so', () => own(simulation).status?.identities === undefined);
  assert.equal(condition(simulation, 'DefaultRoles'), undefined);
});

void test('a class that does not allow default roles: the runtime stalls with its name, and nothing is called', async () => {
  const never: SimulationManifest = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'default' },
    spec: { allowed: { defaultRoles: 'Never' } },
  };
  const simulation = start([never, ...defaultRoles()]);
  await until(simulation, 'it says so', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.match(condition(simulation, 'Stalled')?.message ?? '', /the class allows no default roles/);
  await pause(simulation, 20 * minute);
  assert.deepEqual(
    simulation.account.calls.filter(({ method }) => /^(iam|cloudFormation)/.test(method)),
    [],
  );
});

void test('a stack that somebody deletes by hand is made again, also when the runtime is being deleted and its nodes are still there', async () => {
  const simulation = start([...defaultRoles(), job('etl', { duration: '50m', worker: { min: 1, max: 1 } })]);
  const running = (): boolean => simulation.jobs()[0]?.status?.phase === 'Running';
  await until(simulation, 'a node runs', running);
  simulation.account.removeStack(stackName(own(simulation)));
  await until(simulation, 'it is there again', () => simulation.account.stacks()[0]?.status === 'CREATE_COMPLETE');
  await pause(simulation, 2 * minute);
  assert.ok(running());
  simulation.account.removeStack(stackName(own(simulation)));
  deleteRuntime(simulation);
  await gone(simulation);
  nothingLeft(simulation);
  assert.deepEqual(simulation.account.liveInstances(), []);
});

void test('a stack that CloudFormation does not show yet when its maker is gone and its runtime deleted is looked for, and deleted', async () => {
  const simulation = start(defaultRoles());
  await until(simulation, 'it is being made', () => simulation.account.stacks().length === 1);
  const [stack] = simulation.account.stacks();
  assert.ok(stack);
  Object.assign(stack, { visibleAt: simulation.world.now() + 20_000 });
  simulation.operator.current().process.crash();
  deleteRuntime(simulation);
  await gone(simulation);
  await pause(simulation, 5 * minute);
  nothingLeft(simulation);
});

void test('names as long as Kubernetes and IAM take them: default roles are made and the job ends well', async () => {
  const [namespace, name, agent] = ['n'.repeat(63), 'r'.repeat(40), 'a'.repeat(64)];
  const manifests = [...defaultRoles(), job('one', { duration: '30s' }, { connections: [lake] })].map((manifest): SimulationManifest => {
    const { kind, metadata } = manifest;
    const text = JSON.stringify(manifest).replace('role/agent"', `role/${agent}"`).replaceAll('"analytics"', `"${name}"`);
    const changed = JSON.parse(text) as SimulationManifest;
    return {
      ...changed,
      metadata: kind === 'Namespace' ? { name: namespace } : { ...changed.metadata, ...(metadata.namespace && { namespace }) },
    };
  });
  const simulation = start(manifests);
  const named = simulation.account.roles().flatMap(({ policies }) => policies.map((policy) => policy.name));
  assert.deepEqual(
    named.filter((one) => one.length > 128),
    [],
  );
  assert.equal(new Set(named).size, named.length, 'each policy has a name of its own');
  await ready(simulation);
  await until(simulation, 'the job ended', () => simulation.jobs()[0]?.status?.phase === 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});
