import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorizationsOf } from '../../../src/core/policy/actions.ts';
import { auditOf, awsMethods } from '../../../src/core/policy/audit.ts';
import type { AwsCalls, AwsMethod } from '../../../src/core/policy/calls.ts';
import { facts, tags } from './facts.ts';

const ec2 = (resource: string): string => `arn:aws:ec2:us-east-1:111122223333:${resource}`;
const stack = (name: string): string => `arn:aws:cloudformation:us-east-1:111122223333:stack/${name}`;
const agent = 'arn:aws:iam::111122223333:role/team/agent';
const certificateArn = 'arn:aws:iot:us-east-1:111122223333:cert/c';
const offering = { instanceType: 'm7i.large', zone: 'us-east-1a', subnetId: 'subnet-1', capacityType: 'on-demand' } as const;
const assume = { roleArn: 'arn:aws:iam::111122223333:role/r', sessionName: 's' };
const fleet = { launchTemplate: { id: 'lt-1' }, offerings: [offering], tags };

/** Every method once: its request, what the audit shows, and what must be allowed as `action resource`. */
const rows: { readonly [M in AwsMethod]: readonly [request: AwsCalls[M], audited: string, authorizations: readonly string[]] } = {
  'sts.assumeRoleWithWebIdentity': [assume, 'sts:AssumeRoleWithWebIdentity arn:aws:iam::111122223333:role/r', []],
  'sts.assumeRole': [assume, 'sts:AssumeRole arn:aws:iam::111122223333:role/r', []],
  'sts.getCallerIdentity': [{}, 'sts:GetCallerIdentity *', []],
  'iotCredentials.assumeRoleWithCertificate': [
    { roleArn: assume.roleArn, endpoint: 'c1.credentials.iot.eu-west-1.amazonaws.com', roleAlias: 'hub' },
    'iot:AssumeRoleWithCertificate arn:aws:iot:eu-west-1:111122223333:rolealias/hub',
    [],
  ],
  'iot.createCertificateFromCsr': [{}, 'iot:CreateCertificateFromCsr *', ['iot:CreateCertificateFromCsr *']],
  'iot.describeCertificate': [{ certificateId: 'c' }, 'iot:DescribeCertificate c', [`iot:DescribeCertificate ${certificateArn}`]],
  'iot.updateCertificate': [{ certificateId: 'c' }, 'iot:UpdateCertificate c', [`iot:UpdateCertificate ${certificateArn}`]],
  'iot.deleteCertificate': [{ certificateId: 'c' }, 'iot:DeleteCertificate c', [`iot:DeleteCertificate ${certificateArn}`]],
  'iot.attachPolicy': [{ certificateArn }, `iot:AttachPolicy ${certificateArn}`, [`iot:AttachPolicy ${certificateArn}`]],
  'iot.attachThingPrincipal': [
    { certificateArn },
    `iot:AttachThingPrincipal ${certificateArn}`,
    [`iot:AttachThingPrincipal ${certificateArn}`],
  ],
  'iot.detachThingPrincipal': [
    { certificateArn },
    `iot:DetachThingPrincipal ${certificateArn}`,
    [`iot:DetachThingPrincipal ${certificateArn}`],
  ],
  's3.putObject': [
    { bucket: 'b', key: 'k', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/9' },
    's3:PutObject arn:aws:s3:::b/k',
    ['s3:PutObject arn:aws:s3:::b/k', 'kms:GenerateDataKey arn:aws:kms:us-east-1:111122223333:key/9'],
  ],
  's3.getObject': [
    { bucket: 'b', key: 'k' },
    's3:GetObject arn:aws:s3:::b/k',
    ['s3:GetObject arn:aws:s3:::b/k', 'kms:Decrypt arn:aws:kms:us-east-1:111122223333:key/1'],
  ],
  's3.headObject': [{ bucket: 'b', key: 'k' }, 's3:GetObject arn:aws:s3:::b/k', ['s3:GetObject arn:aws:s3:::b/k']],
  's3.listObjects': [{ bucket: 'b', prefix: 'p/' }, 's3:ListBucket arn:aws:s3:::b/p/*', ['s3:ListBucket arn:aws:s3:::b']],
  's3.deleteObject': [{ bucket: 'b', key: 'k' }, 's3:DeleteObject arn:aws:s3:::b/k', ['s3:DeleteObject arn:aws:s3:::b/k']],
  'ec2.createLaunchTemplate': [
    { name: 'n', tags },
    'ec2:CreateLaunchTemplate n',
    [`ec2:CreateLaunchTemplate ${ec2('launch-template/*')}`, `ec2:CreateTags ${ec2('launch-template/*')}`],
  ],
  'ec2.describeLaunchTemplates': [{ tags }, 'ec2:DescribeLaunchTemplates *', ['ec2:DescribeLaunchTemplates *']],
  'ec2.deleteLaunchTemplate': [
    { id: 'lt-1' },
    'ec2:DeleteLaunchTemplate lt-1',
    [`ec2:DeleteLaunchTemplate ${ec2('launch-template/lt-1')}`],
  ],
  'ec2.createFleet': [
    fleet,
    'ec2:CreateFleet lt-1',
    [
      `ec2:CreateFleet ${ec2('fleet/*')}`,
      `ec2:CreateTags ${ec2('fleet/*')}`,
      ...['ec2:CreateFleet', 'ec2:RunInstances'].flatMap((action) =>
        [
          ec2('launch-template/lt-1'),
          'arn:aws:ec2:us-east-1::image/ami-1',
          ec2('security-group/sg-1'),
          ec2('security-group/sg-2'),
          ec2('subnet/subnet-1'),
          ec2('instance/*'),
          ec2('volume/*'),
          ec2('network-interface/*'),
        ].map((resource) => `${action} ${resource}`),
      ),
      `ec2:CreateTags ${ec2('instance/*')}`,
      `ec2:CreateTags ${ec2('volume/*')}`,
      `ec2:CreateTags ${ec2('network-interface/*')}`,
      'iam:PassRole arn:aws:iam::111122223333:role/node',
    ],
  ],
  'ec2.dryRunCreateFleet': [fleet, 'ec2:CreateFleet lt-1', [`ec2:CreateFleet ${ec2('fleet/*')}`, `ec2:CreateTags ${ec2('fleet/*')}`]],
  'ec2.dryRunRunInstances': [
    fleet,
    'ec2:RunInstances lt-1',
    [
      ...[
        ec2('launch-template/lt-1'),
        'arn:aws:ec2:us-east-1::image/ami-1',
        ec2('security-group/sg-1'),
        ec2('security-group/sg-2'),
        ec2('subnet/subnet-1'),
        ec2('instance/*'),
        ec2('volume/*'),
        ec2('network-interface/*'),
      ].map((resource) => `ec2:RunInstances ${resource}`),
      `ec2:CreateTags ${ec2('instance/*')}`,
      `ec2:CreateTags ${ec2('volume/*')}`,
      `ec2:CreateTags ${ec2('network-interface/*')}`,
      'iam:PassRole arn:aws:iam::111122223333:role/node',
    ],
  ],
  'ec2.dryRunDeleteLaunchTemplate': [
    { id: 'lt-1' },
    'ec2:DeleteLaunchTemplate lt-1',
    [`ec2:DeleteLaunchTemplate ${ec2('launch-template/lt-1')}`],
  ],
  'ec2.describeInstances': [{ tags }, 'ec2:DescribeInstances *', ['ec2:DescribeInstances *']],
  'ec2.terminateInstances': [
    { instanceIds: ['i-2', 'i-1'] },
    'ec2:TerminateInstances i-1,i-2',
    [`ec2:TerminateInstances ${ec2('instance/i-2')}`, `ec2:TerminateInstances ${ec2('instance/i-1')}`],
  ],
  'ec2.describeVolumes': [{ tags }, 'ec2:DescribeVolumes *', ['ec2:DescribeVolumes *']],
  'ec2.modifyVolume': [{ volumeId: 'vol-1', sizeGiB: 10 }, 'ec2:ModifyVolume vol-1', [`ec2:ModifyVolume ${ec2('volume/vol-1')}`]],
  'ec2.describeVolumesModifications': [{}, 'ec2:DescribeVolumesModifications *', ['ec2:DescribeVolumesModifications *']],
  'ec2.deleteVolume': [{ volumeId: 'vol-1' }, 'ec2:DeleteVolume vol-1', [`ec2:DeleteVolume ${ec2('volume/vol-1')}`]],
  'ec2.describeSubnets': [{ tags }, 'ec2:DescribeSubnets *', ['ec2:DescribeSubnets *']],
  'ssm.getParameter': [
    { name: '/acme/finance/db' },
    'ssm:GetParameter /acme/finance/db',
    ['ssm:GetParameter arn:aws:ssm:us-east-1:111122223333:parameter/acme/finance/db'],
  ],
  'secretsManager.getSecretValue': [
    { secretId: 'login' },
    'secretsmanager:GetSecretValue login',
    ['secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:111122223333:secret:login-AbCdEf'],
  ],
  'iam.getRole': [{ roleName: 'agent' }, 'iam:GetRole agent', [`iam:GetRole ${agent}`]],
  'iam.simulatePrincipalPolicy': [
    { principalArn: agent },
    `iam:SimulatePrincipalPolicy ${agent}`,
    [`iam:SimulatePrincipalPolicy ${agent}`],
  ],
  'iam.listAttachedRolePolicies': [{ roleName: 'agent' }, 'iam:ListAttachedRolePolicies agent', [`iam:ListAttachedRolePolicies ${agent}`]],
  'iam.listRolePolicies': [{ roleName: 'agent' }, 'iam:ListRolePolicies agent', [`iam:ListRolePolicies ${agent}`]],
  'iam.putRolePolicy': [{ roleName: 'agent', policyName: 'data' }, 'iam:PutRolePolicy agent/data', [`iam:PutRolePolicy ${agent}`]],
  'iam.getRolePolicy': [{ roleName: 'agent', policyName: 'data' }, 'iam:GetRolePolicy agent/data', [`iam:GetRolePolicy ${agent}`]],
  'cloudFormation.createStack': [
    { name: 'new', tags },
    'cloudformation:CreateStack new',
    [`cloudformation:CreateStack ${stack('new/*')}`, `cloudformation:TagResource ${stack('new/*')}`],
  ],
  'cloudFormation.describeStack': [
    { name: 'roles' },
    'cloudformation:DescribeStacks roles',
    [`cloudformation:DescribeStacks ${stack('roles/1')}`],
  ],
  'cloudFormation.updateStack': [
    { name: 'roles', tags },
    'cloudformation:UpdateStack roles',
    [`cloudformation:UpdateStack ${stack('roles/1')}`, `cloudformation:TagResource ${stack('roles/1')}`],
  ],
  'cloudFormation.deleteStack': [
    { name: stack('roles/1') },
    `cloudformation:DeleteStack ${stack('roles/1')}`,
    [`cloudformation:DeleteStack ${stack('roles/1')}`],
  ],
  'cloudFormation.describeStackEvents': [
    { name: 'roles' },
    'cloudformation:DescribeStackEvents roles',
    [`cloudformation:DescribeStackEvents ${stack('roles/1')}`],
  ],
  'resources.describe': [
    { action: 'glue:GetTable', arn: 'arn:aws:glue:us-east-1:111122223333:table/sales/orders' },
    'glue:GetTable arn:aws:glue:us-east-1:111122223333:table/sales/orders',
    ['table/sales/orders', 'database/sales', 'catalog'].map((name) => `glue:GetTable arn:aws:glue:us-east-1:111122223333:${name}`),
  ],
};

for (const method of awsMethods) {
  const [request, audited, authorizations] = rows[method];
  test(`${method}: one audited action and resource`, () => {
    const { action, resource } = auditOf(method, request as never, 'us-east-1');
    assert.equal(`${action} ${resource}`, audited);
  });
  test(`${method}: what must be allowed`, () => {
    const made = authorizationsOf(method, request as never, facts).map(({ action, resource }) => `${action} ${resource}`);
    assert.deepEqual(made, authorizations);
  });
}

function contextOf<M extends AwsMethod>(method: M, request: AwsCalls[M], action: string, resource = ''): Readonly<Record<string, unknown>> {
  const found = authorizationsOf(method, request, facts).find((item) => item.action === action && item.resource.includes(resource));
  assert.ok(found !== undefined);
  return found.context;
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
test('launched resources carry the tags of the request, existing ones their own', () => {
  const launched = contextOf('ec2.createFleet', fleet, 'ec2:RunInstances', 'instance/');
  assert.equal(launched['aws:RequestTag/env'], 'prod');
  assert.deepEqual(launched['aws:TagKeys'], ['env']);
  const template = contextOf('ec2.createFleet', fleet, 'ec2:RunInstances', 'launch-template/');
  assert.equal(template['aws:ResourceTag/owner'], 'lt-1');
  assert.equal(template['aws:RequestTag/env'], undefined);
  assert.equal(contextOf('ec2.createFleet', fleet, 'ec2:CreateTags')['ec2:CreateAction'], 'CreateFleet');
  assert.equal(contextOf('ec2.terminateInstances', { instanceIds: ['i-1'] }, 'ec2:TerminateInstances')['aws:ResourceTag/owner'], 'i-1');
  assert.equal(contextOf('ec2.createFleet', fleet, 'iam:PassRole')['iam:PassedToService'], 'ec2.amazonaws.com');
});

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
test('a stack that is changed is judged by its own tags and by those of the request', () => {
  const changed = contextOf('cloudFormation.updateStack', { name: 'roles', tags }, 'cloudformation:UpdateStack');
  assert.deepEqual([changed['aws:ResourceTag/owner'], changed['aws:RequestTag/env']], ['roles', 'prod']);
  const ended = contextOf('cloudFormation.deleteStack', { name: 'roles' }, 'cloudformation:DeleteStack');
  assert.deepEqual([ended['aws:ResourceTag/owner'], ended['aws:RequestTag/env']], ['roles', undefined]);
});

test('spot launches need a spot request as well', () => {
  const spot = { ...fleet, offerings: [{ ...offering, capacityType: 'spot' as const }] };
  contextOf('ec2.createFleet', spot, 'ec2:RunInstances', 'spot-instances-request/');
});

// https://docs.aws.amazon.com/kms/latest/developerguide/services-s3.html
test('a key is used through S3, in the context of the bucket where Bucket Keys are on, else of the object', () => {
  const context = contextOf(
    's3.putObject',
    { bucket: 'b', key: 'k', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/9' },
    'kms:GenerateDataKey',
  );
  assert.equal(context['kms:ViaService'], 's3.us-east-1.amazonaws.com');
  const encryption = 'kms:EncryptionContext:aws:s3:arn';
  assert.equal(context[encryption], 'arn:aws:s3:::b');
  assert.equal(contextOf('s3.putObject', { bucket: 'b', key: 'k' }, 'kms:GenerateDataKey')[encryption], 'arn:aws:s3:::b/k');
  assert.equal(contextOf('s3.getObject', { bucket: 'b', key: 'k' }, 'kms:Decrypt')[encryption], 'arn:aws:s3:::b');
  const without = authorizationsOf('s3.getObject', { bucket: 'b', key: 'k' }, { ...facts, usesBucketKey: () => false });
  assert.equal(without[1]?.context[encryption], 'arn:aws:s3:::b/k');
});

test('without a key in the request the default of the bucket counts; an object without a key needs none', () => {
  const put = authorizationsOf('s3.putObject', { bucket: 'b', key: 'k' }, facts);
  assert.equal(put[1]?.resource, 'arn:aws:kms:us-east-1:111122223333:key/default');
  assert.equal(authorizationsOf('s3.getObject', { bucket: 'b', key: 'plain' }, facts).length, 1);
});

test('the prefix of a list and the key of a parameter', () => {
  assert.equal(contextOf('s3.listObjects', { bucket: 'b', prefix: 'acme/' }, 's3:ListBucket')['s3:prefix'], 'acme/');
  assert.equal(contextOf('ssm.getParameter', { name: '/encrypted' }, 'kms:Decrypt')['kms:ViaService'], 'ssm.us-east-1.amazonaws.com');
  const image = authorizationsOf('ssm.getParameter', { name: '/aws/service/eks/x' }, facts);
  assert.equal(image[0]?.resource, 'arn:aws:ssm:us-east-1::parameter/aws/service/eks/x');
});

test('a list of a whole bucket is audited as the bucket', () => {
  assert.equal(auditOf('s3.listObjects', { bucket: 'b', prefix: '' }, 'us-east-1').resource, 'arn:aws:s3:::b');
  assert.equal(auditOf('s3.putObject', { bucket: 'b', key: 'k' }, 'cn-north-1').resource, 'arn:aws-cn:s3:::b/k');
});
