/** Which accesses of a plan a call of AWS's may belong to. */
import { locationActions } from '../access/arn-locations.ts';
import type { Action } from '../access/vocabulary.ts';

/** S3 asks for a list where an object may be missing, and what was written is listed and deleted when it is cleaned up. */
const implied: Readonly<Record<string, readonly Action[]>> = {
  's3:GetObject': ['read'],
  's3:PutObject': ['write'],
  's3:ListBucket': ['list', 'read', 'write'],
  's3:DeleteObject': ['delete', 'write'],
  's3:AbortMultipartUpload': ['write'],
  's3:CreateMultipartUpload': ['write'],
  's3:UploadPart': ['write'],
  's3:CompleteMultipartUpload': ['write'],
  // Of pods, whose calls CloudTrail names after the API: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
  's3:DeleteObjects': ['delete', 'write'],
  's3:CopyObject': ['write'],
  's3:UploadPartCopy': ['write'],
  's3:ListParts': ['write'],
  's3:ListMultipartUploads': ['write'],
  's3:ListObjectVersions': ['list', 'read', 'write'],
  's3:GetObjectAttributes': ['read', 'write'],
  's3:GetObjectTagging': ['read'],
  's3:HeadBucket': ['list', 'read', 'write'],
  's3:GetBucketLocation': ['list', 'read', 'write'],
  'ec2:CreateFleet': ['scale'],
  'ec2:RunInstances': ['scale'],
  'ec2:TerminateInstances': ['scale'],
  'ec2:DescribeInstances': ['scale', 'create'],
  'ec2:DescribeLaunchTemplates': ['scale', 'create'],
  'ec2:CreateLaunchTemplate': ['create'],
  'ec2:DeleteLaunchTemplate': ['create'],
  'ec2:DescribeSubnets': ['create'],
  'ec2:ModifyVolume': ['grow'],
  'ec2:DescribeVolumes': ['grow', 'scale'],
  'ec2:DescribeVolumesModifications': ['grow'],
  'ec2:DeleteVolume': ['scale', 'grow'],
  'ssm:GetParameter': ['read', 'create'],
  'secretsmanager:GetSecretValue': ['read'],
  // What the operator makes, asks and takes away on behalf of a runtime: roles of its own, certificates, the end of revoked sessions.
  ...Object.fromEntries(
    [
      'iam:GetRole',
      'iam:SimulatePrincipalPolicy',
      'iam:ListAttachedRolePolicies',
      'iam:ListRolePolicies',
      'iam:GetRolePolicy',
      'iam:PutRolePolicy',
      'cloudformation:CreateStack',
      'cloudformation:DescribeStacks',
      'cloudformation:DescribeStackEvents',
      'cloudformation:UpdateStack',
      'cloudformation:DeleteStack',
      'iot:CreateCertificateFromCsr',
      'iot:DescribeCertificate',
      'iot:UpdateCertificate',
      'iot:DeleteCertificate',
      'iot:AttachPolicy',
      'iot:AttachThingPrincipal',
      'iot:DetachThingPrincipal',
    ].map((action): readonly [string, readonly Action[]] => [action, ['create']]),
  ),
};

export function allowedBy(action: string): readonly Action[] {
  return implied[action] ?? [...(locationActions.get(action) ?? [])];
}

/** How an identity comes to be another, and asks who it is. */
export function isHop(action: string): boolean {
  return action.startsWith('sts:') || action === 'iot:AssumeRoleWithCertificate';
}
