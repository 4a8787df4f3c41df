import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConditionBlock, PolicyStatement } from '../../../src/core/policy/document.ts';
import { type AssumeRoleRequest, evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity } from '../../../src/core/policy/trust.ts';
import { allowAll, policy, session } from './helpers.ts';

const roleArn = 'arn:aws:iam::111122223333:role/target';
const caller = session.roleArn;

function trust(extra: Partial<PolicyStatement> = {}): AssumeRoleRequest['trust'] {
  return policy({ Effect: 'Allow', Principal: { AWS: caller }, Action: ['sts:AssumeRole', 'sts:TagSession'], ...extra }, 'trust');
}

function assume(request: Partial<AssumeRoleRequest>): string {
  const verdict = evaluateAssumeRole({
    roleArn,
    trust: trust(),
    caller: session,
    callerPolicies: { identityPolicies: [] },
    sessionName: 'job',
    ...request,
  });
  return verdict.decision === 'Allow' ? 'Allow' : `${verdict.decision} of ${verdict.action}`;
}

const when = (condition: ConditionBlock) => trust({ Condition: condition });
const all = { identityPolicies: [policy(allowAll)] };

type Row = readonly [why: string, request: Partial<AssumeRoleRequest>, expected: string];
const rows: readonly Row[] = [
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
  ['the role named in the trust needs no policy of its own', {}, 'Allow'],
  [
    'nor does a policy of its own suffice',
    { trust: trust({ Principal: { AWS: 'arn:aws:iam::111122223333:role/other' } }), callerPolicies: all },
    'ImplicitDeny of sts:AssumeRole',
  ],
  [
    'the account as principal needs a policy of the caller',
    { trust: trust({ Principal: { AWS: '111122223333' } }) },
    'ImplicitDeny of sts:AssumeRole',
  ],
  ['the account as principal with such a policy', { trust: trust({ Principal: { AWS: '111122223333' } }), callerPolicies: all }, 'Allow'],
  [
    'a session policy that does not allow it',
    { callerPolicies: { ...all, sessionPolicies: [policy({ ...allowAll, Action: 's3:*' })] } },
    'ImplicitDeny of sts:AssumeRole',
  ],
  ['across accounts the caller needs a policy too', { roleArn: 'arn:aws:iam::999999999999:role/target' }, 'ImplicitDeny of sts:AssumeRole'],
  ['across accounts with both', { roleArn: 'arn:aws:iam::999999999999:role/target', callerPolicies: all }, 'Allow'],
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
  ['the external ID asked for', { trust: when({ StringEquals: { 'sts:ExternalId': 'x1' } }), externalId: 'x1' }, 'Allow'],
  [
    'another external ID',
    { trust: when({ StringEquals: { 'sts:ExternalId': 'x1' } }), externalId: 'x2' },
    'ImplicitDeny of sts:AssumeRole',
  ],
  ['no external ID', { trust: when({ StringEquals: { 'sts:ExternalId': 'x1' } }) }, 'ImplicitDeny of sts:AssumeRole'],
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html: of the three actions, AssumeRole alone knows it
  [
    'an external ID asked for with the tags',
    { trust: when({ StringEquals: { 'sts:ExternalId': 'x1' } }), externalId: 'x1', tags: { team: 'blue' } },
    'ImplicitDeny of sts:TagSession',
  ],
  [
    'an external ID asked for with a source identity',
    { trust: when({ StringEquals: { 'sts:ExternalId': 'x1' } }), externalId: 'x1', sourceIdentity: 'alice' },
    'ImplicitDeny of sts:SetSourceIdentity',
  ],
  ['an external ID that nobody asks for', { externalId: 'x2' }, 'Allow'],
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
  ['tags need sts:TagSession', { trust: trust({ Action: 'sts:AssumeRole' }), tags: { team: 'blue' } }, 'ImplicitDeny of sts:TagSession'],
  ['no tags do not', { trust: trust({ Action: 'sts:AssumeRole' }) }, 'Allow'],
  ['an empty set of tags does not either', { trust: trust({ Action: 'sts:AssumeRole' }), tags: {} }, 'Allow'],
  ['tags with it', { tags: { team: 'blue' } }, 'Allow'],
  ['a tag that the trust asks for', { trust: when({ StringEquals: { 'aws:RequestTag/team': 'blue' } }), tags: { team: 'blue' } }, 'Allow'],
  [
    'another value of that tag',
    { trust: when({ StringEquals: { 'aws:RequestTag/team': 'blue' } }), tags: { team: 'red' } },
    'ImplicitDeny of sts:AssumeRole',
  ],
  ['that tag missing', { trust: when({ StringEquals: { 'aws:RequestTag/team': 'blue' } }) }, 'ImplicitDeny of sts:AssumeRole'],
  [
    'a tag key too many',
    { trust: when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] } }), tags: { team: 'blue', cost: '1' } },
    'ImplicitDeny of sts:AssumeRole',
  ],
  ["the caller's own session tags", { trust: when({ StringEquals: { 'aws:PrincipalTag/team': 'blue' } }) }, 'Allow'],
  [
    "the caller's session with another tag",
    { trust: when({ StringEquals: { 'aws:PrincipalTag/team': 'red' } }) },
    'ImplicitDeny of sts:AssumeRole',
  ],
  [
    'a request tag is no principal tag',
    { trust: when({ StringEquals: { 'aws:PrincipalTag/project': 'x' } }), tags: { project: 'x' } },
    'ImplicitDeny of sts:AssumeRole',
  ],
  [
    'transitive keys that the trust forbids',
    { trust: when({ Null: { 'sts:TransitiveTagKeys': 'true' } }), tags: { team: 'blue' }, transitiveTagKeys: ['team'] },
    'ImplicitDeny of sts:AssumeRole',
  ],
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
  ['a source identity needs sts:SetSourceIdentity', { sourceIdentity: 'alice' }, 'ImplicitDeny of sts:SetSourceIdentity'],
  [
    'a source identity with it',
    { trust: trust({ Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'] }), sourceIdentity: 'alice' },
    'Allow',
  ],
  ['the session name asked for', { trust: when({ StringLike: { 'sts:RoleSessionName': 'job*' } }), sessionName: 'job-1' }, 'Allow'],
  [
    'a Deny in the trust',
    {
      trust: policy(
        [
          { Effect: 'Allow', Principal: '*', Action: '*' },
          { Effect: 'Deny', Principal: { AWS: caller }, Action: 'sts:TagSession' },
        ],
        'trust',
      ),
      tags: { a: 'b' },
    },
    'ExplicitDeny of sts:TagSession',
  ],
];
for (const [why, request, expected] of rows) test(`AssumeRole: ${why}`, () => assert.equal(assume(request), expected));

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
const issuer = 'oidc.eks.us-east-1.amazonaws.com/id/ABC';
const providerArn = `arn:aws:iam::111122223333:oidc-provider/${issuer}`;
const sub = 'system:serviceaccount:elastic-agents:finance.analytics';

function identify(statement: Partial<PolicyStatement>, claims: { sub?: string; aud?: string } = {}): string {
  const whole = {
    Effect: 'Allow',
    Principal: { Federated: providerArn },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${issuer}:sub`]: sub, [`${issuer}:aud`]: 'sts.amazonaws.com' } },
    ...statement,
  } as const;
  const request = {
    roleArn,
    providerArn,
    issuer,
    sessionName: 'pod',
    trust: policy(whole, 'trust'),
    claims: { sub, aud: 'sts.amazonaws.com', ...claims },
  };
  return evaluateAssumeRoleWithWebIdentity(request).decision;
}

const webRows: readonly (readonly [
  why: string,
  statement: Partial<PolicyStatement>,
  claims: { sub?: string; aud?: string },
  expected: string,
])[] = [
  ['subject and audience match', {}, {}, 'Allow'],
  ['another subject', {}, { sub: 'system:serviceaccount:finance:analytics' }, 'ImplicitDeny'],
  ['a longer subject', {}, { sub: `${sub}2` }, 'ImplicitDeny'],
  ['another audience', {}, { aud: 'kubernetes' }, 'ImplicitDeny'],
  ['another provider', { Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/other' } }, {}, 'ImplicitDeny'],
  ['an AWS principal is no provider', { Principal: { AWS: '111122223333' } }, {}, 'ImplicitDeny'],
  ['sts:AssumeRole is another action', { Action: 'sts:AssumeRole' }, {}, 'ImplicitDeny'],
  ['one of several subjects', { Condition: { StringEquals: { [`${issuer}:sub`]: ['x', sub] } } }, {}, 'Allow'],
  ['a subject that holds a wildcard is taken literally', {}, { sub: '*' }, 'ImplicitDeny'],
];
for (const [why, statement, claims, expected] of webRows) {
  test(`AssumeRoleWithWebIdentity: ${why}`, () => assert.equal(identify(statement, claims), expected));
}
