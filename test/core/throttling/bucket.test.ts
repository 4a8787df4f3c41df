import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, nat, property } from 'fast-check';
import { familyOf, priorityOf } from '../../../src/core/throttling/apis.ts';
import { afterRefusal, fullBucket, refilled, taken, waitFor } from '../../../src/core/throttling/bucket.ts';

const size = { capacity: 50, perSecond: 5 };

void test('as documented: the whole bucket at once, then as fast as it is refilled', () => {
  let bucket = fullBucket(size, 0);
  for (let call = 0; call < 50; call += 1) {
    assert.equal(waitFor(size, bucket, 0), 0);
    bucket = taken(bucket);
  }
  assert.equal(waitFor(size, bucket, 0), 200);
  assert.equal(waitFor(size, refilled(size, bucket, 199), 199), 1);
  assert.equal(waitFor(size, refilled(size, bucket, 200), 200), 0);
  assert.equal(refilled(size, bucket, 3_600_000).tokens, 50);
});

void test('never more calls than the bucket allows, whatever the times', () => {
  check(
    property(array(nat(2_000), { maxLength: 400 }), (gaps) => {
      let bucket = fullBucket(size, 0);
      let now = 0;
      let calls = 0;
      for (const gap of gaps) {
        now += gap;
        bucket = refilled(size, bucket, now);
        if (waitFor(size, bucket, now) > 0) continue;
        bucket = taken(bucket);
        calls += 1;
      }
      assert.ok(calls <= size.capacity + (now / 1000) * size.perSecond + 1e-6);
    }),
  );
});

void test('a refusal empties the bucket, halves the pace, pauses with jitter, and is forgotten with time', () => {
  const refused = afterRefusal(fullBucket(size, 0), 0, 0);
  assert.deepEqual([refused.tokens, refused.share], [0, 0.5]);
  assert.ok(waitFor(size, refused, 0) >= 400);
  assert.ok(afterRefusal(fullBucket(size, 0), 0, 0.99).blockedUntil > refused.blockedUntil);
  let worst = refused;
  for (let count = 0; count < 50; count += 1) worst = afterRefusal(worst, 0, 0.5);
  assert.equal(worst.share, 1 / 64);
  const later = refilled(size, refilled(size, worst, 70_000), 80_000);
  assert.equal(later.share, 1);
});

void test('families and priorities', () => {
  assert.equal(familyOf('ec2.describeInstances')?.requests.perSecond, 20);
  assert.deepEqual(familyOf('ec2.createFleet')?.resources, { capacity: 1_000, perSecond: 2 });
  assert.equal(familyOf('sts.assumeRole'), familyOf('sts.assumeRoleWithWebIdentity'));
  assert.equal(familyOf('s3.putObject'), undefined);
  assert.ok(priorityOf('ec2.terminateInstances') > priorityOf('ec2.createFleet'));
  assert.ok(priorityOf('ec2.createFleet') > priorityOf('ec2.describeInstances'));
});
