import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logFolder, nodeLogPolicies } from '../../src/broker/session.ts';
import { type PolicyDocument, policyOf } from '../../src/core/policy/document.ts';
import { evaluate } from '../../src/core/policy/evaluate.ts';
import { maxSessionPolicyCharacters } from '../../src/core/policy/session-policy.ts';
import { runtimeOf } from './support/cluster.ts';

const runtime = runtimeOf();
const folder = logFolder(runtime);
assert.ok(folder.ok);
const policies = nodeLogPolicies(runtime, folder.value, 'worker', 'analytics-workers-a');
assert.ok(policies.ok);
const text = policies.value[0]?.policy ?? '';

const everything: PolicyDocument = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
const base = 'arn:aws:s3:::acme-logs/elastic/acme/finance/analytics/jobs';

/** As the worker role that may do everything, under the session policy. */
function decide(action: string, resource: string, context: Readonly<Record<string, string>> = {}): string {
  return evaluate({
    principal: { kind: 'role', roleArn: 'arn:aws:iam::111122223333:role/worker', sessionName: 'aaaaaaaa.-.worker' },
    action,
    resource,
    context,
    identityPolicies: [policyOf(everything, 'identity')],
    sessionPolicies: [policyOf(JSON.parse(text) as PolicyDocument, 'identity')],
  }).decision;
}

const put: readonly (readonly [key: string, allowed: boolean])[] = [
  ['nightly-0f0e0d0c/1/worker/analytics-workers-a/nightly-1-worker-0/main/00000000.log', true],
  ['other.job-11111111/12/worker/analytics-workers-a/pod/main/00000007.log', true],
  ['nightly-0f0e0d0c/1/worker/analytics-workers-b/nightly-1-worker-0/main/00000000.log', false],
  ['nightly-0f0e0d0c/1/worker/analytics-workers-a2/pod/main/00000000.log', false],
  ['nightly-0f0e0d0c/1/master/analytics-workers-a/pod/main/00000000.log', false],
  ['nightly-0f0e0d0c/1/agent/job.log', false],
  ['nightly-0f0e0d0c/access.json', false],
  // In another node's folder, with names that would match were the place not held.
  ['nightly-0f0e0d0c/1/worker/analytics-workers-b/worker/analytics-workers-a/00000000.log', false],
  ['nightly-0f0e0d0c/1/worker/analytics-workers-b/pod/worker/analytics-workers-a/00000000.log', false],
  ['nightly-0f0e0d0c/1/2/worker/analytics-workers-a/pod/00000000.log', false],
];

for (const [key, allowed] of put) {
  void test(`${allowed ? 'may' : 'may not'} write ${key}`, () => {
    assert.equal(decide('s3:PutObject', `${base}/${key}`) === 'Allow', allowed);
  });
}

void test('may do nothing but write and encrypt', () => {
  const own = `${base}/nightly-0f0e0d0c/1/worker/analytics-workers-a/pod/main/00000000.log`;
  for (const action of ['s3:GetObject', 's3:DeleteObject', 's3:PutObjectAcl']) assert.notEqual(decide(action, own), 'Allow', action);
  assert.notEqual(decide('s3:ListBucket', 'arn:aws:s3:::acme-logs'), 'Allow');
  assert.notEqual(decide('ec2:TerminateInstances', '*'), 'Allow');
  assert.notEqual(decide('sts:AssumeRole', 'arn:aws:iam::111122223333:role/orders'), 'Allow');
  assert.notEqual(decide('s3:PutObject', own.replace('acme-logs', 'acme-staging')), 'Allow');
  assert.notEqual(decide('s3:PutObject', own.replace('finance/analytics', 'finance/reports')), 'Allow');
});

void test('may use the key of the logs through S3 only, for its own objects', () => {
  const key = 'arn:aws:kms:us-east-1:111122223333:key/logs';
  const own = {
    'kms:ViaService': 's3.us-east-1.amazonaws.com',
    'kms:EncryptionContext:aws:s3:arn': `${base}/nightly-0f0e0d0c/1/worker/analytics-workers-a/pod/main/00000000.log`,
  };
  assert.equal(decide('kms:GenerateDataKey', key, own), 'Allow');
  assert.equal(decide('kms:GenerateDataKey', key, { ...own, 'kms:EncryptionContext:aws:s3:arn': 'arn:aws:s3:::acme-logs' }), 'Allow');
  assert.notEqual(decide('kms:GenerateDataKey', key), 'Allow');
  assert.notEqual(decide('kms:Decrypt', key, own), 'Allow');
  assert.notEqual(decide('kms:GenerateDataKey', key.replace('logs', 'other'), own), 'Allow');
});

void test('fits what STS takes, with the longest names', () => {
  const long = 'n'.repeat(63);
  const prefix = { bucket: 'b'.repeat(63), key: Array.from({ length: 4 }, () => long).join('/') };
  const made = nodeLogPolicies(runtime, prefix, 'master', `${long}-workers-abcdefgh`);
  assert.ok(made.ok && made.value.every(({ policy }) => policy.length <= maxSessionPolicyCharacters));
});

void test('is widened by the encryption context alone, and refused where that is not enough', () => {
  assert.deepEqual(
    policies.value.map(({ widened }) => widened),
    [[], ['encryption-context']],
  );
  const at = (length: number) => nodeLogPolicies(runtime, { bucket: 'logs', key: 'k'.repeat(length) }, 'worker', 'n');
  const middle = at(520);
  assert.deepEqual(middle.ok && middle.value.map(({ widened }) => widened), [['encryption-context']]);
  const wide = at(1000);
  assert.match(wide.ok ? '' : wide.error, /^the session policy of node n has \d+ characters, more than 2048, at its widest$/);
});
