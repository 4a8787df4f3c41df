import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntimeSpec } from '../../../src/api/generated/types.ts';
import { specDigest } from '../../../src/core/classes/spec-digest.ts';

const spec = {
  organization: 'acme',
  region: 'us-east-1',
  identities: {
    agent: { roleArn: 'arn:aws:iam::111122223333:role/agent' },
    operator: { roleArn: 'arn:aws:iam::111122223333:role/operator' },
  },
  staging: { uri: 's3://acme-staging/elastic', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1' },
  tags: { one: '1', other: '2' },
} as unknown as ElasticRuntimeSpec;

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  );
}

void test('the same fields in another order are the same spec; any other value, and the order of a list, are not', () => {
  assert.equal(specDigest(reversed(spec) as ElasticRuntimeSpec), specDigest(spec));
  const others: readonly Partial<ElasticRuntimeSpec>[] = [
    { organization: 'acme2' },
    { identities: { ...spec.identities, worker: { roleArn: 'arn:aws:iam::111122223333:role/worker' } } },
    { network: { subnetIds: ['subnet-1', 'subnet-2'] } },
    { network: { subnetIds: ['subnet-2', 'subnet-1'] } },
  ];
  const digests = [spec, ...others.map((other) => ({ ...spec, ...other }))].map(specDigest);
  assert.equal(new Set(digests).size, digests.length);
});
