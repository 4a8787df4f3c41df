import { type ArnParts, beneath, everywhere, type Need, namedBy, of, type ServiceResource, sibling } from './kind.ts';

export const dynamoTable: ServiceResource = {
  what: 'a DynamoDB table',
  service: 'dynamodb',
  pattern: /^table\/[\w.-]{1,255}$/,
  form: 'table/<name>',
  named: namedBy('table/<name>', /^(?<name>[\w.-]{3,255})$/),
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
  sample: { action: 'dynamodb:Scan' },
  resourcePolicy: true,
};

const readTableData = { actions: of('s3tables', 'GetTable GetTableData GetTableMetadataLocation') } as const;
const writeTableData = {
  actions: of('s3tables', 'GetTable GetTableMetadataLocation PutTableData UpdateTableMetadataLocation'),
  also: of('s3tables', 'RenameTable'),
} as const;

export const tableBucket: ServiceResource = {
  what: 'a table bucket of S3',
  service: 's3tables',
  pattern: /^bucket\/[a-z0-9-]{3,63}$/,
  form: 'bucket/<name>',
  named: namedBy('bucket/<name>', /^(?<name>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])$/),
  reads: [{ ...readTableData, on: beneath('/table/*') }, { actions: of('s3tables', 'GetNamespace ListNamespaces ListTables') }],
  writes: [
    { ...writeTableData, on: beneath('/table/*') },
    { actions: of('s3tables', 'CreateTable GetNamespace'), also: of('s3tables', 'CreateNamespace') },
  ],
  describe: { action: 's3tables:GetTableBucket' },
  resourcePolicy: true,
};

export const bucketTable: ServiceResource = {
  what: 'a table of a table bucket of S3',
  service: 's3tables',
  pattern: /^bucket\/[a-z0-9-]{3,63}\/table\/[\w-]{1,255}$/,
  form: 'bucket/<name>/table/<id>',
  reads: [readTableData],
  writes: [writeTableData],
  describe: { action: 's3tables:GetTable' },
  resourcePolicy: true,
};

/** Every client of Timestream asks for its endpoint first: https://docs.aws.amazon.com/timestream/latest/developerguide/Using-API.endpoint-discovery.how-it-works.html */
const timestreamEndpoint: Need = { actions: of('timestream', 'DescribeEndpoints'), on: everywhere, besides: true };

function timestream(
  what: string,
  pattern: RegExp,
  form: string,
  named: ServiceResource['named'],
  action: 'timestream:DescribeDatabase' | 'timestream:DescribeTable',
  on?: Need['on'],
): ServiceResource {
  const place = on === undefined ? {} : { on };
  return {
    what,
    service: 'timestream',
    pattern,
    form,
    ...(named !== undefined && { named }),
    reads: [
      { actions: of('timestream', 'Select'), also: of('timestream', 'ListMeasures PrepareQuery Unload'), ...place },
      timestreamEndpoint,
    ],
    writes: [
      { actions: of('timestream', 'WriteRecords'), also: of('timestream', 'CreateBatchLoadTask CreateTable'), ...place },
      timestreamEndpoint,
    ],
    describe: { action, asks: [{ actions: [action] }, timestreamEndpoint] },
    byName: true,
  };
}

export const timestreamTable = timestream(
  'a Timestream table',
  /^database\/[\w.-]{3,256}\/table\/[\w.-]{3,256}$/,
  'database/<name>/table/<name>',
  // A dot may be a part of either name: with one only it stands between them.
  namedBy('database/<database>/table/<table>', /^(?<database>[\w-]{3,256})\.(?<table>[\w-]{3,256})$/),
  'timestream:DescribeTable',
);
export const timestreamDatabase = timestream(
  'a Timestream database',
  /^database\/[\w.-]{3,256}$/,
  'database/<name>',
  namedBy('database/<name>', /^(?<name>[\w-]{3,256})$/),
  'timestream:DescribeDatabase',
  beneath('/table/*'),
);

/** Drivers, and the calls that show a table or list them, read the system's own tables: https://docs.aws.amazon.com/keyspaces/latest/devguide/security_iam_id-based-policy-examples.html */
const systemTables: Need = {
  actions: of('cassandra', 'Select'),
  on: (at: ArnParts) => [sibling(at, '/keyspace/system*')],
  besides: true,
};

function keyspaces(
  what: string,
  pattern: RegExp,
  form: string,
  named: ServiceResource['named'],
  calls: Pick<ServiceResource, 'describe' | 'sample'>,
  on?: Need['on'],
): ServiceResource {
  const place = on === undefined ? {} : { on };
  return {
    what,
    service: 'cassandra',
    pattern,
    form,
    ...(named !== undefined && { named }),
    reads: [{ actions: of('cassandra', 'Select'), also: of('cassandra', 'SelectMultiRegionResource'), ...place }, systemTables],
    writes: [
      { actions: of('cassandra', 'Modify'), also: of('cassandra', 'Alter Create Drop ModifyMultiRegionResource'), ...place },
      systemTables,
    ],
    ...calls,
    byName: true,
  };
}

export const keyspacesTable = keyspaces(
  'a table of Amazon Keyspaces',
  /^\/keyspace\/\w{1,48}\/table\/\w{1,48}$/,
  '/keyspace/<name>/table/<name>',
  namedBy('/keyspace/<keyspace>/table/<table>', /^(?<keyspace>\w{1,48})\.(?<table>\w{1,48})$/),
  {
    // A list is shown to whoever may read the system's tables, which every user of drivers may: https://docs.aws.amazon.com/keyspaces/latest/APIReference/API_ListTables.html
    describe: {
      action: 'cassandra:ListTables',
      asks: [systemTables],
      names: (at) => sibling(at, at.resource.slice(0, at.resource.indexOf('table/'))),
    },
    // Of a table the right to see it is the right to read it: https://docs.aws.amazon.com/keyspaces/latest/APIReference/API_GetTable.html
    sample: { action: 'cassandra:GetTable', asks: [{ actions: of('cassandra', 'Select') }, systemTables] },
  },
);
export const keyspace = keyspaces(
  'a keyspace of Amazon Keyspaces',
  /^\/keyspace\/\w{1,48}\/$/,
  '/keyspace/<name>/',
  namedBy('/keyspace/<name>/', /^(?<name>\w{1,48})$/),
  { describe: { action: 'cassandra:ListKeyspaces', asks: [systemTables], names: () => '*' } },
  beneath('table/*'),
);
