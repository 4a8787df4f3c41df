import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arnLocation, locationOf } from '../../../src/core/access/arn-locations.ts';
import type { Usage } from '../../../src/core/access/connections.ts';
import {
  judgeLocation,
  judgeSide,
  type LocationProbe,
  locationQuestions,
  locationSides,
  lookAt,
  notJudged,
  notSeen,
  type Sampled,
  type Seen,
  type SideVerdict,
  wantsSample,
  whomToAsk,
} from '../../../src/core/preflight/location.ts';
import { askPolicy, probePolicy } from '../../../src/core/preflight/probes.ts';
import type { SimulatedDecision } from '../../../src/core/preflight/simulation.ts';

const home = '111122223333';
const arn = (service: string, resource: string, account = home): string => `arn:aws:${service}:us-east-1:${account}:${resource}`;

const worker = `arn:aws:iam::${home}:role/worker`;

function probeOf(connector: string, location: string, usage: Usage = 'Source'): LocationProbe {
  const at = arnLocation(connector, location) ?? assert.fail(`${connector} ${location}`);
  return { kind: 'location', identity: 'worker', resource: 'connection:x', at, usage };
}

const table = probeOf('DynamoDB', arn('dynamodb', 'table/orders'));
const foreign = probeOf('DynamoDB', arn('dynamodb', 'table/orders', '444455556666'));
const stream = probeOf('KinesisFirehose', arn('firehose', 'deliverystream/audit'), 'Target');
const cluster = probeOf('AmazonRedshift', arn('redshift', 'cluster:warehouse'));
const keyspace = probeOf('AmazonKeyspaces', arn('cassandra', '/keyspace/sales/'));
const domain = probeOf('AmazonOpenSearch', arn('es', 'domain/search'));

type Answer = Omit<SimulatedDecision, 'action'>;
const allowed: Answer = { decision: 'allowed', missingContext: [] };
const implicit: Answer = { decision: 'implicitDeny', missingContext: [] };
const explicit: Answer = { decision: 'explicitDeny', missingContext: [] };
const byOrganization: Answer = { decision: 'implicitDeny', refusedBy: 'service control policy', missingContext: [] };
const byBoundary: Answer = { decision: 'implicitDeny', refusedBy: 'permissions boundary', missingContext: [] };
const unsure: Answer = { decision: 'explicitDeny', missingContext: ['aws:SourceVpc'] };

/** Every action answered alike, but for those named. */
function verdictOf(probe: LocationProbe, all: Answer, but: Readonly<Record<string, Answer>> = {}): SideVerdict {
  const [side] = locationSides(probe);
  assert.ok(side !== undefined);
  const questions = locationQuestions(probe, worker, side);
  return judgeSide(
    probe,
    worker,
    questions,
    questions.map(({ actions }) => actions.map((action) => ({ action, ...(but[action] ?? all) }))),
  );
}

