import { type ContextMap, conditionHolds } from './condition.ts';
import type { Policy, Statement } from './document.ts';
import { type Lookup, matchesPattern, type Pattern } from './pattern.ts';
import { type Closeness, callerArn, closenessOf, isExcepted, type Principal, principalContext } from './principal.ts';

/** Condition keys of a request, any case; a list = a multivalued key. */
export type RequestContext = Readonly<Record<string, string | readonly string[]>>;

export type EvaluationRequest = {
  readonly principal: Principal;
  /** `service:Action` */
  readonly action: string;
  /** ARN, or `*` for actions without a resource */
  readonly resource: string;
  readonly context?: RequestContext;
  readonly identityPolicies: readonly Policy[];
  /** Left out = the session has none. The session may do what both they and the identity's policies (or a grant to the role) allow. */
  readonly sessionPolicies?: readonly Policy[];
  readonly permissionBoundary?: Policy;
  /** Bucket policy, key policy, trust policy. */
  readonly resourcePolicies?: readonly Policy[];
  /** false: principal and resource are in different accounts, so both sides must allow. Default true. */
  readonly sameAccount?: boolean;
  /** The resource's policy must allow, whatever the identity's say: trust and key policies. */
  readonly resourcePolicyRequired?: boolean;
};

type PolicySource = 'identity-based policy' | 'session policy' | 'permissions boundary' | 'resource-based policy';

export type Evaluation = {
  readonly decision: 'Allow' | 'ExplicitDeny' | 'ImplicitDeny';
  /** One phrase: the deciding statement (`Sid of policy NAME`), or which kind of policy says nothing. */
  readonly because: string;
  /** Where the deciding statement stands, or should stand. */
  readonly source: PolicySource;
  readonly sid?: string;
  /** Where an identity-based statement decided: the statement of the resource's own policy that allowed, too. */
  readonly and?: string;
};

/**
 * One request against all policies that apply to it, in AWS's order: explicit deny, resource-based, identity-based, permissions boundary,
 * session policies (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html).
 * Organizations' service and resource control policies are not modelled.
 */
export function evaluate(request: EvaluationRequest): Evaluation {
  const facts = factsOf(request);
  const boundary = request.permissionBoundary === undefined ? undefined : [request.permissionBoundary];
  const sets: readonly (readonly [PolicySource, readonly Policy[] | undefined])[] = [
    ['identity-based policy', request.identityPolicies],
    ['permissions boundary', boundary],
    ['session policy', request.sessionPolicies],
    ['resource-based policy', request.resourcePolicies],
  ];
  for (const [source, policies] of sets) {
    const denied = find(policies, facts, 'Deny');
    if (denied !== undefined) return { decision: 'ExplicitDeny', source, because: denied.because, sid: denied.statement.sid };
  }
  const granted = closestGrant(request.resourcePolicies, facts);
  if (granted === undefined && (request.resourcePolicyRequired === true || request.sameAccount === false))
    return lacking('resource-based policy', request);
  if (request.principal.kind === 'webIdentity' || request.principal.kind === 'service') {
    return granted === undefined ? lacking('resource-based policy', request) : allowed('resource-based policy', granted);
  }
  if (granted?.closeness === 'direct' && request.sameAccount !== false) return allowed('resource-based policy', granted);
  const byResource = granted?.closeness === 'role' && request.sameAccount !== false ? granted : undefined;
  const byIdentity = find(request.identityPolicies, facts, 'Allow');
  const base = byIdentity ?? byResource;
  if (base === undefined) return lacking('identity-based policy', request);
  if (boundary !== undefined && find(boundary, facts, 'Allow') === undefined) return lacking('permissions boundary', request);
  if (request.sessionPolicies !== undefined && find(request.sessionPolicies, facts, 'Allow') === undefined)
    return lacking('session policy', request);
  if (byIdentity === undefined) return allowed('resource-based policy', base);
  return { ...allowed('identity-based policy', byIdentity), ...(granted !== undefined && { and: granted.because }) };
}

