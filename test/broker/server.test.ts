import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createBrokerClient } from '../../src/agent/broker-client.ts';
import { createBrokerHandler } from '../../src/broker/handler.ts';
import { type BrokerServer, startBrokerServer } from '../../src/broker/server.ts';
import type { Grant, StsPort } from '../../src/ports/aws/index.ts';
import { ok } from '../../src/ports/result.ts';
import { fakeClock, recordedTelemetry } from '../machinery/support/fakes.ts';
import { selfSigned } from './support/certificate.ts';
import { agentReview, clusterOf, lookupOf, podOn, reviewer } from './support/cluster.ts';

const keys = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'canary-secret', sessionToken: 'canary-token' };
const expiresAt = Date.UTC(2026, 0, 2, 4);
const certificate = selfSigned();
const telemetry = recordedTelemetry();
let exportable = true;
let accessKeyId = keys.accessKeyId;
let server: BrokerServer;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-'));
  await writeFile(join(directory, 'ca.crt'), certificate.cert);
  await writeFile(join(directory, 'token'), 'agent.on.a\n');
  const cluster = clusterOf();
  cluster.pods.push(podOn('node-a', 'nightly-2-worker-0'));
  const handler = createBrokerHandler({
    kubernetes: reviewer({ 'agent.on.a': agentReview('node-a') }),
    lookup: lookupOf(cluster),
    obtain: async () =>
      ok({ grant: { id: 'g1', identity: 'worker', chain: ['a', 'o', 'w'], sessionName: 'aaaaaaaa.-.worker', expiresAt } }),
    clock: fakeClock(),
    telemetry,
    perNode: { burst: 1_000, perSecond: 1 },
    perPeer: { burst: 1_000, perSecond: 1 },
  });
  const sts = { exportGrant: () => (exportable ? { ...keys, accessKeyId } : undefined) };
  server = await startBrokerServer({ handler, certificate, sts: () => sts, telemetry, port: 0, host: '127.0.0.1' });
});

after(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

function client(options: { url?: string; caFile?: string; tokenFile?: string } = {}) {
  const sealed: { identity: string; keys: Parameters<StsPort['staticGrant']>[1] }[] = [];
  const released: Grant[] = [];
  const broker = createBrokerClient({
    url: `https://localhost:${server.port}`,
    caFile: join(directory, 'ca.crt'),
    tokenFile: join(directory, 'token'),
    sts: () => ({
      staticGrant(identity, given) {
        sealed.push({ identity, keys: given });
        return { id: `sealed-${sealed.length}`, identity, chain: given.chain ?? [], sessionName: given.sessionName ?? '', expiresAt: 1 };
      },
      release: (grant) => void released.push(grant),
    }),
    ...options,
  });
  return { broker, sealed, released };
}

function raw(options: { method?: string; path?: string; headers?: Record<string, string>; body?: string }) {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const { method = 'POST', path = '/v1/node', headers = {}, body = '' } = options;
    const sent = request(
      { host: '127.0.0.1', port: server.port, ca: certificate.cert, method, path, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

void test('over HTTPS the agent gets its session, sealed as it comes in; the keys are in no answer of the client', async () => {
  const { broker, sealed } = client();
  const answer = await broker.poll();
  assert.ok(answer.ok);
  assert.equal(answer.value.node, 'analytics-workers-a');
  assert.equal(answer.value.pods[0]?.name, 'nightly-2-worker-0');
  assert.equal(answer.value.grant.id, 'sealed-1');
  assert.ok(!JSON.stringify(answer).includes('canary'));
  const { secretAccessKey, sessionToken, sessionName, chain } = sealed[0]?.keys ?? {};
  assert.deepEqual(
    { secretAccessKey, sessionToken, sessionName, chain, expiresAt: sealed[0]?.keys.expiresAt },
    { secretAccessKey: 'canary-secret', sessionToken: 'canary-token', sessionName: 'aaaaaaaa.-.worker', chain: ['a', 'o', 'w'], expiresAt },
  );
  assert.ok(!JSON.stringify(telemetry.logs).includes('canary'));
});

void test('the same session is sealed once; an old one is dropped when it cannot be in use any more', async () => {
  const { broker, sealed, released } = client();
  await broker.poll();
  await broker.poll();
  assert.equal(sealed.length, 1);
  for (accessKeyId of ['ASIASECOND', 'ASIATHIRD']) await broker.poll();
  accessKeyId = keys.accessKeyId;
  assert.deepEqual([sealed.length, released.map(({ id }) => id)], [3, ['sealed-1']]);
});

void test('a broker that another authority signed, or that is not there, is no broker', async () => {
  await writeFile(join(directory, 'other.crt'), selfSigned().cert);
  const foreign = await client({ caFile: join(directory, 'other.crt') }).broker.poll();
  assert.ok(!foreign.ok && foreign.error.kind === 'Network');
  const away = await client({ url: 'https://localhost:1' }).broker.poll();
  assert.ok(!away.ok && away.error.kind === 'Network');
  const tokenless = await client({ tokenFile: join(directory, 'none') }).broker.poll();
  assert.ok(!tokenless.ok && tokenless.error.kind === 'Network');
});

void test('a refusal tells the caller a status and nothing else', async () => {
  await writeFile(join(directory, 'stolen'), 'stolen.from.elsewhere');
  const refused = await client({ tokenFile: join(directory, 'stolen') }).broker.poll();
  assert.deepEqual(refused, { ok: false, error: { kind: 'Refused', message: 'status 401' } });
  const answer = await raw({ headers: { authorization: 'Bearer stolen.from.elsewhere' } });
  assert.deepEqual(answer, { status: 401, body: '' });
});

void test('a session that has ended since is said as unavailable', async () => {
  exportable = false;
  const answer = await client().broker.poll();
  exportable = true;
  assert.ok(!answer.ok && answer.error.kind === 'Unavailable');
});

void test('anything but the one request is refused before its token is looked at', async () => {
  const authorized = { authorization: 'Bearer agent.on.a' };
  assert.equal((await raw({ path: '/v1/other', headers: authorized })).status, 404);
  assert.equal((await raw({ method: 'GET', headers: authorized })).status, 405);
  assert.equal((await raw({ headers: authorized, body: 'x'.repeat(5_000) })).status, 413);
  assert.equal((await raw({ headers: { ...authorized, 'transfer-encoding': 'chunked' }, body: 'x'.repeat(5_000) })).status, 413);
  assert.equal((await raw({ headers: { authorization: 'Basic agent.on.a' } })).status, 401);
  assert.equal((await raw({ headers: authorized, body: '{}' })).status, 200);
});

void test('a new certificate is shown to connections from now on', async () => {
  const next = selfSigned();
  server.setCertificate(next);
  await writeFile(join(directory, 'next.crt'), next.cert);
  assert.equal((await client({ caFile: join(directory, 'next.crt') }).broker.poll()).ok, true);
  server.setCertificate(certificate);
});
