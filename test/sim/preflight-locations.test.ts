import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob } from '../../src/api/generated/types.ts';
import type { JobPlan } from '../../src/core/audit/planned.ts';
import type { Recorded } from '../../src/core/audit/records.ts';
import { auditReport } from '../../src/core/audit/report.ts';
import type { PolicyStatement } from '../../src/core/policy/document.ts';
import type { MissingStatement } from '../../src/core/preflight/missing.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { defaultRoles, find, job, runtime, start, until } from './support/stage.ts';

/* What is verified of locations that are ARNs, and what is said of those that are not. */

const home = '111122223333';
const other = '444455556666';
const roleArn = (name: string, account = home): string => `arn:aws:iam::${account}:role/${name}`;
const arn = (service: string, resource: string, account = home): string => `arn:aws:${service}:us-east-1:${account}:${resource}`;
const table = arn('dynamodb', 'table/orders');

type Role = Simulation['account']['spec']['roles'][number];

const listOf = (document: { readonly Statement: unknown }) => [document.Statement].flat() as readonly PolicyStatement[];
const documentOf = (statements: readonly PolicyStatement[]) => ({
  Version: '2012-10-17',
  Statement: statements.map((statement, index) => ({ ...statement, Sid: `S${index}` })),
});
const statementsOf = ({ policies }: Role): readonly PolicyStatement[] => policies.flatMap(({ document }) => listOf(document));
const allow = (Action: string | readonly string[], Resource: string): PolicyStatement => ({ Effect: 'Allow', Action, Resource });
const deny = (Action: string | readonly string[], Resource: string): PolicyStatement => ({ Effect: 'Deny', Action, Resource });
const without = (prefix: string) => (role: Role) =>
  statementsOf(role).filter(({ Action }) => ![Action ?? []].flat().some((one) => one.startsWith(prefix)));

/** The account of the manifests, with a role's statements and what lies in it changed. */
function changed(
  manifests: readonly SimulationManifest[],
  spec: object,
  roles: Readonly<Record<string, (role: Role) => readonly PolicyStatement[]>> = {},
): readonly SimulationManifest[] {
  const made = start(manifests).account.spec.roles.flatMap((role) => {
    const change = roles[role.arn];
    return change === undefined ? [] : [{ arn: role.arn, trust: role.trust, permissions: documentOf(change(role)) }];
  });
  const account = { apiVersion: 'simulation.elasticruntime.dev/v1alpha1', kind: 'SimulatedAccount', metadata: { name: 'account' } };
  return [...manifests, { ...account, spec: { accountId: home, roles: made, ...spec } }];
}

const keys: SimulationManifest = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: 'finance' },
  stringData: { aws_access_key_id: 'AKIAKEYS', aws_secret_access_key: 'canary-secret-of-keys' },
};
const withKeys = { authentication: { credentials: { secretRef: { name: 'keys' } } } };
/** Each action that writes to a table. */
const writes = [
  'dynamodb:*Write*',
  'dynamodb:Put*',
  'dynamodb:Update*',
  'dynamodb:Delete*',
  'dynamodb:PartiQL*',
  'dynamodb:Import*',
  'dynamodb:CreateTable*',
  'dynamodb:Restore*',
];
const orders = { name: 'orders', usage: 'Source', connector: 'DynamoDB', location: table };
const base = (...connections: readonly object[]) => [...runtime({}), keys, job('etl', {}, { connections })];

type Status = NonNullable<ElasticJob['status']>;
type Preflight = {
  readonly failed?: readonly {
    readonly code: string;
    readonly action: string;
    readonly add?: readonly MissingStatement[];
    readonly remedy?: string;
  }[];
  readonly notVerified?: readonly string[];
};

async function outcomeOf(manifests: readonly SimulationManifest[]): Promise<{
  readonly simulation: Simulation;
  readonly status: Status;
  readonly said: readonly string[];
  readonly failed: NonNullable<Preflight['failed']>;
  /** `<role or user> <action>: <outcome>`, of calls that show resources. */
  readonly looked: readonly string[];
}> {
  const simulation = start(manifests);
  await until(simulation, 'it ends', () => ['Failed', 'Succeeded'].includes(find(simulation, 'etl').status?.phase ?? ''));
  const { status } = find(simulation, 'etl');
  assert.ok(status);
  const { notVerified = [], failed = [] } = (status.preflight ?? {}) as Preflight;
  const looked = simulation.account.calls
    .filter(({ method }) => method === 'resources.describe')
    .map(({ caller, action, outcome }) => `${caller.split('/')[1]} ${action}: ${outcome}`);
  return { simulation, status, said: notVerified, failed, looked };
}

