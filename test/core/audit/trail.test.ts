import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents } from '../../../src/core/audit/cloudtrail.ts';
import type { JobPlan } from '../../../src/core/audit/planned.ts';
import type { Recorded } from '../../../src/core/audit/records.ts';
import { auditReport } from '../../../src/core/audit/report.ts';

/* Events of CloudTrail that no record names: who may have made them. */

const account = '111122223333';
const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const [agent, operator, master, worker] = [role('agent'), role('operator'), role('data/master'), role('worker')];
const table = (name: string): string => `arn:aws:dynamodb:us-east-1:${account}:table/${name}`;
const secret = `arn:aws:secretsmanager:us-east-1:${account}:secret:acme/finance/ledger-AbCdEf`;
const plan: JobPlan = {
  runtime: 'finance/analytics',
  job: 'finance/nightly',
  uid: '89abcdef-0000-4000-8000-000000000000',
  runtimeUid: '01234567-0000-4000-8000-000000000000',
  rows: [
    { phase: 'Create', resource: 'cluster-info', action: 'write', identity: 'operator', chain: [agent, operator] },
    { phase: 'Run', resource: 'nodes', action: 'scale', identity: 'master', chain: [agent, operator, master] },
    { phase: 'Run', resource: 'volumes', action: 'grow', identity: 'worker', chain: [agent, operator, worker] },
    { phase: 'Run', resource: 'dependencies', action: 'write', identity: 'operator', chain: [agent, operator] },
    { phase: 'Run', resource: 'connection:orders', action: 'read', identity: 'connectionRole:orders', chain: [worker, role('orders')] },
    { phase: 'Run', resource: 'connection:events', action: 'read', identity: 'worker', chain: [worker], location: table('events') },
    { phase: 'Run', resource: 'connection-secret:ledger', action: 'read', identity: 'worker', chain: [worker], location: secret },
    { phase: 'Complete', resource: 'log:agent', action: 'write', identity: 'agent', chain: [agent] },
  ],
};

type Fields = Readonly<Record<string, unknown>>;
type Session = { readonly role: string; readonly name: string; readonly web?: boolean };

const pod: Session = { role: worker, name: '01234567.89abcdef.worker', web: true };
const launcher: Session = { role: master, name: '01234567.-.master' };
const builder: Session = { role: operator, name: '01234567.-.operator' };

function userIdentity({ role: arn, name, web }: Session, invokedBy?: string): Fields {
  const federation = { federatedProvider: `arn:aws:iam::${account}:oidc-provider/oidc`, attributes: {} };
  return {
    type: 'AssumedRole',
    principalId: `AROAX:${name}`,
    arn: `arn:aws:sts::${account}:assumed-role/${arn.split('/').at(-1)}/${name}`,
    accountId: account,
    sessionContext: { sessionIssuer: { type: 'Role', arn, accountId: account }, ...(web === true && { webIdFederationData: federation }) },
    ...(invokedBy !== undefined && { invokedBy }),
  };
}

const at = '2026-12-01T10:00:00.000Z';
const later = (minutes: number): string => new Date(Date.parse(at) + minutes * 60_000).toISOString();

/** `ec2:RunInstances`, as one of CloudTrail's events. */
function event(action: string, as: Session, more: Fields = {}, by?: string): Fields {
  const [source, eventName] = action.split(':');
  return {
    eventVersion: '1.11',
    eventTime: later(1),
    eventSource: `${source}.amazonaws.com`,
    eventName,
    awsRegion: 'us-east-1',
    sourceIPAddress: by ?? '198.51.100.7',
    requestParameters: {},
    requestID: 'R1',
    userIdentity: userIdentity(as, by),
    ...more,
  };
}

function record(action: string, as: Session, more: Partial<Recorded> = {}): Recorded {
  const identity = as.name.split('.').at(-1) ?? '';
  const base = { time: at, runtime: 'finance/analytics', identity, chain: [agent, operator, as.role], sessionName: as.name };
  return { ...base, action, resource: '*', outcome: 'ok', requestId: 'R0', ...more };
}

/** What is said of events, and not of records. */
function said(events: readonly Fields[], records: readonly Recorded[] = []): readonly string[] {
  const { read, unread } = readEvents(events);
  assert.deepEqual(unread, []);
  const own = new Set(events.map(({ requestID }) => requestID));
  const rows = auditReport({ records, plans: [plan], trail: read }).filter(({ requestId }) => own.has(requestId));
  return rows.map(({ unplanned = 'planned' }) => unplanned);
}

