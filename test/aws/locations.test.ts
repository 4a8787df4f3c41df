import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrantRequest } from '../../src/controllers/identity/grants.ts';
import { proveLocation } from '../../src/controllers/identity/location.ts';
import type { ProofOf } from '../../src/controllers/identity/prove.ts';
import { arnLocation } from '../../src/core/access/arn-locations.ts';
import type { Usage } from '../../src/core/access/connections.ts';
import { type PolicyDocument, type PolicyStatement, policyOf } from '../../src/core/policy/document.ts';
import { resourceStatements } from '../../src/core/policy/resource-statements.ts';
import type { LocationProbe } from '../../src/core/preflight/location.ts';
import { probePolicy } from '../../src/core/preflight/probes.ts';
import type { Caller } from '../../src/ports/aws/index.ts';
import { ok } from '../../src/ports/result.ts';
import { provision } from '../gate/provision.ts';
import { provisionResources } from '../gate/provision-resources.ts';
import { differences } from '../gate/record.ts';
import { accountId, allow, arnOf, assumeChain, roles } from './roles.ts';
import { as, subject, useStand } from './stand.ts';

/* The proof of a location that is an ARN, over the wire: sessions cut to its calls, IAM asked as operator, as AWS would judge both. */

const arn = (service: string, resource: string): string => `arn:aws:${service}:us-east-1:${accountId}:${resource}`;
const found = { cluster: '', collection: '', graph: '', tables: '', topic: '' };

const nothing: readonly PolicyStatement[] = [{ Effect: 'Allow', Action: 'sts:GetCallerIdentity', Resource: '*' }];

const stand = useStand(async (self) => {
  const operator = allow('iam:SimulatePrincipalPolicy', [arnOf('worker'), `arn:aws:iam::${accountId}:user/*`]);
  const plan = { buckets: { 'acme-lake': {} }, roles: roles(self.issuer.issuer, { operator }) };
  const { users } = await provision(self.gate, {
    ...plan,
    users: {
      reader: { permissions: allow('dynamodb:GetItem', '*') },
      writer: { permissions: allow(['dynamodb:DescribeTable', 'dynamodb:PutItem'], '*') },
    },
  });
  const made = await provisionResources(self.gate);
  found.cluster = made['kafka:DescribeClusterV2'];
  found.collection = made['aoss:BatchGetCollection'];
  found.graph = made['rds:DescribeDBClusters'];
  found.tables = made['s3tables:GetTableBucket'];
  found.topic = made['kafka:DescribeTopic'];
  keys = users;
});
let keys: Readonly<Record<string, { readonly accessKeyId: string; readonly secretAccessKey: string }>> = {};

const of = {
  runtime: { spec: { region: 'us-east-1', identities: { operator: { roleArn: arnOf('operator') } } } },
  connections: [],
} as unknown as ProofOf;

function probeOf(connector: string, location: string, usage: Usage): LocationProbe {
  const at = arnLocation(connector, location) ?? assert.fail(location);
  return { kind: 'location', identity: 'worker', resource: 'connection:x', at, usage };
}

/** As the worker, with just these statements, in a session that is cut to the probe. */
async function prove(probe: LocationProbe, statements: readonly PolicyStatement[], caller?: Caller): Promise<string> {
  const role = stand.gate.account.roles.get(arnOf('worker')) ?? assert.fail('no worker');
  role.policies = [policyOf({ Version: '2012-10-17', Statement: statements }, 'identity', 'policy of the worker')];
  const cut = probePolicy(probe, 'us-east-1', 'aws');
  const chain = await assumeChain(stand, cut.ok ? { worker: JSON.parse(cut.value.policy) as PolicyDocument } : {});
  const grants = { obtain: async () => ok(as(chain.operator)) };
  const context = { aws: () => stand.aws, grants } as unknown as Parameters<typeof proveLocation>[0];
  const made = { aws: stand.aws, caller: caller ?? as(chain.worker) };
  const proof = await proveLocation(context, of, probe, () => ({}) as GrantRequest, made);
  if (proof.ok) return proof.value.notVerified?.join() ?? 'verified';
  const { code, message, remedy, transient } = proof.error;
  return `${transient ? 'transient ' : ''}${code}: ${message}: ${remedy?.text}`;
}

