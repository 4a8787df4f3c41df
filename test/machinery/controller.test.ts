import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import {
  type ControllerOptions,
  done,
  primarySource,
  type ReconcileResult,
  runController,
  storeSource,
} from '../../src/machinery/controller.ts';
import { createExpectations } from '../../src/machinery/expectations.ts';
import { createStore } from '../../src/machinery/store.ts';
import { createWorkQueue } from '../../src/machinery/work-queue.ts';
import { pods } from '../../src/ports/resources.ts';
import { fakeClock, fixedRandom, recordedTelemetry, settle } from './support/fakes.ts';
import { pod } from './support/scripted-port.ts';

function harness(reconcile: (key: string) => Promise<ReconcileResult>, overrides: Partial<ControllerOptions> = {}) {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const store = createStore<Pod>({ type: pods, telemetry });
  const queue = createWorkQueue({
    name: 'test',
    clock,
    random: fixedRandom(0),
    telemetry,
    backoff: { baseMs: 1_000, maxMs: 60_000, jitter: 0 },
  });
  const reconciled: string[] = [];
  const abort = new AbortController();
  const running = runController(
    {
      name: 'test',
      queue,
      workers: 1,
      sources: [primarySource(store)],
      clock,
      telemetry,
      reconcile(key) {
        reconciled.push(key);
        return reconcile(key);
      },
      ...overrides,
    },
    abort.signal,
  );
  return { clock, telemetry, store, queue, reconciled, abort, running };
}

const nothing = async (): Promise<ReconcileResult> => done;

test('starts when every source has synced, with everything that exists', async () => {
  const { store, reconciled, clock } = harness(nothing);
  await clock.advance(60_000);
  assert.deepEqual(reconciled, []);
  store.replace([pod('a', 1), pod('b', 2)], '10');
  await settle();
  assert.deepEqual(reconciled, ['team/a', 'team/b']);
  store.set(pod('c', 11));
  store.remove(pod('a', 12));
  await settle();
  assert.deepEqual(reconciled, ['team/a', 'team/b', 'team/c', 'team/a']);
});

test('half a cache is not decided on', async () => {
  const second = createStore<Pod>({ type: pods, telemetry: recordedTelemetry() });
  const first = createStore<Pod>({ type: pods, telemetry: recordedTelemetry() });
  const { reconciled } = harness(nothing, { sources: [primarySource(first), primarySource(second)] });
  first.replace([pod('a', 1)], '10');
  await settle();
  assert.deepEqual(reconciled, []);
  second.replace([], '10');
  await settle();
  assert.deepEqual(reconciled, ['team/a']);
});

test('a change maps to the owners of the old and of the new state', async () => {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const owned = createStore<Pod>({ type: pods, telemetry });
  const { store, reconciled } = harness(nothing, {
    sources: [
      storeSource(owned, (object) => (object.spec.nodeName === undefined ? [] : [object.spec.nodeName]), {
        when: ({ current }) => current?.metadata.name !== 'ignored',
      }),
    ],
  });
  void clock;
  store.replace([], '1');
  owned.replace([pod('p', 1, { node: 'n1' }), pod('ignored', 2, { node: 'n9' })], '10');
  await settle();
  reconciled.length = 0;
  owned.set(pod('p', 11, { node: 'n2' }));
  await settle();
  assert.deepEqual(reconciled, ['n1', 'n2']);
});

test('an exception is logged and retried with backoff, and costs no other key anything', async () => {
  let failures = 3;
  const { store, reconciled, clock, telemetry } = harness(async (key) => {
    if (key === 'team/bad' && failures-- > 0) throw new Error('a bug');
    return done;
  });
  store.replace([pod('bad', 1), pod('good', 2)], '10');
  await settle();
  assert.deepEqual(reconciled, ['team/bad', 'team/good']);
  await clock.advance(999);
  assert.equal(reconciled.length, 2);
  await clock.advance(1 + 2_000 + 4_000);
  assert.deepEqual(reconciled.slice(2), ['team/bad', 'team/bad', 'team/bad']);
  assert.equal(telemetry.counter('controller_reconcile_exceptions_total'), 3);
  await clock.advance(600_000);
  assert.equal(reconciled.length, 5);
});

test('a synchronous throw is an exception like any other', async () => {
  let calls = 0;
  const { store, clock } = harness(() => {
    calls += 1;
    if (calls === 1) throw new Error('a bug');
    return nothing();
  });
  store.replace([pod('a', 1)], '10');
  await clock.advance(1_000);
  assert.equal(calls, 2);
});

