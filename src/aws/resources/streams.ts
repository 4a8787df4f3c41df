import { type At, nameOf, type OpenedService, type ResourceParts } from './kind.ts';

export async function firehose({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeDeliveryStreamCommand, FirehoseClient } = await import('@aws-sdk/client-firehose');
  const client = new FirehoseClient(config);
  return {
    client,
    calls: {
      'firehose:DescribeDeliveryStream': (at, options) =>
        client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: nameOf(at), Limit: 1 }), options),
    },
  };
}

export async function msk({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeClusterV2Command, DescribeTopicCommand, KafkaClient } = await import('@aws-sdk/client-kafka');
  const client = new KafkaClient(config);
  return {
    client,
    calls: {
      'kafka:DescribeClusterV2': ({ arn }, options) => client.send(new DescribeClusterV2Command({ ClusterArn: arn }), options),
      'kafka:DescribeTopic': ({ arn }, options) => {
        const [kind = '', name = '', uuid = '', topic = ''] = arn.split('/');
        const cluster = `${kind.replace(/topic$/, 'cluster')}/${name}/${uuid}`;
        return client.send(new DescribeTopicCommand({ ClusterArn: cluster, TopicName: topic }), options);
      },
    },
  };
}

export async function kinesis({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeStreamSummaryCommand, KinesisClient } = await import('@aws-sdk/client-kinesis');
  const client = new KinesisClient(config);
  return {
    client,
    calls: {
      'kinesis:DescribeStreamSummary': ({ arn }, options) => client.send(new DescribeStreamSummaryCommand({ StreamARN: arn }), options),
    },
  };
}

export async function sns({ config }: ResourceParts): Promise<OpenedService> {
  const { GetTopicAttributesCommand, SNSClient } = await import('@aws-sdk/client-sns');
  const client = new SNSClient(config);
  return {
    client,
    calls: { 'sns:GetTopicAttributes': ({ arn }, options) => client.send(new GetTopicAttributesCommand({ TopicArn: arn }), options) },
  };
}

export async function sqs({ config }: ResourceParts): Promise<OpenedService> {
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
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html */
function queueUrl({ partition, region, account, resource }: At): string {
  return `https://sqs.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}/${account}/${resource}`;
}
