import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents, readTrail } from '../../../src/core/audit/cloudtrail.ts';
import type { JobPlan } from '../../../src/core/audit/planned.ts';
import { mergeRecords, type Recorded, readRecords } from '../../../src/core/audit/records.ts';
import { auditReport } from '../../../src/core/audit/report.ts';

const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const ours = [role('agent'), role('operator'), role('worker')];

const plan: JobPlan = {
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  uid: '89abcdef-0000-4000-8000-000000000000',
  rows: [
    { phase: 'Run', resource: 'connection:orders', action: 'read', identity: 'connectionRole:orders', chain: [...ours, role('orders')] },
    { phase: 'Run', resource: 'staging', action: 'read', identity: 'worker', chain: ours },
    { phase: 'Run', resource: 'staging', action: 'write', identity: 'worker', chain: ours },
    { phase: 'Create', resource: 'cluster-info', action: 'write', identity: 'operator', chain: ours.slice(0, 2) },
    { phase: 'Complete', resource: 'log:agent', action: 'write', identity: 'agent', chain: [role('agent')] },
  ],
};

function record(more: Partial<Recorded> = {}): Recorded {
  const { identity = 'connectionRole:orders' } = more;
  return {
    time: '2026-12-01T10:00:00.000Z',
    runtime: 'finance/analytics',
    job: 'finance/nightly',
    phase: 'Run',
    planResource: 'connection:orders',
    rule: 'run-connection-role: its own role',
    identity: 'connectionRole:orders',
    chain: [...ours, role('orders')],
    sessionName: `01234567.89abcdef.${identity.replace(':', '=')}`,
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::orders/raw/1',
    outcome: 'ok',
    requestId: 'R1',
    ...more,
  };
}

const planned: readonly (readonly [what: string, record: Recorded])[] = [
  ['what the row says', record()],
  ['a list that a read implies', record({ action: 's3:ListBucket' })],
  ['a probe that a write implies', record({ planResource: 'staging', identity: 'worker', chain: ours, action: 's3:DeleteObject' })],
  ['a call that shows a table, before it is read', record({ action: 'dynamodb:DescribeTable' })],
  ['a role reads its own trust', record({ action: 'iam:GetRole', resource: 'orders' })],
  ['IAM asked of itself what a role may do there', record({ action: 'iam:SimulatePrincipalPolicy', resource: role('orders') })],
  ['a read of a table', record({ action: 'dynamodb:Query' })],
  ['a hop on the way', record({ identity: 'operator', chain: ours.slice(0, 2), action: 'sts:AssumeRole', resource: role('worker') })],
  [
    'what is taken out of staging at the end',
    record({ phase: 'Complete', planResource: 'staging', identity: 'operator', chain: ours.slice(0, 2), action: 's3:ListBucket' }),
  ],
  [
    'what is deleted there',
    record({ phase: 'Complete', planResource: 'staging', identity: 'operator', chain: ours.slice(0, 2), action: 's3:DeleteObject' }),
  ],
  [
    'the way to clearing',
    record({
      phase: 'Complete',
      planResource: 'staging',
      identity: 'agent',
      chain: [role('agent')],
      action: 'sts:AssumeRole',
      resource: role('operator'),
    }),
  ],
  ['the first hop', record({ identity: 'agent', chain: [], action: 'sts:AssumeRoleWithWebIdentity', resource: role('agent') })],
];

const unplanned: readonly (readonly [what: string, record: Recorded, why: RegExp])[] = [
  ['no rule', record({ phase: undefined as never, planResource: undefined as never, rule: undefined as never }), /names no rule/],
  ['a resource that is none of the plan', record({ planResource: 'connection:other' }), /has no connection:other/],
  ['somebody else', record({ identity: 'worker', chain: ours }), /as connectionRole:orders, not as worker/],
  ['another action', record({ action: 's3:PutObject' }), /to read, which takes no s3:PutObject/],
  ['a write to a table that is read', record({ action: 'dynamodb:PutItem' }), /to read, which takes no dynamodb:PutItem/],
  ...(
    [
      ['IAM asked of another role', {}],
      ['IAM asked of another role, at staging', { planResource: 'staging', identity: 'worker', chain: ours }],
    ] as const
  ).map(
    ([what, more]) =>
      [
        what,
        record({ action: 'iam:SimulatePrincipalPolicy', resource: role('payroll'), ...more }),
        /not whose call it is|takes no iam:/,
      ] as const,
  ),
  ['an action of a service that no connection has', record({ action: 'dynamodb:DeleteBackup' }), /which takes no dynamodb:DeleteBackup/],
  [
    'what is taken out of staging, read',
    record({ phase: 'Complete', planResource: 'staging', identity: 'operator', chain: ours.slice(0, 2) }),
    /to list, delete, which takes no s3:GetObject/,
  ],
  [
    'a way to clearing that is too long',
    record({
      phase: 'Complete',
      planResource: 'staging',
      identity: 'operator',
      chain: ours.slice(0, 2),
      action: 'sts:AssumeRole',
      resource: role('payroll'),
    }),
    /through .*payroll/,
  ],
  [
    'a way to clearing that begins elsewhere',
    record({
      phase: 'Complete',
      planResource: 'staging',
      identity: 'agent',
      chain: [role('worker')],
      action: 'sts:AssumeRole',
      resource: role('operator'),
    }),
    /through .*operator/,
  ],
  ['a hop aside', record({ identity: 'worker', chain: ours, action: 'sts:AssumeRole', resource: role('payroll') }), /through .*payroll/],
  [
    'a hop from nowhere',
    record({ identity: 'agent', chain: [], action: 'sts:AssumeRoleWithWebIdentity', resource: role('worker') }),
    /through/,
  ],
];

