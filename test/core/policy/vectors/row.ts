import { type PolicyStatement, type PolicyUse, parsePolicy } from '../../../../src/core/policy/document.ts';
import { type EvaluationRequest, evaluate, type RequestContext } from '../../../../src/core/policy/evaluate.ts';
import type { Principal } from '../../../../src/core/policy/principal.ts';
import { policy } from '../helpers.ts';

/** One outcome that a page of AWS's documentation states, in our words. */
export type Vector = { readonly page: string; readonly says: string; readonly expected: string; readonly actual: () => string };

export type Row = readonly [says: string, expected: string, actual: () => string];

export function page(address: string, rows: readonly Row[]): readonly Vector[] {
  return rows.map(([says, expected, actual]) => ({ page: `https://docs.aws.amazon.com/${address}`, says, expected, actual }));
}

export const iam = (name: string): string => `IAM/latest/UserGuide/${name}`;

export type Statements = PolicyStatement | readonly PolicyStatement[];

/** Who the pages' examples speak of, unless they say more. */
export function userNamed(name: string, tags: Readonly<Record<string, string>> = {}, account = '123456789012'): Principal {
  return { kind: 'user', arn: `arn:aws:iam::${account}:user/${name}`, tags };
}

/** The decision on one request under an identity-based policy. */
export function under(
  statements: Statements,
  action: string,
  resource: string,
  context: RequestContext = {},
  principal: Principal = userNamed('test'),
): () => string {
  return () => evaluate({ principal, action, resource, context, identityPolicies: [policy(statements)] }).decision;
}

/** The same beside a policy that allows everything: what is left of that. */
export function denying(
  statements: Statements,
  action: string,
  resource: string,
  context: RequestContext = {},
  principal: Principal = userNamed('test'),
): () => string {
  const all: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: '*' };
  return () => evaluate({ principal, action, resource, context, identityPolicies: [policy(all), policy(statements)] }).decision;
}

/** The decision under several kinds of policy. */
export function decided(request: Omit<EvaluationRequest, 'identityPolicies'> & Partial<EvaluationRequest>): () => string {
  return () => evaluate({ identityPolicies: [], ...request }).decision;
}

/** The decision on a request under one Allow with a condition. */
export function when(Condition: NonNullable<PolicyStatement['Condition']>, context: RequestContext, principal?: Principal): () => string {
  return under({ Effect: 'Allow', Action: '*', Resource: '*', Condition }, 'service:Action', '*', context, principal);
}

/** Under a bucket or key policy alone. */
export function granted(
  statements: Statements,
  action: string,
  resource: string,
  context: RequestContext = {},
  principal: Principal = userNamed('test'),
): () => string {
  return () =>
    evaluate({ principal, action, resource, context, identityPolicies: [], resourcePolicies: [policy(statements, 'resource')] }).decision;
}

/** What the parser says of a statement. */
export function parsing(statement: object, use: PolicyUse = 'identity', version = '2012-10-17'): () => string {
  return () => {
    const answer = parsePolicy({ Version: version, Statement: statement }, use);
    return answer.ok ? 'taken' : answer.reason.replace(/^policy: (statement 1: )?/, '');
  };
}
