import { AthenaClient, CreateDataCatalogCommand, CreateWorkGroupCommand } from '@aws-sdk/client-athena';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateDeliveryStreamCommand, FirehoseClient } from '@aws-sdk/client-firehose';
import { CreateDatabaseCommand, CreateTableCommand as CreateGlueTableCommand, GlueClient } from '@aws-sdk/client-glue';
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { CreateDBClusterCommand, NeptuneClient } from '@aws-sdk/client-neptune';
import { CreateDomainCommand, OpenSearchClient } from '@aws-sdk/client-opensearch';
import { CreateCollectionCommand, CreateSecurityPolicyCommand, OpenSearchServerlessClient } from '@aws-sdk/client-opensearchserverless';
import { CreateClusterCommand, RedshiftClient } from '@aws-sdk/client-redshift';
import {
  CreateTableCommand as CreateBucketTableCommand,
  CreateNamespaceCommand,
  CreateTableBucketCommand,
  S3TablesClient,
} from '@aws-sdk/client-s3tables';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  CreateDatabaseCommand as CreateTimestreamDatabaseCommand,
  CreateTableCommand as CreateTimestreamTableCommand,
  TimestreamWriteClient,
} from '@aws-sdk/client-timestream-write';
import type { Gate } from './gate.ts';

