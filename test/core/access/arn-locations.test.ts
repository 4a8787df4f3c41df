import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arnForm,
  arnLocation,
  asksOf,
  inAccount,
  locationOf,
  namedByCall,
  onOf,
  wrongLocation,
} from '../../../src/core/access/arn-locations.ts';
import { findConnector } from '../../../src/core/access/connectors.ts';
import { serviceResources } from '../../../src/core/access/service-resources.ts';

const place = { partition: 'aws', region: 'us-east-1' };
const arn = (service: string, resource: string, region = 'us-east-1', partition = 'aws'): string =>
  `arn:${partition}:${service}:${region}:111122223333:${resource}`;

/** ARN forms of https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html */
const accepted: readonly (readonly [connector: string, location: string, what: string])[] = [
  ['DynamoDB', arn('dynamodb', 'table/orders.v2'), 'a DynamoDB table'],
  ['Kinesis', arn('kinesis', 'stream/clicks'), 'a Kinesis data stream'],
  ['KinesisFirehose', arn('firehose', 'deliverystream/audit'), 'a Firehose stream'],
  ['AmazonSNS', arn('sns', 'done.fifo'), 'an SNS topic'],
  ['AmazonSQS', arn('sqs', 'work_1'), 'an SQS queue'],
  ['Glue', arn('glue', 'table/sales/orders'), 'a table of the Glue catalog'],
  ['Glue', arn('glue', 'table/s3tablescatalog/lake/sales/orders'), 'a table of the Glue catalog'],
  ['Glue', arn('glue', 'database/sales'), 'a database of the Glue catalog'],
  ['LakeFormation', arn('glue', 'table/sales/orders'), 'a table of the Glue catalog'],
  ['Athena', arn('athena', 'workgroup/reports'), 'an Athena workgroup'],
  ['Athena', arn('athena', 'datacatalog/AwsDataCatalog'), 'a data catalog of Athena'],
  ['AmazonS3Tables', arn('s3tables', 'bucket/acme-tables'), 'a table bucket of S3'],
  ['AmazonS3Tables', arn('s3tables', 'bucket/acme-tables/table/1b0c9c52-0000-4000-8000-000000000000'), 'a table of a table bucket of S3'],
  ['Timestream', arn('timestream', 'database/plant/table/sensors'), 'a Timestream table'],
  ['Timestream', arn('timestream', 'database/plant'), 'a Timestream database'],
  ['AmazonRedshift', arn('redshift', 'cluster:warehouse'), 'a Redshift cluster'],
  ['AmazonRedshift', arn('redshift', 'dbname:warehouse/sales'), 'a database of a Redshift cluster'],
  ['AmazonRedshift', arn('redshift-serverless', 'workgroup/1b0c9c52-0000'), 'a workgroup of Redshift Serverless'],
  ['AmazonMSK', arn('kafka', 'cluster/events/1b0c9c52-1'), 'an MSK cluster'],
  ['AmazonMSK', arn('kafka', 'topic/events/1b0c9c52-1/orders'), 'a topic of an MSK cluster'],
  ['AmazonKeyspaces', arn('cassandra', '/keyspace/sales/table/orders'), 'a table of Amazon Keyspaces'],
  ['AmazonKeyspaces', arn('cassandra', '/keyspace/sales/'), 'a keyspace of Amazon Keyspaces'],
  ['AmazonNeptune', arn('neptune-db', 'cluster-ABCDEF/*'), 'a Neptune database'],
  ['AmazonOpenSearch', arn('es', 'domain/search'), 'a domain of OpenSearch Service'],
  ['AmazonOpenSearch', arn('aoss', 'collection/07tjusf2h91cunochc'), 'a collection of OpenSearch Serverless'],
];

for (const [connector, location, what] of accepted)
  void test(`${connector} accepts ${location}`, () => {
    assert.equal(wrongLocation(connector, location, place), undefined);
    assert.equal(arnLocation(connector, location)?.kind.what, what);
  });

void test('every direct connector outside S3 has forms, each of them is accepted above, and no other connector has any', () => {
  for (const [connector, kinds] of Object.entries(serviceResources)) {
    const known = findConnector(connector);
    assert.ok(known?.access === 'Direct' && known.s3 !== true, connector);
    for (const { what } of kinds.filter(() => connector !== 'LakeFormation'))
      assert.ok(
        accepted.some(([name, , found]) => name === connector && found === what),
        `${connector}: ${what}`,
      );
    assert.match(arnForm(connector, place) ?? '', /^arn:aws:[a-z0-9-]+:us-east-1:<account>:/);
  }
});

