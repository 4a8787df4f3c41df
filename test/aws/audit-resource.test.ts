import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { ReportRow } from '../../src/core/audit/report.ts';
import type { Credentials } from '../gate/account.ts';
import { provision } from '../gate/provision.ts';
import { job, runtime, start, until } from '../sim/support/stage.ts';
import { allow } from './roles.ts';
import { useStand } from './stand.ts';

/* `kubectl-elastic audit --resource s3://…` as a program, as a person with keys of their own, over what a job's life left in the log location. */

const bucket = 'acme-logs';
const own = 'elastic/acme/';
let people: Readonly<Record<string, Credentials>>;

const stand = useStand(async ({ gate }) => {
  const folder = allow('s3:GetObject', `arn:aws:s3:::${bucket}/${own}*`);
  const list = allow('s3:ListBucket', `arn:aws:s3:::${bucket}`, { StringLike: { 's3:prefix': `${own}*` } });
  const plan = { buckets: { [bucket]: {} }, users: { auditor: { permissions: [folder, list] }, stranger: { permissions: [] } } };
  people = (await provision(gate, plan)).users;
  const simulation = start([...runtime({}), job('nightly', {}), job('hourly', {})]);
  await until(simulation, 'both end', () => simulation.jobs().every(({ status }) => status?.phase === 'Succeeded'));
  const put = (Key: string, Body: Uint8Array | string) => gate.backend.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  for (const { key, body } of simulation.account.objects(bucket)) await put(key, body);
  // More objects than one answer lists (1,000), and what is no record of accesses.
  for (let from = 0; from < 1_050; from += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(`${own}a-first/${from + index}/part.log`, 'line')));
  await put('elastic/globex/jobs/other/access.json', '{}');
});

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

function audit(person: string, ...args: readonly string[]): Promise<Ran> {
  const { accessKeyId = '', secretAccessKey = '' } = people[person] ?? {};
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL: stand.gate.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  // Not synchronous: the gate answers in this process.
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'audit', ...args], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const rowsOf = ({ stdout, stderr }: Ran): readonly ReportRow[] => {
  assert.equal(stderr, '');
  return JSON.parse(stdout) as readonly ReportRow[];
};

void test('everything that both jobs did is read, all as planned, by keys of the person’s own and nobody else’s', async () => {
  stand.gate.clearRecord();
  const ran = await audit('auditor', '--resource', `s3://${bucket}/${own}`, '-o', 'json');
  const rows = rowsOf(ran);
  assert.equal(ran.code, 0);
  assert.deepEqual([...new Set(rows.map((row) => row.job))].sort(), ['finance/hourly', 'finance/nightly']);
  const seen = stand.gate.record();
  assert.ok(seen.filter(({ action }) => action === 's3:ListBucket').length >= 2, 'more than one page');
  assert.ok(seen.every(({ outcome, principal }) => outcome === 'ok' && principal.endsWith(':user/auditor')));
  // Logs are not fetched.
  assert.ok(seen.filter(({ action }) => action === 's3:GetObject').every(({ resource }) => /\/access(\/\d+)?\.json$/.test(resource)));
});

void test('--since and --until cut to the time between, --job to one', async () => {
  const all = rowsOf(await audit('auditor', '--resource', `s3://${bucket}/${own}`, '-o', 'json'));
  const times = all.map(({ time }) => time).sort();
  const [since = '', until = ''] = [times[Math.floor(times.length / 3)], times[Math.floor((2 * times.length) / 3)]];
  const between = all.filter(({ time }) => time >= since && time < until);
  assert.ok(between.length > 0 && between.length < all.length);
  const cut = await audit('auditor', '--resource', `s3://${bucket}/${own}`, '--since', since, '--until', until, '-o', 'json');
  assert.deepEqual(rowsOf(cut), between);
  const one = await audit('auditor', '--resource', `s3://${bucket}/${own}`, '--since', since, '--job', 'hourly', '-o', 'json');
  assert.deepEqual(
    rowsOf(one),
    all.filter((row) => row.time >= since && row.job === 'finance/hourly'),
  );
});

void test('who may not read says so, in AWS’s words and without a key, and ends with 2', async () => {
  for (const [person, place] of [
    ['stranger', own],
    ['auditor', 'elastic/globex/'],
  ] as const) {
    const { code, stdout, stderr } = await audit(person, '--resource', `s3://${bucket}/${place}`);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^audit: s3:\/\/acme-logs\/elastic\/[a-z]+\/: AccessDenied: .*s3:ListBucket/);
    assert.ok(!stderr.includes(people[person]?.secretAccessKey ?? 'none'));
  }
});
