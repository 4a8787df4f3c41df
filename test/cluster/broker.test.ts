import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Node, Stored } from '../../src/api/kubernetes.ts';
import { labels, operatorNamespace } from '../../src/api/labels.ts';
import { createBrokerHandler } from '../../src/broker/handler.ts';
import { type BrokerServer, startBrokerServer } from '../../src/broker/server.ts';
import type { ObtainSession } from '../../src/broker/session.ts';
import { connectKubernetes, type KubernetesConnection } from '../../src/kube/connect.ts';
import { brokerAudience, brokerPath, nodeAgentServiceAccount } from '../../src/ports/broker.ts';
import { ok } from '../../src/ports/result.ts';
import { selfSigned } from '../broker/support/certificate.ts';
import { elasticNodeOf, lookupOf, runtimeOf, runtimeUid } from '../broker/support/cluster.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/start.ts';
import { waitFor } from '../controlplane/wait.ts';
import { fakeClock, recordedTelemetry } from '../machinery/support/fakes.ts';

/* The broker over TLS with tokens of the real API server, reviewed by it: whose token is worth a session, and whose is not. Two replicas serve. */

const account = { namespace: operatorNamespace, name: nodeAgentServiceAccount };
const robot = { namespace: operatorNamespace, name: 'robot' };
const certificate = selfSigned();
const telemetry = recordedTelemetry();
const asked: Parameters<ObtainSession>[0][] = [];

let cluster: ControlPlane;
let connection: KubernetesConnection;
let replicas: readonly BrokerServer[];
let strict: BrokerServer;
let pod: { readonly name: string; readonly uid: string };
let token: string;

async function created(path: string, body: object): Promise<Record<string, unknown> & { metadata: { uid: string; name: string } }> {
  const answer = await cluster.call('POST', path, body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as never;
}

async function podOn(
  node: string,
  name: string,
  serviceAccountName = account.name,
): Promise<{ readonly name: string; readonly uid: string }> {
  const made = await created(`/api/v1/namespaces/${operatorNamespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { nodeName: node, serviceAccountName, containers: [{ name: 'agent', image: 'agent' }] },
  });
  return { name, uid: made.metadata.uid };
}

function bound(
  to: { readonly name: string; readonly uid: string },
  audiences: readonly string[] = [brokerAudience],
  of = account,
): Promise<string> {
  return cluster.tokenFor(of, { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...to } });
}

function ask(
  server: BrokerServer,
  bearer: string | undefined,
  localAddress = '127.0.0.1',
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const options = {
      host: '127.0.0.1',
      localAddress,
      port: server.port,
      ca: certificate.cert,
      method: 'POST',
      path: brokerPath,
      headers,
      agent: false,
    };
    const sent = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

before(async () => {
  cluster = await startControlPlane();
  connection = connectKubernetes({ kubeconfig: cluster.kubeconfigPath });
  await created('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } });
  for (const name of [account.name, robot.name]) {
    await created(`/api/v1/namespaces/${operatorNamespace}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name },
    });
  }
  const nodes: Stored<Node>[] = [];
  // node-c is nobody's: a node of the cluster that no runtime has.
  for (const name of ['node-a', 'node-b', 'node-c']) {
    const made = await created('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: name === 'node-c' ? {} : { [labels.runtimeUid]: runtimeUid } },
      spec: { providerID: `aws:///us-east-1a/i-${name}` },
    });
    nodes.push({
      ...made,
      status: { addresses: [{ type: 'InternalIP', address: name === 'node-b' ? '10.0.0.2' : '127.0.0.1' }] },
    } as never);
  }
  pod = await podOn('node-a', 'agent-a');
  token = await bound(pod);
  const lookup = lookupOf({
    nodes,
    elasticNodes: [elasticNodeOf('analytics-workers-a', 'node-a'), elasticNodeOf('analytics-masters-b', 'node-b', 'master')],
    runtimes: [runtimeOf()],
    pods: [],
    jobs: [],
  });
  const start = (checkPeer: boolean): Promise<BrokerServer> =>
    startBrokerServer({
      handler: createBrokerHandler({
        kubernetes: connection.port,
        lookup,
        async obtain(wanted) {
          asked.push(wanted);
          return ok({ grant: { id: 'g', identity: wanted.identity, chain: [], sessionName: 'aaaaaaaa.-.worker', expiresAt: 9 } });
        },
        clock: fakeClock(),
        telemetry,
        checkPeer,
      }),
      certificate,
      sts: () => ({ exportGrant: () => ({ accessKeyId: 'ASIA', secretAccessKey: 'canary-secret', sessionToken: 'canary-session' }) }),
      telemetry,
      port: 0,
      host: '127.0.0.1',
    });
  replicas = [await start(false), await start(false)];
  strict = await start(true);
});

