import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents } from '../../../src/core/audit/cloudtrail.ts';
import type { JobPlan, PlanRow } from '../../../src/core/audit/planned.ts';
import { auditReport } from '../../../src/core/audit/report.ts';

/* Where pods called services that name a resource in the request, each in its own way. */

const account = '111122223333';
const worker = `arn:aws:iam::${account}:role/worker`;
const arn = (service: string, resource: string, of = account): string => `arn:aws:${service}:us-east-1:${of}:${resource}`;

function planOf(locations: readonly (string | undefined)[], actions: readonly ('read' | 'write')[]): JobPlan {
  const own = locations.flatMap((location, index): readonly PlanRow[] =>
    actions.map((action) => ({
      phase: 'Run',
      resource: `connection:c${index}`,
      action,
      identity: 'worker',
      chain: [worker],
      ...(location !== undefined && { location }),
    })),
  );
  const staging: PlanRow = { phase: 'Run', resource: 'staging', action: 'read', identity: 'worker', chain: [worker] };
  const location = 'arn:aws:s3:::acme-data/elastic/acme/finance/analytics/';
  return {
    runtime: 'finance/analytics',
    job: 'finance/nightly',
    uid: '89abcdef-0000-4000-8000-000000000000',
    rows: [...own, { ...staging, location }],
  };
}

type Fields = Readonly<Record<string, unknown>>;

function judged(
  locations: readonly (string | undefined)[],
  action: string,
  requestParameters: Fields,
  more: Fields = {},
  actions: readonly ('read' | 'write')[] = ['read', 'write'],
) {
  const [source, eventName] = action.split(':');
  const { read } = readEvents([
    {
      eventTime: '2026-12-01T10:00:00Z',
      eventSource: `${source}.amazonaws.com`,
      eventName,
      awsRegion: 'us-east-1',
      requestID: 'R1',
      requestParameters,
      userIdentity: {
        type: 'AssumedRole',
        arn: `arn:aws:sts::${account}:assumed-role/worker/01234567.89abcdef.worker`,
        accountId: account,
        sessionContext: { sessionIssuer: { type: 'Role', arn: worker }, webIdFederationData: { federatedProvider: 'oidc' } },
      },
      ...more,
    },
  ]);
  const [row] = auditReport({ records: [], plans: [planOf(locations, actions)], trail: read });
  assert.ok(row);
  return row.unplanned ?? (row.unjudged === undefined ? 'planned' : `unjudged: ${row.unjudged}`);
}

const url = (queue: string, of = account): string => `https://sqs.us-east-1.amazonaws.com/${of}/${queue}`;
const cluster = arn('kafka', 'cluster/logs/0f0e0d0c-1');
const bucket = arn('s3tables', 'bucket/acme');

