import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateFleetAnswer, FleetOffering } from '../../../src/ports/aws/index.ts';
import { profiles } from '../../../src/sim/faults.ts';
import { type Bench, type BenchOptions, bench, chain, tagsOf, value } from './harness.ts';
import { fleet, offering, template } from './nodes.ts';

async function launch(at: Bench, offerings: readonly FleetOffering[], extra: Parameters<typeof fleet>[2] = {}): Promise<CreateFleetAnswer> {
  const { id } = await template(at);
  const master = await chain('master', at);
  return await at.run(value(at.aws.ec2.createFleet(master, fleet(id, offerings, extra))));
}

const says = (spec: object): BenchOptions => ({ simulatedAccount: { kind: 'SimulatedAccount', spec } });

test('an instant fleet launches the cheapest offering, tagged, with its volume', async () => {
  const at = bench();
  const answer = await launch(at, [offering('m7i.2xlarge'), offering('m7i.large'), offering('m7i.large', 'on-demand', 'b')]);
  assert.deepEqual(answer.errors, []);
  assert.deepEqual(
    { ...answer.instance, instanceId: '' },
    { instanceId: '', instanceType: 'm7i.large', zone: 'us-east-1a', capacityType: 'on-demand' },
  );
  const master = await chain('master', at);
  const [instance] = await at.run(value(at.aws.ec2.describeInstances(master, { tags: { 'elasticruntime.dev/node-uid': 'n1' } })));
  assert.equal(instance?.instanceId, answer.instance?.instanceId);
  assert.equal(instance?.tags['elasticruntime.dev/runtime'], 'analytics');
  assert.match(instance?.instanceId ?? '', /^i-[0-9a-f]{17}$/);
  const volumes = await at.run(
    value(at.aws.ec2.describeVolumes(await chain('worker', at), { tags: { 'elasticruntime.dev/node-uid': 'n1' } })),
  );
  assert.deepEqual(
    volumes.map(({ sizeGiB, type, state, instanceId, deviceName }) => ({ sizeGiB, type, state, instanceId, deviceName })),
    [{ sizeGiB: 50, type: 'gp3', state: 'in-use', instanceId: instance?.instanceId, deviceName: '/dev/xvda' }],
  );
  assert.deepEqual(instance?.volumes, [{ volumeId: volumes[0]?.volumeId, deviceName: '/dev/xvda' }]);
});

test('life: pending, running, booted, shutting down, terminated, forgotten', async () => {
  const events: string[] = [];
  const at = bench({ events: { booted: () => events.push('booted'), stopped: () => events.push('stopped') } });
  const { instance } = await launch(at, [offering('m7i.large')]);
  const instanceIds = [instance?.instanceId ?? ''];
  const master = await chain('master', at);
  const state = async (): Promise<string | undefined> =>
    (await at.run(value(at.aws.ec2.describeInstances(master, { instanceIds }))))[0]?.state;
  assert.equal(await state(), 'pending');
  await at.pass(20_000);
  assert.equal(await state(), 'running');
  await at.pass(40_000);
  assert.deepEqual(events, ['booted']);
  await at.run(value(at.aws.ec2.terminateInstances(master, { instanceIds })));
  assert.equal(await state(), 'shutting-down');
  assert.deepEqual(events, ['booted', 'stopped']);
  await at.pass(60_000);
  assert.equal(await state(), 'terminated');
  assert.deepEqual(at.account.volumes(), [], 'the volume goes with its instance');
  assert.equal((await at.run(at.aws.ec2.terminateInstances(master, { instanceIds }))).ok, true, 'ending it again is a success');
  await at.pass(61 * 60_000);
  const later = await chain('master', at);
  const gone = await at.run(at.aws.ec2.describeInstances(later, { instanceIds }));
  assert.deepEqual(gone.ok ? 'ok' : [gone.error.kind, gone.error.code, gone.error.message], [
    'NotFound',
    'InvalidInstanceID.NotFound',
    `The instance ID '${instanceIds[0]}' does not exist`,
  ]);
  const byTag = await at.run(value(at.aws.ec2.describeInstances(later, { tags: tagsOf() })));
  assert.deepEqual(byTag, []);
});

