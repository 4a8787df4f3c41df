import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../src/api/kubernetes.ts';
import { getCondition, isConditionTrue, setCondition, setConditions, setKstatus } from '../../src/machinery/conditions.ts';
import { compareResourceVersions, keyOf, parseKey } from '../../src/machinery/keys.ts';
import { formatMicroTime, formatTime, parseTime } from '../../src/machinery/time.ts';

const t0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const t1 = t0 + 60_000;

test('lastTransitionTime moves with the status alone', () => {
  const first = setCondition(undefined, { type: 'Ready', status: 'False', reason: 'Starting', message: 'a' }, t0);
  assert.equal(first[0]?.lastTransitionTime, '2026-01-02T03:04:05Z');
  const told = setCondition(first, { type: 'Ready', status: 'False', reason: 'Waiting', message: 'b' }, t1);
  assert.deepEqual(told, [{ type: 'Ready', status: 'False', reason: 'Waiting', message: 'b', lastTransitionTime: '2026-01-02T03:04:05Z' }]);
  const ready = setCondition(told, { type: 'Ready', status: 'True', reason: 'Done', message: '' }, t1);
  assert.equal(ready[0]?.lastTransitionTime, '2026-01-02T03:05:05Z');
});

test('nothing changed: the same array; others keep their place', () => {
  const both = setConditions(
    undefined,
    [
      { type: 'A', status: 'True', reason: 'R', message: 'm', observedGeneration: 3 },
      { type: 'B', status: 'True', reason: 'R', message: 'm' },
    ],
    t0,
  );
  assert.equal(setCondition(both, { type: 'A', status: 'True', reason: 'R', message: 'm', observedGeneration: 3 }, t1), both);
  const changed = setCondition(both, { type: 'A', status: 'True', reason: 'R', message: 'm', observedGeneration: 4 }, t1);
  assert.deepEqual(
    changed.map((condition) => condition.type),
    ['A', 'B'],
  );
  assert.equal(changed[0]?.observedGeneration, 4);
  assert.equal(both[0]?.observedGeneration, 3);
  assert.equal(isConditionTrue(changed, 'B'), true);
  assert.equal(getCondition(changed, 'C'), undefined);
});

test('kstatus: Ready always, Reconciling and Stalled only while True, and never both', () => {
  const steps = [
    {
      state: 'Reconciling',
      expected: [
        ['Ready', 'False'],
        ['Reconciling', 'True'],
      ],
    },
    {
      state: 'Stalled',
      expected: [
        ['Ready', 'False'],
        ['Stalled', 'True'],
      ],
    },
    { state: 'Ready', expected: [['Ready', 'True']] },
  ] as const;
  let conditions: readonly Condition[] = [];
  for (const { state, expected } of steps) {
    conditions = setKstatus(conditions, { state, reason: 'R', message: 'm' }, 2, t0);
    assert.deepEqual(
      conditions.map(({ type, status }) => [type, status]),
      expected,
    );
  }
  assert.equal(setKstatus(conditions, { state: 'Ready', reason: 'R', message: 'm' }, 2, t1), conditions);
});

test('times are written as the API server reads them', () => {
  assert.equal(formatTime(t0 + 678), '2026-01-02T03:04:05Z');
  assert.equal(formatMicroTime(t0 + 678), '2026-01-02T03:04:05.678000Z');
  assert.equal(parseTime('2026-01-02T03:04:05.678000Z'), t0 + 678);
  assert.equal(parseTime('soon'), undefined);
  assert.equal(parseTime(undefined), undefined);
});

test('keys and resource versions', () => {
  assert.equal(keyOf({ metadata: { name: 'n', namespace: 's' } }), 's/n');
  assert.equal(keyOf({ name: 'n' }), 'n');
  assert.deepEqual(parseKey('s/n'), { namespace: 's', name: 'n' });
  assert.deepEqual(parseKey('n'), { name: 'n' });
  const rows = [
    ['9', '10', -1],
    ['10', '9', 1],
    ['12', '12', 0],
    ['99999999999999999998', '99999999999999999999', -1],
  ] as const;
  for (const [a, b, sign] of rows) assert.equal(Math.sign(compareResourceVersions(a, b) ?? Number.NaN), sign, `${a} ${b}`);
  assert.equal(compareResourceVersions('a', 'b'), undefined);
  assert.equal(compareResourceVersions('a', 'a'), 0);
});
