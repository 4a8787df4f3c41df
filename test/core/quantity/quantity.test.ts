import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatBytes, formatCpuMilli, parseBytes, parseCount, parseCpuMilli } from '../../../src/core/quantity/amounts.ts';
import { formatDuration, parseDurationMs } from '../../../src/core/quantity/duration.ts';
import { parseQuantity } from '../../../src/core/quantity/quantity.ts';

const SEED = { seed: 5, numRuns: 500 } as const;

// Rows of apimachinery's quantity_test.go and of the page "Resource Management for Pods and Containers".
const NANO_ROWS: readonly (readonly [string | number, bigint])[] = [
  ['0', 0n],
  ['1', 1_000_000_000n],
  [2, 2_000_000_000n],
  [0.5, 500_000_000n],
  ['100m', 100_000_000n],
  ['1.5', 1_500_000_000n],
  ['1.', 1_000_000_000n],
  ['.5', 500_000_000n],
  ['+1', 1_000_000_000n],
  ['-1', -1_000_000_000n],
  ['12e6', 12_000_000_000_000_000n],
  ['12E-3', 12_000_000n],
  ['1k', 1_000_000_000_000n],
  ['1Ki', 1_024_000_000_000n],
  ['1E', 10n ** 27n],
  ['1n', 1n],
  ['0.1n', 1n],
  ['1u', 1000n],
  ['1e100', (2n ** 63n - 1n) * 10n ** 9n],
  ['9999Ei', (2n ** 63n - 1n) * 10n ** 9n],
];
for (const [text, nano] of NANO_ROWS) {
  test(`quantity ${text}`, () => assert.deepEqual(parseQuantity(text), { ok: true, value: { nano } }));
}

for (const text of [
  '',
  ' 1',
  '1 ',
  '1Gb',
  '1ki',
  '1KI',
  'Mi',
  '1.2.3',
  '--1',
  '1e',
  '0x10',
  'NaN',
  Number.NaN,
  '1mm',
  '1i',
  '１',
  'constructor',
]) {
  test(`no quantity: ${JSON.stringify(text)}`, () => assert.equal(parseQuantity(text).ok, false));
}

test('the reason names an unknown suffix and lists the known ones', () => {
  const answer = parseBytes('4GB');
  assert.ok(!answer.ok);
  assert.match(answer.reason, /"4GB" has the unknown suffix "GB"/);
});

test('amounts: rounding up, and negative or broken ones refused', () => {
  assert.deepEqual(parseCpuMilli('0.5'), { ok: true, value: 500 });
  assert.deepEqual(parseCpuMilli('1u'), { ok: true, value: 1 });
  assert.deepEqual(parseCpuMilli(2), { ok: true, value: 2000 });
  assert.deepEqual(parseBytes('100m'), { ok: true, value: 1 });
  assert.deepEqual(parseBytes('1.5Gi'), { ok: true, value: 1610612736 });
  assert.deepEqual(parseCpuMilli('-1'), { ok: false, reason: '"-1" is negative' });
  assert.equal(parseBytes('9999Ei').ok, false);
  assert.deepEqual(parseCount('2'), { ok: true, value: 2 });
  assert.equal(parseCount('500m').ok, false);
});

test('amounts: what is formatted parses back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (amount) => {
      assert.deepEqual(parseBytes(formatBytes(amount)), { ok: true, value: amount });
      assert.deepEqual(parseCpuMilli(formatCpuMilli(amount)), { ok: true, value: amount });
    }),
    SEED,
  );
  assert.equal(formatBytes(2 ** 30), '1Gi');
  assert.equal(formatBytes(0), '0');
  assert.equal(formatCpuMilli(1500), '1500m');
  assert.equal(formatCpuMilli(2000), '2');
});

test('durations of Go', () => {
  const rows: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['0s', 0],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['720h', 2_592_000_000],
    ['250ms', 250],
    ['500us', 0.5],
    ['500µs', 0.5],
    ['.5s', 500],
    ['+5s', 5000],
  ];
  for (const [text, value] of rows) assert.deepEqual(parseDurationMs(text), { ok: true, value }, text);
  for (const text of ['', '5', 's', '5d', '-5s', '5 s', '5s ', '1.2.3s', '.s', '1e3s', '9999999999h']) {
    assert.equal(parseDurationMs(text).ok, false, text);
  }
  assert.equal(formatDuration(5_400_000), '1h30m');
  assert.equal(formatDuration(0), '0s');
});

test('durations: what is formatted parses back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 10 }), (ms) => assert.deepEqual(parseDurationMs(formatDuration(ms)), { ok: true, value: ms })),
    SEED,
  );
});

test('no text makes a parser throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789.+-eEnumkKMGTPi hsµ')) }), (text) => {
      for (const parse of [parseQuantity, parseBytes, parseCpuMilli, parseCount, parseDurationMs]) {
        const answer = parse(text);
        if (!answer.ok) assert.ok(answer.reason.length > 0);
      }
    }),
    SEED,
  );
});
