import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import {
  arnOf,
  conditionOf,
  documentOf,
  does,
  ended,
  forbidden,
  type Holder,
  home,
  keep,
  listOf,
  permissionsOf,
  preflightOf,
  type Role,
  untrusting,
  verified,
  withRoles,
} from './support/roles.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* What is verified of roles whose calls cannot be tried: that pods are let in by their own way, and that a role may do what it will do. */

void test('a worker role that does not let pods in stalls the runtime, and its statement, pasted, mends it', async () => {
  const manifests = [...runtime({}), job('etl', {})];
  const spoiled = withRoles(manifests, { worker: untrusting(does('sts:AssumeRoleWithWebIdentity')) });
  const { simulation, runtime: refused } = await verified(spoiled);
  assert.match(
    conditionOf(refused)?.message ?? '',
    /sts:AssumeRoleWithWebIdentity on arn:aws:iam::111122223333:role\/worker failed as worker .*NotTrusted: .*does not let in system:serviceaccount:finance:analytics-worker \(audience sts.amazonaws.com, provider arn:aws:iam::111122223333:oidc-provider\//,
  );
  const [{ add = [], ...first } = { identity: '', action: '', code: '', message: '' }] = preflightOf(refused).failed ?? [];
  assert.deepEqual([first.identity, first.code, conditionOf(refused)?.status], ['worker', 'NotTrusted', 'False']);
  assert.deepEqual(
    add.map(({ policy, statement }) => [policy, statement.Action]),
    [[`trust policy of role worker (${arnOf('worker')})`, 'sts:AssumeRoleWithWebIdentity']],
  );
  await simulation.settle(10 * 60_000);
  assert.equal(simulation.account.instances().length, 0, 'no node was started');
  const mended = withRoles(manifests, {
    worker: (role) => ({
      trust: documentOf([
        ...listOf(role.trust).filter((statement) => !does('sts:AssumeRoleWithWebIdentity')(statement)),
        ...add.map(({ statement }) => statement),
      ]),
    }),
  });
  const after = start(mended);
  await after.settle(2 * hour);
  assert.equal(find(after, 'etl').status?.phase, 'Succeeded');
});

void test('a master role that lets in the workers, and not its own pods, is refused', async () => {
  const change = (role: Role) => ({
    trust: JSON.parse(JSON.stringify(role.trust).replaceAll('analytics-master', 'analytics-worker')) as object,
  });
  const { runtime: refused } = await verified(withRoles(runtime({}), { master: change }));
  assert.match(
    conditionOf(refused)?.message ?? '',
    /role\/master failed as master .*does not let in system:serviceaccount:finance:analytics-master/,
  );
});

void test('a worker role that lets in the workers, and not the driver, is refused', async () => {
  const change = (role: Role) => ({
    trust: JSON.parse(JSON.stringify(role.trust).replace(',"system:serviceaccount:finance:analytics-master"', '')) as object,
  });
  const { runtime: refused } = await verified(withRoles(runtime({}), { worker: change }));
  assert.match(
    conditionOf(refused)?.message ?? '',
    /role\/worker failed as worker .*does not let in system:serviceaccount:finance:analytics-master/,
  );
});

void test('where the operator may not read trust policies the runtime is ready, and says what was not verified', async () => {
  const spoiled = withRoles([...runtime({}), job('etl', {})], { operator: forbidden('iam:GetRole') });
  const { simulation, runtime: ready } = await verified(spoiled);
  assert.equal(conditionOf(ready)?.status, 'True');
  assert.match(
    conditionOf(ready)?.message ?? '',
    /; not verified: the pods' own way to master: the operator's iam:GetRole was answered AccessDenied: .*the pods' own way to worker/,
  );
  assert.equal(preflightOf(ready).notVerified?.length, 2);
  await simulation.settle(hour);
  assert.equal(find(simulation, 'etl').status?.phase, 'Succeeded');
  assert.equal(preflightOf((simulation.runtimes()[0] ?? {}) as Holder).notVerified?.length, 2, 'and goes on saying so');
});

const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };

/** Refuses the worker's web identity sessions, which pods have. */
const operatorOnly = (role: Role) => ({
  trust: documentOf([
    ...listOf(role.trust),
    {
      Effect: 'Deny',
      Principal: { AWS: arnOf('worker') },
      Action: 'sts:AssumeRole',
      Condition: { Null: { 'aws:FederatedProvider': 'false' } },
    },
  ]),
});

