import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeLaunchTemplateVersionsCommand, DescribeNetworkInterfacesCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import type { Caller, CreateFleetRequest, FleetOffering, LaunchTemplate } from '../../src/ports/aws/index.ts';
import type { InstanceEvent } from '../gate/instances.ts';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { arnOf, assumeChain, roles, stableTags } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

let master: Caller;
let operator: Caller;
let worker: Caller;
let subnets: Readonly<Record<string, string>> = {};
let securityGroup = '';
let profile = '';
let template: LaunchTemplate;
const events: InstanceEvent[] = [];

/** As the generated policies will be: create with our tags only, change what carries them only. */
const ours = Object.fromEntries(Object.entries(stableTags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
const asked = Object.fromEntries(Object.entries(stableTags).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
const ec2 = 'arn:aws:ec2:*:*';
const created = [`${ec2}:fleet/*`, `${ec2}:instance/*`, `${ec2}:volume/*`, `${ec2}:network-interface/*`];
const permissions: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['ec2:CreateFleet', 'ec2:RunInstances'], Resource: created, Condition: { StringEquals: asked } },
    {
      Effect: 'Allow',
      Action: ['ec2:CreateFleet', 'ec2:RunInstances'],
      Resource: [`${ec2}:subnet/*`, `${ec2}:security-group/*`, `${ec2}:spot-instances-request/*`, 'arn:aws:ec2:*::image/*'],
    },
    {
      Effect: 'Allow',
      Action: ['ec2:CreateFleet', 'ec2:RunInstances', 'ec2:DeleteLaunchTemplate'],
      Resource: `${ec2}:launch-template/*`,
      Condition: { StringEquals: ours },
    },
    { Effect: 'Allow', Action: 'ec2:CreateLaunchTemplate', Resource: '*', Condition: { StringEquals: asked } },
    {
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      Resource: '*',
      Condition: { StringEquals: { 'ec2:CreateAction': ['CreateFleet', 'RunInstances', 'CreateLaunchTemplate'], ...asked } },
    },
    {
      Effect: 'Allow',
      Action: ['ec2:TerminateInstances', 'ec2:ModifyVolume', 'ec2:DeleteVolume'],
      Resource: '*',
      Condition: { StringEquals: ours },
    },
    { Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' },
    {
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: arnOf('node'),
      Condition: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
    },
  ],
};

const stand = useStand(async (self) => {
  const { gate, issuer } = self;
  const made = await provision(gate, {
    subnets: { a: 'us-east-1a', b: 'us-east-1b' },
    securityGroups: ['nodes'],
    roles: {
      ...roles(issuer.issuer, { worker: permissions, master: permissions, operator: permissions }),
      node: {
        trust: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
        },
        permissions: [],
      },
    },
    profiles: { node: 'node' },
  });
  subnets = made.subnets;
  securityGroup = made.securityGroups['nodes'] ?? '';
  profile = made.profiles['node'] ?? '';
  const chain = await assumeChain(self);
  [master, operator, worker] = [as(chain.master), as(chain.operator), as(chain.worker)];
  gate.onInstance((event) => void events.push(event));
  template = must(await self.aws.ec2.createLaunchTemplate(operator, templateRequest('lt-main')));
});

function templateRequest(name: string) {
  return {
    name,
    clientToken: `token-${name}`,
    imageId: 'ami-12c6146b',
    instanceProfileArn: profile,
    securityGroupIds: [securityGroup],
    userData: Buffer.from('#!/bin/sh\necho joined').toString('base64'),
    volume: { deviceName: '/dev/xvdb', type: 'gp3', sizeGiB: 50 },
    tags: { ...stableTags, 'elasticruntime.dev/cluster': 'hub' },
    launchTags: stableTags,
  };
}

function offering(instanceType: string, zone: 'a' | 'b', capacityType: FleetOffering['capacityType'] = 'on-demand'): FleetOffering {
  return { instanceType, zone: `us-east-1${zone}`, subnetId: subnets[zone] ?? '', capacityType };
}