const refused: readonly (readonly [connector: string, location: string, message: RegExp, remedy: RegExp])[] = [
  [
    'DynamoDB',
    'arn:aws:dynamodb:us-east-1',
    /begins like an ARN and is none/,
    /write arn:aws:dynamodb:us-east-1:<account>:table\/<name> \(a DynamoDB table\)/,
  ],
  ['DynamoDB', 'arn:aws:dynamodb:us-east-1:1111:table/orders', /begins like an ARN and is none/, /<account>/],
  ['DynamoDB', 'arn:aws:dynamodb::111122223333:global-table/orders', /begins like an ARN and is none/, /table/],
  ['DynamoDB', arn('kinesis', 'stream/orders'), /is an ARN of service kinesis, but DynamoDB reads and writes dynamodb/, /table\/<name>/],
  ['DynamoDB', arn('dynamodb', 'table/orders/index/by-day'), /names no DynamoDB table/, /table\/<name>/],
  ['DynamoDB', arn('dynamodb', 'table/*'), /names no DynamoDB table/, /table\/<name>/],
  [
    'Kinesis',
    arn('kinesis', 'stream/clicks', 'eu-west-1'),
    /is in region eu-west-1, the runtime in us-east-1/,
    /name one in us-east-1, or use a runtime in eu-west-1/,
  ],
  ['Kinesis', arn('kinesis', 'stream/clicks', 'us-east-1', 'aws-cn'), /is of partition aws-cn, the runtime of aws/, /arn:aws:kinesis/],
  [
    'AmazonRedshift',
    arn('redshift', 'snapshot:warehouse/x'),
    /names no Redshift cluster or database of a Redshift cluster or workgroup/,
    /cluster:<name>.* or arn:/,
  ],
  ['Glue', arn('glue', 'table/sales'), /names no table of the Glue catalog or database/, /table\/<database>\/<name>/],
];

for (const [connector, location, message, remedy] of refused)
  void test(`${connector} refuses ${location}`, () => {
    const wrong = wrongLocation(connector, location, place);
    assert.match(wrong?.message ?? '', message);
    assert.match(wrong?.remedy ?? '', remedy);
  });

void test('what is no ARN is nobody’s business, and neither is an ARN of a connector without forms', () => {
  for (const location of ['orders', 'sales.orders', 'https://sqs.us-east-1.amazonaws.com/111122223333/work', 'ARN of the table'])
    assert.deepEqual([wrongLocation('DynamoDB', location, place), arnLocation('DynamoDB', location)], [undefined, undefined]);
  assert.equal(wrongLocation('Iceberg', arn('glue', 'table/sales/orders'), place), undefined);
  assert.equal(wrongLocation('OurOwn', 'arn:whatever', place), undefined);
});

void test('Glue asks for what a table lies in, and whoever uses a database for all its tables', () => {
  const at = arnLocation('Glue', arn('glue', 'table/s3tablescatalog/lake/sales/orders')) ?? assert.fail();
  const around = [
    at.arn,
    arn('glue', 'database/s3tablescatalog/lake/sales'),
    arn('glue', 'catalog'),
    arn('glue', 'catalog/s3tablescatalog/lake'),
  ];
  assert.deepEqual(asksOf(at, 'glue:GetTable'), [{ actions: ['glue:GetTable'], resources: around }]);
  const database = arnLocation('Glue', arn('glue', 'database/sales')) ?? assert.fail();
  assert.deepEqual(onOf(database, database.kind.reads[0] ?? {}), [arn('glue', 'table/sales/*'), database.arn, arn('glue', 'catalog')]);
});

