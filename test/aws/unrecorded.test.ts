import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import type { AuditPort, AuditRecord, Caller } from '../../src/ports/aws/index.ts';
import { failure, must } from './stand.ts';

const answer =
  '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/x</Arn><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>';

const subject = {
  cluster: 'prod',
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  access: { phase: 'Run', resource: 'staging', rule: 'staging-worker: it says so' },
} as const;

/** The adapter before a server that answers every call alike, and counts. */
async function adapter(t: TestContext, audit: AuditPort) {
  let arrived = 0;
  const server = createServer((request, response) => {
    arrived += 1;
    request.resume().once('end', () => response.writeHead(200, { 'content-type': 'text/xml', 'x-amzn-requestid': 'r-1' }).end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = { now: Date.now, monotonic: () => performance.now(), after: () => () => {} };
  const aws = createAws({ region: 'us-east-1', endpoint, clock, auditOf, audit });
  t.after(() => {
    aws.close();
    server.closeAllConnections();
    server.close();
  });
  const caller: Caller = { grant: aws.sts.staticGrant('worker', { accessKeyId: 'AKIAX', secretAccessKey: 'x' }), subject };
  return { aws, caller, arrived: () => arrived };
}

void test('the record of a call has every field', async (t) => {
  const records: AuditRecord[] = [];
  const { aws, caller } = await adapter(t, { record: (record) => void records.push(record) });
  must(await aws.sts.getCallerIdentity(caller));
  const [{ time, durationMs, ...rest } = {} as AuditRecord] = records;
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Number.isInteger(durationMs));
  assert.deepEqual(rest, {
    cluster: 'prod',
    namespace: 'finance',
    runtime: 'finance/analytics',
    job: 'finance/nightly',
    phase: 'Run',
    planResource: 'staging',
    rule: 'staging-worker: it says so',
    identity: 'worker',
    chain: [],
    sessionName: 'KIAX',
    action: 'sts:GetCallerIdentity',
    resource: '*',
    outcome: 'ok',
    requestId: 'r-1',
  });
});

void test('a call is done once its record is accepted, not before', async (t) => {
  let accept: () => void = () => {};
  const { aws, caller, arrived } = await adapter(t, { record: () => new Promise<void>((resolve) => (accept = resolve)) });
  let done = false;
  const call = aws.sts.getCallerIdentity(caller).then((result) => {
    done = true;
    return result;
  });
  while (arrived() === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, false);
  accept();
  must(await call);
});

void test('a call whose record cannot be written fails, and says that it may have been carried out', async (t) => {
  const { aws, caller } = await adapter(t, { record: () => Promise.reject(new Error('/audit/audit.jsonl: ENOSPC')) });
  const error = failure(await aws.sts.getCallerIdentity(caller));
  assert.deepEqual([error.kind, error.code, error.requestId], ['Unavailable', 'AuditNotWritten', 'r-1']);
  assert.match(error.message, /sts:GetCallerIdentity was carried out or may have been.*ENOSPC/);
});

void test('while nothing can be recorded, no call is made', async (t) => {
  const { aws, caller, arrived } = await adapter(t, { record: () => assert.fail('nothing to record'), refusal: () => 'stdout: EPIPE' });
  const error = failure(await aws.sts.getCallerIdentity(caller));
  assert.deepEqual([error.kind, error.code, arrived()], ['Unavailable', 'AuditUnavailable', 0]);
  assert.match(error.message, /stdout: EPIPE/);
});
