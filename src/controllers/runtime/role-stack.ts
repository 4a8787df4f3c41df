import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { runtimeTags } from '../../core/nodes/tags.ts';
import { stackSessionPolicy } from '../../core/policy/cloudformation/default-roles-access.ts';
import { stackName } from '../../core/policy/cloudformation/names.ts';
import { failureOf, type StackView } from '../../core/policy/cloudformation/stack.ts';
import { whatAwsSaid } from '../../core/preflight/missing.ts';
import type { AwsPort, AwsResult, Caller } from '../../ports/aws/index.ts';
import { ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { GrantRequest } from '../identity/grants.ts';
import { tagOwnerOf } from './tag-owner.ts';
import type { RuntimeTools } from './tools.ts';

export function stackTags(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Readonly<Record<string, string>> {
  return runtimeTags(tagOwnerOf(runtime, tools.context.settings.clusterName));
}

export async function lookAtStack(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
): Promise<Result<StackView | undefined, AccessFailure>> {
  return asOperator(tools, runtime, 'cloudformation:DescribeStacks', async (aws, caller) => {
    const answer: AwsResult<StackView | undefined> = await aws.cloudFormation.describeStack(caller, { name: stackName(runtime) });
    return !answer.ok && answer.error.kind === 'NotFound' ? ok(undefined) : answer;
  });
}

/** Why its last operation failed, in CloudFormation's words. */
export async function reasonOf(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, stack: StackView | undefined): Promise<string> {
  if (stack === undefined) return 'the stack is gone';
  const events = await asOperator(tools, runtime, 'cloudformation:DescribeStackEvents', (aws, caller) =>
    aws.cloudFormation.describeStackEvents(caller, { name: stack.stackId }),
  );
  return `CloudFormation stack ${stack.name}: ${failureOf(events.ok ? events.value : [], stack)}`;
}

/** As operator, in a session that reaches this runtime's stack alone, and IAM through it only. */
export function asOperator<T>(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  action: string,
  run: (aws: AwsPort, caller: Caller) => Promise<AwsResult<T>>,
): Promise<Result<T, AccessFailure>> {
  const policies = [{ policy: stackSessionPolicy(runtime), widened: [] }];
  const request: GrantRequest = { runtime, identity: 'operator', resource: 'cluster-resources', policies };
  return actAs(tools.context, request, { action, resource: stackName(runtime) }, run);
}

/** Why a stack failed, where it was IAM that refused CloudFormation something: with the operator's own permissions it calls. */
export function refusedByIam({ spec: { identities } }: Stored<ElasticRuntime>, why: string): AccessFailure | undefined {
  const { action, resource } = whatAwsSaid(why);
  if (action === undefined || resource === undefined) return undefined;
  const requestId = /Request ?I[Dd]: ([\w-]+)/.exec(why)?.[1];
  return {
    identity: 'operator',
    chain: [identities.agent.roleArn, identities.operator.roleArn],
    action,
    resource,
    code: 'AccessDenied',
    message: why,
    ...(requestId !== undefined && { requestId }),
    transient: false,
  };
}
