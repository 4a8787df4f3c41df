import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpener, sealer } from '../../src/aws/seal.ts';
import { provision } from '../gate/provision.ts';
import { allow, assumeChain, roles } from './roles.ts';
import { as, must, useStand } from './stand.ts';

const bucket = 'acme-data';
const stand = useStand(async ({ gate, issuer }) => {
  await provision(gate, {
    roles: roles(issuer.issuer, { worker: allow('s3:*', `arn:aws:s3:::${bucket}*`) }),
    buckets: { [bucket]: {} },
  });
});

void test('a presigned URL reads its object without credentials, as the session that it was made by, until it ends', async () => {
  const { worker } = await assumeChain(stand);
  const { s3 } = stand.aws;
  const key = 'raw/2026 year/a+b(1).csv';
  must(await s3.putObject(as(worker), { bucket, key, body: Buffer.from('id,name\n') }));
  const records = stand.audit.length;
  const { url } = must(await s3.presignGetObject(as(worker), { bucket, key, expiresSeconds: 300 }));
  assert.deepEqual(
    stand.audit.slice(records).map(({ action, resource, outcome }) => [action, resource, outcome]),
    [['s3:GetObject', `arn:aws:s3:::${bucket}/${key}`, 'presigned']],
  );
  const answer = await fetch(url, { headers: { range: 'bytes=0-3' } });
  assert.deepEqual([answer.status, await answer.text()], [206, 'id,n']);
  const last = stand.gate.record().at(-1);
  assert.deepEqual([last?.sessionName, last?.action, last?.outcome], [worker.sessionName, 's3:GetObject', 'ok']);

  must(await s3.putObject(as(worker), { bucket, key: 'raw/other', body: Buffer.from('secret') }));
  const elsewhere = await fetch(url.replace(/raw\/[^?]*/, 'raw/other'));
  assert.equal(elsewhere.status, 403);
  stand.clock.advance(301_000);
  stand.gate.expireSessions(({ sessionName }) => sessionName === worker.sessionName);
  assert.ok((await fetch(url)).status >= 400);
});

void test('what is sealed opens with the private key and its info only; a key that is none is said so', async () => {
  const [one, other] = [await createOpener(), await createOpener()];
  const text = 'https://example.com/?X-Amz-Signature=canary';
  const [first, second] = [await sealer.seal(one.publicKey, 'uid name', text), await sealer.seal(one.publicKey, 'uid name', text)];
  assert.ok(first.ok && second.ok);
  assert.notEqual(first.value, second.value);
  assert.ok(!Buffer.from(first.value, 'base64').includes('canary'));
  assert.equal(await one.open('uid name', first.value), text);
  await assert.rejects(one.open('uid other', first.value));
  await assert.rejects(other.open('uid name', first.value));
  for (const publicKey of ['', 'AAAA', Buffer.alloc(65, 4).toString('base64')]) {
    const refused = await sealer.seal(publicKey, 'x', text);
    assert.match(refused.ok ? '' : refused.error, /no point of P-256/);
  }
});
