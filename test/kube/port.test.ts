import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/api/kubernetes.ts';
import type { KubernetesError, KubernetesResult } from '../../src/ports/kubernetes.ts';
import { elasticNodes, jobs, nodes, pods, secrets, secretsWithoutData } from '../../src/ports/resources.ts';
import { json, refuse, serve } from './server.ts';

const metadata = { name: 'p', namespace: 'team', uid: 'u', resourceVersion: '7', creationTimestamp: '2026-01-02T03:04:05Z' };
const pod: Pod = { metadata: { name: 'p', namespace: 'team' }, spec: { containers: [] } };

function errorOf(result: KubernetesResult<unknown>): KubernetesError {
  assert.ok(!result.ok);
  return result.error;
}

test('paths, verbs, media types and bodies', async (context) => {
  const { connection, received } = await serve(context, (_request, response) =>
    json(response, 200, { metadata, spec: { containers: [], template: { spec: { containers: [] } } } }),
  );
  const { port } = connection;
  const key = { namespace: 'team', name: 'p' };
  await port.get(pods, key);
  await port.get(nodes, { name: 'n' });
  await port.create(pods, pod);
  await port.replace(pods, pod, 'status');
  await port.mergePatch(jobs, key, { spec: { suspend: false } });
  await port.apply(elasticNodes, { metadata: { name: 'e' }, spec: {} } as never, {
    fieldManager: 'node controller',
    force: true,
    subresource: 'status',
  });
  await port.delete(pods, key, { uid: 'u', gracePeriodSeconds: 0, propagation: 'Foreground' });
  await port.evict(key, { uid: 'u', gracePeriodSeconds: 30 });
  assert.deepEqual(
    received.map(({ method, url, headers, body }) => [method, `${url.pathname}${url.search}`, headers['content-type'], body]),
    [
      ['GET', '/base/api/v1/namespaces/team/pods/p', undefined, undefined],
      ['GET', '/base/api/v1/nodes/n', undefined, undefined],
      ['POST', '/base/api/v1/namespaces/team/pods', 'application/json', { apiVersion: 'v1', kind: 'Pod', ...pod }],
      ['PUT', '/base/api/v1/namespaces/team/pods/p/status', 'application/json', { apiVersion: 'v1', kind: 'Pod', ...pod }],
      ['PATCH', '/base/apis/batch/v1/namespaces/team/jobs/p', 'application/merge-patch+json', { spec: { suspend: false } }],
      [
        'PATCH',
        '/base/apis/elasticruntime.dev/v1alpha1/elasticnodes/e/status?fieldManager=node+controller&force=true',
        'application/apply-patch+yaml',
        { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticNode', metadata: { name: 'e' }, spec: {} },
      ],
      [
        'DELETE',
        '/base/api/v1/namespaces/team/pods/p',
        'application/json',
        { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground', gracePeriodSeconds: 0, preconditions: { uid: 'u' } },
      ],
      [
        'POST',
        '/base/api/v1/namespaces/team/pods/p/eviction',
        'application/json',
        {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: key,
          deleteOptions: { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 30, preconditions: { uid: 'u' } },
        },
      ],
    ],
  );
  assert.equal(received[0]?.headers.authorization, 'Bearer first-token');
  assert.equal(received[0]?.headers['user-agent'], 'elastic-runtime-operator');
  assert.equal(connection.namespace, 'team');
});

test('lists: selection, pages, kinds filled in, everything unread trimmed away', async (context) => {
  const managedFields = [{ manager: 'kubelet', fieldsV1: { 'f:status': {} } }];
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' };
  const item = {
    metadata: { ...metadata, managedFields, annotations, selfLink: '/x' },
    spec: { containers: [{ name: 'c', livenessProbe: {} }] },
    status: { phase: 'Running', qosClass: 'Burstable' },
  };
  const { connection, received } = await serve(context, (_request, response) =>
    json(response, 200, { kind: 'PodList', metadata: { resourceVersion: '99', continue: 'token' }, items: [item] }),
  );
  const page = await connection.port.list(pods, { namespace: 'team', labelSelector: 'a in (b,c)', limit: 500, continue: 'x+/=' });
  const { url } = received[0] ?? {};
  assert.equal(url?.pathname, '/base/api/v1/namespaces/team/pods');
  assert.deepEqual(Object.fromEntries(url?.searchParams ?? []), { labelSelector: 'a in (b,c)', limit: '500', continue: 'x+/=' });
  assert.ok(page.ok);
  assert.deepEqual(page.value, {
    resourceVersion: '99',
    continue: 'token',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, annotations: { kept: 'yes' } },
        spec: { containers: [{ name: 'c' }] },
        status: { phase: 'Running' },
      },
    ],
  });
  await connection.port.list(pods);
  assert.equal(received[1]?.url.pathname, '/base/api/v1/pods');
});

