/**
 * What a location that is an ARN names, connector by connector: the forms that it may have, and the actions that a job may need there. Actions, resource types
 * and ARN forms are those of the Service Authorization Reference, the page of each service:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */

/** The parts of an ARN: `arn:<partition>:<service>:<region>:<account>:<resource>`. */
export type ArnParts = {
  readonly arn: string;
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
};

/** Actions of which a job may need any; which ones, only its code knows. */
export type Need = {
  /** What whoever uses the location usually does there: the generator allows these. */
  readonly actions: readonly string[];
  /** What would do as well, and is not allowed unasked: only when all of it is refused can nothing be done. */
  readonly also?: readonly string[];
  /** What the actions are asked of: ARNs, the one that counts first; left out = the location alone. */
  readonly on?: ((at: ArnParts) => readonly [string, ...string[]]) | undefined;
  /** Needed with the others, and nothing without them. */
  readonly besides?: true;
};

/** A kind of resource that a location may name. */
export type ServiceResource = {
  /** For people: `a DynamoDB table`. */
  readonly what: string;
  readonly service: string;
  /** Of the ARN's last part. */
  readonly pattern: RegExp;
  /** The same for people. */
  readonly form: string;
  readonly reads: readonly Need[];
  readonly writes: readonly Need[];
  /** The harmless call that shows it, and what AWS asks it of; none where AWS has none that goes by the ARN. */
  readonly describe?: { readonly action: DescribeAction } & Pick<Need, 'on'>;
  /** A call that reads next to nothing of the data, which proves reading. */
  readonly sample?: DescribeAction;
  /** Its own policy may allow what the identity's do not. */
  readonly resourcePolicy?: true;
  /** Names of its kind mean one of the caller's own account: the call cannot name another's. */
  readonly byName?: true;
  /** It may let somebody in by a way that IAM does not judge (a certificate, a database user, no login at all): what IAM refuses is told, and refuses nothing. */
  readonly otherWaysIn?: true;
};

/** Calls that show a resource, by IAM action. */
export type DescribeAction =
  | 'athena:GetDataCatalog'
  | 'athena:GetWorkGroup'
  | 'dynamodb:DescribeTable'
  | 'dynamodb:Scan'
  | 'es:DescribeDomain'
  | 'firehose:DescribeDeliveryStream'
  | 'glue:GetDatabase'
  | 'glue:GetTable'
  | 'kinesis:DescribeStreamSummary'
  | 'redshift:DescribeClusters'
  | 's3tables:GetTable'
  | 's3tables:GetTableBucket'
  | 'sns:GetTopicAttributes'
  | 'sqs:GetQueueAttributes';

function beneath(suffix: string): NonNullable<Need['on']> {
  return ({ arn }) => [`${arn}${suffix}`];
}

/** Of the same service, region and account. */
function sibling({ partition, service, region, account }: ArnParts, resource: string): string {
  return `arn:${partition}:${service}:${region}:${account}:${resource}`;
}

const everywhere: NonNullable<Need['on']> = () => ['*'];

function of(service: string, names: string): readonly string[] {
  return names.split(' ').map((name) => `${service}:${name}`);
}

const dynamoTable: ServiceResource = {
  what: 'a DynamoDB table',
  service: 'dynamodb',
  pattern: /^table\/[\w.-]{1,255}$/,
  form: 'table/<name>',
  reads: [
    {
      actions: of('dynamodb', 'BatchGetItem GetItem Query Scan'),
      also: of('dynamodb', 'ConditionCheckItem ExportTableToPointInTime PartiQLSelect'),
    },
    { actions: of('dynamodb', 'Query Scan'), also: of('dynamodb', 'PartiQLSelect'), on: beneath('/index/*') },
    { actions: [], also: of('dynamodb', 'GetRecords GetShardIterator'), on: beneath('/stream/*') },
  ],
  writes: [
    {
      actions: of('dynamodb', 'BatchWriteItem DeleteItem PutItem UpdateItem'),
      also: of('dynamodb', 'CreateTable DeleteTable ImportTable PartiQLDelete PartiQLInsert PartiQLUpdate RestoreTableToPointInTime'),
    },
  ],
  describe: { action: 'dynamodb:DescribeTable' },
  sample: 'dynamodb:Scan',
  resourcePolicy: true,
};

