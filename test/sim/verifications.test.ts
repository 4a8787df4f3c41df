import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessFailure } from '../../src/controllers/identity/failure.ts';
import { inParallel } from '../../src/controllers/identity/parallel.ts';
import { createVerifications } from '../../src/controllers/identity/verifications.ts';
import { proofLeftMs } from '../../src/core/preflight/age.ts';
import { err, ok, type Result } from '../../src/ports/result.ts';

const failure = (transient: boolean): AccessFailure => ({
  identity: 'worker',
  chain: [],
  action: 's3:PutObject',
  resource: '*',
  code: 'X',
  message: 'x',
  transient,
});

function stand(answer: () => Result<object, AccessFailure>) {
  let now = 0;
  let asked = 0;
  const verifications = createVerifications({ now: () => now, monotonic: () => now, after: () => () => undefined });
  const ask = () =>
    verifications.verify('key', async () => {
      asked += 1;
      await Promise.resolve();
      return answer();
    });
  return { ask, asked: () => asked, pass: (ms: number) => void (now += ms), isFresh: () => verifications.isFresh('key') };
}

void test('many that ask at once, and all who ask within ten minutes, get one answer', async () => {
  const { ask, asked, pass, isFresh } = stand(() => ok({}));
  assert.equal(isFresh(), false);
  await Promise.all(Array.from({ length: 1000 }, ask));
  assert.equal(asked(), 1);
  pass(599_999);
  await ask();
  assert.deepEqual([asked(), isFresh()], [1, true]);
  pass(1);
  assert.equal(isFresh(), false);
  await ask();
  assert.equal(asked(), 2);
});

void test('whoever has used an answer before asks again where it is old to him; others still use it', async () => {
  let now = 0;
  const verifications = createVerifications({ now: () => now, monotonic: () => now, after: () => () => undefined });
  const check = async () => ok({});
  assert.equal(verifications.age('key'), undefined);
  await verifications.verify('key', check);
  now = 300_000;
  const again = verifications.youngerThan(300_000);
  assert.deepEqual([again.isFresh('key'), verifications.isFresh('key'), verifications.age('key')], [false, true, 300_000]);
  await again.verify('key', check);
  assert.deepEqual([again.isFresh('key'), verifications.age('key')], [true, 0]);
});

void test('one is waited for who is about to find something out: until it is found, or refused, or for half a minute', async () => {
  let now = 0;
  const verifications = createVerifications({ now: () => now, monotonic: () => now, after: () => () => undefined });
  const awaited = (by: string, ...keys: readonly string[]) => verifications.isAwaited(keys, by);
  assert.deepEqual(
    [awaited('a', 'x'), awaited('a', 'x'), awaited('b', 'x'), awaited('b', 'x', 'y'), awaited('c', 'y')],
    [false, false, true, false, true],
  );
  now = 30_000;
  assert.deepEqual([awaited('c', 'x'), awaited('b', 'x')], [false, true]);
  await verifications.verify('x', async () => ok({}));
  assert.equal(awaited('b', 'x'), false, 'it is found');
  now = 700_000;
  await verifications.verify('x', async () => err(failure(false)));
  assert.deepEqual([awaited('a', 'x'), awaited('b', 'x')], [false, false], 'what was refused all ask together');
});

void test('a proof of a time to come, or of none, is too old', () => {
  const lefts = [undefined, 2_000, 1_000, 1_000 - 599_999, 1_000 - 600_000].map((at) => proofLeftMs(at, 1_000));
  assert.deepEqual(lefts, [0, 0, 600_000, 1, 0]);
});

void test('an answer that may soon be another one serves others for a minute', async () => {
  for (const proof of [{ isBrief: true }, { isUnanswered: true }]) {
    const { ask, asked, pass } = stand(() => ok(proof));
    for (const ms of [0, 59_999, 1]) {
      pass(ms);
      await ask();
    }
    assert.equal(asked(), 2);
  }
});

void test('a refusal is asked for again after two seconds; what passes by itself after a pause that doubles up to thirty', async () => {
  const refused = stand(() => err(failure(false)));
  for (const ms of [0, 1_999, 1, 2_000, 2_000]) {
    refused.pass(ms);
    assert.equal((await refused.ask()).ok, false);
  }
  assert.equal(refused.asked(), 4);
  const flaky = stand(() => err(failure(true)));
  const pauses: number[] = [];
  for (let asked = 1, waited = 0; pauses.length < 8; ) {
    await flaky.ask();
    if (flaky.asked() > asked) {
      pauses.push(waited);
      asked = flaky.asked();
      waited = 0;
    }
    flaky.pass(500);
    waited += 500;
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

void test('a success after failures counts as one, and its failures are forgotten', async () => {
  let good = false;
  const { ask, asked, pass } = stand(() => (good ? ok({}) : err(failure(true))));
  await ask();
  good = true;
  pass(1_000);
  assert.equal((await ask()).ok, true);
  pass(600_000);
  good = false;
  await ask();
  pass(1_000);
  await ask();
  assert.equal(asked(), 4);
});

void test('probes run a few at a time, and answer in their order', async () => {
  let running = 0;
  let most = 0;
  const answers = await inParallel([5, 1, 4, 2, 3, 0], 3, async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    running -= 1;
    return turns * 10;
  });
  assert.deepEqual(answers, [50, 10, 40, 20, 30, 0]);
  assert.equal(most, 3);
});