void test('calls that go by something else ask for that, and say so', () => {
  const asked = (connector: string, location: string) => {
    const at = arnLocation(connector, location) ?? assert.fail(location);
    const { describe, sample } = at.kind;
    return [describe, ...(sample === undefined ? [] : [sample])].map(({ action }) => ({
      [action]: asksOf(at, action).map(({ actions, resources }) => `${actions.join()} on ${resources.join()}`),
      names: namedByCall(location, action),
    }));
  };
  const table = arn('cassandra', '/keyspace/plant/table/sensors');
  const system = `cassandra:Select on ${arn('cassandra', '/keyspace/system*')}`;
  assert.deepEqual(asked('AmazonKeyspaces', table), [
    { 'cassandra:ListTables': [system], names: arn('cassandra', '/keyspace/plant/') },
    { 'cassandra:GetTable': [`cassandra:Select on ${table}`, system], names: table },
  ]);
  assert.deepEqual(asked('AmazonKeyspaces', arn('cassandra', '/keyspace/plant/')), [{ 'cassandra:ListKeyspaces': [system], names: '*' }]);
  const topic = arn('kafka', 'topic/events/1b0c-1/orders');
  const describing = `kafka:DescribeTopic,kafka-cluster:DescribeTopic,kafka-cluster:DescribeTopicDynamicConfiguration on ${topic}`;
  const connecting = `kafka-cluster:Connect on ${arn('kafka', 'cluster/events/1b0c-1')}`;
  assert.deepEqual(asked('AmazonMSK', topic), [{ 'kafka:DescribeTopic': [describing, connecting], names: topic }]);
  const sensors = arn('timestream', 'database/plant/table/sensors');
  const endpoints = 'timestream:DescribeEndpoints on *';
  const showing = `timestream:DescribeTable on ${sensors}`;
  assert.deepEqual(asked('Timestream', sensors), [{ 'timestream:DescribeTable': [showing, endpoints], names: sensors }]);
  const graph = arn('neptune-db', 'cluster-ABC/*');
  const clusters = `rds:DescribeDBClusters on ${arn('rds', 'cluster:*')}`;
  assert.deepEqual(asked('AmazonNeptune', graph), [{ 'rds:DescribeDBClusters': [clusters], names: graph }]);
  const warehouse = arn('redshift', 'cluster:warehouse');
  const seen = { 'redshift:DescribeClusters': [`redshift:DescribeClusters on ${warehouse}`], names: warehouse };
  assert.deepEqual(asked('AmazonRedshift', arn('redshift', 'dbname:warehouse/sales')), [seen]);
  assert.deepEqual(asked('AmazonRedshift', arn('redshift-serverless', 'workgroup/0a1b')), [
    { 'redshift-serverless:ListWorkgroups': ['redshift-serverless:ListWorkgroups on *'], names: '*' },
  ]);
});

void test('MSK and Redshift are asked of the cluster around what is named', () => {
  const topic = arnLocation('AmazonMSK', arn('kafka', 'topic/events/1b0c-1/orders')) ?? assert.fail();
  assert.deepEqual(
    topic.kind.reads.map((need) => onOf(topic, need)),
    [[topic.arn], [arn('kafka', 'cluster/events/1b0c-1')]],
  );
  const cluster = arnLocation('AmazonMSK', arn('kafka', 'cluster/events/1b0c-1')) ?? assert.fail();
  assert.deepEqual(
    cluster.kind.reads.map((need) => onOf(cluster, need)),
    [[arn('kafka', 'topic/events/1b0c-1/*')], [cluster.arn]],
  );
  const warehouse = arnLocation('AmazonRedshift', arn('redshift', 'dbname:warehouse/sales')) ?? assert.fail();
  assert.deepEqual(onOf(warehouse, warehouse.kind.reads[0] ?? {}), [
    arn('redshift', 'dbuser:warehouse/*'),
    arn('redshift', 'dbname:warehouse/*'),
  ]);
});

const user = { partition: 'aws', region: 'us-east-1', account: '444455556666' };

