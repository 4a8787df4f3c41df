import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AwsResult, Caller } from '../../../src/ports/aws/index.ts';
import { account, type Bench, bench, chain, kmsKeyArn, subject, value } from './harness.ts';

const made = bench().account.spec;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const folder = 'elastic/acme/finance/analytics';
const staging = (key: string) => ({ bucket: 'acme-staging', key: `${folder}/${key}` });

async function code<T>(at: Bench, promise: Promise<AwsResult<T>>): Promise<string> {
  const answer = await at.run(promise);
  return answer.ok ? 'ok' : `${answer.error.kind} ${answer.error.code}`;
}

test('what is put is got, headed, listed and deleted, with its key recorded', async () => {
  const at = bench();
  const { aws, run } = at;
  const worker = await chain('worker', at);
  const { eTag } = await run(
    value(aws.s3.putObject(worker, { ...staging('x'), body: bytes('hello'), kmsKeyArn, contentType: 'text/plain' })),
  );
  const got = await run(value(aws.s3.getObject(worker, { ...staging('x'), maxBytes: 5 })));
  assert.equal(new TextDecoder().decode(got.body), 'hello');
  assert.deepEqual(await run(value(aws.s3.headObject(worker, staging('x')))), { size: 5, eTag, kmsKeyArn });
  const listed = await run(value(aws.s3.listObjects(worker, { bucket: 'acme-staging', prefix: `${folder}/` })));
  assert.deepEqual(listed, { keys: [{ key: `${folder}/x`, size: 5 }] });
  const [stored] = at.account.objects('acme-staging');
  assert.equal(stored?.kmsKeyArn, kmsKeyArn);
  assert.equal(stored?.writer, `arn:aws:sts::${account}:assumed-role/acme-worker/11111111.-.worker`);
  await run(value(aws.s3.deleteObject(worker, staging('x'))));
  await run(value(aws.s3.deleteObject(worker, staging('x'))));
  assert.equal(await code(at, aws.s3.getObject(worker, { ...staging('x'), maxBytes: 5 })), 'NotFound NoSuchKey');
  assert.equal(await code(at, aws.s3.headObject(worker, staging('x'))), 'NotFound NotFound');
});

test('what a caller puts is its own copy', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  const body = bytes('abc');
  await at.run(value(at.aws.s3.putObject(worker, { ...staging('x'), body, kmsKeyArn })));
  body[0] = 0;
  const got = await at.run(value(at.aws.s3.getObject(worker, { ...staging('x'), maxBytes: 9 })));
  assert.equal(new TextDecoder().decode(got.body), 'abc');
});

test('a larger object than asked for is Invalid, though AWS answered', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  await at.run(value(at.aws.s3.putObject(worker, { ...staging('x'), body: bytes('hello'), kmsKeyArn })));
  assert.equal(await code(at, at.aws.s3.getObject(worker, { ...staging('x'), maxBytes: 4 })), 'Invalid ObjectTooLarge');
  assert.equal(at.audits.at(-1)?.outcome, 'ok');
});

test('if-none-match', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  const request = { ...staging('x'), body: bytes('1'), kmsKeyArn, ifNoneMatch: true };
  assert.equal(await code(at, at.aws.s3.putObject(worker, request)), 'ok');
  assert.equal(await code(at, at.aws.s3.putObject(worker, request)), 'AlreadyExists PreconditionFailed');
});

test('pages of a list follow the order of bytes', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  for (const name of ['b', 'a', 'é', 'a/b', 'Z']) at.account.placeObject('acme-staging', `${folder}/${name}`, bytes(name));
  const names: string[] = [];
  let continuationToken: string | undefined;
  do {
    const request = {
      bucket: 'acme-staging',
      prefix: `${folder}/`,
      maxKeys: 2,
      ...(continuationToken === undefined ? {} : { continuationToken }),
    };
    const page = await at.run(value(at.aws.s3.listObjects(worker, request)));
    names.push(...page.keys.map(({ key }) => key.slice(folder.length + 1)));
    continuationToken = page.continuationToken;
  } while (continuationToken !== undefined);
  assert.deepEqual(names, ['Z', 'a', 'a/b', 'b', 'é']);
});

test('a prefix is text, under which acme2 would be listed, too: a folder is listed with its slash only', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  const listed = (prefix: string) => code(at, at.aws.s3.listObjects(worker, { bucket: 'acme-staging', prefix }));
  assert.equal(await listed(`${folder}/`), 'ok');
  for (const prefix of [folder, `${folder}2`, folder.slice(0, -1)]) assert.equal(await listed(prefix), 'AccessDenied AccessDenied', prefix);
});

type Row = readonly [why: string, call: (at: Bench, worker: Caller) => Promise<AwsResult<unknown>>, expected: string];
const put = (extra: object) => (at: Bench, worker: Caller) =>
  at.aws.s3.putObject(worker, { ...staging('x'), body: bytes('x'), kmsKeyArn, ...extra });
