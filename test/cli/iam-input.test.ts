import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IamRun, iam, variants } from './support/iam-variants.ts';

const finance = variants['finance']?.files['finance.yaml'] ?? assert.fail();

/** The example with a job of one connection more. */
function withJob(connection: string, name = 'more'): string {
  return `${finance}---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticJob
metadata: { name: ${name}, namespace: finance }
spec:
  runtime: analytics
  connections: [${connection}]
  master: { template: { spec: { containers: [{ name: main, image: "registry.example.com/etl:1" }] } } }
`;
}

function source(roleName: string, name = 'x'): string {
  return `{ name: ${name}, usage: Source, connector: AmazonS3, location: s3://acme-x/y/, authentication: { roleArn: "arn:aws:iam::111122223333:role/${roleName}" } }`;
}

async function generated(...texts: readonly string[]): Promise<IamRun> {
  return iam(Object.fromEntries(texts.map((text, index) => [`${index}.yaml`, text])), { format: 'json', output: 'json' });
}

void test('two jobs that give one name to connections of two roles: both roles are there', async () => {
  const { code, out } = await generated(withJob(source('other-orders', 'orders')));
  assert.equal(code, 0);
  const documents = JSON.parse(out) as Readonly<Record<string, unknown>>;
  for (const role of ['orders-reader', 'other-orders'])
    assert.ok(`${role}.trust` in documents && `${role}.permissions` in documents, `${role} is not there`);
});
