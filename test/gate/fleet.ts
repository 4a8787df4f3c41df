import { randomUUID } from 'node:crypto';
import {
  type _InstanceType,
  CreateTagsCommand,
  DescribeLaunchTemplateVersionsCommand,
  type ResponseLaunchTemplateData,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { escapeXml, type Refusal, xml } from './answers.ts';
import type { Backend } from './backend.ts';
import type { Capacity } from './capacity.ts';
import { type FleetParameters, fleet, specifiedTags } from './decode.ts';
import type { WireAnswer } from './http.ts';
import { describeOne, type Instances, type StartedInstance } from './instances.ts';
import { type Tree, textAt } from './query.ts';

type Offering = FleetParameters['offerings'][number];

/**
 * An instant fleet of one. The emulator's own CreateFleet knows no capacity, leaves out the template's volumes and tags no volumes, so the gate walks the
 * offerings as EC2 does and has the emulator run the chosen one by RunInstances from the same launch template.
 */
export async function createFleet(
  parts: { readonly backend: Backend; readonly capacity: Capacity; readonly instances: Instances },
  parameters: Tree,
): Promise<WireAnswer | Refusal> {
  const { backend, capacity, instances } = parts;
  const asked = fleet(parameters);
  if (
    textAt(parameters, 'Type') !== 'instant' ||
    textAt(parameters, 'TargetCapacitySpecification', 'TotalTargetCapacity') !== '1' ||
    asked.offerings.length === 0
  ) {
    return {
      status: 400,
      code: 'InvalidParameterValue',
      message: 'The gate knows instant fleets of one instance from launch template overrides only',
    };
  }
  const template = await templateData(backend, asked);
  if (!template)
    return {
      status: 400,
      code: 'InvalidLaunchTemplateId.NotFound',
      message: `The specified launch template, with template ID ${asked.launchTemplate.id}, does not exist.`,
    };
  const errors: string[] = [];
  for (const offering of asked.offerings) {
    const refused = capacity.has(offering) ? undefined : insufficient(offering);
    const started = refused ?? (await run(backend, parameters, asked, offering, template));
    if ('instanceId' in started) {
      instances.started(started);
      return answer([instanceXml(asked, offering, started)], errors);
    }
    errors.push(errorXml(asked, offering, started));
  }
  return answer([], errors);
}

async function templateData(
  backend: Backend,
  { launchTemplate: { id, version } }: FleetParameters,
): Promise<ResponseLaunchTemplateData | undefined> {
  const found = await backend.ec2
    .send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: [version] }))
    .catch(() => undefined);
  return found?.LaunchTemplateVersions?.[0]?.LaunchTemplateData;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#CommonErrors */
function insufficient({ instanceType, zone }: Offering): Refusal {
  return {
    status: 500,
    code: 'InsufficientInstanceCapacity',
    message: `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}).`,
  };
}

async function run(
  backend: Backend,
  parameters: Tree,
  asked: FleetParameters,
  offering: Offering,
  template: ResponseLaunchTemplateData,
): Promise<StartedInstance | Refusal> {
  const specifications = (['instance', 'volume'] as const).flatMap((ResourceType) => {
    const Tags = toList(specifiedTags(parameters, ResourceType));
    return Tags.length > 0 ? [{ ResourceType, Tags }] : [];
  });
  let instanceId: string;
  try {
    const ran = await backend.ec2.send(
      new RunInstancesCommand({
        MinCount: 1,
        MaxCount: 1,
        LaunchTemplate: { LaunchTemplateId: asked.launchTemplate.id, Version: asked.launchTemplate.version },
        InstanceType: offering.instanceType as _InstanceType,
        SubnetId: offering.subnetId,
        ...(template.SecurityGroupIds && { SecurityGroupIds: template.SecurityGroupIds }),
        ...(offering.capacityType === 'spot' && { InstanceMarketOptions: { MarketType: 'spot' } }),
        ...(specifications.length > 0 && { TagSpecifications: specifications }),
      }),
    );
    instanceId = ran.Instances?.[0]?.InstanceId ?? '';
  } catch (error) {
    const { name, message } = error as Error;
    return { status: 400, code: name, message };
  }
  const instance = await describeOne(backend, instanceId);
  await tagInterfaces(backend, template, instance?.NetworkInterfaces?.map((item) => item.NetworkInterfaceId ?? '') ?? []);
  return {
    instanceId,
    instanceType: offering.instanceType,
    zone: instance?.Placement?.AvailabilityZone ?? '',
    capacityType: offering.capacityType,
    subnetId: offering.subnetId,
    privateDnsName: instance?.PrivateDnsName ?? '',
    privateIpAddress: instance?.PrivateIpAddress ?? '',
    launchTemplateId: asked.launchTemplate.id,
    userData: Buffer.from(template.UserData ?? '', 'base64').toString(),
    tags: specifiedTags(parameters, 'instance'),
    volumeIds: instance?.BlockDeviceMappings?.map((mapping) => mapping.Ebs?.VolumeId ?? '') ?? [],
  };
}

/** Interfaces take their tags from the launch template. */
async function tagInterfaces(backend: Backend, template: ResponseLaunchTemplateData, ids: string[]): Promise<void> {
  const tags = template.TagSpecifications?.find(({ ResourceType }) => ResourceType === 'network-interface')?.Tags ?? [];
  if (ids.length > 0 && tags.length > 0) await backend.ec2.send(new CreateTagsCommand({ Resources: ids, Tags: tags }));
}

function toList(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function answer(started: readonly string[], errors: readonly string[]): WireAnswer {
  return xml(
    `<CreateFleetResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><fleetId>fleet-${randomUUID()}</fleetId><fleetInstanceSet>${started.join('')}</fleetInstanceSet><errorSet>${errors.join('')}</errorSet></CreateFleetResponse>`,
  );
}

function templateAndOverrides({ launchTemplate }: FleetParameters, offering: Offering): string {
  const overrides = `<instanceType>${offering.instanceType}</instanceType><subnetId>${offering.subnetId}</subnetId><availabilityZone>${offering.zone}</availabilityZone>`;
  const specification = `<launchTemplateId>${launchTemplate.id}</launchTemplateId><version>${launchTemplate.version}</version>`;
  return `<launchTemplateAndOverrides><launchTemplateSpecification>${specification}</launchTemplateSpecification><overrides>${overrides}</overrides></launchTemplateAndOverrides><lifecycle>${offering.capacityType}</lifecycle>`;
}

function instanceXml(asked: FleetParameters, offering: Offering, { instanceId, instanceType }: StartedInstance): string {
  return `<item>${templateAndOverrides(asked, offering)}<instanceIds><item>${instanceId}</item></instanceIds><instanceType>${instanceType}</instanceType></item>`;
}

function errorXml(asked: FleetParameters, offering: Offering, { code, message }: Refusal): string {
  return `<item>${templateAndOverrides(asked, offering)}<errorCode>${code}</errorCode><errorMessage>${escapeXml(message)}</errorMessage></item>`;
}
