import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AwsError, AwsResult, Caller, Grant } from '../../../src/ports/aws/index.ts';
import { account, type Bench, bench, chain, externalId, operatorTags, subject, tagsOf, token, value } from './harness.ts';

const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const agentSub = 'system:serviceaccount:elastic-agents:finance.analytics';

async function failed<T>(at: Bench, promise: Promise<AwsResult<T>>): Promise<AwsError> {
  const answer = await at.run(promise);
  assert.equal(answer.ok, false);
  return answer.ok ? assert.fail() : answer.error;
}

function identify(at: Bench, text: string, roleArn = role('acme-agent')): Promise<AwsResult<Grant>> {
  return at.aws.sts.assumeRoleWithWebIdentity(subject, {
    identity: 'agent',
    roleArn,
    sessionName: 'agent',
    durationSeconds: 3600,
    token: text,
  });
}

test('the chain agent -> operator -> worker: grants say who they are, and the account sees the same', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  assert.deepEqual(worker.grant.chain, [role('acme-agent'), role('acme-operator'), role('acme-worker')]);
  assert.equal(worker.grant.identity, 'worker');
  const who = await at.run(value(at.aws.sts.getCallerIdentity(worker)));
  assert.deepEqual(who, { account, arn: `arn:aws:sts::${account}:assumed-role/acme-worker/11111111.-.worker` });
  assert.deepEqual(
    at.account.calls.map(({ action, resource, caller, outcome }) => `${action} ${resource} ${caller} ${outcome}`),
    [
      `sts:AssumeRoleWithWebIdentity ${role('acme-agent')} ${agentSub} ok`,
      `sts:AssumeRole ${role('acme-operator')} arn:aws:sts::${account}:assumed-role/acme-agent/11111111.-.agent ok`,
      `sts:AssumeRole ${role('acme-worker')} arn:aws:sts::${account}:assumed-role/acme-operator/11111111.-.operator ok`,
      `sts:GetCallerIdentity * ${who.arn} ok`,
    ],
  );
});

const tokens: readonly (readonly [why: string, text: string, kind: AwsError['kind'], code: string, message: RegExp])[] = [
  ['forged', token(agentSub, { forged: true }), 'AccessDenied', 'InvalidIdentityToken', /could not be validated/],
  [
    'expired',
    token(agentSub, { exp: 1_700_000_000 }),
    'Expired',
    'ExpiredTokenException',
    /^Token expired: current date\/time 1793606400 must be before the expiration date\/time 1700000000$/,
  ],
  [
    'of another cluster',
    token(agentSub, { iss: 'https://other' }),
    'AccessDenied',
    'InvalidIdentityToken',
    /^No OpenIDConnect provider found in your account for https:\/\/other$/,
  ],
  ['for another audience', token(agentSub, { aud: 'kubernetes' }), 'AccessDenied', 'InvalidIdentityToken', /^Incorrect token audience$/],
  [
    "of another runtime's agent",
    token('system:serviceaccount:elastic-agents:research.scratch'),
    'AccessDenied',
    'AccessDenied',
    /^Not authorized to perform sts:AssumeRoleWithWebIdentity$/,
  ],
  ["of a tenant's own account", token('system:serviceaccount:finance:analytics'), 'AccessDenied', 'AccessDenied', /^Not authorized/],
];
for (const [why, text, kind, code, message] of tokens) {
  test(`a token ${why} is refused`, async () => {
    const at = bench();
    const error = await failed(
      at,
      identify(at, text).then((answer) => answer),
    );
    // The clock starts a little after 08:00:00 by the time the request arrives.
    assert.match(error.message, message);
    assert.deepEqual([error.kind, error.code], [kind, code]);
    assert.ok(error.requestId !== undefined);
    assert.equal(JSON.stringify([at.audits, at.account.calls]).includes(text), false);
  });
}

