import type { At, OpenedService, ResourceParts } from './kind.ts';

/**
 * The SDK would look its endpoint up unseen, and say of a refusal that there was one alone; so that is a call of its own here:
 * https://docs.aws.amazon.com/timestream/latest/developerguide/Using-API.endpoint-discovery.how-it-works.html
 */
export async function timestream({ config, clock }: ResourceParts): Promise<OpenedService> {
  const { DescribeDatabaseCommand, DescribeEndpointsCommand, DescribeTableCommand, TimestreamWriteClient } = await import(
    '@aws-sdk/client-timestream-write'
  );
  const client = new TimestreamWriteClient({ ...config, endpointDiscoveryEnabled: false });
  const found = new Map<string, { readonly client: InstanceType<typeof TimestreamWriteClient>; readonly until: number }>();
  const clientOf = ({ account }: At) => found.get(account)?.client ?? client;
  return {
    client,
    calls: {
      'timestream:DescribeDatabase': (at, options) =>
        clientOf(at).send(new DescribeDatabaseCommand({ DatabaseName: inDatabase(at).database }), options),
      'timestream:DescribeTable': (at, options) => {
        const { database, table } = inDatabase(at);
        return clientOf(at).send(new DescribeTableCommand({ DatabaseName: database, TableName: table }), options);
      },
    },
    endpoint: {
      action: 'timestream:DescribeEndpoints',
      isKnown: ({ account }) => clock.monotonic() < (found.get(account)?.until ?? 0),
      async find({ account }, options) {
        const { $metadata, Endpoints = [] } = await client.send(new DescribeEndpointsCommand({}), options);
        const [{ Address, CachePeriodInMinutes = 0 } = {}] = Endpoints;
        if (Address === undefined) throw new TypeError('DescribeEndpoints of Timestream named no endpoint');
        const { protocol = 'https:' } = (await client.config.endpoint?.()) ?? {};
        const next = new TimestreamWriteClient({ ...config, endpoint: `${protocol}//${Address}` });
        found.set(account, { client: next, until: clock.monotonic() + CachePeriodInMinutes * 60_000 });
        return { $metadata, client: next };
      },
    },
  };
}

/** `database/<name>` and `database/<name>/table/<name>` */
function inDatabase({ resource }: At): { readonly database: string; readonly table: string } {
  const [, database = '', , table = ''] = resource.split('/');
  return { database, table };
}