void test('a table is seen and sampled by the worker itself, IAM says what it may do, and nothing is left open', async () => {
  const { status, said, looked, simulation } = await outcomeOf(base(orders));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.deepEqual(said, []);
  assert.deepEqual(looked, ['worker dynamodb:DescribeTable: ok', 'worker dynamodb:Scan: ok']);
  const asked = simulation.account.calls.filter(
    ({ action, resource }) => action === 'iam:SimulatePrincipalPolicy' && resource === roleArn('worker'),
  );
  assert.ok(asked.length > 0);
  assert.deepEqual(
    simulation.account.calls.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'DryRunOperation'),
    [],
  );
});

const storedOf = (simulation: Simulation) => simulation.account.objects('acme-logs').find(({ key }) => key.endsWith('/access.json'));

void test('IAM is asked of a default worker role, too, once the stack has made it', async () => {
  const reads = [allow('dynamodb:*', table)];
  const agentMay = { [roleArn('agent')]: (role: Role) => [...statementsOf(role), ...reads] };
  const { status, said, simulation } = await outcomeOf(
    changed([...defaultRoles(), job('etl', {}, { connections: [{ ...orders, usage: 'SourceAndTarget' }] })], {}, agentMay),
  );
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.deepEqual(said, []);
  const worker = `arn:aws:iam::${home}:role/elastic-runtime/finance/analytics/`;
  const asked = simulation.account.calls.filter(
    ({ action, resource }) => action === 'iam:SimulatePrincipalPolicy' && resource.startsWith(worker),
  );
  assert.ok(asked.length > 0 && asked.every(({ outcome }) => outcome === 'ok'));
});

void test('a default worker role that may not use what its agent may not: the remedy names the agent role, whose policies it gets', async () => {
  const location = arn('athena', 'workgroup/reports');
  const reports = { name: 'reports', usage: 'Source', connector: 'Athena', location };
  const { status, failed } = await outcomeOf(
    changed([...defaultRoles(), job('etl', {}, { connections: [reports] })], {}, { [roleArn('agent')]: without('athena:') }),
  );
  assert.equal(status.failure?.reason, 'AccessDenied');
  assert.match(
    failed[0]?.add?.[0]?.policy ?? '',
    /^identity policy of agent role agent \(arn:aws:iam::111122223333:role\/agent\), whose policies the default worker role gets within ten minutes$/,
  );
});

void test('every call of it stands in the audit with identity, chain, row of the plan and request id, and is planned', async () => {
  const { simulation } = await outcomeOf(base({ ...orders, usage: 'SourceAndTarget' }));
  const [record] = simulation.audit().filter(({ action }) => action === 'dynamodb:DescribeTable');
  assert.deepEqual(
    [record?.phase, record?.planResource, record?.identity, record?.resource, record?.outcome, record?.chain],
    ['Run', 'connection:orders', 'worker', table, 'ok', ['agent', 'operator', 'worker'].map((name) => roleArn(name))],
  );
  assert.ok(record?.rule !== undefined && record.requestId !== undefined);
  const byKeys = await outcomeOf(base({ ...orders, ...withKeys }));
  await until(byKeys.simulation, 'the record is stored', () => storedOf(byKeys.simulation) !== undefined);
  const { plan, accesses } = JSON.parse(new TextDecoder().decode(storedOf(byKeys.simulation)?.body)) as {
    readonly plan: JobPlan['rows'];
    readonly accesses: readonly Recorded[];
  };
  const plans = [{ runtime: 'finance/analytics', job: 'finance/etl', rows: plan }];
  const rows = auditReport({ records: accesses, plans, trail: undefined });
  assert.ok(rows.some(({ action }) => action === 'dynamodb:DescribeTable'));
  assert.deepEqual(
    rows.flatMap(({ action, unplanned }) => (unplanned === undefined ? [] : [`${action}: ${unplanned}`])),
    [],
  );
});