/** Each with what is planned, and with what is not. */
const calls: readonly (readonly [location: string, action: string, planned: Fields, foreign: Fields])[] = [
  [
    arn('glue', 'table/sales/orders'),
    'glue:GetTable',
    { databaseName: 'sales', name: 'orders' },
    { databaseName: 'payroll', name: 'orders' },
  ],
  [arn('glue', 'table/sales/orders'), 'glue:GetTable', { databaseName: 'sales', name: 'orders' }, { databaseName: 'sales', name: 'pay' }],
  [arn('glue', 'table/sales/orders'), 'glue:GetTables', { databaseName: 'sales' }, { databaseName: 'payroll' }],
  [
    arn('glue', 'table/sales/orders'),
    'glue:GetPartitions',
    { databaseName: 'sales', tableName: 'orders' },
    { databaseName: 'hr', tableName: 'orders' },
  ],
  [
    arn('glue', 'table/sales/orders'),
    'glue:GetTable',
    { catalogId: account, databaseName: 'sales', name: 'orders' },
    { catalogId: '444455556666', databaseName: 'sales', name: 'orders' },
  ],
  [
    arn('glue', 'table/s3tablescatalog/b/sales/orders'),
    'glue:GetTable',
    { catalogId: `${account}:s3tablescatalog/b`, databaseName: 'sales', name: 'orders' },
    { databaseName: 'sales', name: 'orders' },
  ],
  [
    arn('glue', 'table/sales/orders'),
    'glue:UpdateTable',
    { databaseName: 'sales', tableInput: { name: 'orders' } },
    { databaseName: 'sales', tableInput: { name: 'pay' } },
  ],
  [
    arn('glue', 'table/sales/orders'),
    'glue:BatchDeleteTable',
    { databaseName: 'sales', tablesToDelete: ['orders'] },
    { databaseName: 'sales', tablesToDelete: ['orders', 'pay'] },
  ],
  [arn('glue', 'database/sales'), 'glue:GetTable', { databaseName: 'sales', name: 'any' }, { databaseName: 'payroll', name: 'any' }],
  [arn('glue', 'database/sales'), 'glue:GetDatabase', { name: 'sales' }, { name: 'payroll' }],
  [arn('kinesis', 'stream/clicks'), 'kinesis:PutRecords', { streamName: 'clicks' }, { streamName: 'other' }],
  [
    arn('kinesis', 'stream/clicks'),
    'kinesis:PutRecord',
    { streamARN: arn('kinesis', 'stream/clicks') },
    { streamARN: arn('kinesis', 'stream/clicks', '444455556666') },
  ],
  [arn('sns', 'alarms'), 'sns:Publish', { topicArn: arn('sns', 'alarms') }, { topicArn: arn('sns', 'other') }],
  [arn('sns', 'alarms'), 'sns:PublishBatch', { topicArn: arn('sns', 'alarms') }, { topicArn: arn('sns', 'other') }],
  [arn('sqs', 'work'), 'sqs:SendMessage', { queueUrl: url('work') }, { queueUrl: url('other') }],
  [arn('sqs', 'work'), 'sqs:SendMessageBatch', { queueUrl: url('work') }, { queueUrl: url('work', '444455556666') }],
  [arn('dynamodb', 'table/events'), 'dynamodb:DescribeTable', { tableName: 'events' }, { tableName: 'payroll' }],
  [
    arn('dynamodb', 'table/events'),
    'dynamodb:GetItem',
    { tableName: arn('dynamodb', 'table/events') },
    { tableName: arn('dynamodb', 'table/events', '444455556666') },
  ],
  [
    arn('dynamodb', 'table/events'),
    'dynamodb:BatchWriteItem',
    { requestItems: { events: [] } },
    { requestItems: { events: [], payroll: [] } },
  ],
  [arn('athena', 'workgroup/etl'), 'athena:StartQueryExecution', { workGroup: 'etl' }, { workGroup: 'payroll' }],
  [arn('athena', 'workgroup/primary'), 'athena:StartQueryExecution', {}, { workGroup: 'payroll' }],
  [arn('athena', 'workgroup/etl'), 'athena:GetWorkGroup', { workGroup: 'etl' }, { workGroup: 'payroll' }],
  [arn('athena', 'datacatalog/main'), 'athena:GetDataCatalog', { name: 'main' }, { name: 'other' }],
  [arn('athena', 'datacatalog/main'), 'athena:ListDatabases', { catalogName: 'main' }, { catalogName: 'other' }],
  [arn('firehose', 'deliverystream/clicks'), 'firehose:PutRecordBatch', { deliveryStreamName: 'clicks' }, { deliveryStreamName: 'other' }],
  [
    arn('timestream', 'database/iot/table/load'),
    'timestream:WriteRecords',
    { databaseName: 'iot', tableName: 'load' },
    { databaseName: 'iot', tableName: 'x' },
  ],
  [
    arn('cassandra', '/keyspace/shop/table/cart'),
    'cassandra:GetTable',
    { keyspaceName: 'shop', tableName: 'cart' },
    { keyspaceName: 'shop', tableName: 'pay' },
  ],
  [arn('redshift', 'cluster:dwh'), 'redshift:DescribeClusters', { clusterIdentifier: 'dwh' }, { clusterIdentifier: 'hr' }],
  [
    arn('redshift', 'cluster:dwh'),
    'redshift:GetClusterCredentials',
    { clusterIdentifier: 'dwh', dbUser: 'etl', dbName: 'x' },
    { clusterIdentifier: 'hr', dbUser: 'etl' },
  ],
  [arn('redshift', 'cluster:dwh'), 'redshift-data:ExecuteStatement', { clusterIdentifier: 'dwh' }, { clusterIdentifier: 'hr' }],
  [cluster, 'kafka:DescribeClusterV2', { clusterArn: cluster }, { clusterArn: `${cluster}x` }],
  [bucket, 's3tables:ListTables', { tableBucketARN: bucket }, { tableBucketARN: `${bucket}x` }],
  [arn('es', 'domain/search'), 'es:DescribeDomain', { domainName: 'search' }, { domainName: 'hr' }],
];

for (const [location, action, own, foreign] of calls)
  void test(`${action} at ${location}: ${JSON.stringify(own)}, not ${JSON.stringify(foreign)}`, () => {
    assert.equal(judged([location], action, own), 'planned');
    assert.match(judged([location], action, foreign), /^the plan lets the pods make .*, not at arn:/);
  });

