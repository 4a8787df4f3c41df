import assert from 'node:assert/strict';
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { allPages } from '../../src/aws/ec2/pages.ts';
import { createAws } from '../../src/aws/index.ts';
import { auditOf } from '../../src/core/policy/audit.ts';
import { err, ok } from '../../src/ports/result.ts';
import { createForward, readRequest, type WireRequest } from '../gate/http.ts';
import { provision } from '../gate/provision.ts';
import { differences, type GateRecord } from '../gate/record.ts';
import { allow, assumeChain, roles } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

const bucket = 'acme-logs';
const stand = useStand(async ({ gate, issuer }) => {
  const permissions = { worker: allow(['s3:*', 'kms:GenerateDataKey'], '*') };
  await provision(gate, { buckets: { [bucket]: {} }, roles: roles(issuer.issuer, permissions) });
});

void test('what was changed on the way is refused: body, path, query, signed header, token', async (t) => {
  const { worker } = await assumeChain(stand);
  const keys = await stand.aws.sts.exportGrant(worker);
  assert.ok(keys);
  let change: (request: WireRequest) => WireRequest = (request) => request;
  const forward = createForward(stand.gate.endpoint, { keepHost: true });
  const middle = createServer((message, response) => {
    void readRequest(message)
      .then((request) => forward(change(request)))
      .then((answer) => response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length }).end(answer.body));
  });
  await new Promise<void>((resolve) => middle.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(middle.address() as AddressInfo).port}`;
  const aws = createAws({ region: 'us-east-1', endpoint, clock: stand.clock, auditOf, audit: { record: () => {} } });
  t.after(() => {
    aws.close();
    forward.close();
    middle.closeAllConnections();
    middle.close();
  });
  const caller = as(aws.sts.staticGrant('worker', keys));
  const put = () =>
    aws.s3.putObject(caller, { bucket, key: 'a/b c', body: Buffer.from('hello'), kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' });
  must(await put());
  const set = (request: WireRequest, name: string, value: string): WireRequest => ({
    ...request,
    headers: { ...request.headers, [name]: value },
  });
  const changes: readonly (readonly [code: string, (request: WireRequest) => WireRequest])[] = [
    ['SignatureDoesNotMatch', (request) => ({ ...request, body: Buffer.from('hellO') })],
    ['SignatureDoesNotMatch', (request) => ({ ...request, path: request.path.replace('a/b', 'a/c') })],
    ['SignatureDoesNotMatch', (request) => ({ ...request, rawQuery: 'acl=' })],
    ['SignatureDoesNotMatch', (request) => set(request, 'x-amz-server-side-encryption-aws-kms-key-id', 'other')],
    ['SignatureDoesNotMatch', (request) => set(request, 'x-amz-date', '20200101T000000Z')],
    ['InvalidAccessKeyId', (request) => set(request, 'x-amz-security-token', 'other')],
  ];
  for (const [code, next] of changes) {
    change = next;
    assert.equal(failure(await put()).code, code, String(next));
  }
  change = (request) => request;
  must(await put());
});

void test('a presigned URL reads its object until it expires, and no other', async () => {
  const { worker } = await assumeChain(stand);
  must(await stand.aws.s3.putObject(as(worker), { bucket, key: 'log/one', body: Buffer.from('lines') }));
  must(await stand.aws.s3.putObject(as(worker), { bucket, key: 'log/two', body: Buffer.from('others') }));
  const credentials = await stand.aws.sts.exportGrant(worker);
  assert.ok(credentials);
  const signer = new SignatureV4({ credentials, region: 'us-east-1', service: 's3', sha256: NodeSha256, uriEscapePath: false });
  const { hostname, port, host } = new URL(stand.gate.endpoint);
  const path = `/${bucket}/log/one`;
  const request = {
    method: 'GET',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path,
    headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    query: {},
  };
  const signed = await signer.presign(request, { expiresIn: 60, signingDate: new Date(stand.clock.now()) });
  const query = new URLSearchParams(signed.query as Record<string, string>).toString();
  const read = async (key: string) => (await fetch(`${stand.gate.endpoint}/${bucket}/log/${key}?${query}`)).text();
  assert.equal(await read('one'), 'lines');
  assert.match(await read('two'), /SignatureDoesNotMatch/);
  stand.clock.advance(61_000);
  assert.match(await read('one'), /ExpiredToken/);
});

/** What the signer asks of a hash, on node:crypto. */
class NodeSha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', typeof secret === 'string' ? secret : (secret as Uint8Array));
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

void test('calls that this product does not make are refused and stand out in the record', async () => {
  const { worker } = await assumeChain(stand);
  const credentials = await stand.aws.sts.exportGrant(worker);
  assert.ok(credentials);
  const signer = new SignatureV4({ credentials, region: 'us-east-1', service: 's3', sha256: NodeSha256, uriEscapePath: false });
  const { hostname, host } = new URL(stand.gate.endpoint);
  const signed = await signer.sign(
    { method: 'DELETE', protocol: 'http:', hostname, path: `/${bucket}`, headers: { host }, query: {} },
    { signingDate: new Date(stand.clock.now()) },
  );
  const answer = await fetch(`${stand.gate.endpoint}/${bucket}`, { method: 'DELETE', headers: signed.headers });
  assert.equal(answer.status, 403);
  const last = stand.gate.record().at(-1);
  assert.deepEqual([last?.action, last?.outcome, last?.sessionName], [`s3:DELETE /${bucket}`, 'UnknownToTheGate', 'r.j.worker']);
});

void test('a session whose role loses its permission loses it at once; a deny says which statement', async () => {
  const { worker } = await assumeChain(stand);
  const put = () => stand.aws.s3.putObject(as(worker), { bucket, key: 'x', body: Buffer.from('') });
  must(await put());
  const arn = worker.chain.at(-1) ?? '';
  const role = stand.gate.account.roles.get(arn);
  assert.ok(role);
  const { policies } = role;
  role.policies = [];
  assert.match(failure(await put()).message, /no identity-based policy allows the s3:PutObject action$/);
  assert.match(stand.gate.record().at(-1)?.because ?? '', /s3:PutObject/);
  role.policies = policies;
  must(await put());
});

void test('differences shows what only one side has, twice where it is twice', () => {
  const record: GateRecord = {
    time: '',
    action: 's3:GetObject',
    resource: 'r',
    principal: 'p',
    chain: ['a'],
    sessionName: 's',
    outcome: 'ok',
    requestId: '1',
    delivered: true,
  };
  const audited = {
    time: '',
    runtime: 'x/y',
    identity: 'worker',
    chain: ['a'],
    sessionName: 's',
    action: 's3:GetObject',
    resource: 'r',
    outcome: 'ok',
    requestId: '1',
  };
  const { requestId: _id, ...lost } = { ...audited, outcome: 'no-answer' };
  assert.deepEqual(differences([record], [audited]), []);
  assert.deepEqual(differences([{ ...record, delivered: false }], [lost]), []);
  assert.deepEqual(differences([record], []), ['only at the gate: s3:GetObject r as s through a ok 1']);
  assert.deepEqual(differences([], [audited]), ['only in the audit: s3:GetObject r as s through a ok 1']);
  assert.equal(differences([record], [audited, audited]).length, 1);
  for (const change of [{ resource: 'q' }, { chain: [] }, { sessionName: 't' }, { outcome: 'AccessDenied' }, { requestId: '2' }]) {
    assert.equal(differences([record], [{ ...audited, ...change }]).length, 2, JSON.stringify(change));
  }
});

void test('pages are fetched to the end, or to the first failure', async () => {
  const pages = new Map([
    [undefined, { items: [1, 2], NextToken: 'a' }],
    ['a', { items: [], NextToken: 'b' }],
    ['b', { items: [3] }],
  ]);
  const fetched: (string | undefined)[] = [];
  const all = await allPages(
    async ({ NextToken }) => {
      fetched.push(NextToken);
      return ok(pages.get(NextToken) ?? { items: [] });
    },
    (page: { readonly items: readonly number[]; readonly NextToken?: string }) => page.items,
  );
  assert.deepEqual(all, ok([1, 2, 3]));
  assert.deepEqual(fetched, [undefined, 'a', 'b']);
  const broken = err({ kind: 'Throttled', code: 'x', message: '' } as const);
  const partly = await allPages(
    async ({ NextToken }) => (NextToken === undefined ? ok({ NextToken: 'a' }) : broken),
    () => [1],
  );
  assert.deepEqual(partly, broken);
});
