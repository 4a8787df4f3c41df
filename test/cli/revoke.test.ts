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
