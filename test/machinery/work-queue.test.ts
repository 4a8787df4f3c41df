import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createWorkQueue, priorities, type WorkQueue, type WorkQueueOptions } from '../../src/machinery/work-queue.ts';
import { type FakeClock, fakeClock, fakeRandom, fixedRandom, recordedTelemetry, settle } from './support/fakes.ts';

type Harness = { readonly clock: FakeClock; readonly queue: WorkQueue };

function harness(overrides: Partial<WorkQueueOptions> = {}): Harness {
  const clock = fakeClock();
  const queue = createWorkQueue({ name: 'test', clock, random: fixedRandom(0.999999), telemetry: recordedTelemetry(), ...overrides });
  return { clock, queue };
}

/** Everything that can be taken right now, in order; each is done at once. */
async function drain(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length() > 0) {
    const key = await queue.take();
    assert.ok(key !== undefined);
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

test('a key waits at most once, first in first out', async () => {
  const { queue } = harness();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  assert.equal(queue.length(), 3);
  assert.deepEqual(await drain(queue), ['a', 'b', 'c']);
});

test('a key that is added while being worked on comes back after done, not before', async () => {
  const { queue } = harness();
  queue.add('a');
  assert.equal(await queue.take(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(queue.length(), 0);
  let second: string | undefined;
  const waiting = queue.take().then((key) => (second = key));
  await settle();
  assert.equal(second, undefined);
  queue.done('a');
  await waiting;
  assert.equal(second, 'a');
  queue.done('a');
  assert.equal(queue.length(), 0);
});

test('higher priorities go first, a raised key moves up, a lowered one does not move down', async () => {
  const { queue } = harness();
  queue.add('background', priorities.background);
  queue.add('normal');
  queue.add('raised', priorities.background);
  queue.add('urgent', priorities.urgent);
  queue.add('raised', priorities.urgent);
  queue.add('urgent', priorities.background);
  assert.deepEqual(await drain(queue), ['urgent', 'raised', 'normal', 'background']);
});

test('background keys are not starved by a stream of urgent ones', async () => {
  const { queue } = harness();
  queue.add('old', priorities.background);
  const taken: string[] = [];
  for (let step = 0; step < 20; step++) {
    queue.add(`urgent-${step}`, priorities.urgent);
    const key = await queue.take();
    assert.ok(key !== undefined);
    taken.push(key);
    queue.done(key);
  }
  assert.ok(taken.includes('old'), taken.join());
  assert.ok(taken.indexOf('old') < 8);
});

test('the earliest of several delayed adds wins', async () => {
  const { queue, clock } = harness();
  queue.addAfter('a', 10_000);
  queue.addAfter('a', 2_000);
  queue.addAfter('a', 30_000, priorities.urgent);
  await clock.advance(1_999);
  assert.equal(queue.length(), 0);
  await clock.advance(1);
  assert.deepEqual(await drain(queue), ['a']);
  await clock.advance(60_000);
  assert.equal(queue.length(), 0);
});

test('backoff doubles per key up to its limit and starts anew after forget', async () => {
  const { queue, clock } = harness({ backoff: { baseMs: 1_000, maxMs: 8_000, jitter: 0 } });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 6; attempt++) {
    const before = clock.monotonic();
    queue.retry('a');
    while (queue.length() === 0) await clock.advance(100);
    waits.push(clock.monotonic() - before);
    await drain(queue);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  assert.equal(queue.failures('a'), 6);
  queue.forget('a');
  queue.retry('a');
  queue.retry('other', 5_000);
  await clock.advance(1_000);
  assert.deepEqual(await drain(queue), ['a']);
  await clock.advance(3_999);
  assert.equal(queue.length(), 0);
  await clock.advance(1);
  assert.deepEqual(await drain(queue), ['other']);
});

test('retries of many keys are spread by the overall rate; plain adds are not', async () => {
  const { queue, clock } = harness({ backoff: { baseMs: 1, maxMs: 1, jitter: 0 }, retryRate: { perSecond: 10, burst: 5 } });
  for (let index = 0; index < 25; index++) queue.retry(`key-${index}`);
  await clock.advance(1);
  assert.equal(queue.length(), 5);
  await clock.advance(999);
  assert.equal(queue.length(), 15);
  await clock.advance(1_000);
  assert.equal(queue.length(), 25);
  for (let index = 0; index < 50; index++) queue.add(`plain-${index}`);
  assert.equal(queue.length(), 75);
});

test('shutdown releases who waits, drops timers and takes nothing more', async () => {
  const { queue, clock } = harness();
  const waiting = queue.take();
  queue.addAfter('later', 1_000);
  queue.shutDown();
  assert.equal(await waiting, undefined);
  assert.equal(clock.timers(), 0);
  queue.add('a');
  queue.retry('b');
  assert.equal(await queue.take(), undefined);
});

test('idle resolves when the last key is done', async () => {
  const { queue } = harness();
  queue.add('a');
  await queue.take();
  let idle = false;
  const waiting = queue.idle().then(() => (idle = true));
  await settle();
  assert.equal(idle, false);
  queue.done('a');
  await waiting;
});

type Step =
  | { readonly do: 'add'; readonly key: string; readonly priority: number }
  | { readonly do: 'addAfter'; readonly key: string; readonly delayMs: number; readonly priority: number }
  | { readonly do: 'retry'; readonly key: string }
  | { readonly do: 'take' }
  | { readonly do: 'done'; readonly pick: number }
  | { readonly do: 'advance'; readonly ms: number };

const keys = fc.constantFrom('a', 'b', 'c', 'd');
const priority = fc.constantFrom(-10, 0, 10);
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const), key: keys, priority }),
    fc.record({ do: fc.constant('addAfter' as const), key: keys, delayMs: fc.integer({ min: 1, max: 50 }), priority }),
    fc.record({ do: fc.constant('retry' as const), key: keys }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('done' as const), pick: fc.nat(9) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }),
  ),
  { maxLength: 80, size: 'max' },
);

