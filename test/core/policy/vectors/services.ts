import type { PolicyStatement } from '../../../../src/core/policy/document.ts';
import type { Principal } from '../../../../src/core/policy/principal.ts';
import { type AssumeRoleRequest, evaluateAssumeRole, evaluateAssumeRoleWithWebIdentity } from '../../../../src/core/policy/trust.ts';
import { policy } from '../helpers.ts';
import { decided, denying, granted, iam, page, type Row, under, userNamed, type Vector } from './row.ts';

const s3 = (name: string): string => `AmazonS3/latest/userguide/${name}`;
const kms = (anchor: string): string => `kms/latest/developerguide/conditions-kms.html#${anchor}`;
const ec2 = (name: string): string => `AWSEC2/latest/UserGuide/${name}`;

const all = policy({ Effect: 'Allow', Action: '*', Resource: '*' });
const put = (statement: PolicyStatement, context: Readonly<Record<string, string>>, bucket = 'DOC-EXAMPLE-BUCKET') =>
  decided({
    principal: userNamed('x'),
    action: 's3:PutObject',
    resource: `arn:aws:s3:::${bucket}/x`,
    context,
    identityPolicies: [all],
    resourcePolicies: [policy(statement, 'resource')],
  });
const keyId = 's3:x-amz-server-side-encryption-aws-kms-key-id';
const key = 'arn:aws:kms:us-east-2:111122223333:key/01234567-89ab-cdef-0123-456789abcdef';
const bucketDeny = (Condition: NonNullable<PolicyStatement['Condition']>, bucket = 'DOC-EXAMPLE-BUCKET'): PolicyStatement => ({
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:PutObject',
  Resource: `arn:aws:s3:::${bucket}/*`,
  Condition,
});
const anyKms = bucketDeny({ Null: { [keyId]: 'true' } });
const thisKey = bucketDeny({ ArnNotEqualsIfExists: { [keyId]: key } });
const tls: PolicyStatement = { ...bucketDeny({ NumericLessThan: { 's3:TlsVersion': 1.2 } }, 'DOC-EXAMPLE-BUCKET1') };
const projects: readonly PolicyStatement[] = [
  {
    Sid: 'statement1',
    Effect: 'Allow',
    Action: 's3:ListBucket',
    Resource: 'arn:aws:s3:::awsexamplebucket1',
    Condition: { StringEquals: { 's3:prefix': 'projects' } },
  },
  {
    Sid: 'statement2',
    Effect: 'Deny',
    Action: 's3:ListBucket',
    Resource: 'arn:aws:s3:::awsexamplebucket1',
    Condition: { StringNotEquals: { 's3:prefix': 'projects' } },
  },
];
const list = (prefix: string) => under(projects, 's3:ListBucket', 'arn:aws:s3:::awsexamplebucket1', { 's3:prefix': prefix });
const copy: PolicyStatement = bucketDeny({ StringNotLike: { 's3:x-amz-copy-source': 'awsexamplebucket1/public/*' } }, 'awsexamplebucket1');
const production: PolicyStatement = {
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*',
  Condition: { StringEquals: { 's3:ExistingObjectTag/environment': 'production' } },
};
const objectTags: PolicyStatement = {
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:PutObjectTagging',
  Resource: 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/*',
  Condition: { 'ForAnyValue:StringEquals': { 's3:RequestObjectTagKeys': ['Owner', 'CreationDate'] } },
};

const app: Principal = { kind: 'role', roleArn: 'arn:aws:iam::111122223333:role/RoleForExampleApp', sessionName: 's' };
const keyArn = 'arn:aws:kms:us-west-2:111122223333:key/1';
const keyPolicy = (
  Condition: NonNullable<PolicyStatement['Condition']>,
  Action: string | readonly string[] = 'kms:*',
  Effect: 'Allow' | 'Deny' = 'Allow',
): PolicyStatement => ({
  Effect,
  Principal: { AWS: app.kind === 'role' ? app.roleArn : '' },
  Action,
  Resource: '*',
  Condition,
});
const dataKey = (
  Condition: NonNullable<PolicyStatement['Condition']>,
  context: Readonly<Record<string, string | readonly string[]>>,
  action = 'kms:GenerateDataKey',
) => granted(keyPolicy(Condition), action, keyArn, context, app);
const appName = { StringEquals: { 'kms:EncryptionContext:AppName': 'ExampleApp' } };
const appOnly = { ...appName, 'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['AppName'] } };
const two = { StringEquals: { 'kms:EncryptionContext:Department': 'IT', 'kms:EncryptionContext:Project': 'Alpha' } };
const named = (name: string, user: string) =>
  under(
    {
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:Encrypt'],
      Resource: '*',
      Condition: { StringEquals: { 'kms:EncryptionContext:user': '${aws:username}' } },
    },
    'kms:Decrypt',
    keyArn,
    { 'kms:EncryptionContext:user': name },
    userNamed(user),
  );
const forbidStage = (context: Readonly<Record<string, string>>) =>
  decided({
    principal: app,
    action: 'kms:GenerateDataKey',
    resource: keyArn,
    context,
    resourcePolicyRequired: true,
    resourcePolicies: [
      policy({ Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'kms:*', Resource: '*' }, 'resource'),
      policy(
        keyPolicy({ StringEquals: { 'kms:EncryptionContext:Stage': ['Restricted', 'Production'] } }, 'kms:GenerateDataKey', 'Deny'),
        'resource',
      ),
    ],
    identityPolicies: [all],
  });
const via = { StringEquals: { 'kms:ViaService': ['ec2.us-west-2.amazonaws.com', 'rds.us-west-2.amazonaws.com'] } };

const tagAtLaunch: PolicyStatement = {
  Effect: 'Allow',
  Action: 'ec2:CreateTags',
  Resource: 'arn:aws:ec2:us-east-1:123456789012:*/*',
  Condition: { StringEquals: { 'ec2:CreateAction': 'RunInstances' } },
};
const instance = 'arn:aws:ec2:us-east-1:123456789012:instance/i-1';
const createTags = (context: Readonly<Record<string, string | readonly string[]>>) =>
  under(tagAtLaunch, 'ec2:CreateTags', instance, context);
