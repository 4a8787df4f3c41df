import {
  type EvaluationResult,
  GetRoleCommand,
  GetRolePolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  SimulatePrincipalPolicyCommand,
} from '@aws-sdk/client-iam';
import type { AwsError, AwsResult, Caller, IamPort, PolicyQuestion, SimulatedDecision } from '../ports/aws/index.ts';
import { ok } from '../ports/result.ts';
import { actorOf, type Send } from './send.ts';

export function createIam(parts: { readonly client: IAMClient; readonly send: Send }): IamPort {
  const { client, send } = parts;

  /** IAM answers of actions together only where it needs to know the same of their calls; else it says which belong together, and each group is asked alone. */
  async function simulate(caller: Caller, request: PolicyQuestion): Promise<AwsResult<readonly SimulatedDecision[]>> {
    const answer = await simulateTogether(caller, request);
    const groups = answer.ok ? undefined : groupsOf(answer.error, request.actions);
    if (groups === undefined) return answer;
    const decisions: SimulatedDecision[] = [];
    for (const actions of groups) {
      const part = await simulate(caller, { ...request, actions });
      if (!part.ok) return part;
      decisions.push(...part.value);
    }
    return ok(decisions);
  }

  function simulateTogether(caller: Caller, request: PolicyQuestion): Promise<AwsResult<readonly SimulatedDecision[]>> {
    const ContextEntries = Object.entries(request.context).map(([key, value]) => ({
      ContextKeyName: key,
      ContextKeyType: typeof value === 'string' ? ('string' as const) : ('stringList' as const),
      ContextKeyValues: [value].flat(),
    }));
    const input = {
      PolicySourceArn: request.principalArn,
      ActionNames: [...request.actions],
      ResourceArns: [request.resource],
      ContextEntries,
    };
    return allPages(
      (marker) =>
        send({ method: 'iam.simulatePrincipalPolicy', request, actor: actorOf(caller) }, (abortSignal) =>
          client.send(new SimulatePrincipalPolicyCommand({ ...input, ...marker }), { abortSignal }),
        ),
      (page) => (page.EvaluationResults ?? []).map((result) => ({ ...decisionOf(result), ...idOf(page) })),
    );
  }

  return {
    async getRole(caller, request) {
      const answer = await send({ method: 'iam.getRole', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new GetRoleCommand({ RoleName: request.roleName }), { abortSignal }),
      );
      // URL-encoded: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
      const { Arn = '', AssumeRolePolicyDocument = '' } = (answer.ok ? answer.value.Role : undefined) ?? {};
      if (!answer.ok) return answer;
      return ok({ arn: Arn, trust: decodeURIComponent(AssumeRolePolicyDocument), ...idOf(answer.value) });
    },

    simulatePrincipalPolicy: simulate,

    listAttachedRolePolicies: (caller, request) =>
      allPages(
        (marker) =>
          send({ method: 'iam.listAttachedRolePolicies', request, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new ListAttachedRolePoliciesCommand({ RoleName: request.roleName, ...marker }), { abortSignal }),
          ),
        (page) => (page.AttachedPolicies ?? []).map(({ PolicyName = '', PolicyArn = '' }) => ({ name: PolicyName, arn: PolicyArn })),
      ),

    listRolePolicies: (caller, request) =>
      allPages(
        (marker) =>
          send({ method: 'iam.listRolePolicies', request, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new ListRolePoliciesCommand({ RoleName: request.roleName, ...marker }), { abortSignal }),
          ),
        (page) => page.PolicyNames ?? [],
      ),

    async getRolePolicy(caller, request) {
      const input = { RoleName: request.roleName, PolicyName: request.policyName };
      const answer = await send({ method: 'iam.getRolePolicy', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new GetRolePolicyCommand(input), { abortSignal }),
      );
      // URL-encoded: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
      return answer.ok ? ok({ document: decodeURIComponent(answer.value.PolicyDocument ?? '') }) : answer;
    },

    async putRolePolicy(caller, request) {
      const input = { RoleName: request.roleName, PolicyName: request.policyName, PolicyDocument: request.document };
      const answer = await send({ method: 'iam.putRolePolicy', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new PutRolePolicyCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : answer;
    },
  };
}

/** `Invalid Input Actions: [a,b] and [c] require different authorization information.` Each for itself where it does not name all of them. */
function groupsOf({ code, message }: AwsError, actions: readonly string[]): readonly (readonly string[])[] | undefined {
  if (code !== 'InvalidInput' || actions.length < 2 || !/Input Actions|authorization information/.test(message)) return undefined;
  const named = [...message.matchAll(/\[([^\]]*)\]/g)].map(([, group = '']) => group.split(',').map((action) => action.trim()));
  const complete = named.length > 1 && named.flat().toSorted().join() === actions.toSorted().join();
  return complete ? named : actions.map((action) => [action]);
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html: with a list of resources the missing keys stand in its own results. */
function decisionOf(result: EvaluationResult): SimulatedDecision {
  const { EvalActionName = '', EvalDecision = 'implicitDeny', ResourceSpecificResults = [] } = result;
  const missing = [result, ...ResourceSpecificResults].flatMap(({ MissingContextValues = [] }) => MissingContextValues);
  return {
    action: EvalActionName,
    decision: EvalDecision,
    ...(result.OrganizationsDecisionDetail?.AllowedByOrganizations === false && { refusedBy: 'service control policy' as const }),
    ...(result.PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary === false && { refusedBy: 'permissions boundary' as const }),
    missingContext: [...new Set(missing)].sort(),
  };
}

function idOf({ $metadata: { requestId } }: { readonly $metadata: { readonly requestId?: string | undefined } }): {
  readonly requestId?: string;
} {
  return requestId === undefined ? {} : { requestId };
}

type Page = { readonly IsTruncated?: boolean | undefined; readonly Marker?: string | undefined };

/** IAM's own way of paging. Each page is one call and one audit record. */
async function allPages<P extends Page, Item>(
  fetchPage: (marker: { readonly Marker?: string }) => Promise<AwsResult<P>>,
  itemsOf: (page: P) => readonly Item[],
): Promise<AwsResult<readonly Item[]>> {
  const items: Item[] = [];
  let marker: { readonly Marker?: string } = {};
  for (;;) {
    const page = await fetchPage(marker);
    if (!page.ok) {
      return page;
    }
    items.push(...itemsOf(page.value));
    if (page.value.IsTruncated !== true || page.value.Marker === undefined) {
      return ok(items);
    }
    marker = { Marker: page.value.Marker };
  }
}
