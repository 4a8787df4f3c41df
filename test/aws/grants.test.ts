import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createVault } from '../../src/aws/vault.ts';
import { type AccountPlan, provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { allow, arnOf, assumeChain, externalId, roles, stableTags } from './roles.ts';
import { as, failure, must, subject, useStand } from './stand.ts';

const stand = useStand(async ({ gate, issuer }) => {
  const plan: AccountPlan['roles'] = roles(issuer.issuer, { worker: allow('ec2:Describe*', '*') });
  await provision(gate, { roles: plan });
});

void test('a grant past its end is refused without a call; AWS’s own refusal of an ended session is Expired', async () => {
  const { worker, master } = await assumeChain(stand);
  const { sts, ec2 } = stand.aws;
  must(await sts.getCallerIdentity(as(worker)));
  stand.gate.expireSessions(({ sessionName }) => sessionName === 'r.j.worker');
  assert.deepEqual(
    [failure(await sts.getCallerIdentity(as(worker))).code, failure(await ec2.describeVolumes(as(worker), { tags: {} })).code],
    ['ExpiredToken', 'RequestExpired'],
  );
  stand.clock.advance(3_600_000);
  const calls = stand.audit.length;
  const error = failure(await sts.getCallerIdentity(as(master)));
  assert.deepEqual([error.kind, error.code, error.requestId], ['Expired', 'GrantEnded', undefined]);
  assert.equal(await sts.exportGrant(master), undefined);
  assert.equal(stand.audit.length, calls);
});

void test('a released grant is gone, for calls under way too', async () => {
  const { worker } = await assumeChain(stand);
  const { sts } = stand.aws;
  assert.deepEqual(Object.keys((await sts.exportGrant(worker)) ?? {}), ['accessKeyId', 'secretAccessKey', 'sessionToken']);
  const under = sts.getCallerIdentity(as(worker));
  sts.release(worker);
  sts.release(worker);
  assert.equal(failure(await under).kind, 'Expired');
  assert.equal(failure(await sts.getCallerIdentity(as(worker))).kind, 'Expired');
  assert.equal(await sts.exportGrant(worker), undefined);
});

void test('exported material works for another process, as the same session', async () => {
  const { worker } = await assumeChain(stand);
  const { sts } = stand.aws;
  const keys = await sts.exportGrant(worker);
  assert.ok(keys);
  const handed = sts.staticGrant('worker', { ...keys, expiresAt: worker.expiresAt, chain: worker.chain, sessionName: worker.sessionName });
  assert.deepEqual(must(await sts.getCallerIdentity(as(handed))), must(await sts.getCallerIdentity(as(worker))));
});

void test('a grant of another process is refused', async () => {
  const { worker } = await assumeChain(stand);
  assert.equal(failure(await stand.aws.sts.getCallerIdentity(as({ ...worker, id: 'b9f5' }))).code, 'GrantEnded');
});

void test('each fault is one attempt, one record, and the right kind', async () => {
  const { worker } = await assumeChain(stand);
  const { faults } = stand.gate;
  const kinds = [
    ['throttle', 'Throttled', 'RequestLimitExceeded'],
    ['unavailable', 'Unavailable', 'Unavailable'],
    ['lost-before', 'Network', 'no-answer'],
    ['lost-after', 'Network', 'no-answer'],
  ] as const;
  for (const [kind, expected, outcome] of kinds) {
    faults.add({ kind, action: 'ec2:DescribeInstances' });
    const [calls, records] = [stand.gate.record().length, stand.audit.length];
    const error = failure(await stand.aws.ec2.describeInstances(as(worker), { tags: stableTags }));
    assert.equal(error.kind, expected);
    assert.equal(error.requestId === undefined, expected === 'Network');
    assert.equal(stand.gate.record().length, calls + 1);
    assert.deepEqual(
      stand.audit.slice(records).map((record) => record.outcome),
      [outcome],
    );
  }
  must(await stand.aws.ec2.describeInstances(as(worker), { tags: stableTags }));
});

void test('an address that nobody answers is Network', async () => {
  const { createAws } = await import('../../src/aws/index.ts');
  const { auditOf } = await import('../../src/core/policy/audit.ts');
  const outcomes: string[] = [];
  const aws = createAws({
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    clock: stand.clock,
    auditOf,
    audit: { record: ({ outcome }) => void outcomes.push(outcome) },
  });
  const grant = aws.sts.staticGrant('x', { accessKeyId: 'AKIAX', secretAccessKey: 'x' });
  const error = failure(await aws.sts.getCallerIdentity(as(grant)));
  assert.deepEqual([error.kind, error.code, outcomes], ['Network', 'ECONNREFUSED', ['no-answer']]);
  aws.close();
});

void test('no secret is in any grant, error, audit record or record of the gate', async () => {
  const { agent } = await assumeChain(stand);
  const token = stand.token({ audience: 'canary-audience' });
  const errors = [
    failure(
      await stand.aws.sts.assumeRoleWithWebIdentity(subject, {
        identity: 'agent',
        roleArn: arnOf('agent'),
        sessionName: 'r.j.agent',
        durationSeconds: 3600,
        token,
      }),
    ),
    failure(
      await stand.aws.sts.assumeRole(as(agent), {
        identity: 'operator',
        roleArn: arnOf('operator'),
        sessionName: 'r.j.operator',
        durationSeconds: 3600,
        externalId: `${externalId}x`,
        tags: stableTags,
      }),
    ),
  ];
  const written = JSON.stringify([agent, errors, stand.audit, stand.gate.record()]);
  const secrets = [...stand.gate.account.credentials.values()].flatMap(({ secretAccessKey, sessionToken = secretAccessKey }) => [
    secretAccessKey,
    sessionToken,
  ]);
  assert.ok(secrets.length > 20);
  for (const secret of [...secrets, externalId, token, token.split('.')[2] ?? '']) assert.ok(!written.includes(secret));
});

void test('the vault drops what is past its end by the stricter of its two clocks', async () => {
  let [wall, steady] = [1_000_000, 0];
  let timer: (() => void) | undefined;
  const vault = createVault({
    clock: { now: () => wall, monotonic: () => steady, after: (_delay, callback) => ((timer = callback), () => (timer = undefined)) },
  });
  const facts = { identity: 'x', chain: [], sessionName: 's', expiresAt: 1_060_000 };
  const material = { accessKeyId: 'A', secretAccessKey: 'B' };
  const byWall = await vault.seal(facts, material);
  wall = 1_060_000;
  assert.equal(await vault.open(byWall), undefined);
  wall = 1_000_000;
  const bySteady = await vault.seal(facts, material);
  assert.equal((await vault.open(bySteady))?.accessKeyId, 'A');
  steady = 60_000;
  assert.equal(await vault.open(bySteady), undefined);
  assert.equal(vault.size(), 0);
  const byTimer = await vault.seal(facts, material);
  assert.equal(vault.size(), 1);
  timer?.();
  assert.deepEqual([vault.size(), vault.holds(byTimer)], [0, false]);
});

void test('the audit is the gate’s record, line for line', () => {
  const ofGate = stand.gate.record();
  assert.ok(ofGate.length > 25);
  assert.deepEqual(differences(ofGate, stand.audit), []);
});

void test('a heap snapshot of a process that holds and uses grants shows none of their secrets', async () => {
  const probe = [join(import.meta.dirname, 'heap-probe.ts'), stand.gate.endpoint, '200'];
  const { stdout } = await promisify(execFile)(process.execPath, probe);
  const { kept, ...seen } = JSON.parse(stdout) as { readonly kept: number };
  assert.deepEqual(seen, {
    calls: 200,
    codes: ['InvalidClientTokenId'],
    opened: ['InvalidClientTokenId', 'ECONNREFUSED'],
    held: 0,
    copies: 1,
  });
  assert.ok(kept > 0, 'the search finds what is there');
});

void test('STS says how much of its packed limit a session takes, and refuses what is over it; a wider session says so in the audit', async () => {
  const { agent, worker } = await assumeChain(stand);
  assert.equal(worker.packedPolicySize, undefined);
  const { sts } = stand.aws;
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' } });
  const request = {
    identity: 'operator',
    roleArn: arnOf('operator'),
    sessionName: 'r.j.operator',
    durationSeconds: 900,
    externalId,
    tags: stableTags,
    policy,
  };
  const made = must(await sts.assumeRole(as(agent), { ...request, widened: ['encryption-context'] }));
  assert.deepEqual([made.widened, (made.packedPolicySize ?? 0) > 0], [['encryption-context'], true]);
  await sts.getCallerIdentity(as(made));
  assert.deepEqual(stand.audit.at(-1)?.widened, ['encryption-context']);
  stand.gate.account.packedCharacters = 100;
  const error = failure(await sts.assumeRole(as(agent), request));
  delete stand.gate.account.packedCharacters;
  assert.deepEqual([error.kind, error.code], ['Invalid', 'PackedPolicyTooLarge']);
  assert.match(error.message, /^Packed policy consumes \d+% of allotted space/);
});
