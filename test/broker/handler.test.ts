import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labels } from '../../src/api/labels.ts';
import { createBrokerHandler } from '../../src/broker/handler.ts';
import type { ObtainSession } from '../../src/broker/session.ts';
import type { TokenReview } from '../../src/ports/kubernetes.ts';
import { err, ok } from '../../src/ports/result.ts';
import { fakeClock, recordedTelemetry } from '../machinery/support/fakes.ts';
import { agentReview, type Cluster, clusterOf, elasticNodeOf, jobUid, lookupOf, nodeOf, podOn, reviewer } from './support/cluster.ts';

const token = 'agent.on.a';
const peer = '10.0.0.1';

function setup(options: { review?: TokenReview; cluster?: (cluster: Cluster) => void; checkPeer?: boolean } = {}) {
  const cluster = clusterOf();
  options.cluster?.(cluster);
  const clock = fakeClock();
  const telemetry = recordedTelemetry();
  const asked: Parameters<ObtainSession>[0][] = [];
  const kubernetes = reviewer({ [token]: options.review ?? agentReview('node-a') });
  const handler = createBrokerHandler({
    kubernetes,
    lookup: lookupOf(cluster),
    async obtain(request) {
      asked.push(request);
      return ok({
        grant: {
          id: 'g1',
          identity: request.identity,
          chain: ['agent', 'operator', 'worker'],
          sessionName: 'aaaaaaaa.-.worker',
          expiresAt: 9,
        },
      });
    },
    clock,
    telemetry,
    ...(options.checkPeer !== undefined && { checkPeer: options.checkPeer }),
  });
  return { handler, asked, clock, telemetry, kubernetes };
}

void test('a node agent gets the session of its own node as worker, and the pods that run there', async () => {
  const { handler, asked } = setup({
    cluster: (cluster) => {
      cluster.pods.push(
        podOn('node-a', 'nightly-2-worker-0'),
        podOn('node-a', 'nightly-2-worker-1', { status: { phase: 'Succeeded' } }),
        podOn('node-b', 'elsewhere'),
        podOn('node-a', 'daemon', { labels: { [labels.job]: '' } }),
      );
    },
  });
  const reply = await handler.handle({ token, peer });
  assert.ok(reply.status === 200);
  const folder = `elastic/acme/finance/analytics/jobs/nightly-0f0e0d0c/2/worker/analytics-workers-a`;
  const { grant, ...answer } = reply.answer;
  assert.equal(grant.id, 'g1');
  assert.deepEqual(answer, {
    node: 'analytics-workers-a',
    runtime: 'finance/analytics',
    role: 'worker',
    region: 'us-east-1',
    logs: { bucket: 'acme-logs', prefix: 'elastic/acme/finance/analytics' },
    kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/logs',
    terminateAfterSeconds: 3600,
    pods: [0, 1].map((index) => ({
      uid: `uid-nightly-2-worker-${index}`,
      namespace: 'finance',
      name: `nightly-2-worker-${index}`,
      job: 'nightly',
      jobUid,
      attempt: 2,
      keyPrefix: `${folder}/nightly-2-worker-${index}`,
      finished: index === 1,
    })),
  });
  assert.equal(asked.length, 1);
  assert.deepEqual(
    { identity: asked[0]?.identity, caller: asked[0]?.caller, node: asked[0]?.node },
    {
      identity: 'worker',
      caller: 'nodeAgent',
      node: 'analytics-workers-a',
    },
  );
});

void test('a master node gets a session as master, and no worker pod', async () => {
  const { handler, asked } = setup({
    cluster: (cluster) => {
      cluster.elasticNodes = [elasticNodeOf('analytics-masters-a', 'node-a', 'master')];
      cluster.pods.push(podOn('node-a', 'driver', { labels: { [labels.role]: 'master' } }), podOn('node-a', 'worker'));
    },
  });
  const reply = await handler.handle({ token, peer });
  assert.ok(reply.status === 200);
  assert.equal(asked[0]?.identity, 'master');
  assert.deepEqual(
    reply.answer.pods.map(({ name }) => name),
    ['driver'],
  );
});

void test('a pod that is being deleted is finished once its containers have ended', async () => {
  const terminated = { name: 'main', state: { terminated: { exitCode: 0 } } };
  const running = { name: 'main', state: { running: {} } };
  const { handler } = setup({
    cluster: (cluster) => {
      cluster.pods.push(
        podOn('node-a', 'a', { deleted: true, status: { phase: 'Running', containerStatuses: [terminated] } }),
        podOn('node-a', 'b', { deleted: true, status: { phase: 'Running', containerStatuses: [terminated, running] } }),
      );
    },
  });
  const reply = await handler.handle({ token, peer });
  assert.ok(reply.status === 200);
  assert.deepEqual(
    reply.answer.pods.map(({ finished }) => finished),
    [true, false],
  );
});