let node = 0;
function fleetRequest(offerings: readonly FleetOffering[], nodeUid = `node-${(node += 1)}`): CreateFleetRequest {
  return {
    clientToken: `${nodeUid}-1`,
    launchTemplate: { id: template.id, version: template.version },
    offerings,
    tags: { ...stableTags, 'elasticruntime.dev/node-uid': nodeUid },
  };
}

void test('a launch template asks for session-bound metadata, encryption and an end at shutdown; it is found by its tags and deleted', async () => {
  const port = stand.aws.ec2;
  const made = must(await port.createLaunchTemplate(operator, templateRequest('lt-other')));
  assert.deepEqual([made.name, made.version], ['lt-other', '1']);
  const { LaunchTemplateVersions = [] } = await stand.gate.backend.ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: made.id }),
  );
  const data = LaunchTemplateVersions[0]?.LaunchTemplateData;
  assert.deepEqual([data?.MetadataOptions?.HttpTokens, data?.MetadataOptions?.HttpPutResponseHopLimit], ['required', 1]);
  assert.equal(data?.InstanceInitiatedShutdownBehavior, 'terminate');
  assert.equal(data?.IamInstanceProfile?.Arn, profile);
  assert.deepEqual(data?.SecurityGroupIds, [securityGroup]);
  const disk = data?.BlockDeviceMappings?.[0];
  assert.deepEqual(
    [disk?.DeviceName, disk?.Ebs?.VolumeSize, disk?.Ebs?.VolumeType, disk?.Ebs?.Encrypted, disk?.Ebs?.DeleteOnTermination],
    ['/dev/xvdb', 50, 'gp3', true, true],
  );
  const found = must(await port.describeLaunchTemplates(operator, { tags: { ...stableTags, 'elasticruntime.dev/cluster': 'hub' } }));
  assert.deepEqual(found.map(({ name }) => name).sort(), ['lt-main', 'lt-other']);
  assert.deepEqual(found[0]?.tags, templateRequest('').tags);
  must(await port.deleteLaunchTemplate(operator, { id: made.id }));
  assert.equal(must(await port.describeLaunchTemplates(operator, { tags: stableTags })).length, 1);
  assert.equal(failure(await port.deleteLaunchTemplate(operator, { id: made.id })).kind, 'NotFound');
});

void test('a fleet starts one instance of the first offering; instance, volumes and interface carry the tags from the start', async () => {
  const port = stand.aws.ec2;
  const request = fleetRequest([offering('m5.large', 'a'), offering('m5.xlarge', 'b')]);
  const { instance, errors } = must(await port.createFleet(master, request));
  assert.ok(instance);
  assert.deepEqual(
    { ...instance, instanceId: '' },
    { instanceId: '', instanceType: 'm5.large', zone: 'us-east-1a', capacityType: 'on-demand' },
  );
  assert.deepEqual(errors, []);
  const [seen] = must(await port.describeInstances(master, { instanceIds: [instance.instanceId] }));
  assert.ok(seen);
  // EC2 adds tags of its own: aws:ec2launchtemplate:…
  assert.deepEqual(Object.fromEntries(Object.entries(seen.tags).filter(([key]) => !key.startsWith('aws:'))), request.tags);
  assert.deepEqual([seen.state, seen.zone, seen.capacityType, seen.imageId], ['running', 'us-east-1a', 'on-demand', 'ami-12c6146b']);
  assert.ok(Math.abs(seen.launchTime - Date.now()) < 60_000);
  assert.ok(seen.volumes.some(({ deviceName }) => deviceName === '/dev/xvdb'));
  const volumes = must(await port.describeVolumes(worker, { tags: request.tags }));
  assert.deepEqual(volumes.map(({ volumeId }) => volumeId).sort(), seen.volumes.map(({ volumeId }) => volumeId).sort());
  const data = volumes.find(({ deviceName }) => deviceName === '/dev/xvdb');
  assert.deepEqual([data?.sizeGiB, data?.type, data?.state, data?.instanceId], [50, 'gp3', 'in-use', instance.instanceId]);
  const interfaces = await stand.gate.backend.ec2.send(
    new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instance.instanceId] }] }),
  );
  assert.deepEqual(Object.fromEntries(interfaces.NetworkInterfaces?.[0]?.TagSet?.map(({ Key, Value }) => [Key, Value]) ?? []), stableTags);
  const started = events.findLast(({ kind }) => kind === 'started');
  assert.deepEqual([started?.instance.instanceId, started?.instance.userData], [instance.instanceId, '#!/bin/sh\necho joined']);
});