const rows: readonly (readonly [what: string, verdict: SideVerdict, kind: SideVerdict['kind'], says?: RegExp])[] = [
  ['one allowed among explicit denies', verdictOf(table, explicit, { 'dynamodb:GetItem': allowed }), 'allowed'],
  ['one allowed that few use', verdictOf(table, implicit, { 'dynamodb:ExportTableToPointInTime': allowed }), 'allowed'],
  [
    'all denied explicitly',
    verdictOf(table, explicit),
    'denied',
    /not authorized to perform: dynamodb:BatchGetItem on resource: \S+table\/orders with an explicit deny in an identity-based policy/,
  ],
  ['explicitly, and by the organization', verdictOf(table, explicit, { 'dynamodb:Scan': byOrganization }), 'denied'],
  [
    'by the organization',
    verdictOf(table, byOrganization),
    'denied',
    /because no service control policy allows the dynamodb:BatchGetItem action/,
  ],
  [
    'none allowed, of what may have a policy of its own',
    verdictOf(table, implicit),
    'open',
    /only a policy of a DynamoDB table of its own still could/,
  ],
  ['one not allowed, the others denied, of what may have a policy', verdictOf(table, explicit, { 'dynamodb:Query': implicit }), 'open'],
  [
    'none allowed, of what has none',
    verdictOf(stream, implicit),
    'denied',
    /because no identity-based policy allows the firehose:PutRecord action/,
  ],
  ['none allowed by the boundary, of what has none', verdictOf(stream, byBoundary), 'denied', /because no permissions boundary allows/],
  ['none allowed on all that lies in it', verdictOf(keyspace, implicit), 'open', /on all that lies in it/],
  ['all that lies in it denied explicitly', verdictOf(keyspace, explicit), 'denied'],
  ['none allowed, in another account', verdictOf({ ...stream, at: { ...stream.at, account: '444455556666' } }, implicit), 'open'],
  [
    'allowed, in another account: a policy there must allow it, too',
    verdictOf(foreign, allowed),
    'open',
    /policies of role worker allow it; in account 444455556666 a policy of a DynamoDB table must, too/,
  ],
  [
    'allowed, in another account, of what has no policy',
    verdictOf({ ...stream, at: { ...stream.at, account: '444455556666' } }, allowed),
    'open',
    /has no policy that could, too/,
  ],
  ['all denied explicitly, in another account', verdictOf(foreign, explicit), 'denied'],
  ['denied where a key was not given', verdictOf(table, explicit, { 'dynamodb:Scan': unsure }), 'open', /policies ask for aws:SourceVpc/],
  ['no answer for one', judgeSide(table, worker, locationQuestions(table, worker, 'read'), [[]]), 'open', /did not answer/],
];

for (const [what, verdict, kind, says = /^/] of rows)
  void test(`a side: ${what}: ${kind}`, () => {
    assert.equal(verdict.kind, kind);
    assert.match(verdict.kind === 'denied' ? verdict.message : verdict.kind === 'open' ? verdict.because : '', says);
  });

