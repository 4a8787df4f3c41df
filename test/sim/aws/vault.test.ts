import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVault } from '../../../src/sim/aws/vault.ts';

/** The two clocks of a process, set by hand. */
function vault() {
  const at = { wall: 1000, monotonic: 50 };
  const clock = { now: () => at.wall, monotonic: () => at.monotonic, after: () => () => undefined };
  const held = createVault(clock, 'p');
  const facts = { identity: 'worker', chain: [], sessionName: 's', expiresAt: 2000 };
  return { at, held, grant: held.put(facts, { accessKeyId: 'a', secretAccessKey: 'b' }) };
}

test('a grant ends by the wall clock or the monotonic one, whichever is first', () => {
  const byWall = vault();
  assert.notEqual(byWall.held.open(byWall.grant), undefined);
  byWall.at.wall = 2000;
  assert.equal(byWall.held.open(byWall.grant), undefined);
  byWall.at.wall = 1000;
  assert.equal(byWall.held.open(byWall.grant), undefined, 'dropped for good');
  const byMonotonic = vault();
  byMonotonic.at.wall = 0;
  byMonotonic.at.monotonic = 1050;
  assert.equal(byMonotonic.held.open(byMonotonic.grant), undefined);
});

test('release is idempotent, and grants are told apart', () => {
  const { held, grant } = vault();
  const other = held.put(
    { identity: 'x', chain: [], sessionName: 's', expiresAt: Number.POSITIVE_INFINITY },
    { accessKeyId: 'c', secretAccessKey: 'd' },
  );
  assert.notEqual(grant.id, other.id);
  assert.equal(held.size(), 2);
  held.release(grant);
  held.release(grant);
  assert.equal(held.size(), 1);
  assert.equal(held.open(other)?.accessKeyId, 'c');
});
