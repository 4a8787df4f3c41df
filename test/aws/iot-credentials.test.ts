import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { type Aws, createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import type { AuditRecord, ClientCertificate } from '../../src/ports/aws/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Authority, createAuthority, type Issued } from './authority.ts';
import { type CredentialsProvider, startCredentialsProvider } from './credentials-provider.ts';
import { failure, must, subject } from './stand.ts';

/* The credentials provider over real TLS with real client certificates. */

const endpoint = 'c1a2b3.credentials.iot.us-east-1.amazonaws.com';
const aliasArn = 'arn:aws:iot:us-east-1:111122223333:rolealias/acme-agent';
const hour = 3_600_000;
const now = Date.UTC(2026, 10, 2, 8);
const clock: Clock = { now: () => now, monotonic: () => 0, after: () => () => undefined };
const audit: AuditRecord[] = [];
let provider: CredentialsProvider;
let servers: Authority;
let clients: Authority;
let aws: Aws;
let hub: Issued;

before(async () => {
  [servers, clients] = await Promise.all([createAuthority('Test servers'), createAuthority('Test clients')]);
  provider = await startCredentialsProvider({ authority: servers, endpoint, clientAuthority: clients });
  hub = await clients.issue('hub-1', { marker: 'canary-key' });
  provider.certificates.set(hub.id, { status: 'ACTIVE', things: ['hub-1'], allowed: true });
  provider.aliases.set('acme-agent', () => credentials(hour));
  aws = connect(provider.port);
});

after(async () => {
  aws?.close();
  await provider?.close();
});

function connect(port: number): Aws {
  return createAws({
    region: 'us-east-1',
    // Nothing of these tests goes there.
    endpoint: 'http://127.0.0.1:1',
    iotCredentials: { host: '127.0.0.1', port },
    clock,
    auditOf,
    audit: { record: (record) => void audit.push(record) },
  });
}

function credentials(lifeMs: number, expiration = new Date(clock.now() + lifeMs).toISOString()) {
  const keys = { accessKeyId: 'ASIACANARY', secretAccessKey: 'canary-secret', sessionToken: 'canary-token' };
  return { status: 200, body: { credentials: { ...keys, expiration } } };
}

function take(
  certificate: Partial<ClientCertificate> = {},
  more: { readonly thingName?: string; readonly roleAlias?: string; readonly aws?: Aws } = {},
) {
  const { aws: port = aws, ...request } = more;
  return port.iotCredentials.assumeRoleWithCertificate(subject, {
    identity: 'agent',
    roleArn: 'arn:aws:iam::111122223333:role/acme-agent',
    endpoint,
    roleAlias: 'acme-agent',
    thingName: 'hub-1',
    certificate: { certificate: hub.certificate, privateKey: hub.privateKey, authority: servers.certificate, ...certificate },
    ...request,
  });
}

/** A TLS server that answers every hello with one fatal alert. */
async function startAlerting(alert: number): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, alert])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

void test('a certificate becomes a grant: mutual TLS, server name, thing and alias as AWS IoT wants them, one record', async () => {
  audit.length = 0;
  provider.calls.length = 0;
  const grant = must(await take());
  assert.deepEqual(provider.calls, [
    { path: '/role-aliases/acme-agent/credentials', thing: 'hub-1', host: endpoint, serverName: endpoint, certificate: hub.id },
  ]);
  assert.deepEqual(
    { ...grant, id: undefined },
    {
      id: undefined,
      identity: 'agent',
      chain: ['arn:aws:iam::111122223333:role/acme-agent'],
      sessionName: hub.id,
      expiresAt: Math.floor(clock.now() + hour),
    },
  );
  assert.deepEqual(
    audit.map(({ action, resource, sessionName, outcome, requestId }) => ({ action, resource, sessionName, outcome, requestId })),
    [{ action: 'iot:AssumeRoleWithCertificate', resource: aliasArn, sessionName: hub.id, outcome: 'ok', requestId: 'request-1' }],
  );
  assert.deepEqual(await aws.sts.exportGrant(grant), {
    accessKeyId: 'ASIACANARY',
    secretAccessKey: 'canary-secret',
    sessionToken: 'canary-token',
  });
});

void test('RSA certificates work too, and an alias of twelve hours gives a grant of one', async () => {
  const other = await clients.issue('hub-2', { algorithm: 'RSA-2048' });
  provider.certificates.set(other.id, { status: 'ACTIVE', things: ['hub-1', 'hub-2'], allowed: true });
  provider.aliases.set('half-day', () => credentials(12 * hour));
  const grant = must(await take(other, { roleAlias: 'half-day', thingName: 'hub-2' }));
  assert.deepEqual([grant.sessionName, grant.expiresAt], [other.id, clock.now() + hour]);
});