/** One of each kind that a connection may name, in the emulator; their ARNs by the action that shows them. */
export async function provisionResources({ backend, account }: Gate) {
  const { config } = backend;
  const arn = (service: string, resource: string): string => `arn:aws:${service}:${account.region}:${account.id}:${resource}`;
  const dynamo = new DynamoDBClient(config);
  await dynamo.send(
    new CreateTableCommand({
      TableName: 'orders',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  // It would speak HTTP/2 by itself.
  const kinesis = new KinesisClient({ ...config, requestHandler: dynamo.config.requestHandler });
  await kinesis.send(new CreateStreamCommand({ StreamName: 'clicks', ShardCount: 1 }));
  const firehose = new FirehoseClient(config);
  const s3 = { RoleARN: arn('iam', 'role/firehose').replace(account.region, ''), BucketARN: 'arn:aws:s3:::acme-lake' };
  await firehose.send(new CreateDeliveryStreamCommand({ DeliveryStreamName: 'audit', S3DestinationConfiguration: s3 }));
  const sns = new SNSClient(config);
  await sns.send(new CreateTopicCommand({ Name: 'done' }));
  const sqs = new SQSClient({ ...config, useQueueUrlAsEndpoint: false });
  await sqs.send(new CreateQueueCommand({ QueueName: 'work' }));
  const glue = new GlueClient(config);
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'sales' } }));
  await glue.send(new CreateGlueTableCommand({ DatabaseName: 'sales', TableInput: { Name: 'orders' } }));
  const athena = new AthenaClient(config);
  await athena.send(new CreateWorkGroupCommand({ Name: 'reports' }));
  await athena.send(new CreateDataCatalogCommand({ Name: 'lake', Type: 'GLUE', Parameters: { 'catalog-id': account.id } }));
  const tables = new S3TablesClient(config);
  const bucket = await tables.send(new CreateTableBucketCommand({ name: 'acme-tables' }));
  await tables.send(new CreateNamespaceCommand({ tableBucketARN: bucket.arn, namespace: ['sales'] }));
  const table = await tables.send(
    new CreateBucketTableCommand({ tableBucketARN: bucket.arn, namespace: 'sales', name: 'orders', format: 'ICEBERG' }),
  );
  const redshift = new RedshiftClient(config);
  const login = { MasterUsername: 'owner', MasterUserPassword: 'Example-1-password' };
  await redshift.send(new CreateClusterCommand({ ClusterIdentifier: 'warehouse', NodeType: 'ra3.large', ...login }));
  const search = new OpenSearchClient(config);
  await search.send(new CreateDomainCommand({ DomainName: 'search' }));
  const serverless = new OpenSearchServerlessClient(config);
  const policy = JSON.stringify({
    Rules: [{ ResourceType: 'collection', Resource: ['collection/logs'] }],
    AWSOwnedKey: false,
    KmsARN: arn('kms', 'key/logs'),
  });
  await serverless.send(new CreateSecurityPolicyCommand({ name: 'logs', type: 'encryption', policy }));
  const { createCollectionDetail: collection } = await serverless.send(new CreateCollectionCommand({ name: 'logs' }));
  const neptune = new NeptuneClient(config);
  const { DBCluster: graph } = await neptune.send(new CreateDBClusterCommand({ DBClusterIdentifier: 'graph', Engine: 'neptune' }));
  const timestream = new TimestreamWriteClient(config);
  await timestream.send(new CreateTimestreamDatabaseCommand({ DatabaseName: 'plant' }));
  await timestream.send(new CreateTimestreamTableCommand({ DatabaseName: 'plant', TableName: 'sensors' }));
  const cluster = arn('kafka', 'cluster/events/0a1b2c3d-0000-4000-8000-000000000001-1');
  const topic = `${cluster.replace(':cluster/', ':topic/')}/clicks`;
  const others = [
    arn('cassandra', '/keyspace/plant/'),
    arn('cassandra', '/keyspace/plant/table/machines'),
    arn('cassandra', '/keyspace/plant/table/sensors'),
    arn('cassandra', '/keyspace/shop/'),
    arn('redshift-serverless', 'workgroup/0a1b2c3d-0000-4000-8000-000000000001'),
    arn('redshift-serverless', 'workgroup/0a1b2c3d-0000-4000-8000-000000000002'),
    cluster,
    topic,
  ];
  for (const other of others) account.resources.add(other);
  for (const client of [neptune, timestream, serverless, redshift, search, dynamo, kinesis, firehose, sns, sqs, glue, athena, tables])
    client.destroy();
  return {
    'aoss:BatchGetCollection': collection?.arn ?? '',
    'athena:GetDataCatalog': arn('athena', 'datacatalog/lake'),
    'athena:GetWorkGroup': arn('athena', 'workgroup/reports'),
    'cassandra:GetTable': arn('cassandra', '/keyspace/plant/table/sensors'),
    'cassandra:ListKeyspaces': arn('cassandra', '/keyspace/shop/'),
    'cassandra:ListTables': arn('cassandra', '/keyspace/plant/table/sensors'),
    'dynamodb:DescribeTable': arn('dynamodb', 'table/orders'),
    'dynamodb:Scan': arn('dynamodb', 'table/orders'),
    'es:DescribeDomain': arn('es', 'domain/search'),
    'firehose:DescribeDeliveryStream': arn('firehose', 'deliverystream/audit'),
    'glue:GetDatabase': arn('glue', 'database/sales'),
    'glue:GetTable': arn('glue', 'table/sales/orders'),
    'kafka:DescribeClusterV2': cluster,
    'kafka:DescribeTopic': topic,
    'kinesis:DescribeStreamSummary': arn('kinesis', 'stream/clicks'),
    'rds:DescribeDBClusters': arn('neptune-db', `${graph?.DbClusterResourceId}/*`),
    'redshift-serverless:ListWorkgroups': arn('redshift-serverless', 'workgroup/0a1b2c3d-0000-4000-8000-000000000002'),
    'redshift:DescribeClusters': arn('redshift', 'cluster:warehouse'),
    's3tables:GetTable': table.tableARN ?? '',
    's3tables:GetTableBucket': bucket.arn ?? '',
    'sns:GetTopicAttributes': arn('sns', 'done'),
    'sqs:GetQueueAttributes': arn('sqs', 'work'),
    'timestream:DescribeDatabase': arn('timestream', 'database/plant'),
    'timestream:DescribeTable': arn('timestream', 'database/plant/table/sensors'),
  };
}