test('the same client token answers the same fleet; with other parameters it is refused', async () => {
  const at = bench();
  const first = await launch(at, [offering('m7i.large')]);
  const master = await chain('master', at);
  const id = at.account.templates()[0]?.id ?? '';
  const again = await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')]))));
  assert.deepEqual(again, first);
  assert.equal(at.account.instances().length, 1);
  const other = await at.run(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.xlarge')])));
  assert.deepEqual(other.ok ? 'ok' : [other.error.kind, other.error.code], ['IdempotentMismatch', 'IdempotentParameterMismatch']);
  const next = await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')], { clientToken: 'token-2' }))));
  assert.notEqual(next.instance?.instanceId, first.instance?.instanceId);
});

test('capacity by type and zone: the next offering is tried, and each pool without capacity is an error', async () => {
  const capacity = [{ instanceType: 'm7i.large', zone: 'us-east-1a', instances: 0 }];
  const at = bench(says({ capacity }));
  const { instance, errors } = await launch(at, [offering('m7i.large'), offering('m7i.large', 'on-demand', 'b')]);
  assert.equal(instance?.zone, 'us-east-1b');
  assert.deepEqual(
    errors.map(({ code, offering: pool }) => [code, pool?.zone]),
    [['InsufficientInstanceCapacity', 'us-east-1a']],
  );
  assert.match(
    errors[0]?.message ?? '',
    /^We currently do not have sufficient m7i\.large capacity in the Availability Zone you requested \(us-east-1a\)\./,
  );
});

test('no capacity anywhere: a successful answer without an instance', async () => {
  const at = bench(says({ capacity: [{ instanceType: 'm7i.large', instances: 0 }] }));
  const { instance, errors } = await launch(at, [offering('m7i.large', 'spot'), offering('m7i.large', 'spot', 'b')]);
  assert.equal(instance, undefined);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['UnfulfillableCapacity', 'UnfulfillableCapacity'],
  );
  assert.equal(at.audits.at(-1)?.outcome, 'ok');
  assert.equal(at.account.instances().length, 0);
});

test('capacity that is taken comes back when the instance ends', async () => {
  const at = bench(says({ capacity: [{ instanceType: 'm7i.large', capacityType: 'on-demand', instances: 1 }] }));
  const { instance } = await launch(at, [offering('m7i.large')]);
  const master = await chain('master', at);
  const id = at.account.templates()[0]?.id ?? '';
  const again = async (clientToken: string) =>
    await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')], { clientToken }))));
  assert.equal((await again('t2')).instance, undefined);
  await at.run(value(at.aws.ec2.terminateInstances(master, { instanceIds: [instance?.instanceId ?? ''] })));
  assert.notEqual((await again('t3')).instance, undefined);
});

const refused: readonly (readonly [why: string, spec: object, offerings: readonly FleetOffering[], codes: readonly string[]])[] = [
  ['on-demand quota', { quotas: { onDemandVcpus: 4 } }, [offering('m7i.2xlarge')], ['VcpuLimitExceeded']],
  ['spot quota', { quotas: { spotVcpus: 4 } }, [offering('m7i.2xlarge', 'spot')], ['MaxSpotInstanceCountExceeded']],
  [
    'full subnet',
    { subnets: [{ id: 'subnet-0123456789abcdef0', zone: 'us-east-1a', freeAddresses: 0 }] },
    [offering('m7i.large')],
    ['InsufficientFreeAddressesInSubnet'],
  ],
  ['unknown type', {}, [offering('x99.large')], ['Unsupported']],
  ['another subnet than the policy names', {}, [{ ...offering('m7i.large'), subnetId: 'subnet-unknown' }], ['UnauthorizedOperation']],
];
for (const [why, spec, offerings, codes] of refused) {
  test(`a pool is refused: ${why}`, async () => {
    const at = bench(says(spec));
    const { id } = await template(at);
    const master = await chain('master', at);
    const answer = await at.run(at.aws.ec2.createFleet(master, fleet(id, offerings)));
    const found = answer.ok ? answer.value.errors.map(({ code }) => code) : [answer.error.code];
    assert.deepEqual(found, codes);
  });
}

test('network interfaces without our tags are not launched', async () => {
  const at = bench();
  const { id } = await template(at, 'untagged', {});
  const master = await chain('master', at);
  const answer = await at.run(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')])));
  assert.equal(answer.ok, false);
  assert.match(
    answer.ok ? '' : answer.error.message,
    /ec2:CreateFleet on resource: arn:aws:ec2:us-east-1:111122223333:network-interface\/\* because no identity-based policy/,
  );
  assert.equal(at.account.instances().length, 0);
});

test('what EC2 may not do for the caller is an error of the pools', async () => {
  const at = bench();
  const { id } = await template(at);
  const master = await chain('master', at);
  const role = at.account.spec.roles.find(({ arn }) => arn.endsWith('/acme-master'));
  assert.ok(role !== undefined);
  const noRuns = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'ec2:RunInstances', Resource: '*' }] } as const;
  at.account.putRole({ ...role, policies: [...role.policies, { name: 'no runs', document: noRuns }] });
  const answer = await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large'), offering('m7i.xlarge')]))));
  assert.deepEqual(
    answer.errors.map(({ code }) => code),
    ['UnauthorizedOperation', 'UnauthorizedOperation'],
  );
  assert.match(answer.errors[0]?.message ?? '', /ec2:RunInstances on resource: .* with an explicit deny in an identity-based policy$/);
  assert.equal(answer.instance, undefined);
});

