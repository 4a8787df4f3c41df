import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import { createReflector, type ReflectorOptions } from '../../src/machinery/reflector.ts';
import { createStore, type StoreChange } from '../../src/machinery/store.ts';
import { pods } from '../../src/ports/resources.ts';
import { fakeClock, fixedRandom, recordedTelemetry } from './support/fakes.ts';
import { failure, page, pod, scriptedPort } from './support/scripted-port.ts';

function harness(overrides: Partial<ReflectorOptions<Pod>> = {}) {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const script = scriptedPort();
  const store = createStore<Pod>({ type: pods, telemetry });
  const changes: string[] = [];
  store.onChange((change) => changes.push(describe(change)));
  const reflector = createReflector<Pod>({
    port: script.port,
    clock,
    random: fixedRandom(0),
    telemetry,
    store,
    backoff: { baseMs: 1_000, maxMs: 8_000, jitter: 0 },
    ...overrides,
  });
  const abort = new AbortController();
  const running = reflector.run(abort.signal);
  return {
    clock,
    telemetry,
    script,
    store,
    changes,
    reflector,
    abort,
    running,
    names: () => store.list().map((each) => each.metadata.name),
  };
}

function describe({ previous, current, initial }: StoreChange<Pod>): string {
  const verb = previous === undefined ? 'added' : current === undefined ? 'deleted' : 'modified';
  return `${initial ? 'initially ' : ''}${verb} ${(current ?? previous)?.metadata.name}`;
}

test('lists in pages and shows nothing before the last one is in', async () => {
  const { script, store, names, changes } = harness({ pageSize: 2 });
  assert.deepEqual(script.lists, [{ limit: 2 }]);
  await script.answerList(page([pod('a', 5), pod('b', 6)], 10, 'token-1'));
  assert.equal(store.hasSynced(), false);
  assert.deepEqual(names(), []);
  assert.deepEqual(script.lists[1], { limit: 2, continue: 'token-1' });
  // A further page of an inconsistent list may carry a later version: watching from there would miss what happened to the first page.
  await script.answerList(page([pod('c', 7)], 12));
  assert.equal(store.hasSynced(), true);
  assert.deepEqual(names(), ['a', 'b', 'c']);
  assert.deepEqual(changes, ['initially added a', 'initially added b', 'initially added c']);
  assert.equal(script.lastWatch().options.resourceVersion, '10');
});

test('an error in page 2 keeps the first page and asks for the second again', async () => {
  const { script, store, clock } = harness();
  await script.answerList(page([pod('a', 5)], 10, 'token-1'));
  await script.answerList(failure('Server', { retryAfterSeconds: 3 }));
  await clock.advance(2_999);
  assert.equal(script.lists.length, 2);
  await clock.advance(1);
  assert.deepEqual(script.lists[2], { limit: 500, continue: 'token-1' });
  await script.answerList(page([pod('b', 6)], 10));
  assert.equal(store.size(), 2);
});

test('a list that expires between its pages is asked for in one piece, without dropping what there is', async () => {
  const { script, store, clock } = harness();
  await script.answerList(page([pod('a', 5)], 10));
  await script.lastWatch().send({ type: 'Error', error: failure('Gone').error });
  await script.lastWatch().end();
  await clock.advance(1_000);
  await script.answerList(page([pod('a', 5)], 20, 'token-1'));
  await script.answerList(failure('Gone'));
  assert.equal(store.size(), 1);
  assert.deepEqual(script.lists.at(-1), {});
  await script.answerList(page([pod('a', 5), pod('b', 21)], 22));
  assert.equal(store.size(), 2);
});

test('watches from the list, moves on with events and bookmarks, resumes from the last of them', async () => {
  const { script, store, changes, clock } = harness();
  await script.answerList(page([pod('a', 5)], 10));
  const first = script.lastWatch();
  await first.send({ type: 'Added', object: pod('b', 11) });
  await first.send({ type: 'Modified', object: pod('a', 12) });
  await first.send({ type: 'Deleted', object: pod('b', 13) });
  assert.deepEqual(changes, ['initially added a', 'added b', 'modified a', 'deleted b']);
  await first.send({ type: 'Bookmark', resourceVersion: '40' });
  assert.equal(store.resourceVersion(), '40');
  assert.equal(store.caughtUpWith('39'), true);
  assert.equal(store.caughtUpWith('41'), false);
  await first.end();
  await clock.advance(0);
  assert.equal(script.watches.length, 2);
  assert.equal(script.lists.length, 1);
  assert.equal(script.lastWatch().options.resourceVersion, '40');
  await script.lastWatch().send({ type: 'Modified', object: pod('a', 41) });
  await script.lastWatch().end();
  assert.equal(script.lastWatch().options.resourceVersion, '41');
});

test('410 in mid-watch: the store stays readable during the relist, then gets the differences, deletions first', async () => {
  const { script, store, names, changes } = harness();
  await script.answerList(page([pod('gone', 4), pod('same', 5), pod('changed', 6), pod('replaced', 7)], 10));
  changes.length = 0;
  const watch = script.lastWatch();
  await watch.send({ type: 'Added', object: pod('late', 11) });
  await watch.send({ type: 'Error', error: failure('Gone').error });
  await watch.end(failure('Gone'));
  assert.equal(script.lists.length, 2);
  assert.deepEqual(names(), ['gone', 'same', 'changed', 'replaced', 'late']);
  // What the given-up watch still delivers must not count: its past is over.
  await watch.send({ type: 'Deleted', object: pod('same', 12) });
  assert.equal(store.size(), 5);
  await script.answerList(page([pod('same', 5), pod('changed', 25), pod('replaced', 26, { uid: 'another' }), pod('new', 27)], 30));
  assert.deepEqual(changes, [
    'added late',
    'deleted gone',
    'deleted late',
    'modified changed',
    'deleted replaced',
    'added replaced',
    'added new',
  ]);
  assert.equal(script.lastWatch().options.resourceVersion, '30');
});

