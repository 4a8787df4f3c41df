import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  accessRecordKey,
  clusterInfoKey,
  dependencyKey,
  formatS3Uri,
  jobPrefix,
  logPrefix,
  objectKey,
  organizationPrefix,
  parseS3Uri,
  runtimePrefix,
  type S3Folder,
  stagePrefix,
  uid8,
  within,
} from '../../../src/core/access/locations.ts';
import type { Parsed } from '../../../src/core/quantity/outcome.ts';

const SEED = { seed: 11, numRuns: 1000 } as const;
const UID = '1a2b3c4d-0000-4000-8000-000000000000';
const OWNER = { organization: 'acme', namespace: 'finance', runtime: 'analytics' };

function must<T>(answer: Parsed<T>): T {
  assert.ok(answer.ok, answer.ok ? '' : answer.reason);
  return answer.value;
}

test('every object of API.md lies where API.md says', () => {
  const staging = must(runtimePrefix('s3://acme-staging/elastic', OWNER));
  const logs = must(runtimePrefix('s3://acme-logs/elastic/', OWNER));
  const job = { name: 'nightly-orders', uid: UID };
  const staged = jobPrefix(staging, job);
  const logged = jobPrefix(logs, job);
  const uris = [
    clusterInfoKey(staging),
    must(dependencyKey(staged, 'app/etl.py')),
    stagePrefix(staged, 2),
    logPrefix(logged, 1, 'agent'),
    logPrefix(logged, 1, 'master'),
    logPrefix(logged, 3, 'worker'),
    accessRecordKey(logged),
  ].map(formatS3Uri);
  assert.deepEqual(uris, [
    's3://acme-staging/elastic/acme/finance/analytics/cluster.json',
    's3://acme-staging/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/deps/app/etl.py',
    's3://acme-staging/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/2/stage',
    's3://acme-logs/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/1/agent',
    's3://acme-logs/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/1/master',
    's3://acme-logs/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/3/worker',
    's3://acme-logs/elastic/acme/finance/analytics/jobs/nightly-orders-1a2b3c4d/access.json',
  ]);
});

const URIS: readonly (readonly [string, string, string])[] = [
  ['s3://bucket', 'bucket', ''],
  ['s3://bucket/', 'bucket', ''],
  ['s3://bucket/a', 'bucket', 'a'],
  ['s3://bucket/a/b/', 'bucket', 'a/b'],
  ['s3://my.bucket-1/date=2026-01-01/A_b', 'my.bucket-1', 'date=2026-01-01/A_b'],
];
for (const [uri, bucket, key] of URIS) {
  test(`S3 URI ${uri}`, () => assert.deepEqual(parseS3Uri(uri), { ok: true, value: { bucket, key } }));
}

for (const uri of [
  '',
  'bucket/a',
  'http://bucket/a',
  'S3://bucket/a',
  's3:/bucket/a',
  's3://',
  's3:///a',
  's3://ab',
  's3://Bucket/a',
  's3://bu..cket/a',
  's3://10.0.0.1/a',
  's3://user@bucket/a',
  's3://bucket//',
  's3://bucket//a',
  's3://bucket/a//b',
  's3://bucket/./a',
  's3://bucket/a/..',
  's3://bucket/../other',
  's3://bucket/a%2fb',
  's3://bucket/%2e%2e/b',
  's3://bucket/a\\b',
  's3://bucket/a?versionId=1',
  's3://bucket/a#b',
  's3://bucket/a b',
  's3://bucket/*/a',
  's3://bucket/${aws:username}',
  's3://bucket/a\n',
  's3://bucket/a\u0000',
  's3://bucket/．．/a',
  's3://bucket/a／b',
  `s3://bucket/${'a'.repeat(1025)}`,
]) {
  test(`no S3 URI: ${JSON.stringify(uri.slice(0, 60))}`, () => assert.equal(parseS3Uri(uri).ok, false));
}

for (const path of [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  './a',
  'a/../b',
  'a/..',
  '%2e%2e/a',
  'a%2fb',
  'a%252fb',
  'a\\b',
  '．．/a',
  '․․/a',
  '‥/a',
  'a／..／b',
  'a\u0000b',
  'a\u200bb',
  '.\u200b./a',
  'a\nb',
  'a b',
  'a*',
  '${aws:username}/a',
  'a?b',
  'été.py',
  '\ud800',
  'x'.repeat(1025),
]) {
  test(`no dependency path: ${JSON.stringify(path.slice(0, 40))}`, () => {
    assert.equal(dependencyKey({ bucket: 'b', key: 'k' }, path).ok, false);
  });
}

