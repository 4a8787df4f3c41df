import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { EC2Client } from '@aws-sdk/client-ec2';
import { IAMClient } from '@aws-sdk/client-iam';
import { IoTClient } from '@aws-sdk/client-iot';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import type { Clock } from '../ports/clock.ts';
import { createAgents } from './agents.ts';
import { callContext, placeholderIdentity, sealedAuthSchemes } from './signer.ts';
import type { Vault } from './vault.ts';

export type Clients = {
  readonly cloudFormation: CloudFormationClient;
  readonly ec2: EC2Client;
  readonly iam: IAMClient;
  readonly iot: IoTClient;
  readonly s3: S3Client;
  readonly secretsManager: SecretsManagerClient;
  readonly ssm: SSMClient;
  readonly sts: STSClient;
};

export type ClientConfig = ReturnType<typeof clientConfig>;

/** Who calls is decided at signing (signer.ts). The SDK's own retries, credential chain, clock correction and look at shared configuration files are off. */
export function clientConfig(options: {
  readonly region: string;
  readonly endpoint?: string;
  readonly clock: Clock;
  readonly vault: Vault;
}) {
  const { region, endpoint, clock, vault } = options;
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    credentials: placeholderIdentity,
    httpAuthSchemes: sealedAuthSchemes(vault, clock),
    authSchemePreference: [] as string[],
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'elastic-runtime-operator',
    requestHandler: {
      connectionTimeout: 5_000,
      ...createAgents(),
    },
  } as const;
}

/** One client a service for all grants. */
export function createClients(common: ClientConfig): Clients {
  const clients = {
    cloudFormation: new CloudFormationClient(common),
    ec2: new EC2Client(common),
    iam: new IAMClient(common),
    iot: new IoTClient(common),
    s3: new S3Client({
      ...common,
      forcePathStyle: 'endpoint' in common,
      followRegionRedirects: false,
      useArnRegion: false,
      disableS3ExpressSessionAuth: true,
      disableMultiregionAccessPoints: true,
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      responseChecksumValidation: 'WHEN_SUPPORTED',
    }),
    secretsManager: new SecretsManagerClient(common),
    ssm: new SSMClient(common),
    sts: new STSClient(common),
  } satisfies Clients;
  for (const client of Object.values(clients)) noteSending(client.middlewareStack);
  return clients;
}

/** The last thing before the wire: from here on a call may have taken effect. */
export function noteSending(stack: unknown): void {
  // The clients' stacks differ only in their unions of inputs and outputs, which this step does not touch.
  (stack as EC2Client['middlewareStack']).add(
    (next) => (args) => {
      const call = callContext.getStore();
      if (call) {
        call.sent = true;
      }
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'noteSending' },
  );
}
