import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createLineSplitter } from '../../src/kube/lines.ts';

test('property: the same lines, however the bytes are cut', () => {
  const line = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => JSON.stringify({ text: `${text}žluťoučký 🐎` }));
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12, size: 'max' }),
      fc.array(fc.nat(400), { size: 'max', maxLength: 40 }),
      fc.boolean(),
      (lines, cuts, closed) => {
        const bytes = Buffer.from(lines.join('\n') + (closed ? '\n' : ''));
        const seen: string[] = [];
        const splitter = createLineSplitter((text) => seen.push(text));
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        for (let index = 1; index < places.length; index++) splitter.push(bytes.subarray(places[index - 1], places[index]));
        splitter.end();
        assert.deepEqual(seen, lines);
      },
    ),
    { seed: 20261122, numRuns: 200 },
  );
});

test('byte by byte, with carriage returns and empty lines', () => {
  const seen: string[] = [];
  const splitter = createLineSplitter((text) => seen.push(text.trim()));
  for (const byte of Buffer.from('{"a":"é🐎"}\r\n\n\n{"b":1}')) splitter.push(Uint8Array.of(byte));
  assert.deepEqual(seen, ['{"a":"é🐎"}']);
  splitter.end();
  splitter.end();
  assert.deepEqual(seen, ['{"a":"é🐎"}', '{"b":1}']);
});
