import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { authorizationsOf } from '../../../src/core/policy/actions.ts';
import { awsMethods } from '../../../src/core/policy/audit.ts';
import type { AwsCalls, AwsMethod } from '../../../src/core/policy/calls.ts';
import { parsePolicy } from '../../../src/core/policy/document.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { type ObjectAccess, type SessionAccess, sessionPoliciesFor, sessionPolicyFor } from '../../../src/core/policy/session-policy.ts';
import { facts } from './facts.ts';
import { allowAll, policy, session } from './helpers.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1';
const organization = 'elastic/acme';
const runtime = `${organization}/finance/analytics`;
const job = `${runtime}/jobs/nightly-11111111`;
const logs: ObjectAccess = { bucket: 'logs', folders: [`${job}/1/worker`, job, organization], actions: ['write'], kmsKeyArn };

/** A launch template carries the tags that its session must show. */
const account = { ...facts, tagsOf: (id: string) => (id === 'lt-1' ? { env: 'prod' } : facts.tagsOf(id)) };

function made(access: Omit<SessionAccess, 'region'>, limit?: number) {
  const answer = sessionPolicyFor({ region: 'us-east-1', ...access }, limit);
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
}

function allows<M extends AwsMethod>(text: string, method: M, request: AwsCalls[M]): boolean {
  const cut = parsePolicy(text, 'identity');
  assert.ok(cut.ok);
  const held = { principal: session, identityPolicies: [policy(allowAll)], sessionPolicies: [cut.value] };
  return authorizationsOf(method, request, account).every((item) => evaluate({ ...held, ...item }).decision === 'Allow');
}