void test('nothing allowed, and one explicit deny of all: refused before a node starts, with the statement that stands in the way', async () => {
  const everyAction = deny('dynamodb:*', '*');
  const { status, failed, simulation } = await outcomeOf(
    changed(base(orders), {}, { [roleArn('worker')]: (role) => [...without('dynamodb:')(role), everyAction] }),
  );
  assert.equal(status.phase, 'Failed');
  assert.equal(status.failure?.reason, 'AccessDenied');
  assert.deepEqual(
    failed.map(({ code, action }) => [code, action]),
    [['SimulatedAccessDenied', 'dynamodb:BatchGetItem']],
  );
  assert.match(failed[0]?.remedy ?? '', /Effect Deny/);
  assert.equal(simulation.account.instances().length, 0);
});

void test('one action allowed is enough, whatever else is denied', async () => {
  const roles = {
    [roleArn('worker')]: (role: Role) => [
      ...without('dynamodb:')(role),
      allow(['dynamodb:DescribeTable', 'dynamodb:GetItem'], table),
      deny(['dynamodb:Scan', 'dynamodb:Query'], '*'),
    ],
  };
  const { status, said } = await outcomeOf(changed(base(orders), {}, roles));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.deepEqual(said, []);
});

void test('no policy allows anything: a sample decides, and where that is denied too it is said, since a policy of the table may still', async () => {
  const bare = { [roleArn('worker')]: without('dynamodb:') };
  const own = documentOf([{ ...allow('dynamodb:*', '*'), Principal: { AWS: roleArn('worker') } }]);
  // Direct to the session's role, within the account: such a grant is bounded by the session's policy, which allows just these calls.
  const byTable = await outcomeOf(changed(base(orders), { resources: [{ arn: table, policy: own }] }, bare));
  assert.equal(byTable.status.phase, 'Succeeded', byTable.status.failure?.message ?? '');
  assert.deepEqual(byTable.looked, ['worker dynamodb:DescribeTable: ok', 'worker dynamodb:Scan: ok']);
  assert.deepEqual(byTable.said, []);
  const nobody = await outcomeOf(changed(base(orders), {}, bare));
  assert.equal(nobody.status.phase, 'Succeeded', nobody.status.failure?.message ?? '');
  assert.deepEqual(nobody.looked, ['worker dynamodb:DescribeTable: AccessDeniedException', 'worker dynamodb:Scan: AccessDeniedException']);
  assert.match(
    nobody.said.join(),
    /connection orders at \S+table\/orders: whether it is there: dynamodb:DescribeTable as worker was answered AccessDenied/,
  );
  assert.match(
    nobody.said.join(),
    /whether worker may read: no policy of role worker allows any of dynamodb:BatchGetItem.*only a policy of a DynamoDB table/,
  );
});

void test('where no resource has a policy of its own, what no policy allows is refused, with the statement ready to paste', async () => {
  const location = arn('firehose', 'deliverystream/audit');
  const audit = { name: 'audit', usage: 'Target', connector: 'KinesisFirehose', location };
  const { status, failed } = await outcomeOf(changed(base(audit), {}, { [roleArn('worker')]: without('firehose:') }));
  assert.equal(status.phase, 'Failed');
  const [statement] = failed[0]?.add ?? [];
  assert.equal(statement?.policy, `identity policy of role worker (${roleArn('worker')})`);
  assert.deepEqual(
    [statement?.statement.Action, statement?.statement.Resource],
    [['firehose:DescribeDeliveryStream', 'firehose:PutRecord', 'firehose:PutRecordBatch'], location],
  );
});

void test('a source that is not there is refused, with its name, region and account; a target may be made by the job', async () => {
  const gone = { resources: [{ arn: table, absent: true }] };
  const source = await outcomeOf(changed(base(orders), gone));
  assert.equal(source.status.phase, 'Failed');
  assert.equal(source.failed[0]?.code, 'ResourceNotFoundException');
  assert.match(
    source.status.failure?.message ?? '',
    /dynamodb:DescribeTable on \S+ failed as worker .*there is no DynamoDB table orders in region us-east-1 of account 111122223333: create it, or correct the location/,
  );
  for (const usage of ['Target', 'SourceAndTarget']) {
    const target = await outcomeOf(changed(base({ ...orders, usage }), gone));
    assert.equal(target.status.phase, 'Succeeded', target.status.failure?.message ?? '');
    assert.match(
      target.said.join(),
      /there is no DynamoDB table orders in region us-east-1 of account 111122223333: the job has to make it$/,
    );
  }
});

