import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import type { Caller } from '../../src/ports/aws/index.ts';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { accountId, allow, assumeChain, roles } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

const bucket = 'acme-staging';
const prefix = 'elastic/acme/finance/analytics';
let worker: Caller;
let cut: Caller;
let user: Caller;
let keyArn = '';

function objects(folder: string): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], Resource: `arn:aws:s3:::${bucket}/${folder}/*` },
      {
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: `arn:aws:s3:::${bucket}`,
        Condition: { StringLike: { 's3:prefix': `${folder}/*` } },
      },
      { Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'], Resource: keyArn },
    ],
  };
}

const stand = useStand(async (self) => {
  const { gate, issuer, aws } = self;
  const { keys } = await provision(gate, { keys: ['acme'] });
  keyArn = keys['acme'] ?? '';
  const { users } = await provision(gate, {
    buckets: { [bucket]: {}, foreign: { owner: '999988887777' } },
    roles: roles(issuer.issuer, { worker: objects('elastic') }),
    users: { 'orders-user': { permissions: allow('s3:*', `arn:aws:s3:::${bucket}/static/*`) } },
  });
  worker = as((await assumeChain(self)).worker);
  cut = as((await assumeChain(self, { worker: objects(prefix) })).worker);
  const keysOfUser = users['orders-user'];
  assert.ok(keysOfUser);
  user = as(aws.sts.staticGrant('connectionCredentials:orders', keysOfUser));
});

const body = new TextEncoder().encode('hello');

void test('an object is written under the key, read, looked at, listed and deleted', async () => {
  const { s3 } = stand.aws;
  for (const key of [`${prefix}/cluster.json`, `${prefix}/a b/ü+%2F'()*!.txt`]) {
    const where = { bucket, key };
    const put = must(await s3.putObject(worker, { ...where, body, kmsKeyArn: keyArn, contentType: 'text/plain' }));
    assert.match(put.eTag, /^"[0-9a-f]+"$/);
    const inEmulator = await stand.gate.backend.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    assert.deepEqual([inEmulator.ServerSideEncryption, inEmulator.SSEKMSKeyId, inEmulator.ContentType], ['aws:kms', keyArn, 'text/plain']);
    assert.equal(Buffer.from(must(await s3.getObject(worker, { ...where, maxBytes: 5 })).body).toString(), 'hello');
    assert.deepEqual(must(await s3.headObject(worker, where)), { size: 5, eTag: put.eTag, kmsKeyArn: keyArn });
    const listed = must(await s3.listObjects(worker, { bucket, prefix: `${prefix}/` }));
    assert.deepEqual(listed.keys, [{ key, size: 5 }]);
    must(await s3.deleteObject(worker, where));
    must(await s3.deleteObject(worker, where));
    assert.equal(failure(await s3.headObject(worker, where)).kind, 'NotFound');
    assert.deepEqual([failure(await s3.getObject(worker, { ...where, maxBytes: 5 })).kind], ['NotFound']);
  }
});

void test('an empty object is one', async () => {
  const where = { bucket, key: `${prefix}/empty` };
  must(await stand.aws.s3.putObject(worker, { ...where, body: new Uint8Array() }));
  assert.equal(must(await stand.aws.s3.getObject(worker, { ...where, maxBytes: 0 })).body.byteLength, 0);
});

void test('a list comes in pages', async () => {
  const { s3 } = stand.aws;
  for (const name of ['1', '2', '3']) must(await s3.putObject(worker, { bucket, key: `${prefix}/pages/${name}`, body }));
  const page = { bucket, prefix: `${prefix}/pages/`, maxKeys: 2 };
  const first = must(await s3.listObjects(worker, page));
  assert.equal(first.keys.length, 2);
  assert.ok(first.continuationToken);
  const second = must(await s3.listObjects(worker, { ...page, continuationToken: first.continuationToken }));
  assert.deepEqual(second, { keys: [{ key: `${prefix}/pages/3`, size: 5 }] });
});