const kinesisStream: ServiceResource = {
  what: 'a Kinesis data stream',
  service: 'kinesis',
  pattern: /^stream\/[\w.-]{1,128}$/,
  form: 'stream/<name>',
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

const deliveryStream: ServiceResource = {
  what: 'a Firehose stream',
  service: 'firehose',
  pattern: /^deliverystream\/[\w.-]{1,64}$/,
  form: 'deliverystream/<name>',
  reads: [],
  writes: [{ actions: of('firehose', 'PutRecord PutRecordBatch'), also: of('firehose', 'CreateDeliveryStream UpdateDestination') }],
  describe: { action: 'firehose:DescribeDeliveryStream' },
  byName: true,
};

const topic: ServiceResource = {
  what: 'an SNS topic',
  service: 'sns',
  pattern: /^[\w-]{1,256}(\.fifo)?$/,
  form: '<name>',
  reads: [{ actions: of('sns', 'Subscribe'), also: of('sns', 'ConfirmSubscription ListSubscriptionsByTopic') }],
  writes: [{ actions: of('sns', 'Publish'), also: of('sns', 'CreateTopic') }],
  describe: { action: 'sns:GetTopicAttributes' },
  resourcePolicy: true,
};

const queue: ServiceResource = {
  what: 'an SQS queue',
  service: 'sqs',
  pattern: /^[\w-]{1,80}(\.fifo)?$/,
  form: '<name>',
  reads: [{ actions: of('sqs', 'ChangeMessageVisibility DeleteMessage ReceiveMessage'), also: of('sqs', 'StartMessageMoveTask') }],
  writes: [{ actions: of('sqs', 'SendMessage'), also: of('sqs', 'CreateQueue PurgeQueue') }],
  describe: { action: 'sqs:GetQueueAttributes' },
  resourcePolicy: true,
};

/** Glue asks for the catalog and the database around a table, too: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html */
function inCatalog(at: ArnParts): readonly [string, ...string[]] {
  const [kind = '', ...path] = at.resource.split('/');
  const database = path.slice(0, kind === 'table' ? -1 : undefined);
  const catalog = database.slice(0, -1).join('/');
  const around = [
    ...(kind === 'table' ? [sibling(at, `database/${database.join('/')}`)] : []),
    sibling(at, 'catalog'),
    ...(catalog === '' ? [] : [sibling(at, `catalog/${catalog}`)]),
  ];
  return [at.arn, ...around];
}

/** The database with all its tables. */
function tablesIn(at: ArnParts): readonly [string, ...string[]] {
  return [sibling(at, `table/${at.resource.slice('database/'.length)}/*`), ...inCatalog(at)];
}

const readTables = {
  actions: of('glue', 'BatchGetPartition GetPartition GetPartitions GetTable GetTables'),
  also: of(
    'glue',
    'GetColumnStatisticsForPartition GetColumnStatisticsForTable GetPartitionIndexes GetTableVersion GetTableVersions SearchTables',
  ),
} as const;
const writeTables = {
  actions: of('glue', 'BatchCreatePartition CreatePartition CreateTable DeletePartition UpdatePartition UpdateTable'),
  also: of(
    'glue',
    'BatchDeletePartition BatchDeleteTable BatchUpdatePartition DeleteTable UpdateColumnStatisticsForPartition UpdateColumnStatisticsForTable',
  ),
} as const;

const glueTable: ServiceResource = {
  what: 'a table of the Glue catalog',
  service: 'glue',
  pattern: /^table(\/[^/*?\s]{1,255}){2,}$/,
  form: 'table/<database>/<name>',
  reads: [{ ...readTables, on: inCatalog }],
  writes: [{ ...writeTables, on: inCatalog }],
  describe: { action: 'glue:GetTable', on: inCatalog },
  resourcePolicy: true,
};

const glueDatabase: ServiceResource = {
  what: 'a database of the Glue catalog',
  service: 'glue',
  pattern: /^database(\/[^/*?\s]{1,255})+$/,
  form: 'database/<name>',
  reads: [
    { ...readTables, on: tablesIn },
    { actions: of('glue', 'GetDatabase'), on: inCatalog },
  ],
  writes: [
    { ...writeTables, on: tablesIn },
    { actions: [], also: of('glue', 'CreateDatabase UpdateDatabase'), on: inCatalog },
  ],
  describe: { action: 'glue:GetDatabase', on: inCatalog },
  resourcePolicy: true,
};

/** Engines get credentials of Lake Formation for the data: https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html */
function throughLakeFormation(resource: ServiceResource): ServiceResource {
  const dataAccess: Need = { actions: ['lakeformation:GetDataAccess'], on: everywhere };
  return { ...resource, reads: [...resource.reads, dataAccess], writes: [...resource.writes, dataAccess] };
}

const queries = {
  actions: of('athena', 'GetQueryExecution GetQueryResults StartQueryExecution StopQueryExecution'),
  also: of(
    'athena',
    'BatchGetNamedQuery BatchGetPreparedStatement BatchGetQueryExecution GetCalculationExecution GetNamedQuery GetPreparedStatement GetQueryResultsStream ' +
      'GetQueryRuntimeStatistics ListNamedQueries ListPreparedStatements ListQueryExecutions StartCalculationExecution StartSession',
  ),
} as const;

const workgroup: ServiceResource = {
  what: 'an Athena workgroup',
  service: 'athena',
  pattern: /^workgroup\/[\w.-]{1,128}$/,
  form: 'workgroup/<name>',
  reads: [queries],
  writes: [queries],
  describe: { action: 'athena:GetWorkGroup' },
  byName: true,
};

const catalogNeeds: readonly Need[] = [
  { actions: of('athena', 'GetDataCatalog GetDatabase GetTableMetadata ListDatabases ListTableMetadata') },
];

const dataCatalog: ServiceResource = {
  what: 'a data catalog of Athena',
  service: 'athena',
  pattern: /^datacatalog\/[\w@-]{1,256}$/,
  form: 'datacatalog/<name>',
  reads: catalogNeeds,
  // Which workgroup writes, it does not say.
  writes: [],
  describe: { action: 'athena:GetDataCatalog' },
  byName: true,
};

const readTableData = { actions: of('s3tables', 'GetTable GetTableData GetTableMetadataLocation') } as const;
const writeTableData = {
  actions: of('s3tables', 'GetTable GetTableMetadataLocation PutTableData UpdateTableMetadataLocation'),
  also: of('s3tables', 'RenameTable'),
} as const;

const tableBucket: ServiceResource = {
  what: 'a table bucket of S3',
  service: 's3tables',
  pattern: /^bucket\/[a-z0-9-]{3,63}$/,
  form: 'bucket/<name>',
  reads: [{ ...readTableData, on: beneath('/table/*') }, { actions: of('s3tables', 'GetNamespace ListNamespaces ListTables') }],
  writes: [
    { ...writeTableData, on: beneath('/table/*') },
    { actions: of('s3tables', 'CreateTable GetNamespace'), also: of('s3tables', 'CreateNamespace') },
  ],
  describe: { action: 's3tables:GetTableBucket' },
  resourcePolicy: true,
};

const bucketTable: ServiceResource = {
  what: 'a table of a table bucket of S3',
  service: 's3tables',
  pattern: /^bucket\/[a-z0-9-]{3,63}\/table\/[\w-]{1,255}$/,
  form: 'bucket/<name>/table/<id>',
  reads: [readTableData],
  writes: [writeTableData],
  describe: { action: 's3tables:GetTable' },
  resourcePolicy: true,
};

/** Every client of Timestream asks for its endpoint first, so there is no one cheap call: https://docs.aws.amazon.com/timestream/latest/developerguide/Using-API.endpoint-discovery.how-it-works.html */
const timestreamEndpoint: Need = { actions: of('timestream', 'DescribeEndpoints'), on: everywhere, besides: true };

function timestream(what: string, pattern: RegExp, form: string, on: Need['on']): ServiceResource {
  const place = on === undefined ? {} : { on };
  return {
    what,
    service: 'timestream',
    pattern,
    form,
    reads: [
      { actions: of('timestream', 'Select'), also: of('timestream', 'ListMeasures PrepareQuery Unload'), ...place },
      timestreamEndpoint,
    ],
    writes: [
      { actions: of('timestream', 'WriteRecords'), also: of('timestream', 'CreateBatchLoadTask CreateTable'), ...place },
      timestreamEndpoint,
    ],
  };
}

const timestreamTable = timestream(
  'a Timestream table',
  /^database\/[\w.-]{3,256}\/table\/[\w.-]{3,256}$/,
  'database/<name>/table/<name>',
  undefined,
);
const timestreamDatabase = timestream('a Timestream database', /^database\/[\w.-]{3,256}$/, 'database/<name>', beneath('/table/*'));

/** `cluster:<name>` and `dbname:<cluster>/<name>` to the users of that cluster. */
function usersOfCluster(at: ArnParts): readonly [string, ...string[]] {
  const cluster = /^[a-z]+:([^/]+)/.exec(at.resource)?.[1] ?? '';
  return [sibling(at, `dbuser:${cluster}/*`), sibling(at, `dbname:${cluster}/*`)];
}

const redshiftLogin: Need = { actions: of('redshift', 'GetClusterCredentials GetClusterCredentialsWithIAM'), on: usersOfCluster };
const statements: Need = { actions: of('redshift-data', 'ExecuteStatement'), also: of('redshift-data', 'BatchExecuteStatement') };

function inAndOut(needs: readonly Need[]): Pick<ServiceResource, 'reads' | 'writes'> {
  return { reads: needs, writes: needs };
}

const redshiftCluster: ServiceResource = {
  what: 'a Redshift cluster',
  service: 'redshift',
  pattern: /^cluster:[a-z][a-z0-9-]{0,62}$/,
  form: 'cluster:<name>',
  ...inAndOut([redshiftLogin, statements]),
  describe: { action: 'redshift:DescribeClusters' },
  byName: true,
  otherWaysIn: true,
};

const redshiftDatabase: ServiceResource = {
  what: 'a database of a Redshift cluster',
  service: 'redshift',
  pattern: /^dbname:[a-z][a-z0-9-]{0,62}\/[^/*?\s]{1,128}$/,
  form: 'dbname:<cluster>/<name>',
  ...inAndOut([redshiftLogin]),
  otherWaysIn: true,
};

const redshiftWorkgroup: ServiceResource = {
  what: 'a workgroup of Redshift Serverless',
  service: 'redshift-serverless',
  pattern: /^workgroup\/[\w-]{1,64}$/,
  form: 'workgroup/<id>',
  ...inAndOut([{ actions: of('redshift-serverless', 'GetCredentials') }, statements]),
  otherWaysIn: true,
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

const kafkaCluster: ServiceResource = {
  ...kafka,
  what: 'an MSK cluster',
  pattern: /^cluster\/[\w-]{1,64}\/[\w-]{1,64}$/,
  form: 'cluster/<name>/<uuid>',
};

const kafkaTopic: ServiceResource = {
  ...kafka,
  what: 'a topic of an MSK cluster',
  pattern: /^topic\/[\w-]{1,64}\/[\w-]{1,64}\/[\w.-]{1,249}$/,
  form: 'topic/<cluster>/<uuid>/<name>',
};

function keyspaces(what: string, pattern: RegExp, form: string, on: Need['on']): ServiceResource {
  const place = on === undefined ? {} : { on };
  return {
    what,
    service: 'cassandra',
    pattern,
    form,
    reads: [{ actions: of('cassandra', 'Select'), also: of('cassandra', 'SelectMultiRegionResource'), ...place }],
    writes: [{ actions: of('cassandra', 'Modify'), also: of('cassandra', 'Alter Create Drop ModifyMultiRegionResource'), ...place }],
  };
}

const keyspacesTable = keyspaces(
  'a table of Amazon Keyspaces',
  /^\/keyspace\/\w{1,48}\/table\/\w{1,48}$/,
  '/keyspace/<name>/table/<name>',
  undefined,
);
const keyspace = keyspaces('a keyspace of Amazon Keyspaces', /^\/keyspace\/\w{1,48}\/$/, '/keyspace/<name>/', beneath('table/*'));

const graph: ServiceResource = {
  what: 'a Neptune database',
  service: 'neptune-db',
  pattern: /^[\w-]{1,64}\/(\*|database)$/,
  form: '<cluster resource id>/*',
  reads: [{ actions: of('neptune-db', 'ReadDataViaQuery'), also: of('neptune-db', 'GetStreamRecords connect') }],
  writes: [{ actions: of('neptune-db', 'DeleteDataViaQuery WriteDataViaQuery'), also: of('neptune-db', 'StartLoaderJob connect') }],
  otherWaysIn: true,
};

const searchDomain: ServiceResource = {
  what: 'a domain of OpenSearch Service',
  service: 'es',
  pattern: /^domain\/[a-z][a-z0-9-]{0,27}$/,
  form: 'domain/<name>',
  // A search is a POST; what is asked of is what lies below the domain.
  reads: [{ actions: of('es', 'ESHttpGet ESHttpHead ESHttpPost'), on: beneath('/*') }],
  writes: [{ actions: of('es', 'ESHttpDelete ESHttpPatch ESHttpPost ESHttpPut'), on: beneath('/*') }],
  describe: { action: 'es:DescribeDomain' },
  byName: true,
  resourcePolicy: true,
  otherWaysIn: true,
};

const collection: ServiceResource = {
  what: 'a collection of OpenSearch Serverless',
  service: 'aoss',
  pattern: /^collection\/[a-z0-9]{3,40}$/,
  form: 'collection/<id>',
  ...inAndOut([{ actions: of('aoss', 'APIAccessAll') }]),
};

/** By connector, the form to recommend first. A connector that is not here takes its location as it is. */
export const serviceResources: Readonly<Record<string, readonly [ServiceResource, ...ServiceResource[]]>> = {
  AmazonS3Tables: [tableBucket, bucketTable],
  Athena: [workgroup, dataCatalog],
  DynamoDB: [dynamoTable],
  Glue: [glueTable, glueDatabase],
  Kinesis: [kinesisStream],
  KinesisFirehose: [deliveryStream],
  LakeFormation: [throughLakeFormation(glueTable), throughLakeFormation(glueDatabase)],
  AmazonSNS: [topic],
  AmazonSQS: [queue],
  Timestream: [timestreamTable, timestreamDatabase],
  AmazonRedshift: [redshiftCluster, redshiftDatabase, redshiftWorkgroup],
  AmazonMSK: [kafkaCluster, kafkaTopic],
  AmazonKeyspaces: [keyspacesTable, keyspace],
  AmazonNeptune: [graph],
  AmazonOpenSearch: [searchDomain, collection],
};
