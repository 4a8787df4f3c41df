import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentSettings } from '../../src/agent/settings.ts';
import { defaultAgentSettings } from '../../src/agent/settings.ts';
import { createShipper } from '../../src/agent/shipper.ts';
import type { AgentState } from '../../src/agent/state.ts';
import { documentAccesses } from '../../src/core/audit/records.ts';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import { fakeClock, fakeRandom, recordedTelemetry } from '../machinery/support/fakes.ts';
import { accessLog, type RecordedAccesses } from './support/accesses.ts';
import { answerOf, denied, memoryBucket, noAnswer, podOf } from './support/bucket.ts';
import { memoryHost } from './support/host.ts';

const job = 'elastic/acme/finance/analytics/jobs/nightly-0f0e0d0c';
const folder = `${job}/access/worker/analytics-workers-x1`;
const pod = (uid: string) => podOf(uid, { keyPrefix: `${job}/1/worker/analytics-workers-x1/${uid}` });

function setup(more: Partial<AgentSettings> = {}) {
  const host = memoryHost();
  const bucket = memoryBucket();
  const clock = fakeClock();
  const settings = { ...defaultAgentSettings, chunkBytes: 100, chunkMs: 1_000, backoff: { baseMs: 1_000, maxMs: 4_000 }, ...more };
  const streamed: AuditRecord[] = [];

  async function start(pods: AgentState['pods'] = {}) {
    const accesses: RecordedAccesses = accessLog(host, clock, settings);
    await accesses.restore();
    const telemetry = recordedTelemetry();
    const shipper = createShipper({
      host,
      s3: () => accesses.recording(bucket),
      accesses,
      clock,
      random: fakeRandom(),
      telemetry,
      settings,
      state: pods,
    });
    const turn = async (ms = 2_000) => {
      await shipper.scan();
      shipper.state();
      const outcome = await shipper.ship();
      streamed.push(...accesses.streamed.splice(0));
      await clock.advance(ms);
      return outcome;
    };
    return { shipper, accesses, turn };
  }
  /** What the operator can know: the parts, and what is reported of the last. */
  const known = (accesses: RecordedAccesses): readonly string[] => {
    const parts = [...bucket.objects].filter(([key]) => key.startsWith(`${folder}/`));
    const all = [...parts.flatMap(([, body]) => documentAccesses(body) as readonly AuditRecord[]), ...accesses.last()];
    return [...new Set(all.map(textOf))].sort();
  };
  return { host, bucket, clock, streamed, start, known, parts: () => [...bucket.objects.keys()].filter((key) => key.startsWith(folder)) };
}

const textOf = ({ time, resource, outcome, requestId }: AuditRecord): string => JSON.stringify([time, resource, outcome, requestId]);
const textsOf = (records: readonly AuditRecord[]): readonly string[] => [...new Set(records.map(textOf))].sort();

void test('what the agent did for a job lies in one object beside the job, its own writing is reported, and the pod is flushed only then', async () => {
  const { host, bucket, streamed, start, known, parts } = setup();
  host.container('p1', 'main').write('y'.repeat(250));
  host.container('p2', 'main').write('z'.repeat(50));
  const { shipper, accesses, turn } = await start();
  shipper.update(answerOf([pod('p1'), pod('p2')]));
  for (let round = 0; round < 3; round += 1) await turn();
  assert.deepEqual(parts(), [], 'it waits for company');
  bucket.faults.push({ when: 'before', error: noAnswer });
  shipper.update(answerOf([pod('p1'), pod('p2')].map((one) => ({ ...one, finished: true }))));
  while (bucket.faults.length > 0) await turn();
  assert.deepEqual(shipper.accesses(), []);
  assert.deepEqual([shipper.report()['p1']?.flushed, shipper.busy()], [false, true]);
  for (let round = 0; round < 3; round += 1) await turn();
  assert.equal(parts().length, 1);
  assert.match(parts()[0] ?? '', /\/access\/worker\/analytics-workers-x1\/\d{8}t\d{9}z-[0-9a-f]{8}\.json$/);
  assert.deepEqual(known(accesses), textsOf(streamed));
  assert.equal(shipper.accesses().length, 1);
  assert.deepEqual([shipper.report()['p1']?.flushed, shipper.report()['p2']?.flushed, shipper.busy()], [true, true, false]);
  const [last] = bucket.puts.slice(-1);
  assert.deepEqual(
    [last?.request.kmsKeyArn, last?.caller.subject.job, last?.caller.subject.access?.resource],
    ['arn:aws:kms:us-east-1:111122223333:key/logs', 'finance/nightly', 'log:worker'],
  );
});

void test('a part that is full is left, and the next one begins; while a pod runs they are stored from time to time', async () => {
  const { host, streamed, start, known, parts, bucket } = setup({ partRecords: 5, partMs: 20_000 });
  const log = host.container('p1', 'main');
  const { shipper, accesses, turn } = await start();
  shipper.update(answerOf([pod('p1')]));
  for (let round = 0; round < 40; round += 1) {
    log.write('x'.repeat(round % 3 === 0 ? 100 : 10));
    await turn();
  }
  assert.ok(parts().length > 3, String(parts().length));
  for (const key of parts()) assert.ok(documentAccesses(bucket.objects.get(key) ?? '').length <= 9);
  shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  for (let round = 0; round < 4; round += 1) await turn();
  assert.deepEqual(known(accesses), textsOf(streamed));
  assert.ok(host.journal.split('\n').length < 12, 'what is stored in a full part is not kept on the disk');
});