test('a session for writing the logs of one attempt can do that and nothing else', () => {
  const { policy: text, widened } = made({ objects: [logs] });
  assert.deepEqual(widened, []);
  const at = (key: string) => ({ bucket: 'logs', key, kmsKeyArn });
  assert.equal(allows(text, 's3.putObject', at(`${job}/1/worker/0.log`)), true);
  assert.equal(allows(text, 's3.putObject', at(`${job}/2/worker/0.log`)), false);
  assert.equal(allows(text, 's3.putObject', at(`${job}/1/worker2/0.log`)), false);
  assert.equal(
    allows(text, 's3.putObject', { ...at(`${job}/1/worker/0.log`), kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/2' }),
    false,
  );
  assert.equal(allows(text, 's3.getObject', at(`${job}/1/worker/0.log`)), false);
  assert.equal(allows(text, 's3.deleteObject', at(`${job}/1/worker/0.log`)), false);
  assert.equal(allows(text, 's3.listObjects', { bucket: 'logs', prefix: job }), false);
  assert.equal(allows(text, 'ec2.terminateInstances', { instanceIds: ['i-1'] }), false);
});

test('read and list', () => {
  const { policy: text } = made({ objects: [{ ...logs, folders: [job], actions: ['read', 'list'] }] });
  assert.equal(allows(text, 's3.getObject', { bucket: 'logs', key: `${job}/x` }), true);
  assert.equal(allows(text, 's3.listObjects', { bucket: 'logs', prefix: `${job}/` }), true);
  assert.equal(allows(text, 's3.listObjects', { bucket: 'logs', prefix: job }), false);
  assert.equal(allows(text, 's3.listObjects', { bucket: 'logs', prefix: `${organization}/` }), false);
  assert.equal(allows(text, 's3.putObject', { bucket: 'logs', key: `${job}/x`, kmsKeyArn }), false);
});

test('one object is not a folder', () => {
  const { policy: text } = made({ objects: [{ bucket: 'artifacts', folders: ['lib/a.jar'], object: true, actions: ['read'] }] });
  assert.equal(allows(text, 's3.headObject', { bucket: 'artifacts', key: 'lib/a.jar' }), true);
  assert.equal(allows(text, 's3.headObject', { bucket: 'artifacts', key: 'lib/a.jar/b' }), false);
});

test('one object is never listed, also where every action is allowed everywhere: its key may begin that of another', () => {
  const objects: readonly ObjectAccess[] = [
    { bucket: 'artifacts', folders: ['lib/acme'], object: true, actions: ['read'], kmsKeyArn },
    { bucket: 'artifacts', folders: ['out'], actions: ['write', 'list'] },
  ];
  const steps = [...sessionPoliciesFor({ region: 'us-east-1', objects })];
  assert.ok(steps.some(({ widened }) => widened.includes('actions')));
  for (const { policy: text } of steps) {
    assert.equal(allows(text, 's3.headObject', { bucket: 'artifacts', key: 'lib/acme' }), true);
    assert.equal(allows(text, 's3.listObjects', { bucket: 'artifacts', prefix: 'lib/acme' }), false);
    assert.equal(allows(text, 's3.listObjects', { bucket: 'artifacts', prefix: 'out' }), false);
    assert.equal(allows(text, 's3.listObjects', { bucket: 'artifacts', prefix: 'out/' }), true);
  }
});

test('EC2 sessions are cut to the action and the tags', () => {
  const tags = { owner: 'i-1' };
  const { policy: text } = made({ ec2: { actions: ['terminate'], tags } });
  assert.equal(allows(text, 'ec2.terminateInstances', { instanceIds: ['i-1'] }), true);
  assert.equal(allows(text, 'ec2.terminateInstances', { instanceIds: ['i-2'] }), false);
  assert.equal(allows(text, 'ec2.modifyVolume', { volumeId: 'i-1', sizeGiB: 1 }), false);
  const grow = made({ ec2: { actions: ['growVolumes', 'describe'], tags: { owner: 'vol-1' } } }).policy;
  assert.equal(allows(grow, 'ec2.modifyVolume', { volumeId: 'vol-1', sizeGiB: 1 }), true);
  assert.equal(allows(grow, 'ec2.describeVolumes', {}), true);
  assert.equal(allows(grow, 'ec2.terminateInstances', { instanceIds: ['vol-1'] }), false);
});

test('a launch goes through whole, from our templates and with our tags only', () => {
  const tags = { env: 'prod' };
  const { policy: text } = made({ ec2: { actions: ['launch'], tags, nodeRoleArn: 'arn:aws:iam::111122223333:role/node' } });
  const fleet = {
    launchTemplate: { id: 'lt-1' },
    offerings: [{ instanceType: 'm7i.large', subnetId: 's', capacityType: 'spot' as const }],
    tags,
  };
  assert.equal(allows(text, 'ec2.createFleet', fleet), true);
  assert.equal(allows(text, 'ec2.createFleet', { ...fleet, tags: { env: 'dev' } }), false);
  assert.equal(allows(text, 'ec2.createFleet', { ...fleet, launchTemplate: { id: 'lt-2' } }), false);
  assert.equal(allows(text, 'ec2.terminateInstances', { instanceIds: ['i-1'] }), false);
});

test('tags of what exists cannot be rewritten, and a role can be passed to EC2 only', () => {
  const { policy: text } = made({
    ec2: { actions: ['launch', 'launchTemplates'], tags: { env: 'prod' }, nodeRoleArn: 'arn:aws:iam::111122223333:role/node' },
  });
  const cut = parsePolicy(text, 'identity');
  assert.ok(cut.ok);
  const judge = (action: string, resource: string, context: Readonly<Record<string, string>>) =>
    evaluate({ principal: session, action, resource, context, identityPolicies: [policy(allowAll)], sessionPolicies: [cut.value] })
      .decision;
  const instance = 'arn:aws:ec2:us-east-1:111122223333:instance/i-1';
  assert.equal(judge('ec2:CreateTags', instance, { 'aws:RequestTag/env': 'prod' }), 'ImplicitDeny');
  assert.equal(judge('ec2:CreateTags', instance, { 'aws:RequestTag/env': 'prod', 'ec2:CreateAction': 'RunInstances' }), 'Allow');
  assert.equal(judge('ec2:DeleteTags', instance, { 'aws:ResourceTag/env': 'prod' }), 'ImplicitDeny');
  const role = 'arn:aws:iam::111122223333:role/node';
  assert.equal(judge('iam:PassRole', role, { 'iam:PassedToService': 'ec2.amazonaws.com' }), 'Allow');
  assert.equal(judge('iam:PassRole', role, { 'iam:PassedToService': 'lambda.amazonaws.com' }), 'ImplicitDeny');
});

test('tags are widened to those of the organization and the runtime, where all would not fit', () => {
  const long = Object.fromEntries(['a', 'b', 'c'].map((key) => [`example.com/${key}`, key.repeat(200)]));
  const widestTags = { organization: 'acme', uid: 'u1' };
  const ec2 = { actions: ['launch', 'terminate'] as const, tags: { ...long, ...widestTags }, widestTags };
  const { policy: text, widened } = made({ ec2 });
  assert.deepEqual(widened, ['tags']);
  assert.match(text, /"aws:RequestTag\/organization":"acme","aws:RequestTag\/uid":"u1"/);
  assert.doesNotMatch(text, /example\.com/);
});

test('every Describe call of the port is among those that a session may make', () => {
  const { policy: text } = made({ ec2: { actions: ['launch', 'growVolumes', 'launchTemplates', 'describe'], tags: {} } });
  for (const method of awsMethods.filter((name) => name.startsWith('ec2.describe'))) assert.ok(allows(text, method, {}), method);
});

test('roles, parameters and secrets', () => {
  const { policy: text } = made({
    assume: { roleArns: ['arn:aws:iam::111122223333:role/orders'], tagged: false },
    parameters: ['arn:aws:ssm:us-east-1:111122223333:parameter/acme/finance/db'],
    secrets: ['arn:aws:secretsmanager:us-east-1:111122223333:secret:login-AbCdEf'],
  });
  assert.equal(allows(text, 'ssm.getParameter', { name: '/acme/finance/db' }), true);
  assert.equal(allows(text, 'ssm.getParameter', { name: '/acme/finance/other' }), false);
  assert.equal(allows(text, 'secretsManager.getSecretValue', { secretId: 'login' }), true);
  assert.match(text, /"sts:AssumeRole"/);
  assert.doesNotMatch(text, /TagSession/);
});

test('what does not fit is widened step by step, each step recorded, never past the organization', () => {
  const deps = (index: number): string => `${job}/deps-${index}-${'x'.repeat(40)}`;
  const many = Array.from(
    { length: 30 },
    (_, index): ObjectAccess => ({
      bucket: 'staging',
      folders: [deps(index), job, runtime, organization],
      actions: index % 2 === 0 ? ['read'] : ['write'],
      kmsKeyArn,
    }),
  );
  const { policy: text, widened } = made({ objects: many });
  assert.deepEqual(widened, ['encryption-context', 'actions', 'job-folder']);
  assert.ok(text.length <= 2048);
  const puts = (key: string): boolean => allows(text, 's3.putObject', { bucket: 'staging', key, kmsKeyArn });
  assert.equal(puts(`${deps(0)}/a`), true);
  assert.equal(puts(`${organization}/other`), false);
  const steps = [...sessionPoliciesFor({ region: 'us-east-1', objects: many })];
  assert.deepEqual(
    steps.map((step) => step.widened.at(-1)),
    ['job-folder', 'runtime-folder', 'organization-folder'],
  );
  assert.ok(steps.every((step, index) => index === 0 || step.policy.length < (steps[index - 1]?.policy.length ?? 0)));
  const { policy: widest, widened: all } = made({ objects: many }, (steps[1]?.policy.length ?? 0) - 1);
  assert.deepEqual(all, ['encryption-context', 'actions', 'job-folder', 'runtime-folder', 'organization-folder']);
  assert.equal(allows(widest, 's3.putObject', { bucket: 'staging', key: `${organization}/other`, kmsKeyArn }), true);
  assert.equal(allows(widest, 's3.putObject', { bucket: 'staging', key: `${organization}2/x`, kmsKeyArn }), false);
});

test('what does not fit at its widest is refused with a reason', () => {
  const wide = Array.from(
    { length: 60 },
    (_, index): ObjectAccess => ({ bucket: `bucket-number-${index}`, folders: ['a'], actions: ['read', 'list'] }),
  );
  const answer = sessionPolicyFor({ region: 'us-east-1', objects: wide });
  assert.equal(answer.ok, false);
  assert.match(answer.ok ? '' : answer.reason, /^the session policy has \d+ characters, more than 2048, at its widest$/);
});

test('a folder that does not lie in the next wider one is refused', () => {
  const answer = sessionPolicyFor({
    region: 'us-east-1',
    objects: [{ bucket: 'b', folders: ['elastic/acme2/x', 'elastic/acme'], actions: ['read'] }],
  });
  assert.deepEqual(answer, { ok: false, reason: 'folder "elastic/acme2/x" of b does not lie in "elastic/acme"' });
});

const name = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '$', '{', '}', '-'), minLength: 1, maxLength: 12 });
test('however it is widened, asked-for objects are allowed and no other organization is', () => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 30 }), name, fc.integer({ min: 400, max: 2048 }), (names, other, limit) => {
      const objects = names.map(
        (part): ObjectAccess => ({ bucket: 'staging', folders: [`${job}/${part}`, job, organization], actions: ['read'], kmsKeyArn }),
      );
      const answer = sessionPolicyFor({ region: 'us-east-1', objects }, limit);
      if (!answer.ok) return;
      assert.ok(answer.value.policy.length <= limit);
      for (const part of names)
        assert.equal(allows(answer.value.policy, 's3.getObject', { bucket: 'staging', key: `${job}/${part}/x` }), true);
      assert.equal(allows(answer.value.policy, 's3.getObject', { bucket: 'staging', key: `elastic/acme${other}/x` }), false);
      assert.equal(allows(answer.value.policy, 's3.putObject', { bucket: 'staging', key: `${job}/x`, kmsKeyArn }), false);
      if (answer.value.widened.length === 0 && !names.includes(other)) {
        assert.equal(allows(answer.value.policy, 's3.getObject', { bucket: 'staging', key: `${job}/${other}/x` }), false);
      }
    }),
    { seed: 20261102, numRuns: 300 },
  );
});