test('model: against plain sets, nothing is lost, doubled or handed out of turn', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script: readonly Step[]) => {
      const { queue, clock } = harness({ random: fakeRandom(7), backoff: { baseMs: 4, maxMs: 40, jitter: 0 } });
      const waiting = new Map<string, number>();
      const processing = new Map<string, number | undefined>();
      const delayed = new Map<string, { at: number; priority: number }>();
      const failures = new Map<string, number>();
      let takes = 0;

      function modelAdd(key: string, level: number): void {
        if (processing.has(key)) processing.set(key, Math.max(processing.get(key) ?? level, level));
        else waiting.set(key, Math.max(waiting.get(key) ?? level, level));
      }
      function modelAfter(key: string, delayMs: number, level: number): void {
        const old = delayed.get(key);
        const at = clock.monotonic() + delayMs;
        delayed.set(key, { at: Math.min(old?.at ?? at, at), priority: Math.max(old?.priority ?? level, level) });
      }

      for (const step of script) {
        switch (step.do) {
          case 'add':
            queue.add(step.key, step.priority);
            modelAdd(step.key, step.priority);
            break;
          case 'addAfter':
            queue.addAfter(step.key, step.delayMs, step.priority);
            modelAfter(step.key, step.delayMs, step.priority);
            break;
          case 'retry': {
            queue.retry(step.key);
            const count = (failures.get(step.key) ?? 0) + 1;
            failures.set(step.key, count);
            modelAfter(step.key, Math.min(4 * 2 ** (count - 1), 40), 0);
            break;
          }
          case 'take': {
            if (waiting.size === 0) break;
            const key = await queue.take();
            takes += 1;
            assert.ok(key !== undefined && waiting.has(key), `took ${key}`);
            assert.ok(!processing.has(key), `${key} twice at a time`);
            if (takes % 8 !== 0) assert.equal(waiting.get(key), Math.max(...waiting.values()));
            waiting.delete(key);
            processing.set(key, undefined);
            break;
          }
          case 'done': {
            const key = [...processing.keys()][step.pick % Math.max(processing.size, 1)];
            if (key === undefined) break;
            const again = processing.get(key);
            processing.delete(key);
            queue.done(key);
            if (again !== undefined) modelAdd(key, again);
            break;
          }
          case 'advance': {
            await clock.advance(step.ms);
            for (const [key, entry] of delayed) {
              if (entry.at > clock.monotonic()) continue;
              delayed.delete(key);
              modelAdd(key, entry.priority);
            }
            break;
          }
          default:
            step satisfies never;
        }
        assert.equal(queue.length(), waiting.size);
      }
      queue.shutDown();
      assert.equal(clock.timers(), 0);
    }),
    { seed: 20261122, numRuns: 300 },
  );
});