void test('a spot fleet starts a spot instance', async () => {
  const { instance } = must(await stand.aws.ec2.createFleet(master, fleetRequest([offering('m5.large', 'a', 'spot')])));
  assert.equal(instance?.capacityType, 'spot');
  const [seen] = must(await stand.aws.ec2.describeInstances(master, { instanceIds: [instance.instanceId] }));
  assert.equal(seen?.capacityType, 'spot');
});

void test('the same client token is the same fleet; with other parameters it is refused', async () => {
  const port = stand.aws.ec2;
  const request = fleetRequest([offering('m5.large', 'a')]);
  const before = stand.gate.liveInstances().length;
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => port.createFleet(master, request)));
  assert.ok(first && second && third);
  assert.deepEqual(must(first), must(second));
  assert.deepEqual(must(first), must(third));
  assert.equal(stand.gate.liveInstances().length, before + 1);
  const other = failure(await port.createFleet(master, { ...request, offerings: [offering('m5.xlarge', 'a')] }));
  assert.deepEqual([other.kind, other.code], ['IdempotentMismatch', 'IdempotentParameterMismatch']);
  const again = must(await port.createLaunchTemplate(operator, templateRequest('lt-main')));
  assert.equal(again.id, template.id);
  const taken = failure(await port.createLaunchTemplate(operator, { ...templateRequest('lt-main'), clientToken: 'another' }));
  assert.deepEqual([taken.kind, taken.code], ['AlreadyExists', 'InvalidLaunchTemplateName.AlreadyExistsException']);
});

void test('a lost answer is asked for again with the same token, and nothing starts twice', async () => {
  const request = fleetRequest([offering('m5.large', 'a')]);
  const before = stand.gate.liveInstances().length;
  stand.gate.faults.add({ kind: 'lost-after', action: 'ec2:CreateFleet' });
  assert.equal(failure(await stand.aws.ec2.createFleet(master, request)).kind, 'Network');
  assert.equal(stand.gate.liveInstances().length, before + 1);
  assert.ok(must(await stand.aws.ec2.createFleet(master, request)).instance);
  assert.equal(stand.gate.liveInstances().length, before + 1);
});

void test('offerings without capacity are named as errors; the next one is taken, or none', async () => {
  const { capacity } = stand.gate;
  capacity.limit({ instanceType: 'c5.large' }, 0);
  capacity.limit({ instanceType: 'r5.large', zone: 'us-east-1b' }, 1);
  const offerings = [offering('c5.large', 'a'), offering('r5.large', 'b')];
  const first = must(await stand.aws.ec2.createFleet(master, fleetRequest(offerings)));
  assert.equal(first.instance?.instanceType, 'r5.large');
  assert.equal(first.instance.zone, 'us-east-1b');
  assert.deepEqual(
    first.errors.map(({ code, offering: pool }) => [code, pool]),
    [['InsufficientInstanceCapacity', offerings[0]]],
  );
  const second = must(await stand.aws.ec2.createFleet(master, fleetRequest(offerings)));
  assert.equal(second.instance, undefined);
  assert.deepEqual(
    second.errors.map(({ offering: pool }) => pool),
    offerings,
  );
  must(await stand.aws.ec2.terminateInstances(master, { instanceIds: [first.instance.instanceId] }));
  assert.ok(must(await stand.aws.ec2.createFleet(master, fleetRequest(offerings))).instance);
  capacity.clear();
});

void test('offerings of two capacity types make no call', async () => {
  const calls = stand.audit.length;
  const error = failure(
    await stand.aws.ec2.createFleet(master, fleetRequest([offering('m5.large', 'a'), offering('m5.large', 'a', 'spot')])),
  );
  assert.equal(error.kind, 'Invalid');
  assert.equal(stand.audit.length, calls);
});