for (const [what, one] of planned)
  void test(`planned: ${what}`, () => {
    assert.equal(auditReport({ records: [one], plans: [plan], trail: undefined })[0]?.unplanned, undefined);
  });

for (const [what, one, why] of unplanned)
  void test(`not planned: ${what}`, () => {
    assert.match(auditReport({ records: [one], plans: [plan], trail: undefined })[0]?.unplanned ?? '', why);
  });

type Event = Readonly<Record<string, unknown>>;

function event(session: string, more: Event = {}, webIdentity = false): Event {
  const webIdFederationData = { federatedProvider: 'arn:aws:iam::111122223333:oidc-provider/oidc.example.com', attributes: {} };
  return {
    eventVersion: '1.11',
    eventTime: '2026-12-01T10:00:01Z',
    eventSource: 's3.amazonaws.com',
    eventName: 'GetObject',
    requestParameters: { bucketName: 'orders', key: 'raw/1' },
    requestID: 'R9',
    userIdentity: {
      type: 'AssumedRole',
      arn: `arn:aws:sts::111122223333:assumed-role/worker/${session}`,
      sessionContext: { sessionIssuer: { type: 'Role', arn: role('worker') }, ...(webIdentity && { webIdFederationData }) },
    },
    ...more,
  };
}

function joined(records: readonly Recorded[], ...events: readonly Event[]) {
  return auditReport({ records, plans: [plan], trail: readEvents(events).read });
}

const podSession = '01234567.89abcdef.worker';

void test('a record and its event are one row; a record that the trail lacks says so', () => {
  const rows = joined([record({ requestId: 'R9' }), record({ requestId: 'R2', time: '2026-12-01T10:00:02.000Z' })], podless);
  assert.deepEqual(
    rows.map(({ by, requestId, inCloudTrail }) => [by, requestId, inCloudTrail]),
    [
      ['operator', 'R9', true],
      ['operator', 'R2', false],
    ],
  );
});

const issuer = { sessionContext: { sessionIssuer: { type: 'Role', arn: role('orders') } } };
const asConnection = 'arn:aws:sts::111122223333:assumed-role/orders/01234567.89abcdef.connectionRole=orders';
const podless = event('', { userIdentity: { type: 'AssumedRole', arn: asConnection, ...issuer } });
const contradicted: readonly (readonly [what: string, records: readonly Recorded[], event: Event, why: RegExp | undefined])[] = [
  ['the same', [record({ requestId: 'R9' }), record({ requestId: 'R9' })], podless, undefined],
  ['another action', [record({ requestId: 'R9' })], { ...podless, eventName: 'DeleteObject' }, /CloudTrail has s3:DeleteObject under/],
  ['another session', [record({ requestId: 'R9' })], event('01234567.89abcdef.worker'), /has session 01234567\.89abcdef\.worker for/],
  ['another role', [record({ requestId: 'R9', chain: [...ours, role('worker')] })], podless, /has role .*role\/orders for/],
  ['a refusal', [record({ requestId: 'R9' })], { ...podless, errorCode: 'AccessDenied' }, /ended in AccessDenied/],
  ['a success', [record({ requestId: 'R9', outcome: 'AccessDenied' })], podless, /ended in ok/],
  ['another record', [record({ requestId: 'R9', outcome: 'NoSuchKey' }), record({ requestId: 'R9' })], podless, /do not say the same/],
];

for (const [what, records, one, why] of contradicted)
  void test(`a record that is contradicted: ${what}`, () => {
    const [row] = joined(records, one);
    if (why === undefined) assert.equal(row?.unplanned, undefined);
    else assert.match(row?.unplanned ?? '', why);
  });

