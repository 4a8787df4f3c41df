import type { AuditPort, AwsPort } from '../ports/aws/index.ts';
import type { ApiPace } from '../ports/aws/pace.ts';
import type { Clock } from '../ports/clock.ts';
import { clientConfig, createClients } from './clients.ts';
import { createCloudFormation } from './cloudformation.ts';
import { createDryRuns } from './ec2/dry-runs.ts';
import { createFleets } from './ec2/fleet.ts';
import { createInstances } from './ec2/instances.ts';
import { createLaunchTemplates } from './ec2/launch-templates.ts';
import { createVolumes } from './ec2/volumes.ts';
import { createIam } from './iam.ts';
import { createIot } from './iot.ts';
import { createIotCredentials, type IotAddress } from './iot-credentials.ts';
import { createPresign } from './presign.ts';
import { createResources } from './resources.ts';
import { createS3 } from './s3.ts';
import { createSecretsManager, createSsm } from './secrets.ts';
import { type AuditOf, createSend } from './send.ts';
import { createSts } from './sts.ts';
import { createThrottle, type Service } from './throttle.ts';
import { createVault } from './vault.ts';

export type AwsOptions = {
  readonly region: string;
  /** Instead of AWS's own: one address for all services (an emulator, a VPC proxy). S3 is then addressed by path. */
  readonly endpoint?: string;
  /** Where credentials providers of AWS IoT are reached instead of at their own address, which they are still asked for by name (a proxy, a test). */
  readonly iotCredentials?: IotAddress;
  readonly audit: AuditPort;
  /** `auditOf` of src/core/policy. */
  readonly auditOf: AuditOf;
  readonly clock: Clock;
  /** When calls may be made. Left out: as soon as there is a place among the calls under way. */
  readonly pace?: ApiPace;
  /** Calls of a service under way at once. */
  readonly concurrency?: Readonly<Partial<Record<Service, number>>>;
};

/** `close` ends the idle connections; grants die with the process or by `release`. */
export type Aws = AwsPort & { close(): void };

/** AWS over the SDK. Used by the operator, the node agent and the pods' init container alike. */
export function createAws(options: AwsOptions): Aws {
  const { region, audit, auditOf, clock } = options;
  const vault = createVault({ clock });
  const send = createSend({ audit, auditOf, clock, region, throttle: createThrottle(options), vault });
  const config = clientConfig({ region, clock, vault, ...(options.endpoint !== undefined && { endpoint: options.endpoint }) });
  const clients = createClients(config);
  // Kinesis would speak HTTP/2 by itself, past the agents.
  const resources = createResources({ config: { ...config, requestHandler: clients.sts.config.requestHandler }, clock, send });
  const ec2 = { client: clients.ec2, send };
  return {
    sts: createSts({ client: clients.sts, send, vault }),
    iot: createIot({ client: clients.iot, send }),
    iotCredentials: createIotCredentials({ send, vault, clock, ...(options.iotCredentials && { address: options.iotCredentials }) }),
    s3: createS3({
      client: clients.s3,
      send,
      presign: createPresign({ ...options, client: clients.s3, vault }),
    }),
    ec2: { ...createLaunchTemplates(ec2), ...createFleets(ec2), ...createDryRuns(ec2), ...createInstances(ec2), ...createVolumes(ec2) },
    ssm: createSsm({ client: clients.ssm, send }),
    secretsManager: createSecretsManager({ client: clients.secretsManager, send }),
    iam: createIam({ client: clients.iam, send }),
    cloudFormation: createCloudFormation({ client: clients.cloudFormation, send }),
    resources: resources.port,
    close: () => {
      for (const client of Object.values(clients)) {
        client.destroy();
      }
      resources.close();
    },
  };
}
