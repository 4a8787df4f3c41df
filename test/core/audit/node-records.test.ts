import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessNote } from '../../../src/core/audit/attribution.ts';
import { nodeRecord, type RecordingNode } from '../../../src/core/audit/node-records.ts';

const of: RecordingNode = {
  runtime: 'finance/analytics',
  runtimeUid: '01234567-0000-4000-8000-000000000000',
  node: 'analytics-workers-x1',
  role: 'worker',
  logs: 'arn:aws:s3:::acme-logs/elastic/acme/finance/analytics',
};
const jobs = `${of.logs}/jobs`;

const own = {
  time: '2026-01-02T03:04:05.678Z',
  namespace: 'finance',
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  node: 'analytics-workers-x1',
  phase: 'Run',
  planResource: 'log:worker',
  rule: accessNote({ identity: 'worker', nodeAgent: true })?.rule,
  identity: 'worker',
  chain: ['arn:aws:iam::111122223333:role/worker'],
  sessionName: '01234567.-.worker',
  action: 's3:PutObject',
  resource: `${jobs}/nightly-89abcdef/1/worker/analytics-workers-x1/nightly-1-worker-0-abcde/main/00000000.log`,
  outcome: 'ok',
  requestId: 'R1',
  durationMs: 20,
};

for (const [what, more] of [
  ['a piece of a log', {}],
  ['a refused one', { outcome: 'AccessDenied', errorCode: 'AccessDenied' }],
  ['its own records', { resource: `${jobs}/nightly-89abcdef/access/worker/analytics-workers-x1/20260102t030405678z-0a1b2c3d.json` }],
] as const)
  void test(`taken over: ${what}`, () => {
    assert.deepEqual(nodeRecord({ ...own, ...more }, of), { record: { ...own, ...more }, jobUid8: '89abcdef' });
  });

const podsOwn = {
  ...own,
  planResource: 'connection-secret:warehouse',
  rule: 'run-connection-secret',
  sessionName: '01234567.89abcdef.worker',
  action: 'secretsmanager:GetSecretValue',
  resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/finance/warehouse-AbCdEf',
  node: undefined,
};

for (const [what, more, taken] of [
  ["what a pod's init container reads", {}, true],
  ['how it became the worker', { action: 'sts:AssumeRoleWithWebIdentity', resource: own.chain[0] ?? '' }, true],
  ['another call', { action: 's3:GetObject' }, false],
  ['another identity', { identity: 'operator', sessionName: '01234567.89abcdef.operator' }, false],
  ['a session of no job', { sessionName: '01234567.-.worker' }, false],
  ['a session of another runtime', { sessionName: '76543210.89abcdef.worker' }, false],
  ['another access of the plan', { planResource: 'staging' }, false],
  ["a node's", { node: own.node }, false],
] as const)
  void test(`${taken ? 'taken' : 'not taken'} over of a pod: ${what}`, () => {
    assert.equal(nodeRecord({ ...podsOwn, ...more }, of)?.jobUid8, taken ? '89abcdef' : undefined);
  });

void test('a job whose name ends like a uid', () => {
  const resource = `${jobs}/nightly-01234567-89abcdef/2/worker/analytics-workers-x1/p/main/00000000.log`;
  assert.equal(nodeRecord({ ...own, job: 'finance/nightly-01234567', resource }, of)?.jobUid8, '89abcdef');
  assert.equal(nodeRecord({ ...own, job: 'finance/nightly', resource }, of), undefined);
});

void test('a rule is told in our words', () => {
  assert.deepEqual(nodeRecord({ ...own, rule: 'because' }, of)?.record, own);
});

void test('fields that nobody knows are left out', () => {
  assert.deepEqual(
    nodeRecord({ ...own, secret: 'x', person: 'alice', preflight: true, cluster: 'other', widened: ['x'] }, of)?.record,
    own,
  );
});

const inFolder = (path: string) => ({ resource: `${jobs}/nightly-89abcdef/${path}` });

for (const [what, more] of [
  ['no record', { chain: 'worker' }],
  ['a field that is nested', { outcome: [['ok']] }],
  ['a chain of anything', { chain: [{}] }],
  ['a chain without an end', { chain: Array.from({ length: 9 }, () => 'arn:aws:iam::111122223333:role/worker') }],
  ['a text that goes on in another line', { outcome: 'ok\n2026-01-02 operator iam:CreateUser ok' }],
  ['a text that tells a terminal something', { requestId: '\u001b[2J' }],
  ['a text that is too long', { requestId: 'R'.repeat(300) }],
  ['a time that is none', { time: 'yesterday' }],
  ['a duration that is none', { durationMs: Number.POSITIVE_INFINITY }],
  ['a phase of its own', { phase: 'Create' }],
  ['another runtime', { runtime: 'finance/other' }],
  ['another job', { job: 'finance/other' }],
  ['a job of another namespace', { job: 'research/nightly' }],
  ['no job', { job: undefined }],
  ['another node', { node: 'analytics-workers-x2' }],
  ['another identity', { identity: 'operator' }],
  ['another access of the plan', { planResource: 'connection:lake' }],
  ['the log of the other role', { planResource: 'log:master' }],
  ['another call', { action: 's3:GetObject' }],
  ['a session of the job', { sessionName: '01234567.89abcdef.worker' }],
  ['a session of another runtime', { sessionName: '76543210.-.worker' }],
  ['a session of another identity', { sessionName: '01234567.-.operator' }],
  ['no session of ours', { sessionName: 'alice' }],
  ['another bucket', { resource: own.resource.replace('acme-logs', 'acme-lake') }],
  ["another runtime's folder", { resource: own.resource.replace('/analytics/', '/analytics2/') }],
  ["another node's folder", inFolder('1/worker/analytics-workers-x2/p/main/00000000.log')],
  ["the other role's folder", inFolder('1/master/analytics-workers-x1/p/main/00000000.log')],
  ["the agent's log", inFolder('1/agent/agent.log')],
  ['the record of the job itself', inFolder('access.json')],
  ["a process's record", inFolder('access/1.json')],
  ['a folder further down', inFolder('1/x/worker/analytics-workers-x1/p/main/00000000.log')],
  ['its folder, no object', inFolder('1/worker/analytics-workers-x1/')],
] as const)
  void test(`not taken over: ${what}`, () => {
    assert.equal(nodeRecord({ ...own, ...more }, of), undefined);
  });
