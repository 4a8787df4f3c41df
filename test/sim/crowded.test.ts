import assert from 'node:assert/strict';
import { test } from 'node:test';
import { live, manifestsOf } from './support/exact-life.ts';

/* Lives in which a pod whose spot instance is taken away comes back on a node that was kept for another slot of its job: that slot needs a place, too. */
for (const [seed, spotPercent] of [
  [8, 100],
  [13, 50],
] as const) {
  void test(`seed ${seed}, ${spotPercent} % spot: whoever comes back into the room of another leaves nobody waiting`, async () => {
    const { simulation, problems } = await live(seed, 'none', manifestsOf({ spotPercent }));
    assert.deepEqual(problems, []);
    for (const { status, metadata } of simulation.jobs()) assert.equal(status?.phase, 'Succeeded', metadata.name);
  });
}
