import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { AgentPolicies } from '../../core/policy/cloudformation/default-roles.ts';
import { agentReadPolicy } from '../../core/policy/cloudformation/default-roles-access.ts';
import { type PolicyDocument, parsePolicy } from '../../core/policy/document.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { GrantRequest } from '../identity/grants.ts';

/** What is attached to the agent role, read as operator in a session that can do nothing else. */
export async function readAgentPolicies(
  context: Pick<OperatorContext, 'aws' | 'grants'>,
  runtime: Stored<ElasticRuntime>,
): Promise<Result<AgentPolicies, AccessFailure>> {
  const { roleArn } = runtime.spec.identities.agent;
  const roleName = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const policies = [{ policy: agentReadPolicy(runtime), widened: [] }];
  const request: GrantRequest = { runtime, identity: 'operator', resource: 'cluster-resources', policies };
  const managed = await actAs(context, request, { action: 'iam:ListAttachedRolePolicies', resource: roleArn }, (aws, caller) =>
    aws.iam.listAttachedRolePolicies(caller, { roleName }),
  );
  if (!managed.ok) return managed;
  const names = await actAs(context, request, { action: 'iam:ListRolePolicies', resource: roleArn }, (aws, caller) =>
    aws.iam.listRolePolicies(caller, { roleName }),
  );
  if (!names.ok) return names;
  const inline: { readonly name: string; readonly document: PolicyDocument }[] = [];
  for (const name of names.value) {
    const at = { action: 'iam:GetRolePolicy', resource: `${roleArn} ${name}` };
    const policy = await actAs(context, request, at, (aws, caller) => aws.iam.getRolePolicy(caller, { roleName, policyName: name }));
    if (!policy.ok) {
      // Deleted since it was listed: the next look sees what is left.
      if (policy.error.code === 'NoSuchEntity') return err({ ...policy.error, transient: true });
      return policy;
    }
    const document = documentOf(policy.value.document);
    if (document === undefined) {
      const message = `inline policy ${name} of ${roleArn} is not understood`;
      return err({ identity: 'operator', chain: [], ...at, code: 'PolicyNotUnderstood', message, transient: false });
    }
    inline.push({ name, document });
  }
  return ok({ managed: managed.value.map(({ arn }) => arn), inline });
}

/** IAM took it, so it is a policy; what we cannot read we could not vouch for either. */
function documentOf(text: string): PolicyDocument | undefined {
  return parsePolicy(text, 'identity').ok ? (JSON.parse(text) as PolicyDocument) : undefined;
}
