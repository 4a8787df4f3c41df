import { type ConditionBlock, type Policy, type PolicyStatement, type PolicyUse, parsePolicy } from '../../../src/core/policy/document.ts';
import { type EvaluationRequest, evaluate, type RequestContext } from '../../../src/core/policy/evaluate.ts';
import type { Principal } from '../../../src/core/policy/principal.ts';

export const user: Extract<Principal, { kind: 'user' }> = {
  kind: 'user',
  arn: 'arn:aws:iam::111122223333:user/division/alice',
  tags: { team: 'blue' },
};
export const session: Extract<Principal, { kind: 'role' }> = {
  kind: 'role',
  roleArn: 'arn:aws:iam::111122223333:role/path/reader',
  sessionName: 'nightly',
  tags: { team: 'blue' },
};

export function policy(
  statements: PolicyStatement | readonly PolicyStatement[],
  use: PolicyUse = 'identity',
  version: '2012-10-17' | '2008-10-17' = '2012-10-17',
): Policy {
  const parsed = parsePolicy({ Version: version, Statement: statements }, use);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value;
}

export const allowAll: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: '*' };

/** Whether one Allow statement with this condition lets a request with this context through. */
export function holds(condition: ConditionBlock, context: RequestContext, principal: Principal = user): boolean {
  return decide({ identityPolicies: [policy({ ...allowAll, Condition: condition })], context, principal }) === 'Allow';
}

/** Whether one Allow statement covers an action on a resource. */
export function covers(statement: Omit<PolicyStatement, 'Effect'>, action: string, resource: string, principal: Principal = user): boolean {
  const whole: PolicyStatement = { Effect: 'Allow', ...statement };
  return decide({ identityPolicies: [policy(whole)], action, resource, principal }) === 'Allow';
}

export function decide(request: Partial<EvaluationRequest>): 'Allow' | 'ExplicitDeny' | 'ImplicitDeny' {
  return evaluate({ principal: user, action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/key', identityPolicies: [], ...request })
    .decision;
}