void test('instances are found by tags over many pages, ended, and seen as terminated', async () => {
  const port = stand.aws.ec2;
  const request = fleetRequest([offering('m5.large', 'b')]);
  const instanceId = must(await port.createFleet(master, request)).instance?.instanceId ?? '';
  assert.deepEqual(
    must(await port.describeInstances(master, { tags: request.tags })).map((found) => found.instanceId),
    [instanceId],
  );
  must(await port.terminateInstances(master, { instanceIds: [instanceId] }));
  must(await port.terminateInstances(master, { instanceIds: [instanceId] }));
  assert.equal(events.at(-1)?.kind, 'terminated');
  const [ended] = must(await port.describeInstances(master, { instanceIds: [instanceId] }));
  assert.equal(ended?.state, 'terminated');
  const missing = failure(await port.describeInstances(master, { instanceIds: ['i-0123456789abcdef0'] }));
  assert.deepEqual([missing.kind, missing.code], ['NotFound', 'InvalidInstanceID.NotFound']);
});

void test('what does not carry the runtime’s tags is neither ended nor made', async () => {
  const foreign = await stand.gate.backend.ec2.send(new RunInstancesCommand({ ImageId: 'ami-12c6146b', MinCount: 1, MaxCount: 1 }));
  const { InstanceId = '', BlockDeviceMappings = [] } = foreign.Instances?.[0] ?? {};
  const port = stand.aws.ec2;
  const ended = failure(await port.terminateInstances(master, { instanceIds: [InstanceId] }));
  assert.deepEqual([ended.kind, ended.code], ['AccessDenied', 'UnauthorizedOperation']);
  const [volume] = must(await port.describeInstances(master, { instanceIds: [InstanceId] })).flatMap(({ volumes }) => volumes);
  assert.equal(failure(await port.modifyVolume(worker, { volumeId: volume?.volumeId ?? '', sizeGiB: 100 })).code, 'UnauthorizedOperation');
  assert.ok(BlockDeviceMappings);
  const untagged = { ...fleetRequest([offering('m5.large', 'a')]), tags: { 'elasticruntime.dev/runtime': 'other' } };
  assert.equal(failure(await port.createFleet(master, untagged)).code, 'UnauthorizedOperation');
  assert.equal(
    failure(await port.createLaunchTemplate(operator, { ...templateRequest('lt-bare'), tags: {} })).code,
    'UnauthorizedOperation',
  );
});

void test('a volume grows in steps, four times a day', async () => {
  const port = stand.aws.ec2;
  stand.gate.setVolumePace({ modifyingMs: 60_000, optimizingMs: 600_000 });
  const request = fleetRequest([offering('m5.large', 'a')]);
  must(await port.createFleet(master, request));
  const volumeId =
    must(await port.describeVolumes(worker, { tags: request.tags })).find(({ deviceName }) => deviceName === '/dev/xvdb')?.volumeId ?? '';
  const none = failure(await port.describeVolumesModifications(worker, { volumeIds: [volumeId] }));
  assert.deepEqual([none.kind, none.code], ['NotFound', 'InvalidVolumeModification.NotFound']);
  const sizeNow = async () => must(await port.describeVolumes(worker, { volumeIds: [volumeId] }))[0]?.sizeGiB;
  const first = must(await port.modifyVolume(worker, { volumeId, sizeGiB: 60 }));
  assert.deepEqual([first.state, first.originalGiB, first.targetGiB, first.progressPercent], ['modifying', 50, 60, 0]);
  assert.equal(await sizeNow(), 50);
  stand.clock.advance(61_000);
  assert.equal(await sizeNow(), 60);
  assert.equal(must(await port.describeVolumesModifications(worker, { volumeIds: [volumeId] }))[0]?.state, 'optimizing');
  const tooEarly = failure(await port.modifyVolume(worker, { volumeId, sizeGiB: 70 }));
  assert.deepEqual([tooEarly.kind, tooEarly.code], ['Throttled', 'IncorrectModificationState']);
  for (const sizeGiB of [70, 80, 90]) {
    stand.clock.advance(660_000);
    assert.equal(must(await port.describeVolumesModifications(worker, { volumeIds: [volumeId] }))[0]?.state, 'completed');
    assert.equal(failure(await port.modifyVolume(worker, { volumeId, sizeGiB: sizeGiB - 10 })).kind, 'Invalid');
    must(await port.modifyVolume(worker, { volumeId, sizeGiB }));
  }
  stand.clock.advance(660_000);
  const spent = failure(await port.modifyVolume(worker, { volumeId, sizeGiB: 100 }));
  assert.deepEqual([spent.kind, spent.code], ['Throttled', 'VolumeModificationRateExceeded']);
  assert.equal(await sizeNow(), 90);
  assert.equal(failure(await port.deleteVolume(worker, { volumeId })).code, 'VolumeInUse');
});

