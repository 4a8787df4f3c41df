import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterConnection } from '../../src/cli/cluster.ts';
import { runLogs } from '../../src/cli/logs.ts';
import type { ObjectsIo } from '../../src/cli/objects.ts';
import { runPreview } from '../../src/cli/preview.ts';

/** A cluster whose operator answers with two objects, of which S3 gives the first alone. */
function stage() {
  const out: string[] = [];
  const err: string[] = [];
  const objects = ['first.log', 'second\u001b.log'].map((name) => ({ name, size: 3, sealedUrl: `https://bucket/${name}?secret` }));
  const made = {
    metadata: { uid: 'u' },
    status: { phase: 'Answered', identity: 'agent', chain: [], objects, userInfo: { username: 'sam' } },
  };
  const answer = async () => ({ ok: true, value: made });
  const kubernetes = { create: answer, get: answer, delete: answer } as unknown as ClusterConnection['kubernetes'];
  const io: ObjectsIo = {
    stdout: (text) => out.push(text),
    stderr: (text) => err.push(text),
    now: () => 0,
    wait: async () => undefined,
    randomName: () => 'x',
    createOpener: async () => ({ publicKey: '', open: async (_info, sealed) => sealed }),
    connect: async () => ({ kubernetes, namespace: 'finance', server: '', getText: () => assert.fail(), close: async () => undefined }),
    fetch: async (url) => {
      // A NUL: no text, so that a preview looks at the next one.
      if (url.includes('first')) return new Uint8Array([0, 65, 10]);
      throw new Error('S3 answered 403 AccessDenied');
    },
  };
  return { out, err, io };
}

const refused = 'object second\\u001b.log could not be read as agent: S3 answered 403 AccessDenied';

void test('a log that S3 refuses in the middle is said with object, identity and code', async () => {
  const { out, err, io } = stage();
  const code = await runLogs({ job: 'nightly', log: 'master', follow: false, output: 'table' }, io);
  assert.deepEqual([code, err, out.length], [1, [refused], 1]);
});

void test('a preview lists what lies there, and says what it could not read', async () => {
  for (const output of ['table', 'json'] as const) {
    const { out, err, io } = stage();
    const code = await runPreview({ job: 'nightly', connection: 'orders', rows: 3, output }, io);
    assert.deepEqual([code, err], [1, [refused]]);
    assert.match(out.join('\n'), /first\.log/);
    assert.doesNotMatch(out.join('\n'), /none of them holds lines|secret/);
  }
});