void test('an agent that dies loses no record, doubles none, and goes on in the same part', async () => {
  const { host, streamed, start, known, parts } = setup();
  host.container('p1', 'main').write('y'.repeat(250));
  const first = await start();
  first.shipper.update(answerOf([pod('p1')]));
  for (let round = 0; round < 2; round += 1) await first.turn();
  // Torn by the crash.
  host.journal = `${host.journal}{"time":"2026-`;
  const second = await start(first.shipper.state());
  second.shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  for (let round = 0; round < 4; round += 1) await second.turn();
  assert.equal(second.shipper.report()['p1']?.flushed, true);
  assert.deepEqual(known(second.accesses), textsOf(streamed));
  const third = await start(second.shipper.state());
  third.shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  for (let round = 0; round < 3; round += 1) await third.turn();
  assert.equal(parts().length, 1);
  assert.deepEqual(known(third.accesses), textsOf(streamed));
});

void test("what a pod's init container has recorded in its log is among the job's records, once, and nothing else that it wrote", async () => {
  const { host, bucket, start, parts } = setup({ chunkBytes: 10_000 });
  const record = {
    time: '2026-01-02T03:04:05.678Z',
    runtime: 'finance/analytics',
    job: 'finance/nightly',
    identity: 'worker',
    chain: [],
    sessionName: '01234567.89abcdef.worker',
    action: 'ssm:GetParameter',
    resource: '/acme/finance/warehouse',
    outcome: 'ok',
    requestId: 'R1',
  };
  const line = (fields: object): string =>
    `2026-01-02T03:04:05.678Z stdout F ${JSON.stringify({ level: 'info', ...fields, audit: true })}\n`;
  const log = host.container('p1', 'elastic-credentials');
  log.write(`2026-01-02T03:04:05.678Z stdout F ready\n${line(record)}`);
  log.write(line({ ...record, requestId: 'R2', job: 'finance/other' }));
  log.write(`2026-01-02T03:04:05.678Z stdout F {"audit":true}\n2026-01-02T03:04:05.678Z stdout P {"audit":\n`);
  host.container('p1', 'main').write(line({ ...record, requestId: 'R3' }));
  const { shipper, turn } = await start();
  shipper.update(answerOf([pod('p1')]));
  for (let round = 0; round < 3; round += 1) await turn();
  log.write(line({ ...record, requestId: 'R4' }));
  for (let round = 0; round < 3; round += 1) await turn();
  shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  for (let round = 0; round < 4; round += 1) await turn();
  const stored = documentAccesses(bucket.objects.get(parts()[0] ?? '') ?? '') as readonly AuditRecord[];
  const told = stored.filter(({ action }) => action === 'ssm:GetParameter');
  assert.deepEqual(told.map(({ requestId }) => requestId).sort(), ['R1', 'R4']);
});

void test('a refused write asks for a session and is tried again; a disk that takes nothing keeps no log back', async () => {
  const { host, bucket, streamed, start, known } = setup();
  host.saves.fail = true;
  host.container('p1', 'main').write('y'.repeat(100));
  const { shipper, accesses, turn } = await start();
  shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  await turn();
  bucket.faults.push({ when: 'before', error: denied }, { when: 'after', error: noAnswer });
  let asked = 0;
  for (let round = 0; round < 6; round += 1) if ((await turn()).needsSession) asked += 1;
  assert.equal(asked, 1);
  assert.equal(shipper.report()['p1']?.flushed, true);
  assert.deepEqual(known(accesses), textsOf(streamed));
});

void test('a job whose pods are gone is forgotten after its last report was read; one that comes back begins a part of its own', async () => {
  const { host, start, parts, streamed, bucket } = setup();
  host.container('p1', 'main').write('y'.repeat(100));
  const { shipper, accesses, turn } = await start();
  shipper.update(answerOf([{ ...pod('p1'), finished: true }]));
  for (let round = 0; round < 3; round += 1) await turn();
  host.removePod('p1');
  shipper.update(answerOf([]));
  await turn();
  assert.equal(shipper.accesses().length, 1);
  await turn(600_000);
  await turn();
  assert.deepEqual([shipper.accesses().length, host.journal], [0, '']);
  host.container('p2', 'main').write('y'.repeat(100));
  shipper.update(answerOf([{ ...pod('p2'), finished: true }]));
  for (let round = 0; round < 3; round += 1) await turn();
  assert.equal(parts().length, 2);
  const stored = parts().flatMap((key) => documentAccesses(bucket.objects.get(key) ?? '') as readonly AuditRecord[]);
  assert.deepEqual(
    textsOf([...stored, ...accesses.last()]).length,
    textsOf(streamed).length - 1,
    'all but the one that was reported before',
  );
});