/* Texts that AWS's own clients take for a resource: of the caller's account and region where they say no other. undefined: only the connector knows. */
const texts: readonly (readonly [connector: string, text: string, arn: string | undefined])[] = [
  ['DynamoDB', 'orders.v2', 'arn:aws:dynamodb:us-east-1:444455556666:table/orders.v2'],
  ['DynamoDB', 'table/orders', 'arn:aws:dynamodb:us-east-1:444455556666:table/orders'],
  ['DynamoDB', 'orders by region', undefined],
  ['DynamoDB', 'or*', undefined],
  ['DynamoDB', 'table/orders/index/by-day', undefined],
  ['Kinesis', 'clicks', 'arn:aws:kinesis:us-east-1:444455556666:stream/clicks'],
  ['KinesisFirehose', 'audit', 'arn:aws:firehose:us-east-1:444455556666:deliverystream/audit'],
  ['AmazonSNS', 'done.fifo', 'arn:aws:sns:us-east-1:444455556666:done.fifo'],
  ['AmazonSQS', 'work', 'arn:aws:sqs:us-east-1:444455556666:work'],
  ['AmazonSQS', 'https://sqs.us-east-1.amazonaws.com/111122223333/work.fifo', 'arn:aws:sqs:us-east-1:111122223333:work.fifo'],
  ['AmazonSQS', 'https://us-east-1.queue.amazonaws.com/111122223333/work', 'arn:aws:sqs:us-east-1:111122223333:work'],
  ['AmazonSQS', 'https://sqs-fips.us-east-1.amazonaws.com/111122223333/work', 'arn:aws:sqs:us-east-1:111122223333:work'],
  ['AmazonSQS', 'https://sqs.us-east-1.api.aws/111122223333/work', 'arn:aws:sqs:us-east-1:111122223333:work'],
  ['AmazonSQS', 'https://sqs.us-east-1.amazonaws.com.cn/111122223333/work', undefined],
  ['AmazonSQS', 'http://sqs.us-east-1.amazonaws.com/111122223333/work', undefined],
  ['AmazonSQS', 'https://queue.example.com/work', undefined],
  ['Glue', 'sales.orders', 'arn:aws:glue:us-east-1:444455556666:table/sales/orders'],
  ['Glue', 'sales', 'arn:aws:glue:us-east-1:444455556666:database/sales'],
  ['Glue', 'lake.sales.orders', undefined],
  ['Glue', 'table/lake/sales/orders', 'arn:aws:glue:us-east-1:444455556666:table/lake/sales/orders'],
  // No policy document could name it.
  ['Glue', 'table/продажи/orders', undefined],
  ['Glue', 'table/sales/orders\u0001', undefined],
  ['Glue', 'table/sales/or?ers', undefined],
  ['LakeFormation', 'sales.orders', 'arn:aws:glue:us-east-1:444455556666:table/sales/orders'],
  ['Athena', 'workgroup/reports', 'arn:aws:athena:us-east-1:444455556666:workgroup/reports'],
  // A workgroup, a catalog, a database or a view: it does not say.
  ['Athena', 'sales', undefined],
  ['Athena', 'sales.orders', undefined],
  ['AmazonS3Tables', 'acme-tables', 'arn:aws:s3tables:us-east-1:444455556666:bucket/acme-tables'],
  ['Timestream', 'plant.sensors', 'arn:aws:timestream:us-east-1:444455556666:database/plant/table/sensors'],
  ['Timestream', 'plant', 'arn:aws:timestream:us-east-1:444455556666:database/plant'],
  ['Timestream', 'a.plant.sensors', undefined],
  ['AmazonKeyspaces', 'sales.orders', 'arn:aws:cassandra:us-east-1:444455556666:/keyspace/sales/table/orders'],
  ['AmazonKeyspaces', 'sales', 'arn:aws:cassandra:us-east-1:444455556666:/keyspace/sales/'],
  ['AmazonRedshift', 'dbname:warehouse/sales', 'arn:aws:redshift:us-east-1:444455556666:dbname:warehouse/sales'],
  // What says whose it is stands in no ARN.
  ['AmazonRedshift', 'jdbc:redshift://warehouse.c1abcdef.us-east-1.redshift.amazonaws.com:5439/dev', undefined],
  ['AmazonRedshift', 'reports.111122223333.us-east-1.redshift-serverless.amazonaws.com', undefined],
  ['AmazonOpenSearch', `https://vpc-logs-${'a'.repeat(26)}.us-east-1.es.amazonaws.com/`, undefined],
  ['AmazonOpenSearch', 'orders', undefined],
  ['AmazonMSK', 'b-1.events.abcdef.c2.kafka.us-east-1.amazonaws.com:9098', undefined],
  ['AmazonNeptune', 'graph.cluster-abcdef.us-east-1.neptune.amazonaws.com', undefined],
  ['OurOwn', 'orders', undefined],
  ['constructor', 'orders', undefined],
];

for (const [connector, text, expected] of texts)
  void test(`${connector} ${text} is ${expected ?? "the connector's own"}`, () => {
    const at = locationOf(connector, text, user);
    assert.equal(at?.arn, expected);
    assert.equal(wrongLocation(connector, text, place), undefined);
    if (at === undefined || expected === undefined) return;
    assert.equal(at.takenFrom, text);
    // It is one of the forms that may be written, and the account is its user's only where the text says none.
    assert.equal(arnLocation(connector, expected)?.arn, expected);
    assert.equal(inAccount(at, '777788889999').account, at.account === user.account ? '777788889999' : at.account);
    assert.ok(inAccount(at, '777788889999').arn.includes(`:${inAccount(at, '777788889999').account}:`));
  });

void test('an ARN is what it says, whoever uses it', () => {
  const at = locationOf('DynamoDB', arn('dynamodb', 'table/orders'), user);
  assert.deepEqual([at?.account, at?.takenFrom], ['111122223333', undefined]);
  assert.equal(at === undefined ? '' : inAccount(at, '777788889999').account, '111122223333');
});