test('410 without any progress backs off; the server that never has our version is not stormed', async () => {
  const { script, clock } = harness();
  for (const waitMs of [1_000, 2_000, 4_000]) {
    await script.answerList(page([], 10));
    const lists = script.lists.length;
    await script.lastWatch().end(failure('Gone'));
    await clock.advance(waitMs - 1);
    assert.equal(script.lists.length, lists);
    await clock.advance(1);
    assert.equal(script.lists.length, lists + 1);
  }
});

test('a server that is away costs waits, not relists, and the place is kept', async () => {
  const { script, clock } = harness();
  await script.answerList(page([pod('a', 5)], 10));
  await script.lastWatch().send({ type: 'Bookmark', resourceVersion: '15' });
  for (let attempt = 0; attempt < 12; attempt++) {
    await script.lastWatch().end(failure('Network'));
    await clock.advance(8_000);
  }
  assert.equal(script.lists.length, 1);
  assert.equal(script.watches.length, 13);
  assert.equal(script.lastWatch().options.resourceVersion, '15');
});

test('what keeps failing with the server there ends in a relist', async () => {
  const { script, clock } = harness();
  await script.answerList(page([], 10));
  for (let attempt = 0; attempt < 5; attempt++) {
    await script.lastWatch().end(failure('Server'));
    await clock.advance(8_000);
  }
  assert.equal(script.lists.length, 2);
});

test('what the server asks for is told, what should not be is a warning', async () => {
  for (const [kind, level] of [
    ['TooManyRequests', 'info'],
    ['Gone', 'info'],
    ['Server', 'warn'],
    ['Network', 'warn'],
  ] as const) {
    const { script, telemetry } = harness();
    await script.answerList(page([], 10));
    await script.lastWatch().end(failure(kind));
    assert.deepEqual(
      telemetry.logs.map((line) => line.level),
      [level],
      kind,
    );
  }
});

test('a resource version from the future (a restored server) means a relist', async () => {
  const { script, clock } = harness();
  await script.answerList(page([], 10));
  await script.lastWatch().end(failure('Server', { causes: [{ reason: 'ResourceVersionTooLarge' }] }));
  await clock.advance(1_000);
  assert.equal(script.lists.length, 2);
});

test('a watch that closes at once, again and again, is no hot loop', async () => {
  const { script, clock } = harness();
  await script.answerList(page([], 10));
  for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
    const opened = script.watches.length;
    await script.lastWatch().end();
    await clock.advance(waitMs - 1);
    assert.equal(script.watches.length, opened);
    await clock.advance(1);
    assert.equal(script.watches.length, opened + 1);
  }
});

test('a silent watch is cut and resumed, even if its connection never says so', async () => {
  const { script, clock, telemetry } = harness({ stalledAfterMs: 60_000 });
  await script.answerList(page([], 10));
  const first = script.lastWatch();
  await clock.advance(59_000);
  await first.send({ type: 'Bookmark', resourceVersion: '11' });
  await clock.advance(59_999);
  assert.equal(first.signal.aborted, false);
  await clock.advance(1);
  assert.equal(first.signal.aborted, true);
  // `first.end()` was never called.
  assert.equal(script.watches.length, 2);
  assert.equal(script.lastWatch().options.resourceVersion, '11');
  assert.equal(script.lists.length, 1);
  assert.equal(telemetry.counter('reflector_troubles_total'), 1);
});

test('duplicates and replays of older states change nothing', async () => {
  const { script, changes, store } = harness();
  await script.answerList(page([pod('a', 8)], 10));
  const watch = script.lastWatch();
  await watch.send({ type: 'Added', object: pod('a', 8) });
  await watch.send({ type: 'Modified', object: pod('a', 7) });
  await watch.send({ type: 'Deleted', object: pod('b', 9) });
  await watch.send({ type: 'Deleted', object: pod('a', 6, { uid: 'its predecessor' }) });
  assert.deepEqual(changes, ['initially added a']);
  assert.equal(store.get('team/a')?.metadata.resourceVersion, '8');
});

test('a handler that throws costs neither the other handlers nor the watch', async () => {
  const { script, store, telemetry, changes } = harness();
  store.onChange(() => {
    throw new Error('a bug');
  });
  const later: string[] = [];
  store.onChange((change) => later.push(describe(change)));
  await script.answerList(page([pod('a', 5)], 10));
  await script.lastWatch().send({ type: 'Added', object: pod('b', 11) });
  assert.deepEqual(changes, ['initially added a', 'added b']);
  assert.deepEqual(later, changes);
  assert.equal(telemetry.counter('store_handler_errors_total'), 2);
});

test('stops wherever it is', async () => {
  const watching = harness();
  await watching.script.answerList(page([], 10));
  watching.abort.abort();
  await watching.running;
  assert.equal(watching.script.lastWatch().signal.aborted, true);
  assert.equal(watching.clock.timers(), 0);

  const waiting = harness();
  await waiting.script.answerList(failure('Forbidden'));
  assert.equal(waiting.reflector.phase(), 'Waiting');
  waiting.abort.abort();
  await waiting.running;
  assert.equal(waiting.clock.timers(), 0);
});
