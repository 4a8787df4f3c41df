import {
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  type EC2Client,
  type Instance as SdkInstance,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { Ec2Port, Instance, InstanceState } from '../../ports/aws/index.ts';
import { ok } from '../../ports/result.ts';
import { actorOf, type Send } from '../send.ts';
import { allPages } from './pages.ts';
import { fromTagList, tagFilters } from './tags.ts';

type Instances = Pick<Ec2Port, 'describeInstances' | 'terminateInstances' | 'describeSubnets'>;

export function createInstances(parts: { readonly client: EC2Client; readonly send: Send }): Instances {
  const { client, send } = parts;
  return {
    describeInstances: (caller, filter) =>
      allPages(
        (nextToken) => {
          // MaxResults is refused beside ids; without it EC2 may time out on large accounts.
          const select =
            'tags' in filter ? { Filters: tagFilters(filter.tags), MaxResults: 1000 } : { InstanceIds: [...filter.instanceIds] };
          const input = { ...select, ...nextToken };
          return send({ method: 'ec2.describeInstances', request: filter, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new DescribeInstancesCommand(input), { abortSignal }),
          );
        },
        (page) => (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances.map(toInstance)),
      ),

    async terminateInstances(caller, request) {
      const input = { InstanceIds: [...request.instanceIds] };
      const answer = await send({ method: 'ec2.terminateInstances', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new TerminateInstancesCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : answer;
    },

    describeSubnets: (caller, filter) =>
      allPages(
        (nextToken) => {
          const select = 'tags' in filter ? { Filters: tagFilters(filter.tags) } : { SubnetIds: [...filter.subnetIds] };
          const input = { ...select, ...nextToken };
          return send({ method: 'ec2.describeSubnets', request: filter, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new DescribeSubnetsCommand(input), { abortSignal }),
          );
        },
        (page) =>
          (page.Subnets ?? []).map((subnet) => ({
            subnetId: subnet.SubnetId ?? '',
            zone: subnet.AvailabilityZone ?? '',
            freeAddresses: subnet.AvailableIpAddressCount ?? 0,
          })),
      ),
  };
}

function toInstance(instance: SdkInstance): Instance {
  return {
    instanceId: instance.InstanceId ?? '',
    instanceType: instance.InstanceType ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    state: (instance.State?.Name ?? 'pending') satisfies InstanceState,
    capacityType: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
    launchTime: instance.LaunchTime?.getTime() ?? 0,
    ...(instance.PrivateDnsName && { privateDnsName: instance.PrivateDnsName }),
    ...(instance.ImageId && { imageId: instance.ImageId }),
    tags: fromTagList(instance.Tags),
    volumes: (instance.BlockDeviceMappings ?? []).flatMap(({ DeviceName, Ebs }) =>
      Ebs?.VolumeId ? [{ volumeId: Ebs.VolumeId, deviceName: DeviceName ?? '' }] : [],
    ),
  };
}