void test('a URL of another region is refused as an ARN of it is', () => {
  for (const [connector, location] of [
    ['AmazonSQS', 'https://sqs.eu-west-1.amazonaws.com/111122223333/work'],
    ['AmazonSQS', 'https://eu-west-1.queue.amazonaws.com/111122223333/work'],
  ] as const) {
    const wrong = wrongLocation(connector, location, place);
    assert.match(wrong?.message ?? '', /is in region eu-west-1, the runtime in us-east-1/);
    assert.match(wrong?.remedy ?? '', /name one in us-east-1, or use a runtime in eu-west-1/);
  }
});

/** Endpoints as the services' own pages write them, e.g. https://docs.aws.amazon.com/msk/latest/developerguide/msk-get-bootstrap-brokers.html */
const endpoints: readonly (readonly [connector: string, text: (region: string) => string])[] = [
  ['AmazonOpenSearch', (region) => `https://vpc-logs-${'a'.repeat(26)}.${region}.es.amazonaws.com/`],
  ['AmazonOpenSearch', (region) => `https://07tjusf2h91cunochc.${region}.aoss.amazonaws.com`],
  ['AmazonRedshift', (region) => `jdbc:redshift://warehouse.c1abcdef.${region}.redshift.amazonaws.com:5439/dev?ssl=true`],
  ['AmazonRedshift', (region) => `reports.111122223333.${region}.redshift-serverless.amazonaws.com`],
  ['AmazonNeptune', (region) => `wss://graph.cluster-abcdef.${region}.neptune.amazonaws.com:8182/gremlin`],
  [
    'AmazonMSK',
    (region) => `b-1.my-events-1.abcdef.c2.kafka.${region}.amazonaws.com:9098,b-2.my-events-1.abcdef.c2.kafka.${region}.amazonaws.com:9098`,
  ],
  ['AmazonMSK', (region) => `boot-abcdef.c1.kafka-serverless.${region}.amazonaws.com:9098`],
  ['AmazonKeyspaces', (region) => `cassandra.${region}.amazonaws.com:9142`],
];

for (const [connector, text] of endpoints)
  void test(`an endpoint of another region is refused: ${connector} ${text('<region>')}`, () => {
    assert.equal(wrongLocation(connector, text('us-east-1'), place), undefined);
    const wrong = wrongLocation(connector, text('eu-west-1'), place);
    assert.match(wrong?.message ?? '', /is in region eu-west-1, the runtime in us-east-1/);
    assert.match(wrong?.remedy ?? '', /name one in us-east-1, or use a runtime in eu-west-1/);
    assert.equal(
      wrongLocation(connector, text('cn-north-1').replaceAll('amazonaws.com', 'amazonaws.com.cn'), {
        partition: 'aws-cn',
        region: 'cn-north-1',
      }),
      undefined,
    );
  });

void test('one broker of another region is enough, and what only looks like a region is none', () => {
  const mixed = 'b-1.events.abcdef.c2.kafka.us-east-1.amazonaws.com:9098,b-2.events.abcdef.c2.kafka.eu-west-1.amazonaws.com:9098';
  assert.match(wrongLocation('AmazonMSK', mixed, place)?.message ?? '', /eu-west-1/);
  for (const text of [
    'eu-west-1.cluster-abcdef.us-east-1.neptune.amazonaws.com',
    'graph.eu-west-1.neptune.example.com',
    'jdbc:redshift://warehouse.c1abcdef.us-east-1.redshift.amazonaws.com:5439/dev?idp_host=x.eu-west-1.es.amazonaws.com',
  ])
    assert.equal(wrongLocation('AmazonNeptune', text, place), undefined, text);
});

for (const connector of ['AmazonS3', 'Iceberg', 'DeltaLake', 'Hudi'])
  void test(`${connector}: an ARN of S3 is refused with the URI to write`, () => {
    for (const [location, uri] of [
      ['arn:aws:s3:::acme-lake/raw', 's3://acme-lake/raw'],
      ['arn:aws:s3:::acme-lake/raw/*', 's3://acme-lake/raw'],
      ['arn:aws:s3:::acme-lake', 's3://acme-lake'],
      ['arn:aws-cn:s3:::acme-lake/raw/', 's3://acme-lake/raw'],
      ['arn:aws:s3:us-east-1:111122223333:accesspoint/lake', 's3://<bucket>/<folder>'],
    ] as const) {
      const wrong = wrongLocation(connector, location, place);
      assert.match(wrong?.message ?? '', /is an ARN, and objects are named by a URI/);
      assert.equal(wrong?.remedy, `write it as ${uri}`);
    }
    assert.equal(wrongLocation(connector, 's3://acme-lake/raw', place), undefined);
  });
