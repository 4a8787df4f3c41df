import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionName } from '../../../src/core/access/sessions.ts';
import { readEvents } from '../../../src/core/audit/cloudtrail.ts';
import type { JobPlan, PlanRow } from '../../../src/core/audit/planned.ts';
import type { Recorded } from '../../../src/core/audit/records.ts';
import { auditReport } from '../../../src/core/audit/report.ts';

/* What CloudTrail alone tells: calls of pods, and those that S3 makes for a session. */

const runtimeUid = '01234567-0000-4000-8000-000000000000';
const jobUid = '89abcdef-0000-4000-8000-000000000000';
const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const long = 'connection-of-a-very-long-name-that-no-session-holds';
const run = (resource: PlanRow['resource'], action: PlanRow['action'], identity: PlanRow['identity'], location: string): PlanRow => {
  return { phase: 'Run', resource, action, identity, chain: [role('worker')], location };
};
const plan: JobPlan = {
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  uid: jobUid,
  rows: [
    run('connection:lake', 'read', 'worker', 'arn:aws:s3:::lake/in/'),
    run('connection:lake', 'write', 'worker', 'arn:aws:s3:::lake/out/'),
    run('connection:orders', 'read', 'worker', 'arn:aws:dynamodb:us-east-1:111122223333:table/orders'),
    run(`connection:${long}`, 'read', `connectionRole:${long}`, 'arn:aws:s3:::long/'),
  ],
};

type Event = Readonly<Record<string, unknown>>;

function event(eventName: string, requestParameters: Event, more: Event & { readonly identity?: PlanRow['identity'] } = {}): Event {
  const { identity = 'worker', ...fields } = more;
  const session = sessionName(runtimeUid, jobUid, identity);
  return {
    eventTime: '2026-12-01T10:00:00Z',
    eventName,
    eventSource: 's3.amazonaws.com',
    awsRegion: 'us-east-1',
    requestID: 'R1',
    requestParameters,
    userIdentity: {
      type: 'AssumedRole',
      arn: `arn:aws:sts::111122223333:assumed-role/${identity.split(':')[0]}/${session}`,
      sessionContext: {
        sessionIssuer: { type: 'Role', arn: role('worker') },
        ...(identity === 'worker' && { webIdFederationData: { federatedProvider: 'oidc' } }),
      },
    },
    ...fields,
  };
}

function judged(one: Event, records: readonly Recorded[] = []) {
  const row = auditReport({ records, plans: [plan], trail: readEvents([one]).read }).find(({ requestId }) => requestId === 'R1');
  assert.ok(row);
  return row;
}

const lake = (key?: string): Event => ({ bucketName: 'lake', ...(key !== undefined && { key }) });

const implied: readonly (readonly [name: string, parameters: Event])[] = [
  ['GetObject', lake('in/1')],
  ['HeadObject', lake('in/1')],
  ['GetObjectAttributes', lake('in/1')],
  ['GetObjectTagging', lake('in/1')],
  ['ListObjectsV2', { ...lake(), prefix: 'in/' }],
  ['ListObjectVersions', { ...lake(), prefix: 'in/' }],
  ['HeadObject', lake('in')],
  ['HeadObject', lake('out/1')],
  ['GetObjectAttributes', lake('out/1')],
  ['HeadBucket', lake()],
  ['GetBucketLocation', lake()],
  ['DeleteObjects', lake()],
  ['ListMultipartUploads', lake()],
  ...[
    'PutObject',
    'DeleteObject',
    'CreateMultipartUpload',
    'UploadPart',
    'CompleteMultipartUpload',
    'AbortMultipartUpload',
    'ListParts',
  ].map((name) => [name, lake('out/1')] as const),
  ['CopyObject', { ...lake('out/1'), 'x-amz-copy-source': '/lake/in/a%20b?versionId=1' }],
  ['UploadPartCopy', { ...lake('out/1'), 'x-amz-copy-source': 'lake/in/1' }],
];

for (const [name, parameters] of implied)
  void test(`implied by what is planned: ${name} ${JSON.stringify(parameters)}`, () => {
    assert.equal(judged(event(name, parameters)).unplanned, undefined);
  });