void test("a connection's role that takes the operator's sessions only fails the job before a node starts", async () => {
  const manifests = [...runtime({}), job('etl', {}, { connections: [{ ...orders, authentication: { roleArn: arnOf('reader') } }] })];
  const simulation = start(withRoles(manifests, { reader: operatorOnly }));
  await until(simulation, 'it ends', () => ended(simulation, 'etl'));
  const { status } = find(simulation, 'etl');
  assert.deepEqual(
    [status?.phase, status?.failure?.identity, simulation.account.instances().length],
    ['Failed', 'connectionRole:orders', 0],
  );
  assert.match(
    status?.failure?.message ?? '',
    /does not let in a pod's session of .*role\/worker.* Effect Deny in the trust policy of role reader/,
  );
});

void test("a connection's role of another account reads its own trust: the pods' way to it is known, or that it may not is said", async () => {
  const far = arnOf('reader', '444455556666');
  const manifests = [...runtime({}), job('etl', {}, { connections: [{ ...orders, authentication: { roleArn: far } }] })];
  const outcome = async (change: (role: Role) => object) => {
    const simulation = start(withRoles(manifests, { reader: change }));
    await until(simulation, 'it ends', () => ended(simulation, 'etl'));
    const { status } = find(simulation, 'etl');
    const read = simulation.account.calls
      .filter(({ action }) => action === 'iam:GetRole')
      .map(({ resource, caller }) => [resource, caller.split('/')[1]]);
    return { status, said: preflightOf(find(simulation, 'etl')).notVerified?.join() ?? '', read, simulation };
  };
  const known = await outcome(() => ({}));
  assert.equal(known.status?.phase, 'Succeeded', known.status?.failure?.message ?? '');
  assert.equal(known.said, '');
  assert.deepEqual(known.read.toSorted(), [
    ['master', 'operator'],
    ['reader', 'reader'],
    ['worker', 'operator'],
  ]);
  const untrusted = await outcome(operatorOnly);
  assert.match(untrusted.status?.failure?.message ?? '', /does not let in a pod's session of .*role\/worker/);
  assert.equal(untrusted.simulation.account.instances().length, 0);
  const silent = await outcome(forbidden('iam:GetRole'));
  assert.equal(silent.status?.phase, 'Succeeded', silent.status?.failure?.message ?? '');
  assert.match(
    silent.said,
    /own way to reader: connectionRole:orders's own iam:GetRole was answered AccessDenied: .*must be allowed that of itself/,
  );
});

/* Role, action that it lacks, who is told of it. */
const lacking = [
  ['operator', 'ec2:DeleteLaunchTemplate'],
  ['master', 'ec2:TerminateInstances'],
  ['worker', 'ec2:ModifyVolume'],
] as const;

for (const [name, action] of lacking) {
  void test(`${name} without ${action} stalls the runtime before anything is launched, and the statement is named`, async () => {
    const { simulation, runtime: refused } = await verified(withRoles(runtime({}), { [name]: forbidden(action) }));
    assert.equal(conditionOf(refused)?.status, 'False');
    assert.ok(conditionOf(refused)?.message.includes(`${action} on arn:aws:ec2:us-east-1:${home}:`), conditionOf(refused)?.message ?? '');
    const [first] = preflightOf(refused).failed ?? [];
    assert.deepEqual([first?.identity, first?.code], [name, 'SimulatedAccessDenied']);
    assert.deepEqual(
      first?.add?.map(({ policy, statement }) => [policy, [statement.Action].flat().includes(action)]),
      [[`identity policy of role ${name} (${arnOf(name)})`, true]],
    );
    assert.deepEqual(simulation.account.templates(), []);
  });
}

void test('where the operator may not ask IAM the runtime is ready, and says what was not verified', async () => {
  const { runtime: ready } = await verified(withRoles(runtime({}), { operator: forbidden('iam:SimulatePrincipalPolicy') }));
  assert.equal(conditionOf(ready)?.status, 'True');
  assert.deepEqual(
    preflightOf(ready).notVerified?.map((text) => text.split(':', 2).join(':')),
    ['master', 'operator', 'worker'].map((of) => `what ${of} may do: the operator's iam`),
  );
});

/* Role, action that it lacks, what EC2's dry run names, and in whose policy the statement is missing. */
const unlaunchable = [
  [
    'master',
    'ec2:CreateFleet',
    /ec2:CreateFleet on lt-\S+ failed as master .*UnauthorizedOperation: .*perform: ec2:CreateFleet on resource: \S+:fleet/,
  ],
  ['master', 'ec2:RunInstances', /ec2:RunInstances on lt-\S+ failed as master .*UnauthorizedOperation: .*perform: ec2:RunInstances on/],
  [
    'master',
    'iam:PassRole',
    /ec2:RunInstances on lt-\S+ failed as master .*perform: iam:PassRole on resource: arn:aws:iam::111122223333:role\//,
  ],
  ['master', 'ec2:CreateTags', /ec2:CreateFleet on lt-\S+ failed as master .*perform: ec2:CreateTags on/],
] as const;

for (const [name, action, said] of unlaunchable) {
  void test(`${name} without ${action}: EC2's dry run stalls the runtime before a node is planned`, async () => {
    const manifests = [...runtime({}, { identities: withNodeRole }), job('etl', {})];
    const { simulation, runtime: refused } = await verified(withRoles(manifests, { [name]: forbidden(action) }));
    assert.match(conditionOf(refused)?.message ?? '', said);
    const [first] = preflightOf(refused).failed ?? [];
    assert.equal(first?.code, 'UnauthorizedOperation');
    const { add = [] } = first;
    assert.ok(add.every(({ policy }) => policy === `identity policy of role ${name} (${arnOf(name)})`));
    assert.ok(add.some(({ statement }) => does(action)(statement)));
    await simulation.settle(10 * 60_000);
    assert.equal(simulation.account.instances().length, 0);
    const asked = simulation.account.calls.filter(({ action: tried, outcome }) => tried === 'ec2:CreateFleet' && outcome === 'ok');
    assert.deepEqual(asked, [], 'nothing was asked for');
  });
}

const withNodeRole = {
  agent: { roleArn: arnOf('agent') },
  operator: { roleArn: arnOf('operator') },
  master: { roleArn: arnOf('master') },
  worker: { roleArn: arnOf('worker') },
  node: { instanceProfileArn: `arn:aws:iam::${home}:instance-profile/node` },
};

void test('where IAM may not be asked, EC2 is asked whether templates may be deleted', async () => {
  const spoil = (role: Role) => ({
    permissions: keep(
      listOf(permissionsOf(role)),
      (statement) => does('iam:SimulatePrincipalPolicy')(statement) || does('ec2:DeleteLaunchTemplate')(statement),
    ),
  });
  const { runtime: refused } = await verified(withRoles(runtime({}), { operator: spoil }));
  assert.match(conditionOf(refused)?.message ?? '', /ec2:DeleteLaunchTemplate on lt-\S+ failed as operator .*UnauthorizedOperation/);
});

void test('each template is asked for once, and what the catalog has no type for is said', async () => {
  const requirements = [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['x1.none'] }];
  const { simulation, runtime: ready } = await verified(runtime({ requirements }));
  assert.deepEqual(preflightOf(ready).notVerified, ['launching nodes of pool workers: the catalog has no instance type that fits it']);
  assert.match(conditionOf(ready)?.message ?? '', /; not verified: launching nodes of pool workers/);
  await simulation.settle(hour);
  const tried = simulation.account.calls.filter(({ outcome }) => outcome === 'DryRunOperation').map(({ action }) => action);
  assert.deepEqual(tried, ['ec2:DeleteLaunchTemplate', 'ec2:CreateFleet', 'ec2:RunInstances']);
});

