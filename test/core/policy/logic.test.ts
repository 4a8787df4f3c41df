import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyStatement } from '../../../src/core/policy/document.ts';
import { denialMessage, type EvaluationRequest, evaluate } from '../../../src/core/policy/evaluate.ts';
import { allowAll, decide, policy, session, user } from './helpers.ts';

type Row = readonly [why: string, request: Partial<EvaluationRequest>, expected: 'Allow' | 'ExplicitDeny' | 'ImplicitDeny'];

function table(name: string, rows: readonly Row[]): void {
  for (const [why, request, expected] of rows) test(`${name}: ${why}`, () => assert.equal(decide(request), expected));
}

const yes = policy(allowAll);
const no = policy({ ...allowAll, Effect: 'Deny' });
const other = policy({ ...allowAll, Action: 'sts:*' });
const grants = (principal: PolicyStatement['Principal'], effect: 'Allow' | 'Deny' = 'Allow') =>
  policy({ ...allowAll, Effect: effect, Principal: principal as NonNullable<PolicyStatement['Principal']> }, 'resource');
const toUser = grants({ AWS: 'arn:aws:iam::111122223333:user/division/alice' });
const toRole = grants({ AWS: 'arn:aws:iam::111122223333:role/path/reader' });
const toSession = grants({ AWS: 'arn:aws:sts::111122223333:assumed-role/reader/nightly' });
const toAccount = grants({ AWS: '111122223333' });
const toAll = grants('*');

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
table('one account', [
  ['nothing says anything', {}, 'ImplicitDeny'],
  ['an Allow', { identityPolicies: [yes] }, 'Allow'],
  ['an Allow for something else', { identityPolicies: [other] }, 'ImplicitDeny'],
  ['a Deny beats an Allow', { identityPolicies: [yes, no] }, 'ExplicitDeny'],
  ['the order does not matter', { identityPolicies: [no, yes] }, 'ExplicitDeny'],
  [
    'a Deny in the resource policy beats the identity',
    { identityPolicies: [yes], resourcePolicies: [grants('*', 'Deny')] },
    'ExplicitDeny',
  ],
  ['a Deny in the session policy', { principal: session, identityPolicies: [yes], sessionPolicies: [yes, no] }, 'ExplicitDeny'],
  ['a Deny in the boundary', { identityPolicies: [yes], permissionBoundary: no }, 'ExplicitDeny'],
  [
    'a Deny for somebody else does not apply',
    { identityPolicies: [yes], resourcePolicies: [grants({ AWS: '999999999999' }, 'Deny')] },
    'Allow',
  ],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
table('permissions boundary', [
  ['allows nothing by itself', { permissionBoundary: yes }, 'ImplicitDeny'],
  ['must allow too', { identityPolicies: [yes], permissionBoundary: other }, 'ImplicitDeny'],
  ['both allow', { identityPolicies: [yes], permissionBoundary: yes }, 'Allow'],
  [
    'with a session policy all three must allow',
    { principal: session, identityPolicies: [yes], permissionBoundary: yes, sessionPolicies: [other] },
    'ImplicitDeny',
  ],
  ['all three allow', { principal: session, identityPolicies: [yes], permissionBoundary: yes, sessionPolicies: [yes] }, 'Allow'],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
table('session policy', [
  ['allows nothing by itself', { principal: session, sessionPolicies: [yes] }, 'ImplicitDeny'],
  ['must allow too', { principal: session, identityPolicies: [yes], sessionPolicies: [other] }, 'ImplicitDeny'],
  ['both allow', { principal: session, identityPolicies: [yes], sessionPolicies: [yes] }, 'Allow'],
  ['none given limits nothing', { principal: session, identityPolicies: [yes] }, 'Allow'],
  ['an empty list allows nothing', { principal: session, identityPolicies: [yes], sessionPolicies: [] }, 'ImplicitDeny'],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-resource-based.html and policy-eval-denyallow.html, "Resource-based policies"
table('resource-based policy, one account', [
  ['suffices for a user', { resourcePolicies: [toUser] }, 'Allow'],
  ['of a user is not limited by the boundary', { resourcePolicies: [toUser], permissionBoundary: other }, 'Allow'],
  ['suffices for a role', { principal: session, resourcePolicies: [toRole] }, 'Allow'],
  [
    'of a role is limited by the session policy',
    { principal: session, resourcePolicies: [toRole], sessionPolicies: [other] },
    'ImplicitDeny',
  ],
  ['of a role is limited by the boundary', { principal: session, resourcePolicies: [toRole], permissionBoundary: other }, 'ImplicitDeny'],
  [
    'of a session is not limited by the session policy',
    { principal: session, resourcePolicies: [toSession], sessionPolicies: [other] },
    'Allow',
  ],
  [
    'of a session is not limited by the boundary',
    { principal: session, resourcePolicies: [toSession], permissionBoundary: other },
    'Allow',
  ],
  ['of the account delegates: the identity must allow', { principal: session, resourcePolicies: [toAccount] }, 'ImplicitDeny'],
  ['of the account with an identity that allows', { principal: session, identityPolicies: [yes], resourcePolicies: [toAccount] }, 'Allow'],
  ['of everyone', { resourcePolicies: [toAll] }, 'Allow'],
  [
    'of another session of the same role',
    { principal: { ...session, sessionName: 'other' }, resourcePolicies: [toSession] },
    'ImplicitDeny',
  ],
  ['says nothing: the identity suffices', { identityPolicies: [yes], resourcePolicies: [grants({ AWS: '999999999999' })] }, 'Allow'],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
table('two accounts', [
  ['the identity alone', { identityPolicies: [yes], sameAccount: false }, 'ImplicitDeny'],
  ['the resource alone', { resourcePolicies: [toUser], sameAccount: false }, 'ImplicitDeny'],
  ['both', { identityPolicies: [yes], resourcePolicies: [toUser], sameAccount: false }, 'Allow'],
  [
    'the account as principal suffices for the resource side',
    { identityPolicies: [yes], resourcePolicies: [toAccount], sameAccount: false },
    'Allow',
  ],
  [
    'a session policy limits there too',
    { principal: session, identityPolicies: [yes], sessionPolicies: [other], resourcePolicies: [toSession], sameAccount: false },
    'ImplicitDeny',
  ],
]);

// "IAM role trust policies and KMS key policies are exceptions": same page as above, https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
table('policies that must allow (trust, keys)', [
  [
    'the identity alone',
    { identityPolicies: [yes], resourcePolicies: [grants({ AWS: '999999999999' })], resourcePolicyRequired: true },
    'ImplicitDeny',
  ],
  [
    'the account delegates to the identity',
    { identityPolicies: [yes], resourcePolicies: [toAccount], resourcePolicyRequired: true },
    'Allow',
  ],
  ['the account, and an identity that says nothing', { resourcePolicies: [toAccount], resourcePolicyRequired: true }, 'ImplicitDeny'],
  ['the principal itself', { resourcePolicies: [toUser], resourcePolicyRequired: true }, 'Allow'],
]);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
test('NotPrincipal: a Deny for all but one', () => {
  const notAlice = {
    ...allowAll,
    Effect: 'Deny',
    NotPrincipal: { AWS: ['arn:aws:iam::111122223333:user/division/alice', '111122223333'] },
  } as const;
  const resourcePolicies = [policy(notAlice, 'resource')];
  assert.equal(decide({ identityPolicies: [yes], resourcePolicies }), 'Allow');
  assert.equal(decide({ principal: session, identityPolicies: [yes], resourcePolicies }), 'ExplicitDeny');
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
test('keys of the principal: the role of a session, its account, type and tags', () => {
  const condition = {
    ArnEquals: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/path/reader' },
    StringEquals: { 'aws:PrincipalAccount': '111122223333', 'aws:PrincipalType': 'AssumedRole', 'aws:PrincipalTag/TEAM': 'blue' },
  };
  assert.equal(decide({ principal: session, identityPolicies: [policy({ ...allowAll, Condition: condition })] }), 'Allow');
  assert.equal(decide({ principal: user, identityPolicies: [policy({ ...allowAll, Condition: condition })] }), 'ImplicitDeny');
});

test('a caller cannot bring keys of its principal in the request', () => {
  const condition = { StringEquals: { 'aws:PrincipalTag/team': 'red' } };
  const request = { context: { 'aws:PrincipalTag/team': 'red' }, identityPolicies: [policy({ ...allowAll, Condition: condition })] };
  assert.equal(decide({ principal: session, ...request }), 'ImplicitDeny');
});

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
test('a refusal names the kind of policy that decided', () => {
  const base = { principal: session, action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/key', identityPolicies: [yes] };
  const who =
    'User: arn:aws:sts::111122223333:assumed-role/reader/nightly is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::bucket/key';
  const cut = { ...base, sessionPolicies: [other] };
  assert.equal(denialMessage(cut, evaluate(cut)), `${who} because no session policy allows the s3:GetObject action`);
  const denied = { ...base, permissionBoundary: no };
  assert.equal(denialMessage(denied, evaluate(denied)), `${who} with an explicit deny in a permissions boundary`);
});

test('the deciding statement is named', () => {
  const named = policy([{ ...allowAll, Sid: 'ReadAll' }]);
  assert.equal(
    evaluate({ principal: user, action: 's3:GetObject', resource: '*', identityPolicies: [named] }).because,
    'ReadAll of policy',
  );
  const unnamed = evaluate({ principal: user, action: 's3:GetObject', resource: '*', identityPolicies: [yes] });
  assert.equal(unnamed.because, 'statement 1 of policy');
});
