import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;

/** A customer's role that trusts the worker for sts:AssumeRole and refuses everything else that could come with it. */
function customer(more: readonly object[] = []): SimulationManifest {
  const trust = {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: role('worker') }, Action: 'sts:AssumeRole' },
      { Effect: 'Deny', Principal: '*', Action: ['sts:TagSession', 'sts:SetSourceIdentity'] },
      ...more,
    ],
  };
  const permissions = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 's3:*',
        Resource: ['arn:aws:s3:::acme-orders', 'arn:aws:s3:::acme-orders/*', 'arn:aws:s3:::acme-staging', 'arn:aws:s3:::acme-staging/*'],
      },
      { Effect: 'Allow', Action: 'kms:*', Resource: '*' },
    ],
  };
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { roles: [{ arn: role('orders-reader'), trust, permissions }] },
  };
}

const orders = {
  name: 'orders',
  usage: 'Source',
  connector: 'AmazonS3',
  location: 's3://acme-orders/raw/',
  authentication: { roleArn: role('orders-reader') },
};

const code: SimulationManifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'etl', namespace: 'finance' },
  data: { 'etl.py': 'print()' },
};
const dependency = { path: 'app/etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } };

test('a connection role needs only sts:AssumeRole in its trust: tags and a source identity are never passed to it', async () => {
  const simulation = start([customer(), ...runtime({}), code, job('etl', {}, { connections: [orders], dependencies: [dependency] })]);
  await until(simulation, 'done', () => find(simulation, 'etl').status?.phase === 'Succeeded');
  const hops = simulation.account.calls.filter(({ action, resource }) => action === 'sts:AssumeRole' && resource === role('orders-reader'));
  assert.ok(hops.length > 0 && hops.every(({ outcome }) => outcome === 'ok'));
  const reads = simulation.account.calls.filter(({ caller }) => caller.includes(':assumed-role/orders-reader/'));
  assert.ok(reads.length > 0);
  assert.ok(reads.every(({ sessionTags }) => Object.keys(sessionTags ?? {}).length === 0));
  assert.ok(reads.every(({ sessionName }) => /^[0-9a-f]{8}\.(-|[0-9a-f]{8})\.connectionRole=orders$/.test(sessionName ?? '')));
  // Between our own roles each session says whose it is.
  const stored = simulation.account.calls.find(
    ({ action, resource }) => action === 's3:PutObject' && resource.endsWith('/deps/app/etl.py'),
  );
  const tags = ['organization', 'namespace', 'runtime', 'job'].map((tag) => stored?.sessionTags?.[`elasticruntime.dev/${tag}`]);
  assert.deepEqual(tags, ['acme', 'finance', 'analytics', 'etl']);
  assert.match(stored?.sessionName ?? '', /^[0-9a-f]{8}\.[0-9a-f]{8}\.operator$/);
  const launch = simulation.account.calls.find(({ action }) => action === 'ec2:CreateFleet');
  assert.equal(launch?.sessionTags?.['elasticruntime.dev/actor'], 'operator');
});

test('one that asks for a tag gets none, and the job says that it was refused', async () => {
  const asking = { Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole', Condition: { Null: { 'aws:RequestTag/team': 'true' } } };
  const simulation = start([customer([asking]), ...runtime({}), job('etl', {}, { connections: [orders] })]);
  await until(simulation, 'failed', () => find(simulation, 'etl').status?.phase === 'Failed');
  assert.match(find(simulation, 'etl').status?.failure?.message ?? '', /sts:AssumeRole .*orders-reader/);
});
