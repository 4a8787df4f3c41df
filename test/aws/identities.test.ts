import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { arnOf, assumeChain, externalId, operatorTags, roles, stableTags } from './roles.ts';
import { agentSubject, as, failure, must, subject, useStand } from './stand.ts';

const stand = useStand(async ({ gate, issuer }) => {
  await provision(gate, { roles: roles(issuer.issuer, {}) });
});

const agentRequest = { identity: 'agent', roleArn: arnOf('agent'), sessionName: 'r.j.agent', durationSeconds: 3600 };

void test('the chain token -> agent -> operator -> worker holds, and each session is who it says', async () => {
  const { agent, operator, worker, master } = await assumeChain(stand);
  assert.deepEqual(worker.chain, [arnOf('agent'), arnOf('operator'), arnOf('worker')]);
  assert.equal(must(await stand.aws.sts.getCallerIdentity(as(agent))).arn, 'arn:aws:sts::111122223333:assumed-role/agent/r.j.agent');
  assert.equal(must(await stand.aws.sts.getCallerIdentity(as(worker))).arn, 'arn:aws:sts::111122223333:assumed-role/worker/r.j.worker');
  assert.equal(must(await stand.aws.sts.getCallerIdentity(as(master))).account, '111122223333');
  assert.ok(operator.expiresAt - stand.clock.now() > 3500_000);
  const connection = must(
    await stand.aws.sts.assumeRole(as(worker), {
      identity: 'connectionRole:orders',
      roleArn: arnOf('orders-reader'),
      sessionName: 'r.j.orders',
      durationSeconds: 3600,
    }),
  );
  assert.equal(connection.chain.length, 4);
});

void test('a web identity token is refused for what is wrong with it', async () => {
  const wrong = [
    [{ subject: 'system:serviceaccount:elastic-agents:finance.other' }, 'AccessDenied', 'AccessDenied'],
    [{ subject: 'system:serviceaccount:finance:default' }, 'AccessDenied', 'AccessDenied'],
    [{ audience: 'kubernetes' }, 'AccessDenied', 'InvalidIdentityToken'],
    [{ issuer: 'https://other.example.com' }, 'AccessDenied', 'InvalidIdentityToken'],
    [{ seconds: -1 }, 'Expired', 'ExpiredTokenException'],
  ] as const;
  for (const [claims, kind, code] of wrong) {
    const token = stand.token(claims);
    const error = failure(await stand.aws.sts.assumeRoleWithWebIdentity(subject, { ...agentRequest, token }));
    assert.deepEqual([error.kind, error.code], [kind, code], JSON.stringify(claims));
    assert.ok(error.requestId);
  }
});

void test('a token whose claims were changed after signing is refused', async () => {
  const [head, body = '', signature] = stand.token({ subject: 'system:serviceaccount:elastic-agents:research.x' }).split('.');
  const claims: object = JSON.parse(Buffer.from(body, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: agentSubject })).toString('base64url');
  const error = failure(
    await stand.aws.sts.assumeRoleWithWebIdentity(subject, { ...agentRequest, token: `${head}.${forged}.${signature}` }),
  );
  assert.equal(error.code, 'InvalidIdentityToken');
});

void test('the operator role is refused without the right external ID, without tags, and with another runtime’s tags', async () => {
  const { agent } = await assumeChain(stand);
  const right = {
    identity: 'operator',
    roleArn: arnOf('operator'),
    sessionName: 'r.j.operator',
    durationSeconds: 3600,
    externalId,
    tags: stableTags,
  };
  const { externalId: _external, ...withoutExternalId } = right;
  const { tags: _tags, ...withoutTags } = right;
  const wrong = [
    { ...right, externalId: 'guess' },
    withoutExternalId,
    withoutTags,
    { ...right, tags: { ...stableTags, 'elasticruntime.dev/runtime': 'other' } },
  ];
  for (const request of wrong) {
    const error = failure(await stand.aws.sts.assumeRole(as(agent), request));
    assert.deepEqual([error.kind, error.code], ['AccessDenied', 'AccessDenied']);
    assert.match(
      error.message,
      /^User: arn:aws:sts::111122223333:assumed-role\/agent\/r\.j\.agent is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role\/operator/,
    );
  }
});

void test('a role that does not trust the caller, or does not exist, is refused', async () => {
  const { agent, worker } = await assumeChain(stand);
  const request = { identity: 'x', sessionName: 'r.j.x', durationSeconds: 3600, tags: operatorTags };
  for (const [caller, role] of [
    [agent, 'worker'],
    [worker, 'operator'],
    [worker, 'nobody'],
  ] as const) {
    assert.equal(failure(await stand.aws.sts.assumeRole(as(caller), { ...request, roleArn: arnOf(role) })).kind, 'AccessDenied', role);
  }
  // Its trust allows no session tags.
  assert.equal(failure(await stand.aws.sts.assumeRole(as(worker), { ...request, roleArn: arnOf('orders-reader') })).kind, 'AccessDenied');
});

void test('requests that STS cannot take are Invalid, with its own code', async () => {
  const { worker } = await assumeChain(stand);
  const request = { identity: 'x', roleArn: arnOf('orders-reader'), sessionName: 'r.j.x', durationSeconds: 3600 };
  const wrong = [
    [{ sessionName: 'a b' }, 'ValidationError'],
    [{ durationSeconds: 60 }, 'ValidationError'],
    [{ durationSeconds: 7200 }, 'ValidationError'],
    [{ policy: `{"Version":"2012-10-17","Statement":[${' '.repeat(2048)}]}` }, 'ValidationError'],
    [{ policy: '{"Statement":"nonsense"}' }, 'MalformedPolicyDocument'],
  ] as const;
  for (const [change, code] of wrong) {
    const error = failure(await stand.aws.sts.assumeRole(as(worker), { ...request, ...change }));
    assert.deepEqual([error.kind, error.code], ['Invalid', code]);
  }
});

void test('wrong static keys are Expired, whatever is wrong with them', async () => {
  const unknown = stand.aws.sts.staticGrant('connectionCredentials:x', { accessKeyId: 'AKIANOSUCHKEY0000001', secretAccessKey: 'x' });
  assert.equal(failure(await stand.aws.sts.getCallerIdentity(as(unknown))).code, 'InvalidClientTokenId');
});

void test('the audit is the gate’s record, line for line', () => {
  assert.ok(stand.audit.length > 30);
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