/** The statements that allowed: `<Sid> of <policy>`. */
export function decidersOf({ because, and }: Evaluation): readonly string[] {
  return and === undefined ? [because] : [because, and];
}

/** AWS's wording of a refusal (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html). */
export function denialMessage(request: Pick<EvaluationRequest, 'principal' | 'action' | 'resource'>, evaluation: Evaluation): string {
  const article = /^[aeiou]/.test(evaluation.source) ? 'an' : 'a';
  const why =
    evaluation.decision === 'ExplicitDeny'
      ? `with an explicit deny in ${article} ${evaluation.source}`
      : `because no ${evaluation.source} allows the ${request.action} action`;
  return `User: ${callerArn(request.principal)} is not authorized to perform: ${request.action} on resource: ${request.resource} ${why}`;
}

type Facts = {
  readonly principal: Principal;
  readonly action: string;
  readonly resource: string;
  readonly context: ContextMap;
  readonly lookup: Lookup;
};

type Found = { readonly statement: Statement; readonly because: string };

function factsOf(request: EvaluationRequest): Facts {
  const context = new Map<string, string | readonly string[]>();
  for (const [key, value] of Object.entries(request.context ?? {})) {
    const same = context.get(key.toLowerCase());
    context.set(key.toLowerCase(), same === undefined ? value : [same, value].flat());
  }
  for (const [key, value] of Object.entries(principalContext(request.principal))) context.set(key.toLowerCase(), value);
  const lookup = (key: string): string | undefined => {
    const value = context.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  return { principal: request.principal, action: request.action.toLowerCase(), resource: request.resource, context, lookup };
}

function find(policies: readonly Policy[] | undefined, facts: Facts, effect: 'Allow' | 'Deny'): Found | undefined {
  for (const policy of policies ?? []) {
    for (const statement of policy.statements) {
      if (statement.effect === effect && applies(statement, facts)) return { statement, because: `${statement.sid} of ${policy.name}` };
    }
  }
  return undefined;
}

const order: readonly Closeness[] = ['account', 'role', 'direct'];

function closestGrant(policies: readonly Policy[] | undefined, facts: Facts): (Found & { readonly closeness: Closeness }) | undefined {
  let best: (Found & { closeness: Closeness }) | undefined;
  for (const policy of policies ?? []) {
    for (const statement of policy.statements) {
      if (statement.effect !== 'Allow' || statement.principals === undefined) continue;
      const closeness = closenessOf(statement.principals, facts.principal);
      if (closeness === undefined || (best !== undefined && order.indexOf(best.closeness) >= order.indexOf(closeness))) continue;
      if (applies(statement, facts)) best = { statement, closeness, because: `${statement.sid} of ${policy.name}` };
    }
  }
  return best;
}

function applies(statement: Statement, facts: Facts): boolean {
  if (statement.principals !== undefined && closenessOf(statement.principals, facts.principal) === undefined) return false;
  if (statement.notPrincipals !== undefined && isExcepted(statement.notPrincipals, facts.principal)) return false;
  const matchesAction = (pattern: Pattern): boolean => matchesPattern(pattern, facts.action, facts.lookup);
  const matchesResource = (pattern: Pattern): boolean => matchesPattern(pattern, facts.resource, facts.lookup);
  if (statement.actions !== undefined && !statement.actions.some(matchesAction)) return false;
  if (statement.notActions?.some(matchesAction) === true) return false;
  if (statement.resources !== undefined && !statement.resources.some(matchesResource)) return false;
  if (statement.notResources?.some(matchesResource) === true) return false;
  return statement.conditions.every((condition) => conditionHolds(condition, facts.context, facts.lookup));
}

function allowed(source: PolicySource, found: Found): Evaluation {
  return { decision: 'Allow', source, because: found.because, sid: found.statement.sid };
}

function lacking(source: PolicySource, request: EvaluationRequest): Evaluation {
  return { decision: 'ImplicitDeny', source, because: `no ${source} allows ${request.action} on ${request.resource}` };
}
