import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import type { Caller } from '../../src/ports/aws/index.ts';
import { provision } from '../gate/provision.ts';
import { differences } from '../gate/record.ts';
import { assumeChain, roles } from './roles.ts';
import { as, failure, must, useStand } from './stand.ts';

let worker: Caller;
let secretArn = '';

const stand = useStand(async (self) => {
  const { gate, issuer } = self;
  const { keys } = await provision(gate, { keys: ['acme', 'other'] });
  const { secrets } = await provision(gate, {
    parameters: {
      '/acme/finance/crm': { value: 'canary-parameter', keyArn: keys['acme'] ?? '' },
      '/acme/finance/locked': { value: 'canary-parameter', keyArn: keys['other'] ?? '' },
      '/acme/finance/plain': 'canary-plain',
      '/acme/research/crm': 'theirs',
    },
    secrets: { 'acme/finance/crm': '{"password":"canary-secret"}', 'acme/research/crm': 'theirs' },
  });
  secretArn = secrets['acme/finance/crm'] ?? '';
  const permissions: PolicyDocument = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'ssm:GetParameter',
        Resource: ['arn:aws:ssm:*:111122223333:parameter/acme/finance/*', 'arn:aws:ssm:*::parameter/aws/service/*'],
      },
      { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: 'arn:aws:secretsmanager:*:*:secret:acme/finance/*' },
      { Effect: 'Allow', Action: 'kms:Decrypt', Resource: keys['acme'] ?? '' },
    ],
  };
  await provision(gate, { roles: roles(issuer.issuer, { worker: permissions }) });
  worker = as((await assumeChain(self)).worker);
});

void test('a SecureString is read where its name and its key are allowed', async () => {
  const { ssm } = stand.aws;
  assert.equal(must(await ssm.getParameter(worker, { name: '/acme/finance/crm' })).value, 'canary-parameter');
  for (const name of ['/acme/research/crm', '/acme/finance/locked']) {
    const error = failure(await ssm.getParameter(worker, { name }));
    assert.deepEqual([error.kind, error.code], ['AccessDenied', 'AccessDeniedException'], name);
    assert.ok(error.requestId);
  }
  const missing = failure(await ssm.getParameter(worker, { name: '/acme/finance/none' }));
  assert.deepEqual([missing.kind, missing.code], ['NotFound', 'ParameterNotFound']);
});

void test('a parameter that is no SecureString is refused where a secret is wanted, without its value', async () => {
  const { ssm } = stand.aws;
  const error = failure(await ssm.getParameter(worker, { name: '/acme/finance/plain', secure: true }));
  assert.deepEqual([error.kind, error.code, error.message.includes('canary')], ['Invalid', 'NotSecureString', false]);
  assert.equal(must(await ssm.getParameter(worker, { name: '/acme/finance/crm', secure: true })).value, 'canary-parameter');
});

void test('machine images are looked up in AWS’s public parameters', async () => {
  const name = '/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/image_id';
  assert.match(must(await stand.aws.ssm.getParameter(worker, { name })).value, /^ami-[0-9a-f]{17}$/);
});

void test('a secret is read by name and by ARN, below the own path only', async () => {
  const { secretsManager } = stand.aws;
  for (const secretId of ['acme/finance/crm', secretArn]) {
    assert.equal(must(await secretsManager.getSecretValue(worker, { secretId })).value, '{"password":"canary-secret"}');
  }
  assert.equal(failure(await secretsManager.getSecretValue(worker, { secretId: 'acme/research/crm' })).code, 'AccessDeniedException');
  const stage = failure(await secretsManager.getSecretValue(worker, { secretId: secretArn, versionStage: 'NONE' }));
  assert.deepEqual([stage.kind, stage.code], ['NotFound', 'ResourceNotFoundException']);
});

void test('no value is in the audit, and the audit is the gate’s record, line for line', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
  assert.ok(!JSON.stringify([stand.audit, stand.gate.record()]).includes('canary'));
});