void test('keys see the table themselves, and IAM says what their user may do there, reading and writing', async () => {
  for (const usage of ['Source', 'Target', 'SourceAndTarget']) {
    const { status, said, looked, simulation } = await outcomeOf(base({ ...orders, usage, ...withKeys }));
    assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
    const scan = usage === 'Target' ? [] : ['finance-orders dynamodb:Scan: ok'];
    assert.deepEqual(looked, ['finance-orders dynamodb:DescribeTable: ok', ...scan]);
    assert.deepEqual(said, []);
    const asked = simulation.account.calls.filter(({ action }) => action === 'iam:SimulatePrincipalPolicy');
    const ofUser = asked.filter(({ resource }) => resource.endsWith(':user/finance-orders'));
    assert.ok(ofUser.length > 0 && ofUser.every(({ caller, outcome }) => caller.split('/')[1] === 'operator' && outcome === 'ok'));
  }
});

void test('keys whose user may read and not write fail a job that writes, before a node starts, with the statement to add to the user', async () => {
  const user = {
    arn: `arn:aws:iam::${home}:user/etl/loader`,
    accessKeyId: 'AKIAKEYS',
    secretAccessKey: 'canary-secret-of-keys',
    permissions: documentOf([allow('s3:*', '*'), allow('kms:*', '*'), allow('dynamodb:*', '*'), deny(writes, '*')]),
  };
  const reading = await outcomeOf(changed(base({ ...orders, ...withKeys }), { users: [user] }));
  assert.equal(reading.status.phase, 'Succeeded', reading.status.failure?.message ?? '');
  assert.deepEqual(reading.said, []);
  const { status, failed, simulation } = await outcomeOf(changed(base({ ...orders, usage: 'Target', ...withKeys }), { users: [user] }));
  assert.equal(status.phase, 'Failed');
  assert.equal(status.failure?.reason, 'AccessDenied');
  assert.equal(failed[0]?.code, 'SimulatedAccessDenied');
  assert.match(status.failure?.message ?? '', /user\/etl\/loader is not authorized to perform: dynamodb:/);
  assert.equal(simulation.account.instances().length, 0);
});

