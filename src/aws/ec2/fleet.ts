import {
  CreateFleetCommand,
  type CreateFleetCommandOutput,
  type CreateFleetError,
  type EC2Client,
  type FleetLaunchTemplateOverrides,
  type CreateFleetRequest as SdkRequest,
} from '@aws-sdk/client-ec2';
import type { CreateFleetAnswer, CreateFleetRequest, Ec2Port, FleetOffering } from '../../ports/aws/index.ts';
import { err, ok } from '../../ports/result.ts';
import { actorOf, type Send } from '../send.ts';
import { toTagList } from './tags.ts';

/**
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html. Tags: instances and their volumes take the fleet's tag specifications; network
 * interfaces take none of them, theirs come from the launch template (launch-templates.ts).
 */
export function createFleets(parts: { readonly client: EC2Client; readonly send: Send }): Pick<Ec2Port, 'createFleet'> {
  const { client, send } = parts;
  return {
    async createFleet(caller, request) {
      const capacityType = request.offerings[0]?.capacityType;
      if (!capacityType || request.offerings.some((offering) => offering.capacityType !== capacityType)) {
        return err({ kind: 'Invalid', code: 'MixedOfferings', message: 'a fleet takes one or more offerings, all of one capacity type' });
      }
      const input = toInput(request, capacityType);
      const answer = await send({ method: 'ec2.createFleet', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new CreateFleetCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(toAnswer(answer.value, request)) : answer;
    },
  };
}

export function toInput(request: CreateFleetRequest, capacityType: FleetOffering['capacityType']): SdkRequest {
  const tags = toTagList(request.tags);
  return {
    Type: 'instant',
    ClientToken: request.clientToken,
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: capacityType },
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: request.launchTemplate.id, Version: request.launchTemplate.version },
        // The zone follows from the subnet; said all the same, since errors echo the override and so name the pool.
        Overrides: request.offerings.map((offering, index) => ({
          InstanceType: offering.instanceType as FleetLaunchTemplateOverrides['InstanceType'],
          SubnetId: offering.subnetId,
          AvailabilityZone: offering.zone,
          Priority: index,
        })),
      },
    ],
    ...(capacityType === 'spot'
      ? { SpotOptions: { AllocationStrategy: 'price-capacity-optimized' } }
      : { OnDemandOptions: { AllocationStrategy: 'lowest-price' } }),
    TagSpecifications: [
      { ResourceType: 'fleet', Tags: tags },
      { ResourceType: 'instance', Tags: tags },
      { ResourceType: 'volume', Tags: tags },
    ],
  };
}

function toAnswer(output: CreateFleetCommandOutput, request: CreateFleetRequest): CreateFleetAnswer {
  const launched = output.Instances?.find((instance) => (instance.InstanceIds?.length ?? 0) > 0);
  const instanceId = launched?.InstanceIds?.[0];
  return {
    fleetId: output.FleetId ?? '',
    ...(launched && instanceId !== undefined && { instance: toInstance(launched, instanceId, request) }),
    errors: (output.Errors ?? []).map((error) => toError(error, request)),
  };
}

function toInstance(
  launched: NonNullable<CreateFleetCommandOutput['Instances']>[number],
  instanceId: string,
  request: CreateFleetRequest,
): NonNullable<CreateFleetAnswer['instance']> {
  const overrides = launched.LaunchTemplateAndOverrides?.Overrides;
  return {
    instanceId,
    instanceType: launched.InstanceType ?? overrides?.InstanceType ?? '',
    zone: overrides?.AvailabilityZone ?? offeringOf(overrides, request)?.zone ?? '',
    capacityType: launched.Lifecycle === 'spot' ? 'spot' : 'on-demand',
  };
}

function toError(error: CreateFleetError, request: CreateFleetRequest): CreateFleetAnswer['errors'][number] {
  const offering = offeringOf(error.LaunchTemplateAndOverrides?.Overrides, request);
  return { code: error.ErrorCode ?? '', message: error.ErrorMessage ?? '', ...(offering && { offering }) };
}

function offeringOf(overrides: FleetLaunchTemplateOverrides | undefined, request: CreateFleetRequest): FleetOffering | undefined {
  return request.offerings.find(
    (offering) => offering.instanceType === overrides?.InstanceType && offering.subnetId === overrides.SubnetId,
  );
}
