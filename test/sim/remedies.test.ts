import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyStatement } from '../../src/core/policy/document.ts';
import type { MissingStatement } from '../../src/core/preflight/missing.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { defaultRoles, find, job, runtime, start, until } from './support/stage.ts';

/* A role lacks something: the refusal says which call, as whom, AWS's words and request id, and the statement; pasted where it says, the job runs. */

const home = '111122223333';
const arnOf = (name: string): string => `arn:aws:iam::${home}:role/${name}`;

type Role = Simulation['account']['spec']['roles'][number];
type Statements = readonly PolicyStatement[];
/** By role ARN. */
type Held = Readonly<Record<string, { readonly trust: Statements; readonly permissions: Statements }>>;

const listOf = (document: { readonly Statement: unknown }) => [document.Statement].flat() as Statements;

function heldOf(manifests: readonly SimulationManifest[]): Held {
  const held = ({ trust, policies }: Role) => ({ trust: listOf(trust), permissions: policies.flatMap(({ document }) => listOf(document)) });
  return Object.fromEntries(start(manifests).account.spec.roles.map((role) => [role.arn, held(role)]));
}

function accountOf(held: Held): SimulationManifest {
  const documentOf = (statements: Statements) => ({
    Version: '2012-10-17',
    Statement: statements.map((statement, index) => ({ ...statement, Sid: `S${index}` })),
  });
  const roles = Object.entries(held).map(([arn, { trust, permissions }]) => ({
    arn,
    trust: documentOf(trust),
    permissions: documentOf(permissions),
  }));
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { accountId: home, roles },
  };
}

/** Without the action, in whatever statement it stands, where that is about the resource. */
function without(held: Held, role: string, action: string, about = ''): Held {
  const { trust, permissions } = held[arnOf(role)] ?? assert.fail(role);
  const prefix = action.endsWith('*') ? action.slice(0, -1) : undefined;
  const left = permissions.flatMap((statement) => {
    if (!JSON.stringify(statement.Resource ?? '').includes(about)) return [statement];
    const Action = [statement.Action ?? []].flat().filter((one) => one !== action && !(prefix && one.startsWith(prefix)));
    return Action.length === 0 ? [] : [{ ...statement, Action }];
  });
  return { ...held, [arnOf(role)]: { trust, permissions: left } };
}

type Report = {
  readonly identity: string;
  readonly chain: readonly string[];
  readonly action: string;
  readonly resource: string;
  readonly message: string;
  readonly requestId?: string;
  readonly add?: readonly MissingStatement[];
};

function reportsOf(simulation: Simulation): readonly Report[] {
  const holders = [...simulation.runtimes(), ...simulation.jobs()];
  return holders.flatMap(({ status }) => (status?.preflight as { readonly failed?: readonly Report[] } | undefined)?.failed ?? []);
}

function paste(held: Held, { policy, statement }: MissingStatement): Held {
  const [, kind, arn = ''] = /^(identity|trust) policy of (?:agent )?role \S+ \((arn:[^)]+)\)/.exec(policy) ?? [];
  const { trust, permissions } = held[arn] ?? assert.fail(`there is no ${policy}`);
  const changed = kind === 'trust' ? { trust: [...trust, statement], permissions } : { trust, permissions: [...permissions, statement] };
  return { ...held, [arn]: changed };
}

const ended = (simulation: Simulation) => ['Failed', 'Succeeded'].includes(find(simulation, 'etl').status?.phase ?? '');

