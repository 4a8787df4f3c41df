import type { AwsResult, DescribeRequest, ResourcesPort } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { noteSending } from './clients.ts';
import { type OpenedService, openService, type ResourceConfig, type ServiceName } from './resource-clients.ts';
import { actorOf, type Send } from './send.ts';

/** Resources of services that few runtimes use: each client is loaded and made when the first of its resources is asked for. */
export function createResources(parts: { readonly config: ResourceConfig; readonly send: Send }): {
  readonly port: ResourcesPort;
  close(): void;
} {
  const { config, send } = parts;
  const opened = new Map<ServiceName, Promise<OpenedService>>();
  const made = new Set<OpenedService>();

  async function open(name: ServiceName): Promise<OpenedService> {
    const service = await openService[name](config);
    noteSending(service.client.middlewareStack);
    made.add(service);
    return service;
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
        const { calls } = await serviceOf(request);
        const call = calls[request.action];
        if (call === undefined) throw new TypeError(`No call for ${request.action}`);
        const answer = await send({ method: 'resources.describe', request, actor: actorOf(caller) }, (abortSignal) =>
          call(partsOf(request.arn), { abortSignal }),
        );
        if (!answer.ok) return err(told(request, answer.error));
        const { missing, $metadata } = answer.value;
        if (missing === undefined) return ok(undefined);
        const { code = 'NOT_FOUND', message = `${request.arn} is not there` } = missing;
        const { requestId } = $metadata;
        return err({ kind: 'NotFound', code, message, ...(requestId !== undefined && { requestId }) });
      },
    },
    close: () => {
      for (const { client } of made) client.destroy();
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
