import type { CreateFleetRequest, FleetOffering, LaunchTemplate } from '../../../src/ports/aws/index.ts';
import { type Bench, chain, tagsOf, value } from './harness.ts';

export const [subnetA, subnetB] = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];

export function offering(
  instanceType: string,
  capacityType: FleetOffering['capacityType'] = 'on-demand',
  zone: 'a' | 'b' = 'a',
): FleetOffering {
  return { instanceType, capacityType, zone: `us-east-1${zone}`, subnetId: zone === 'a' ? subnetA : subnetB };
}

export async function template(at: Bench, name = 'workers', launchTags = tagsOf()): Promise<LaunchTemplate> {
  const operator = await chain('operator', at);
  const request = {
    name,
    clientToken: `template-${name}`,
    imageId: 'ami-0123456789abcdef0',
    securityGroupIds: ['sg-0123456789abcdef0'],
    userData: Buffer.from('#!/bin/sh').toString('base64'),
    volume: { deviceName: '/dev/xvda', type: 'gp3', sizeGiB: 50 },
    tags: tagsOf(),
    launchTags,
  };
  return await at.run(value(at.aws.ec2.createLaunchTemplate(operator, request)));
}

export function fleet(id: string, offerings: readonly FleetOffering[], extra: Partial<CreateFleetRequest> = {}): CreateFleetRequest {
  const tags = { ...tagsOf(), 'elasticruntime.dev/runtime-uid': 'r1', 'elasticruntime.dev/node-uid': 'n1' };
  return { clientToken: 'token-1', launchTemplate: { id, version: '1' }, offerings, tags, ...extra };
}