const object = { requestParameters: { bucketName: 'acme-payroll', key: 'salaries.csv' } };
const exchange = (arn: string, name: string): Fields => ({
  ...event('sts:AssumeRoleWithWebIdentity', pod, { requestParameters: { roleArn: arn, roleSessionName: name } }),
  userIdentity: { type: 'WebIdentityUser', principalId: `${account}:sts.amazonaws.com:system:serviceaccount:finance:x`, userName: 'x' },
});
const certificate = 'a'.repeat(64);

for (const [what, one, says] of [
  [
    "a pod's own name",
    event('s3:GetObject', { ...pod, name: 'botocore-session-1' }, object),
    /botocore-session-1 of the worker role is not/,
  ],
  ['the exchange for it', exchange(worker, 'botocore-session-1'), /botocore-session-1 of the worker role is not/],
  ['of the master role', event('ec2:TerminateInstances', { role: master, name: 'backup' }), /session backup of the master role is not/],
  ['of the operator role', event('s3:GetObject', { role: operator, name: 'x' }, object), /session x of the operator role is not/],
  ['of the agent role', event('s3:GetObject', { role: agent, name: 'x' }, object), /session x of the agent role is not/],
  ['half a name of ours', event('s3:GetObject', { ...pod, name: '01234567' }, object), /session 01234567 of the worker role is not/],
  ["a certificate's", event('s3:GetObject', { role: agent, name: certificate }, object), /no record tells of it/],
  ['a certificate, as worker', event('s3:GetObject', { role: worker, name: certificate }, object), /of the worker role is not/],
  ["a connection's role, which others have too", event('s3:GetObject', { role: role('orders'), name: 'x' }, object), undefined],
  ["somebody's role", event('s3:GetObject', { role: role('analysts'), name: 'alice' }, object), undefined],
] as const)
  void test(`a session of another name: ${what}`, () => {
    const all = said([one]);
    assert.equal(all.length, says === undefined ? 0 : 1);
    if (says !== undefined) assert.match(all[0] ?? '', says);
  });

const hop = (from: Session, to: string): Fields =>
  event('sts:AssumeRole', from, { requestParameters: { roleArn: to, roleSessionName: 'x' }, resources: [{ ARN: to }] });
const connection: Session = { role: role('orders'), name: '01234567.89abcdef.connectionRole=orders' };

for (const [what, one, says] of [
  ['its own role', exchange(worker, pod.name), undefined],
  ['who it is', event('sts:GetCallerIdentity', pod), undefined],
  ["a connection's role", hop(pod, role('orders')), undefined],
  ['a role aside', hop(pod, role('payroll')), /no sts:AssumeRole as worker to .*payroll/],
  ['its own role again', hop(pod, worker), /no sts:AssumeRole as worker to .*worker/],
  ["the operator's", hop(pod, operator), /no sts:AssumeRole as worker to .*operator/],
  ['a role behind a connection', hop(connection, role('payroll')), /no sts:AssumeRole as connectionRole:orders to .*payroll/],
  ["a token for the master's role", exchange(master, '01234567.89abcdef.master'), /no sts:AssumeRoleWithWebIdentity as master/],
  ['a token for another role', exchange(role('payroll'), pod.name), /is named after worker, and is one of role .*payroll/],
  ['another way to a role', event('sts:AssumeRoleWithSAML', pod), /no sts:AssumeRoleWithSAML/],
  [
    "the operator's name",
    event('s3:PutObject', { ...pod, name: '01234567.89abcdef.operator' }, object),
    /after operator, and is one of role/,
  ],
  [
    "a connection's name",
    event('s3:GetObject', { ...connection, role: worker }, object),
    /after connectionRole:orders, and is one of role/,
  ],
  [
    'launches, as the operator does',
    event('ec2:RunInstances', { ...launcher, name: '01234567.89abcdef.master', web: true }),
    /nothing as master/,
  ],
  ['grows a volume', event('ec2:ModifyVolume', pod), /no ec2:ModifyVolume/],
] as const)
  void test(`a pod becomes or asks: ${what}`, () => {
    const [first, ...more] = said([one]);
    assert.deepEqual(more, []);
    assert.match(first ?? '', says ?? /^planned$/);
  });

const key = (context: Fields): Fields => ({ requestParameters: { encryptionContext: context } });
const decrypt = (as: Session, context: Fields, by: string, more: Fields = {}): Fields =>
  event('kms:Decrypt', as, { ...key(context), ...more }, by);
