import type { Policy } from '../../core/policy/document.ts';
import { evaluate } from '../../core/policy/evaluate.ts';
import { matchesPattern } from '../../core/policy/pattern.ts';
import type { PolicyQuestion, SimulatedDecision } from '../../core/preflight/simulation.ts';

/**
 * What IAM's policy simulator answers (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html): the role's policies and its boundary
 * under the keys of the question, no session policy and no policy of the resource.
 */
export function simulated(
  role: { readonly policies: readonly Policy[]; readonly boundary?: Policy },
  { roleArn, actions, resource, context }: PolicyQuestion,
): readonly SimulatedDecision[] {
  const request = { principal: { kind: 'role', roleArn, sessionName: 'simulation' }, resource, context } as const;
  return actions.map((action) => {
    const limits = role.boundary === undefined ? {} : { permissionBoundary: role.boundary };
    const { decision, source } = evaluate({ ...request, action, identityPolicies: role.policies, ...limits });
    return {
      action,
      decision: decision === 'Allow' ? 'allowed' : decision === 'ExplicitDeny' ? 'explicitDeny' : 'implicitDeny',
      ...(decision !== 'Allow' && source === 'permissions boundary' && { refusedBy: source }),
      missingContext: missing(role.policies, action, context),
    };
  });
}

function missing(policies: readonly Policy[], action: string, context: PolicyQuestion['context']): readonly string[] {
  const given = new Set(Object.keys(context).map((key) => key.toLowerCase()));
  const about = policies
    .flatMap(({ statements }) => statements)
    .filter(({ actions = [] }) => actions.some((pattern) => matchesPattern(pattern, action.toLowerCase(), () => undefined)));
  const keys = about.flatMap(({ conditions }) => conditions.map(({ key }) => key));
  return [...new Set(keys)].filter((key) => !given.has(key)).sort();
}