/** Runs, pastes what is said, runs again, until the job has succeeded; all that was said on the way. */
async function mend(manifests: readonly SimulationManifest[], spoiled: Held): Promise<readonly Report[]> {
  let held = spoiled;
  const said: Report[] = [];
  for (let round = 0; round < 6; round += 1) {
    const simulation = start([...manifests, accountOf(held)]);
    await until(simulation, 'it ends or is refused', () => ended(simulation) || reportsOf(simulation).length > 0);
    const { status } = find(simulation, 'etl');
    if (status?.phase === 'Succeeded') return said;
    const reports = reportsOf(simulation);
    const missing = reports.flatMap(({ add = [] }) => add);
    assert.ok(missing.length > 0, status?.failure?.message ?? JSON.stringify(reports));
    // What CloudFormation calls is a call of its own.
    assert.ok(reports.every(({ requestId, message }) => requestId !== undefined || message.startsWith('CloudFormation stack')));
    assert.equal(simulation.account.instances().length, 0, 'no node was started');
    said.push(...reports);
    held = missing.reduce(paste, held);
  }
  return assert.fail(JSON.stringify(said));
}

const script = { initScript: { uri: 's3://platform/init.sh' }, machineImage: { family: 'AL2023', version: 'latest' } };
const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };
const reads = (connection?: string) => ({ dependencies: [{ path: 'x.jar', uri: 's3://jars/x.jar', ...(connection && { connection }) }] });
const plain = [...runtime({}, script), job('etl', {}, reads())];
const asReader = { connections: [{ ...orders, authentication: { roleArn: arnOf('reader') } }], ...reads('orders') };
const byReader = [...runtime({}), job('etl', {}, asReader)];
const made = [...defaultRoles(), job('etl', {}, reads())];