const reader: Session = { ...pod, web: false };
const parameter = `arn:aws:ssm:us-east-1:${account}:parameter/acme/finance/crm`;

for (const [what, one, cause, says] of [
  ['a fleet launches', event('ec2:RunInstances', launcher, {}, 'ec2fleet.amazonaws.com'), record('ec2:CreateFleet', launcher), undefined],
  [
    'long after',
    event('ec2:RunInstances', launcher, { eventTime: later(40) }, 'ec2fleet.amazonaws.com'),
    record('ec2:CreateFleet', launcher),
    /RunInstances/,
  ],
  [
    'long before',
    event('ec2:RunInstances', launcher, { eventTime: later(-20) }, 'ec2fleet.amazonaws.com'),
    record('ec2:CreateFleet', launcher),
    /RunInstances/,
  ],
  [
    'in another session',
    event('ec2:RunInstances', builder, {}, 'ec2fleet.amazonaws.com'),
    record('ec2:CreateFleet', launcher),
    /RunInstances/,
  ],
  ['itself', event('ec2:RunInstances', launcher), record('ec2:CreateFleet', launcher), /RunInstances/],
  [
    'a fleet ends',
    event('ec2:TerminateInstances', launcher, {}, 'ec2fleet.amazonaws.com'),
    record('ec2:CreateFleet', launcher),
    /Terminate/,
  ],
  [
    'a volume is encrypted',
    event('kms:CreateGrant', launcher, {}, 'ec2-frontend-api.amazonaws.com'),
    record('ec2:CreateFleet', launcher),
    undefined,
  ],
  [
    'and nobody says by whom',
    event('kms:CreateGrant', launcher, { sourceIPAddress: 'AWS Internal' }),
    record('ec2:CreateFleet', launcher),
    undefined,
  ],
  [
    'machines are but looked at',
    event('kms:CreateGrant', launcher, {}, 'ec2.amazonaws.com'),
    record('ec2:DescribeInstances', launcher),
    /Grant/,
  ],
  [
    'it was but tried',
    event('ec2:RunInstances', launcher, {}, 'ec2fleet.amazonaws.com'),
    record('ec2:CreateFleet', launcher, { outcome: 'DryRunOperation' }),
    /RunInstances/,
  ],
  [
    'a stack makes a role',
    event('iam:CreateRole', builder, {}, 'cloudformation.amazonaws.com'),
    record('cloudformation:CreateStack', builder),
    undefined,
  ],
  [
    'a stack makes a user',
    event('iam:CreateUser', builder, {}, 'cloudformation.amazonaws.com'),
    record('cloudformation:CreateStack', builder),
    /CreateUser/,
  ],
  [
    'a stack is but looked at',
    event('iam:CreateRole', builder, {}, 'cloudformation.amazonaws.com'),
    record('cloudformation:DescribeStacks', builder),
    /CreateRole/,
  ],
  [
    'a secret',
    decrypt(reader, { SecretARN: secret, SecretVersionId: 'v' }, 'secretsmanager.amazonaws.com'),
    record('secretsmanager:GetSecretValue', reader, { resource: secret }),
    undefined,
  ],
  [
    'another secret',
    decrypt(reader, { SecretARN: `${secret}x` }, 'secretsmanager.amazonaws.com'),
    record('secretsmanager:GetSecretValue', reader, { resource: secret }),
    /Decrypt/,
  ],
  [
    'a parameter',
    decrypt(reader, { PARAMETER_ARN: parameter }, 'AWS Internal'),
    record('ssm:GetParameter', reader, { resource: '/acme/finance/crm' }),
    undefined,
  ],
  [
    'another parameter',
    decrypt(reader, { PARAMETER_ARN: `${parameter}x` }, 'AWS Internal'),
    record('ssm:GetParameter', reader, { resource: '/acme/finance/crm' }),
    /Decrypt/,
  ],
  [
    'a table',
    decrypt(reader, { 'aws:dynamodb:tableName': 'events' }, 'dynamodb.amazonaws.com'),
    record('dynamodb:Scan', reader, { resource: table('events') }),
    undefined,
  ],
  [
    'a key, by itself',
    event('kms:Decrypt', reader, key({ SecretARN: secret })),
    record('secretsmanager:GetSecretValue', reader, { resource: secret }),
    /Decrypt/,
  ],
] as const)
  void test(`a service of AWS's in a session of ours: ${what}`, () => {
    const [first, ...more] = said([one], [cause]);
    assert.deepEqual(more, []);
    if (says === undefined) assert.equal(first, 'planned');
    else assert.match(first ?? '', /no record tells of it/, String(says));
  });