/* What is changed in AWS after the runtime was verified, and what the next job is told; a job of the ten minutes before goes by what was found then. */
const changedLater = [
  [
    'worker',
    'its trust',
    (role: Role) => ({ ...role, ...untrusting(does('sts:AssumeRoleWithWebIdentity'))(role) }),
    /NotTrusted: .*does not let in system:serviceaccount:finance:analytics-worker/,
  ],
  [
    'master',
    'storing its logs',
    withoutPolicies,
    /s3:PutObject on arn:aws:s3:::acme-logs\/\S+\/master\/\.elastic-probe-\S+ failed as master/,
  ],
] as const;

/** Sessions go on, and may do nothing. */
function withoutPolicies(role: Role): Role {
  return { ...role, policies: [] };
}

for (const [name, what, change, said] of changedLater) {
  void test(`${name} loses ${what} after the runtime was verified: the next job fails before a node starts`, async () => {
    const { simulation } = await verified(runtime({}));
    const verifiedAt = simulation.world.now();
    await until(simulation, 'answers are not kept any more', () => simulation.world.now() > verifiedAt + 10 * minute);
    const role = simulation.account.spec.roles.find(({ arn }) => arn === arnOf(name));
    assert.ok(role);
    simulation.account.putRole(change(role));
    const made = simulation.kubernetes.server.create(kindNamed('ElasticJob'), job('late', {}), 'somebody');
    assert.ok(made.ok, made.ok ? '' : made.error.message);
    await until(simulation, 'it ends', () => ended(simulation, 'late'));
    const { status } = find(simulation, 'late');
    assert.deepEqual([status?.phase, status?.failure?.identity, simulation.account.instances().length], ['Failed', name, 0]);
    assert.match(status?.failure?.message ?? '', said);
  });
}