void test('an operator that may not ask IAM of users says so, and a sample proves reading', async () => {
  const roles = {
    [roleArn('operator')]: (role: Role) =>
      statementsOf(role).map((statement) =>
        statement.Action === 'iam:SimulatePrincipalPolicy'
          ? { ...statement, Resource: [statement.Resource ?? []].flat().filter((one) => !one.endsWith(':user/*')) }
          : statement,
      ),
  };
  const source = await outcomeOf(changed(base({ ...orders, ...withKeys }), {}, roles));
  assert.deepEqual(source.looked, ['finance-orders dynamodb:DescribeTable: ok', 'finance-orders dynamodb:Scan: ok']);
  assert.deepEqual(source.said, []);
  const target = await outcomeOf(changed(base({ ...orders, usage: 'Target', ...withKeys }), {}, roles));
  assert.equal(target.status.phase, 'Succeeded', target.status.failure?.message ?? '');
  assert.match(target.said.join(), /may write: the operator's iam:SimulatePrincipalPolicy was answered AccessDenied/);
});

void test('keys that may not look are no proof that nothing can be read: said, not refused', async () => {
  const user = {
    arn: `arn:aws:iam::${home}:user/finance-orders`,
    accessKeyId: 'AKIAKEYS',
    secretAccessKey: 'canary-secret-of-keys',
    permissions: documentOf([allow('s3:*', '*'), allow('kms:*', '*'), allow('dynamodb:GetItem', table)]),
  };
  const { status, said } = await outcomeOf(changed(base({ ...orders, ...withKeys }), { users: [user] }));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.match(said.join(), /whether it is there: dynamodb:DescribeTable as connectionCredentials:orders was answered AccessDenied/);
  // IAM knows that their user may read.
  assert.doesNotMatch(said.join(), /may read/);
});

void test('a role of another account is seen by its own calls, and asks IAM of itself', async () => {
  const location = arn('kinesis', 'stream/clicks', other);
  const clicks = { name: 'clicks', usage: 'Source', connector: 'Kinesis', location, authentication: { roleArn: roleArn('reader', other) } };
  const { status, said, looked, simulation } = await outcomeOf(base(clicks));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.deepEqual(looked, ['reader kinesis:DescribeStreamSummary: ok']);
  assert.deepEqual(
    said.filter((line) => line.includes('connection clicks')),
    [],
  );
  const reader = roleArn('reader', other);
  const asked = simulation.account.calls.filter(({ action, resource }) => action === 'iam:SimulatePrincipalPolicy' && resource === reader);
  assert.ok(asked.length > 0 && asked.every(({ caller, outcome }) => caller.split('/')[1] === 'reader' && outcome === 'ok'));
  const records = simulation
    .audit()
    .filter(({ action, identity }) => action === 'iam:SimulatePrincipalPolicy' && identity === 'connectionRole:clicks');
  assert.ok(records.length > 0);
  for (const { phase, planResource, chain, rule } of records)
    assert.deepEqual([phase, planResource, chain.at(-1), rule === undefined], ['Run', 'connection:clicks', reader, false]);
  // A role that somebody made by hand may not ask: said, with what would make it known.
  const byHand = await outcomeOf(changed(base(clicks), {}, { [reader]: without('iam:') }));
  assert.equal(byHand.status.phase, 'Succeeded', byHand.status.failure?.message ?? '');
  assert.match(
    byHand.said.join(),
    /may read: connectionRole:clicks's own iam:SimulatePrincipalPolicy was answered AccessDenied: .*; role reader lies in another account than the operator role, so it must be allowed that of itself/,
  );
  const refused = (role: Role) => [...statementsOf(role), deny('kinesis:*', '*')];
  const denied = await outcomeOf(changed(base(clicks), {}, { [reader]: refused }));
  assert.equal(denied.status.failure?.reason, 'AccessDenied');
  assert.equal(denied.simulation.account.instances().length, 0);
});

void test("another account's queue of which AWS says that it is not there may only be hidden: said, not refused", async () => {
  const location = arn('sqs', 'work', other);
  const work = { name: 'work', usage: 'Source', connector: 'AmazonSQS', location };
  const { status, said } = await outcomeOf(changed(base(work), { resources: [{ arn: location, absent: true }] }));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.match(said.join(), /whether it is there/);
});

void test('a location that is a text of the connector is said, with the form that would be verified', async () => {
  const { status, said } = await outcomeOf(base({ ...orders, location: 'orders by day' }));
  assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
  assert.deepEqual(said, [
    'connection orders: the identity alone, since its location is a text that only the connector understands: write it as arn:aws:dynamodb:us-east-1:<account>:table/<name>',
  ]);
  const verified = status.conditions?.find(({ type }) => type === 'AccessVerified');
  assert.match(verified?.message ?? '', /not verified: connection orders: the identity alone/);
});

void test('a plain name is looked at as AWS takes it, in the account of whoever uses it', async () => {
  const named = { ...orders, location: 'orders', usage: 'SourceAndTarget' };
  const reader = { authentication: { roleArn: roleArn('reader', other) } };
  for (const [connection, who] of [
    [named, 'worker'],
    [{ ...named, ...withKeys }, 'finance-orders'],
    // IAM answers its users of itself only where they may ask; a sample proves reading.
    [{ ...named, ...withKeys, usage: 'Source', expectedBucketOwner: other }, 'finance-orders'],
    [{ ...named, ...reader }, 'reader'],
  ] as const) {
    const { status, said, looked, simulation } = await outcomeOf(base(connection));
    assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
    assert.deepEqual(
      said.filter((line) => line.startsWith('connection')),
      [],
    );
    assert.deepEqual(looked, [`${who} dynamodb:DescribeTable: ok`, `${who} dynamodb:Scan: ok`]);
    const account = 'expectedBucketOwner' in connection || who === 'reader' ? other : home;
    const shown = simulation.account.calls.filter(({ method }) => method === 'resources.describe');
    assert.ok(shown.every(({ resource }) => resource === arn('dynamodb', 'table/orders', account)));
  }
});

void test('a name that nothing is found under, or that may not be used, is said with what it was taken for: the connector may mean something else', async () => {
  const named = { ...orders, location: 'orders' };
  const absent = await outcomeOf(changed(base(named), { resources: [{ arn: table, absent: true }] }));
  assert.equal(absent.status.phase, 'Succeeded', absent.status.failure?.message ?? '');
  assert.match(absent.said.join(), /there is no DynamoDB table orders .*\(orders was taken for that ARN: write another, if it is meant\)/);
  const refused = { [roleArn('worker')]: (role: Role) => [...statementsOf(role), deny('dynamodb:*', '*')] };
  const denied = await outcomeOf(changed(base(named), {}, refused));
  assert.equal(denied.status.phase, 'Succeeded', denied.status.failure?.message ?? '');
  assert.match(denied.said.join(), /SimulatedAccessDenied: .*not authorized to perform: dynamodb:/);
});

void test('an ARN of another service, region or form is refused with object, field, value and remedy, before anything is asked', async () => {
  const rows: readonly (readonly [location: string, says: RegExp])[] = [
    [arn('sqs', 'orders'), /is an ARN of service sqs, but DynamoDB reads and writes dynamodb/],
    ['arn:aws:dynamodb:eu-west-1:111122223333:table/orders', /is in region eu-west-1, the runtime in us-east-1/],
    [arn('dynamodb', 'table/*'), /names no DynamoDB table/],
  ];
  for (const [location, says] of rows) {
    const { status, looked } = await outcomeOf(base({ ...orders, location }));
    assert.equal(status.phase, 'Failed');
    const message = status.failure?.message ?? '';
    assert.match(message, says);
    assert.match(message, /ElasticJob finance\/etl.*spec\.connections\[0\]\.location/);
    assert.ok(message.includes(location) && message.includes('us-east-1'), message);
    assert.deepEqual(looked, []);
  }
});

const askedBy = async (second: object): Promise<number> => {
  const simulation = start([...base(orders), job('etl-2', {}, { connections: [second] })]);
  const done = (name: string) => ['Failed', 'Succeeded'].includes(find(simulation, name).status?.phase ?? '');
  await until(simulation, 'both end', () => done('etl') && done('etl-2'));
  return simulation.account.calls.filter(({ action }) => action === 'dynamodb:DescribeTable').length;
};

void test('equal jobs ask once, others for themselves', async () => {
  assert.equal(await askedBy(orders), 1);
  assert.equal(await askedBy({ ...orders, usage: 'Target' }), 2);
});

void test('what a name was found to be serves no ARN, and an ARN no name', async () => {
  const reports = (location: string) => ({ name: 'reports', usage: 'Source', connector: 'Athena', location });
  const [name, whole] = ['workgroup/reports', arn('athena', 'workgroup/reports')];
  const lacking = { [roleArn('worker')]: without('athena:') };
  for (const [first, second] of [
    [name, whole],
    [whole, name],
  ] as const) {
    const { simulation } = await outcomeOf(changed(base(reports(first)), {}, lacking));
    simulation.apply(job('second', {}, { connections: [reports(second)] }));
    await until(simulation, 'it ends', () => ['Failed', 'Succeeded'].includes(find(simulation, 'second').status?.phase ?? ''));
    assert.deepEqual(
      ['etl', 'second'].map((one) => find(simulation, one).status?.phase),
      first === name ? ['Succeeded', 'Failed'] : ['Failed', 'Succeeded'],
    );
  }
  // Keys of another account: a name is one of theirs, the ARN says otherwise.
  const foreign = { ...orders, ...withKeys, location: 'orders', expectedBucketOwner: other };
  const { simulation, said } = await outcomeOf(base(foreign));
  assert.deepEqual(said, []);
  simulation.apply(job('second', {}, { connections: [{ ...foreign, location: table }] }));
  await until(simulation, 'it ends', () => ['Failed', 'Succeeded'].includes(find(simulation, 'second').status?.phase ?? ''));
  const { notVerified = [] } = (find(simulation, 'second').status?.preflight ?? {}) as Preflight;
  assert.match(notVerified.join(), /connection orders at arn:aws:dynamodb:us-east-1:111122223333:table\/orders: whether it is there/);
});

void test('a connector whose name every object has is a connector that nobody knows', async () => {
  for (const connector of ['constructor', 'toString', 'hasOwnProperty']) {
    const { status, said, simulation } = await outcomeOf(
      base({ name: 'own', usage: 'Source', connector, access: 'Direct', location: 'x' }),
    );
    assert.equal(status.phase, 'Succeeded', status.failure?.message ?? '');
    assert.match(said.join(), /connection own: the identity alone/);
    simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
    await until(simulation, 'gone', () => simulation.runtimes().length === 0);
  }
});
