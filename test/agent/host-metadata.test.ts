import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { hostMetadata } from '../../src/agent/host-metadata.ts';

/** Version 2 of the service as AWS describes it: nothing without a token, tokens by PUT only. */
let paths: Record<string, string> = {};
let tokens: string[] = [];
let issued = 0;
const server = createServer((request, response) => {
  if (request.url === '/latest/api/token') {
    if (request.method !== 'PUT' || request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined)
      return void response.writeHead(400).end();
    issued += 1;
    tokens.push(`token-${issued}`);
    return void response.end(`token-${issued}`);
  }
  if (!tokens.includes(String(request.headers['x-aws-ec2-metadata-token']))) return void response.writeHead(401).end();
  const body = paths[request.url ?? ''];
  return body === undefined ? void response.writeHead(404).end('not here') : void response.end(body);
});

before(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());
beforeEach(() => {
  paths = {};
  tokens = [];
  issued = 0;
});

function metadata() {
  return hostMetadata({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const spot = '/latest/meta-data/spot/instance-action';
const scheduled = '/latest/meta-data/events/maintenance/scheduled';
const rebalance = '/latest/meta-data/events/recommendations/rebalance';
const event = {
  NotBefore: '21 Jan 2026 09:00:43 GMT',
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  EventId: 'instance-event-1',
  NotAfter: '21 Jan 2026 09:17:23 GMT',
  State: 'active',
};

void test('nothing is announced', async () => {
  assert.deepEqual(await metadata().interruption(), { ok: true, value: undefined });
});

void test('each kind of notice, the most urgent first', async () => {
  paths[rebalance] = '{"noticeTime":"2026-01-02T03:00:00Z"}';
  assert.deepEqual(await metadata().interruption(), { ok: true, value: { kind: 'RebalanceRecommendation', at: '2026-01-02T03:00:00Z' } });
  paths[scheduled] = JSON.stringify([{ ...event, State: 'completed' }, event]);
  assert.deepEqual(await metadata().interruption(), {
    ok: true,
    value: { kind: 'ScheduledEvent', at: '2026-01-21T09:00:43Z', detail: 'system-reboot: scheduled reboot' },
  });
  paths[spot] = '{"action":"terminate","time":"2026-01-02T03:06:05Z"}';
  assert.deepEqual(await metadata().interruption(), {
    ok: true,
    value: { kind: 'SpotInterruption', at: '2026-01-02T03:06:05Z', detail: 'terminate' },
  });
});

void test('events that are over or called off are none', async () => {
  paths[scheduled] = JSON.stringify([
    { ...event, State: 'completed' },
    { ...event, State: 'canceled' },
  ]);
  assert.deepEqual(await metadata().interruption(), { ok: true, value: undefined });
});

void test('one token serves many looks; one that is refused is fetched anew', async () => {
  const host = metadata();
  await host.interruption();
  await host.interruption();
  assert.equal(issued, 1);
  tokens = [];
  assert.equal((await host.interruption()).ok, false);
  assert.equal((await host.interruption()).ok, true);
  assert.equal(issued, 2);
});

void test('no service, and one that does not answer', async () => {
  const none = await hostMetadata({ endpoint: undefined }).interruption();
  assert.ok(!none.ok && none.error.kind === 'Unsupported');
  const away = await hostMetadata({ endpoint: 'http://127.0.0.1:1' }).interruption();
  assert.ok(!away.ok && away.error.kind === 'Failed');
});
