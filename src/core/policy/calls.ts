import type { DescribeAction } from '../access/resources/kind.ts';

/**
 * The AWS calls that this product makes, as the methods of the AWS port name them and with what a policy can see of their requests. Structural: the port's
 * own request types satisfy them, and the wire gate builds them from HTTP.
 */
export type Tags = Readonly<Record<string, string>>;

type AssumeCommon = { readonly roleArn: string; readonly sessionName: string };
type CertificateRequest = { readonly certificateId: string };
type ObjectRequest = { readonly bucket: string; readonly key: string };

export type AwsCalls = {
  'sts.assumeRoleWithWebIdentity': AssumeCommon;
  'sts.assumeRole': AssumeCommon & { readonly tags?: Tags };
  'sts.getCallerIdentity': object;
  /** Unsigned: the certificate of the TLS connection says who calls. */
  'iotCredentials.assumeRoleWithCertificate': { readonly roleArn: string; readonly endpoint: string; readonly roleAlias: string };
  'iot.createCertificateFromCsr': object;
  'iot.describeCertificate': CertificateRequest;
  'iot.updateCertificate': CertificateRequest;
  'iot.deleteCertificate': CertificateRequest;
  'iot.attachPolicy': { readonly certificateArn: string };
  'iot.attachThingPrincipal': { readonly certificateArn: string };
  'iot.detachThingPrincipal': { readonly certificateArn: string };
  's3.putObject': ObjectRequest & { readonly kmsKeyArn?: string };
  's3.getObject': ObjectRequest;
  's3.headObject': ObjectRequest;
  's3.listObjects': { readonly bucket: string; readonly prefix: string; readonly maxKeys?: number };
  's3.deleteObject': ObjectRequest;
  'ec2.createLaunchTemplate': { readonly name: string; readonly tags: Tags };
  'ec2.describeLaunchTemplates': object;
  'ec2.deleteLaunchTemplate': { readonly id: string };
  'ec2.createFleet': {
    readonly launchTemplate: { readonly id: string };
    readonly offerings: readonly {
      readonly subnetId: string;
      readonly instanceType: string;
      readonly capacityType: 'on-demand' | 'spot';
    }[];
    readonly tags: Tags;
  };
  'ec2.dryRunCreateFleet': AwsCalls['ec2.createFleet'];
  'ec2.dryRunRunInstances': AwsCalls['ec2.createFleet'];
  'ec2.dryRunDeleteLaunchTemplate': { readonly id: string };
  'ec2.describeInstances': object;
  'ec2.terminateInstances': { readonly instanceIds: readonly string[] };
  'ec2.describeVolumes': object;
  'ec2.modifyVolume': { readonly volumeId: string; readonly sizeGiB: number };
  'ec2.describeVolumesModifications': object;
  'ec2.deleteVolume': { readonly volumeId: string };
  'ec2.describeSubnets': object;
  'ssm.getParameter': { readonly name: string };
  'secretsManager.getSecretValue': { readonly secretId: string };
  'iam.getRole': { readonly roleName: string };
  'iam.simulatePrincipalPolicy': { readonly principalArn: string };
  'iam.listAttachedRolePolicies': { readonly roleName: string };
  'iam.listRolePolicies': { readonly roleName: string };
  'iam.putRolePolicy': { readonly roleName: string; readonly policyName: string };
  'iam.getRolePolicy': { readonly roleName: string; readonly policyName: string };
  'cloudFormation.createStack': { readonly name: string; readonly tags: Tags };
  'cloudFormation.describeStack': { readonly name: string };
  'cloudFormation.updateStack': { readonly name: string; readonly tags: Tags };
  'cloudFormation.deleteStack': { readonly name: string };
  'cloudFormation.describeStackEvents': { readonly name: string };
  /** Each a call of its own in AWS, told by its action. */
  'resources.describe': { readonly action: DescribeAction; readonly arn: string };
};

export type AwsMethod = keyof AwsCalls;