after(async () => {
  await Promise.all([...(replicas ?? []), strict].map((server) => server?.close()));
  await connection?.close();
  await cluster?.stop();
});

test('every replica serves the agent of a node, cut to the logs of that node', async () => {
  for (const server of replicas) {
    asked.length = 0;
    const { status, body } = await ask(server, token);
    assert.equal(status, 200, body);
    const answer = JSON.parse(body) as { readonly node: string; readonly session: { readonly secretAccessKey: string } };
    assert.deepEqual([answer.node, answer.session.secretAccessKey], ['analytics-workers-a', 'canary-secret']);
    assert.match(
      [...(asked[0]?.policies ?? [])][0]?.policy ?? '',
      /"Resource":"arn:aws:s3:::acme-logs\/elastic\/acme\/finance\/analytics\/jobs\/\*\/\*\/worker\/analytics-workers-a\/\*"/,
    );
  }
});

test('a token is worth its own node only: from another machine it gets nothing, and it never becomes another node', async () => {
  assert.equal((await ask(strict, token)).status, 200);
  const other = await bound(await podOn('node-b', 'agent-b'));
  // Node b's token, sent from the address of node a.
  assert.deepEqual(await ask(strict, other), { status: 403, body: '' });
  asked.length = 0;
  const [server] = replicas;
  assert.ok(server);
  const answer = JSON.parse((await ask(server, other)).body) as { readonly node: string; readonly role: string };
  assert.deepEqual([answer.node, answer.role, asked[0]?.node], ['analytics-masters-b', 'master', 'analytics-masters-b']);
});

test('without being told to, a replica that has heard a node from its address takes its token from no other', async () => {
  for (const server of replicas) {
    assert.equal((await ask(server, token)).status, 200);
    assert.deepEqual(await ask(server, token, '127.0.0.2'), { status: 403, body: '' });
    assert.equal((await ask(server, token)).status, 200);
  }
});

/** The same claims but for `changes`, signed with the cluster's own key, as only time can make them. */
async function resigned(original: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const [head = '', claims = ''] = original.split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), ...changes };
  const text = `${head}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}`;
  const key = createPrivateKey(await readFile(join(cluster.directory, 'service-account.key')));
  const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { readonly alg: string };
  const signature = sign('sha256', Buffer.from(text), alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key);
  return `${text}.${signature.toString('base64url')}`;
}

test('expired, of another audience, of another account, unbound, of a node of nobody, of a pod that is gone: nothing', async () => {
  const [server] = replicas;
  assert.ok(server);
  const now = Math.floor(Date.now() / 1000);
  assert.equal((await ask(server, await resigned(token, {}))).status, 200, 'signed anew and nothing changed');
  const gone = await podOn('node-a', 'agent-gone');
  const ofGone = await bound(gone);
  // Not shown before: the API server keeps what it has found good for ten seconds.
  await cluster.call('DELETE', `/api/v1/namespaces/${operatorNamespace}/pods/${gone.name}?gracePeriodSeconds=0`);
  await waitFor('a review to miss the pod', async () => {
    const review = await connection.port.reviewToken(ofGone, [brokerAudience]);
    return review.ok && !review.value.authenticated ? true : undefined;
  });
  const refused: readonly (readonly [why: string, bearer: string | undefined, status: number])[] = [
    ['none', undefined, 401],
    // The API server lets clocks differ by a minute.
    ['expired', await resigned(token, { exp: now - 90, iat: now - 700, nbf: now - 700 }), 401],
    ['not valid yet', await resigned(token, { nbf: now + 3600 }), 401],
    ['for AWS', await bound(pod, ['sts.amazonaws.com']), 401],
    ['for the API server', await bound(pod, []), 401],
    ['altered', `${token.slice(0, -6)}AAAAAA`, 401],
    ['unbound', await cluster.tokenFor(account, { audiences: [brokerAudience] }), 403],
    ['of another account', await bound(await podOn('node-a', 'robot', robot.name), [brokerAudience], robot), 403],
    ['of a node that is no runtime’s', await bound(await podOn('node-c', 'agent-c')), 403],
    ['of a pod that is gone', ofGone, 401],
  ];
  asked.length = 0;
  for (const [why, bearer, status] of refused) assert.deepEqual(await ask(server, bearer), { status, body: '' }, why);
  assert.equal(asked.length, 0, 'no session was made');
  assert.ok(!JSON.stringify(telemetry.logs).includes(token));
});

test('a node that asks too often is told to wait, by each replica for itself', async () => {
  const [, server] = replicas;
  assert.ok(server);
  const statuses: (number | undefined)[] = [];
  for (let count = 0; count < 20; count += 1) statuses.push((await ask(server, token)).status);
  assert.deepEqual(new Set(statuses), new Set([200, 429]));
  assert.equal(statuses.at(-1), 429);
});