const tags = (Condition: NonNullable<PolicyStatement['Condition']>, context: Readonly<Record<string, string | readonly string[]>>) =>
  under(
    { Effect: 'Allow', Action: 'ec2:CreateTags', Resource: 'arn:aws:ec2:*:*:instance/*', Condition },
    'ec2:CreateTags',
    instance,
    context,
  );
const ownKeys = { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['environment', 'cost-center'] } };
const environment = {
  StringEquals: { 'aws:RequestTag/environment': ['preprod', 'production'] },
  'ForAllValues:StringEquals': { 'aws:TagKeys': 'environment' },
};
const owner: PolicyStatement = {
  Effect: 'Allow',
  Action: ['ec2:StartInstances', 'ec2:StopInstances'],
  Resource: 'arn:aws:ec2:*:*:instance/*',
  Condition: { StringEquals: { 'aws:ResourceTag/Owner': '${aws:username}' } },
};
const stop = (context: Readonly<Record<string, string>>) => under(owner, 'ec2:StopInstances', instance, context, userNamed('richard-roe'));
const terminate: readonly PolicyStatement[] = [
  { Effect: 'Allow', Action: ['ec2:TerminateInstances'], Resource: ['*'] },
  {
    Effect: 'Deny',
    Action: ['ec2:TerminateInstances'],
    Condition: { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '203.0.113.0/24'] } },
    Resource: ['*'],
  },
];
const costCenter: PolicyStatement = {
  Effect: 'Allow',
  Action: ['ec2:startInstances', 'ec2:stopInstances'],
  Resource: '*',
  Condition: { StringEquals: { 'aws:ResourceTag/CostCenter': '${aws:PrincipalTag/CostCenter}' } },
};
const passRole: PolicyStatement = {
  Effect: 'Allow',
  Action: 'iam:PassRole',
  Resource: '*',
  Condition: { StringEquals: { 'iam:PassedToService': 'cloudwatch.amazonaws.com' } },
};
const newUser: PolicyStatement = {
  Sid: 'TagUsersWithOnlyTheseTags',
  Effect: 'Allow',
  Action: ['iam:CreateUser', 'iam:TagUser'],
  Resource: '*',
  Condition: {
    StringEqualsIfExists: { 'aws:RequestTag/Department': ['Development', 'QualityAssurance'], 'aws:RequestTag/JobFunction': 'Employee' },
    'ForAllValues:StringEquals': { 'aws:TagKeys': ['Department', 'JobFunction'] },
  },
};

