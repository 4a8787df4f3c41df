import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditRecord } from '../../../src/ports/aws/index.ts';
import { type CallRecord, differencesOf } from '../../../src/sim/aws/index.ts';
import { profiles } from '../../../src/sim/faults.ts';
import { account, bench, subject, tagsOf, token } from './harness.ts';

const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;

/** Many calls under faults by a program that is started again whenever it dies; answers what the account saw, what the audit says, and the trace. */
async function life(seed: number) {
  const at = bench({ seed, faults: profiles.rough });
  const { world, account: simulated } = at;
  const audits: AuditRecord[] = [];
  const dead = new Set<string>();
  let calls = 0;
  function start(): void {
    const process = world.startProcess('program');
    process.onCrash(() => {
      dead.add(process.name);
      world.schedule(1000, 'restart', start);
    });
    const aws = simulated.awsFor(process, { record: (record) => void audits.push(record) });
    async function work(): Promise<void> {
      while (calls < 400) {
        calls += 1;
        const agent = await aws.sts.assumeRoleWithWebIdentity(subject, {
          identity: 'agent',
          roleArn: role('acme-agent'),
          sessionName: 'agent',
          durationSeconds: 3600,
          token: token('system:serviceaccount:elastic-agents:finance.analytics'),
        });
        if (!agent.ok) continue;
        const caller = { grant: agent.value, subject };
        await aws.sts.assumeRole(caller, {
          identity: 'operator',
          roleArn: role('acme-operator'),
          sessionName: 'op',
          durationSeconds: 3600,
          tags: tagsOf(),
        });
        await aws.s3.putObject(caller, { bucket: 'acme-logs', key: `elastic/acme/finance/analytics/${calls}`, body: new Uint8Array(1) });
        await aws.s3.deleteObject(caller, { bucket: 'acme-logs', key: 'x' });
      }
    }
    void work();
  }
  start();
  await world.runUntil(() => calls >= 400, 24 * 3_600_000);
  await at.pass(60_000);
  return { audits, calls: simulated.calls, dead, digest: world.trace.digest() };
}

test('under faults the audit agrees with the account line for line, but for what died with its process', async () => {
  let lost = 0;
  let died = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    const { audits, calls, dead } = await life(seed);
    assert.deepEqual(
      differencesOf(calls, audits, (process) => dead.has(process)),
      [],
      `seed ${seed}`,
    );
    lost += audits.filter(({ outcome }) => outcome === 'no-answer').length;
    died += dead.size;
    assert.equal(new Set(calls.map(({ requestId }) => requestId)).size, calls.length);
    assert.ok(calls.length > 1000);
  }
  assert.ok(lost > 10 && died > 10, 'replies were lost and processes died');
});

test('a call whose answer is on its way is no difference', async () => {
  const at = bench();
  const grant = at.aws.sts.staticGrant('x', { accessKeyId: 'AKIAEXAMPLEWAREHOUSE', secretAccessKey: 'example-warehouse-secret' });
  const answer = at.aws.sts.getCallerIdentity({ grant, subject });
  await at.world.runUntil(() => at.account.calls.length > 0, 1000);
  assert.equal(differencesOf(at.account.calls, at.audits).length, 1);
  assert.deepEqual(differencesOf(at.account.calls, at.audits, undefined, at.account.inFlight), []);
  await at.run(answer);
  assert.equal(at.account.inFlight.size, 0);
  assert.deepEqual(differencesOf(at.account.calls, at.audits), []);
});

test('the same seed is the same history', async () => {
  const [one, other] = [await life(7), await life(7)];
  assert.equal(one.digest, other.digest);
  assert.deepEqual(one.audits, other.audits);
  assert.deepEqual(one.calls, other.calls);
  assert.notEqual((await life(8)).digest, one.digest);
});

const call: CallRecord = {
  time: 0,
  requestId: 'r1',
  process: 'p',
  method: 's3.getObject',
  action: 's3:GetObject',
  resource: 'arn:aws:s3:::b/k',
  caller: 'c',
  roleArn: role('x'),
  sessionName: 's',
  allowed: [],
  outcome: 'ok',
};
const audit: AuditRecord = {
  time: '2026-11-02T08:00:00.000Z',
  runtime: 'n/r',
  identity: 'worker',
  chain: [role('a'), role('x')],
  sessionName: 's',
  action: 's3:GetObject',
  resource: 'arn:aws:s3:::b/k',
  outcome: 'ok',
  requestId: 'r1',
};
const { requestId: _, ...withoutId } = audit;
const lostReply = { ...withoutId, outcome: 'no-answer' };
const differences: readonly (readonly [
  why: string,
  calls: readonly CallRecord[],
  audits: readonly AuditRecord[],
  reasons: readonly string[],
])[] = [
  ['the same', [call], [audit], []],
  ['a call without a record', [call], [], ['a call without an audit record']],
  ['a record without a call', [], [audit], ['no call has this request id']],
  [
    'another resource',
    [call],
    [{ ...audit, resource: 'arn:aws:s3:::b/other' }],
    ['resource: the account saw arn:aws:s3:::b/k, the audit says arn:aws:s3:::b/other'],
  ],
  ['another outcome', [{ ...call, outcome: 'AccessDenied' }], [audit], ['outcome: the account saw AccessDenied, the audit says ok']],
  ['another role', [call], [{ ...audit, chain: [role('a')] }], [`role: the account saw ${role('x')}, the audit says ${role('a')}`]],
  ['another session', [call], [{ ...audit, sessionName: 't' }], ['sessionName: the account saw s, the audit says t']],
  ['a record twice', [call], [audit, audit], ['no call has this request id']],
  ['a lost reply', [call], [lostReply], []],
  ['a lost request', [], [lostReply], []],
  ['one lost reply for two calls', [call, { ...call, requestId: 'r2' }], [lostReply], ['a call without an audit record']],
  ['a lost reply of another session', [call], [{ ...lostReply, sessionName: 't' }], ['a call without an audit record']],
];
for (const [why, calls, audits, reasons] of differences) {
  test(`differences: ${why}`, () => {
    assert.deepEqual(
      differencesOf(calls, audits).map(({ reason }) => reason),
      reasons,
    );
  });
}
