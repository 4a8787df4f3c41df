import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultAgentSettings } from '../../src/agent/settings.ts';
import { createShipper, type Shipper } from '../../src/agent/shipper.ts';
import { type AgentState, formatState, parseState } from '../../src/agent/state.ts';
import { fakeClock, fakeRandom, recordedTelemetry } from '../machinery/support/fakes.ts';
import { accessLog } from './support/accesses.ts';
import { answerOf, denied, memoryBucket, noAnswer, podOf } from './support/bucket.ts';
import { memoryHost } from './support/host.ts';

const settings = { ...defaultAgentSettings, chunkBytes: 1_000, backoff: { baseMs: 1_000, maxMs: 4_000 } };

function setup() {
  const host = memoryHost();
  const bucket = memoryBucket();
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  function start(state: AgentState['pods'] = {}): Shipper {
    return createShipper({
      host,
      s3: () => bucket,
      accesses: accessLog(host, clock),
      clock,
      random: fakeRandom(),
      telemetry,
      settings,
      state,
    });
  }
  return { host, bucket, clock, telemetry, start };
}

/** One turn of the agent's loop. */
async function turn(shipper: Shipper) {
  await shipper.scan();
  shipper.state();
  return await shipper.ship();
}

void test('a chunk is named by container and sequence, encrypted with the key of the runtime, on behalf of the job', async () => {
  const { host, bucket, start } = setup();
  host.container('p1', 'main').write('y'.repeat(1_000));
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  await turn(shipper);
  const [put] = bucket.puts;
  assert.equal(put?.request.key, 'logs/p1/main/00000000.log');
  assert.equal(put?.request.bucket, 'acme-logs');
  assert.equal(put?.request.kmsKeyArn, 'arn:aws:kms:us-east-1:111122223333:key/logs');
  const { access, ...subject } = put?.caller.subject ?? { runtime: '' };
  assert.deepEqual(subject, { runtime: 'finance/analytics', job: 'finance/nightly', node: 'analytics-workers-x1' });
  assert.deepEqual([access?.phase, access?.resource], ['Run', 'log:worker']);
});

void test('what does not fill a chunk waits for its time, and the chunk is written again as it grows', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  log.write('first ');
  await turn(shipper);
  assert.equal(bucket.puts.length, 0);
  await clock.advance(15_000);
  await turn(shipper);
  log.write('second');
  await turn(shipper);
  assert.deepEqual([...bucket.objects], [['logs/p1/main/00000000.log', 'first ']]);
  assert.deepEqual(shipper.report()['p1'], { shippedBytes: 6, pendingBytes: 6, missingBytes: 0, flushed: false });
  await clock.advance(15_000);
  await turn(shipper);
  assert.deepEqual([...bucket.objects], [['logs/p1/main/00000000.log', 'first second']]);
});

void test('a finished pod is flushed when all is shipped and nothing was added for a while; its files are let go', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  host.container('p1', 'elastic-credentials').write('ready\n');
  log.write('almost ');
  const shipper = start();
  shipper.update(answerOf([podOf('p1', { finished: true })]));
  await turn(shipper);
  await clock.advance(1_000);
  log.write('done');
  await turn(shipper);
  await clock.advance(2_000);
  await turn(shipper);
  assert.equal(shipper.report()['p1']?.flushed, false, 'the last line is younger than the settling time');
  await clock.advance(2_000);
  await turn(shipper);
  assert.deepEqual(shipper.report()['p1'], { shippedBytes: 17, pendingBytes: 0, missingBytes: 0, flushed: true });
  assert.equal(bucket.joined('logs/p1/main'), 'almost done');
  assert.equal(host.openHandles(), 0);
});

void test('a pod without any log is flushed', async () => {
  const { clock, start } = setup();
  const shipper = start();
  shipper.update(answerOf([podOf('never-started', { finished: true })]));
  await turn(shipper);
  await clock.advance(2_000);
  await turn(shipper);
  assert.deepEqual(shipper.report()['never-started'], { shippedBytes: 0, pendingBytes: 0, missingBytes: 0, flushed: true });
});

void test('a pod is not flushed while one of its files cannot be read', async () => {
  const { host, bucket, clock, start } = setup();
  host.container('p1', 'main').write('text');
  const shipper = start();
  shipper.update(answerOf([podOf('p1', { finished: true })]));
  host.reads.fail = true;
  await turn(shipper);
  await clock.advance(5_000);
  await turn(shipper);
  assert.equal(shipper.report()['p1']?.flushed, false);
  host.reads.fail = false;
  await turn(shipper);
  assert.equal(bucket.joined('logs/p1/main'), 'text');
});

void test('nothing of a file is shipped before the state names it: it would be there twice when the file before is removed', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  const before = start();
  before.update(answerOf([podOf('p1')]));
  log.write('2026-01-02T03:04:05.000000001Z stdout F old\n');
  log.rotate();
  log.write(`2026-01-02T03:04:05.000000002Z stdout F ${'n'.repeat(1_500)}\n`);
  await before.scan();
  await clock.advance(2_000);
  await before.scan();
  const saved = parseState(formatState({ version: 1, renewal: undefined, pods: before.state() }));
  // The old file's last chunk goes, and with it the file; then the agent dies, and kubelet removes it.
  await before.ship();
  log.keep(0);
  const after = start(saved.pods);
  after.update(answerOf([podOf('p1', { finished: true })]));
  for (let round = 0; round < 4; round += 1) {
    await turn(after);
    await clock.advance(2_000);
  }
  assert.equal(bucket.joined('logs/p1/main'), log.written());
});

