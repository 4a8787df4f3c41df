import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterIo } from '../../src/cli/cluster.ts';
import { type RevokeArguments, runRevoke } from '../../src/cli/revoke.ts';

type Json = Readonly<Record<string, unknown>>;

const now = '2026-11-30T10:00:00Z';
const role = (name: string) => ({ roleArn: `arn:aws:iam::111122223333:role/${name}` });
const given = { agent: role('agent'), operator: role('operator'), master: role('master'), worker: role('worker') };
const { agent, operator } = given;

/** A cluster with one object, whatever is asked for. */
async function revoke(object: { readonly spec: Json; readonly status?: Json }, args: Partial<RevokeArguments>) {
  const out: string[] = [];
  const err: string[] = [];
  const patches: unknown[] = [];
  const metadata = { name: 'analytics', namespace: 'finance', uid: '12345678-0000-4000-8000-000000000000', resourceVersion: '1' };
  const kubernetes = {
    get: async () => ({ ok: true, value: { metadata, ...object } }),
    mergePatch: async (_type: unknown, _key: unknown, patch: { readonly spec: Json }) => {
      patches.push(patch);
      return { ok: true, value: { metadata, ...object, spec: { ...object.spec, ...patch.spec } } };
    },
  };
  const io = {
    connect: async () => ({ kubernetes, namespace: 'finance', server: '', close: async () => {} }),
    now: () => Date.parse(now),
    stdout: (text: string) => out.push(text),
    stderr: (text: string) => err.push(text),
  } as unknown as ClusterIo;
  const code = await runRevoke({ output: 'table', ...args }, io);
  return { code, out: out.join('\n'), err: err.join('\n'), patches };
}

void test('of default roles nothing is printed to attach: their stack could not be deleted with it', async () => {
  const spec = { organization: 'acme', region: 'us-east-1' };
  const made = await revoke({ spec: { ...spec, identities: { agent, operator } } }, { runtime: 'analytics' });
  assert.equal(made.code, 0);
  assert.deepEqual(
    [...made.out.matchAll(/--role-name (\S+)/g)].map(([, name]) => name),
    ['agent', 'operator'],
  );
  assert.match(made.out, /Sessions of worker \(arn:\S+worker\) are ended by the operator, in the stack of default roles/);
  const own = await revoke({ spec: { ...spec, identities: given } }, { runtime: 'analytics' });
  assert.deepEqual(
    [...own.out.matchAll(/--role-name (\S+)/g)].map(([, name]) => name),
    ['agent', 'operator', 'master', 'worker'],
  );
});

void test('a moment that stands is not moved backwards, whoever gave it; one to come revokes nothing yet and may be', async () => {
  const spec = { organization: 'acme', region: 'us-east-1', identities: given };
  const stood = '2026-11-30T09:59:00Z';
  const earlier = '2020-01-01T00:00:00Z';
  const rows: readonly { readonly spec: Json; readonly status?: Json }[] = [
    { spec: { ...spec, accessRevokedBefore: stood } },
    { spec, status: { resolved: { accessRevokedBefore: stood } } },
    { spec: { ...spec, accessRevokedBefore: earlier }, status: { internal: { revoked: stood } } },
  ];
  for (const object of rows) {
    const refused = await revoke(object, { runtime: 'analytics', before: earlier });
    assert.deepEqual([refused.code, refused.patches, refused.out], [2, [], '']);
    assert.match(refused.err, /--before 2020-01-01T00:00:00Z is earlier than 2026-11-30T09:59:00Z, before which access is revoked already/);
    for (const before of [undefined, stood, '2026-11-30T09:59:30Z']) {
      const done = await revoke(object, { runtime: 'analytics', ...(before !== undefined && { before }) });
      assert.deepEqual([done.code, done.patches], [0, [{ spec: { accessRevokedBefore: before ?? now } }]]);
    }
  }
  const connection = { spec: { connector: 'AmazonS3', location: 's3://acme-lake/raw/', accessRevokedBefore: stood } };
  assert.equal((await revoke(connection, { connection: 'lake', before: earlier })).code, 2);
  const toCome = await revoke({ spec: { ...spec, accessRevokedBefore: '2026-12-24T00:00:00Z' } }, { runtime: 'analytics' });
  assert.deepEqual([toCome.code, toCome.patches], [0, [{ spec: { accessRevokedBefore: now } }]]);
});