void test("a service of AWS's under the request id of the call that it does it for", () => {
  const fleet = record('ec2:CreateFleet', launcher, { requestId: 'R1', outcome: 'ok', ...note });
  const events = [event('ec2:CreateFleet', launcher), event('ec2:RunInstances', launcher, {}, 'ec2fleet.amazonaws.com')];
  for (const trail of [events, events.toReversed()]) assert.deepEqual(said(trail, [fleet]), ['planned', 'planned']);
});

const note = { phase: 'Run', planResource: 'nodes', rule: 'run-nodes: the master role scales' };

void test("a service of AWS's in a pod's session: keys of what the plan lets the pods read, or of what the trail has", () => {
  const read = (name: string) => event('dynamodb:GetItem', pod, { requestID: 'R2', resources: [{ ARN: table(name) }] });
  const ofTable = (name: string) => decrypt(pod, { 'aws:dynamodb:tableName': name }, 'dynamodb.amazonaws.com');
  assert.deepEqual(said([ofTable('events')]), ['planned']);
  assert.match(said([ofTable('payroll')])[0] ?? '', /no kms:Decrypt/);
  // Once is enough: the read itself is flagged.
  assert.match(said([read('payroll'), ofTable('payroll')]).join(), /^(planned,)?the plan lets .* not at .*payroll(,planned)?$/);
  assert.deepEqual(said([decrypt(pod, { SecretARN: secret }, 'secretsmanager.amazonaws.com')]), ['planned']);
  assert.match(said([decrypt(pod, { SecretARN: `${secret}x` }, 'secretsmanager.amazonaws.com')])[0] ?? '', /no kms:Decrypt/);
});

void test("another account's trail names the caller by its id and its session, and the session that is asked for as well", () => {
  const way = { chain: [agent, operator, worker], planResource: 'connection:orders', phase: 'Run', rule: 'r', job: 'finance/nightly' };
  const own = record('sts:AssumeRole', reader, { ...way, resource: role('orders'), requestId: 'R1' });
  const theirs = (session: string): Fields => ({
    ...hop(reader, role('orders')),
    userIdentity: { type: 'AWSAccount', principalId: `AROAX:${session}`, accountId: account },
    requestParameters: { roleArn: role('orders'), roleSessionName: connection.name },
  });
  assert.deepEqual(said([theirs(reader.name)], [own]), ['planned']);
  // Both trails.
  assert.deepEqual(said([theirs(reader.name), hop(reader, role('orders'))], [own]), ['planned']);
  assert.match(said([theirs('01234567.-.master')], [own])[0] ?? '', /has session 01234567\.-\.master for this call/);
  assert.match(said([{ ...theirs(builder.name), requestID: 'R7' }])[0] ?? '', /no record tells of it/);
  // Whoever assumes a connection's role by himself names what he likes.
  assert.deepEqual(said([{ ...hop({ role: role('analysts'), name: 'alice' }, role('orders')), requestID: 'R7' }]), []);
});

void test('a record without a request id accounts for one event of its time', () => {
  const { requestId: _lost, ...lost } = record('s3:PutObject', builder, {
    resource: 'arn:aws:s3:::acme-payroll/salaries.csv',
    outcome: 'no-answer',
  });
  const put = (requestID: string, minutes: number): Fields =>
    event('s3:PutObject', builder, { ...object, requestID, eventTime: later(minutes) });
  assert.deepEqual(said([put('R1', 0)], [lost]), []);
  assert.equal(said([put('R1', 0), put('R2', 1), put('R3', 2)], [lost]).length, 2);
  assert.equal(said([put('R1', 0), put('R2', 1)], [lost, { ...lost, time: later(1) }]).length, 0);
  assert.equal(said([put('R1', 60)], [lost]).length, 1);
  const { requestId: _too, ...launch } = record('ec2:CreateFleet', launcher, { resource: 'lt-0123456789abcdef0', outcome: 'no-answer' });
  assert.equal(said([event('ec2:CreateFleet', launcher)], [launch]).length, 0);
});

void test('an event that several files have is one', () => {
  const { requestId: _lost, ...lost } = record('s3:PutObject', builder, {
    resource: 'arn:aws:s3:::acme-payroll/salaries.csv',
    outcome: 'no-answer',
  });
  const put = event('s3:PutObject', builder, object);
  assert.deepEqual(said([put, put], [lost]), []);
  assert.equal(said([put, put]).length, 1);
});
