import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns } from '../../src/machinery/turns.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void test('two at a time, the others in order, also after one that threw', async () => {
  const turns = createTurns(2);
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const take = (name: string): Promise<string> =>
    turns.take(() => {
      begun.push(name);
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      return end.promise;
    });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(take);
  await settled();
  assert.deepEqual(begun, ['a', 'b']);
  ends.get('b')?.reject(new Error('broken'));
  await assert.rejects(b ?? Promise.resolve(), /broken/);
  await settled();
  assert.deepEqual(begun, ['a', 'b', 'c']);
  ends.get('a')?.resolve('A');
  assert.equal(await a, 'A');
  await settled();
  for (const name of ['c', 'd']) ends.get(name)?.resolve(name);
  assert.deepEqual(await Promise.all([c, d]), ['c', 'd']);
  const last = take('e');
  await settled();
  assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'e'], 'a turn that is free is taken at once');
  ends.get('e')?.resolve('e');
  await last;
});