void test('what the provider refuses is said in its words, with its request id', async () => {
  const detached = await clients.issue('detached');
  const unregistered = await clients.issue('unregistered');
  const powerless = await clients.issue('powerless');
  provider.certificates.set(detached.id, { status: 'ACTIVE', things: [], allowed: true });
  provider.certificates.set(powerless.id, { status: 'ACTIVE', things: ['hub-1'], allowed: false });
  const unable = 'Unable to assume the role, or the role to assume does not exist';
  provider.aliases.set('unable', () => ({ status: 400, body: { message: unable }, errorType: 'InvalidRequestException:http://x/' }));
  provider.aliases.set('busy', () => ({ status: 429, body: { message: 'Rate exceeded' }, errorType: 'ThrottlingException' }));
  provider.aliases.set('broken', () => ({ status: 503, body: '<html>canary-page</html>' }));
  provider.aliases.set('half', () => ({ status: 200, body: '{"credentials":{"accessKeyId":"canary-half"' }));
  provider.aliases.set('never', () => credentials(hour, 'never'));
  const rows = [
    [unregistered, {}, 'AccessDenied', 'AccessDeniedException', 'Certificate is invalid on this endpoint'],
    [detached, {}, 'AccessDenied', 'AccessDeniedException', 'Invalid thing name passed'],
    [hub, { thingName: 'hub-9' }, 'AccessDenied', 'AccessDeniedException', 'Invalid thing name passed'],
    [powerless, {}, 'AccessDenied', 'AccessDeniedException', 'Access Denied'],
    [hub, { roleAlias: 'none' }, 'NotFound', 'ResourceNotFoundException', 'Role alias does not exist'],
    [hub, { roleAlias: '../../secrets' }, 'NotFound', 'ResourceNotFoundException', 'Role alias does not exist'],
    [hub, { roleAlias: 'unable' }, 'Invalid', 'InvalidRequestException', unable],
    [hub, { roleAlias: 'busy' }, 'Throttled', 'ThrottlingException', 'Rate exceeded'],
    [hub, { roleAlias: 'broken' }, 'Unavailable', '503', 'HTTP 503 without further words'],
    [hub, { roleAlias: 'half' }, 'Network', 'UnreadableAnswer', 'the answer could not be read'],
    [hub, { roleAlias: 'never' }, 'Network', 'UnreadableAnswer', 'the answer could not be read'],
  ] as const;
  for (const [certificate, more, kind, code, message] of rows) {
    const error = failure(await take(certificate, more));
    assert.deepEqual([error.kind, error.code, error.message], [kind, code, message]);
    assert.match(error.requestId ?? '', /^request-\d+$/);
  }
  assert.ok(provider.calls.every(({ path }) => path.startsWith('/role-aliases/') && path.endsWith('/credentials')));
});

void test('a certificate that ends while the operator runs is refused at the next call; a new one works without a restart', async () => {
  const old = await clients.issue('hub-1');
  const renewed = await clients.issue('hub-1');
  for (const { id } of [old, renewed]) provider.certificates.set(id, { status: 'ACTIVE', things: ['hub-1'], allowed: true });
  must(await take(old));
  provider.certificates.set(old.id, { status: 'REVOKED', things: ['hub-1'], allowed: true });
  assert.equal(failure(await take(old)).kind, 'AccessDenied');
  assert.equal(must(await take(renewed)).sessionName, renewed.id);
});

void test('handshakes that fail: by the server an AccessDenied with its alert, by us before the certificate is shown', async () => {
  // https://www.rfc-editor.org/rfc/rfc8446#section-6: what a server may say of a client's certificate.
  const alerts = [
    [42, 'bad_certificate'],
    [43, 'unsupported_certificate'],
    [44, 'certificate_revoked'],
    [45, 'certificate_expired'],
    [46, 'certificate_unknown'],
    [48, 'unknown_ca'],
    [49, 'access_denied'],
    [116, 'certificate_required'],
  ] as const;
  for (const [alert, code] of alerts) {
    const refusing = await startAlerting(alert);
    const refused = connect(refusing.port);
    audit.length = 0;
    const error = failure(await take({}, { aws: refused }));
    refused.close();
    await refusing.close();
    assert.deepEqual([error.kind, error.code, audit.map(({ outcome }) => outcome)], ['AccessDenied', code, [code]], error.message);
  }
  const strange = await createAuthority('Somebody else');
  // This server hangs up instead.
  assert.ok(!(await take(await strange.issue('hub-1'))).ok);
  const calls = provider.calls.length;
  for (const authority of [strange.certificate, undefined]) {
    const { authority: none, ...rest } = { certificate: hub.certificate, privateKey: hub.privateKey, authority };
    const certificate = authority === undefined ? rest : { ...rest, authority };
    void none;
    const error = failure(
      await aws.iotCredentials.assumeRoleWithCertificate(subject, {
        identity: 'agent',
        roleArn: 'arn:aws:iam::111122223333:role/acme-agent',
        endpoint,
        roleAlias: 'acme-agent',
        thingName: 'hub-1',
        certificate,
      }),
    );
    assert.deepEqual([error.kind, error.message.startsWith('the server is not trusted')], ['Invalid', true], error.code);
  }
  const impostor = await startCredentialsProvider({ authority: servers, endpoint: 'other.example.org', clientAuthority: clients });
  const astray = connect(impostor.port);
  assert.equal(failure(await take({}, { aws: astray })).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.deepEqual([provider.calls.length, impostor.calls.length], [calls, 0]);
  astray.close();
  await impostor.close();
});

void test('nobody there is Network; a material that cannot work makes no call', async () => {
  const closed = connect(1);
  assert.deepEqual([failure(await take({}, { aws: closed })).kind, audit.at(-1)?.outcome], ['Network', 'no-answer']);
  closed.close();
  const other = await clients.issue('hub-1');
  const [calls, records] = [provider.calls.length, audit.length];
  for (const [certificate, code] of [
    [{ certificate: 'canary-text' }, 'CertificateUnreadable'],
    [{ privateKey: 'canary-text' }, 'PrivateKeyUnreadable'],
    [{ privateKey: other.privateKey }, 'KeyMismatch'],
    [{ authority: 'canary-text' }, 'AuthorityUnreadable'],
  ] as const) {
    const error = failure(await take(certificate));
    assert.deepEqual([error.kind, error.code, error.message.includes('canary')], ['Invalid', code, false]);
  }
  assert.deepEqual([provider.calls.length, audit.length], [calls, records]);
});

void test('no key and no credential is in any audit record', () => {
  const written = JSON.stringify(audit);
  assert.ok(audit.length > 1);
  for (const secret of ['canary', hub.privateKey.split('\n')[2] ?? '']) assert.ok(!written.includes(secret));
});