void test('each resource of an event of data counts', () => {
  const [events, orders, payroll] = ['events', 'orders', 'payroll'].map((name) => arn('dynamodb', `table/${name}`));
  const at = (...arns: readonly (string | undefined)[]) =>
    judged([events, orders], 'dynamodb:BatchGetItem', {}, { resources: arns.map((ARN) => ({ ARN, type: 'AWS::DynamoDB::Table' })) });
  assert.equal(at(events, orders), 'planned');
  assert.match(at(events, payroll), /not at .*payroll$/);
  assert.match(at(payroll, events), /not at .*payroll$/);
});

const table = arn('glue', 'table/sales/orders');
for (const [what, locations, action, parameters, says] of [
  ['a read by an iterator', [arn('kinesis', 'stream/clicks')], 'kinesis:GetRecords', {}, 'CloudTrail does not say at what'],
  [
    'results of a query',
    [arn('athena', 'workgroup/etl')],
    'athena:GetQueryResults',
    { queryExecutionId: 'x' },
    'CloudTrail does not say at what',
  ],
  ['a table by its name', [`${bucket}/table/0f0e`], 's3tables:GetTable', { tableBucketARN: bucket }, 'CloudTrail does not say at what'],
  [
    'many objects',
    ['arn:aws:s3:::acme-lake/out/'],
    's3:DeleteObjects',
    { bucketName: 'acme-lake' },
    'CloudTrail does not say which objects of the bucket',
  ],
  [
    'data of a catalog',
    [table],
    's3:GetObject',
    { bucketName: 'acme-lake', key: 'x' },
    'where the data of connection:c0 lies, the plan does not know',
  ],
  [
    'data of a query',
    [arn('athena', 'workgroup/etl')],
    's3:GetObject',
    { bucketName: 'acme-lake', key: 'x' },
    'where the data of connection:c0 lies, the plan does not know',
  ],
  ["a connector's own text", [undefined], 'dynamodb:Scan', { tableName: 'x' }, 'where connection:c0 is, its connector alone knows'],
] as const)
  void test(`what nobody tells is said, and is no alarm: ${what}`, () => {
    assert.equal(judged(locations, action, parameters), `unjudged: ${says}`);
  });

for (const [what, locations, action, parameters, more] of [
  ["another organization's folder, beside a catalog", [table], 's3:GetObject', { bucketName: 'acme-data', key: 'elastic/globex/x' }, {}],
  ["another runtime's, beside a text", [undefined], 's3:GetObject', { bucketName: 'acme-data', key: 'elastic/acme/finance/other/x' }, {}],
  ['a list of all of them', [table], 's3:ListBucket', { bucketName: 'acme-data', prefix: 'el' }, {}],
  ['a list of the bucket', [table], 's3:ListBucket', { bucketName: 'acme-data' }, {}],
  ['another service, which names nothing', [table], 'kinesis:GetRecords', {}, {}],
  [
    'a key for an object of another organization',
    [table],
    'kms:Decrypt',
    { encryptionContext: { 'aws:s3:arn': 'arn:aws:s3:::acme-data/elastic/globex/x' } },
    { sourceIPAddress: 'AWS Internal' },
  ],
] as const)
  void test(`not planned, whatever else nobody tells: ${what}`, () => {
    assert.match(judged(locations, action, parameters, more), /^the plan lets the pods make .*, not at/);
  });

void test('a whole bucket is a place: of many objects it is enough', () => {
  assert.equal(judged(['arn:aws:s3:::acme-lake/'], 's3:DeleteObjects', { bucketName: 'acme-lake' }), 'planned');
});

void test("a query's result lies where the plan does not know, but not in runtimes' folders; by itself a pod writes what its own rows say", () => {
  const workgroup = arn('athena', 'workgroup/etl');
  const put = (location: string, bucketName: string, key: string, by = 'athena.amazonaws.com') =>
    judged([location], 's3:PutObject', { bucketName, key }, { sourceIPAddress: by }, ['read']);
  const unknown = 'unjudged: where the data of connection:c0 lies, the plan does not know';
  assert.equal(put(workgroup, 'results', 'x'), unknown);
  assert.match(put(workgroup, 'acme-data', 'elastic/globex/x'), /not at .*globex/);
  assert.match(put(workgroup, 'results', 'x', '198.51.100.7'), /no s3:PutObject/);
  assert.match(put(arn('kinesis', 'stream/clicks'), 'results', 'x'), /no s3:PutObject/);
  const encryptionContext = { 'aws:s3:arn': 'arn:aws:s3:::results/x' };
  const key = judged([workgroup], 'kms:GenerateDataKey', { encryptionContext }, { sourceIPAddress: 'AWS Internal' }, ['read']);
  assert.equal(key, unknown);
});