test('a role that does not exist is refused in the words of one that refuses', async () => {
  const at = bench();
  const error = await failed(at, identify(at, token(agentSub), role('nobody')));
  assert.equal(error.message, 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
});

type Assume = Parameters<Bench['aws']['sts']['assumeRole']>[1];
const good: Assume = {
  identity: 'operator',
  roleArn: role('acme-operator'),
  sessionName: 'op',
  durationSeconds: 3600,
  externalId,
  tags: tagsOf(),
};
const requests: readonly (readonly [why: string, change: Partial<Assume>, code: string, message: RegExp])[] = [
  [
    'another external ID',
    { externalId: 'wrong-one' },
    'AccessDenied',
    /^User: arn:aws:sts::111122223333:assumed-role\/acme-agent\/11111111\.-\.agent is not authorized to perform: sts:AssumeRole on resource: /,
  ],
  ['no tags', { tags: {} }, 'AccessDenied', /sts:AssumeRole on resource/],
  ['a role that does not exist', { roleArn: role('nobody') }, 'AccessDenied', /sts:AssumeRole on resource/],
  [
    'more than an hour by chaining',
    { durationSeconds: 3601 },
    'ValidationError',
    /1 hour session limit for roles assumed by role chaining/,
  ],
  ['less than 15 minutes', { durationSeconds: 60 }, 'ValidationError', /between 900 and 43200/],
  ['a session name with a colon', { sessionName: 'a:b' }, 'ValidationError', /roleSessionName/],
  ['a session name too long', { sessionName: 'x'.repeat(65) }, 'ValidationError', /roleSessionName/],
  [
    'a session policy too long',
    { policy: JSON.stringify({ Statement: [], x: 'y'.repeat(2048) }) },
    'ValidationError',
    /length less than or equal to 2048/,
  ],
  ['a session policy that is none', { policy: '{"Statement":{"Effect":"Allow"}}' }, 'MalformedPolicyDocument', /needs Action or NotAction/],
  ['a reserved tag', { tags: { ...tagsOf(), 'aws:x': 'y' } }, 'ValidationError', /Session tag aws:x/],
];
for (const [why, change, code, message] of requests) {
  test(`AssumeRole with ${why}: ${code}`, async () => {
    const at = bench();
    const agent = await chain('agent', at);
    const error = await failed(at, at.aws.sts.assumeRole(agent, { ...good, ...change }));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    assert.equal(error.message.includes('wrong-one'), false);
  });
}

test("a session ends on the account's clock, and its holder stops using it by its own", async () => {
  const at = bench();
  const agent = await chain('agent', at);
  const keys = await at.aws.sts.exportGrant(agent.grant);
  assert.ok(keys !== undefined);
  // Another holder of the same keys that believes they last for ever.
  const careless: Caller = { subject, grant: at.aws.sts.staticGrant('agent', keys) };
  await at.run(value(at.aws.sts.getCallerIdentity(careless)));
  await at.pass(3_600_000);
  const error = await failed(at, at.aws.sts.getCallerIdentity(careless));
  assert.deepEqual([error.kind, error.code], ['Expired', 'ExpiredToken']);
  const calls = at.account.calls.length;
  const own = await failed(at, at.aws.sts.getCallerIdentity(agent));
  assert.deepEqual([own.kind, own.code], ['Expired', 'GrantEnded']);
  assert.equal(at.account.calls.length, calls, 'no call was made with a grant that had ended');
});

test('a released grant is of no use, and neither is one of another process', async () => {
  const at = bench();
  const agent = await chain('agent', at);
  const other = at.account.awsFor(at.world.startProcess('other'), { record: () => undefined });
  assert.equal((await failed(at, other.sts.getCallerIdentity(agent))).code, 'GrantEnded');
  at.aws.sts.release(agent.grant);
  at.aws.sts.release(agent.grant);
  assert.equal((await failed(at, at.aws.sts.getCallerIdentity(agent))).code, 'GrantEnded');
});

test('exported keys work in another process, as the same session', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  const keys = await at.aws.sts.exportGrant(worker.grant);
  assert.ok(keys !== undefined);
  const agent = at.account.awsFor(at.world.startProcess('node-agent'), { record: () => undefined });
  const { chain: roles, sessionName, expiresAt } = worker.grant;
  const grant = agent.sts.staticGrant('worker', { ...keys, chain: roles, sessionName, expiresAt });
  const who = await at.run(value(agent.sts.getCallerIdentity({ grant, subject })));
  assert.equal(who.arn, `arn:aws:sts::${account}:assumed-role/acme-worker/11111111.-.worker`);
});

