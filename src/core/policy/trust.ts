import type { Policy } from './document.ts';
import { decidersOf, type Evaluation, type EvaluationRequest, evaluate, type RequestContext } from './evaluate.ts';
import { accountOf, type Principal, type SessionTags } from './principal.ts';

export type TrustEvaluation = Evaluation & {
  /** The action that was judged last: the one refused, where one was. */
  readonly action: 'sts:AssumeRole' | 'sts:AssumeRoleWithWebIdentity' | 'sts:TagSession' | 'sts:SetSourceIdentity';
  /** Every action that was allowed, and by which statements. */
  readonly allowed: readonly { readonly action: TrustEvaluation['action']; readonly by: readonly string[] }[];
};

export type AssumeRoleRequest = {
  readonly roleArn: string;
  /** The role's trust policy. */
  readonly trust: Policy;
  readonly caller: Principal;
  readonly callerPolicies: Pick<EvaluationRequest, 'identityPolicies' | 'sessionPolicies' | 'permissionBoundary'>;
  readonly sessionName: string;
  readonly externalId?: string;
  readonly tags?: SessionTags;
  readonly transitiveTagKeys?: readonly string[];
  readonly sourceIdentity?: string;
  /** Of the request itself: the hour, whether it is encrypted. */
  readonly context?: RequestContext;
};

/**
 * May `caller` assume the role? sts:AssumeRole must be allowed, and sts:TagSession and sts:SetSourceIdentity too where tags or a source identity
 * are passed (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required). A trust policy
 * that names the caller's role suffices within one account; one that names the account needs the caller's own policy as well.
 */
export function evaluateAssumeRole(request: AssumeRoleRequest): TrustEvaluation {
  const { sessionName, externalId, sourceIdentity, transitiveTagKeys = [] } = request;
  const identified: RequestContext = sourceIdentity === undefined ? {} : { 'sts:SourceIdentity': sourceIdentity };
  const tagged: RequestContext = {
    ...tagContext(request.tags),
    ...(transitiveTagKeys.length > 0 && { 'sts:TransitiveTagKeys': transitiveTagKeys }),
  };
  const named = {
    ...request.context,
    'sts:RoleSessionName': sessionName,
    ...(externalId !== undefined && { 'sts:ExternalId': externalId }),
  };
  // Each action knows keys of its own: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
  const actions: [TrustEvaluation['action'], RequestContext][] = [['sts:AssumeRole', { ...named, ...identified, ...tagged }]];
  if (Object.keys(request.tags ?? {}).length > 0) actions.push(['sts:TagSession', tagged]);
  if (sourceIdentity !== undefined) actions.push(['sts:SetSourceIdentity', identified]);
  const caller = request.caller.kind === 'user' ? request.caller.arn : request.caller.kind === 'role' ? request.caller.roleArn : '';
  return judge(actions, {
    principal: request.caller,
    resource: request.roleArn,
    ...request.callerPolicies,
    resourcePolicies: [request.trust],
    sameAccount: caller === '' || accountOf(caller) === accountOf(request.roleArn),
  });
}

export type WebIdentityRequest = {
  readonly roleArn: string;
  readonly trust: Policy;
  readonly providerArn: string;
  /** Issuer URL without `https://`, as condition keys and provider ARNs have it. */
  readonly issuer: string;
  readonly claims: { readonly sub: string; readonly aud: string };
  readonly sessionName: string;
  /** Of the request itself: the hour, whether it is encrypted. */
  readonly context?: RequestContext;
};

/** May the bearer of a (verified) token assume the role? Only the trust policy decides. */
export function evaluateAssumeRoleWithWebIdentity(request: WebIdentityRequest): TrustEvaluation {
  const { providerArn, issuer, claims } = request;
  return judge([['sts:AssumeRoleWithWebIdentity', { ...request.context, 'sts:RoleSessionName': request.sessionName }]], {
    principal: { kind: 'webIdentity', providerArn, issuer, claims },
    resource: request.roleArn,
    identityPolicies: [],
    resourcePolicies: [request.trust],
  });
}

/** May a service of AWS assume the role on behalf of one of its resources? Only the trust policy decides. */
export function evaluateAssumeRoleByService(request: {
  readonly roleArn: string;
  readonly trust: Policy;
  readonly service: string;
  readonly sourceArn: string;
  readonly sourceAccount: string;
}): TrustEvaluation {
  return judge([['sts:AssumeRole', { 'aws:SourceArn': request.sourceArn, 'aws:SourceAccount': request.sourceAccount }]], {
    principal: { kind: 'service', service: request.service },
    resource: request.roleArn,
    identityPolicies: [],
    resourcePolicies: [request.trust],
  });
}

function judge(
  actions: readonly (readonly [TrustEvaluation['action'], RequestContext])[],
  request: Omit<EvaluationRequest, 'action' | 'context' | 'resourcePolicyRequired'>,
): TrustEvaluation {
  let last: TrustEvaluation | undefined;
  for (const [action, context] of actions) {
    const evaluation = evaluate({ ...request, action, context, resourcePolicyRequired: true });
    const before: TrustEvaluation['allowed'] = last?.allowed ?? [];
    if (evaluation.decision !== 'Allow') return { ...evaluation, action, allowed: before };
    last = { ...evaluation, action, allowed: [...before, { action, by: decidersOf(evaluation) }] };
  }
  if (last === undefined) throw new Error('no action to judge');
  return last;
}

/** aws:RequestTag/KEY of each tag, and aws:TagKeys. Absent where there are no tags. */
export function tagContext(tags: SessionTags | undefined): RequestContext {
  const entries = Object.entries(tags ?? {});
  if (entries.length === 0) return {};
  return Object.fromEntries([
    ...entries.map(([key, value]) => [`aws:RequestTag/${key}`, value]),
    ['aws:TagKeys', entries.map(([key]) => key)],
  ]);
}
