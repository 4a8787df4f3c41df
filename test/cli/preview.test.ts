import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ClusterConnection } from '../../src/cli/cluster.ts';
import { runPreview } from '../../src/cli/preview.ts';
import { table } from '../../src/cli/table.ts';

/** A cluster whose operator answers with these objects. */
async function preview(objects: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const out: string[] = [];
  const status = {
    phase: 'Answered',
    identity: 'agent',
    chain: [],
    objects: Object.entries(objects).map(([name, body]) => ({ name, size: body.byteLength, sealedUrl: name })),
  };
  const made = { metadata: { uid: 'u' }, status };
  const kubernetes = {
    create: async () => ({ ok: true, value: { ...made, status: { ...status, userInfo: { username: 'sam' } } } }),
    get: async () => ({ ok: true, value: made }),
    delete: async () => ({ ok: true, value: made }),
  } as unknown as ClusterConnection['kubernetes'];
  const code = await runPreview(
    { job: 'nightly', connection: 'orders', rows: 3, output: 'table' },
    {
      stdout: (text) => out.push(text),
      stderr: (text) => out.push(text),
      now: () => 0,
      wait: async () => undefined,
      randomName: () => 'x',
      createOpener: async () => ({ publicKey: '', open: async (_info, sealed) => sealed }),
      connect: async () => ({ kubernetes, namespace: 'finance', server: '', getText: () => assert.fail(), close: async () => undefined }),
      fetch: async (url) => objects[url] ?? new Uint8Array(),
    },
  );
  assert.equal(code, 0, out.join('\n'));
  return out.join('\n');
}

test('names and rows of somebody else’s write nothing to the terminal but themselves', async () => {
  const shown = await preview({ 'a\u001b]0;gotcha\u0007.csv': Buffer.from('one\ttwo\n\u001b[2Jthree\r\n\u202efour\n') });
  assert.ok(!/[\p{Cc}\u202e]/u.test(shown.replaceAll(/[\n\t]/g, '')), JSON.stringify(shown));
  assert.match(shown, /^\d+ +a\\u001b\]0;gotcha\\u0007\.csv$/m);
  assert.match(shown, /^one\ttwo\n\\u001b\[2Jthree\n\\u202efour$/m);
});

test('a file that grows beyond measure is not unpacked', async () => {
  assert.match(await preview({ 'bomb.csv.gz': gzipSync(Buffer.alloc(64 << 20, 'a\n')) }), /none of them holds lines of text/);
  assert.match(await preview({ 'rows.csv.gz': gzipSync(Buffer.from('a,b\n1,2\n')) }), /^rows\.csv\.gz\na,b\n1,2$/m);
});

test('a table has one line a row, whatever is in its cells', () => {
  assert.equal(table(['A', 'B'], [['x\ny', 'ü']]), 'A         B\nx\\u000ay  ü');
});
