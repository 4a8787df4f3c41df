import { type At, listed, type OpenedService, type ResourceParts } from './kind.ts';

export async function keyspaces({ config }: ResourceParts): Promise<OpenedService> {
  const { GetTableCommand, KeyspacesClient, ListKeyspacesCommand, ListTablesCommand } = await import('@aws-sdk/client-keyspaces');
  const client = new KeyspacesClient(config);
  return {
    client,
    calls: {
      'cassandra:GetTable': (at, options) => {
        const { keyspace, table } = inKeyspace(at);
        return client.send(new GetTableCommand({ keyspaceName: keyspace, tableName: table }), options);
      },
      'cassandra:ListKeyspaces': async (at, options, nextToken) => {
        const {
          $metadata,
          keyspaces,
          nextToken: next,
        } = await client.send(new ListKeyspacesCommand({ nextToken, maxResults: 1000 }), options);
        const { keyspace } = inKeyspace(at);
        return listed(
          $metadata,
          next,
          (keyspaces ?? []).some(({ keyspaceName }) => keyspaceName === keyspace),
        );
      },
      'cassandra:ListTables': async (at, options, nextToken) => {
        const { keyspace, table } = inKeyspace(at);
        const input = { keyspaceName: keyspace, nextToken, maxResults: 1000 };
        const { $metadata, tables, nextToken: next } = await client.send(new ListTablesCommand(input), options);
        return listed(
          $metadata,
          next,
          (tables ?? []).some(({ tableName }) => tableName === table),
        );
      },
    },
  };
}

export async function dynamodb({ config }: ResourceParts): Promise<OpenedService> {
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
}

export async function s3Tables({ config }: ResourceParts): Promise<OpenedService> {
  const { GetTableBucketCommand, GetTableCommand, S3TablesClient } = await import('@aws-sdk/client-s3tables');
  const client = new S3TablesClient(config);
  return {
    client,
    calls: {
      's3tables:GetTable': ({ arn }, options) => client.send(new GetTableCommand({ tableArn: arn }), options),
      's3tables:GetTableBucket': ({ arn }, options) => client.send(new GetTableBucketCommand({ tableBucketARN: arn }), options),
    },
  };
}

/** `/keyspace/<name>/` and `/keyspace/<name>/table/<name>` */
function inKeyspace({ resource }: At): { readonly keyspace: string; readonly table: string } {
  const [, , keyspace = '', , table = ''] = resource.split('/');
  return { keyspace, table };
}