test('static keys: right, wrong secret, unknown', async () => {
  const at = bench();
  const grant = (accessKeyId: string, secretAccessKey: string): Caller => ({
    subject,
    grant: at.aws.sts.staticGrant('connectionCredentials:warehouse', { accessKeyId, secretAccessKey }),
  });
  const right = grant('AKIAEXAMPLEWAREHOUSE', 'example-warehouse-secret');
  assert.equal(right.grant.sessionName, 'OUSE');
  assert.equal(right.grant.expiresAt, Number.POSITIVE_INFINITY);
  assert.deepEqual(await at.run(value(at.aws.sts.getCallerIdentity(right))), {
    account,
    arn: `arn:aws:iam::${account}:user/finance-warehouse`,
  });
  const wrong = await failed(at, at.aws.sts.getCallerIdentity(grant('AKIAEXAMPLEWAREHOUSE', 'guess')));
  assert.deepEqual([wrong.kind, wrong.code], ['AccessDenied', 'SignatureDoesNotMatch']);
  const unknown = await failed(at, at.aws.sts.getCallerIdentity(grant('AKIANOBODY', 'guess')));
  assert.deepEqual([unknown.kind, unknown.code], ['Expired', 'InvalidClientTokenId']);
  assert.equal(at.aws.sts.exportGrant(right.grant), undefined, 'static keys are not handed out');
});

test('a session of a deleted role ends; a revoked one is denied, a new one is not', async () => {
  const at = bench();
  const worker = await chain('worker', at);
  await at.pass(1000);
  at.account.revokeSessions(role('acme-worker'));
  await at.pass(1000);
  const denied = await failed(at, at.aws.s3.listObjects(worker, { bucket: 'acme-staging', prefix: 'elastic/acme/finance/analytics/' }));
  assert.match(denied.message, /with an explicit deny in an identity-based policy$/);
  const fresh = await chain('worker', at);
  await at.run(value(at.aws.s3.listObjects(fresh, { bucket: 'acme-staging', prefix: 'elastic/acme/finance/analytics/' })));
  at.account.deleteRole(role('acme-worker'));
  assert.equal((await failed(at, at.aws.sts.getCallerIdentity(fresh))).code, 'InvalidClientTokenId');
});

test('a changed trust policy ends what comes after, not what is there', async () => {
  const at = bench();
  const operator = await chain('operator', at);
  const worker = at.account.spec.roles.find(({ arn }) => arn === role('acme-worker'));
  assert.ok(worker !== undefined);
  const nobody = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' } as const;
  at.account.putRole({ ...worker, trust: { Version: '2012-10-17', Statement: [nobody] } });
  const request = { ...good, roleArn: role('acme-worker'), tags: operatorTags };
  assert.equal((await failed(at, at.aws.sts.assumeRole(operator, request))).kind, 'AccessDenied');
  await at.run(value(at.aws.sts.getCallerIdentity(operator)));
});

test('a session policy cuts what the role may do', async () => {
  const at = bench();
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:ListBucket', Resource: '*' }] });
  const worker = await chain('worker', at, policy);
  const prefix = 'elastic/acme/finance/analytics/';
  await at.run(value(at.aws.s3.listObjects(worker, { bucket: 'acme-staging', prefix })));
  const error = await failed(at, at.aws.s3.deleteObject(worker, { bucket: 'acme-staging', key: `${prefix}x` }));
  assert.match(error.message, /because no session policy allows the s3:DeleteObject action$/);
  assert.match(
    (await failed(at, at.aws.s3.listObjects(worker, { bucket: 'acme-staging', prefix: '' }))).message,
    /explicit deny in a resource-based policy/,
  );
});
