import {
  type CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  type Stack,
  type StackEvent,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import type { AwsError, AwsResult, CloudFormationPort, StackEventView, StackRequest, StackView } from '../ports/aws/index.ts';
import { err, ok } from '../ports/result.ts';
import { actorOf, type Send } from './send.ts';

export function createCloudFormation(parts: { readonly client: CloudFormationClient; readonly send: Send }): CloudFormationPort {
  const { client, send } = parts;
  return {
    async createStack(caller, request) {
      const input = { ...toInput(request), OnFailure: 'ROLLBACK' as const };
      const answer = await send({ method: 'cloudFormation.createStack', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new CreateStackCommand(input), { abortSignal }),
      );
      return answer.ok ? ok({ stackId: answer.value.StackId ?? '' }) : worded(answer);
    },

    async describeStack(caller, request) {
      const answer = await send({ method: 'cloudFormation.describeStack', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DescribeStacksCommand({ StackName: request.name }), { abortSignal }),
      );
      if (!answer.ok) {
        return worded(answer);
      }
      const stack = answer.value.Stacks?.[0];
      return stack
        ? ok(toStack(stack))
        : err({ kind: 'Other', code: 'IncompleteAnswer', message: 'CloudFormation answered without a stack' });
    },

    async updateStack(caller, request) {
      const answer = await send({ method: 'cloudFormation.updateStack', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new UpdateStackCommand(toInput(request)), { abortSignal }),
      );
      if (answer.ok) {
        return ok({ changed: true });
      }
      return answer.error.message.startsWith('No updates are to be performed') ? ok({ changed: false }) : worded(answer);
    },

    async deleteStack(caller, request) {
      const input = { StackName: request.name, ClientRequestToken: request.clientRequestToken };
      const answer = await send({ method: 'cloudFormation.deleteStack', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DeleteStackCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : worded(answer);
    },

    async describeStackEvents(caller, request) {
      const answer = await send({ method: 'cloudFormation.describeStackEvents', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DescribeStackEventsCommand({ StackName: request.name }), { abortSignal }),
      );
      return answer.ok ? ok((answer.value.StackEvents ?? []).map(toEvent)) : worded(answer);
    },
  };
}

function toInput({ name, templateBody, tags, clientRequestToken }: StackRequest) {
  return {
    StackName: name,
    TemplateBody: templateBody,
    Capabilities: ['CAPABILITY_NAMED_IAM' as const],
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    ClientRequestToken: clientRequestToken,
  };
}

/** CloudFormation has one code, ValidationError, for a stack that is not there, for one that is busy, and for a wrong request: its words tell them apart. */
function worded<T>(answer: AwsResult<T> & { readonly ok: false }): { readonly ok: false; readonly error: AwsError } {
  const { error } = answer;
  if (error.code !== 'ValidationError') {
    return answer;
  }
  if (error.message.endsWith('does not exist')) {
    return err({ ...error, kind: 'NotFound' });
  }
  return /_IN_PROGRESS state/.test(error.message) ? err({ ...error, kind: 'Throttled' }) : answer;
}

function toStack(stack: Stack): StackView {
  return {
    stackId: stack.StackId ?? '',
    name: stack.StackName ?? '',
    status: stack.StackStatus ?? '',
    ...(stack.StackStatusReason !== undefined && { statusReason: stack.StackStatusReason }),
    tags: Object.fromEntries((stack.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    outputs: Object.fromEntries((stack.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
    changedAt: (stack.DeletionTime ?? stack.LastUpdatedTime ?? stack.CreationTime)?.getTime() ?? 0,
  };
}

function toEvent(event: StackEvent): StackEventView {
  return {
    logicalId: event.LogicalResourceId ?? '',
    resourceType: event.ResourceType ?? '',
    status: event.ResourceStatus ?? '',
    ...(event.PhysicalResourceId !== undefined && { physicalId: event.PhysicalResourceId }),
    ...(event.ResourceStatusReason !== undefined && { reason: event.ResourceStatusReason }),
    ...(event.ClientRequestToken !== undefined && { token: event.ClientRequestToken }),
  };
}
