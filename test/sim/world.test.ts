import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, profiles } from '../../src/sim/faults.ts';
import { createWorld, START, type World } from '../../src/sim/world.ts';

test('events run by time, and in the order of scheduling within one instant', async () => {
  const world = createWorld({ seed: 1 });
  const seen: string[] = [];
  for (const [name, delay] of [
    ['c', 20],
    ['a', 10],
    ['b', 10],
    ['d', 30],
  ] as const) {
    world.schedule(delay, name, () => seen.push(`${name}@${world.now() - START}`));
  }
  const cancel = world.schedule(15, 'never', () => seen.push('never'));
  cancel();
  assert.equal(await world.runUntil(() => false, 25), 'limit');
  assert.deepEqual(seen, ['a@10', 'b@10', 'c@20']);
  assert.equal(world.now(), START + 25);
  assert.equal(await world.runUntil(() => false, 1000), 'quiet');
  assert.deepEqual(seen.at(-1), 'd@30');
});

test('thousands of events leave the queue sorted', async () => {
  const world = createWorld({ seed: 1 });
  const random = createRandom(3, 'delays');
  const seen: number[] = [];
  for (let count = 0; count < 5000; count += 1) {
    const cancel = world.schedule(random.next() * 1000, 'event', () => seen.push(world.now()));
    if (count % 7 === 0) cancel();
  }
  await world.runUntil(() => false, 5000);
  assert.equal(seen.length, 5000 - 715);
  assert.deepEqual(
    seen,
    seen.toSorted((one, other) => one - other),
  );
});

test('what an event sets off at its instant is over before the hooks and the next event', async () => {
  const world = createWorld({ seed: 1 });
  const seen: string[] = [];
  world.afterStep((label) => seen.push(`after ${label}`));
  world.schedule(1, 'first', () => {
    void (async () => {
      for (let count = 0; count < 50; count += 1) await Promise.resolve();
      seen.push('settled');
    })();
  });
  world.schedule(1, 'second', () => seen.push('second runs'));
  await world.runUntil(() => false, 10);
  assert.deepEqual(seen, ['settled', 'after first', 'second runs', 'after second']);
});

test('a loop in which no time passes is an error, not a hang', async () => {
  const world = createWorld({ seed: 1 });
  function again(): void {
    world.schedule(0, 'again', again);
  }
  again();
  await assert.rejects(
    world.runUntil(() => false, 10),
    /events at one instant .* again/,
  );
});

test('a dead process is silent: its timers, its replies and its calls', async () => {
  const world = createWorld({ seed: 1 });
  const operator = world.startProcess('operator');
  const seen: string[] = [];
  operator.onCrash(() => seen.push('crashed'));
  operator.clock.after(50, () => seen.push('timer'));
  const failures = { lost: () => 'lost', busy: () => 'busy' };
  void operator
    .call('write', { write: true, service: 'kubernetes' }, () => seen.push('effect'), { lost: () => 0, busy: () => 0 })
    .then(() => seen.push('reply'));
  world.schedule(0, 'kill', () => operator.crash());
  await world.runUntil(() => false, 1000);
  void operator.call('write', { write: true, service: 'kubernetes' }, () => 'late', failures).then((value) => seen.push(value));
  operator.clock.after(0, () => seen.push('late timer'));
  await world.runUntil(() => false, 1000);
  // What was already on its way to the server arrives.
  assert.deepEqual(seen, ['crashed', 'effect']);
  assert.equal(operator.alive(), false);
  assert.equal(world.startProcess('operator').name, 'operator#2');
});

test('every kind of fault of a call happens under rough, none after the faults have ended', async () => {
  const world = createWorld({ seed: 4, faults: profiles.rough, keepTrace: true });
  const outcomes = await outcomesOf(world, 4000);
  for (const outcome of ['fine', 'busy', 'lost']) assert.ok((outcomes.get(outcome) ?? 0) > 20, outcome);
  for (const fault of ['busy', 'lostBefore', 'lostAfter', 'crashBefore', 'crashAfter', 'crashOnReply']) {
    assert.ok(
      world.trace.text().some((line) => line.includes(`(${fault})`)),
      fault,
    );
  }
  await world.runUntil(() => false, profiles.rough.endsAfterMs);
  assert.deepEqual([...(await outcomesOf(world, 2000)).keys()], ['fine']);
});

test('the same seed gives the same history, another seed another one', async () => {
  const digests: string[] = [];
  for (const seed of [7, 7, 8]) {
    const world = createWorld({ seed, faults: profiles.rough });
    await outcomesOf(world, 500);
    digests.push(world.trace.digest());
  }
  assert.equal(digests[0], digests[1]);
  assert.notEqual(digests[0], digests[2]);
});

test('wall clocks jump under rough, and are right again after it; the monotonic clock never goes back', async () => {
  const world = createWorld({ seed: 2, faults: profiles.rough });
  const operator = world.startProcess('operator');
  let jumped = false;
  let last = 0;
  world.afterStep(() => {
    if (operator.clock.now() !== world.now()) jumped = true;
    assert.ok(operator.clock.monotonic() >= last);
    last = operator.clock.monotonic();
  });
  await world.runUntil(() => false, 2 * profiles.rough.endsAfterMs);
  assert.ok(jumped);
  assert.equal(operator.clock.now(), world.now());
});

async function outcomesOf(world: World, calls: number): Promise<ReadonlyMap<string, number>> {
  const outcomes = new Map<string, number>();
  let process = world.startProcess('worker');
  for (let count = 0; count < calls; count += 1) {
    if (!process.alive()) process = world.startProcess('worker');
    let outcome: string | undefined;
    void process
      .call('write', { write: true, service: 'aws' }, () => 'fine', { lost: () => 'lost', busy: () => 'busy' })
      .then((value) => {
        outcome = value;
      });
    await world.runUntil(() => outcome !== undefined || !process.alive(), 60_000);
    if (outcome !== undefined) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}
