import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiPace } from '../../src/controllers/api-pace.ts';
import type { PacedCall } from '../../src/ports/aws/pace.ts';
import { createWorld } from '../../src/sim/world.ts';

const second = 1_000;

function stage() {
  const world = createWorld({ seed: 1 });
  const { clock, random } = world.startProcess('operator');
  const observed: string[] = [];
  const waits: number[] = [];
  const pace = createApiPace({
    clock,
    random,
    telemetry: {
      log: () => undefined,
      count: (name) => void observed.push(name),
      gauge: () => undefined,
      observeSeconds: (_name, seconds) => void waits.push(seconds),
    },
  });
  const pass = (ms: number) => world.runUntil(() => false, ms);
  return { pace, pass, observed, waits, world };
}

function call(method: string, lane: string, more: Partial<PacedCall> = {}): PacedCall {
  return { account: '111122223333', region: 'us-east-1', method, lane, ...more };
}

void test('a full bucket lets its calls through at once, then as fast as it is refilled; another account has another', async () => {
  const { pace, pass } = stage();
  let done = 0;
  for (let index = 0; index < 100; index += 1) void pace.take(call('ec2.createFleet', 'a')).then(() => (done += 1));
  await pass(1);
  // 50 and 5/s, less a tenth.
  assert.equal(done, 45);
  await pass(2 * second);
  assert.equal(done, 54);
  let other = 0;
  void pace.take(call('ec2.createFleet', 'a', { account: '444455556666' })).then(() => (other += 1));
  void pace.take(call('ec2.describeInstances', 'a')).then(() => (other += 1));
  void pace.take(call('s3.putObject', 'a')).then(() => (other += 1));
  await pass(1);
  assert.equal(other, 3);
});

void test('runtimes take turns: one that comes late does not wait for the thousands before it', async () => {
  const { pace, pass } = stage();
  const order: string[] = [];
  for (let index = 0; index < 1_000; index += 1) void pace.take(call('ec2.createFleet', 'large')).then(() => order.push('large'));
  await pass(second);
  for (let index = 0; index < 3; index += 1) void pace.take(call('ec2.createFleet', 'small')).then(() => order.push('small'));
  const before = order.length;
  await pass(2 * second);
  assert.deepEqual(order.slice(before, before + 6).toSorted(), ['large', 'large', 'large', 'small', 'small', 'small']);
});

void test('a ticket waits without holding anybody: its turn is told, kept for a minute, and used once', async () => {
  const { pace, pass } = stage();
  const told: string[] = [];
  pace.onTurn((ticket) => void told.push(ticket));
  for (let index = 0; index < 45; index += 1) assert.equal(pace.turn({ ...call('ec2.createFleet', 'a'), ticket: `n-${index}` }), true);
  const late = { ...call('ec2.createFleet', 'a'), ticket: 'late' };
  assert.deepEqual([pace.turn(late), pace.turn(late)], [false, false]);
  await pass(second);
  assert.deepEqual([told, pace.turn(late)], [['late'], true]);
  let taken = false;
  void pace.take(late).then(() => (taken = true));
  await pass(0);
  assert.equal(taken, true, 'the token was paid for with the turn');
  const unused = { ...call('ec2.createFleet', 'a'), ticket: 'unused' };
  assert.equal(pace.turn(unused), true);
  await pass(61 * second);
  for (let index = 0; index < 45; index += 1) void pace.take(call('ec2.createFleet', 'a'));
  // Given up meanwhile: it stands in line anew.
  assert.equal(pace.turn(unused), false);
});

void test('a refusal slows down, is counted, and the pace comes back', async () => {
  const { pace, pass, observed } = stage();
  pace.answered(call('ec2.createFleet', 'a'), true);
  assert.deepEqual(observed, ['aws_throttled_total']);
  let done = 0;
  for (let index = 0; index < 200; index += 1) void pace.take(call('ec2.createFleet', 'a')).then(() => (done += 1));
  await pass(400);
  assert.equal(done, 0);
  await pass(2 * second);
  const slow = done;
  assert.ok(slow >= 1 && slow <= 8, `${slow} in the first seconds`);
  await pass(30 * second);
  const later = done;
  await pass(4 * second);
  assert.ok(done - later >= 17, `${done - later} in four seconds after ${later} (${slow})`);
});

void test('the wait is measured', async () => {
  const { pace, pass, waits } = stage();
  for (let index = 0; index < 47; index += 1) void pace.take(call('ec2.createFleet', 'a'));
  await pass(second);
  assert.deepEqual(
    waits.slice(0, 45),
    Array.from({ length: 45 }, () => 0),
  );
  assert.ok(waits.slice(45).every((seconds) => seconds > 0.2 && seconds < 0.5));
});

void test('buckets that are full again are forgotten, those that are not never', async () => {
  const { pace, pass, world } = stage();
  for (let index = 0; index < 45; index += 1) await pace.take(call('ec2.createFleet', 'a'));
  for (let account = 0; account < 1_500; account += 1) await pace.take(call('ec2.createFleet', 'a', { account: `${account}` }));
  // None is full yet: the first one is empty still.
  assert.equal(pace.groups(), 1_501);
  let done = false;
  void pace.take(call('ec2.createFleet', 'a')).then(() => (done = true));
  await pass(1);
  assert.equal(done, false);
  world.schedule(60 * second, 'time passes', () => undefined);
  await pass(61 * second);
  await pace.take(call('ec2.createFleet', 'a', { account: 'new' }));
  assert.ok(pace.groups() < 10, `${pace.groups()}`);
});
