import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import type { Moto } from './moto.ts';

/** The emulator behind the gate, as its owner sees it: for provisioning, for the gate's own questions, and for tests that look at the outcome. */
export type Backend = {
  /** For a client of any other service. */
  readonly config: ReturnType<typeof ownerOf>;
  readonly cloudFormation: CloudFormationClient;
  readonly ec2: EC2Client;
  readonly iam: IAMClient;
  readonly kms: KMSClient;
  readonly s3: S3Client;
  readonly secretsManager: SecretsManagerClient;
  readonly ssm: SSMClient;
};

export function createBackend(moto: Moto, region: string): Backend {
  const common = ownerOf(moto, region);
  return {
    config: common,
    cloudFormation: new CloudFormationClient(common),
    ec2: new EC2Client(common),
    iam: new IAMClient(common),
    kms: new KMSClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    secretsManager: new SecretsManagerClient(common),
    ssm: new SSMClient(common),
  };
}

function ownerOf(moto: Moto, region: string) {
  return { region, endpoint: moto.endpoint, credentials: { accessKeyId: 'owner', secretAccessKey: 'owner' }, maxAttempts: 2 } as const;
}
