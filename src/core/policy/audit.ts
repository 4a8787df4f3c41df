import { namedByCall } from '../access/arn-locations.ts';
import { s3Arn } from '../access/partitions.ts';
import type { AwsCalls, AwsMethod } from './calls.ts';

export type Audited = { readonly action: string; readonly resource: string };

type Row<M extends AwsMethod> = readonly [
  action: string | ((request: AwsCalls[M]) => string),
  resource: (request: AwsCalls[M], region: string) => string,
];

const everything = (): string => '*';
const objectOf = ({ bucket, key }: { readonly bucket: string; readonly key: string }, region: string): string => s3Arn(region, bucket, key);

/** An alias stands in the account of its role; its endpoint names the region. https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html */
function roleAliasArn(request: AwsCalls['iotCredentials.assumeRoleWithCertificate']): string {
  const [, partition = 'aws', , , account = ''] = request.roleArn.split(':');
  return `arn:${partition}:iot:${request.endpoint.split('.')[3] ?? ''}:${account}:rolealias/${request.roleAlias}`;
}

const table: { readonly [M in AwsMethod]: Row<M> } = {
  'sts.assumeRoleWithWebIdentity': ['sts:AssumeRoleWithWebIdentity', ({ roleArn }) => roleArn],
  'sts.assumeRole': ['sts:AssumeRole', ({ roleArn }) => roleArn],
  'sts.getCallerIdentity': ['sts:GetCallerIdentity', everything],
  'iotCredentials.assumeRoleWithCertificate': ['iot:AssumeRoleWithCertificate', roleAliasArn],
  'iot.createCertificateFromCsr': ['iot:CreateCertificateFromCsr', everything],
  'iot.describeCertificate': ['iot:DescribeCertificate', ({ certificateId }) => certificateId],
  'iot.updateCertificate': ['iot:UpdateCertificate', ({ certificateId }) => certificateId],
  'iot.deleteCertificate': ['iot:DeleteCertificate', ({ certificateId }) => certificateId],
  'iot.attachPolicy': ['iot:AttachPolicy', ({ certificateArn }) => certificateArn],
  'iot.attachThingPrincipal': ['iot:AttachThingPrincipal', ({ certificateArn }) => certificateArn],
  'iot.detachThingPrincipal': ['iot:DetachThingPrincipal', ({ certificateArn }) => certificateArn],
  's3.putObject': ['s3:PutObject', objectOf],
  's3.getObject': ['s3:GetObject', objectOf],
  // A HEAD is authorized, and shown, as what it needs: s3:GetObject.
  's3.headObject': ['s3:GetObject', objectOf],
  // The bucket alone would not say which organization's objects were listed.
  's3.listObjects': [
    's3:ListBucket',
    ({ bucket, prefix }, region) => (prefix === '' ? s3Arn(region, bucket) : s3Arn(region, bucket, `${prefix}*`)),
  ],
  's3.deleteObject': ['s3:DeleteObject', objectOf],
  'ec2.createLaunchTemplate': ['ec2:CreateLaunchTemplate', ({ name }) => name],
  'ec2.describeLaunchTemplates': ['ec2:DescribeLaunchTemplates', everything],
  'ec2.deleteLaunchTemplate': ['ec2:DeleteLaunchTemplate', ({ id }) => id],
  'ec2.createFleet': ['ec2:CreateFleet', ({ launchTemplate }) => launchTemplate.id],
  'ec2.dryRunCreateFleet': ['ec2:CreateFleet', ({ launchTemplate }) => launchTemplate.id],
  'ec2.dryRunRunInstances': ['ec2:RunInstances', ({ launchTemplate }) => launchTemplate.id],
  'ec2.dryRunDeleteLaunchTemplate': ['ec2:DeleteLaunchTemplate', ({ id }) => id],
  'ec2.describeInstances': ['ec2:DescribeInstances', everything],
  'ec2.terminateInstances': ['ec2:TerminateInstances', ({ instanceIds }) => [...instanceIds].sort().join(',')],
  'ec2.describeVolumes': ['ec2:DescribeVolumes', everything],
  'ec2.modifyVolume': ['ec2:ModifyVolume', ({ volumeId }) => volumeId],
  'ec2.describeVolumesModifications': ['ec2:DescribeVolumesModifications', everything],
  'ec2.deleteVolume': ['ec2:DeleteVolume', ({ volumeId }) => volumeId],
  'ec2.describeSubnets': ['ec2:DescribeSubnets', everything],
  'ssm.getParameter': ['ssm:GetParameter', ({ name }) => name],
  'secretsManager.getSecretValue': ['secretsmanager:GetSecretValue', ({ secretId }) => secretId],
  'iam.getRole': ['iam:GetRole', ({ roleName }) => roleName],
  'iam.simulatePrincipalPolicy': ['iam:SimulatePrincipalPolicy', ({ principalArn }) => principalArn],
  'iam.listAttachedRolePolicies': ['iam:ListAttachedRolePolicies', ({ roleName }) => roleName],
  'iam.listRolePolicies': ['iam:ListRolePolicies', ({ roleName }) => roleName],
  'iam.putRolePolicy': ['iam:PutRolePolicy', ({ roleName, policyName }) => `${roleName}/${policyName}`],
  'iam.getRolePolicy': ['iam:GetRolePolicy', ({ roleName, policyName }) => `${roleName}/${policyName}`],
  'cloudFormation.createStack': ['cloudformation:CreateStack', ({ name }) => name],
  'cloudFormation.describeStack': ['cloudformation:DescribeStacks', ({ name }) => name],
  'cloudFormation.updateStack': ['cloudformation:UpdateStack', ({ name }) => name],
  'cloudFormation.deleteStack': ['cloudformation:DeleteStack', ({ name }) => name],
  'cloudFormation.describeStackEvents': ['cloudformation:DescribeStackEvents', ({ name }) => name],
  'resources.describe': [({ action }) => action, ({ arn, action }) => namedByCall(arn, action)],
};

/**
 * The one action and the one resource that the audit record of a call shows: an ARN where the request alone makes one, else the id or name in
 * the request, else `*`. The region says the partition. The adapter, the simulator and the wire gate all use this table, so that their records compare line for line.
 */
export function auditOf<M extends AwsMethod>(method: M, request: AwsCalls[M], region: string): Audited {
  const [action, resource] = table[method];
  return { action: typeof action === 'string' ? action : action(request), resource: resource(request, region) };
}

export const awsMethods = Object.keys(table) as readonly AwsMethod[];