const other = '444455556666';
const user = `arn:aws:iam::${home}:user/etl/loader`;
const keys = 'connectionCredentials:x';
const session = `arn:aws:sts::${home}:assumed-role/loader/x`;
const asked: readonly (readonly [what: string, answer: ReturnType<typeof whomToAsk>, says: RegExp])[] = [
  ['the role', whomToAsk('worker', worker, home), /role\/worker","as":"operator"\}$/],
  ['the user whose keys they are', whomToAsk(keys, user, home), /user\/etl\/loader","as":"operator"\}$/],
  ['nobody: the root user', whomToAsk(keys, `arn:aws:iam::${home}:root`, home), /those of the root user/],
  ['nobody: keys of a session', whomToAsk(keys, session, home), /those of a session \(\S+loader\/x\), and what that was cut to/],
  ['a role elsewhere, by itself', whomToAsk('worker', worker, other), /role\/worker","as":"itself"\}$/],
  ['a user elsewhere, by itself', whomToAsk(keys, user, other), /user\/etl\/loader","as":"itself"\}$/],
];

for (const [what, answer, says] of asked) void test(`IAM is asked of ${what}`, () => assert.match(JSON.stringify(answer), says));

void test('an action that is needed with the others proves nothing, and is not asked', () => {
  const sensors = probeOf('Timestream', arn('timestream', 'database/plant/table/sensors'));
  assert.deepEqual(
    locationQuestions(sensors, worker, 'read').flatMap(({ actions }) => actions),
    ['timestream:Select', 'timestream:ListMeasures', 'timestream:PrepareQuery', 'timestream:Unload'],
  );
});

void test('a table is asked with its indexes and its stream, so that a denial of the table alone refuses nothing', () => {
  assert.deepEqual(
    locationQuestions(table, worker, 'read').map(({ resource }) => resource.slice(table.at.arn.length)),
    ['', '/index/*', '/stream/*'],
  );
  assert.deepEqual(locationQuestions(table, worker, 'read')[0]?.context, { 'aws:RequestedRegion': 'us-east-1' });
});

const there: Seen = { kind: 'there' };
const missing: Seen = {
  kind: 'missing',
  action: 'dynamodb:DescribeTable',
  code: 'ResourceNotFoundException',
  message: 'gone',
  requestId: 'r',
};
const unseen: Seen = { kind: 'unseen', because: 'denied' };
const may: SideVerdict = { kind: 'allowed', actions: ['dynamodb:GetItem'] };
const mayScan: SideVerdict = { kind: 'allowed', actions: ['dynamodb:GetItem', 'dynamodb:Scan'] };
const open: SideVerdict = { kind: 'open', because: 'nobody knows' };
const never: SideVerdict = { kind: 'denied', action: 'a:B', on: table.at.arn, message: 'not authorized' };

type Row = readonly [
  what: string,
  probe: LocationProbe,
  seen: Seen,
  sides: Readonly<Partial<Record<'read' | 'write', SideVerdict>>>,
  sampled: boolean | Sampled,
  outcome: string | RegExp,
];
const outcomes: readonly Row[] = [
  ['there and allowed', table, there, { read: may }, false, 'verified'],
  ['there, IAM silent, but read', table, there, { read: open }, true, 'verified'],
  ['unseen, but read', table, unseen, { read: may }, true, 'verified'],
  ['denied', table, there, { read: never }, false, 'refused SimulatedAccessDenied'],
  [
    'denied to write, read well',
    { ...table, usage: 'SourceAndTarget' },
    there,
    { read: may, write: never },
    true,
    'refused SimulatedAccessDenied',
  ],
  [
    'denied, where there are other ways in',
    domain,
    unseen,
    { read: never },
    false,
    /^connection x at \S+domain\/search: whether it is there: denied; whether worker may read: not authorized$/,
  ],
  ['missing cluster', cluster, missing, { read: may }, false, 'refused ResourceNotFoundException'],
  ['missing source', table, missing, { read: may }, false, 'refused ResourceNotFoundException'],
  [
    'missing target',
    { ...table, usage: 'Target' },
    missing,
    { write: may },
    false,
    /there is no DynamoDB table orders in region us-east-1 of account 111122223333: the job has to make it$/,
  ],
  ['missing, but both', { ...table, usage: 'SourceAndTarget' }, missing, { read: may, write: may }, false, /the job has to make it$/],
  ['unseen', table, unseen, { read: may }, false, /: whether it is there: denied$/],
  [
    'allowed, but the table or its key refuses',
    table,
    there,
    { read: mayScan },
    { refused: 'dynamodb:Scan was answered AccessDenied: kms' },
    /: whether worker may read: its own policies allow it, but dynamodb:Scan was answered AccessDenied: kms$/,
  ],
  ['allowed, and another action than the sample', table, there, { read: may }, { refused: 'x' }, 'verified'],
  ['IAM silent', table, there, { read: open }, false, /: whether worker may read: nobody knows$/],
  [
    'read, but IAM silent of writing',
    { ...table, usage: 'SourceAndTarget' },
    there,
    { read: open, write: open },
    true,
    /table\/orders: whether worker may write: nobody knows$/,
  ],
];

for (const [what, probe, seen, sides, sampled, outcome] of outcomes)
  void test(`a location: ${what}: ${outcome}`, () => {
    const verdict = judgeLocation(probe, seen, sides, sampled === true ? {} : sampled === false ? undefined : sampled);
    const said = 'refused' in verdict ? `refused ${verdict.refused.code}` : (verdict.notVerified ?? 'verified');
    if (typeof outcome === 'string') assert.equal(said, outcome);
    else assert.match(said, outcome);
  });

void test('a sample that is refused says why, whatever IAM left open', () => {
  const refused = 'dynamodb:Scan was answered AccessDeniedException: not authorized [request r]';
  const verdict = judgeLocation(table, unseen, { read: open }, { refused });
  assert.ok('notVerified' in verdict);
  assert.ok(verdict.notVerified?.endsWith(`whether worker may read: nobody knows, and ${refused}`), verdict.notVerified);
});

void test('what is not there in the own account is missing; in another one it may only be hidden', () => {
  const failed = { identity: 'worker', action: 'sqs:GetQueueAttributes', code: 'QueueDoesNotExist', message: 'gone', requestId: 'r' };
  assert.equal(notSeen(table.at, home, failed, true).kind, 'missing');
  assert.deepEqual(notSeen(foreign.at, home, failed, true), {
    kind: 'unseen',
    because: 'sqs:GetQueueAttributes as worker was answered QueueDoesNotExist: gone [request r]',
  });
  assert.equal(notSeen(table.at, home, failed, false).kind, 'unseen');
});

void test('a call that goes by a name is not made from another account', () => {
  assert.deepEqual(lookAt(stream.at, home), { action: 'firehose:DescribeDeliveryStream' });
  assert.deepEqual(lookAt(foreign.at, home), { action: 'dynamodb:DescribeTable' });
  assert.match(JSON.stringify(lookAt(stream.at, '444455556666')), /goes by the name/);
  assert.deepEqual(lookAt(keyspace.at, home), { action: 'cassandra:ListKeyspaces' });
  assert.match(JSON.stringify(lookAt(keyspace.at, '444455556666')), /goes by the name/);
});

void test('of a database in Redshift its cluster alone is seen, and a topic of MSK that is not seen may be a new one', () => {
  const said = (probe: LocationProbe, seen: Seen) => JSON.stringify(judgeLocation(probe, seen, { read: may }, undefined));
  const database = probeOf('AmazonRedshift', arn('redshift', 'dbname:warehouse/sales'));
  assert.match(said(database, there), /^\{"notVerified":"connection x at \S+: whether it is there: AWS shows its cluster alone"\}$/);
  assert.match(said(database, missing), /^\{"refused":/);
  const topic = probeOf('AmazonMSK', arn('kafka', 'topic/events/1b0c-1/clicks'));
  assert.match(
    said(topic, missing),
    /^\{"notVerified":"\S+ x at \S+: there is no topic of an MSK cluster .*: unless it was made a moment ago"\}$/,
  );
  assert.equal(said(topic, there), '{}');
});

void test('what is missing is named as its owner would', () => {
  const verdict = judgeLocation(cluster, missing, { read: may }, undefined);
  const text = 'refused' in verdict ? verdict.refused.remedy?.text : '';
  assert.equal(
    text,
    'there is no Redshift cluster warehouse in region us-east-1 of account 111122223333: create it, or correct the location',
  );
});

void test('a sample is taken where it can tell something, and only of what is read', () => {
  const wanted = (probe: LocationProbe, seen: Seen, read: SideVerdict | undefined) => wantsSample(probe, seen, read);
  assert.equal(wanted(table, there, open), 'dynamodb:Scan');
  assert.equal(wanted(table, unseen, may), 'dynamodb:Scan');
  assert.equal(wanted(table, there, may), undefined);
  assert.equal(wanted(table, there, mayScan), 'dynamodb:Scan');
  assert.equal(wanted(table, missing, open), undefined);
  assert.equal(wanted(table, there, never), undefined);
  assert.equal(wanted({ ...table, usage: 'Target' }, there, undefined), undefined);
  // Shown to whoever may select: that alone proves reading, whatever IAM says or does not.
  const sensors = probeOf('AmazonKeyspaces', arn('cassandra', '/keyspace/plant/table/sensors'));
  assert.equal(wanted(sensors, there, open), 'cassandra:GetTable');
  assert.equal(wanted(sensors, there, { kind: 'allowed', actions: ['cassandra:Select'] }), 'cassandra:GetTable');
  assert.deepEqual(judgeLocation(sensors, there, { read: open }, {}), {});
});

void test('the session may make these calls there, and nothing else', () => {
  const policy = probePolicy(table, 'us-east-1', 'aws');
  assert.deepEqual(policy.ok && JSON.parse(policy.value.policy), {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['dynamodb:DescribeTable', 'dynamodb:Scan'], Resource: [table.at.arn] },
      // A table may be encrypted with any key: through DynamoDB only.
      {
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: '*',
        Condition: { StringEquals: { 'kms:ViaService': ['dynamodb.us-east-1.amazonaws.com'] } },
      },
    ],
  });
  const statementsOf = (probe: LocationProbe): unknown => {
    const cut = probePolicy(probe, 'us-east-1', 'aws');
    return cut.ok && (JSON.parse(cut.value.policy) as { readonly Statement: unknown }).Statement;
  };
  assert.deepEqual(statementsOf({ ...table, usage: 'Target' }), [
    { Effect: 'Allow', Action: ['dynamodb:DescribeTable'], Resource: [table.at.arn] },
  ]);
  assert.deepEqual(statementsOf(keyspace), [
    { Effect: 'Allow', Action: ['cassandra:Select'], Resource: [arn('cassandra', '/keyspace/system*')] },
  ]);
  const sensors = probeOf('Timestream', arn('timestream', 'database/plant/table/sensors'));
  assert.deepEqual(statementsOf(sensors), [
    { Effect: 'Allow', Action: ['timestream:DescribeTable'], Resource: [sensors.at.arn] },
    { Effect: 'Allow', Action: ['timestream:DescribeEndpoints'], Resource: ['*'] },
  ]);
});

void test('what is not judged is said with the form that would be', () => {
  const said = (connector: string, location: string | undefined) =>
    notJudged({ name: 'x', connector, spec: { location } }, { partition: 'aws', region: 'us-east-1' });
  assert.match(
    said('AmazonSQS', 'the queue'),
    /^connection x: the identity alone, .*: write it as arn:aws:sqs:us-east-1:<account>:<name>$/,
  );
  assert.match(said('Athena', undefined), /it has no location: write it as arn:aws:athena:us-east-1:<account>:workgroup\/<name>$/);
  assert.match(said('Iceberg', 'sales.orders'), /write it as s3:\/\/<bucket>\/<folder>\/$/);
  assert.match(said('OurOwn', 'x'), /understands$/);
});

void test("IAM is asked of one user, whatever stands in the user's path", () => {
  const policy = askPolicy(`arn:aws:iam::${home}:user/*/loader`, 'us-east-1', 'aws');
  assert.match(policy.ok ? policy.value.policy : '', /user\/\$\{\*\}\/loader/);
});

void test('what a name was taken for is no ground to refuse, and what is verified of it stands', () => {
  const named = locationOf('DynamoDB', 'orders', { partition: 'aws', region: 'us-east-1', account: home }) ?? assert.fail();
  const probe: LocationProbe = { ...table, at: named };
  const read: SideVerdict = { kind: 'allowed', actions: ['dynamodb:Scan'] };
  assert.deepEqual(judgeLocation(probe, { kind: 'there' }, { read }, {}), {});
  const missing: Seen = {
    kind: 'missing',
    action: 'dynamodb:DescribeTable',
    code: 'ResourceNotFoundException',
    message: 'not found',
    requestId: 'r-1',
  };
  const denied: SideVerdict = { kind: 'denied', action: 'dynamodb:Scan', on: named.arn, message: 'is not authorized' };
  const rows = [
    [
      judgeLocation(probe, missing, { read }, undefined),
      /DescribeTable: ResourceNotFoundException: not found \[request r-1\]; there is no DynamoDB table orders/,
    ],
    [judgeLocation(probe, { kind: 'there' }, { read: denied }, undefined), /SimulatedAccessDenied: is not authorized/],
    [
      judgeLocation(probe, { kind: 'there' }, { read: { kind: 'open', because: 'nobody knows' } }, { refused: 'no' }),
      /whether worker may read: nobody knows/,
    ],
  ] as const;
  for (const [verdict, says] of rows) {
    const said = 'notVerified' in verdict ? (verdict.notVerified ?? '') : '';
    assert.match(said, says);
    assert.match(
      said,
      /^connection x at arn:aws:dynamodb:us-east-1:111122223333:table\/orders: .* \(orders was taken for that ARN: write another, if it is meant\)$/,
    );
  }
});
