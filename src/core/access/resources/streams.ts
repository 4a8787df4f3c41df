import { type ArnParts, beneath, type Need, namedBy, of, type ServiceResource, sibling } from './kind.ts';

export const kinesisStream: ServiceResource = {
  what: 'a Kinesis data stream',
  service: 'kinesis',
  pattern: /^stream\/[\w.-]{1,128}$/,
  form: 'stream/<name>',
  named: namedBy('stream/<name>', /^(?<name>[\w.-]{1,128})$/),
  reads: [
    {
      actions: of('kinesis', 'GetRecords GetShardIterator ListShards'),
      also: of('kinesis', 'DescribeStream ListStreamConsumers RegisterStreamConsumer'),
    },
    { actions: [], also: of('kinesis', 'SubscribeToShard'), on: beneath('/consumer/*') },
  ],
  writes: [{ actions: of('kinesis', 'PutRecord PutRecords'), also: of('kinesis', 'CreateStream') }],
  describe: { action: 'kinesis:DescribeStreamSummary' },
  resourcePolicy: true,
};

export const deliveryStream: ServiceResource = {
  what: 'a Firehose stream',
  service: 'firehose',
  pattern: /^deliverystream\/[\w.-]{1,64}$/,
  form: 'deliverystream/<name>',
  named: namedBy('deliverystream/<name>', /^(?<name>[\w.-]{1,64})$/),
  reads: [],
  writes: [{ actions: of('firehose', 'PutRecord PutRecordBatch'), also: of('firehose', 'CreateDeliveryStream UpdateDestination') }],
  describe: { action: 'firehose:DescribeDeliveryStream' },
  byName: true,
};

export const topic: ServiceResource = {
  what: 'an SNS topic',
  service: 'sns',
  pattern: /^[\w-]{1,256}(\.fifo)?$/,
  form: '<name>',
  named: namedBy('<name>', /^(?<name>[\w-]{1,256}(?:\.fifo)?)$/),
  reads: [{ actions: of('sns', 'Subscribe'), also: of('sns', 'ConfirmSubscription ListSubscriptionsByTopic') }],
  writes: [{ actions: of('sns', 'Publish'), also: of('sns', 'CreateTopic') }],
  describe: { action: 'sns:GetTopicAttributes' },
  resourcePolicy: true,
};

export const queue: ServiceResource = {
  what: 'an SQS queue',
  service: 'sqs',
  pattern: /^[\w-]{1,80}(\.fifo)?$/,
  form: '<name>',
  // Its URL, too, also of the FIPS, dual-stack and older endpoints: https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
  named: namedBy(
    '<name>',
    /^(?<name>[\w-]{1,80}(?:\.fifo)?)$/,
    /^https:\/\/sqs(?:-fips)?\.(?<region>(?!cn-)[a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)\/(?<account>\d{12})\/(?<name>[\w-]{1,80}(?:\.fifo)?)$/,
    /^https:\/\/sqs\.(?<region>cn-[a-z0-9-]+)\.amazonaws\.com\.cn\/(?<account>\d{12})\/(?<name>[\w-]{1,80}(?:\.fifo)?)$/,
    /^https:\/\/(?<region>(?!cn-)[a-z0-9-]+)\.queue\.amazonaws\.com\/(?<account>\d{12})\/(?<name>[\w-]{1,80}(?:\.fifo)?)$/,
  ),
  reads: [{ actions: of('sqs', 'ChangeMessageVisibility DeleteMessage ReceiveMessage'), also: of('sqs', 'StartMessageMoveTask') }],
  writes: [{ actions: of('sqs', 'SendMessage'), also: of('sqs', 'CreateQueue PurgeQueue') }],
  describe: { action: 'sqs:GetQueueAttributes' },
  resourcePolicy: true,
};

/** `cluster/<name>/<uuid>` and `topic/<name>/<uuid>/<topic>`: the cluster of either. */
function clusterOf(at: ArnParts): readonly [string, ...string[]] {
  return [sibling(at, `cluster/${at.resource.split('/').slice(1, 3).join('/')}`)];
}

function topicsOf(at: ArnParts): readonly [string, ...string[]] {
  return at.resource.startsWith('topic/') ? [at.arn] : [sibling(at, `topic/${at.resource.slice('cluster/'.length)}/*`)];
}

const connect: Need = { actions: of('kafka-cluster', 'Connect'), on: clusterOf };
const kafka = {
  service: 'kafka',
  reads: [{ actions: of('kafka-cluster', 'DescribeTopic ReadData'), on: topicsOf }, connect],
  writes: [{ actions: of('kafka-cluster', 'DescribeTopic WriteData'), on: topicsOf }, connect],
  resourcePolicy: true,
  otherWaysIn: true,
} as const satisfies Partial<ServiceResource>;

export const kafkaCluster: ServiceResource = {
  ...kafka,
  what: 'an MSK cluster',
  pattern: /^cluster\/[\w-]{1,64}\/[\w-]{1,64}$/,
  form: 'cluster/<name>/<uuid>',
  describe: { action: 'kafka:DescribeClusterV2' },
};

export const kafkaTopic: ServiceResource = {
  ...kafka,
  what: 'a topic of an MSK cluster',
  pattern: /^topic\/[\w-]{1,64}\/[\w-]{1,64}\/[\w.-]{1,249}$/,
  form: 'topic/<cluster>/<uuid>/<name>',
  // Shown a minute late, and not by serverless clusters: https://docs.aws.amazon.com/msk/latest/developerguide/msk-topic-operations-information.html
  describe: {
    action: 'kafka:DescribeTopic',
    asks: [{ actions: ['kafka:DescribeTopic', ...of('kafka-cluster', 'DescribeTopic DescribeTopicDynamicConfiguration')] }, connect],
    lags: true,
  },
};
