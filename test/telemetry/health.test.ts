import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type HealthServer, startHealthServer } from '../../src/telemetry/health.ts';

let server: HealthServer;
let problem: string | undefined;

before(async () => {
  server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    alive: {},
    ready: { caches: () => problem, broker: () => undefined },
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('leader 1\n') },
  });
});

after(() => server.close());

async function get(path: string, method = 'GET') {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
}

test('ready or not, and why', async () => {
  assert.deepEqual([(await get('/readyz')).status, (await get('/readyz')).text], [200, 'ok\n']);
  problem = 'not filled yet';
  const answer = await get('/readyz?verbose');
  assert.deepEqual([answer.status, answer.text], [503, 'caches: not filled yet\n']);
  assert.equal((await get('/healthz')).status, 200);
});

test('metrics, with their type', async () => {
  const answer = await get('/metrics');
  assert.deepEqual([answer.status, answer.text, answer.type], [200, 'leader 1\n', 'text/plain; version=0.0.4']);
});

test('nothing else', async () => {
  assert.equal((await get('/')).status, 404);
  assert.equal((await get('/debug/pprof')).status, 404);
  assert.equal((await get('/metrics', 'POST')).status, 405);
});