for (const path of ['a', '.hidden', '..data', 'a/b/c.jar', 'date=2026-01-01/part-0.parquet', 'v1.2+build@3:x,y~(1)!']) {
  test(`dependency path: ${path}`, () => assert.equal(must(dependencyKey({ bucket: 'bucket', key: '' }, path)).key, `deps/${path}`));
}

for (const organization of ['', 'Acme', 'ac me', 'acme/', 'acme/finance', '..', '.', 'acme.', '-acme', 'аcme', 'acme%2f', 'a'.repeat(64)]) {
  test(`no organization: ${JSON.stringify(organization)}`, () => {
    assert.equal(organizationPrefix('s3://bucket/p', organization).ok, false);
    assert.equal(runtimePrefix('s3://bucket/p', { ...OWNER, organization }).ok, false);
  });
}

test('names that the API server would not have accepted are programming errors', () => {
  const runtime = must(runtimePrefix('s3://bucket', OWNER));
  assert.throws(() => runtimePrefix('s3://bucket', { ...OWNER, namespace: 'a/b' }), TypeError);
  assert.throws(() => runtimePrefix('s3://bucket', { ...OWNER, runtime: '..' }), TypeError);
  assert.throws(() => jobPrefix(runtime, { name: '../x', uid: UID }), TypeError);
  assert.throws(() => jobPrefix(runtime, { name: 'x', uid: 'short' }), TypeError);
  assert.throws(() => stagePrefix(runtime, 0), RangeError);
  assert.throws(() => stagePrefix(runtime, 1.5), RangeError);
  assert.equal(uid8(UID), '1a2b3c4d');
});

const slug = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
const anyPath = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc
    .array(fc.constantFrom('..', '.', '/', 'acme', 'acme2', '%2f', '%2e', '\\', '．', '／', 'a', ''), { maxLength: 8 })
    .map((parts) => parts.join('')),
);

test('two organizations in one location cannot cross, whatever their jobs, names and paths are', () => {
  fc.assert(
    fc.property(
      slug,
      slug,
      slug,
      slug,
      slug,
      anyPath,
      fc.integer({ min: 1, max: 9 }),
      (first, suffix, namespace, runtime, name, path, attempt) => {
        const second = `${first}${suffix}`;
        for (const uri of ['s3://bucket', 's3://bucket/elastic/', `s3://bucket/${first}`]) {
          const mine = must(organizationPrefix(uri, first));
          const theirs = must(organizationPrefix(uri, second));
          const job = jobPrefix(must(runtimePrefix(uri, { organization: second, namespace, runtime })), { name, uid: UID });
          const staged = dependencyKey(job, path);
          const logged = objectKey(logPrefix(job, attempt, 'worker'), path);
          const folders: S3Folder[] = [job, stagePrefix(job, attempt), accessRecordKey(job)];
          for (const location of [...folders, ...(staged.ok ? [staged.value] : []), ...(logged.ok ? [logged.value] : [])]) {
            assert.ok(within(theirs, location), `${location.key} is not below ${theirs.key}`);
            assert.ok(!within(mine, location), `${location.key} is below ${mine.key}`);
            assert.ok(!location.key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'));
            const decoded = decodeURIComponent(location.key).normalize('NFKC');
            assert.ok(decoded.startsWith(`${theirs.key}/`) && !decoded.split('/').includes('..'));
          }
        }
      },
    ),
    SEED,
  );
});

test('different jobs, attempts and kinds never share a folder', () => {
  const uid = fc.uuid();
  fc.assert(
    fc.property(slug, uid, slug, uid, (name, uidA, other, uidB) => {
      fc.pre(name !== other || uidA.slice(0, 8) !== uidB.slice(0, 8));
      const runtime = { bucket: 'bucket', key: 'p' };
      const a = jobPrefix(runtime, { name, uid: uidA });
      const b = jobPrefix(runtime, { name: other, uid: uidB });
      assert.notEqual(a.key, b.key);
      assert.ok(!within(a, stagePrefix(b, 1)) && !within(b, stagePrefix(a, 1)));
      assert.ok(!within(logPrefix(a, 1, 'worker'), logPrefix(a, 11, 'worker')));
    }),
    SEED,
  );
});

test('a parsed URI is written back as it was', () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_=-]{1,8}$/);
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
      const uri = `s3://bucket/${segments.join('/')}`;
      assert.equal(formatS3Uri(must(parseS3Uri(uri))), uri);
    }),
    SEED,
  );
});