test('results: done, again at a time, again with backoff and the server’s wish', async () => {
  const results: ReconcileResult[] = [
    { retry: 'busy' },
    { retry: 'busy', minimumMs: 10_000 },
    { requeueAfterMs: 5_000 },
    { retry: 'busy' },
    done,
  ];
  const { store, reconciled, clock } = harness(async () => results.shift() ?? done);
  store.replace([pod('a', 1)], '10');
  const times: number[] = [];
  await settle();
  while (times.length < 4) {
    await clock.advance(500);
    if (reconciled.length > times.length + 1) times.push(clock.monotonic());
  }
  // 1 s; 10 s in place of 2 s; 5 s; and 1 s again, since the one before went well.
  assert.deepEqual(times, [1_000, 11_000, 16_000, 17_000]);
  await clock.advance(600_000);
  assert.equal(reconciled.length, 5);
});

test('resync brings every key again', async () => {
  const { reconciled, store, clock } = harness(nothing, { resync: { everyMs: 60_000, keys: () => ['team/a', 'team/b'] } });
  store.replace([pod('a', 1)], '10');
  await clock.advance(120_000);
  assert.deepEqual(reconciled, ['team/a', 'team/a', 'team/b', 'team/a', 'team/b']);
});

test('a key waits for the cache to show its own writes, and is not forgotten if it never does', async () => {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const store = createStore<Pod>({ type: pods, telemetry });
  const queue = createWorkQueue({ name: 'test', clock, random: fixedRandom(0), telemetry });
  const expectations = createExpectations({ clock, telemetry });
  const created: string[] = [];
  let looks = 0;
  const abort = new AbortController();
  const running = runController(
    {
      name: 'test',
      queue,
      workers: 2,
      sources: [primarySource(store)],
      expectations,
      clock,
      telemetry,
      async reconcile(key) {
        if (key === 'team/owner') looks += 1;
        // One child each; a stale cache must not make a second one.
        if (key === 'team/owner' && store.get('team/child') === undefined) {
          created.push('child');
          expectations.wrote(key, store, pod('child', 20 + created.length));
        }
        return done;
      },
    },
    abort.signal,
  );
  store.replace([pod('owner', 1)], '10');
  await settle();
  for (let version = 11; version < 16; version++) {
    store.set(pod('owner', version));
    await settle();
  }
  assert.deepEqual(created, ['child']);
  assert.equal(looks, 1);
  // The watch stands still for longer than the timeout: then it is decided on what there is.
  await clock.advance(30_000);
  assert.deepEqual(created, ['child', 'child']);
  assert.equal(looks, 2);
  store.set(pod('child', 22));
  await settle();
  // At once, although the child's own change maps to nothing here.
  assert.equal(looks, 3);
  await clock.advance(60_000);
  assert.deepEqual(created, ['child', 'child']);
  abort.abort();
  await running;
  assert.equal(clock.timers(), 0);
});

test('stops after the reconciles under way, and never starts when it is stopped before', async () => {
  let finish: () => void = () => {};
  const { store, abort, running, reconciled, clock } = harness(() => new Promise((resolve) => (finish = () => resolve(done))), {
    workers: 2,
  });
  store.replace([pod('a', 1), pod('b', 2), pod('c', 3)], '10');
  await settle();
  assert.equal(reconciled.length, 2);
  abort.abort();
  let stopped = false;
  const stopping = running.then(() => (stopped = true));
  finish();
  await settle();
  assert.equal(stopped, false);
  void stopping;
  assert.equal(clock.timers(), 0);

  const early = harness(nothing);
  early.abort.abort();
  await early.running;
  early.store.replace([pod('a', 1)], '10');
  await settle();
  assert.deepEqual(early.reconciled, []);
});

test('several workers work on several keys at a time, never on one twice', async () => {
  const working = new Set<string>();
  let most = 0;
  const { store, clock } = harness(
    async (key) => {
      assert.ok(!working.has(key));
      working.add(key);
      most = Math.max(most, working.size);
      await new Promise<void>((resolve) => void clock.after(1_000, resolve));
      working.delete(key);
      return done;
    },
    { workers: 3 },
  );
  store.replace(
    [1, 2, 3, 4, 5].map((index) => pod(`p${index}`, index)),
    '10',
  );
  await clock.advance(500);
  for (let index = 1; index <= 5; index++) store.set(pod(`p${index}`, 10 + index));
  await clock.advance(10_000);
  assert.equal(most, 3);
  assert.equal(working.size, 0);
});