void test('subnets tell their zones', async () => {
  const found = must(await stand.aws.ec2.describeSubnets(operator, { subnetIds: [subnets['a'] ?? '', subnets['b'] ?? ''] }));
  assert.deepEqual(found.map(({ zone }) => zone).sort(), ['us-east-1a', 'us-east-1b']);
  assert.ok((found[0]?.freeAddresses ?? 0) > 4000);
  assert.deepEqual(
    must(await stand.aws.ec2.describeSubnets(operator, { tags: { Name: 'b' } })).map(({ subnetId }) => subnetId),
    [subnets['b']],
  );
  assert.equal(failure(await stand.aws.ec2.describeSubnets(operator, { subnetIds: ['subnet-0123'] })).kind, 'NotFound');
});

/* Who asks for what with which tags, and EC2's code; allowed: DryRunOperation, which the port takes for yes. */
void test('dry runs say what would be allowed, in the words of the real call, and do nothing', async () => {
  const { dryRunCreateFleet, dryRunRunInstances, dryRunDeleteLaunchTemplate } = stand.aws.ec2;
  const before = [stand.gate.liveInstances().length, stand.gate.record().length];
  const spot = fleetRequest([offering('m7i.large', 'b', 'spot')]);
  const onDemand = fleetRequest([offering('m7i.large', 'a')]);
  must(await dryRunCreateFleet(master, spot));
  must(await dryRunRunInstances(master, spot));
  must(await dryRunRunInstances(master, onDemand));
  must(await dryRunDeleteLaunchTemplate(operator, { id: template.id }));
  // A fleet's own dry run does not look at what is launched from it.
  const nowhere = { ...onDemand, launchTemplate: { id: 'lt-0123456789abcdef0', version: '1' } };
  must(await dryRunCreateFleet(master, nowhere));
  const untagged = { ...onDemand, tags: { Name: 'x' } };
  for (const [refused, action] of [
    [failure(await dryRunCreateFleet(master, untagged)), 'ec2:CreateFleet'],
    [failure(await dryRunRunInstances(master, untagged)), 'ec2:RunInstances'],
    [failure(await dryRunRunInstances(master, nowhere)), 'ec2:RunInstances'],
  ] as const) {
    assert.deepEqual([refused.kind, refused.code], ['AccessDenied', 'UnauthorizedOperation']);
    assert.ok(refused.message.includes(`is not authorized to perform: ${action} on resource: `), refused.message);
  }
  assert.deepEqual(
    stand.gate
      .record()
      .slice(before[1])
      .map(({ action, outcome }) => `${action} ${outcome}`),
    [
      'ec2:CreateFleet DryRunOperation',
      'ec2:RunInstances DryRunOperation',
      'ec2:RunInstances DryRunOperation',
      'ec2:DeleteLaunchTemplate DryRunOperation',
      'ec2:CreateFleet DryRunOperation',
      'ec2:CreateFleet UnauthorizedOperation',
      'ec2:RunInstances UnauthorizedOperation',
      'ec2:RunInstances UnauthorizedOperation',
    ],
  );
  assert.equal(stand.gate.liveInstances().length, before[0]);
  const left = await stand.gate.backend.ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: template.id }));
  assert.equal(left.LaunchTemplateVersions?.length, 1);
});

void test('the audit is the gate’s record, line for line', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