test('wrong requests', async () => {
  const at = bench();
  const { id } = await template(at);
  const master = await chain('master', at);
  const code = async (request: ReturnType<typeof fleet>): Promise<string> => {
    const answer = await at.run(at.aws.ec2.createFleet(master, request));
    return answer.ok ? 'ok' : answer.error.code;
  };
  assert.equal(await code(fleet('lt-0nothing', [offering('m7i.large')])), 'InvalidLaunchTemplateId.NotFound');
  assert.equal(await code(fleet(id, [offering('m7i.large'), offering('m7i.large', 'spot')])), 'InvalidParameterCombination');
  assert.equal(await code(fleet(id, [{ ...offering('m7i.large'), zone: 'us-east-1c' }])), 'InvalidParameterCombination');
  assert.equal(await code(fleet(id, [])), 'MissingParameter');
});

test('an interruption gives two minutes, then ends the instance; on-demand ones stay', async () => {
  const notices: number[] = [];
  const at = bench({
    ...says({ interruptions: [{ at: '10m', count: 1 }] }),
    events: { interruptionNotice: (_, endsAt) => notices.push(endsAt - at.world.now()) },
  });
  const { instance } = await launch(at, [offering('m7i.large', 'spot')]);
  const master = await chain('master', at);
  const id = at.account.templates()[0]?.id ?? '';
  await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')], { clientToken: 't2' }))));
  await at.pass(11 * 60_000);
  assert.deepEqual(notices, [120_000]);
  assert.equal(at.account.liveInstances().length, 2);
  await at.pass(2 * 60_000);
  assert.deepEqual(
    at.account.liveInstances().map(({ capacityType }) => capacityType),
    ['on-demand'],
  );
  assert.equal(at.account.instance(instance?.instanceId ?? '')?.endedBy, 'spot');
});

test('an instance takes an address of its subnet, and gives it back', async () => {
  const at = bench();
  const { instance } = await launch(at, [offering('m7i.large')]);
  const operator = await chain('operator', at);
  const free = async () =>
    (await at.run(value(at.aws.ec2.describeSubnets(operator, { subnetIds: [offering('x').subnetId] }))))[0]?.freeAddresses;
  assert.equal(await free(), 3999);
  at.account.shutDown(instance?.instanceId ?? '');
  assert.equal(await free(), 4000);
});

test('a machine that shuts itself down is terminated', async () => {
  const at = bench();
  const { instance } = await launch(at, [offering('m7i.large')]);
  at.account.shutDown(instance?.instanceId ?? '');
  assert.deepEqual(at.account.liveInstances(), []);
  assert.equal(at.account.instance(instance?.instanceId ?? '')?.endedBy, 'itself');
});

test('cost counts seconds at the launch price, a minute at least, and stops with the instance', async () => {
  const at = bench();
  const { instance } = await launch(at, [offering('m7i.large')]);
  const price = at.account.instance(instance?.instanceId ?? '')?.usdPerHour ?? 0;
  assert.equal(at.account.usd(), price / 60);
  await at.pass(30 * 60_000);
  at.account.shutDown(instance?.instanceId ?? '');
  const spent = at.account.usd();
  assert.ok(Math.abs(spent - price / 2) < price / 100);
  await at.pass(60 * 60_000);
  assert.equal(at.account.usd(), spent);
});

test('an instance that never registers does not boot; a lag hides what was just created', async () => {
  const booted: string[] = [];
  const rates = { ...profiles.none.rates, neverRegisters: 1, stale: 1 };
  const faults = { name: 'rough', rates, clockJumpEveryMs: 0, endsAfterMs: 3_600_000 } as const;
  const at = bench({ faults, events: { booted: ({ instanceId }) => booted.push(instanceId) } });
  const { instance } = await launch(at, [offering('m7i.large')]);
  const master = await chain('master', at);
  await at.pass(10_000);
  assert.equal((await at.run(value(at.aws.ec2.describeInstances(master, { tags: tagsOf() })))).length, 1);
  const later = at.account.instance(instance?.instanceId ?? '');
  assert.ok(later !== undefined && later.visibleAt > later.launchedAt);
  await at.pass(3_000_000);
  assert.deepEqual(booted, []);
  assert.equal(later.neverRegisters, true);
});
