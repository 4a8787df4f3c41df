import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import { ensureFinalizer, removeFinalizer } from '../../src/machinery/finalizers.ts';
import { pods } from '../../src/ports/resources.ts';
import { memoryPort } from './support/memory-port.ts';

const ours = 'elasticruntime.dev/job';

function harness(finalizers: readonly string[], deleting = false) {
  const memory = memoryPort();
  const metadata = { namespace: 'team', name: 'p', finalizers, ...(deleting ? { deletionTimestamp: '2026-01-02T03:04:05Z' } : {}) };
  const object = memory.put<Pod>(pods, { metadata, spec: { containers: [] } });
  return { memory, object, now: () => memory.read(pods, 'team/p')?.metadata.finalizers };
}

test('adds after the others, and only once', async () => {
  const { memory, object, now } = harness(['theirs']);
  const added = await ensureFinalizer(memory.port, pods, object, ours);
  assert.deepEqual(now(), ['theirs', ours]);
  assert.ok(added.ok);
  await ensureFinalizer(memory.port, pods, added.value, ours);
  assert.deepEqual(memory.calls, ['mergePatch Pod p']);
});

test('a cache that is behind neither drops nor doubles what others added meanwhile', async () => {
  const { memory, object, now } = harness([]);
  memory.put<Pod>(pods, { ...object, metadata: { ...object.metadata, finalizers: ['theirs'] } });
  assert.ok((await ensureFinalizer(memory.port, pods, object, ours)).ok);
  assert.deepEqual(now(), ['theirs', ours]);
  // The same stale object again: ours is there already.
  assert.ok((await ensureFinalizer(memory.port, pods, object, ours)).ok);
  assert.deepEqual(now(), ['theirs', ours]);
});

test('removal keeps what others added meanwhile', async () => {
  const { memory, object, now } = harness([ours]);
  memory.put<Pod>(pods, { ...object, metadata: { ...object.metadata, finalizers: [ours, 'theirs'] } });
  assert.ok((await removeFinalizer(memory.port, pods, object, ours)).ok);
  assert.deepEqual(now(), ['theirs']);
});

test('an object that is being deleted takes no new finalizer, and says so', async () => {
  const { memory, object } = harness(['theirs'], true);
  const refused = await ensureFinalizer(memory.port, pods, object, ours);
  assert.ok(!refused.ok && refused.error.reason === 'Deleting');
  assert.deepEqual(memory.calls, []);
});

test('gone, or another object of the same name: nothing to remove, nothing touched', async () => {
  const { memory, object } = harness([ours]);
  memory.drop(pods, 'team/p');
  const gone = await removeFinalizer(memory.port, pods, object, ours);
  assert.ok(gone.ok && gone.value === undefined);
  memory.put<Pod>(pods, { metadata: { namespace: 'team', name: 'p', finalizers: [ours] }, spec: { containers: [] } });
  const another = await removeFinalizer(memory.port, pods, object, ours);
  assert.ok(another.ok && another.value === undefined);
  assert.deepEqual(memory.read(pods, 'team/p')?.metadata.finalizers, [ours]);
  const added = await ensureFinalizer(memory.port, pods, object, 'x');
  assert.ok(!added.ok && added.error.kind === 'NotFound');
});

test('gives up on endless conflicts', async () => {
  const { memory, object } = harness([ours]);
  for (let index = 0; index < 10; index++) memory.fail('mergePatch', 'Conflict');
  const result = await removeFinalizer(memory.port, pods, object, ours);
  assert.ok(!result.ok && result.error.kind === 'Conflict');
  assert.equal(memory.calls.filter((call) => call.startsWith('mergePatch')).length, 4);
});

test('a removal whose answer was lost is fine the second time', async () => {
  const { memory, object, now } = harness([ours]);
  memory.fail('mergePatch', 'Network', 'lost');
  const first = await removeFinalizer(memory.port, pods, object, ours);
  assert.ok(!first.ok && first.error.kind === 'Network');
  assert.ok((await removeFinalizer(memory.port, pods, object, ours)).ok);
  assert.deepEqual(now(), []);
});