const roleArn = 'arn:aws:iam::123456789012:role/my-role-example';
const tester: Principal = { kind: 'user', arn: 'arn:aws:iam::123456789012:user/test-session-tags' };
const by = { AWS: 'arn:aws:iam::123456789012:user/test-session-tags' } as const;
const sessionTagTrust = policy(
  [
    {
      Sid: 'AllowIamUserAssumeRole',
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Principal: by,
      Condition: {
        StringLike: { 'aws:RequestTag/Project': '*', 'aws:RequestTag/CostCenter': '*', 'aws:RequestTag/Department': '*' },
        StringEquals: { 'sts:ExternalId': 'Example987' },
      },
    },
    {
      Sid: 'AllowPassSessionTagsAndTransitive',
      Effect: 'Allow',
      Action: 'sts:TagSession',
      Principal: by,
      Condition: {
        StringLike: { 'aws:RequestTag/Project': '*', 'aws:RequestTag/CostCenter': '*' },
        StringEquals: { 'aws:RequestTag/Department': ['Engineering', 'Marketing'] },
        'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['Project', 'Department'] },
      },
    },
  ],
  'trust',
);
function assume(request: Partial<AssumeRoleRequest>): () => string {
  return () => {
    const verdict = evaluateAssumeRole({
      roleArn,
      trust: sessionTagTrust,
      caller: tester,
      callerPolicies: { identityPolicies: [] },
      sessionName: 'my-session',
      ...request,
    });
    return verdict.decision === 'Allow' ? 'Allow' : `${verdict.decision} of ${verdict.action}`;
  };
}
const automation = { Project: 'Automation', CostCenter: '12345', Department: 'Engineering' };
const asked = { tags: automation, externalId: 'Example987' };
const dev: Principal = { kind: 'user', arn: 'arn:aws:iam::123456789012:user/DevUser' };
const sourceIdentity = policy(
  {
    Sid: 'AllowDevUserAssumeRole',
    Effect: 'Allow',
    Principal: { AWS: 'arn:aws:iam::123456789012:user/DevUser' },
    Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'],
    Condition: { StringEquals: { 'sts:SourceIdentity': 'DevUser' } },
  },
  'trust',
);
const external = policy(
  {
    Effect: 'Allow',
    Principal: { AWS: '444455556666' },
    Action: 'sts:AssumeRole',
    Condition: { StringEquals: { 'sts:ExternalId': '12345' } },
  },
  'trust',
);
const exampleCorp = { caller: userNamed('corp', {}, '444455556666'), callerPolicies: { identityPolicies: [all] }, trust: external };
const incident: PolicyStatement = {
  Effect: 'Allow',
  Principal: { Service: 'ssm-incidents.amazonaws.com' },
  Action: 'sts:AssumeRole',
  Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:ssm-incidents:*:111122223333:incident-record/myresponseplan/*' } },
};
const service = (name: string, sourceArn: string) =>
  decided({
    principal: { kind: 'service', service: name },
    action: 'sts:AssumeRole',
    resource: roleArn,
    context: { 'aws:SourceArn': sourceArn },
    resourcePolicies: [policy(incident, 'trust')],
    resourcePolicyRequired: true,
  });
const oidc = (claims: { readonly sub: string; readonly aud: string }, provider = 'server.example.com'): Row[2] => {
  const trust = policy(
    {
      Effect: 'Allow',
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/server.example.com' },
      Action: ['sts:AssumeRoleWithWebIdentity', 'sts:SetSourceIdentity'],
      Condition: { StringEquals: { 'server.example.com:aud': 'oidc-audience-id' } },
    },
    'trust',
  );
  const request = {
    roleArn,
    trust,
    providerArn: `arn:aws:iam::111122223333:oidc-provider/${provider}`,
    issuer: provider,
    claims,
    sessionName: 's',
  };
  return () => evaluateAssumeRoleWithWebIdentity(request).decision;
};
const revoked: PolicyStatement = {
  Effect: 'Deny',
  Action: '*',
  Resource: '*',
  Condition: { DateLessThan: { 'aws:TokenIssueTime': '2014-05-07T23:47:00Z' } },
};
const since = (time: string): Principal => ({ kind: 'role', roleArn, sessionName: 's', issuedAt: Date.parse(time) });

export const services: readonly Vector[] = [
  ...page(s3('example-bucket-policies.html'), [
    ['SSE-KMS required: no key named', 'ExplicitDeny', put(anyKms, {})],
    ['a key named', 'Allow', put(anyKms, { [keyId]: key })],
    ['one key required: that key', 'Allow', put(thisKey, { [keyId]: key })],
    ['another key', 'ExplicitDeny', put(thisKey, { [keyId]: `${key}0` })],
    ['no key', 'ExplicitDeny', put(thisKey, {})],
    [
      'an object tagged for production may be read',
      'Allow',
      granted(production, 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x', { 's3:ExistingObjectTag/environment': 'production' }),
    ],
    [
      'another may not',
      'ImplicitDeny',
      granted(production, 's3:GetObject', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x', { 's3:ExistingObjectTag/environment': 'test' }),
    ],
    [
      'one of the tag keys suffices',
      'Allow',
      granted(objectTags, 's3:PutObjectTagging', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x', { 's3:RequestObjectTagKeys': ['Owner'] }),
    ],
    ['no tag keys do not', 'ImplicitDeny', granted(objectTags, 's3:PutObjectTagging', 'arn:aws:s3:::DOC-EXAMPLE-BUCKET/x')],
  ]),
  ...page(s3('amazon-s3-policy-keys.html'), [
    ['the prefix asked for', 'Allow', list('projects')],
    ['another prefix is denied', 'ExplicitDeny', list('examplefolder')],
    ['one that only begins with it too', 'ExplicitDeny', list('projects2')],
    ['TLS 1.1 is denied', 'ExplicitDeny', put(tls, { 's3:TlsVersion': '1.1' }, 'DOC-EXAMPLE-BUCKET1')],
    ['TLS 1.2 is not', 'Allow', put(tls, { 's3:TlsVersion': '1.2' }, 'DOC-EXAMPLE-BUCKET1')],
    ['a copy from below the prefix', 'Allow', put(copy, { 's3:x-amz-copy-source': 'awsexamplebucket1/public/a' }, 'awsexamplebucket1')],
    ['a copy from elsewhere', 'ExplicitDeny', put(copy, { 's3:x-amz-copy-source': 'awsexamplebucket1/private/a' }, 'awsexamplebucket1')],
  ]),
  ...page(kms('conditions-kms-encryption-context'), [
    ['the pair asked for', 'Allow', dataKey(appName, { 'kms:EncryptionContext:AppName': 'ExampleApp' })],
    ['another value', 'ImplicitDeny', dataKey(appName, { 'kms:EncryptionContext:AppName': 'Other' })],
    ['no context', 'ImplicitDeny', dataKey(appName, {})],
    [
      'further pairs are permitted',
      'Allow',
      dataKey(appName, { 'kms:EncryptionContext:AppName': 'ExampleApp', 'kms:EncryptionContext:Project': 'Alpha' }),
    ],
    ['the key of a pair in any case', 'Allow', dataKey(appName, { 'kms:EncryptionContext:appname': 'ExampleApp' })],
    ['the value only in its case', 'ImplicitDeny', dataKey(appName, { 'kms:EncryptionContext:AppName': 'exampleapp' })],
    [
      'this key only',
      'Allow',
      dataKey(appOnly, { 'kms:EncryptionContext:AppName': 'ExampleApp', 'kms:EncryptionContextKeys': ['AppName'] }),
    ],
    [
      'one key too many',
      'ImplicitDeny',
      dataKey(appOnly, { 'kms:EncryptionContext:AppName': 'ExampleApp', 'kms:EncryptionContextKeys': ['AppName', 'Project'] }),
    ],
    ['no context: the pair fails though ForAllValues holds', 'ImplicitDeny', dataKey(appOnly, {})],
    [
      'two pairs, both there',
      'Allow',
      dataKey(two, { 'kms:EncryptionContext:Department': 'IT', 'kms:EncryptionContext:Project': 'Alpha' }),
    ],
    ['one of them missing', 'ImplicitDeny', dataKey(two, { 'kms:EncryptionContext:Department': 'IT' })],
    ['a forbidden stage', 'ExplicitDeny', forbidStage({ 'kms:EncryptionContext:Stage': 'Production' })],
    ['another stage', 'Allow', forbidStage({ 'kms:EncryptionContext:Stage': 'Test' })],
    ["the caller's own name", 'Allow', named('bob', 'bob')],
    ["another's name", 'ImplicitDeny', named('bob', 'alice')],
  ]),
  ...page(kms('conditions-kms-encryption-context-keys'), [
    [
      'one of two keys is the one',
      'Allow',
      dataKey(
        { 'ForAnyValue:StringEquals': { 'kms:EncryptionContextKeys': 'AppName' } },
        { 'kms:EncryptionContextKeys': ['AppName', 'Project'] },
      ),
    ],
    [
      'only another key',
      'ImplicitDeny',
      dataKey({ 'ForAnyValue:StringEquals': { 'kms:EncryptionContextKeys': 'AppName' } }, { 'kms:EncryptionContextKeys': ['Project'] }),
    ],
    ['no context', 'ImplicitDeny', dataKey({ 'ForAnyValue:StringEquals': { 'kms:EncryptionContextKeys': 'AppName' } }, {})],
    ['any context at all', 'Allow', dataKey({ Null: { 'kms:EncryptionContextKeys': false } }, { 'kms:EncryptionContextKeys': ['x'] })],
    ['none', 'ImplicitDeny', dataKey({ Null: { 'kms:EncryptionContextKeys': false } }, {})],
  ]),
  ...page(kms('conditions-kms-via-service'), [
    ['through EC2', 'Allow', dataKey(via, { 'kms:ViaService': 'ec2.us-west-2.amazonaws.com' })],
    ['through another service', 'ImplicitDeny', dataKey(via, { 'kms:ViaService': 'lambda.us-west-2.amazonaws.com' })],
    ['in another region', 'ImplicitDeny', dataKey(via, { 'kms:ViaService': 'ec2.us-east-1.amazonaws.com' })],
    ['directly', 'ImplicitDeny', dataKey(via, {})],
  ]),
  ...page(kms('conditions-kms-grant-is-for-aws-resource'), [
    [
      'a grant that a service makes',
      'Allow',
      dataKey({ Bool: { 'kms:GrantIsForAWSResource': true } }, { 'kms:GrantIsForAWSResource': 'true' }, 'kms:CreateGrant'),
    ],
    ['a direct one', 'ImplicitDeny', dataKey({ Bool: { 'kms:GrantIsForAWSResource': true } }, {}, 'kms:CreateGrant')],
  ]),
  ...page(ec2('supported-iam-actions-tagging.html'), [
    ['tags at launch', 'Allow', createTags({ 'ec2:CreateAction': 'RunInstances' })],
    ['tags on what exists', 'ImplicitDeny', createTags({})],
    ['tags at another creation', 'ImplicitDeny', createTags({ 'ec2:CreateAction': 'CreateVolume' })],
    [
      'a tag and its value enforced',
      'Allow',
      tags({ StringEquals: { 'aws:RequestTag/cost-center': 'cc123' } }, { 'aws:RequestTag/cost-center': 'cc123' }),
    ],
    [
      'another value',
      'ImplicitDeny',
      tags({ StringEquals: { 'aws:RequestTag/cost-center': 'cc123' } }, { 'aws:RequestTag/cost-center': 'cc124' }),
    ],
    ['a tag key enforced', 'Allow', tags({ StringLike: { 'aws:RequestTag/purpose': '*' } }, { 'aws:RequestTag/purpose': 'x' })],
    ['and missing', 'ImplicitDeny', tags({ StringLike: { 'aws:RequestTag/purpose': '*' } }, { 'aws:RequestTag/else': 'x' })],
    ['only these keys: one of them', 'Allow', tags(ownKeys, { 'aws:TagKeys': ['environment'] })],
    ['another key', 'ImplicitDeny', tags(ownKeys, { 'aws:TagKeys': ['environment', 'owner'] })],
    ['the case of a key counts here', 'ImplicitDeny', tags(ownKeys, { 'aws:TagKeys': ['Environment'] })],
    [
      'at least one of these keys',
      'Allow',
      tags({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['environment', 'webserver'] } }, { 'aws:TagKeys': ['x', 'webserver'] }),
    ],
    ['no tags at all', 'ImplicitDeny', tags({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['environment', 'webserver'] } }, {})],
  ]),
  ...page(iam('access_tags.html'), [
    ['own instance', 'Allow', stop({ 'aws:ResourceTag/Owner': 'richard-roe' })],
    ['tagged in another case', 'Allow', stop({ 'aws:ResourceTag/owner': 'richard-roe' })],
    ["another's", 'ImplicitDeny', stop({ 'aws:ResourceTag/Owner': 'jane' })],
    ['untagged', 'ImplicitDeny', stop({})],
    [
      'a tag value that is allowed',
      'Allow',
      tags(environment, { 'aws:RequestTag/environment': 'preprod', 'aws:TagKeys': ['environment'] }),
    ],
    ['one that is not', 'ImplicitDeny', tags(environment, { 'aws:RequestTag/environment': 'dev', 'aws:TagKeys': ['environment'] })],
    [
      'the key in another case',
      'ImplicitDeny',
      tags(environment, { 'aws:RequestTag/Environment': 'preprod', 'aws:TagKeys': ['Environment'] }),
    ],
    ['a second key', 'ImplicitDeny', tags(environment, { 'aws:RequestTag/environment': 'preprod', 'aws:TagKeys': ['environment', 'x'] })],
    [
      'a queue of the own team',
      'Allow',
      under(
        {
          Sid: 'AllQueueActions',
          Effect: 'Allow',
          Action: 'sqs:DeleteQueue',
          Resource: 'arn:aws:sqs:us-east-2::${aws:PrincipalTag/team}-queue',
        },
        'sqs:DeleteQueue',
        'arn:aws:sqs:us-east-2::qa-queue',
        {},
        userNamed('x', { team: 'qa' }),
      ),
    ],
  ]),
  ...page(iam('reference_policies_examples_ec2_terminate-ip.html'), [
    ['from the company', 'Allow', under(terminate, 'ec2:TerminateInstances', instance, { 'aws:SourceIp': '192.0.2.4' })],
    ['from elsewhere', 'ExplicitDeny', under(terminate, 'ec2:TerminateInstances', instance, { 'aws:SourceIp': '198.51.100.4' })],
  ]),
  ...page(iam('reference_policies_examples_ec2-start-stop-match-tags.html'), [
    [
      'the same cost center',
      'Allow',
      under(costCenter, 'ec2:StartInstances', instance, { 'aws:ResourceTag/CostCenter': '1' }, userNamed('x', { CostCenter: '1' })),
    ],
    [
      'another',
      'ImplicitDeny',
      under(costCenter, 'ec2:StartInstances', instance, { 'aws:ResourceTag/CostCenter': '1' }, userNamed('x', { CostCenter: '2' })),
    ],
    ['neither has one', 'ImplicitDeny', under(costCenter, 'ec2:StartInstances', instance)],
  ]),
  ...page(iam('reference_policies_examples_iam-passrole-service.html'), [
    ['to the service named', 'Allow', under(passRole, 'iam:PassRole', roleArn, { 'iam:PassedToService': 'cloudwatch.amazonaws.com' })],
    ['to another', 'ImplicitDeny', under(passRole, 'iam:PassRole', roleArn, { 'iam:PassedToService': 'ec2.amazonaws.com' })],
  ]),
  ...page(iam('reference_policies_examples_iam-new-user-tag.html'), [
    [
      'both tags with listed values',
      'Allow',
      under(newUser, 'iam:CreateUser', '*', {
        'aws:RequestTag/Department': 'Development',
        'aws:RequestTag/JobFunction': 'Employee',
        'aws:TagKeys': ['Department', 'JobFunction'],
      }),
    ],
    ['no tags', 'Allow', under(newUser, 'iam:CreateUser', '*')],
    [
      'another value',
      'ImplicitDeny',
      under(newUser, 'iam:CreateUser', '*', { 'aws:RequestTag/Department': 'Sales', 'aws:TagKeys': ['Department'] }),
    ],
    ['another key', 'ImplicitDeny', under(newUser, 'iam:CreateUser', '*', { 'aws:RequestTag/Team': 'x', 'aws:TagKeys': ['Team'] })],
  ]),
  ...page(iam('id_session-tags.html'), [
    ['all three tags and the external ID', 'Allow', assume(asked)],
    ['a tag missing', 'ImplicitDeny of sts:AssumeRole', assume({ ...asked, tags: { Project: 'Automation', CostCenter: '12345' } })],
    ['no external ID', 'ImplicitDeny of sts:AssumeRole', assume({ tags: automation })],
    ['another department', 'ImplicitDeny of sts:TagSession', assume({ ...asked, tags: { ...automation, Department: 'Sales' } })],
    ['a further tag may be passed', 'Allow', assume({ ...asked, tags: { ...automation, Extra: '1' } })],
    ['both listed tags transitive', 'Allow', assume({ ...asked, transitiveTagKeys: ['Project', 'Department'] })],
    ['one of them', 'Allow', assume({ ...asked, transitiveTagKeys: ['Project'] })],
    ['another tag transitive', 'ImplicitDeny of sts:TagSession', assume({ ...asked, transitiveTagKeys: ['CostCenter'] })],
    [
      'a role whose trust does not allow sts:TagSession cannot be given tags',
      'ImplicitDeny of sts:TagSession',
      assume({ trust: policy({ Effect: 'Allow', Principal: by, Action: 'sts:AssumeRole' }, 'trust'), tags: automation }),
    ],
    [
      'and can be assumed without',
      'Allow',
      assume({ trust: policy({ Effect: 'Allow', Principal: by, Action: 'sts:AssumeRole' }, 'trust') }),
    ],
  ]),
  ...page(iam('id_credentials_temp_control-access_monitor.html'), [
    ['with the source identity asked for', 'Allow', assume({ trust: sourceIdentity, caller: dev, sourceIdentity: 'DevUser' })],
    ['without one', 'ImplicitDeny of sts:AssumeRole', assume({ trust: sourceIdentity, caller: dev })],
    ['with another', 'ImplicitDeny of sts:AssumeRole', assume({ trust: sourceIdentity, caller: dev, sourceIdentity: 'Admin' })],
    [
      'a trust policy without sts:SetSourceIdentity refuses one',
      'ImplicitDeny of sts:SetSourceIdentity',
      assume({ trust: policy({ Effect: 'Allow', Principal: by, Action: 'sts:AssumeRole' }, 'trust'), sourceIdentity: 'x' }),
    ],
    ['a token of the audience', 'Allow', oidc({ sub: 'johndoe', aud: 'oidc-audience-id' })],
    ['of another audience', 'ImplicitDeny', oidc({ sub: 'johndoe', aud: 'else' })],
    ['of another provider', 'ImplicitDeny', oidc({ sub: 'johndoe', aud: 'oidc-audience-id' }, 'other.example.com')],
  ]),
  ...page(iam('confused-deputy.html'), [
    ['the external ID of this customer', 'Allow', assume({ ...exampleCorp, externalId: '12345' })],
    ["another customer's", 'ImplicitDeny of sts:AssumeRole', assume({ ...exampleCorp, externalId: '67890' })],
    ['none', 'ImplicitDeny of sts:AssumeRole', assume(exampleCorp)],
    [
      'a service on behalf of the response plan',
      'Allow',
      service('ssm-incidents.amazonaws.com', 'arn:aws:ssm-incidents:us-east-1:111122223333:incident-record/myresponseplan/1'),
    ],
    [
      'of another account',
      'ImplicitDeny',
      service('ssm-incidents.amazonaws.com', 'arn:aws:ssm-incidents:us-east-1:999999999999:incident-record/myresponseplan/1'),
    ],
    [
      'another service',
      'ImplicitDeny',
      service('ec2.amazonaws.com', 'arn:aws:ssm-incidents:us-east-1:111122223333:incident-record/myresponseplan/1'),
    ],
  ]),
  ...page(iam('id_credentials_temp_control-access_disable-perms.html'), [
    ['credentials from before the moment', 'ExplicitDeny', denying(revoked, 's3:GetObject', '*', {}, since('2014-05-07T23:46:59Z'))],
    ['from after it', 'Allow', denying(revoked, 's3:GetObject', '*', {}, since('2014-05-08T00:00:00Z'))],
    ['long-term keys have no issue time and are not denied', 'Allow', denying(revoked, 's3:GetObject', '*')],
  ]),
];