const connections = (): readonly (readonly [connector: string, location: string])[] => [
  ['DynamoDB', arn('dynamodb', 'table/orders')],
  ['Kinesis', arn('kinesis', 'stream/clicks')],
  ['KinesisFirehose', arn('firehose', 'deliverystream/audit')],
  ['AmazonSNS', arn('sns', 'done')],
  ['AmazonSQS', arn('sqs', 'work')],
  ['Glue', arn('glue', 'table/sales/orders')],
  ['Glue', arn('glue', 'database/sales')],
  ['LakeFormation', arn('glue', 'table/sales/orders')],
  ['Athena', arn('athena', 'workgroup/reports')],
  ['Athena', arn('athena', 'datacatalog/lake')],
  ['AmazonKeyspaces', arn('cassandra', '/keyspace/plant/table/sensors')],
  ['AmazonKeyspaces', arn('cassandra', '/keyspace/shop/')],
  ['AmazonMSK', found.cluster],
  ['AmazonMSK', found.topic],
  ['AmazonNeptune', found.graph],
  ['AmazonRedshift', arn('redshift', 'cluster:warehouse')],
  ['AmazonRedshift', arn('redshift-serverless', 'workgroup/0a1b2c3d-0000-4000-8000-000000000002')],
  ['Timestream', arn('timestream', 'database/plant/table/sensors')],
  ['Timestream', arn('timestream', 'database/plant')],
  ['AmazonOpenSearch', arn('es', 'domain/search')],
  ['AmazonOpenSearch', found.collection],
  ['AmazonS3Tables', found.tables],
  ['AmazonS3Tables', `${found.tables}/table/orders`],
];

void test('with what the generator writes every kind of location is verified', async () => {
  for (const [connector, location] of connections())
    for (const usage of ['Source', 'Target', 'SourceAndTarget'] as const) {
      const probe = probeOf(connector, location, usage);
      assert.equal(await prove(probe, resourceStatements('Data', probe.at, usage)), 'verified', `${connector} ${location} ${usage}`);
    }
});