test('secrets come with their data, and without it for caches', async (context) => {
  const { connection } = await serve(context, (_request, response) =>
    json(response, 200, { metadata, type: 'Opaque', data: { password: 'aGVsbG8=' } }),
  );
  const whole = await connection.port.get(secrets, { namespace: 'team', name: 'p' });
  assert.ok(whole.ok && whole.value.data?.['password'] === 'aGVsbG8=');
  const bare = await connection.port.get(secretsWithoutData, { namespace: 'team', name: 'p' });
  assert.ok(bare.ok);
  assert.deepEqual(bare.value, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque' });
});

const refusals = [
  [400, 'BadRequest', 'Invalid'],
  [401, 'Unauthorized', 'Unauthorized'],
  [403, 'Forbidden', 'Forbidden'],
  [404, 'NotFound', 'NotFound'],
  [408, 'Timeout', 'Server'],
  [409, 'AlreadyExists', 'AlreadyExists'],
  [409, 'Conflict', 'Conflict'],
  [410, 'Expired', 'Gone'],
  [415, 'UnsupportedMediaType', 'Invalid'],
  [422, 'Invalid', 'Invalid'],
  [429, 'TooManyRequests', 'TooManyRequests'],
  [500, 'InternalError', 'Server'],
  [503, 'ServiceUnavailable', 'Server'],
  [504, 'Timeout', 'Server'],
] as const;

for (const [code, reason, kind] of refusals) {
  test(`a Status of ${code} ${reason} is ${kind}`, async (context) => {
    const { connection } = await serve(context, (_request, response) => refuse(response, code, reason));
    const error = errorOf(await connection.port.get(pods, { namespace: 'team', name: 'p' }));
    assert.deepEqual(error, { kind, message: `because of ${reason}`, reason });
  });
}

test('causes, and Retry-After from the header or from the details', async (context) => {
  const answers = [
    { details: { causes: [{ reason: 'DisruptionBudget', message: 'needs 2 healthy pods' }], retryAfterSeconds: 10 }, headers: {} },
    { details: { retryAfterSeconds: 10 }, headers: { 'retry-after': '3' } },
  ];
  const { connection } = await serve(context, (_request, response) => {
    const { details, headers } = answers.shift() ?? { details: {}, headers: {} };
    refuse(response, 429, 'TooManyRequests', details, headers);
  });
  const first = errorOf(await connection.port.evict({ namespace: 'team', name: 'p' }));
  assert.deepEqual(first.causes, [{ reason: 'DisruptionBudget', message: 'needs 2 healthy pods' }]);
  assert.equal(first.retryAfterSeconds, 10);
  assert.equal(errorOf(await connection.port.evict({ namespace: 'team', name: 'p' })).retryAfterSeconds, 3);
});

test('what stands before the API server answers without a Status', async (context) => {
  const { connection } = await serve(context, (_request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<html>bad gateway</html>');
  });
  assert.deepEqual(errorOf(await connection.port.get(pods, { namespace: 'team', name: 'p' })), {
    kind: 'Server',
    message: 'HTTP 502: <html>bad gateway</html>',
  });
});

test('no answer is Network: a cut connection, a body that breaks off, silence', async (context) => {
  const { connection } = await serve(
    context,
    (request, response) => {
      if (request.url.pathname.endsWith('cut')) response.destroy();
      else if (request.url.pathname.endsWith('half')) {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"metadata":');
        setImmediate(() => response.destroy());
      }
    },
    { requestTimeoutMs: 300 },
  );
  for (const name of ['cut', 'half', 'silent']) {
    assert.equal(errorOf(await connection.port.get(pods, { namespace: 'team', name })).kind, 'Network', name);
  }
});

test('tokens: requested for an audience, reviewed with what is bound to them', async (context) => {
  const { connection, received } = await serve(context, (request, response) => {
    if (request.url.pathname.endsWith('/token'))
      json(response, 201, { status: { token: 'a-secret', expirationTimestamp: '2026-01-02T03:14:05Z' } });
    else if (JSON.stringify(request.body).includes('good')) {
      json(response, 201, {
        status: {
          authenticated: true,
          audiences: ['broker'],
          user: { username: 'system:serviceaccount:a:b', groups: ['g'], extra: { 'authentication.kubernetes.io/node-name': ['n'] } },
        },
      });
    } else json(response, 201, { status: { authenticated: false, error: 'expired' } });
  });
  const token = await connection.port.requestToken(
    { namespace: 'a', name: 'b' },
    { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 },
  );
  assert.deepEqual(token, { ok: true, value: { token: 'a-secret', expiresAt: Date.UTC(2026, 0, 2, 3, 14, 5) } });
  assert.equal(received[0]?.url.pathname, '/base/api/v1/namespaces/a/serviceaccounts/b/token');
  assert.deepEqual(received[0]?.body, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['sts.amazonaws.com'], expirationSeconds: 600 },
  });
  assert.deepEqual(await connection.port.reviewToken('good', ['broker']), {
    ok: true,
    value: {
      authenticated: true,
      username: 'system:serviceaccount:a:b',
      groups: ['g'],
      audiences: ['broker'],
      extra: { 'authentication.kubernetes.io/node-name': ['n'] },
    },
  });
  assert.deepEqual(await connection.port.reviewToken('bad', ['broker']), { ok: true, value: { authenticated: false, error: 'expired' } });
});

