import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

const roleArn = 'arn:aws:iam::111122223333:role/worker';
const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e02';
const connections = [{ name: 'both', usage: 'SourceAndTarget', connector: 'AmazonS3', location: 's3://acme-both/x/', kmsKeyArn }];
const manifests = [...runtime({}), job('etl', {}, { connections })];

/** The account with a worker that may do all that it needs, but decrypt with the connection's key. */
function withoutDecrypt(): SimulationManifest {
  const whole = start(manifests)
    .account.roles()
    .find(({ arn }) => arn === roleArn);
  assert.ok(whole);
  const statements = whole.policies
    .flatMap(({ document }) => document.Statement)
    .map((statement) => {
      const isKey = JSON.stringify(statement).includes(kmsKeyArn);
      const { Sid: _, ...rest } = statement;
      return isKey ? { ...rest, Action: [statement.Action].flat().filter((action) => action !== 'kms:Decrypt') } : rest;
    });
  const permissions = { Version: '2012-10-17', Statement: statements };
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { accountId: '111122223333', roles: [{ arn: roleArn, trust: whole.trust, permissions }] },
  };
}

void test('who reads and writes with a key is refused where it may not decrypt, also where objects without that key lie there', async () => {
  const simulation = start([...manifests, withoutDecrypt()]);
  assert.ok(simulation.account.objects('acme-both').length > 0);
  await until(simulation, 'it ends', () => ['Failed', 'Succeeded'].includes(find(simulation, 'etl').status?.phase ?? ''));
  const { phase, failure } = find(simulation, 'etl').status ?? {};
  assert.equal(phase, 'Failed');
  assert.match(failure?.message ?? '', /s3:GetObject on arn:aws:s3:::acme-both\/x\/\.elastic-probe-\S+ failed as worker .*kms:Decrypt/);
  assert.match(failure?.message ?? '', /Add to the identity policy of role worker .*"kms:Decrypt"/);
  assert.equal(simulation.account.instances().length, 0);
  const left = simulation.account.objects('acme-both').filter(({ key }) => key.includes('.elastic-probe-'));
  assert.deepEqual(left, [], 'the probe is deleted all the same');
});
