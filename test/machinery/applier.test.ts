import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, ConfigMap, Pod, Stored } from '../../src/api/kubernetes.ts';
import { createApplier } from '../../src/machinery/applier.ts';
import { covers, dropsApplied, equals } from '../../src/machinery/covers.ts';
import { configMaps, pods } from '../../src/ports/resources.ts';
import { recordedTelemetry } from './support/fakes.ts';
import { memoryPort } from './support/memory-port.ts';

const condition = (type: string, status: 'True' | 'False') =>
  ({ type, status, reason: 'R', message: '', lastTransitionTime: 't' }) satisfies Condition;

const rows: readonly {
  readonly name: string;
  readonly current: unknown;
  readonly desired: unknown;
  readonly exact?: readonly string[];
  readonly covered: boolean;
}[] = [
  { name: 'equal', current: { spec: { a: 1 } }, desired: { spec: { a: 1 } }, covered: true },
  { name: 'a field differs', current: { spec: { a: 1 } }, desired: { spec: { a: 2 } }, covered: false },
  { name: 'a field is missing', current: { spec: {} }, desired: { spec: { a: 2 } }, covered: false },
  {
    name: 'defaults and other managers’ fields do not matter',
    current: { spec: { a: 1, b: 2 }, status: {} },
    desired: { spec: { a: 1 } },
    covered: true,
  },
  {
    name: 'the kind is known by where an object is kept',
    current: { spec: {} },
    desired: { apiVersion: 'v1', kind: 'Pod', spec: {} },
    covered: true,
  },
  {
    name: 'an empty map is a value',
    current: { volumes: [{ name: 'a' }] },
    desired: { volumes: [{ name: 'a', emptyDir: {} }] },
    covered: false,
  },
  { name: 'an empty map covers an empty map', current: { emptyDir: { medium: 'Memory' } }, desired: { emptyDir: {} }, covered: true },
  { name: 'undefined is no wish', current: {}, desired: { a: undefined }, covered: true },
  { name: 'false and zero are values', current: {}, desired: { suspend: false }, covered: false },
  { name: 'lists compare whole', current: { args: ['a', 'b'] }, desired: { args: ['a'] }, covered: false },
  {
    name: 'list elements may carry defaults',
    current: { containers: [{ name: 'a', pull: 'Always' }] },
    desired: { containers: [{ name: 'a' }] },
    covered: true,
  },
  {
    name: 'conditions of others are left alone',
    current: { status: { conditions: [condition('Theirs', 'True'), condition('Ours', 'True')] } },
    desired: { status: { conditions: [condition('Ours', 'True')] } },
    covered: true,
  },
  {
    name: 'our condition differs',
    current: { status: { conditions: [condition('Theirs', 'True'), condition('Ours', 'True')] } },
    desired: { status: { conditions: [condition('Ours', 'False')] } },
    covered: false,
  },
  {
    name: 'finalizers of others are left alone',
    current: { metadata: { finalizers: ['x', 'y'] } },
    desired: { metadata: { finalizers: ['y'] } },
    covered: true,
  },
  {
    name: 'exact: a field too many',
    current: { data: { a: '1', b: '2' } },
    desired: { data: { a: '1' } },
    exact: ['data'],
    covered: false,
  },
  { name: 'exact: empty is not something', current: { data: { a: '1' } }, desired: { data: {} }, exact: ['data'], covered: false },
  {
    name: 'exact elsewhere',
    current: { data: { a: '1', b: '2' }, x: 1 },
    desired: { data: { a: '1' }, x: 1 },
    exact: ['x'],
    covered: true,
  },
  {
    name: 'exact: a condition too many',
    current: { status: { conditions: [condition('A', 'True'), condition('B', 'True')] } },
    desired: { status: { conditions: [condition('A', 'True')] } },
    exact: ['status'],
    covered: false,
  },
];

for (const { name, current, desired, exact, covered } of rows) {
  test(`covers: ${name}`, () => assert.equal(covers(current, desired, exact), covered));
}