void test('pods that are gone from the cluster while their job still waits for their logs are named, as finished', async () => {
  const there = podOn('node-a', 'nightly-2-worker-0');
  const ending = (name: string, node: string, role: string) => ({ uid: `uid-${name}`, name, node, role });
  const pods = [
    ending('nightly-2-worker-0', 'node-a', 'worker'),
    ending('nightly-2-worker-1', 'node-a', 'worker'),
    ending('nightly-2-worker-2', 'node-b', 'worker'),
    ending('nightly-2-master', 'node-a', 'master'),
  ];
  const { handler } = setup({
    cluster: (cluster) => {
      cluster.pods.push(there);
      cluster.jobs.push({
        metadata: { name: 'nightly', namespace: 'finance', uid: jobUid },
        spec: { runtime: 'analytics' },
        status: { attempt: { number: 2 }, internal: { ending: { pods } } },
      } as unknown as Cluster['jobs'][number]);
    },
  });
  const reply = await handler.handle({ token, peer });
  assert.ok(reply.status === 200);
  assert.deepEqual(
    reply.answer.pods.map(({ name, finished, keyPrefix }) => ({ name, finished, keyPrefix })),
    [
      { name: 'nightly-2-worker-0', finished: false },
      { name: 'nightly-2-worker-1', finished: true },
    ].map((pod) => ({
      ...pod,
      keyPrefix: `elastic/acme/finance/analytics/jobs/nightly-0f0e0d0c/2/worker/analytics-workers-a/${pod.name}`,
    })),
  );
});

type Refused = { readonly name: string; readonly status: number; readonly reason: RegExp; readonly options: Parameters<typeof setup>[0] };

const extraWithout = (name: string): Readonly<Record<string, readonly string[]>> => {
  const { [`authentication.kubernetes.io/${name}`]: dropped, ...rest } = agentReview('node-a').extra;
  void dropped;
  return rest;
};

const refused: readonly Refused[] = [
  { name: 'expired', status: 401, reason: /expired/, options: { review: { authenticated: false, error: 'token has expired' } } },
  {
    name: 'for another audience',
    status: 401,
    reason: /sts\.amazonaws\.com/,
    options: { review: agentReview('node-a', { audiences: ['sts.amazonaws.com'] }) },
  },
  {
    name: "another ServiceAccount's",
    status: 403,
    reason: /not the node agent/,
    options: { review: agentReview('node-a', { username: 'system:serviceaccount:finance:elastic-node-agent' }) },
  },
  {
    name: 'bound to no pod',
    status: 403,
    reason: /not bound/,
    options: { review: agentReview('node-a', { extra: extraWithout('pod-uid') }) },
  },
  {
    name: 'bound to no node',
    status: 403,
    reason: /not bound/,
    options: { review: agentReview('node-a', { extra: extraWithout('node-name') }) },
  },
  { name: 'of a node that is gone', status: 403, reason: /no Node/, options: { review: agentReview('node-z') } },
  {
    name: 'of a node that was made anew',
    status: 403,
    reason: /another one/,
    options: {
      review: agentReview('node-a', {
        extra: { ...agentReview('node-a').extra, 'authentication.kubernetes.io/node-uid': ['older'] },
      }),
    },
  },
  {
    name: 'of a node without ElasticNode',
    status: 403,
    reason: /no ElasticNode/,
    options: { review: agentReview('node-b'), cluster: (cluster) => void cluster.nodes.push(nodeOf('node-b')) },
  },
  {
    name: 'of a node without provider id',
    status: 403,
    reason: /no provider id/,
    options: { cluster: (cluster) => void (cluster.nodes = [{ ...nodeOf('node-a'), spec: {} }]) },
  },
  {
    name: 'of a node that claims the provider id of another',
    status: 403,
    reason: /not registered as node-b/,
    options: {
      review: agentReview('node-b'),
      cluster: (cluster) => void cluster.nodes.push({ ...nodeOf('node-b'), spec: { providerID: 'aws:///us-east-1a/i-node-a' } }),
    },
  },
  {
    name: 'of a node with two ElasticNodes',
    status: 403,
    reason: /several/,
    options: { cluster: (cluster) => void cluster.elasticNodes.push(elasticNodeOf('second', 'node-a')) },
  },
  {
    name: 'of a runtime that is gone',
    status: 403,
    reason: /is gone/,
    options: { cluster: (cluster) => void (cluster.runtimes = []) },
  },
  {
    name: 'of a runtime that was made anew',
    status: 403,
    reason: /is gone/,
    options: {
      cluster: (cluster) => {
        cluster.runtimes = cluster.runtimes.map((runtime) => ({ ...runtime, metadata: { ...runtime.metadata, uid: 'other' } }));
      },
    },
  },
  {
    name: 'of a node that is labelled for a foreign runtime',
    status: 403,
    reason: /labelled for another/,
    options: {
      cluster: (cluster) => {
        cluster.nodes = cluster.nodes.map((node) => ({
          ...node,
          metadata: { ...node.metadata, labels: { [labels.runtimeUid]: 'foreign' } },
        }));
      },
    },
  },
  {
    name: 'of an ElasticNode that has ended',
    status: 403,
    reason: /has ended/,
    options: {
      cluster: (cluster) => {
        cluster.elasticNodes = cluster.elasticNodes.map((node) => ({ ...node, status: { ...node.status, phase: 'Terminated' as const } }));
      },
    },
  },
];

