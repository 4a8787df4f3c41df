import type { ConnectionSpec } from './input.ts';

/**
 * What a connector reaches. Direct: data in AWS, reached by AWS calls of the pods as an AWS identity. Indirect: a system of its own, reached by its own
 * login (connection properties), wherever it runs.
 */
export type ConnectorAccess = 'Direct' | 'Indirect';

export type Connector = {
  readonly name: string;
  readonly access: ConnectorAccess;
  /**
   * - Direct connectors, `login: 'Possible'`: the service also takes a login of its own (a database user). Given connection properties, the connection
   *   is reached by that login and counts as indirect.
   * - Indirect connectors, `login: 'Optional'`: the system may be open, so a connection without properties is no mistake.
   */
  readonly login?: 'Possible' | 'Optional';
  /** Data that also exists outside AWS, or objects: a location with a scheme must be `s3://`, or the access would not be to AWS. */
  readonly s3?: true;
};

const CONNECTORS: readonly Connector[] = [
  ...direct({ s3: true }, 'AmazonS3', 'Iceberg', 'DeltaLake', 'Hudi'),
  ...direct(
    {},
    'AmazonS3Tables',
    'Athena',
    'DynamoDB',
    'Glue',
    'Kinesis',
    'KinesisFirehose',
    'LakeFormation',
    'AmazonSNS',
    'AmazonSQS',
    'Timestream',
  ),
  ...direct({ login: 'Possible' }, 'AmazonRedshift', 'AmazonMSK', 'AmazonKeyspaces', 'AmazonNeptune', 'AmazonOpenSearch'),
  ...indirect(
    {},
    'JDBC',
    'ODBC',
    'Oracle',
    'PostgreSQL',
    'MySQL',
    'MariaDB',
    'SqlServer',
    'Db2',
    'Informix',
    'Sybase',
    'Teradata',
    'Netezza',
    'Vertica',
  ),
  ...indirect({}, 'Greenplum', 'SapHana', 'SapAse', 'SingleStore', 'CockroachDB', 'AmazonAurora', 'AmazonRDS', 'AmazonDocumentDB'),
  ...indirect({}, 'Snowflake', 'BigQuery', 'Databricks', 'AzureSynapse', 'MicrosoftFabric', 'CosmosDB', 'Spanner'),
  ...indirect({}, 'AzureBlobStorage', 'AzureDataLakeStorage', 'GoogleCloudStorage', 'GooglePubSub', 'AzureEventHubs'),
  ...indirect(
    {},
    'Salesforce',
    'ServiceNow',
    'Sap',
    'Workday',
    'NetSuite',
    'Dynamics365',
    'HubSpot',
    'Marketo',
    'Zendesk',
    'Jira',
    'GoogleSheets',
    'SharePoint',
  ),
  ...indirect(
    { login: 'Optional' },
    'MongoDB',
    'Cassandra',
    'Redis',
    'Elasticsearch',
    'OpenSearch',
    'ClickHouse',
    'Trino',
    'Presto',
    'Hive',
    'Impala',
    'HBase',
  ),
  ...indirect({ login: 'Optional' }, 'Druid', 'Pinot', 'InfluxDB', 'Neo4j', 'Memcached', 'Hdfs', 'Ldap'),
  ...indirect({ login: 'Optional' }, 'Kafka', 'Pulsar', 'RabbitMQ', 'ActiveMQ', 'Mqtt', 'Nats', 'IbmMQ', 'Jms'),
  ...indirect({ login: 'Optional' }, 'Http', 'Rest', 'GraphQL', 'OData', 'Soap', 'Smtp', 'Imap', 'WebDav', 'Ftp', 'Ftps'),
  ...indirect({}, 'ConfluentCloud', 'Sftp', 'Scp', 'Smb'),
];

const BY_NAME: ReadonlyMap<string, Connector> = new Map(CONNECTORS.map((connector) => [connector.name, connector]));
const BY_LOWER_CASE: ReadonlyMap<string, Connector> = new Map(CONNECTORS.map((connector) => [connector.name.toLowerCase(), connector]));

/** Names are compared letter for letter: a known name in other letters is an unknown connector. */
export function findConnector(name: string): Connector | undefined {
  return BY_NAME.get(name);
}

/** The known connector that somebody probably meant by an unknown name. */
export function similarConnector(name: string): Connector | undefined {
  const lower = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return BY_LOWER_CASE.get(lower) ?? BY_LOWER_CASE.get(`amazon${lower}`) ?? BY_LOWER_CASE.get(lower.replace(/^(amazon|aws)/, ''));
}

/** Direct or indirect. Only asked once the connector is known or `access` says it. */
export function accessOf({ connector, access, authentication }: ConnectionSpec): ConnectorAccess {
  const known = findConnector(connector ?? '');
  if (known === undefined) return access === 'Direct' ? 'Direct' : 'Indirect';
  return known.login === 'Possible' && authentication?.properties !== undefined ? 'Indirect' : known.access;
}

function direct(traits: Omit<Connector, 'name' | 'access'>, ...names: readonly string[]): readonly Connector[] {
  return names.map((name) => ({ name, access: 'Direct', ...traits }));
}

function indirect(traits: Omit<Connector, 'name' | 'access'>, ...names: readonly string[]): readonly Connector[] {
  return names.map((name) => ({ name, access: 'Indirect', ...traits }));
}
