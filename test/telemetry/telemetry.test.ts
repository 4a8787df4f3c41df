import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';

type Line = Readonly<Record<string, unknown>>;

function recorder(level: 'debug' | 'info' | 'warn' | 'error' = 'info') {
  const written: string[] = [];
  const telemetry = createTelemetry({
    level,
    strict: true,
    base: { instance: 'one' },
    stream: { write: (line) => void written.push(line) },
  });
  return { telemetry, written, lines: (): readonly Line[] => written.map((line) => JSON.parse(line) as Line) };
}

test('a line is one JSON object with time, level, message and fields', () => {
  const { telemetry, written, lines } = recorder();
  telemetry.log('info', 'became the leader', { identity: 'a\nb' });
  telemetry.log('debug', 'not at this level');
  assert.equal(written.length, 1);
  assert.match(written[0] ?? '', /^\{.*\}\n$/);
  const { time, ...rest } = lines()[0] ?? {};
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, { level: 'info', instance: 'one', message: 'became the leader', identity: 'a\nb' });
});

const token = `eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;
const leaks: readonly (readonly [what: string, fields: Readonly<Record<string, unknown>>, secret: string])[] = [
  ['a key by its name', { keys: { secretAccessKey: 'wJalrXUtnFEMI' } }, 'wJalrXUtnFEMI'],
  ['as the credentials file names it', { aws_secret_access_key: 'wJalrXUtnFEMI' }, 'wJalrXUtnFEMI'],
  ['a header', { headers: { 'X-Amz-Security-Token': 'abc123' } }, 'abc123'],
  ['a token by its form', { reason: `refused ${token}` }, token],
  ['a token in an error', { error: new Error(`no such ${token}`) }, token],
  ["a token in an error's cause", { error: new Error('outer', { cause: new Error(token) }) }, token],
  ["an error's own field", { error: Object.assign(new Error('x'), { sessionToken: 'abc123' }) }, 'abc123'],
  ['a bearer header in a text', { text: 'authorization: Bearer abcdefghijklmnopqrstuvwxyz' }, 'abcdefghijklmnopqrstuvwxyz'],
  ['a private key', { pem: '-----BEGIN PRIVATE KEY-----\nMIIEv\n-----END PRIVATE KEY-----' }, 'MIIEv'],
  ['a presigned URL', { url: 'https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA/2&X-Amz-Signature=0123abcd' }, '0123abcd'],
  ['a password in a URL', { url: 'https://user:hunter2@proxy.example.com/' }, 'hunter2'],
  ['an STS session token', { text: `IQoJ${'b3JpZ2luX2Vj'.repeat(12)}` }, 'b3JpZ2luX2Vj'],
  ['in a list, deep', { a: [{ b: [{ password: 'hunter2' }] }] }, 'hunter2'],
  ['in a Map', { a: new Map([['k', { password: 'hunter2' }]]) }, 'hunter2'],
];

for (const [what, fields, secret] of leaks) {
  test(`no secret in a line: ${what}`, () => {
    const { telemetry, written } = recorder();
    telemetry.log('warn', 'message', fields);
    const [line = '', ...more] = written;
    assert.equal(more.length, 0);
    assert.ok(!line.includes(secret), line);
    assert.match(line, /redacted/);
  });
}

test('no secret in the message either', () => {
  const { telemetry, written } = recorder();
  telemetry.log('error', `token ${token} was refused`);
  assert.ok(!written[0]?.includes(token));
});

test('what is no secret stays: keys of objects, names of Secrets, role ARNs, digests', () => {
  const { telemetry, lines } = recorder();
  const fields = {
    key: 'finance/nightly',
    secretName: 'warehouse-keys',
    resource: 'Secret finance/warehouse-keys',
    chain: ['arn:aws:iam::111122223333:role/acme-agent'],
    digest: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    providerID: 'aws:///us-east-1a/i-0123456789abcdef0',
    uri: 's3://acme-staging/elastic',
  };
  telemetry.log('info', 'm', fields);
  const { time: _time, level: _level, instance: _instance, message: _message, ...rest } = lines()[0] ?? {};
  assert.deepEqual(rest, fields);
});

test('an error shows name, message, stack and cause; circles, bytes and depth do no harm', () => {
  const { telemetry, lines } = recorder();
  const circle: Record<string, unknown> = { bytes: new Uint8Array(3), big: 12n };
  circle['self'] = circle;
  telemetry.log('error', 'm', { error: new TypeError('wrong', { cause: 'why' }), circle });
  const { error, circle: shown } = lines()[0] as { error: Line; circle: Line };
  assert.deepEqual([error['name'], error['message'], error['cause']], ['TypeError', 'wrong', 'why']);
  assert.match(String(error['stack']), /telemetry\.test\.ts/);
  assert.deepEqual(shown, { bytes: '[3 bytes]', big: '12', self: '[…]' });
});

const record: AuditRecord = {
  time: '2026-12-01T10:00:00.000Z',
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  identity: 'worker',
  chain: ['arn:aws:iam::111122223333:role/acme-agent', 'arn:aws:iam::111122223333:role/acme-worker'],
  sessionName: '01234567.89abcdef.worker',
  action: 's3:PutObject',
  resource: 'arn:aws:s3:::acme-logs/elastic/acme/x',
  outcome: 'AccessDenied',
  requestId: 'R1',
};

test('each audit record is one line, at every level, and one call counted', async () => {
  const { telemetry, lines } = recorder('error');
  await telemetry.audit.record(record);
  assert.deepEqual(lines(), [{ level: 'info', ...record, audit: true, message: 'worker s3:PutObject AccessDenied', instance: 'one' }]);
  assert.match(await telemetry.metrics.text(), /^elastic_runtime_aws_calls_total\{action="s3:PutObject",outcome="AccessDenied"\} 1$/m);
});
