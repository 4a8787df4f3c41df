import { named, type Refusal } from './answers.ts';
import type { GateCall } from './decode.ts';
import type { WireAnswer, WireRequest } from './http.ts';

type Forward = (request: WireRequest) => Promise<WireAnswer>;
type Describe = Extract<GateCall, { readonly method: 'resources.describe' }>['request'];

/** By the emulator, but where it does not know what AWS does. */
export async function describeResource(forward: Forward, { action, arn }: Describe, request: WireRequest): Promise<WireAnswer | Refusal> {
  if (action === 's3tables:GetTable') return tableByArn(forward, arn, request);
  if (action === 'kafka:DescribeClusterV2') return clusterByArn(forward, arn, request);
  const answer = await forward(request);
  // It answers with nothing where AWS refuses: https://docs.aws.amazon.com/athena/latest/APIReference/API_GetWorkGroup.html
  if (action.startsWith('athena:') && !answer.body.toString().includes('"Name"'))
    return { status: 400, code: 'InvalidRequestException', message: `${arn.slice(arn.lastIndexOf('/') + 1)} is not found.` };
  return answer;
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

/** The emulator fails at a cluster that is not there, and says of one that is what no client can read. */
async function clusterByArn(forward: Forward, arn: string, request: WireRequest): Promise<WireAnswer | Refusal> {
  const listed = await forward({ ...request, path: '/api/v2/clusters', rawQuery: '' });
  const { clusterInfoList = [] } = JSON.parse(listed.body.toString()) as {
    readonly clusterInfoList?: readonly { readonly clusterArn: string; readonly clusterName: string }[];
  };
  const found = clusterInfoList.find(({ clusterArn }) => clusterArn === arn);
  if (found === undefined) return { status: 404, code: 'NotFoundException', message: 'The requested resource does not exist.' };
  const { clusterArn, clusterName } = found;
  return { ...listed, body: Buffer.from(JSON.stringify({ clusterInfo: { clusterArn, clusterName, state: 'ACTIVE' } })) };
}