/* What nobody can look at refuses, too, where its class wants it so. */
const strictClass = { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticRuntimeClass', metadata: { name: 'default' } };
const table = {
  name: 'table',
  usage: 'Target',
  connector: 'KinesisFirehose',
  location: `arn:aws:firehose:us-east-1:${home}:deliverystream/t`,
};
const strict = [
  { ...strictClass, spec: { allowed: { unverifiedAccess: 'Never' } } },
  ...runtime({}),
  job('etl', {}, { connections: [table, { ...orders, authentication: { roleArn: arnOf('reader') } }] }),
];

/* Role, action, part of the resource; who is refused which call. */
const lacking: readonly (readonly [string, readonly SimulationManifest[], string, string, RegExp])[] = [
  [
    'worker',
    plain,
    's3:DeleteObject',
    'acme-logs',
    /^worker s3:DeleteObject arn:aws:s3:::acme-logs\/\S+\/jobs\/-\/0\/master\/\.elastic-probe-/,
  ],
  ['worker', plain, 's3:GetObject', 'jars', /^worker s3:GetObject arn:aws:s3:::jars\/x\.jar/],
  ['reader', byReader, 's3:GetObject', 'jars', /^connectionRole:orders s3:GetObject arn:aws:s3:::jars\/x\.jar/],
  ['operator', plain, 's3:PutObject', 'acme-staging', /^operator s3:PutObject \S+\/cluster\.json/],
  ['operator', plain, 'kms:GenerateDataKey', '', /^operator s3:PutObject \S+\/cluster\.json/],
  ['operator', plain, 'ssm:GetParameter', '', /^operator ssm:GetParameter \/aws\/service\//],
  ['operator', plain, 'ec2:CreateLaunchTemplate', '', /^operator ec2:CreateLaunchTemplate arn:aws:ec2:/],
  ['worker', strict, 'firehose:Put*', '', /^worker firehose:PutRecord arn:aws:firehose:/],
  ['operator', plain, 'ec2:DescribeSubnets', '', /^operator ec2:DescribeSubnets subnet-/],
  ['master', plain, 's3:GetObject', 'platform', /^master s3:GetObject arn:aws:s3:::platform\/init\.sh/],
  ['agent', made, 's3:GetObject', 'jars', /^worker s3:GetObject arn:aws:s3:::jars\/x\.jar/],
  ['operator', made, 'iam:ListAttachedRolePolicies', '', /^operator iam:ListAttachedRolePolicies arn:aws:iam::\d+:role\/agent/],
  ['operator', made, 'iam:GetRolePolicy', 'role/agent', /^operator iam:GetRolePolicy arn:aws:iam::\d+:role\/agent/],
  ['operator', made, 'cloudformation:DescribeStacks', '', /^operator cloudformation:DescribeStacks elastic-/],
  ['operator', made, 'cloudformation:CreateStack', '', /^operator cloudformation:CreateStack elastic-/],
  ['operator', made, 'cloudformation:TagResource', '', /^operator cloudformation:CreateStack elastic-/],
  ['operator', strict, 'iam:GetRole', '', /^connectionRole:orders preflight cluster-resources/],
  ['operator', strict, 'iam:SimulatePrincipalPolicy', '', /^worker preflight cluster-resources/],
  ['operator', made, 'iam:CreateRole', '', /^operator iam:CreateRole arn:aws:iam::\d+:role\/elastic-runtime\//],
];

void test('what IAM refused CloudFormation is said while the stack is made anew, too', async () => {
  const simulation = start([...made, accountOf(without(heldOf(made), 'operator', 'iam:CreateInstanceProfile'))]);
  const tries = () => simulation.account.calls.filter(({ action }) => action === 'cloudformation:CreateStack').length;
  await until(simulation, 'it is refused', () => reportsOf(simulation).length > 0);
  await until(simulation, 'it is tried again', () => tries() > 1);
  const making = () => simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'DefaultRoles')?.reason === 'Making';
  await until(simulation, 'it is made', making);
  assert.deepEqual(
    reportsOf(simulation).map(({ action }) => action),
    ['iam:CreateInstanceProfile'],
  );
});

void test('a trust policy that does not let pods in is refused with the request id of the call that read it', async () => {
  const held = heldOf(plain);
  const { trust, permissions } = held[arnOf('worker')] ?? assert.fail();
  const closed = trust.filter(({ Action = [] }) => ![Action].flat().includes('sts:AssumeRoleWithWebIdentity'));
  const [first] = await mend(plain, { ...held, [arnOf('worker')]: { trust: closed, permissions } });
  assert.match(first?.message ?? '', /does not let in system:serviceaccount:finance:analytics-worker/);
});

for (const [role, manifests, action, about, said] of lacking) {
  void test(`${role} without ${action}${about && ` at ${about}`}${manifests === made ? ' (default roles)' : ''}`, async () => {
    const reports = await mend(manifests, without(heldOf(manifests), role, action, about));
    const calls = reports.map(({ identity, action: tried, resource }) => `${identity} ${tried} ${resource}`);
    assert.ok(
      calls.some((call) => said.test(call)),
      calls.join('\n'),
    );
  });
}

void test('what several accesses are refused alike is said once', async () => {
  const keys = { ...orders, authentication: { credentials: { secretRef: { name: 'keys' } } } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: 'finance' }, stringData: { other: 'canary' } };
  const refused = async (manifests: readonly SimulationManifest[]) => {
    const simulation = start(manifests);
    await until(simulation, 'it ends', () => ended(simulation));
    return reportsOf(simulation).map(({ identity, action, resource }) => `${identity} ${action} ${resource}`);
  };
  const byKeys = [...runtime({}), job('etl', {}, { connections: [keys] })];
  assert.deepEqual(await refused(byKeys), ['connectionCredentials:orders read Secret finance/keys']);
  assert.deepEqual(await refused([...byKeys, secret]), ['connectionCredentials:orders read keys orders']);
  // The same hop by two probes, with two request ids.
  const held = heldOf(byReader);
  const { permissions } = held[arnOf('reader')] ?? assert.fail();
  const closed = { ...held, [arnOf('reader')]: { trust: held[arnOf('agent')]?.trust ?? [], permissions } };
  assert.deepEqual(await refused([...byReader, accountOf(closed)]), [`connectionRole:orders sts:AssumeRole ${arnOf('reader')}`]);
});
