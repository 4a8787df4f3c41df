import type { DescribeRequest } from '../ports/aws/index.ts';
import type { ClientConfig, Clients } from './clients.ts';

export type ServiceName =
  | 'aoss'
  | 'athena'
  | 'dynamodb'
  | 'es'
  | 'firehose'
  | 'glue'
  | 'kafka'
  | 'kinesis'
  | 'redshift'
  | 's3tables'
  | 'sns'
  | 'sqs';

/** With a handler that is made: one for all of them. */
export type ResourceConfig = Omit<ClientConfig, 'requestHandler'> & Pick<Clients['sts']['config'], 'requestHandler'>;

/** The resource of a call, in parts. */
type At = {
  readonly arn: string;
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
};
type Answer = {
  readonly $metadata: { readonly requestId?: string };
  /** The call was answered, and says so. */
  readonly missing?: { readonly code?: string | undefined; readonly message?: string | undefined };
};
type Call = (at: At, options: { readonly abortSignal: AbortSignal }) => Promise<Answer>;

export type OpenedService = {
  readonly client: { readonly middlewareStack: unknown; destroy(): void };
  readonly calls: { readonly [action in DescribeRequest['action']]?: Call };
};

/** Each loads its client. */
export const openService: Readonly<Record<ServiceName, (config: ResourceConfig) => Promise<OpenedService>>> = {
  async aoss(config) {
    const { BatchGetCollectionCommand, OpenSearchServerlessClient } = await import('@aws-sdk/client-opensearchserverless');
    const client = new OpenSearchServerlessClient(config);
    return {
      client,
      calls: {
        // What is not there it tells in an answer: https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_BatchGetCollection.html
        'aoss:BatchGetCollection': async (at, options) => {
          const { $metadata, collectionErrorDetails = [] } = await client.send(
            new BatchGetCollectionCommand({ ids: [nameOf(at)] }),
            options,
          );
          const [missing] = collectionErrorDetails;
          return { $metadata, ...(missing !== undefined && { missing: { code: missing.errorCode, message: missing.errorMessage } }) };
        },
      },
    };
  },
  async athena(config) {
    const { AthenaClient, GetDataCatalogCommand, GetWorkGroupCommand } = await import('@aws-sdk/client-athena');
    const client = new AthenaClient(config);
    return {
      client,
      calls: {
        'athena:GetDataCatalog': (at, options) => client.send(new GetDataCatalogCommand({ Name: nameOf(at) }), options),
        'athena:GetWorkGroup': (at, options) => client.send(new GetWorkGroupCommand({ WorkGroup: nameOf(at) }), options),
      },
    };
  },
  async dynamodb(config) {
    const { DescribeTableCommand, DynamoDBClient, ScanCommand } = await import('@aws-sdk/client-dynamodb');
    const client = new DynamoDBClient({ ...config, accountIdEndpointMode: 'disabled', endpointDiscoveryEnabled: false });
    return {
      client,
      calls: {
        'dynamodb:DescribeTable': ({ arn }, options) => client.send(new DescribeTableCommand({ TableName: arn }), options),
        // Counts one item and shows none.
        'dynamodb:Scan': ({ arn }, options) => client.send(new ScanCommand({ TableName: arn, Limit: 1, Select: 'COUNT' }), options),
      },
    };
  },
  async es(config) {
    const { DescribeDomainCommand, OpenSearchClient } = await import('@aws-sdk/client-opensearch');
    const client = new OpenSearchClient(config);
    return {
      client,
      calls: { 'es:DescribeDomain': (at, options) => client.send(new DescribeDomainCommand({ DomainName: nameOf(at) }), options) },
    };
  },
  async firehose(config) {
    const { DescribeDeliveryStreamCommand, FirehoseClient } = await import('@aws-sdk/client-firehose');
    const client = new FirehoseClient(config);
    return {
      client,
      calls: {
        'firehose:DescribeDeliveryStream': (at, options) =>
          client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: nameOf(at), Limit: 1 }), options),
      },
    };
  },
  async glue(config) {
    const { GetDatabaseCommand, GetTableCommand, GlueClient } = await import('@aws-sdk/client-glue');
    const client = new GlueClient(config);
    return {
      client,
      calls: {
        'glue:GetDatabase': (at, options) => client.send(new GetDatabaseCommand(inCatalog(at)), options),
        'glue:GetTable': (at, options) => {
          const database = inCatalog({ ...at, resource: at.resource.slice(0, at.resource.lastIndexOf('/')) });
          const input = { CatalogId: database.CatalogId, DatabaseName: database.Name, Name: inCatalog(at).Name };
          return client.send(new GetTableCommand(input), options);
        },
      },
    };
  },
  async kafka(config) {
    const { DescribeClusterV2Command, KafkaClient } = await import('@aws-sdk/client-kafka');
    const client = new KafkaClient(config);
    return {
      client,
      calls: { 'kafka:DescribeClusterV2': ({ arn }, options) => client.send(new DescribeClusterV2Command({ ClusterArn: arn }), options) },
    };
  },
  async kinesis(config) {
    const { DescribeStreamSummaryCommand, KinesisClient } = await import('@aws-sdk/client-kinesis');
    const client = new KinesisClient(config);
    return {
      client,
      calls: {
        'kinesis:DescribeStreamSummary': ({ arn }, options) => client.send(new DescribeStreamSummaryCommand({ StreamARN: arn }), options),
      },
    };
  },
  async redshift(config) {
    const { DescribeClustersCommand, RedshiftClient } = await import('@aws-sdk/client-redshift');
    const client = new RedshiftClient(config);
    return {
      client,
      calls: {
        'redshift:DescribeClusters': ({ resource }, options) =>
          client.send(new DescribeClustersCommand({ ClusterIdentifier: resource.slice('cluster:'.length) }), options),
      },
    };
  },
  async s3tables(config) {
    const { GetTableBucketCommand, GetTableCommand, S3TablesClient } = await import('@aws-sdk/client-s3tables');
    const client = new S3TablesClient(config);
    return {
      client,
      calls: {
        's3tables:GetTable': ({ arn }, options) => client.send(new GetTableCommand({ tableArn: arn }), options),
        's3tables:GetTableBucket': ({ arn }, options) => client.send(new GetTableBucketCommand({ tableBucketARN: arn }), options),
      },
    };
  },
  async sns(config) {
    const { GetTopicAttributesCommand, SNSClient } = await import('@aws-sdk/client-sns');
    const client = new SNSClient(config);
    return {
      client,
      calls: { 'sns:GetTopicAttributes': ({ arn }, options) => client.send(new GetTopicAttributesCommand({ TopicArn: arn }), options) },
    };
  },
  async sqs(config) {
    const { GetQueueAttributesCommand, SQSClient } = await import('@aws-sdk/client-sqs');
    // The client's own address, not one that a queue's URL names.
    const client = new SQSClient({ ...config, useQueueUrlAsEndpoint: false });
    return {
      client,
      calls: {
        'sqs:GetQueueAttributes': (at, options) =>
          client.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl(at), AttributeNames: ['QueueArn'] }), options),
      },
    };
  },
};

function nameOf({ resource }: At): string {
  return resource.slice(resource.indexOf('/') + 1);
}

/** A catalog in the account's: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-catalogs.html */
function inCatalog({ account, resource }: At): { readonly CatalogId: string; readonly Name: string } {
  const [, ...path] = resource.split('/');
  const catalog = path.slice(0, -1).join('/');
  return { CatalogId: catalog === '' ? account : `${account}:${catalog}`, Name: path.at(-1) ?? '' };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html */
function queueUrl({ partition, region, account, resource }: At): string {
  return `https://sqs.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}/${account}/${resource}`;
}