test('connections are pooled: as many as requests at a time, not as requests', async (context) => {
  const { connection, connections } = await serve(
    context,
    async (_request, response) => {
      await new Promise((resolve) => setImmediate(resolve));
      json(response, 200, { metadata, spec: { containers: [] } });
    },
    { concurrency: 4 },
  );
  const results = await Promise.all(Array.from({ length: 200 }, () => connection.port.get(pods, { namespace: 'team', name: 'p' })));
  assert.ok(results.every((result) => result.ok));
  for (let index = 0; index < 50; index++) await connection.port.get(pods, { namespace: 'team', name: 'p' });
  assert.equal(connections(), 4);
});

test('a token that is replaced on disk is used a minute later at most', async (context) => {
  const { connection, received, token } = await serve(context, (_request, response) =>
    json(response, 200, { metadata, spec: { containers: [] } }),
  );
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  await connection.port.get(pods, { namespace: 'team', name: 'p' });
  token('second-token\n');
  context.mock.timers.tick(66_000);
  await connection.port.get(pods, { namespace: 'team', name: 'p' });
  assert.deepEqual(
    received.map((request) => request.headers.authorization),
    ['Bearer first-token', 'Bearer second-token'],
  );
});

test('a namespaced object without its namespace is a programming error', async (context) => {
  const { connection } = await serve(context, () => {});
  assert.throws(() => connection.port.get(pods, { name: 'p' }), /without its namespace/);
  assert.throws(() => connection.port.get(nodes, { name: '' }), /without a name/);
});
