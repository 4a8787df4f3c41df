import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../../src/ports/aws/index.ts';
import { type Bench, bench, chain, value } from './harness.ts';
import { fleet, offering, template } from './nodes.ts';

async function volume(
  at: Bench,
): Promise<{ readonly volumeId: string; grow(sizeGiB: number): Promise<string>; worker(): Promise<Caller> }> {
  const { id } = await template(at);
  const master = await chain('master', at);
  await at.run(value(at.aws.ec2.createFleet(master, fleet(id, [offering('m7i.large')]))));
  const volumeId = at.account.volumes()[0]?.volumeId ?? '';
  const worker = async (): Promise<Caller> => await chain('worker', at);
  return {
    volumeId,
    worker,
    async grow(sizeGiB) {
      const answer = await at.run(at.aws.ec2.modifyVolume(await worker(), { volumeId, sizeGiB }));
      return answer.ok ? 'ok' : `${answer.error.kind} ${answer.error.code}`;
    },
  };
}

test('a modification goes from modifying to optimizing to completed; the device has its new size when it is optimizing', async () => {
  const at = bench();
  const { volumeId, worker } = await volume(at);
  const caller = await worker();
  const sizeAndState = async (): Promise<readonly [number | undefined, string | undefined]> => {
    const [fact] = await at.run(value(at.aws.ec2.describeVolumes(caller, { volumeIds: [volumeId] })));
    const [modification] = await at.run(value(at.aws.ec2.describeVolumesModifications(caller, { volumeIds: [volumeId] })));
    return [fact?.sizeGiB, modification?.state];
  };
  const none = await at.run(at.aws.ec2.describeVolumesModifications(caller, { volumeIds: [volumeId] }));
  assert.equal(none.ok ? 'ok' : none.error.code, 'InvalidVolumeModification.NotFound');
  const made = await at.run(value(at.aws.ec2.modifyVolume(caller, { volumeId, sizeGiB: 80 })));
  assert.deepEqual([made.state, made.originalGiB, made.targetGiB, made.progressPercent], ['modifying', 50, 80, 0]);
  assert.deepEqual(await sizeAndState(), [50, 'modifying']);
  await at.pass(21_000);
  assert.deepEqual(await sizeAndState(), [80, 'optimizing']);
  await at.pass(30 * 60_000);
  assert.deepEqual(await sizeAndState(), [80, 'completed']);
});

test('no second modification before the first is completed, none that shrinks, none that is too large', async () => {
  const at = bench();
  const { grow } = await volume(at);
  assert.equal(await grow(40), 'Invalid InvalidParameterValue');
  assert.equal(await grow(65_537), 'Invalid InvalidParameterValue');
  assert.equal(await grow(60), 'ok');
  assert.equal(await grow(70), 'Throttled IncorrectModificationState');
  await at.pass(60 * 60_000);
  assert.equal(await grow(55), 'Invalid InvalidParameterValue');
  assert.equal(await grow(70), 'ok');
});

test('four modifications in rolling 24 hours', async () => {
  const at = bench();
  const { grow } = await volume(at);
  for (const size of [60, 70, 80, 90]) {
    assert.equal(await grow(size), 'ok');
    await at.pass(60 * 60_000);
  }
  assert.equal(await grow(100), 'Throttled VolumeModificationRateExceeded');
  await at.pass(19 * 60 * 60_000);
  assert.equal(await grow(100), 'Throttled VolumeModificationRateExceeded');
  await at.pass(60 * 60_000);
  assert.equal(await grow(100), 'ok', 'the first of the four is a day old');
  await at.pass(30 * 60_000);
  assert.equal(await grow(110), 'Throttled VolumeModificationRateExceeded', 'the other three still count');
});

test('an attached volume is not deleted; one that is gone is not found', async () => {
  const at = bench();
  const { volumeId, grow } = await volume(at);
  // No identity of ours may: a volume goes with its instance.
  const administrator = at.account.spec.roles.find(({ arn }) => arn.endsWith('/acme-master')) ?? assert.fail('no master role');
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'ec2:DeleteVolume', Resource: '*' }] } as const;
  at.account.putRole({ ...administrator, policies: [...administrator.policies, { name: 'by hand', document }] });
  const master = await chain('master', at);
  const attached = await at.run(at.aws.ec2.deleteVolume(master, { volumeId }));
  assert.equal(attached.ok ? 'ok' : attached.error.code, 'VolumeInUse');
  at.account.shutDown(at.account.instances()[0]?.instanceId ?? '');
  await at.pass(60_000);
  assert.equal(await grow(60), 'NotFound InvalidVolume.NotFound');
  const gone = await at.run(at.aws.ec2.deleteVolume(master, { volumeId }));
  assert.equal(gone.ok ? 'ok' : gone.error.code, 'InvalidVolume.NotFound');
});
