import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed } from './run-seed.ts';

/** One test per block of seeds; each seed runs twice and must leave the same trace. */
export function testSeeds(from: number, to: number, block = 10): void {
  for (let first = from; first <= to; first += block) {
    const last = Math.min(to, first + block - 1);
    void test(`rough seeds ${first} to ${last}, each twice`, async () => {
      for (let seed = first; seed <= last; seed += 1) {
        const replay = `replay: node test/sim/support/replay.ts ${seed}`;
        const once = await runSeed(seed);
        assert.deepEqual(once.problems, [], `seed ${seed}: ${replay}`);
        const again = await runSeed(seed);
        assert.equal(again.digest, once.digest, `seed ${seed} ran differently the second time; ${replay}`);
      }
    });
  }
}
