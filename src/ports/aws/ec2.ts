import type { CreateFleetRequest, FleetOffering } from '../../core/nodes/fleet.ts';
import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

export type Tags = Readonly<Record<string, string>>;

export type { CreateFleetRequest, FleetOffering };

export type CreateFleetAnswer = {
  readonly fleetId: string;
  /** None where no pool had capacity: then `errors` says why, per offering. */
  readonly instance?: {
    readonly instanceId: string;
    readonly instanceType: string;
    readonly zone: string;
    readonly capacityType: 'on-demand' | 'spot';
  };
  readonly errors: readonly { readonly code: string; readonly message: string; readonly offering?: FleetOffering }[];
};

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

export type Instance = {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly state: InstanceState;
  readonly capacityType: 'on-demand' | 'spot';
  /** Milliseconds since the epoch */
  readonly launchTime: number;
  readonly privateDnsName?: string;
  readonly imageId?: string;
  readonly tags: Tags;
  readonly volumes: readonly { readonly volumeId: string; readonly deviceName: string }[];
};

export type VolumeFact = {
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly state: string;
  readonly instanceId?: string;
  readonly deviceName?: string;
  readonly tags: Tags;
};

export type VolumeModification = {
  readonly volumeId: string;
  readonly state: 'modifying' | 'optimizing' | 'completed' | 'failed';
  readonly originalGiB: number;
  readonly targetGiB: number;
  /** Milliseconds since the epoch */
  readonly startTime: number;
  readonly progressPercent: number;
};

export type LaunchTemplateRequest = {
  readonly name: string;
  readonly clientToken: string;
  readonly imageId: string;
  readonly instanceProfileArn?: string;
  readonly securityGroupIds: readonly string[];
  /** base64 */
  readonly userData: string;
  readonly volume: { readonly deviceName: string; readonly type: string; readonly sizeGiB: number; readonly kmsKeyArn?: string };
  /** On the template itself. */
  readonly tags: Tags;
  /** On the network interfaces of what is launched from it: CreateFleet's own tags reach instances and volumes only. */
  readonly launchTags?: Tags;
};

export type LaunchTemplate = { readonly id: string; readonly name: string; readonly version: string; readonly tags: Tags };

export type Ec2Port = {
  createLaunchTemplate(caller: Caller, request: LaunchTemplateRequest): Promise<AwsResult<LaunchTemplate>>;
  describeLaunchTemplates(caller: Caller, filter: { readonly tags: Tags }): Promise<AwsResult<readonly LaunchTemplate[]>>;
  deleteLaunchTemplate(caller: Caller, request: { readonly id: string }): Promise<AwsResult<void>>;
  createFleet(caller: Caller, request: CreateFleetRequest): Promise<AwsResult<CreateFleetAnswer>>;
  /**
   * Dry runs: whether the call would be allowed, without it being made (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html). Of CreateFleet that says
   * nothing of the launching that it does for its caller, which is RunInstances' to say: for the first offering.
   */
  dryRunCreateFleet(caller: Caller, request: CreateFleetRequest): Promise<AwsResult<void>>;
  dryRunRunInstances(caller: Caller, request: CreateFleetRequest): Promise<AwsResult<void>>;
  dryRunDeleteLaunchTemplate(caller: Caller, request: { readonly id: string }): Promise<AwsResult<void>>;
  /** By tags (all must match) or ids; all pages; terminated ones included while EC2 still shows them. */
  describeInstances(
    caller: Caller,
    filter: { readonly tags: Tags } | { readonly instanceIds: readonly string[] },
  ): Promise<AwsResult<readonly Instance[]>>;
  terminateInstances(caller: Caller, request: { readonly instanceIds: readonly string[] }): Promise<AwsResult<void>>;
  describeVolumes(
    caller: Caller,
    filter: { readonly tags: Tags } | { readonly volumeIds: readonly string[] },
  ): Promise<AwsResult<readonly VolumeFact[]>>;
  modifyVolume(caller: Caller, request: { readonly volumeId: string; readonly sizeGiB: number }): Promise<AwsResult<VolumeModification>>;
  describeVolumesModifications(
    caller: Caller,
    filter: { readonly volumeIds: readonly string[] },
  ): Promise<AwsResult<readonly VolumeModification[]>>;
  deleteVolume(caller: Caller, request: { readonly volumeId: string }): Promise<AwsResult<void>>;
  /** Zone of each subnet. */
  describeSubnets(
    caller: Caller,
    filter: { readonly subnetIds: readonly string[] } | { readonly tags: Tags },
  ): Promise<AwsResult<readonly { readonly subnetId: string; readonly zone: string; readonly freeAddresses: number }[]>>;
};