void test('with ifNoneMatch an object is written once', async () => {
  const request = { bucket, key: `${prefix}/once`, body, ifNoneMatch: true };
  must(await stand.aws.s3.putObject(worker, request));
  const error = failure(await stand.aws.s3.putObject(worker, request));
  assert.deepEqual([error.kind, error.code], ['AlreadyExists', 'PreconditionFailed']);
});

void test('an object larger than asked for is Invalid', async () => {
  const where = { bucket, key: `${prefix}/large` };
  must(await stand.aws.s3.putObject(worker, { ...where, body: new Uint8Array(3_000_000).fill(65) }));
  const error = failure(await stand.aws.s3.getObject(worker, { ...where, maxBytes: 2_999_999 }));
  assert.deepEqual([error.kind, error.code], ['Invalid', 'ObjectTooLarge']);
  assert.equal(must(await stand.aws.s3.getObject(worker, { ...where, maxBytes: 3_000_000 })).body.byteLength, 3_000_000);
});

void test('a bucket of another owner than expected is refused, and one of another account that does not name us', async () => {
  const where = { bucket, key: `${prefix}/owned`, body };
  must(await stand.aws.s3.putObject(worker, { ...where, expectedBucketOwner: accountId }));
  const { s3 } = stand.aws;
  assert.equal(failure(await s3.putObject(worker, { ...where, expectedBucketOwner: '999988887777' })).code, 'AccessDenied');
  assert.equal(
    failure(await s3.listObjects(worker, { bucket, prefix: `${prefix}/`, expectedBucketOwner: '999988887777' })).code,
    'AccessDenied',
  );
  assert.equal(failure(await s3.putObject(worker, { ...where, bucket: 'foreign' })).code, 'AccessDenied');
});

void test('the session policy holds every method to its prefix', async () => {
  const { s3 } = stand.aws;
  must(await s3.putObject(cut, { bucket, key: `${prefix}/mine`, body }));
  must(await s3.listObjects(cut, { bucket, prefix: `${prefix}/` }));
  const other = { bucket, key: 'elastic/acme/finance/analytics2/theirs' };
  must(await s3.putObject(worker, { ...other, body }));
  const refused = [
    await s3.putObject(cut, { ...other, body }),
    await s3.getObject(cut, { ...other, maxBytes: 10 }),
    await s3.deleteObject(cut, other),
    await s3.listObjects(cut, { bucket, prefix: 'elastic/acme/finance/analytics2/' }),
    await s3.putObject(cut, { bucket, key: `${prefix}/mine`, body, kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/other' }),
  ];
  const messages = refused.map((result) => {
    const error = failure<unknown>(result);
    assert.deepEqual([error.kind, error.code], ['AccessDenied', 'AccessDenied']);
    assert.ok(error.requestId);
    return error.message;
  });
  assert.match(messages[0] ?? '', /no session policy allows the s3:PutObject action/);
  assert.equal(failure(await s3.headObject(cut, other)).kind, 'AccessDenied');
});

void test('a key with dots is that key, not a way out of the prefix', async () => {
  const { s3 } = stand.aws;
  const key = `${prefix}/../analytics3/stolen`;
  must(await s3.putObject(cut, { bucket, key, body }));
  assert.equal(must(await s3.headObject(cut, { bucket, key })).size, 5);
  assert.deepEqual(must(await s3.listObjects(worker, { bucket, prefix: 'elastic/acme/finance/analytics3/' })).keys, []);
});

void test('static keys reach what their user may', async () => {
  const { s3 } = stand.aws;
  must(await s3.putObject(user, { bucket, key: 'static/x', body }));
  assert.equal(failure(await s3.putObject(user, { bucket, key: 'other/x', body })).code, 'AccessDenied');
  assert.equal(user.grant.sessionName.length, 4);
});

void test('what S3 does not have is NotFound; what the SDK refuses is Invalid and no call', async () => {
  const { s3 } = stand.aws;
  const calls = stand.audit.length;
  assert.equal(failure(await s3.listObjects(worker, { bucket: '', prefix: '' })).kind, 'Invalid');
  assert.equal(stand.audit.length, calls);
});

void test('the audit is the gate’s record, line for line', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
