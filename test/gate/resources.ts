import type { Account } from './account.ts';
import { json, named, type Refusal, xml } from './answers.ts';
import type { GateCall } from './decode.ts';
import { ANY } from './decode-resources.ts';
import type { WireAnswer, WireRequest } from './http.ts';

type Forward = (request: WireRequest) => Promise<WireAnswer>;
type Describe = Extract<GateCall, { readonly method: 'resources.describe' }>['request'];

/** By the emulator, but where it does not know what AWS does. */
export async function describeResource(
  { forward, account }: { readonly forward: Forward; readonly account: Account },
  { action, arn }: Describe,
  request: WireRequest,
): Promise<WireAnswer | Refusal> {
  const ours = answers[action]?.(account, arn, request);
  if (ours !== undefined) return ours;
  if (action === 'rds:DescribeDBClusters') return clusterById(forward, arn, request);
  if (action === 's3tables:GetTable') return tableByArn(forward, arn, request);
  const answer = await forward(request);
  // It answers with nothing where AWS refuses: https://docs.aws.amazon.com/athena/latest/APIReference/API_GetWorkGroup.html
  if (action.startsWith('athena:') && !answer.body.toString().includes('"Name"'))
    return { status: 400, code: 'InvalidRequestException', message: `${arn.slice(arn.lastIndexOf('/') + 1)} is not found.` };
  return answer;
}

type Answering = (account: Account, arn: string, request: WireRequest) => WireAnswer | Refusal;

const absent = { status: 400, code: 'ResourceNotFoundException', message: 'The requested resource does not exist.' } as const;

/** Services that the emulator does not know; a list comes in pages of one, so that each shows that it is read to its end. */
const answers: Readonly<Partial<Record<Describe['action'], Answering>>> = {
  'cassandra:GetTable': ({ resources }, arn) => (resources.has(arn) ? json({ resourceArn: arn }) : absent),
  'cassandra:ListTables': ({ resources }, arn, request) => {
    const keyspace = arn.slice(0, arn.lastIndexOf(`table/${ANY}`));
    if (!resources.has(keyspace)) return absent;
    const tables = [...resources].filter((each) => each.startsWith(`${keyspace}table/`));
    return page(
      request,
      'tables',
      tables.map((each) => ({ resourceArn: each, tableName: each.split('/').at(-1) })),
    );
  },
  'cassandra:ListKeyspaces': ({ resources }, _, request) => {
    const keyspaces = [...resources].filter((each) => each.includes(':cassandra:') && each.endsWith('/'));
    return page(
      request,
      'keyspaces',
      keyspaces.map((each) => ({ resourceArn: each, keyspaceName: each.split('/').at(-2) })),
    );
  },
  // The emulator's clusters have ARNs that are none of AWS's: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmanagedstreamingforapachekafka.html
  'kafka:DescribeClusterV2': ({ resources }, arn) =>
    resources.has(arn)
      ? json({ clusterInfo: { clusterArn: arn, clusterName: arn.split('/')[1], state: 'ACTIVE' } })
      : { ...absent, status: 404, code: 'NotFoundException' },
  'kafka:DescribeTopic': ({ resources }, arn) =>
    resources.has(arn) ? json({ topicArn: arn, topicName: arn.split('/').at(-1) }) : { ...absent, status: 404, code: 'NotFoundException' },
  'redshift-serverless:ListWorkgroups': ({ resources }, _, request) => {
    const workgroups = [...resources].filter((each) => each.includes(':redshift-serverless:'));
    return page(
      request,
      'workgroups',
      workgroups.map((workgroupArn) => ({ workgroupArn })),
    );
  },
  // Back to where the question came: the emulator would name an endpoint of AWS.
  'timestream:DescribeEndpoints': (_account, _arn, { headers }) =>
    json({ Endpoints: [{ Address: headers['host'], CachePeriodInMinutes: 1440 }] }),
};

function page(request: WireRequest, name: string, items: readonly object[]): WireAnswer {
  const { nextToken = '0' } = JSON.parse(request.body.toString()) as { readonly nextToken?: string };
  const at = Number(nextToken);
  return json({ [name]: items.slice(at, at + 1), ...(at + 1 < items.length && { nextToken: String(at + 1) }) });
}

/** The emulator does not know the filter. */
async function clusterById(forward: Forward, arn: string, request: WireRequest): Promise<WireAnswer> {
  const body = Buffer.from('Action=DescribeDBClusters&Version=2014-10-31');
  const answer = await forward({ ...request, body });
  const id = arn.slice(arn.lastIndexOf(':') + 1, -'/*'.length);
  if (answer.body.includes(`<DbClusterResourceId>${id}<`)) return answer;
  return xml('<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters/></DescribeDBClustersResult></DescribeDBClustersResponse>');
}

/** The emulator knows a table by its bucket, namespace and name only; the name ends its ARNs. */
async function tableByArn(forward: Forward, arn: string, request: WireRequest): Promise<WireAnswer | Refusal> {
  const bucket = arn.slice(0, arn.indexOf('/table/'));
  const listed = await forward({ ...request, path: `/tables/${encodeURIComponent(bucket)}`, rawQuery: '' });
  const { tables = [] } = JSON.parse(listed.body.toString()) as {
    readonly tables?: readonly { readonly namespace: readonly string[]; readonly name: string }[];
  };
  const found = tables.find(({ name }) => arn === `${bucket}/table/${name}`);
  if (found === undefined)
    return { ...named('s3tables', 'denied', 'The specified table does not exist.'), status: 404, code: 'NotFoundException' };
  const query = new URLSearchParams({ tableBucketARN: bucket, namespace: found.namespace.join('.'), name: found.name });
  return forward({ ...request, rawQuery: query.toString() });
}
