import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeaderElector, type LeaderElector, processIdentity } from '../../src/machinery/leader-elector.ts';
import { leases } from '../../src/ports/resources.ts';
import { type FakeClock, fakeClock, fixedRandom, recordedTelemetry, settle } from './support/fakes.ts';
import { type MemoryPort, memoryPort } from './support/memory-port.ts';

const lease = { namespace: 'elastic-system', name: 'operator' };
const key = 'elastic-system/operator';

type Candidate = {
  readonly elector: LeaderElector;
  readonly clock: FakeClock;
  readonly log: string[];
  readonly stop: AbortController;
  readonly running: Promise<void>;
  /** Lets the work end, which the elector waits for on stop. */
  finish(): void;
};

function candidate(memory: MemoryPort, identity: string, clock = fakeClock(), leadAtOnce = false): Candidate {
  const log: string[] = [];
  const stop = new AbortController();
  let finish: () => void = () => {};
  const elector = createLeaderElector({
    port: memory.port,
    clock,
    random: fixedRandom(0.5),
    telemetry: recordedTelemetry(),
    lease,
    identity,
    lead(signal) {
      log.push('leading');
      signal.addEventListener('abort', () => log.push('told to stop'));
      return leadAtOnce ? Promise.resolve() : new Promise((resolve) => (finish = resolve));
    },
    onLost: (reason) => void log.push(`lost: ${reason}`),
  });
  return { elector, clock, log, stop, running: elector.run(stop.signal), finish: () => finish() };
}

test('the first creates the lease and renews it; the second waits', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  assert.deepEqual(first.log, ['leading']);
  assert.equal(first.elector.isLeader(), true);
  const created = memory.read(leases, key)?.spec;
  assert.equal(created?.holderIdentity, 'one');
  assert.equal(created?.leaseDurationSeconds, 15);
  assert.match(created?.renewTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const second = candidate(memory, 'two', first.clock);
  await first.clock.advance(60_000);
  assert.deepEqual(second.log, []);
  assert.equal(second.elector.isLeader(), false);
  assert.deepEqual(first.log, ['leading']);
  assert.notEqual(memory.read(leases, key)?.spec?.renewTime, created?.renewTime);
  assert.equal(memory.read(leases, key)?.spec?.acquireTime, created?.acquireTime);
  assert.equal(memory.read(leases, key)?.spec?.leaseTransitions, 0);
});

test('a dead leader is followed a lease duration after its record was last seen to change, whatever the wall clocks say', async () => {
  const memory = memoryPort();
  const ahead = fakeClock(Date.UTC(2030, 0, 1));
  memory.put(leases, {
    metadata: lease,
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z', leaseTransitions: 4 },
  });
  const second = candidate(memory, 'two', ahead);
  await settle();
  // Ten years old by the wall clock; but it may have been written this very moment by a machine whose clock is wrong.
  await ahead.advance(14_900);
  assert.deepEqual(second.log, []);
  ahead.jump(-3_600_000);
  await ahead.advance(2_100);
  assert.deepEqual(second.log, ['leading']);
  assert.equal(memory.read(leases, key)?.spec?.leaseTransitions, 5);
});

test('wall clock jumps of either side change nothing', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  const clock = first.clock;
  await settle();
  const second = candidate(memory, 'two', clock);
  for (const jump of [3_600_000, -7_200_000, 86_400_000]) {
    clock.jump(jump);
    await clock.advance(30_000);
  }
  assert.deepEqual(first.log, ['leading']);
  assert.deepEqual(second.log, []);
});

test('renewals that fail for the renew deadline lose the lease, before anybody may take it', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  for (let index = 0; index < 20; index++) memory.fail('get', 'Network');
  await first.clock.advance(9_900);
  assert.deepEqual(first.log, ['leading']);
  await first.clock.advance(200);
  assert.deepEqual(first.log, ['leading', 'told to stop', 'lost: not renewed in time']);
  assert.equal(first.elector.isLeader(), false);
  await first.running;
  assert.equal(first.clock.timers(), 0);
});

test('a renewal that is never answered loses the lease as well', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  const release = memory.hold('get');
  await first.clock.advance(10_100);
  assert.deepEqual(first.log.at(-1), 'lost: not renewed in time');
  // The answer comes after all: too late to lead again.
  release();
  await settle();
  assert.equal(first.elector.isLeader(), false);
});

test('an acquisition that is answered after the deadline does not lead on it', async () => {
  const memory = memoryPort();
  const release = memory.hold('create');
  const first = candidate(memory, 'one');
  await first.clock.advance(12_000);
  release();
  await settle();
  assert.deepEqual(first.log, []);
  await first.clock.advance(2_000);
  assert.deepEqual(first.log, ['leading']);
});

test('a process that stood still is no leader from its first instruction on', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  first.clock.pause(11_000);
  assert.equal(first.elector.isLeader(), false);
  await first.clock.advance(0);
  assert.ok(first.log.includes('lost: not renewed in time'));
});

test('who finds another holder in the record is lost at once', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  memory.put(leases, {
    metadata: lease,
    spec: { holderIdentity: 'two', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' },
  });
  await first.clock.advance(2_100);
  assert.deepEqual(first.log, ['leading', 'told to stop', 'lost: another process holds the lease']);
});

test('of two that go for it at once the API server picks one', async () => {
  const memory = memoryPort();
  const clock = fakeClock();
  const both = [candidate(memory, 'one', clock), candidate(memory, 'two', clock)];
  await clock.advance(30_000);
  assert.deepEqual(both.map((each) => each.log.length).sort(), [0, 1]);
});

test('a write whose answer was lost is found on the next look', async () => {
  const memory = memoryPort();
  memory.fail('create', 'Network', 'lost');
  const first = candidate(memory, 'one');
  await settle();
  assert.deepEqual(first.log, []);
  await first.clock.advance(2_000);
  assert.deepEqual(first.log, ['leading']);
});

test('stop: keeps the lease until the work has ended, then releases it, and the next one need not wait', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one');
  await settle();
  first.stop.abort();
  await settle();
  assert.deepEqual(first.log, ['leading', 'told to stop']);
  // The work takes longer than a lease.
  await first.clock.advance(30_000);
  assert.equal(memory.read(leases, key)?.spec?.holderIdentity, 'one');
  first.finish();
  await first.running;
  assert.equal(memory.read(leases, key)?.spec?.holderIdentity, undefined);
  assert.deepEqual(first.log, ['leading', 'told to stop']);
  assert.equal(first.clock.timers(), 0);
  const second = candidate(memory, 'two', first.clock);
  await settle();
  assert.deepEqual(second.log, ['leading']);
});

test('work that ends by itself releases the lease', async () => {
  const memory = memoryPort();
  const first = candidate(memory, 'one', fakeClock(), true);
  await first.running;
  assert.equal(memory.read(leases, key)?.spec?.holderIdentity, undefined);
});

test('identities are unique per process', () => {
  const random = fixedRandom(0);
  assert.notEqual(processIdentity('host', random), processIdentity('host', random));
});
