import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffDelay, createBackoff } from '../../src/machinery/backoff.ts';
import { createBatcher } from '../../src/machinery/batcher.ts';
import { createSingleFlight } from '../../src/machinery/single-flight.ts';
import { fakeClock, fixedRandom, settle } from './support/fakes.ts';

function harness(maxItems?: number) {
  const clock = fakeClock();
  const batches: number[][] = [];
  const batcher = createBatcher<number, string>({
    clock,
    idleMs: 1_000,
    maxMs: 5_000,
    ...(maxItems === undefined ? {} : { maxItems }),
    run: async (items) => {
      batches.push([...items]);
      return items.map((item) => `answer ${item}`);
    },
  });
  return { clock, batches, batcher };
}

test('a batch closes when it has been idle, and every item gets its own answer', async () => {
  const { clock, batches, batcher } = harness();
  const first = batcher.add(1);
  await clock.advance(900);
  const second = batcher.add(2);
  await clock.advance(999);
  assert.deepEqual(batches, []);
  await clock.advance(1);
  assert.deepEqual(batches, [[1, 2]]);
  assert.deepEqual(await Promise.all([first, second]), ['answer 1', 'answer 2']);
  assert.equal(clock.timers(), 0);
});

test('a batch that never idles closes at its longest window; the next item opens another', async () => {
  const { clock, batches, batcher } = harness();
  for (let item = 0; item < 8; item++) {
    void batcher.add(item);
    await clock.advance(800);
  }
  assert.deepEqual(batches, [[0, 1, 2, 3, 4, 5, 6]]);
  assert.equal(batcher.waiting(), 1);
  batcher.flush();
  assert.deepEqual(batches[1], [7]);
});

test('a full batch closes at once', async () => {
  const { batches, batcher, clock } = harness(2);
  const answers = Promise.all([batcher.add(1), batcher.add(2), batcher.add(3)]);
  assert.deepEqual(batches, [[1, 2]]);
  await clock.advance(1_000);
  assert.deepEqual(await answers, ['answer 1', 'answer 2', 'answer 3']);
});

test('a batch that fails, or answers too little, rejects each of its items', async () => {
  for (const run of [() => Promise.reject(new Error('down')), () => Promise.resolve(['only one'])]) {
    const clock = fakeClock();
    const batcher = createBatcher<number, string>({ clock, idleMs: 1, maxMs: 1, run });
    const answers = Promise.allSettled([batcher.add(1), batcher.add(2)]);
    await clock.advance(1);
    assert.deepEqual(
      (await answers).map((answer) => answer.status),
      ['rejected', 'rejected'],
    );
  }
});

test('single flight: one call per key, its outcome for all, and a new one afterwards', async () => {
  const flights = createSingleFlight<number>();
  let calls = 0;
  let land: (value: number) => void = () => {};
  const task = () => {
    calls += 1;
    return new Promise<number>((resolve) => (land = resolve));
  };
  const both = [flights.run('a', task), flights.run('a', task)];
  const other = flights.run('b', () => Promise.resolve(2));
  await settle();
  assert.equal(calls, 1);
  land(7);
  assert.deepEqual(await Promise.all(both), [7, 7]);
  assert.equal(await other, 2);
  assert.equal(flights.inFlight('a'), false);

  const failing = [1, 2].map(() => flights.run('c', () => Promise.reject(new Error('no'))));
  assert.deepEqual(
    (await Promise.allSettled(failing)).map((each) => each.status),
    ['rejected', 'rejected'],
  );
  assert.equal(await flights.run('c', () => Promise.resolve(3)), 3);
});

test('backoff: exponential, bounded, jittered in its upper half', () => {
  const policy = { baseMs: 1_000, maxMs: 30_000 };
  assert.deepEqual(
    [1, 2, 3, 6, 5_000].map((failures) => backoffDelay(policy, failures, fixedRandom(0))),
    [500, 1_000, 2_000, 15_000, 15_000],
  );
  assert.equal(backoffDelay(policy, 3, fixedRandom(0.999999)), 4_000);
  const backoff = createBackoff({ ...policy, jitter: 0 }, fixedRandom(0));
  assert.deepEqual([backoff.next(), backoff.next()], [1_000, 2_000]);
  backoff.reset();
  assert.equal(backoff.next(), 1_000);
});