void test('a job made again under its name has a plan of its own', () => {
  const again: JobPlan = { ...plan, uid: 'fedcba98-0000-4000-8000-000000000000', rows: [] };
  const row = (sessionName: string) => auditReport({ records: [record({ sessionName })], plans: [again, plan], trail: undefined })[0];
  assert.equal(row('01234567.89abcdef.connectionRole=orders')?.unplanned, undefined);
  assert.match(row('01234567.fedcba98.connectionRole=orders')?.unplanned ?? '', /has no connection:orders/);
});

void test('the calls of pods come from the trail, told by their session names, and are held to the plan', () => {
  const [row] = joined([], event(podSession, { requestParameters: { bucketName: 'acme-staging', key: 'x' } }, true));
  assert.deepEqual(
    [row?.by, row?.job, row?.identity, row?.action, row?.resource, row?.unplanned],
    ['pod', 'finance/nightly', 'worker', 's3:GetObject', 'arn:aws:s3:::acme-staging/x', undefined],
  );
  const [launch] = joined([], event(podSession, { eventSource: 'ec2.amazonaws.com', eventName: 'RunInstances' }, true));
  assert.match(launch?.unplanned ?? '', /no ec2:RunInstances as worker/);
  const [master] = joined([], event('01234567.89abcdef.master', {}, true));
  assert.match(master?.unplanned ?? '', /nothing as master/);
  const [stranger] = joined([], event('01234567.00000000.worker', {}, true));
  assert.match(stranger?.unplanned ?? '', /no plan of this job/);
});

void test('a session of ours that no record tells of is flagged; sessions of others are not ours to judge', () => {
  const [token] = joined(
    [],
    event('01234567.89abcdef.agent', { eventSource: 'sts.amazonaws.com', eventName: 'AssumeRoleWithWebIdentity' }, true),
  );
  assert.deepEqual([token?.by, /no record tells of it/.test(token?.unplanned ?? '')], ['unknown', true]);
  const others = { type: 'AssumedRole', arn: 'arn:aws:sts::111122223333:assumed-role/analysts/somebody@example.com' };
  const userIdentity = { ...others, sessionContext: { sessionIssuer: { type: 'Role', arn: role('analysts') } } };
  const [row, ...more] = joined([], event('01234567.89abcdef.operator'), event('', { userIdentity }));
  assert.deepEqual([row?.by, more.length], ['unknown', 0]);
  assert.match(row?.unplanned ?? '', /no record tells of it/);
});

void test('a call whose answer was lost has no request id in its record: session, action and resource join it', () => {
  const { requestId: _lost, ...lost } = record({ outcome: 'no-answer' });
  const rows = joined([lost], event('01234567.89abcdef.connectionRole=orders'));
  assert.deepEqual(
    rows.map(({ by, outcome }) => [by, outcome]),
    [['operator', 'no-answer']],
  );
});

void test('CloudTrail names the API, the audit the permission', () => {
  const names = ['ListObjectsV2', 'ListObjects', 'HeadObject', 'PutObject'].map(
    (eventName) => readEvents([event(podSession, { eventName, requestParameters: { bucketName: 'b' } })]).read[0]?.action,
  );
  assert.deepEqual(names, ['s3:ListBucket', 's3:ListBucket', 's3:GetObject', 's3:PutObject']);
  assert.equal(readTrail({ accesses: [] }), undefined);
  assert.deepEqual(readEvents([{}, null, 'x', { eventTime: 1 }]), { read: [], unread: [0, 1, 2, 3] });
});

void test('records are merged once each, in the order of time; what is no record is left out', () => {
  const [late, early] = [record({ time: '2026-12-01T11:00:00.000Z', requestId: 'R2' }), record()];
  assert.deepEqual(mergeRecords([[late, early], [early], [late]]), [early, late]);
  assert.deepEqual(readRecords(JSON.stringify({ accesses: [early, { time: 1 }, null] })), [early]);
  assert.deepEqual(['', '[]', '{"accesses":1}', 'null', '<html>'].map(readRecords), [[], [], [], [], []]);
});

void test('what a call is held to is looked up: twice as many calls read not much more than twice as much', () => {
  const readsOf = (count: number): number => {
    let reads = 0;
    const records = Array.from({ length: count }, (_, index): Recorded => {
      const { job: _job, ...own } = record({
        phase: 'Create',
        planResource: 'staging',
        identity: 'worker',
        chain: ours,
        requestId: `R${index}`,
      });
      return {
        ...own,
        sessionName: '01234567.-.worker',
        get runtime() {
          reads += 1;
          return 'finance/analytics';
        },
      };
    });
    const plans = Array.from({ length: count }, (_, index): JobPlan => ({ ...plan, job: `finance/nightly-${index}` }));
    const events = Array.from({ length: count }, (_, index) => event('01234567.-.worker', { requestID: `R${index}` }));
    const rows = auditReport({ records, plans, trail: readEvents(events).read });
    assert.equal(rows.length, count);
    return reads;
  };
  assert.ok(readsOf(200) < readsOf(100) * 2.5);
});
