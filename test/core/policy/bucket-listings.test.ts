import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountPlan } from '../../../src/core/policy/account/plan.ts';
import { policyOf } from '../../../src/core/policy/document.ts';
import type { DocumentsInput } from '../../../src/core/policy/documents.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { allowAll, policy } from './helpers.ts';

/* What a bucket policy says of a listing whatever is attached to who asks: S3 lists every key that begins with the prefix, so that only a slash ends a folder. */

const account = '111122223333';
const elsewhere = '444455556666';
const roleArn = (name: string, of = account): string => `arn:aws:iam::${of}:role/${name}`;
const location = { uri: 's3://shared/elastic', kmsKeyArn: `arn:aws:kms:us-east-1:${account}:key/1` };

function inputOf(organization: string, agentAccount = account): DocumentsInput {
  const role = (name: string): { readonly roleArn: string } => ({ roleArn: roleArn(`${organization}-${name}`) });
  return {
    runtime: {
      metadata: { namespace: organization, name: 'analytics' },
      spec: {
        organization,
        region: 'us-east-1',
        identities: {
          agent: { roleArn: roleArn(`${organization}-agent`, agentAccount) },
          operator: role('operator'),
          master: role('master'),
          worker: role('worker'),
        },
        staging: location,
        logs: location,
      },
    },
    jobs: [
      {
        metadata: { namespace: organization, name: 'nightly' },
        spec: { runtime: 'analytics', connections: [{ name: 'data', usage: 'Source', location: `s3://shared/data/${organization}` }] },
      },
    ],
    clusterName: 'hub',
    accountId: account,
    oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/oidc.example.com/id/1`,
    issuer: 'https://oidc.example.com/id/1',
  };
}

const options = { environment: 'test', namePrefix: 'elastic' };

function lists(inputs: readonly DocumentsInput[], arn: string, prefix: string): string {
  const shared = accountPlan(inputs, options).buckets[0];
  assert.ok(shared);
  return evaluate({
    principal: { kind: 'role', roleArn: arn, sessionName: 's' },
    action: 's3:ListBucket',
    resource: 'arn:aws:s3:::shared',
    context: { 's3:prefix': prefix, 'aws:SecureTransport': 'true' },
    identityPolicies: [policy(allowAll)],
    resourcePolicies: [policyOf(shared.policy, 'resource', 'shared')],
    resourcePolicyRequired: arn.includes(elsewhere),
  }).decision;
}

const beginnings = (key: string): readonly string[] => Array.from({ length: key.length + 1 }, (_, length) => key.slice(0, length));

test('a role of an organization lists below its folders only, and none of their names without the slash, whatever is attached to it', () => {
  const inputs = [inputOf('acme'), inputOf('acme2')];
  const worker = roleArn('acme-worker');
  for (const folder of ['elastic/acme', 'data/acme']) {
    assert.equal(lists(inputs, worker, `${folder}/`), 'Allow');
    assert.equal(lists(inputs, worker, `${folder}/x`), 'Allow');
    for (const prefix of [...beginnings(folder), `${folder}2`, `${folder}2/`])
      assert.equal(lists(inputs, worker, prefix), 'ExplicitDeny', prefix);
  }
});

test('a role of another account is let in to list below its organization only, and not by the bare name', () => {
  const inputs = [inputOf('acme', elsewhere), inputOf('acme2')];
  const agent = roleArn('acme-agent', elsewhere);
  assert.equal(lists(inputs, agent, 'elastic/acme/'), 'Allow');
  for (const prefix of [...beginnings('elastic/acme'), 'elastic/acme2/']) assert.notEqual(lists(inputs, agent, prefix), 'Allow', prefix);
});
