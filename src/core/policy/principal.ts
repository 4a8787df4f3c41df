import type { PrincipalSet } from './document.ts';

export type SessionTags = Readonly<Record<string, string>>;

/** Who makes a request. */
export type Principal =
  | {
      readonly kind: 'role';
      readonly roleArn: string;
      readonly sessionName: string;
      /** Session tags, over the role's own: aws:PrincipalTag/KEY */
      readonly tags?: SessionTags;
      readonly sourceIdentity?: string;
      /** ARN of the OIDC provider where the session came from AssumeRoleWithWebIdentity. */
      readonly federatedProvider?: string;
      /** Milliseconds since the epoch when the credentials were issued: aws:TokenIssueTime */
      readonly issuedAt?: number;
    }
  | { readonly kind: 'user'; readonly arn: string; readonly tags?: SessionTags }
  /** Before there is a session: the token of an OIDC provider. `issuer` as in condition keys: host and path, no scheme. */
  | {
      readonly kind: 'webIdentity';
      readonly providerArn: string;
      readonly issuer: string;
      readonly claims: { readonly sub: string; readonly aud: string };
    }
  | { readonly kind: 'service'; readonly service: string };

/** ARN as messages and CloudTrail show it: of a role's session `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, without the role's path. */
export function callerArn(principal: Principal): string {
  switch (principal.kind) {
    case 'role':
      return sessionArn(principal.roleArn, principal.sessionName);
    case 'user':
      return principal.arn;
    case 'webIdentity':
      return principal.providerArn;
    case 'service':
      return principal.service;
  }
}

function sessionArn(roleArn: string, sessionName: string): string {
  const [, partition = 'aws', , , account = ''] = roleArn.split(':');
  return `arn:${partition}:sts::${account}:assumed-role/${roleArn.slice(roleArn.lastIndexOf('/') + 1)}/${sessionName}`;
}

/** Account of an ARN, '' where it has none (S3). */
export function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** Global condition keys that follow from the principal (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html). */
export function principalContext(principal: Principal): Readonly<Record<string, string>> {
  const context: Record<string, string> = {};
  if (principal.kind === 'webIdentity') {
    for (const [claim, value] of Object.entries(principal.claims)) context[`${principal.issuer}:${claim}`] = value;
    context['aws:FederatedProvider'] = principal.providerArn;
    return context;
  }
  if (principal.kind === 'service') {
    context['aws:PrincipalServiceName'] = principal.service;
    context['aws:PrincipalIsAWSService'] = 'true';
    return context;
  }
  context['aws:PrincipalIsAWSService'] = 'false';
  // Of a session it is the role's ARN, not the session's.
  const arn = principal.kind === 'role' ? principal.roleArn : principal.arn;
  context['aws:PrincipalArn'] = arn;
  context['aws:PrincipalAccount'] = accountOf(arn);
  context['aws:PrincipalType'] = principal.kind === 'role' ? 'AssumedRole' : 'User';
  if (principal.kind === 'user') context['aws:username'] = arn.slice(arn.lastIndexOf('/') + 1);
  else {
    if (principal.sourceIdentity !== undefined) context['aws:SourceIdentity'] = principal.sourceIdentity;
    if (principal.federatedProvider !== undefined) context['aws:FederatedProvider'] = principal.federatedProvider;
    if (principal.issuedAt !== undefined) context['aws:TokenIssueTime'] = new Date(principal.issuedAt).toISOString();
  }
  for (const [key, value] of Object.entries(principal.tags ?? {})) context[`aws:PrincipalTag/${key}`] = value;
  return context;
}

/**
 * How closely a Principal element names a principal. It matters for what may still limit the grant
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-resource-based.html):
 * - direct: the session's or user's own ARN, or everyone (a wildcard names the session itself: "permissions boundaries or session policies do not limit
 *   permissions granted using the aws:PrincipalArn condition key with a wildcard(*) in the Principal element",
 *   https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles): implicit denies of other policies do not
 *   limit it
 * - role: the role of the session: permissions boundary and session policy still limit it
 * - account: delegates to the identity-based policies of that account
 */
export type Closeness = 'direct' | 'role' | 'account';

export function closenessOf(set: PrincipalSet, principal: Principal): Closeness | undefined {
  if (principal.kind === 'webIdentity') return set.everyone || set.federated.includes(principal.providerArn) ? 'direct' : undefined;
  if (principal.kind === 'service') return set.everyone || set.services.includes(principal.service) ? 'direct' : undefined;
  if (set.everyone || set.aws.includes(callerArn(principal))) return 'direct';
  if (principal.kind === 'role' && set.aws.includes(principal.roleArn)) return 'role';
  return namesAccount(set, principal) ? 'account' : undefined;
}

/**
 * Whether NotPrincipal leaves a principal out. A user must be named with its account, a session with its role and its account: AWS may deny the account or
 * the role for itself otherwise, and naming the account alone leaves out none of its users
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html#specifying-notprincipal).
 */
export function isExcepted(set: PrincipalSet, principal: Principal): boolean {
  if (principal.kind === 'webIdentity' || principal.kind === 'service') return closenessOf(set, principal) !== undefined;
  if (set.everyone) return true;
  const needed = [callerArn(principal), ...(principal.kind === 'role' ? [principal.roleArn] : [])];
  return namesAccount(set, principal) && needed.every((arn) => set.aws.includes(arn));
}

/** By its number, or as its root user. */
function namesAccount(set: PrincipalSet, principal: Extract<Principal, { kind: 'role' | 'user' }>): boolean {
  const [, partition = 'aws', , , account = ''] = (principal.kind === 'role' ? principal.roleArn : principal.arn).split(':');
  return set.aws.includes(account) || set.aws.includes(`arn:${partition}:iam::${account}:root`);
}