test('dropsApplied: what was applied before and is desired no more counts only while it is there', () => {
  assert.equal(dropsApplied({ a: { x: 1, y: 2 } }, { a: { x: 1, y: 2 } }, { a: { x: 1 } }), true);
  assert.equal(dropsApplied({ a: { x: 1 } }, { a: { x: 1, y: 2 } }, { a: { x: 1 } }), false);
  assert.equal(dropsApplied({ a: { x: 1, z: 3 } }, { a: { x: 1 } }, { a: { x: 1 } }), false);
  const conditions = (...types: string[]) => ({ status: { conditions: types.map((type) => condition(type, 'True')) } });
  assert.equal(dropsApplied(conditions('A', 'B'), conditions('A', 'B'), conditions('A')), true);
  assert.equal(dropsApplied(conditions('A', 'C'), conditions('A', 'B'), conditions('A')), false);
  assert.equal(equals({ a: [1, { b: undefined }] }, { a: [1, {}] }), true);
  assert.equal(equals({ a: [1] }, { a: [1, 2] }), false);
});

function harness() {
  const memory = memoryPort();
  const applier = createApplier({ port: memory.port, telemetry: recordedTelemetry(), fieldManager: 'test' });
  const map = (data: Readonly<Record<string, string>>): ConfigMap => ({ metadata: { namespace: 'team', name: 'map' }, data });
  return { memory, applier, map };
}

test('writes what is missing or differs, and nothing else', async () => {
  const { memory, applier, map } = harness();
  const first = await applier.apply({ type: configMaps, desired: map({ a: '1' }), current: undefined });
  assert.ok(first.ok && first.value.changed);
  const again = await applier.apply({ type: configMaps, desired: map({ a: '1' }), current: first.value.object });
  assert.ok(again.ok && !again.value.changed);
  const other = await applier.apply({ type: configMaps, desired: map({ a: '2' }), current: first.value.object });
  assert.ok(other.ok && other.value.changed);
  assert.deepEqual(memory.calls, ['apply ConfigMap map', 'apply ConfigMap map']);
});

test('what the server writes differently costs one call, not one per look', async () => {
  const { memory, applier } = harness();
  const desired: Pod = {
    metadata: { namespace: 'team', name: 'p' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1000m' } } }] },
  };
  const spelled = (object: Stored<Pod>): Stored<Pod> => ({
    ...object,
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
  });
  const first = await applier.apply({ type: pods, desired, current: undefined });
  assert.ok(first.ok);
  for (let look = 0; look < 3; look++) await applier.apply({ type: pods, desired, current: spelled(first.value.object) });
  assert.equal(memory.calls.length, 1);
  // Somebody changed it: look again, with a write.
  const touched = { ...spelled(first.value.object), metadata: { ...first.value.object.metadata, resourceVersion: '999' } };
  await applier.apply({ type: pods, desired, current: touched });
  assert.equal(memory.calls.length, 2);
});

test('a field that is desired no more is applied away', async () => {
  const { memory, applier, map } = harness();
  const first = await applier.apply({ type: configMaps, desired: map({ a: '1', b: '2' }), current: undefined });
  assert.ok(first.ok);
  await applier.apply({ type: configMaps, desired: map({ a: '1' }), current: first.value.object });
  assert.equal(memory.calls.length, 2);
});

test('a failure is handed on and remembered as nothing', async () => {
  const { memory, applier, map } = harness();
  memory.fail('apply', 'Conflict');
  const failed = await applier.apply({ type: configMaps, desired: map({ a: '1' }), current: undefined });
  assert.ok(!failed.ok && failed.error.kind === 'Conflict');
  const seen: string[] = [];
  await applier.apply({
    type: configMaps,
    desired: map({ a: '1' }),
    current: undefined,
    overlay: { wrote: (object) => void seen.push(object.metadata.name) },
  });
  assert.deepEqual(seen, ['map']);
});
