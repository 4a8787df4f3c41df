import { type ArnParts, beneath, everywhere, inAndOut, type Need, of, type ServiceResource, sibling } from './kind.ts';

const queries = {
  actions: of('athena', 'GetQueryExecution GetQueryResults StartQueryExecution StopQueryExecution'),
  also: of(
    'athena',
    'BatchGetNamedQuery BatchGetPreparedStatement BatchGetQueryExecution GetCalculationExecution GetNamedQuery GetPreparedStatement GetQueryResultsStream ' +
      'GetQueryRuntimeStatistics ListNamedQueries ListPreparedStatements ListQueryExecutions StartCalculationExecution StartSession',
  ),
} as const;

export const workgroup: ServiceResource = {
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

export const dataCatalog: ServiceResource = {
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

function clusterName({ resource }: ArnParts): string {
  return /^[a-z]+:([^/]+)/.exec(resource)?.[1] ?? '';
}

function clusterOf(at: ArnParts): string {
  return sibling(at, `cluster:${clusterName(at)}`);
}

/** `cluster:<name>` and `dbname:<cluster>/<name>` to the users of that cluster. */
function usersOfCluster(at: ArnParts): readonly [string, ...string[]] {
  const cluster = clusterName(at);
  return [sibling(at, `dbuser:${cluster}/*`), sibling(at, `dbname:${cluster}/*`)];
}

const redshiftLogin: Need = { actions: of('redshift', 'GetClusterCredentials GetClusterCredentialsWithIAM'), on: usersOfCluster };
const statements: Need = { actions: of('redshift-data', 'ExecuteStatement'), also: of('redshift-data', 'BatchExecuteStatement') };

/** Of one's own statements: https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-access.html */
const results: Need = { actions: of('redshift-data', 'DescribeStatement GetStatementResult'), on: everywhere, besides: true };

export const redshiftCluster: ServiceResource = {
  what: 'a Redshift cluster',
  service: 'redshift',
  pattern: /^cluster:[a-z][a-z0-9-]{0,62}$/,
  form: 'cluster:<name>',
  ...inAndOut([redshiftLogin, statements, results]),
  describe: { action: 'redshift:DescribeClusters' },
  byName: true,
  otherWaysIn: true,
};

export const redshiftDatabase: ServiceResource = {
  what: 'a database of a Redshift cluster',
  service: 'redshift',
  pattern: /^dbname:[a-z][a-z0-9-]{0,62}\/[^/*?\s]{1,128}$/,
  form: 'dbname:<cluster>/<name>',
  ...inAndOut([redshiftLogin]),
  // Databases are told to whoever has logged in alone.
  describe: {
    action: 'redshift:DescribeClusters',
    asks: [{ actions: ['redshift:DescribeClusters'], on: (at) => [clusterOf(at)] }],
    names: clusterOf,
    part: 'its cluster',
  },
  byName: true,
  otherWaysIn: true,
};

export const redshiftWorkgroup: ServiceResource = {
  what: 'a workgroup of Redshift Serverless',
  service: 'redshift-serverless',
  pattern: /^workgroup\/[\w-]{1,64}$/,
  form: 'workgroup/<id>',
  ...inAndOut([{ actions: of('redshift-serverless', 'GetCredentials') }, statements, results]),
  // By its id only a list shows it: https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_ListWorkgroups.html
  describe: {
    action: 'redshift-serverless:ListWorkgroups',
    asks: [{ actions: ['redshift-serverless:ListWorkgroups'], on: everywhere }],
    names: () => '*',
  },
  byName: true,
  otherWaysIn: true,
};

export const graph: ServiceResource = {
  what: 'a Neptune database',
  service: 'neptune-db',
  pattern: /^[\w-]{1,64}\/(\*|database)$/,
  form: '<cluster resource id>/*',
  reads: [{ actions: of('neptune-db', 'ReadDataViaQuery'), also: of('neptune-db', 'GetStreamRecords connect') }],
  writes: [{ actions: of('neptune-db', 'DeleteDataViaQuery WriteDataViaQuery'), also: of('neptune-db', 'StartLoaderJob connect') }],
  // Clusters are managed through RDS, by name or by a filter: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
  describe: {
    action: 'rds:DescribeDBClusters',
    asks: [
      {
        actions: ['rds:DescribeDBClusters'],
        on: ({ partition, region, account }) => [`arn:${partition}:rds:${region}:${account}:cluster:*`],
      },
    ],
  },
  byName: true,
  otherWaysIn: true,
};

export const searchDomain: ServiceResource = {
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

export const collection: ServiceResource = {
  what: 'a collection of OpenSearch Serverless',
  service: 'aoss',
  pattern: /^collection\/[a-z0-9]{3,40}$/,
  form: 'collection/<id>',
  ...inAndOut([{ actions: of('aoss', 'APIAccessAll') }]),
  describe: { action: 'aoss:BatchGetCollection', asks: [{ actions: ['aoss:BatchGetCollection'], on: everywhere }] },
  byName: true,
};
