import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Proved } from '../../src/controllers/identity/prove.ts';
import { createLooks } from '../../src/controllers/job/looks.ts';
import { clearJobProbes } from '../../src/controllers/job/preflight.ts';
import type { JobTools, JobView } from '../../src/controllers/job/tools.ts';

const proved: Proved = { failures: [], notVerified: [], isOpen: false };

/** Looks that end when they are told to. */
function stage() {
  const ends = new Map<string, { end(): void; fail(): void }>();
  const again: string[] = [];
  const at = { now: 0 };
  const looks = createLooks<Proved>({ now: () => at.now, again: (key) => again.push(key) });
  const look = (uid: string, of = 'probes') =>
    looks.look({ uid, key: `finance/${uid}` }, of, () => {
      const { promise, resolve, reject } = Promise.withResolvers<Proved>();
      ends.set(uid, { end: () => resolve(proved), fail: () => reject(new Error('the operator has ended')) });
      return promise;
    });
  const end = async (uid: string): Promise<void> => {
    ends.get(uid)?.end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { looks, look, end, ends, again, at };
}

void test('four are waited for, the fifth goes on without a worker and comes back', async () => {
  const { looks, look, end, again } = stage();
  const waited = ['a', 'b', 'c', 'd'].map((uid) => look(uid));
  assert.equal(await look('e'), undefined);
  assert.equal(await look('e'), undefined, 'it still goes on');
  assert.deepEqual([looks.goesOn('e'), again], [true, []]);
  await end('e');
  assert.deepEqual([looks.goesOn('e'), again], [false, ['finance/e']]);
  assert.equal(await look('e'), proved);
  await end('a');
  assert.equal(await waited[0], proved);
  assert.deepEqual(again, ['finance/e'], 'who was waited for comes from nowhere');
  for (const uid of ['b', 'c', 'd']) await end(uid);
  await Promise.all(waited);
});

void test('what was asked otherwise, or nobody came back for, is looked at anew; what failed fails whoever comes back', async () => {
  const { look, end, ends, again, at } = stage();
  const waited = ['a', 'b', 'c', 'd'].map((uid) => look(uid));
  assert.equal(await look('e', 'old probes'), undefined);
  const old = ends.get('e');
  assert.equal(await look('e'), undefined);
  assert.equal(ends.get('e'), old, 'one at a time');
  await end('e');
  assert.deepEqual(again, ['finance/e']);
  assert.equal(await look('e'), undefined, 'what the old one found is not asked any more');
  assert.notEqual(ends.get('e'), old);
  await end('e');
  at.now = 120_000;
  assert.equal(await look('e'), undefined, 'too long ago');
  ends.get('e')?.fail();
  await end('x');
  await assert.rejects(look('e'), /has ended/);
  for (const uid of ['a', 'b', 'c', 'd']) await end(uid);
  await Promise.all(waited);
});

void test('what probes may have left is not deleted before the last of them has ended', async () => {
  const view = { job: { metadata: { uid: 'e' } }, draft: { value: () => ({ internal: { probing: true } }) } } as unknown as JobView;
  const { looks, look, end } = stage();
  const waited = ['a', 'b', 'c', 'd'].map((uid) => look(uid));
  await look('e');
  // Anything but the looks would be a call.
  const tools = { looks } as unknown as JobTools;
  const verdict = await clearJobProbes(tools, view);
  assert.equal('wait' in verdict ? verdict.wait : '', 'VerifyingAccess');
  await end('e');
  await assert.rejects(clearJobProbes(tools, view), TypeError);
  for (const uid of ['a', 'b', 'c', 'd']) await end(uid);
  await Promise.all(waited);
});