void test('a refused upload asks for a session; all failures are tried again later', async () => {
  const { host, bucket, clock, start, telemetry } = setup();
  host.container('p1', 'main').write('z'.repeat(1_000));
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  bucket.faults.push({ when: 'before', error: denied }, { when: 'before', error: noAnswer });
  assert.equal((await turn(shipper)).needsSession, true);
  assert.equal((await turn(shipper)).needsSession, false, 'not before the backoff is over');
  await clock.advance(1_000);
  assert.equal((await turn(shipper)).needsSession, false, 'a lost answer says nothing of the session');
  await clock.advance(2_000);
  await turn(shipper);
  assert.equal(bucket.objects.size, 1);
  assert.equal(telemetry.counter('agent_log_failures_total'), 2);
});

void test('no upload is tried with a session past its end', async () => {
  const { host, bucket, clock, start } = setup();
  host.container('p1', 'main').write('z'.repeat(1_000));
  const shipper = start();
  const { grant } = answerOf([]);
  shipper.update(answerOf([podOf('p1')], { grant: { ...grant, expiresAt: clock.now() + 1_000 } }));
  assert.equal((await turn(shipper)).needsSession, true);
  assert.equal(bucket.puts.length, 0);
});

void test('the broker is asked once for a pod that it has not named, of the own namespace only', async () => {
  const { host, start } = setup();
  const shipper = start();
  shipper.update(answerOf([], { runtime: 'finance/analytics' }));
  host.container('new', 'main');
  assert.equal((await turn(shipper)).newPod, true);
  assert.equal((await turn(shipper)).newPod, false);
  const other = start();
  other.update(answerOf([], { runtime: 'research/analytics' }));
  assert.equal((await turn(other)).newPod, false);
});

void test('a pod that one answer leaves out is shipped on; after a minute it counts as gone, is shipped whole and forgotten', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  log.write('one ');
  await turn(shipper);
  shipper.update(answerOf([]));
  assert.equal(shipper.report()['p1']?.flushed, false, 'whoever ends the machine waits for it');
  await turn(shipper);
  await clock.advance(59_000);
  assert.ok('p1' in shipper.state());
  log.write('two');
  await clock.advance(1_000);
  for (let round = 0; round < 3; round += 1) {
    await turn(shipper);
    await clock.advance(2_000);
  }
  assert.equal(bucket.joined('logs/p1/main'), 'one two');
  assert.deepEqual(shipper.state(), {});
  assert.deepEqual(shipper.report(), {});
});

void test('on a node that is being removed a pod that is not named has ended: what it wrote is shipped at once', async () => {
  const { host, bucket, clock, start } = setup();
  host.container('p1', 'main').write('last words');
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  await turn(shipper);
  assert.equal(bucket.puts.length, 0);
  shipper.update(answerOf([], { leaving: true }));
  await turn(shipper);
  assert.equal(bucket.joined('logs/p1/main'), 'last words');
  await clock.advance(2_000);
  await turn(shipper);
  await clock.advance(2_000);
  await turn(shipper);
  assert.deepEqual(shipper.report(), {});
});

void test('a pod that was taken for finished too early is shipped on from where it stood', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  const shipper = start();
  log.write('one ');
  shipper.update(answerOf([podOf('p1', { finished: true })]));
  for (let round = 0; round < 3; round += 1) {
    await turn(shipper);
    await clock.advance(2_000);
  }
  assert.equal(shipper.report()['p1']?.flushed, true);
  log.write('two');
  shipper.update(answerOf([podOf('p1')]));
  await turn(shipper);
  await clock.advance(15_000);
  await turn(shipper);
  assert.equal(bucket.joined('logs/p1/main'), 'one two');
  assert.equal(shipper.report()['p1']?.shippedBytes, 7);
});

void test('removed files are not held without end: the disk of the node is worth more', async () => {
  const { host, bucket, clock, start } = setup();
  const log = host.container('p1', 'main');
  const shipper = start();
  shipper.update(answerOf([podOf('p1')]));
  for (let file = 0; file < 30; file += 1) {
    log.write(`2026-01-02T03:04:05.${String(file).padStart(9, '0')}Z stdout F ${'m'.repeat(100)}\n`);
    await shipper.scan();
    log.rotate();
    log.keep(2);
    await clock.advance(2_000);
  }
  assert.ok(host.openHandles() <= 12, `${host.openHandles()} files are held open`);
  shipper.update(answerOf([podOf('p1', { finished: true })]));
  for (let round = 0; round < 40; round += 1) {
    await turn(shipper);
    await clock.advance(2_000);
  }
  const { shippedBytes = 0, missingBytes = 0, flushed } = shipper.report()['p1'] ?? {};
  assert.ok(missingBytes > 0);
  assert.deepEqual({ total: shippedBytes + missingBytes, flushed }, { total: log.written().length, flushed: true });
  assert.ok(log.written().endsWith(bucket.joined('logs/p1/main')));
});
