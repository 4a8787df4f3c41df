import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AuditIo, runAudit } from '../../src/cli/audit.ts';
import type { Recorded } from '../../src/core/audit/records.ts';
import type { ReportRow } from '../../src/core/audit/report.ts';
import { find, job, runtime, start, until } from '../sim/support/stage.ts';

/* A job's record that lacks what node agents recorded, which lies beside it. */

type Document = { readonly accesses: readonly Recorded[]; readonly missing?: readonly string[] };

const bucket = 'acme-logs';

/** What a simulated job leaves in the log location, as if its record had had no room for the node agents'. */
async function lived() {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 2 } }, { cleanupAfterSeconds: 60 })], {
    nodeAgents: true,
  });
  await until(simulation, 'the job ends', () => find(simulation, 'talker').status?.internal?.['cleaned'] === true);
  const objects = new Map(simulation.account.objects(bucket).map(({ key, body }) => [key, new TextDecoder().decode(body)]));
  const record = [...objects.keys()].find((key) => key.endsWith('/access.json')) ?? '';
  const document = JSON.parse(objects.get(record) ?? '{}') as Document;
  const folder = `${record.slice(0, -'.json'.length)}/`;
  const accesses = document.accesses.filter(({ node }) => node === undefined);
  assert.ok(accesses.length > 0 && accesses.length < document.accesses.length);
  const more = `3 of 3 parts at s3://${bucket}/${folder}`;
  return { objects, record, folder, whole: document.accesses, lacking: { ...document, accesses, more } };
}

const simulated = lived();

async function audited(objects: ReadonlyMap<string, string>, readBucket?: AuditIo['readBucket']) {
  const out: string[] = [];
  const errors: string[] = [];
  const asked: string[] = [];
  const read: AuditIo['readBucket'] = async ({ prefix }, wanted) => {
    asked.push(prefix);
    const all = [...objects].filter(([key, text]) => key.startsWith(prefix) && wanted(key, text.length));
    return all.map(([key, text]) => ({ name: `s3://${bucket}/${key}`, bytes: new TextEncoder().encode(text) }));
  };
  const code = await runAudit(
    { files: [], resource: `s3://${bucket}/elastic/acme/`, output: 'json' },
    {
      readBytes: async () => new Uint8Array(),
      readBucket: readBucket ?? read,
      stdout: (line) => void out.push(line),
      stderr: (line) => void errors.push(line),
    },
  );
  return { code, errors, asked, rows: JSON.parse(out.join('\n')) as readonly ReportRow[] };
}

const idsOf = (rows: readonly { readonly requestId?: string }[]): readonly string[] =>
  rows.flatMap(({ requestId }) => requestId ?? []).sort();

void test('what a record lacks of its nodes is read beside it, each call once', async () => {
  const { objects, record, folder, whole, lacking } = await simulated;
  const { code, rows, errors } = await audited(new Map([...objects, [record, JSON.stringify(lacking)]]));
  // The last part of a node has not the record of its own writing, which is in access.json from the agent's report.
  const unwritten = new Set(whole.filter(({ resource }) => /\/access\/(master|worker)\//.test(resource)).map(({ requestId }) => requestId));
  const wanted = idsOf(whole.filter(({ requestId }) => !unwritten.has(requestId)));
  assert.deepEqual(
    idsOf(rows).filter((id) => !unwritten.has(id)),
    wanted,
  );
  assert.deepEqual([code, rows.filter(({ unplanned }) => unplanned !== undefined)], [0, []]);
  assert.match(errors.join(), new RegExp(`^audit: s3://${bucket}/${record} lacks 3 of 3 parts at .*${folder}.*: it was read from there$`));
});

void test('a record that lacks nothing has all of it: no part is asked for', async () => {
  const { objects } = await simulated;
  const { code, asked, errors } = await audited(objects);
  assert.deepEqual([code, asked, errors], [0, ['elastic/acme/'], []]);
});

void test('of what pods put there, nothing is taken that a node agent of that node could not have done', async () => {
  const { objects, record, folder, lacking } = await simulated;
  const having = (...more: readonly (readonly [string, string])[]) =>
    audited(new Map([...objects, [record, JSON.stringify(lacking)] as const, ...more]));
  const before = idsOf((await having()).rows);
  const [own] = (await simulated).whole.filter(({ planResource, resource }) => planResource === 'log:worker' && resource.endsWith('.log'));
  assert.ok(own?.node !== undefined);
  const part = (...accesses: readonly object[]): string => JSON.stringify({ accesses });
  const forged = [
    { ...own, requestId: 'F1', identity: 'operator' },
    { ...own, requestId: 'F2', resource: 'arn:aws:s3:::acme-payroll/salaries.csv' },
    { ...own, requestId: 'F3', job: 'finance/other' },
    { ...own, requestId: 'F4', resource: own.resource.replace(/jobs\/[^/]+/, 'jobs/other-00000000') },
  ];
  const at = `${folder}worker/${own.node}/x.json`;
  const { rows, code } = await having([at, part(...forged)], [`${folder}worker/y.json`, part({ ...own, requestId: 'F5' })]);
  assert.deepEqual([code, idsOf(rows)], [0, before]);
  // In another node's folder, or another job's.
  const other = await having([`${folder}worker/other/x.json`, part({ ...own, requestId: 'F6' })]);
  assert.deepEqual(idsOf(other.rows), before);
  const inOther = folder.replace(/jobs\/[^/]+/, 'jobs/other-00000000');
  assert.deepEqual(idsOf((await having([`${inOther}worker/${own.node}/x.json`, part({ ...own, requestId: 'F7' })])).rows), before);
  // What it could have done is added: docs/security.md says so.
  assert.deepEqual(idsOf((await having([at, part({ ...own, requestId: 'F8' })])).rows), [...before, 'F8'].sort());
});

void test('a part that is too large, or a folder that cannot be read, is said, and is no clean result', async () => {
  const { objects, record, folder, lacking } = await simulated;
  const all = new Map([...objects, [record, JSON.stringify(lacking)] as const, [`${folder}worker/n/x.json`, 'x'.repeat(5 << 20)] as const]);
  const large = await audited(all);
  assert.equal(large.code, 1);
  assert.match(large.errors.join('\n'), /lacks 3 of 3 parts.*\n.*worker\/n\/x\.json is too large/);
  const bytes = new TextEncoder().encode(JSON.stringify(lacking));
  const refused = await audited(all, async ({ prefix }) => {
    if (prefix === folder) throw Object.assign(new Error('no'), { name: 'AccessDenied' });
    return [{ name: `s3://${bucket}/${record}`, bytes }];
  });
  assert.equal(refused.code, 1);
  assert.match(refused.errors.join('\n'), /lacks 3 of 3 parts.*\n.*\/access\/ could not be read: AccessDenied: no$/);
});
