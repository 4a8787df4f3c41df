import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNamedAs } from '../../../src/core/nodes/node-name.ts';

/* Names of Nodes on EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html */

const instanceId = 'i-0123456789abcdef0';
const byAddress = { instanceId, privateDnsName: 'ip-10-24-34-0.eu-west-1.compute.internal' };
const byResource = { instanceId, privateDnsName: 'i-0123456789abcdef0.eu-west-1.compute.internal' };
const oldRegion = { instanceId, privateDnsName: 'ip-10-24-34-0.ec2.internal' };
const ipv6Only = { instanceId, privateDnsName: 'i-0123456789abcdef0.ec2.internal' };
const unnamed = { instanceId };

const rows: readonly (readonly [why: string, node: string, names: Parameters<typeof isNamedAs>[1], accepted: boolean])[] = [
  ['named after its address', 'ip-10-24-34-0.eu-west-1.compute.internal', byAddress, true],
  ['in us-east-1', 'ip-10-24-34-0.ec2.internal', oldRegion, true],
  ['named after the resource', 'i-0123456789abcdef0.eu-west-1.compute.internal', byResource, true],
  ['in a subnet of IPv6 only', 'i-0123456789abcdef0.ec2.internal', ipv6Only, true],
  ['nodeadm names it by the instance id', 'i-0123456789abcdef0', byAddress, true],
  ['the same, before EC2 says a name', 'i-0123456789abcdef0', unnamed, true],
  ['a domain of the VPC’s own', 'ip-10-24-34-0.corp.example.com', byAddress, true],
  ['the short hostname', 'ip-10-24-34-0', byAddress, true],
  ['capitals', 'ip-10-24-34-0.corp.example.com', { instanceId, privateDnsName: 'IP-10-24-34-0.Corp.Example.com' }, true],
  ['another address', 'ip-10-24-34-1.eu-west-1.compute.internal', byAddress, false],
  ['an address that begins alike', 'ip-10-24-34-01.eu-west-1.compute.internal', byAddress, false],
  ['another resource', 'i-0123456789abcdef1.eu-west-1.compute.internal', byResource, false],
  ['the name as a part of another', 'x-ip-10-24-34-0.eu-west-1.compute.internal', byAddress, false],
  ['any name, before EC2 says one', 'ip-10-24-34-0.ec2.internal', unnamed, false],
  ['an empty name of EC2', '.ec2.internal', { instanceId, privateDnsName: '' }, false],
];

for (const [why, node, names, accepted] of rows) {
  void test(`${why}: ${node} is ${accepted ? '' : 'not '}${names.privateDnsName ?? 'without a name'}`, () => {
    assert.equal(isNamedAs(node, names), accepted);
  });
}