void test('what is denied is refused, what nobody allows is told, and what is not there is named', async () => {
  const table = arn('dynamodb', 'table/orders');
  const source = probeOf('DynamoDB', table, 'Source');
  const may = resourceStatements('Data', source.at, 'Source');
  const never: PolicyStatement = { Effect: 'Deny', Action: 'dynamodb:*', Resource: '*' };
  assert.match(
    await prove(source, [...may, never]),
    /^SimulatedAccessDenied: User: \S+worker is not authorized to perform: dynamodb:BatchGetItem/,
  );
  const bare = await prove(source, nothing);
  assert.match(
    bare,
    /whether it is there: dynamodb:DescribeTable as worker was answered AccessDenied.*\[request \S+\]; whether worker may read: no policy of role worker/,
  );
  const gone = probeOf('DynamoDB', `${table}-gone`, 'Source');
  const seeing: readonly PolicyStatement[] = [{ Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' }];
  assert.match(
    await prove(gone, seeing),
    /^ResourceNotFoundException: .*there is no DynamoDB table orders-gone in region us-east-1 of account 111122223333/,
  );
  assert.match(await prove({ ...gone, usage: 'Target' }, seeing), /the job has to make it$/);
  const all: readonly PolicyStatement[] = [{ Effect: 'Allow', Action: '*', Resource: '*' }];
  const database = probeOf('AmazonRedshift', arn('redshift', 'dbname:warehouse/sales'), 'Source');
  assert.match(await prove(database, all), /whether it is there: AWS shows its cluster alone$/);
  const elsewhere = probeOf('AmazonRedshift', arn('redshift', 'dbname:gone/sales'), 'Source');
  assert.match(await prove(elsewhere, all), /^ClusterNotFound.*there is no database of a Redshift cluster gone\/sales/);
  assert.match(await prove(probeOf('AmazonMSK', `${found.topic}-new`, 'Source'), all), /unless it was made a moment ago$/);
  const stream = probeOf('KinesisFirehose', arn('firehose', 'deliverystream/audit'), 'Target');
  const look: PolicyStatement = { Effect: 'Allow', Action: 'firehose:DescribeDeliveryStream', Resource: '*' };
  assert.match(
    await prove(stream, [look]),
    /^SimulatedAccessDenied: .*because no identity-based policy allows the firehose:PutRecord action/,
  );
});

void test('the session of a probe looks at its location and at nothing else, whatever the role may', async () => {
  const source = probeOf('DynamoDB', arn('dynamodb', 'table/orders'), 'Source');
  const cut = probePolicy(probeOf('DynamoDB', arn('dynamodb', 'table/other'), 'Source'), 'us-east-1', 'aws');
  await prove(source, [{ Effect: 'Allow', Action: '*', Resource: '*' }]);
  const { worker } = await assumeChain(stand, cut.ok ? { worker: JSON.parse(cut.value.policy) as PolicyDocument } : {});
  const answer = await stand.aws.resources.describe(as(worker), { action: 'dynamodb:DescribeTable', arn: source.at.arn });
  assert.match(answer.ok ? '' : answer.error.message, /because no session policy allows the dynamodb:DescribeTable action/);
});

void test('of keys IAM is asked what their user may do, by the ARN that STS gives; those that may not look are told', async () => {
  const byKeys = async (name: string, usage: Usage): Promise<string> => {
    const probe = probeOf('DynamoDB', arn('dynamodb', 'table/orders'), usage);
    const grant = stand.aws.sts.staticGrant('connectionCredentials:x', keys[name] ?? assert.fail(name));
    return prove({ ...probe, identity: 'connectionCredentials:x' }, nothing, { grant, subject });
  };
  assert.match(
    await byKeys('reader', 'Source'),
    /whether it is there: dynamodb:DescribeTable as connectionCredentials:x was answered AccessDenied/,
  );
  assert.equal(await byKeys('writer', 'Target'), 'verified');
  assert.match(await byKeys('writer', 'SourceAndTarget'), /may read: no policy of user writer allows any of dynamodb:BatchGetItem/);
});

void test('a call that is throttled is tried again, the sample too; of IAM, on which no job depends, it is said', async () => {
  const source = probeOf('DynamoDB', arn('dynamodb', 'table/orders'), 'Source');
  const may = resourceStatements('Data', source.at, 'Source');
  stand.gate.faults.add({ kind: 'throttle', action: 'dynamodb:DescribeTable' });
  assert.match(await prove(source, may), /^transient ThrottlingException/);
  stand.gate.faults.add({ kind: 'throttle', action: 'iam:SimulatePrincipalPolicy' });
  stand.gate.faults.add({ kind: 'throttle', action: 'dynamodb:Scan' });
  assert.match(await prove(source, may), /^transient ThrottlingException/);
  stand.gate.faults.add({ kind: 'throttle', action: 'iam:SimulatePrincipalPolicy' });
  assert.equal(await prove(source, may), 'verified', 'by the sample');
  const target = { ...source, usage: 'Target' } as const;
  stand.gate.faults.add({ kind: 'throttle', action: 'iam:SimulatePrincipalPolicy' });
  assert.match(await prove(target, may), /whether worker may write: the operator's iam:SimulatePrincipalPolicy was answered Throttling/);
});

void test('the audit and what the account saw agree', () => {
  assert.deepEqual(differences(stand.gate.record(), stand.audit), []);
});
