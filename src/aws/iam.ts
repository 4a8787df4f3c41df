import {
  GetRolePolicyCommand,
  type IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import type { AwsResult, IamPort } from '../ports/aws/index.ts';
import { ok } from '../ports/result.ts';
import { actorOf, type Send } from './send.ts';

export function createIam(parts: { readonly client: IAMClient; readonly send: Send }): IamPort {
  const { client, send } = parts;
  return {
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
