import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, runtime, start } from './support/stage.ts';

/* Connection credentials and properties from Parameter Store and Secrets Manager, read as worker below the own folder. */

const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/finance/crm-AbCdEf';
const login = JSON.stringify({ username: 'reader', password: 'canary-login', port: 5432, ssl: true });
const keys = JSON.stringify({ aws_access_key_id: 'AKIAWAREHOUSE', aws_secret_access_key: 'canary-warehouse' });

function account(parameters: readonly object[], secrets: readonly object[] = []): SimulationManifest {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:*', 'kms:*'], Resource: '*' }] };
  const users = [
    {
      arn: 'arn:aws:iam::111122223333:user/warehouse',
      accessKeyId: 'AKIAWAREHOUSE',
      secretAccessKey: 'canary-warehouse',
      permissions: everything,
    },
  ];
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { users, parameters, secrets },
  };
}

const warehouse = (name = '/acme/finance/warehouse') => ({
  name: 'warehouse',
  usage: 'Target',
  connector: 'AmazonS3',
  location: 's3://acme-warehouse/out/',
  authentication: { credentials: { parameterStore: { name } } },
});
const crm = (more: object = {}) => ({
  name: 'crm',
  usage: 'Source',
  connector: 'JDBC',
  authentication: { properties: { secretsManager: { arn, ...more } } },
});

async function run(connections: readonly object[], made: SimulationManifest): Promise<Simulation> {
  const simulation = start([...runtime({}), job('load', {}, { connections }), made]);
  await simulation.settle(2 * hour);
  return simulation;
}

function outputs(simulation: Simulation): string {
  const kinds = ['ElasticRuntime', 'ElasticJob', 'ElasticNode', 'Pod', 'Job', 'ConfigMap', 'Event', 'Service', 'Node', 'Secret'] as const;
  const objects = kinds.flatMap((kind) => simulation.kubernetes.server.store.list(kindNamed(kind)));
  const stored = ['acme-logs', 'acme-staging'].flatMap((bucket) =>
    simulation.account.objects(bucket).map(({ body }) => new TextDecoder().decode(body)),
  );
  return JSON.stringify([objects, simulation.operator.logs, simulation.operator.audit, stored]);
}

void test('both are read as worker before any node starts, with numbers among the properties; no value is in any output', async () => {
  const simulation = await run([warehouse(), crm()], account([{ name: '/acme/finance/warehouse', value: keys }], [{ arn, value: login }]));
  assert.equal(find(simulation, 'load').status?.phase, 'Succeeded', JSON.stringify(find(simulation, 'load').status));
  const read = simulation.operator.audit.filter(
    ({ action }) => action === 'ssm:GetParameter' || action === 'secretsmanager:GetSecretValue',
  );
  const own = read.filter(({ resource }) => !resource.startsWith('/aws/'));
  assert.deepEqual([...new Set(own.map(({ identity, outcome }) => `${identity} ${outcome}`))], ['worker ok']);
  assert.deepEqual([...new Set(own.map(({ resource }) => resource))].sort(), ['/acme/finance/warehouse', arn]);
  const text = outputs(simulation);
  for (const marker of ['canary', Buffer.from('canary-login').toString('base64').slice(0, 14)]) assert.ok(!text.includes(marker), marker);
});

void test('versionStage is asked for; a stage that is not there fails the job before any node starts', async () => {
  const made = account([{ name: '/acme/finance/warehouse', value: keys }], [{ arn, value: 'no JSON', versions: { AWSPREVIOUS: login } }]);
  const previous = await run([warehouse(), crm({ versionStage: 'AWSPREVIOUS' })], made);
  assert.equal(find(previous, 'load').status?.phase, 'Succeeded');
  const missing = await run([warehouse(), crm({ versionStage: 'NONE' })], made);
  assert.match(find(missing, 'load').status?.failure?.message ?? '', /GetSecretValue on .*staging label: NONE/);
  assert.equal(missing.account.instances().length, 0);
});

void test('a value that is no object and a parameter that is no SecureString fail the job before any node starts, without the value', async () => {
  const rows = [
    [account([{ name: '/acme/finance/warehouse', value: 'canary-text' }], [{ arn, value: login }]), /NotAnObject/],
    [
      account([{ name: '/acme/finance/warehouse', value: keys, plain: true }], [{ arn, value: login }]),
      /NotSecureString.*--type SecureString/,
    ],
  ] as const;
  for (const [made, expected] of rows) {
    const simulation = await run([warehouse(), crm()], made);
    assert.match(find(simulation, 'load').status?.failure?.message ?? '', expected);
    assert.equal(simulation.account.instances().length, 0);
    assert.ok(!outputs(simulation).includes('canary'));
  }
});