for (const { name, status, reason, options } of refused) {
  void test(`a token ${name} gets nothing`, async () => {
    const { handler, asked, telemetry } = setup(options);
    const reply = await handler.handle({ token, peer });
    assert.ok(reply.status !== 200);
    assert.equal(reply.status, status);
    assert.match(reply.reason, reason);
    assert.equal(asked.length, 0, 'no session was made');
    assert.ok(!JSON.stringify(telemetry.logs).includes(token), 'the token is in no log');
  });
}

void test('a token carried to another machine gets nothing where addresses can be trusted', async () => {
  const { handler, asked } = setup({ checkPeer: true });
  assert.equal((await handler.handle({ token, peer: '10.0.0.99' })).status, 403);
  assert.equal(asked.length, 0);
  assert.equal((await handler.handle({ token, peer: '::ffff:10.0.0.1' })).status, 200);
});

void test('a node that was heard from its own address is heard from no other; one behind a translation goes on', async () => {
  const { handler, asked } = setup();
  // An overlay's address stands for the node: nothing is known of the way, then or later.
  assert.equal((await handler.handle({ token, peer: '10.244.1.0' })).status, 200);
  assert.equal((await handler.handle({ token, peer: '10.244.1.0' })).status, 200);
  assert.equal((await handler.handle({ token, peer: '::ffff:10.0.0.1' })).status, 200);
  const before = asked.length;
  assert.equal((await handler.handle({ token, peer: '10.244.1.0' })).status, 403);
  assert.equal((await handler.handle({ token, peer: '10.0.0.99' })).status, 403);
  assert.equal(asked.length, before);
  // Another family takes another way.
  assert.equal((await handler.handle({ token, peer: 'fd00::7' })).status, 200);
  assert.equal((await handler.handle({ token, peer: '10.0.0.1' })).status, 200);
});

void test('a node of the same name that was made anew is another one', async () => {
  const { handler } = setup({
    review: agentReview('node-a', { extra: extraWithout('node-uid') }),
    cluster: (cluster) => void (current = cluster),
  });
  assert.equal((await handler.handle({ token, peer })).status, 200);
  assert.equal((await handler.handle({ token, peer: '10.244.1.0' })).status, 403);
  const [old] = current?.nodes ?? [];
  assert.ok(old && current);
  current.nodes = [{ ...old, metadata: { ...old.metadata, uid: 'another' } }];
  assert.equal((await handler.handle({ token, peer: '10.244.1.0' })).status, 200);
});
let current: Cluster | undefined;

void test('what is no token is not shown to the API server', async () => {
  const { handler, kubernetes } = setup();
  for (const wrong of [undefined, '', 'no-jwt', 'a.b', 'a.b.c d', `a.b.${'c'.repeat(9_000)}`]) {
    assert.equal((await handler.handle({ token: wrong, peer })).status, 401);
  }
  assert.equal(kubernetes.calls, 0);
});

void test('an API server that does not answer, or no session, is said as unavailable: neither renews the node', async () => {
  const { handler } = setup();
  assert.equal((await handler.handle({ token: 'down.down.down', peer })).status, 503);
  const cluster = clusterOf();
  const without = createBrokerHandler({
    kubernetes: reviewer({ [token]: agentReview('node-a') }),
    lookup: lookupOf(cluster),
    obtain: async () => err({ code: 'AccessDenied', message: 'not authorized to perform: sts:AssumeRole' }),
    clock: fakeClock(),
    telemetry: recordedTelemetry(),
  });
  const reply = await without.handle({ token, peer });
  assert.ok(reply.status === 503);
  assert.match(reply.reason, /no session as worker: AccessDenied/);
});

void test('one node that asks too often waits; others do not', async () => {
  const { handler, clock } = setup();
  const statuses = await ask(handler, token, 20);
  assert.deepEqual([statuses.filter((status) => status === 200).length, statuses.at(-1)], [12, 429]);
  await clock.advance(4_000);
  assert.deepEqual(await ask(handler, token, 3), [200, 200, 429]);
});

void test('a token that was carried elsewhere uses up nothing of its node’s', async () => {
  const { handler } = setup({ checkPeer: true });
  for (let count = 0; count < 30; count += 1) assert.equal((await handler.handle({ token, peer: '10.9.9.9' })).status, 403);
  assert.deepEqual(await ask(handler, token, 1), [200]);
});

void test('one address that tries tokens is stopped before the API server is asked', async () => {
  const { handler, kubernetes } = setup();
  const statuses = await ask(handler, 'wrong.wrong.wrong', 100);
  assert.equal(statuses.filter((status) => status === 401).length, 60);
  assert.equal(kubernetes.calls, 60);
  const reply = await handler.handle({ token: 'wrong.wrong.wrong', peer });
  assert.ok(reply.status === 429);
  assert.equal(reply.retryAfterSeconds, 1);
});

async function ask(handler: ReturnType<typeof setup>['handler'], shown: string, times: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let count = 0; count < times; count += 1) statuses.push((await handler.handle({ token: shown, peer })).status);
  return statuses;
}
