import type { PolicyStatement } from '../../../../src/core/policy/document.ts';
import type { Principal } from '../../../../src/core/policy/principal.ts';
import { policy } from '../helpers.ts';
import { decided, denying, granted, iam, page, under, userNamed, type Vector } from './row.ts';

const carlos = userNamed('carlossalazar');
const carlosPolicy: readonly PolicyStatement[] = [
  {
    Sid: 'AllowS3ListRead',
    Effect: 'Allow',
    Action: ['s3:GetBucketLocation', 's3:GetAccountPublicAccessBlock', 's3:ListAccessPoints', 's3:ListAllMyBuckets'],
    Resource: 'arn:aws:s3:::*',
  },
  { Sid: 'AllowS3Self', Effect: 'Allow', Action: 's3:*', Resource: ['arn:aws:s3:::carlossalazar/*', 'arn:aws:s3:::carlossalazar'] },
  { Sid: 'DenyS3Logs', Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::*log*' },
];
const carlosBucket: PolicyStatement = {
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::123456789012:user/carlossalazar' },
  Action: 's3:*',
  Resource: ['arn:aws:s3:::carlossalazar/*', 'arn:aws:s3:::carlossalazar'],
};
const reports: readonly PolicyStatement[] = [
  { Sid: 'AllowGetList', Effect: 'Allow', Action: ['iam:Get*', 'iam:List*'], Resource: '*' },
  { Sid: 'DenyReports', Effect: 'Deny', Action: 'iam:*Report', Resource: '*' },
];

const examplerole: Principal = {
  kind: 'role',
  roleArn: 'arn:aws:iam::111122223333:role/examplerole',
  sessionName: 'examplerolesessionname',
};
const exampleuser: Principal = { kind: 'user', arn: 'arn:aws:iam::111122223333:user/exampleuser' };
const object = 'arn:aws:s3:::amzn-s3-demo-bucket/key';
const nothing = policy({ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' });
const everything = policy({ Effect: 'Allow', Action: '*', Resource: '*' });
const read = { principal: examplerole, action: 's3:GetObject', resource: object };
const grantTo = (arn: string, extra: Partial<PolicyStatement> = {}) =>
  policy({ Effect: 'Allow', Principal: arn === '*' ? '*' : { AWS: arn }, Action: 's3:GetObject', Resource: object, ...extra }, 'resource');
const toRole = grantTo('arn:aws:iam::111122223333:role/examplerole');
const toSession = grantTo('arn:aws:sts::111122223333:assumed-role/examplerole/examplerolesessionname');
const toUser = grantTo('arn:aws:iam::111122223333:user/exampleuser');
const toAccount = grantTo('arn:aws:iam::111122223333:root');

const shirley = userNamed('ShirleyRodriguez');
const boundary = policy({ Effect: 'Allow', Action: ['s3:*', 'cloudwatch:*', 'ec2:*'], Resource: '*' });
const createUser = policy({ Effect: 'Allow', Action: 'iam:CreateUser', Resource: '*' });
const companyBoundary = policy([
  { Sid: 'ServiceBoundaries', Effect: 'Allow', Action: ['s3:*', 'cloudwatch:*', 'ec2:*', 'dynamodb:*'], Resource: '*' },
  {
    Sid: 'AllowManageOwnPasswordAndAccessKeys',
    Effect: 'Allow',
    Action: ['iam:*AccessKey*', 'iam:ChangePassword', 'iam:GetUser'],
    Resource: ['arn:aws:iam::*:user/${aws:username}'],
  },
  { Sid: 'DenyS3Logs', Effect: 'Deny', Action: 's3:*', Resource: ['arn:aws:s3:::logs', 'arn:aws:s3:::logs/*'] },
  { Sid: 'DenyEC2Production', Effect: 'Deny', Action: 'ec2:*', Resource: 'arn:aws:ec2:*:*:instance/i-1234567890abcdef0' },
]);
const bounded = (action: string, resource: string) =>
  decided({ principal: userNamed('Nikhil'), action, resource, identityPolicies: [everything], permissionBoundary: companyBoundary });

const abroad = userNamed('carlossalazar', {}, '111111111111');
const production: readonly PolicyStatement[] = [
  { Sid: 'AllowS3ListRead', Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' },
  { Sid: 'AllowS3ProductionObjectActions', Effect: 'Allow', Action: 's3:*Object*', Resource: 'arn:aws:s3:::Production/*' },
  { Sid: 'DenyS3Logs', Effect: 'Deny', Action: 's3:*', Resource: ['arn:aws:s3:::*log*', 'arn:aws:s3:::*log*/*'] },
];
const productionBucket: PolicyStatement = {
  Effect: 'Allow',
  Action: ['s3:GetObject*', 's3:PutObject*', 's3:ReplicateObject', 's3:RestoreObject'],
  Principal: { AWS: 'arn:aws:iam::111111111111:user/carlossalazar' },
  Resource: 'arn:aws:s3:::Production/*',
};
const across = (action: string, resource: string, extra: object = {}) =>
  decided({
    principal: abroad,
    action,
    resource,
    identityPolicies: [policy(production)],
    resourcePolicies: [policy(productionBucket, 'resource')],
    sameAccount: false,
    ...extra,
  });

const bob = userNamed('Bob', {}, '444455556666');
const auditor = (sessionName: string, role = 'cross-account-read-only-role'): Principal => ({
  kind: 'role',
  roleArn: `arn:aws:iam::444455556666:role/${role}`,
  sessionName,
});
const root = 'arn:aws:iam::444455556666:root';
const allButBob = (arns: readonly string[]): PolicyStatement => ({
  Effect: 'Deny',
  NotPrincipal: { AWS: arns },
  Action: 's3:*',
  Resource: ['arn:aws:s3:::BUCKETNAME', 'arn:aws:s3:::BUCKETNAME/*'],
});
const bobAndAccount = allButBob(['arn:aws:iam::444455556666:user/Bob', root]);
const auditApp = allButBob([
  'arn:aws:sts::444455556666:assumed-role/cross-account-read-only-role/cross-account-audit-app',
  'arn:aws:iam::444455556666:role/cross-account-read-only-role',
  root,
]);
const insteadOfNotPrincipal: PolicyStatement = {
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: ['arn:aws:s3:::BUCKETNAME', 'arn:aws:s3:::BUCKETNAME/*'],
  Condition: { ArnNotEquals: { 'aws:PrincipalArn': 'arn:aws:iam::444455556666:user/user-name' } },
};
const inBucket = (statement: PolicyStatement, principal: Principal) =>
  decided({
    principal,
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::BUCKETNAME/x',
    identityPolicies: [everything],
    resourcePolicies: [policy(statement, 'resource')],
  });

export const logic: readonly Vector[] = [
  ...page(iam('reference_policies_evaluation-logic_policy-eval-basics.html'), [
    [
      'a Deny of the identity for log buckets beats everything',
      'ExplicitDeny',
      under(carlosPolicy, 's3:PutObject', 'arn:aws:s3:::carlossalazar-logs/x', {}, carlos),
    ],
    [
      'identity and bucket policy both allow the own bucket',
      'Allow',
      decided({
        principal: carlos,
        action: 's3:PutObject',
        resource: 'arn:aws:s3:::carlossalazar/x',
        identityPolicies: [policy(carlosPolicy)],
        resourcePolicies: [policy(carlosBucket, 'resource')],
      }),
    ],
    ['the identity alone allows the own bucket', 'Allow', under(carlosPolicy, 's3:PutObject', 'arn:aws:s3:::carlossalazar/x', {}, carlos)],
    ['the bucket policy alone allows its user', 'Allow', granted(carlosBucket, 's3:PutObject', 'arn:aws:s3:::carlossalazar/x', {}, carlos)],
    ['and nobody else', 'ImplicitDeny', granted(carlosBucket, 's3:PutObject', 'arn:aws:s3:::carlossalazar/x', {}, userNamed('nikhil'))],
    ['any bucket may be located', 'Allow', under(carlosPolicy, 's3:GetBucketLocation', 'arn:aws:s3:::other', {}, carlos)],
    ['but not one with log in its name', 'ExplicitDeny', under(carlosPolicy, 's3:GetBucketLocation', 'arn:aws:s3:::catalogue', {}, carlos)],
  ]),
  ...page(iam('reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html'), [
    ['Get and List of IAM are allowed', 'Allow', under(reports, 'iam:GetUser', '*')],
    ['what nothing names is implicitly denied', 'ImplicitDeny', under(reports, 'iam:CreatePolicy', '*')],
    ['what both name is explicitly denied', 'ExplicitDeny', under(reports, 'iam:GetOrganizationsAccessReport', '*')],
    ['a further policy that allows it changes nothing', 'ExplicitDeny', denying(reports, 'iam:GenerateCredentialReport', '*')],
  ]),
  ...page(iam('reference_policies_evaluation-logic_policy-eval-denyallow.html'), [
    ['a grant to the role ARN suffices in one account', 'Allow', decided({ ...read, resourcePolicies: [toRole] })],
    ['it is limited by a boundary', 'ImplicitDeny', decided({ ...read, resourcePolicies: [toRole], permissionBoundary: nothing })],
    ['and by a session policy', 'ImplicitDeny', decided({ ...read, resourcePolicies: [toRole], sessionPolicies: [nothing] })],
    ['a grant to the session ARN suffices', 'Allow', decided({ ...read, resourcePolicies: [toSession] })],
    ['whatever the boundary leaves out', 'Allow', decided({ ...read, resourcePolicies: [toSession], permissionBoundary: nothing })],
    ['whatever the session policy leaves out', 'Allow', decided({ ...read, resourcePolicies: [toSession], sessionPolicies: [nothing] })],
    [
      'an explicit deny in the session policy still counts',
      'ExplicitDeny',
      decided({ ...read, resourcePolicies: [toSession], sessionPolicies: [policy({ Effect: 'Deny', Action: '*', Resource: '*' })] }),
    ],
    [
      'a grant to another session of the role is none',
      'ImplicitDeny',
      decided({ ...read, principal: { ...examplerole, sessionName: 'other' }, resourcePolicies: [toSession] }),
    ],
    ['a grant to the user ARN suffices', 'Allow', decided({ ...read, principal: exampleuser, resourcePolicies: [toUser] })],
    [
      'whatever its boundary leaves out',
      'Allow',
      decided({ ...read, principal: exampleuser, resourcePolicies: [toUser], permissionBoundary: nothing }),
    ],
    ['nothing that allows: denied', 'ImplicitDeny', decided({ ...read })],
    ['no session policy: a role session may what its role may', 'Allow', decided({ ...read, identityPolicies: [everything] })],
    [
      'a session policy that does not allow',
      'ImplicitDeny',
      decided({ ...read, identityPolicies: [everything], sessionPolicies: [nothing] }),
    ],
    ['a session policy that does', 'Allow', decided({ ...read, identityPolicies: [everything], sessionPolicies: [everything] })],
    [
      'a trust or key policy must allow for itself',
      'ImplicitDeny',
      decided({ ...read, identityPolicies: [everything], resourcePolicyRequired: true }),
    ],
    [
      'a key policy that names the account delegates to its identities',
      'Allow',
      decided({ ...read, identityPolicies: [everything], resourcePolicies: [toAccount], resourcePolicyRequired: true }),
    ],
  ]),
  ...page(iam('access_policies.html#policies_session'), [
    [
      'a session has the common part of role and session policy',
      'ImplicitDeny',
      decided({
        ...read,
        action: 's3:PutObject',
        identityPolicies: [policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' })],
        sessionPolicies: [everything],
      }),
    ],
    ['a session policy grants nothing', 'ImplicitDeny', decided({ ...read, sessionPolicies: [everything] })],
    [
      'a grant to the role is cut by the session policy, which allows it',
      'Allow',
      decided({ ...read, resourcePolicies: [toRole], sessionPolicies: [everything] }),
    ],
    [
      'role, boundary and session policy must all allow',
      'ImplicitDeny',
      decided({ ...read, identityPolicies: [everything], sessionPolicies: [everything], permissionBoundary: nothing }),
    ],
    [
      'and where all do',
      'Allow',
      decided({ ...read, identityPolicies: [everything], sessionPolicies: [everything], permissionBoundary: everything }),
    ],
  ]),
  ...page(iam('access_policies_boundaries.html'), [
    [
      'a boundary without iam keeps a user from creating users',
      'ImplicitDeny',
      decided({
        principal: shirley,
        action: 'iam:CreateUser',
        resource: '*',
        identityPolicies: [createUser],
        permissionBoundary: boundary,
      }),
    ],
    [
      'and gives nothing by itself',
      'ImplicitDeny',
      decided({
        principal: shirley,
        action: 's3:ListAllMyBuckets',
        resource: '*',
        identityPolicies: [createUser],
        permissionBoundary: boundary,
      }),
    ],
    ['what boundary and policy allow', 'Allow', bounded('s3:GetObject', 'arn:aws:s3:::data/x')],
    ['own access keys, by the variable in the boundary', 'Allow', bounded('iam:CreateAccessKey', 'arn:aws:iam::123456789012:user/Nikhil')],
    ["not another user's", 'ImplicitDeny', bounded('iam:CreateAccessKey', 'arn:aws:iam::123456789012:user/Zhang')],
    ['the logs bucket is denied', 'ExplicitDeny', bounded('s3:GetObject', 'arn:aws:s3:::logs/x')],
    ['and one instance', 'ExplicitDeny', bounded('ec2:StopInstances', 'arn:aws:ec2:us-east-1:123456789012:instance/i-1234567890abcdef0')],
    ['other instances are not', 'Allow', bounded('ec2:StopInstances', 'arn:aws:ec2:us-east-1:123456789012:instance/i-0')],
    ['users cannot be managed', 'ImplicitDeny', bounded('iam:CreateUser', '*')],
  ]),
  ...page(iam('reference_policies_evaluation-logic-cross-account.html'), [
    ["the caller's own account denies log buckets", 'ExplicitDeny', across('s3:PutObject', 'arn:aws:s3:::Production-logs/x')],
    ['both accounts allow', 'Allow', across('s3:PutObject', 'arn:aws:s3:::Production/x')],
    ['the bucket does not allow deleting', 'ImplicitDeny', across('s3:DeleteObject', 'arn:aws:s3:::Production/x')],
    ['nor managing the bucket', 'ImplicitDeny', across('s3:DeleteBucket', 'arn:aws:s3:::Production')],
    ['no policy on the bucket: denied', 'ImplicitDeny', across('s3:PutObject', 'arn:aws:s3:::Production/x', { resourcePolicies: [] })],
    ['no policy of the caller: denied', 'ImplicitDeny', across('s3:PutObject', 'arn:aws:s3:::Production/x', { identityPolicies: [] })],
    [
      'the bucket may name the account',
      'Allow',
      across('s3:PutObject', 'arn:aws:s3:::Production/x', {
        resourcePolicies: [policy({ ...productionBucket, Principal: { AWS: '111111111111' } }, 'resource')],
      }),
    ],
  ]),
  ...page(iam('reference_policies_elements_principal.html'), [
    [
      'a short account number is its root ARN',
      'Allow',
      decided({ ...read, identityPolicies: [everything], resourcePolicies: [grantTo('111122223333')], resourcePolicyRequired: true }),
    ],
    [
      'several principals are alternatives',
      'Allow',
      granted(
        { Effect: 'Allow', Principal: { AWS: ['555555555555', 'arn:aws:iam::123456789012:user/test'] }, Action: '*', Resource: '*' },
        's3:GetObject',
        object,
      ),
    ],
    ['naming the account leaves it to the identity', 'ImplicitDeny', decided({ ...read, resourcePolicies: [toAccount] })],
    [
      'user names in it are case-sensitive',
      'ImplicitDeny',
      decided({ ...read, principal: { ...exampleuser, arn: 'arn:aws:iam::111122223333:user/Exampleuser' }, resourcePolicies: [toUser] }),
    ],
    [
      'everyone: no other permission is needed in the account',
      'Allow',
      decided({ ...read, principal: exampleuser, resourcePolicies: [grantTo('*')] }),
    ],
    [
      'everyone, from another account: the identity must allow too',
      'ImplicitDeny',
      decided({ ...read, resourcePolicies: [grantTo('*')], sameAccount: false }),
    ],
    [
      'a wildcard with aws:PrincipalArn is not limited by a session policy',
      'Allow',
      decided({
        ...read,
        sessionPolicies: [nothing],
        resourcePolicies: [
          grantTo('*', { Condition: { ArnEquals: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/examplerole' } } }),
        ],
      }),
    ],
    [
      'nor by a boundary',
      'Allow',
      decided({
        ...read,
        permissionBoundary: nothing,
        resourcePolicies: [
          grantTo('*', { Condition: { ArnEquals: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/examplerole' } } }),
        ],
      }),
    ],
    [
      'a Deny for everyone but one ARN spares that one',
      'Allow',
      inBucket(insteadOfNotPrincipal, userNamed('user-name', {}, '444455556666')),
    ],
    ['and nobody else', 'ExplicitDeny', inBucket(insteadOfNotPrincipal, bob)],
  ]),
  ...page(iam('reference_policies_elements_notprincipal.html'), [
    ['Bob, named with his account, is left out', 'Allow', inBucket(bobAndAccount, bob)],
    ['others of his account are not', 'ExplicitDeny', inBucket(bobAndAccount, userNamed('Alice', {}, '444455556666'))],
    ['nor those of other accounts', 'ExplicitDeny', inBucket(bobAndAccount, userNamed('Bob'))],
    ['without his account he may be denied with it', 'ExplicitDeny', inBucket(allButBob(['arn:aws:iam::444455556666:user/Bob']), bob)],
    ['it allows nobody', 'ImplicitDeny', granted(bobAndAccount, 's3:GetObject', 'arn:aws:s3:::BUCKETNAME/x', {}, bob)],
    ['a session named with role and account is left out', 'Allow', inBucket(auditApp, auditor('cross-account-audit-app'))],
    ['another session of that role is not', 'ExplicitDeny', inBucket(auditApp, auditor('else'))],
    ['nor one of another role', 'ExplicitDeny', inBucket(auditApp, auditor('cross-account-audit-app', 'other'))],
  ]),
];
