import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountPlan } from '../../../src/core/policy/account/plan.ts';
import { policyOf } from '../../../src/core/policy/document.ts';
import type { DocumentsInput } from '../../../src/core/policy/documents.ts';
import { evaluate } from '../../../src/core/policy/evaluate.ts';
import { inputOf, options, roleArn } from './account-input.ts';
import { allowAll, policy } from './helpers.ts';

/* What a bucket policy says of a listing whatever is attached to who asks: S3 lists every key that begins with the prefix, so that only a slash ends a folder. */

const elsewhere = '444455556666';
const dataOf = (organization: string): DocumentsInput =>
  inputOf(organization, { connections: [{ name: 'data', usage: 'Source', location: `s3://shared/data/${organization}` }] });

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
  const inputs = [dataOf('acme'), dataOf('acme2')];
  const worker = roleArn('acme-worker');
  for (const folder of ['elastic/acme', 'data/acme']) {
    assert.equal(lists(inputs, worker, `${folder}/`), 'Allow');
    assert.equal(lists(inputs, worker, `${folder}/x`), 'Allow');
    for (const prefix of [...beginnings(folder), `${folder}2`, `${folder}2/`])
      assert.equal(lists(inputs, worker, prefix), 'ExplicitDeny', prefix);
  }
});

test('a role of another account is let in to list below its organization only, and not by the bare name', () => {
  const inputs = [inputOf('acme', { identities: { agent: { roleArn: roleArn('acme-agent', elsewhere) } } }), inputOf('acme2')];
  const agent = roleArn('acme-agent', elsewhere);
  assert.equal(lists(inputs, agent, 'elastic/acme/'), 'Allow');
  for (const prefix of [...beginnings('elastic/acme'), 'elastic/acme2/']) assert.notEqual(lists(inputs, agent, prefix), 'Allow', prefix);
});