const refusals: readonly Row[] = [
  ['another organization', put({ key: 'elastic/acme2/finance/analytics/x' }), 'AccessDenied AccessDenied'],
  ['.. is a name to S3, and not below the folder of the policy', put({ key: 'elastic/acme/../other/x' }), 'AccessDenied AccessDenied'],
  ['a key that is not allowed', put({ kmsKeyArn: `arn:aws:kms:us-east-1:${account}:key/other` }), 'AccessDenied AccessDenied'],
  ['no such bucket', put({ bucket: 'nowhere' }), 'NotFound NoSuchBucket'],
  ['another owner than expected', put({ expectedBucketOwner: '999999999999' }), 'AccessDenied AccessDenied'],
  ['the owner expected', put({ expectedBucketOwner: account }), 'ok'],
  ['a bucket of another region', put({ bucket: 'far-away' }), 'Other PermanentRedirect'],
  ['a name longer than 1,024 bytes', put({ key: `${folder}/${'é'.repeat(512)}` }), 'Invalid KeyTooLongError'],
  [
    'who may not list does not learn that an object is missing',
    (at, worker) => at.aws.s3.getObject(worker, { bucket: 'artifacts', key: 'none', maxBytes: 1 }),
    'AccessDenied AccessDenied',
  ],
  ['a HEAD has only its status', (at, worker) => at.aws.s3.headObject(worker, { bucket: 'artifacts', key: 'none' }), 'AccessDenied 403'],
];
const simulatedAccount = {
  kind: 'SimulatedAccount',
  spec: { buckets: [{ name: 'far-away', region: 'eu-west-1' }, { name: 'artifacts' }] },
};
for (const [why, call, expected] of refusals) {
  test(`S3: ${why}: ${expected}`, async () => {
    const at = bench({ simulatedAccount });
    assert.equal(await code(at, call(at, await chain('worker', at))), expected);
  });
}

test('who may read but not list does not learn that an object is missing', async () => {
  const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-lake/*' };
  const worker = made.roles.find(({ arn }) => arn.endsWith('/acme-worker'));
  const roles = [{ arn: worker?.arn, trust: worker?.trust, permissions: { Version: '2012-10-17', Statement: statement } }];
  const at = bench({ simulatedAccount: { kind: 'SimulatedAccount', spec: { roles } } });
  const caller = await chain('worker', at);
  const answer = await at.run(at.aws.s3.getObject(caller, { bucket: 'acme-lake', key: 'none', maxBytes: 1 }));
  assert.match(
    answer.ok ? '' : answer.error.message,
    /s3:ListBucket on resource: "arn:aws:s3:::acme-lake" because no identity-based policy/,
  );
  assert.equal(await code(at, at.aws.s3.headObject(caller, { bucket: 'acme-lake', key: 'none' })), 'AccessDenied 403');
  at.account.placeObject('acme-lake', 'there', bytes('x'));
  assert.equal(await code(at, at.aws.s3.getObject(caller, { bucket: 'acme-lake', key: 'there', maxBytes: 1 })), 'ok');
});

test('a disabled key makes objects unreadable and unwritable', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  await at.run(value(at.aws.s3.putObject(worker, { ...staging('x'), body: bytes('x'), kmsKeyArn })));
  at.account.setKeyEnabled(kmsKeyArn, false);
  assert.equal(await code(at, at.aws.s3.getObject(worker, { ...staging('x'), maxBytes: 9 })), 'Other KMS.DisabledException');
  assert.equal(await code(at, put({})(at, worker)), 'Other KMS.DisabledException');
});

test('a bucket policy of another account must allow too, and may deny', async () => {
  const statement = (Effect: 'Allow' | 'Deny') => ({
    Effect,
    Principal: { AWS: `arn:aws:iam::${account}:role/acme-worker` },
    Action: 's3:*',
    Resource: '*',
  });
  const bucket = (policy?: object) => ({
    kind: 'SimulatedAccount',
    spec: { buckets: [{ name: 'acme-lake', owner: '999999999999', ...(policy && { policy: { Statement: policy } }) }] },
  });
  for (const [policy, expected] of [
    [undefined, 'AccessDenied AccessDenied'],
    [statement('Allow'), 'ok'],
    [statement('Deny'), 'AccessDenied AccessDenied'],
  ] as const) {
    const at = bench({ simulatedAccount: bucket(policy) });
    const worker = await chain('worker', at);
    assert.equal(await code(at, at.aws.s3.putObject(worker, { bucket: 'acme-lake', key: 'clicks/x', body: bytes('x') })), expected);
  }
});

test("a connection's credentials reach its data and staging, and poll logs; not more", async () => {
  const at = bench();
  const keys = { accessKeyId: 'AKIAEXAMPLEWAREHOUSE', secretAccessKey: 'example-warehouse-secret' };
  const caller: Caller = { subject, grant: at.aws.sts.staticGrant('connectionCredentials:warehouse', keys) };
  assert.equal(await code(at, at.aws.s3.putObject(caller, { bucket: 'acme-warehouse', key: 'orders/x', body: bytes('x') })), 'ok');
  assert.equal(await code(at, put({})(at, caller)), 'ok');
  assert.equal(await code(at, at.aws.s3.listObjects(caller, { bucket: 'acme-logs', prefix: `${folder}/` })), 'ok');
  assert.equal(
    await code(at, at.aws.s3.putObject(caller, { bucket: 'acme-logs', key: `${folder}/x`, body: bytes('x'), kmsKeyArn })),
    'AccessDenied AccessDenied',
  );
  assert.equal(await code(at, at.aws.s3.listObjects(caller, { bucket: 'acme-orders', prefix: 'raw/' })), 'AccessDenied AccessDenied');
});
