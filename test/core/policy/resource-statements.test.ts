import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arnLocation } from '../../../src/core/access/arn-locations.ts';
import { runtimeDocuments } from '../../../src/core/policy/documents.ts';
import { resourceStatements } from '../../../src/core/policy/resource-statements.ts';
import type { PolicyConnection } from '../../../src/core/policy/runtime-input.ts';

const account = '111122223333';
const arn = (service: string, resource: string): string => `arn:aws:${service}:us-east-1:${account}:${resource}`;
const table = arn('dynamodb', 'table/orders');
const at = (connector: string, location: string) => arnLocation(connector, location) ?? assert.fail();

void test('a source may be seen and read, a target seen and written, each where AWS asks for it', () => {
  assert.deepEqual(resourceStatements('Data', at('DynamoDB', table), 'Source'), [
    {
      Sid: 'Data',
      Effect: 'Allow',
      Action: ['dynamodb:BatchGetItem', 'dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
      Resource: table,
    },
    { Sid: 'Data2', Effect: 'Allow', Action: ['dynamodb:Query', 'dynamodb:Scan'], Resource: `${table}/index/*` },
  ]);
  assert.deepEqual(resourceStatements('Data', at('DynamoDB', table), 'Target'), [
    {
      Sid: 'Data',
      Effect: 'Allow',
      Action: ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem', 'dynamodb:DescribeTable', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      Resource: table,
    },
  ]);
});

void test('in China the service of a key goes by both domains', () => {
  const queue = `arn:aws-cn:sqs:cn-north-1:${account}:work`;
  const key = resourceStatements('Data', at('AmazonSQS', queue), 'Source', `arn:aws-cn:kms:cn-north-1:${account}:key/1`).at(-1);
  assert.deepEqual(key?.Condition, {
    StringEquals: { 'kms:ViaService': ['sqs.cn-north-1.amazonaws.com', 'sqs.cn-north-1.amazonaws.com.cn'] },
  });
});

void test('the key of a queue, only through its service', () => {
  const statements = resourceStatements('Data', at('AmazonSQS', arn('sqs', 'work')), 'Source', arn('kms', 'key/1'));
  assert.deepEqual(statements.at(-1), {
    Sid: 'DataKey',
    Effect: 'Allow',
    Action: ['kms:Decrypt'],
    Resource: arn('kms', 'key/1'),
    Condition: { StringEquals: { 'kms:ViaService': 'sqs.us-east-1.amazonaws.com' } },
  });
});

void test('a name is taken as it is written, and wildcards of ours stay wildcards', () => {
  const [tables] = resourceStatements('Data', at('Glue', arn('glue', 'database/sa$les')), 'Source').filter(({ Action }) =>
    Action?.includes('glue:GetTable'),
  );
  assert.deepEqual(
    tables?.Resource,
    [arn('glue', 'table/sa$les/*'), arn('glue', 'database/sa$les'), arn('glue', 'catalog')].map((one) => one.replace('$', '${$}')),
  );
});

void test('the resource of Neptune is a wildcard itself', () => {
  const graph = arn('neptune-db', 'cluster-ABCDEF/*');
  assert.deepEqual(
    resourceStatements('Data', at('AmazonNeptune', graph), 'Source').map(({ Action, Resource }) => [Action, Resource]),
    [
      [['rds:DescribeDBClusters'], arn('rds', 'cluster:*')],
      [['neptune-db:ReadDataViaQuery'], graph],
    ],
  );
});

void test('who only writes to Keyspaces is not allowed to read but the tables of the system, as drivers must', () => {
  const table = arn('cassandra', '/keyspace/plant/table/sensors');
  const of = (usage: string) =>
    resourceStatements('Data', at('AmazonKeyspaces', table), usage).map(({ Action, Resource }) => [Action, Resource]);
  const system = [['cassandra:Select'], arn('cassandra', '/keyspace/system*')];
  assert.deepEqual(of('Target'), [system, [['cassandra:Modify'], table]]);
  assert.deepEqual(of('Source'), [system, [['cassandra:Select'], table]]);
});

const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const location = { uri: 's3://acme/elastic', kmsKeyArn: arn('kms', 'key/1') };

function documentsOf(connections: readonly PolicyConnection[]) {
  const identities = {
    agent: { roleArn: role('agent') },
    operator: { roleArn: role('operator') },
    master: { roleArn: role('master') },
    worker: { roleArn: role('worker') },
  };
  return runtimeDocuments({
    runtime: {
      metadata: { name: 'r', namespace: 'n' },
      spec: { organization: 'acme', region: 'us-east-1', identities, staging: location, logs: location },
    },
    jobs: [{ metadata: { name: 'j' }, spec: { runtime: 'r', connections } }],
    clusterName: 'c',
    accountId: account,
    oidcProviderArn: `arn:aws:iam::${account}:oidc-provider/issuer`,
    issuer: 'issuer',
  });
}

const about = (document: { readonly Statement: unknown }, text: string) =>
  ([document.Statement].flat() as readonly { readonly Sid: string; readonly Resource: unknown }[]).filter((statement) =>
    JSON.stringify(statement).includes(text),
  );

void test('the worker gets it for what nobody else authenticates, a role for its own; the agent, who previews objects, nothing', () => {
  const orders = { name: 'orders', usage: 'Source', connector: 'DynamoDB', location: table };
  const byRole = { ...orders, name: 'mine', authentication: { roleArn: role('reader') } };
  const documents = documentsOf([orders, byRole]);
  assert.equal(about(documents.worker.permissions, table).length, 2);
  assert.equal(about(documents.connectionRoles[role('reader')]?.permissions ?? assert.fail(), table).length, 2);
  assert.deepEqual(about(documents.agent.permissions, table), []);
  const [asked] = about(documents.operator.permissions, 'iam:SimulatePrincipalPolicy');
  assert.deepEqual(asked?.Resource, ['operator', 'master', 'worker', 'reader'].map(role));
  const named = documentsOf([{ ...byRole, location: 'orders' }]);
  assert.equal(about(named.connectionRoles[role('reader')]?.permissions ?? assert.fail(), table).length, 2, 'a plain name of its account');
  const [text] = about(documentsOf([{ ...byRole, location: 'orders by day' }]).operator.permissions, 'iam:SimulatePrincipalPolicy');
  assert.deepEqual(text?.Resource, ['operator', 'master', 'worker'].map(role));
  // Elsewhere the operator is answered nothing of it.
  const elsewhere = { ...byRole, authentication: { roleArn: 'arn:aws:iam::444455556666:role/reader' } };
  const foreign = documentsOf([elsewhere]);
  assert.deepEqual(about(foreign.operator.permissions, 'SimulatePrincipalPolicy')[0]?.Resource, ['operator', 'master', 'worker'].map(role));
  const [own] = about(
    foreign.connectionRoles[elsewhere.authentication.roleArn]?.permissions ?? assert.fail(),
    'iam:SimulatePrincipalPolicy',
  );
  assert.equal(own?.Resource, 'arn:aws:iam::444455556666:role/reader');
  // Whose keys a Secret holds is not known here.
  const byKeys = { ...orders, name: 'keys', authentication: { credentials: { secretRef: { name: 'keys' } } } };
  const [users] = about(documentsOf([byKeys]).operator.permissions, 'iam:SimulatePrincipalPolicy');
  assert.deepEqual(users?.Resource, [...['operator', 'master', 'worker'].map(role), `arn:aws:iam::${account}:user/*`]);
});

void test('one place read by one job and written by another is one access for both', () => {
  const orders = { name: 'orders', connector: 'DynamoDB', location: table };
  const [statement] = about(
    documentsOf([
      { ...orders, usage: 'Source' },
      { ...orders, name: 'out', usage: 'Target' },
    ]).worker.permissions,
    table,
  );
  const text = JSON.stringify(statement);
  assert.ok(text.includes('dynamodb:GetItem') && text.includes('dynamodb:PutItem'), text);
});

void test('one name means another place to each connector', () => {
  const documents = documentsOf([
    { name: 'in', usage: 'Source', connector: 'DynamoDB', location: 'orders' },
    { name: 'out', usage: 'Target', connector: 'Kinesis', location: 'orders' },
  ]);
  const text = JSON.stringify(about(documents.worker.permissions, ':table/orders'));
  assert.ok(text.includes('dynamodb:GetItem') && !text.includes('dynamodb:PutItem'), text);
  assert.ok(JSON.stringify(about(documents.worker.permissions, ':stream/orders')).includes('kinesis:PutRecord'));
});

void test('what lies in another region is nothing that a runtime uses', () => {
  const there = { name: 'in', usage: 'Source', connector: 'AmazonSQS', location: `https://sqs.eu-west-1.amazonaws.com/${account}/work` };
  assert.deepEqual(about(documentsOf([there]).worker.permissions, 'sqs:'), []);
});
