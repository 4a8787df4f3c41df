import { listed, nameOf, type OpenedService, type ResourceParts } from './kind.ts';

export async function openSearchServerless({ config }: ResourceParts): Promise<OpenedService> {
  const { BatchGetCollectionCommand, OpenSearchServerlessClient } = await import('@aws-sdk/client-opensearchserverless');
  const client = new OpenSearchServerlessClient(config);
  return {
    client,
    calls: {
      // What is not there it tells in an answer: https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_BatchGetCollection.html
      'aoss:BatchGetCollection': async (at, options) => {
        const { $metadata, collectionErrorDetails = [] } = await client.send(new BatchGetCollectionCommand({ ids: [nameOf(at)] }), options);
        const [missing] = collectionErrorDetails;
        return { $metadata, ...(missing !== undefined && { missing: { code: missing.errorCode, message: missing.errorMessage } }) };
      },
    },
  };
}

export async function athena({ config }: ResourceParts): Promise<OpenedService> {
  const { AthenaClient, GetDataCatalogCommand, GetWorkGroupCommand } = await import('@aws-sdk/client-athena');
  const client = new AthenaClient(config);
  return {
    client,
    calls: {
      'athena:GetDataCatalog': (at, options) => client.send(new GetDataCatalogCommand({ Name: nameOf(at) }), options),
      'athena:GetWorkGroup': (at, options) => client.send(new GetWorkGroupCommand({ WorkGroup: nameOf(at) }), options),
    },
  };
}

export async function openSearch({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeDomainCommand, OpenSearchClient } = await import('@aws-sdk/client-opensearch');
  const client = new OpenSearchClient(config);
  return {
    client,
    calls: { 'es:DescribeDomain': (at, options) => client.send(new DescribeDomainCommand({ DomainName: nameOf(at) }), options) },
  };
}

export async function neptune({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeDBClustersCommand, NeptuneClient } = await import('@aws-sdk/client-neptune');
  const client = new NeptuneClient(config);
  return {
    client,
    calls: {
      'rds:DescribeDBClusters': async ({ resource }, options) => {
        const id = resource.split('/', 1)[0] ?? '';
        const input = { Filters: [{ Name: 'db-cluster-resource-id', Values: [id] }] };
        const { $metadata, DBClusters = [] } = await client.send(new DescribeDBClustersCommand(input), options);
        return listed(
          $metadata,
          undefined,
          DBClusters.some(({ DbClusterResourceId }) => DbClusterResourceId === id),
        );
      },
    },
  };
}

export async function redshift({ config }: ResourceParts): Promise<OpenedService> {
  const { DescribeClustersCommand, RedshiftClient } = await import('@aws-sdk/client-redshift');
  const client = new RedshiftClient(config);
  return {
    client,
    calls: {
      // Of a database, its cluster.
      'redshift:DescribeClusters': ({ resource }, options) =>
        client.send(new DescribeClustersCommand({ ClusterIdentifier: /^\w+:([^/]+)/.exec(resource)?.[1] }), options),
    },
  };
}

export async function redshiftServerless({ config }: ResourceParts): Promise<OpenedService> {
  const { ListWorkgroupsCommand, RedshiftServerlessClient } = await import('@aws-sdk/client-redshift-serverless');
  const client = new RedshiftServerlessClient(config);
  return {
    client,
    calls: {
      'redshift-serverless:ListWorkgroups': async ({ arn }, options, nextToken) => {
        const {
          $metadata,
          workgroups,
          nextToken: next,
        } = await client.send(new ListWorkgroupsCommand({ nextToken, maxResults: 100 }), options);
        return listed(
          $metadata,
          next,
          (workgroups ?? []).some(({ workgroupArn }) => workgroupArn === arn),
        );
      },
    },
  };
}
