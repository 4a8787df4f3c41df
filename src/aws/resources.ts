import type { AwsResult, DescribeRequest, ResourcesPort } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { noteSending } from './clients.ts';
import { glue } from './resources/catalog.ts';
import { athena, neptune, openSearch, openSearchServerless, redshift, redshiftServerless } from './resources/engines.ts';
import type { OpenedService, ResourceParts } from './resources/kind.ts';
import { firehose, kinesis, msk, sns, sqs } from './resources/streams.ts';
import { dynamodb, keyspaces, s3Tables } from './resources/tables.ts';
import { timestream } from './resources/timestream.ts';
import { actorOf, type Send } from './send.ts';

/** By the prefix of their actions. */
const services = {
  aoss: openSearchServerless,
  athena,
  cassandra: keyspaces,
  dynamodb,
  es: openSearch,
  firehose,
  glue,
  kafka: msk,
  kinesis,
  rds: neptune,
  redshift,
  'redshift-serverless': redshiftServerless,
  s3tables: s3Tables,
  sns,
  sqs,
  timestream,
} as const satisfies Readonly<Record<string, (parts: ResourceParts) => Promise<OpenedService>>>;

type ServiceName = keyof typeof services;

/** Resources of services that few runtimes use: each client is loaded and made when the first of its resources is asked for. */
export function createResources({ send, ...parts }: ResourceParts & { readonly send: Send }): {
  readonly port: ResourcesPort;
  close(): void;
} {
  const opened = new Map<ServiceName, Promise<OpenedService>>();
  const made = new Set<OpenedService['client']>();

  async function open(name: ServiceName): Promise<OpenedService> {
    const service = await services[name](parts);
    keep(service.client);
    return service;
  }

  function keep(client: OpenedService['client']): void {
    noteSending(client.middlewareStack);
    made.add(client);
  }

  function serviceOf({ action }: DescribeRequest): Promise<OpenedService> {
    const name = action.slice(0, action.indexOf(':')) as ServiceName;
    const known = opened.get(name) ?? open(name);
    opened.set(name, known);
    return known;
  }

  return {
    port: {
      async describe(caller, request) {
        const { calls, endpoint } = await serviceOf(request);
        const call = calls[request.action];
        if (call === undefined) throw new TypeError(`No call for ${request.action}`);
        const at = partsOf(request.arn);
        const actor = actorOf(caller);
        if (endpoint?.isKnown(at) === false) {
          const first = { method: 'resources.describe', request: { action: endpoint.action, arn: '*' }, actor } as const;
          const found = await send(first, (abortSignal) => endpoint.find(at, { abortSignal }));
          if (!found.ok) return found;
          keep(found.value.client);
        }
        const page = (next?: string) =>
          send({ method: 'resources.describe', request, actor }, (abortSignal) => call(at, { abortSignal }, next));
        let answer = await page();
        while (answer.ok && answer.value.next !== undefined) answer = await page(answer.value.next);
        if (!answer.ok) return err(told(request, answer.error));
        const { missing, $metadata } = answer.value;
        if (missing === undefined) return ok(undefined);
        const { code = 'NOT_FOUND', message = `${request.arn} is not there` } = missing;
        const { requestId } = $metadata;
        return err({ kind: 'NotFound', code, message, ...(requestId !== undefined && { requestId }) });
      },
    },
    close: () => {
      for (const client of made) client.destroy();
    },
  };
}

/**
 * Athena has no word of its own for what is not there (https://docs.aws.amazon.com/athena/latest/APIReference/API_GetWorkGroup.html), Kinesis none for a rate
 * (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamSummary.html).
 */
function told({ action }: DescribeRequest, error: Extract<AwsResult<void>, { ok: false }>['error']): typeof error {
  const absent =
    action.startsWith('athena:') && error.code === 'InvalidRequestException' && /not found|does not exist/i.test(error.message);
  if (absent) return { ...error, kind: 'NotFound' };
  return action.startsWith('kinesis:') && error.code === 'LimitExceededException' ? { ...error, kind: 'Throttled' } : error;
}

function partsOf(arn: string) {
  const [, partition = '', , region = '', account = '', ...resource] = arn.split(':');
  return { arn, partition, region, account, resource: resource.join(':') };
}