const not: readonly (readonly [what: string, event: Event, says: RegExp])[] = [
  ['read what is written', event('GetObject', lake('out/1')), /lake\/in\/.*, not at .*out/],
  ['write what is read', event('UploadPartCopy', lake('in/1')), /at .*lake\/out\/, not at .*in\/1/],
  [
    'copy from elsewhere',
    event('CopyObject', { ...lake('out/1'), 'x-amz-copy-source': 'payroll/x' }),
    /s3:GetObject as worker .*not at .*payroll\/x/,
  ],
  ['list the whole bucket', event('ListObjectsV2', lake()), /not at arn:aws:s3:::lake$/],
  ['list a folder that begins alike', event('ListObjectsV2', { ...lake(), prefix: 'in' }), /not at .*lake\/in\*/],
  ['ask another bucket', event('HeadBucket', { bucketName: 'payroll' }), /not at .*payroll/],
  ['change who may read', event('PutBucketPolicy', lake()), /no s3:PutBucketPolicy/],
  ['write to a table', event('PutItem', {}, { eventSource: 'dynamodb.amazonaws.com' }), /PutItem as worker at .*lake\/out/],
];

for (const [what, one, says] of not)
  void test(`not planned: ${what}`, () => {
    assert.match(judged(one).unplanned ?? '', says);
  });

void test('a connection whose name is too long for a session is told by the name that the session has', () => {
  const row = judged(event('GetObject', { bucketName: 'long', key: 'x' }, { identity: `connectionRole:${long}` }));
  assert.deepEqual([row.by, row.identity, row.unplanned], ['pod', `connectionRole:${long}`, undefined]);
});

function kms(eventName: string, arn: string, more: Event & { readonly identity?: PlanRow['identity'] } = {}): Event {
  const parameters = { encryptionContext: { 'aws:s3:arn': arn }, encryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
  return event(eventName, parameters, { eventSource: 'kms.amazonaws.com', sourceIPAddress: 'AWS Internal', ...more });
}

void test('what S3 asks KMS in the session of a pod is planned where the object is', () => {
  for (const [name, arn] of [
    ['GenerateDataKey', 'arn:aws:s3:::lake/out/1'],
    ['Decrypt', 'arn:aws:s3:::lake/in/1'],
    ['Decrypt', 'arn:aws:s3:::lake/out/1'],
    ['GenerateDataKey', 'arn:aws:s3:::lake'],
  ] as const)
    assert.equal(judged(kms(name, arn)).unplanned, undefined, `${name} ${arn}`);
  assert.match(judged(kms('GenerateDataKey', 'arn:aws:s3:::lake/in/1')).unplanned ?? '', /not at .*lake\/in\/1/);
  assert.match(judged(kms('Decrypt', 'arn:aws:s3:::payroll')).unplanned ?? '', /not at .*payroll/);
  assert.match(judged(kms('Encrypt', 'arn:aws:s3:::lake/out/1')).unplanned ?? '', /no kms:Encrypt/);
  assert.match(judged(kms('Decrypt', 'arn:aws:s3:::lake/in/1', { sourceIPAddress: '198.51.100.7' })).unplanned ?? '', /no kms:Decrypt/);
});

void test("what S3 asks KMS in the operator's session is told by the record of the object", () => {
  const resource = 'arn:aws:s3:::staging/acme/x';
  const session = sessionName(runtimeUid, jobUid, 'operator');
  const record: Recorded = {
    time: '2026-12-01T10:00:00.000Z',
    runtime: 'finance/analytics',
    job: 'finance/nightly',
    identity: 'operator',
    chain: [],
    sessionName: session,
    action: 's3:PutObject',
    resource,
    outcome: 'ok',
    requestId: 'R0',
  };
  for (const arn of [resource, 'arn:aws:s3:::staging']) {
    const row = judged(kms('GenerateDataKey', arn, { identity: 'operator' }), [record]);
    assert.deepEqual([row.by, row.unplanned], ['operator', undefined], arn);
  }
  for (const arn of ['arn:aws:s3:::staging/acme/y', 'arn:aws:s3:::sta'])
    assert.match(judged(kms('GenerateDataKey', arn, { identity: 'operator' }), [record]).unplanned ?? '', /no record tells of it/, arn);
});
