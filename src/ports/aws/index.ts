import type { CloudFormationPort } from './cloudformation.ts';
import type { Ec2Port } from './ec2.ts';
import type { IamPort } from './iam.ts';
import type { IotPort } from './iot.ts';
import type { IotCredentialsPort } from './iot-credentials.ts';
import type { ResourcesPort } from './resources.ts';
import type { S3Port } from './s3.ts';
import type { SecretsManagerPort, SsmPort } from './secrets.ts';
import type { StsPort } from './sts.ts';

export type { AuditPort, AuditRecord } from './audit.ts';
export type { CloudFormationPort, StackEventView, StackRequest, StackView } from './cloudformation.ts';
export type * from './ec2.ts';
export type { AwsError, AwsResult } from './errors.ts';
export type { Caller, Grant, Subject } from './grant.ts';
export type { IamPort, PolicyQuestion, SimulatedDecision } from './iam.ts';
export type { IotPort } from './iot.ts';
export type { CertificateFacts, ClientCertificate, IotCredentialsPort } from './iot-credentials.ts';
export type { DescribeRequest, ResourcesPort } from './resources.ts';
export type { ObjectLocation, S3Port } from './s3.ts';
export type { SecretsManagerPort, SsmPort } from './secrets.ts';
export type { StsPort } from './sts.ts';

/**
 * AWS as the controllers see it. One region. Each call is one attempt on the wire (no hidden retries) and leaves exactly one audit record,
 * written by the adapter; the controllers' work queues do the retrying.
 */
export type AwsPort = {
  readonly sts: StsPort;
  readonly iotCredentials: IotCredentialsPort;
  readonly iot: IotPort;
  readonly s3: S3Port;
  readonly ec2: Ec2Port;
  readonly ssm: SsmPort;
  readonly secretsManager: SecretsManagerPort;
  readonly iam: IamPort;
  readonly cloudFormation: CloudFormationPort;
  readonly resources: ResourcesPort;
};
