import type { Policy } from '../../core/policy/document.ts';
import { evaluate } from '../../core/policy/evaluate.ts';
import { matchesPattern } from '../../core/policy/pattern.ts';
import type { PolicyQuestion, SimulatedDecision } from '../../core/preflight/simulation.ts';

/**
 * What IAM's policy simulator answers (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html): the policies and the boundary of
 * a role or user under the keys of the question, no session policy and no policy of the resource.
 */
export function simulated(
  asked: { readonly policies: readonly Policy[]; readonly boundary?: Policy },
  { principalArn, actions, resource, context }: PolicyQuestion,
): readonly SimulatedDecision[] {
  const principal = principalArn.includes(':user/')
    ? ({ kind: 'user', arn: principalArn } as const)
    : ({ kind: 'role', roleArn: principalArn, sessionName: 'simulation' } as const);
  return actions.map((action) => {
    const limits = asked.boundary === undefined ? {} : { permissionBoundary: asked.boundary };
    const { decision, source } = evaluate({ principal, resource, context, action, identityPolicies: asked.policies, ...limits });
    return {
      action,
      decision: decision === 'Allow' ? 'allowed' : decision === 'ExplicitDeny' ? 'explicitDeny' : 'implicitDeny',
      ...(decision !== 'Allow' && source === 'permissions boundary' && { refusedBy: source }),
      missingContext: missing(asked.policies, action, context),
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
