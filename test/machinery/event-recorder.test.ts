import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event, Node, Pod, Stored } from '../../src/api/kubernetes.ts';
import { createEventRecorder } from '../../src/machinery/event-recorder.ts';
import { events, nodes, pods } from '../../src/ports/resources.ts';
import { fakeClock, fixedRandom, recordedTelemetry } from './support/fakes.ts';
import { memoryPort } from './support/memory-port.ts';
import { pod } from './support/scripted-port.ts';

function harness() {
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const memory = memoryPort();
  const written = new Map<string, Event>();
  const port: typeof memory.port = {
    ...memory.port,
    async create(type, object) {
      const result = await memory.port.create(type, object);
      if (result.ok) written.set(object.metadata.name, result.value as unknown as Event);
      return result;
    },
    async mergePatch(type, key, patch) {
      const result = await memory.port.mergePatch(type, key, patch);
      if (result.ok) written.set(key.name, result.value as unknown as Event);
      return result;
    },
  };
  const recorder = createEventRecorder({ port, clock, random: fixedRandom(0.5), telemetry, component: 'operator', instance: 'host_1' });
  const record = (object: Stored<Pod>, reason: string, message = 'm') => recorder.record(pods, object, 'Normal', reason, message);
  return { clock, telemetry, memory, port, recorder, record, written };
}

test('writes a core/v1 Event as kubectl describe shows it', async () => {
  const { recorder, written, record } = harness();
  record(pod('p', 7), 'Launched', 'one node');
  await recorder.flush();
  const [event] = [...written.values()];
  assert.equal(event?.metadata.namespace, 'team');
  assert.match(event?.metadata.name ?? '', /^p\.[0-9a-f]{16}$/);
  assert.deepEqual(event?.involvedObject, {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'p',
    namespace: 'team',
    uid: 'uid-p',
    resourceVersion: '7',
  });
  assert.equal(event?.count, 1);
  assert.equal(event?.firstTimestamp, '2026-01-02T03:04:05Z');
  assert.deepEqual(event?.source, { component: 'operator' });
});

test('events about cluster-scoped objects go to the default namespace', async () => {
  const { recorder, written } = harness();
  const node = { metadata: { name: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' } } satisfies Stored<Node>;
  recorder.record(nodes, node, 'Warning', 'R', 'm');
  await recorder.flush();
  assert.deepEqual(
    [...written.values()].map((event) => [event.metadata.namespace, event.type, event.involvedObject.namespace]),
    [['default', 'Warning', undefined]],
  );
});

test('the same again becomes a count, with the first time kept', async () => {
  const { recorder, record, written, clock, memory } = harness();
  for (let minute = 0; minute < 3; minute++) {
    record(pod('p', 7 + minute), 'Waiting');
    await recorder.flush();
    await clock.advance(60_000);
  }
  record(pod('p', 20), 'Launched');
  await recorder.flush();
  const counts = [...written.values()].map(({ reason, count, firstTimestamp, lastTimestamp }) => ({
    reason,
    count,
    firstTimestamp,
    lastTimestamp,
  }));
  assert.deepEqual(counts, [
    { reason: 'Waiting', count: 3, firstTimestamp: '2026-01-02T03:04:05Z', lastTimestamp: '2026-01-02T03:06:05Z' },
    { reason: 'Launched', count: 1, firstTimestamp: '2026-01-02T03:07:05Z', lastTimestamp: '2026-01-02T03:07:05Z' },
  ]);
  assert.deepEqual(
    memory.calls.map((call) => call.split(' ')[0]),
    ['create', 'mergePatch', 'mergePatch', 'create'],
  );
});

test('what is recorded in one breath, or while the API server is slow, is one write', async () => {
  const { recorder, record, memory, written } = harness();
  const release = memory.hold('create');
  record(pod('p', 7), 'First');
  for (let index = 0; index < 5; index++) record(pod('p', 7), 'Same');
  release();
  await recorder.flush();
  assert.equal(memory.calls.length, 2);
  for (let index = 0; index < 3; index++) record(pod('p', 7), 'Same');
  await recorder.flush();
  assert.equal(memory.calls.length, 3);
  assert.deepEqual(
    [...written.values()].map((event) => event.count),
    [1, 8],
  );
});

test('one object that has too much to say is cut, the others are not', async () => {
  const { recorder, record, telemetry, memory, clock } = harness();
  for (let index = 0; index < 40; index++) record(pod('noisy', 7), `Reason${index}`);
  record(pod('quiet', 7), 'Reason');
  await recorder.flush();
  assert.equal(memory.calls.length, 26);
  assert.equal(telemetry.counter('events_dropped_total'), 15);
  await clock.advance(300_000);
  record(pod('noisy', 7), 'Later');
  record(pod('noisy', 7), 'TooSoon');
  await recorder.flush();
  assert.equal(memory.calls.length, 27);
});

test('an event that the API server has forgotten is written anew', async () => {
  const { recorder, record, memory, written } = harness();
  record(pod('p', 7), 'Waiting');
  await recorder.flush();
  memory.drop(events, `team/${[...written.keys()][0]}`);
  record(pod('p', 7), 'Waiting');
  await recorder.flush();
  assert.deepEqual(
    [...written.values()].map((event) => event.count),
    [1, 1],
  );
});

test('passing failures are tried again, the answer that got lost is no second event, lasting ones are dropped', async () => {
  const { recorder, record, memory, clock, telemetry, written } = harness();
  memory.fail('create', 'Server');
  memory.fail('create', 'Network', 'lost');
  record(pod('p', 7), 'Waiting');
  await clock.advance(10_000);
  await recorder.flush();
  assert.equal(memory.calls.length, 3);
  assert.equal(new Set(memory.calls).size, 1);
  assert.equal(written.size, 0);
  record(pod('p', 7), 'Waiting');
  await recorder.flush();
  assert.deepEqual(
    [...written.values()].map((event) => event.count),
    [2],
  );

  memory.fail('create', 'Forbidden');
  record(pod('p', 7), 'InAnEndingNamespace');
  await recorder.flush();
  assert.equal(telemetry.counter('events_dropped_total'), 1);
});

test('never throws into its caller', async () => {
  const { recorder, port, clock, telemetry } = harness();
  const throwing = createEventRecorder({
    port: {
      ...port,
      create() {
        throw new Error('a bug');
      },
    },
    clock,
    random: fixedRandom(0),
    telemetry,
    component: 'operator',
    instance: 'host_1',
  });
  throwing.record(pods, pod('p', 7), 'Normal', 'R', 'm');
  await throwing.flush();
  recorder.record(pods, { spec: { containers: [] } } as unknown as Stored<Pod>, 'Normal', 'R', 'm');
  assert.equal(telemetry.counter('events_dropped_total'), 2);
});

test('long messages and names fit what the API server takes', async () => {
  const { recorder, written } = harness();
  const name = `${'a'.repeat(235)}.${'b'.repeat(17)}`;
  recorder.record(pods, pod(name, 7), 'Normal', 'R', 'x'.repeat(5_000));
  await recorder.flush();
  const [event] = [...written.values()];
  assert.equal(event?.message.length, 1024);
  assert.ok((event?.metadata.name.length ?? 999) <= 253);
  assert.match(event?.metadata.name ?? '', /^a+\.[0-9a-f]{16}$/);
});
