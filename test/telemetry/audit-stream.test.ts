import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { fileSink } from '../../src/telemetry/audit-sinks.ts';
import { type AuditSink, createAuditStream } from '../../src/telemetry/audit-stream.ts';
import { systemClock } from '../../src/telemetry/system.ts';

const directory = mkdtempSync(join(tmpdir(), 'audit-'));
after(() => rmSync(directory, { recursive: true }));

function recordOf(number: number, more = ''): AuditRecord {
  return {
    time: '2026-12-01T10:00:00.000Z',
    runtime: 'finance/analytics',
    identity: 'worker',
    chain: [],
    sessionName: `s${more}`,
    action: 's3:GetObject',
    resource: `arn:aws:s3:::b/${number}`,
    outcome: 'ok',
    requestId: `R${number}`,
  };
}

const lineOf = (record: AuditRecord): string => JSON.stringify(record);

/** Time that goes on when the test says so. */
function handClock(): Clock & { pass(ms: number): Promise<void> } {
  let now = 0;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async pass(ms) {
      const end = now + ms;
      await new Promise((resolve) => setImmediate(resolve));
      for (;;) {
        const next = timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.callback();
        await new Promise((resolve) => setImmediate(resolve));
      }
      now = end;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** Takes as many bytes as it is told, or fails. */
function memorySink(state: { readonly taken: Buffer[]; most: number; error: string | undefined }): AuditSink {
  return {
    name: 'memory',
    batchBytes: 4_096,
    async write(bytes) {
      await Promise.resolve();
      if (state.error !== undefined) throw Object.assign(new Error('no'), { code: state.error });
      const part = bytes.subarray(0, state.most);
      state.taken.push(Buffer.from(part));
      return part.length;
    },
  };
}

const linesOf = (bytes: Buffer | string): readonly AuditRecord[] =>
  bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditRecord);

test('a record counts as written when its whole line is', async () => {
  const state = { taken: [] as Buffer[], most: 10, error: undefined };
  const clock = handClock();
  const stream = createAuditStream({ sink: memorySink(state), clock, lineOf });
  await Promise.all([1, 2, 3].map((number) => stream.record(recordOf(number))));
  assert.deepEqual(
    linesOf(Buffer.concat(state.taken)).map(({ requestId }) => requestId),
    ['R1', 'R2', 'R3'],
  );
  assert.equal(stream.pending(), 0);
});

test('a reader that takes nothing holds the call; no other error is made of it before the patience is over', async () => {
  const state = { taken: [] as Buffer[], most: 1 << 20, error: 'EAGAIN' as string | undefined };
  const clock = handClock();
  const stream = createAuditStream({ sink: memorySink(state), clock, lineOf });
  let outcome = 'waits';
  const call = Promise.resolve(stream.record(recordOf(1))).then(
    () => (outcome = 'done'),
    () => (outcome = 'failed'),
  );
  await clock.pass(9_000);
  assert.deepEqual([outcome, stream.refusal()], ['waits', undefined]);
  state.error = undefined;
  await clock.pass(10);
  await call;
  assert.equal(outcome, 'done');
});

test('a full disk: calls under way fail, further ones are refused, and what was recorded is written once there is room', async () => {
  const state = { taken: [] as Buffer[], most: 1 << 20, error: 'ENOSPC' as string | undefined };
  const clock = handClock();
  const told: (string | undefined)[] = [];
  const stream = createAuditStream({ sink: memorySink(state), clock, lineOf, onState: ({ refusal }) => void told.push(refusal) });
  const call = assert.rejects(Promise.resolve(stream.record(recordOf(1))), /memory: ENOSPC; the record is kept/);
  await clock.pass(10_000);
  await call;
  assert.equal(stream.refusal(), 'memory: ENOSPC; 1 record(s) wait');
  state.error = undefined;
  await clock.pass(1_000);
  assert.equal(stream.refusal(), undefined);
  assert.deepEqual(
    linesOf(Buffer.concat(state.taken)).map(({ requestId }) => requestId),
    ['R1'],
  );
  assert.equal(told.at(-1), undefined);
});

test('what waits is bounded: beyond it no call may be made', async () => {
  const state = { taken: [] as Buffer[], most: 1, error: 'EAGAIN' as string | undefined };
  const clock = handClock();
  const stream = createAuditStream({ sink: memorySink(state), clock, lineOf, mostPending: 3 });
  const calls = [1, 2, 3].map((number) => Promise.resolve(stream.record(recordOf(number))).catch(() => undefined));
  assert.match(stream.refusal() ?? '', /does not keep up: 3 record/);
  await clock.pass(20_000);
  await Promise.all(calls);
});

test('a process that ends writes what waits', () => {
  const drained: Buffer[] = [];
  const sink: AuditSink = {
    name: 'stuck',
    batchBytes: 4_096,
    write: () => new Promise<number>(() => undefined),
    writeSync: (bytes) => void drained.push(bytes),
  };
  const stream = createAuditStream({ sink, clock: handClock(), lineOf });
  void Promise.resolve(stream.record(recordOf(1)));
  void Promise.resolve(stream.record(recordOf(2)));
  stream.drain();
  assert.deepEqual(
    linesOf(Buffer.concat(drained)).map(({ requestId }) => requestId),
    ['R1', 'R2'],
  );
});

test('5,000 records in a file, all of them, in order; rotated by renaming in between', async () => {
  const path = join(directory, 'audit.jsonl');
  let time = 0;
  const stream = createAuditStream({ sink: fileSink(path, () => time), clock: systemClock(), lineOf });
  await Promise.all(Array.from({ length: 2_500 }, (_, index) => stream.record(recordOf(index))));
  renameSync(path, `${path}.1`);
  time = 5_000;
  await Promise.all(Array.from({ length: 2_500 }, (_, index) => stream.record(recordOf(2_500 + index))));
  const [old, fresh] = [linesOf(readFileSync(`${path}.1`)), linesOf(readFileSync(path))];
  assert.deepEqual([old.length, fresh.length], [2_500, 2_500]);
  assert.deepEqual(
    [...old, ...fresh].map(({ requestId }) => requestId),
    Array.from({ length: 5_000 }, (_, index) => `R${index}`),
  );
});

test('/dev/full is what a full disk is', async () => {
  const stream = createAuditStream({ sink: fileSink('/dev/full', () => 0), clock: systemClock(), lineOf, patienceMs: 50 });
  await assert.rejects(Promise.resolve(stream.record(recordOf(1))), /ENOSPC/);
  assert.match(stream.refusal() ?? '', /ENOSPC/);
  stream.drain();
});

/** Writes records and log lines to its stdout, and says on stderr how many records were accepted. */
const writer = `
import { createTelemetry } from ${JSON.stringify(join(import.meta.dirname, '../../src/telemetry/telemetry.ts'))};
const telemetry = createTelemetry({ level: 'info' });
const count = Number(process.argv.at(-1));
const record = (number) => ({ time: '', runtime: 'a/b', identity: 'worker', chain: [], sessionName: 'x'.repeat(number % 50 === 0 ? 6000 : 300), action: 's3:GetObject', resource: '*', outcome: 'ok', requestId: 'R' + number });
let accepted = 0;
for (let from = 0; from < count; from += 100) {
  await Promise.allSettled(Array.from({ length: 100 }, (_, index) => telemetry.audit.record(record(from + index)).then(() => { accepted += 1; })));
  telemetry.log('info', 'between', { text: 'y'.repeat(500) });
}
process.stderr.write(String(accepted));
process.exit(0);
`;

test('a slow reader of stdout gets every record whole, with the log lines between them', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer, '4000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  let chunks = 0;
  for await (const chunk of child.stdout) {
    text += (chunk as Buffer).toString('latin1');
    chunks += 1;
    // Behind the writer all the time: its pipe is full.
    if (chunks % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly audit?: true; readonly requestId?: string; readonly message: string });
  const records = lines.filter(({ audit }) => audit === true).map(({ requestId }) => requestId);
  assert.deepEqual(
    records,
    Array.from({ length: 4_000 }, (_, index) => `R${index}`),
  );
  assert.equal(lines.length, 4_040);
  assert.equal(told, '4000');
});

test('a reader that is gone: the call fails, in words', async () => {
  const source = `
import { createTelemetry } from ${JSON.stringify(join(import.meta.dirname, '../../src/telemetry/telemetry.ts'))};
const telemetry = createTelemetry({ level: 'info' });
const record = { time: '', runtime: 'a/b', identity: 'worker', chain: [], sessionName: 's', action: 's3:GetObject', resource: '*', outcome: 'ok' };
process.stdin.once('data', () => {
  telemetry.audit.record(record).catch(() => undefined);
  setTimeout(() => { process.stderr.write('\\n' + telemetry.audit.refusal()); process.exit(0); }, 100);
});
`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  child.stdin.write('go\n');
  await new Promise((resolve) => child.once('close', resolve));
  assert.match(told, /audit: no AWS call is made: stdout: EPIPE/);
  assert.match(told, /stdout: EPIPE; 1 record\(s\) wait$/);
});
