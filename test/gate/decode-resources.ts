import type { DescribeRequest } from '../../src/ports/aws/index.ts';
import type { GateCall } from './decode.ts';
import type { WireRequest } from './http.ts';

/** Whose resources a name means. */
export type Home = { readonly id: string; readonly region: string };

type Body = { readonly [name: string]: string };

/** Stands for whatever a list would show. */
export const ANY = 'any';

/** What a request of a JSON protocol looks at, by its target. */
const targets: Readonly<Record<string, (body: Body, home: Home) => readonly [DescribeRequest['action'], arn: string] | undefined>> = {
  'DynamoDB_20120810.DescribeTable': (body) => ['dynamodb:DescribeTable', body['TableName'] ?? ''],
  // The product never asks for items.
  'DynamoDB_20120810.Scan': (body) => (body['Select'] === 'COUNT' ? ['dynamodb:Scan', body['TableName'] ?? ''] : undefined),
  'Kinesis_20131202.DescribeStreamSummary': (body) => ['kinesis:DescribeStreamSummary', body['StreamARN'] ?? ''],
  'Firehose_20150804.DescribeDeliveryStream': (body, home) => [
    'firehose:DescribeDeliveryStream',
    arnOf(home, 'firehose', `deliverystream/${body['DeliveryStreamName']}`),
  ],
  'AWSGlue.GetDatabase': (body, home) => ['glue:GetDatabase', inCatalog(home, body, 'database', [body['Name']])],
  'AWSGlue.GetTable': (body, home) => ['glue:GetTable', inCatalog(home, body, 'table', [body['DatabaseName'], body['Name']])],
  'AmazonAthena.GetWorkGroup': (body, home) => ['athena:GetWorkGroup', arnOf(home, 'athena', `workgroup/${body['WorkGroup']}`)],
  'AmazonAthena.GetDataCatalog': (body, home) => ['athena:GetDataCatalog', arnOf(home, 'athena', `datacatalog/${body['Name']}`)],
  'OpenSearchServerless.BatchGetCollection': (body, home) => [
    'aoss:BatchGetCollection',
    arnOf(home, 'aoss', `collection/${[body['ids'] ?? ''].flat()[0]}`),
  ],
  'KeyspacesService.GetTable': (body, home) => [
    'cassandra:GetTable',
    arnOf(home, 'cassandra', `/keyspace/${body['keyspaceName']}/table/${body['tableName']}`),
  ],
  'KeyspacesService.ListTables': (body, home) => [
    'cassandra:ListTables',
    arnOf(home, 'cassandra', `/keyspace/${body['keyspaceName']}/table/${ANY}`),
  ],
  'KeyspacesService.ListKeyspaces': (_, home) => ['cassandra:ListKeyspaces', arnOf(home, 'cassandra', `/keyspace/${ANY}/`)],
  'Timestream_20181101.DescribeEndpoints': () => ['timestream:DescribeEndpoints', '*'],
  'Timestream_20181101.DescribeDatabase': (body, home) => [
    'timestream:DescribeDatabase',
    arnOf(home, 'timestream', `database/${body['DatabaseName']}`),
  ],
  'Timestream_20181101.DescribeTable': (body, home) => [
    'timestream:DescribeTable',
    arnOf(home, 'timestream', `database/${body['DatabaseName']}/table/${body['TableName']}`),
  ],
  'RedshiftServerless.ListWorkgroups': (_, home) => [
    'redshift-serverless:ListWorkgroups',
    arnOf(home, 'redshift-serverless', `workgroup/${ANY}`),
  ],
  'AmazonSQS.GetQueueAttributes': (body, home) => {
    const [account = '', name = ''] = new URL(body['QueueUrl'] ?? '').pathname.slice(1).split('/');
    return ['sqs:GetQueueAttributes', arnOf({ ...home, id: account }, 'sqs', name)];
  },
};

export function describedByTarget(target: string, body: Body, home: Home): GateCall | undefined {
  const [action, arn] = targets[target]?.(body, home) ?? [];
  return action === undefined || arn === undefined ? undefined : { method: 'resources.describe', request: { action, arn } };
}

/**
 * S3 Tables, OpenSearch and MSK: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Tables.html,
 * https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DescribeDomain.html,
 * https://docs.aws.amazon.com/MSK/2.0/APIReference/v2-clusters-clusterarn.html
 */
export function describedByPath({ method, path, query }: WireRequest, home: Home): GateCall | undefined {
  const [, first = '', bucket = '', third = '', name = '', topic = ''] = path.split('/').map(decodeURIComponent);
  const table = query.get('tableArn');
  if (method !== 'GET') return undefined;
  if (first === 'get-table' && table !== null)
    return { method: 'resources.describe', request: { action: 's3tables:GetTable', arn: table } };
  if (third === 'domain' && bucket === 'opensearch')
    return { method: 'resources.describe', request: { action: 'es:DescribeDomain', arn: arnOf(home, 'es', `domain/${name}`) } };
  if (first === 'api' && third === 'clusters')
    return { method: 'resources.describe', request: { action: 'kafka:DescribeClusterV2', arn: name } };
  // https://docs.aws.amazon.com/msk/1.0/apireference/clusters-clusterarn-topics-topicname.html
  if (first === 'v1' && bucket === 'clusters' && name !== '')
    return {
      method: 'resources.describe',
      request: {
        action: 'kafka:DescribeTopic',
        arn: `${third.replace(':cluster/', ':topic/')}/${topic}`,
      },
    };
  if (first !== 'buckets' || bucket === '') return undefined;
  return { method: 'resources.describe', request: { action: 's3tables:GetTableBucket', arn: bucket } };
}

function arnOf({ id, region }: Home, service: string, resource: string): string {
  return `arn:aws:${service}:${region}:${id}:${resource}`;
}

function inCatalog(home: Home, { CatalogId = home.id }: Body, kind: string, path: readonly (string | undefined)[]): string {
  const [id = home.id, catalog] = CatalogId.split(':');
  return arnOf({ ...home, id }, 'glue', [kind, ...(catalog === undefined ? [] : [catalog]), ...path].join('/'));
}
