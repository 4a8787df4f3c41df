import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCatalog } from '../../../src/core/packing/catalog.ts';
import { type AccountSpec, accountFor, simulatedCatalog } from '../../../src/sim/aws/index.ts';
import { account, clusterName, issuer, kmsKeyArn, readManifests } from './harness.ts';

function made(simulatedAccount?: unknown, ...files: readonly string[]): AccountSpec {
  const spec = accountFor(readManifests(...(files.length === 0 ? ['finance.yaml'] : files)), { clusterName, issuer }, simulatedAccount);
  if (!spec.ok) throw new Error(spec.reason);
  return spec.value;
}

const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
const names = (items: readonly { readonly name: string }[]): readonly string[] => items.map(({ name }) => name);

test('an account that fits the manifests', () => {
  const spec = made();
  assert.deepEqual([spec.accountId, spec.region], [account, 'us-east-1']);
  assert.deepEqual(
    spec.roles.map(({ arn }) => arn),
    [
      'acme-agent',
      'acme-operator',
      'acme-master',
      'acme-worker',
      'elastic-runtime/finance/analytics/finance.analytics.node',
      'clicks-reader',
      'orders-reader',
    ].map(role),
  );
  assert.deepEqual(names(spec.buckets), ['acme-staging', 'acme-logs', 'acme-orders', 'acme-warehouse', 'acme-clicks', 'acme-lake']);
  assert.deepEqual(
    spec.keys.map(({ arn, enabled }) => [arn, enabled]),
    [[kmsKeyArn, true]],
  );
  // The organization's own places are guarded as the generator says; the others are somebody else's.
  assert.deepEqual(names(spec.buckets.filter(({ policy }) => policy !== undefined)), ['acme-staging', 'acme-logs']);
  assert.ok(JSON.stringify(spec.keys[0]?.policy).includes('UseThroughS3AsIamPoliciesOfTheAccountSay'));
  assert.deepEqual(
    spec.users.map(({ arn, accessKeyId }) => [arn, accessKeyId]),
    [[`arn:aws:iam::${account}:user/finance-warehouse`, 'AKIAEXAMPLEWAREHOUSE']],
  );
  assert.deepEqual(
    spec.subnets.map(({ zone }) => zone),
    ['us-east-1a', 'us-east-1b'],
  );
  assert.deepEqual(spec.oidcProviders, [
    { arn: `arn:aws:iam::${account}:oidc-provider/kubernetes.test`, issuer: 'kubernetes.test', clientIds: ['sts.amazonaws.com'] },
  ]);
  assert.deepEqual(spec.buckets.find(({ name }) => name === 'acme-orders')?.objects, [{ key: 'raw/part-00000', body: 'a sample\n' }]);
});

test('runtimes that share roles are all trusted, and default roles are left for the runtime to make', () => {
  const spec = made(undefined, 'finance.yaml', 'default-roles.yaml');
  const agent = spec.roles.find(({ arn }) => arn === role('acme-agent'));
  assert.match(JSON.stringify(agent?.trust), /elastic-agents:finance\.analytics.*elastic-agents:research\.scratch/);
  assert.deepEqual(names(agent?.policies ?? []), ['acme-agent-for-finance.analytics', 'acme-agent-for-research.scratch']);
  assert.equal(JSON.stringify([spec.roles.map(({ arn }) => arn), spec.instanceProfiles]).includes('elastic-runtime/research'), false);
});

test('what another account reads is allowed by the bucket and the key as well', () => {
  const manifests = readManifests('finance.yaml');
  const [runtime] = manifests.runtimes;
  const roleArn = 'arn:aws:iam::999999999999:role/reader';
  const connections = [
    { name: 'theirs', usage: 'Source', location: 's3://their-data/x/', authentication: { roleArn } },
    { name: 'open', usage: 'Target', location: 's3://their-lake/x/', expectedBucketOwner: '999999999999' },
  ];
  const jobs = [{ metadata: { namespace: 'finance', name: 'j' }, spec: { runtime: 'analytics', connections } }];
  const spec = accountFor({ ...manifests, jobs, ...(runtime === undefined ? {} : { runtimes: [runtime] }) }, { clusterName, issuer });
  assert.ok(spec.ok);
  const { buckets, keys, roles } = spec.value;
  const guestsOf = (name: string): string => JSON.stringify(buckets.find((bucket) => bucket.name === name)?.policy ?? 'none');
  assert.match(guestsOf('acme-staging'), /999999999999:role\/reader/);
  assert.equal(guestsOf('their-data'), '"none"');
  assert.match(guestsOf('their-lake'), /role\/acme-agent.*role\/acme-worker/);
  assert.match(JSON.stringify(keys[0]?.policy), /999999999999:role\/reader/);
  assert.ok(roles.some(({ arn }) => arn === roleArn));
});

test('no secret of the manifests stands in a policy', () => {
  assert.equal(JSON.stringify(made().roles).includes('example-warehouse-secret'), false);
});

const says = (spec: object): object => ({
  apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
  kind: 'SimulatedAccount',
  metadata: { name: 'a' },
  spec,
});
const nobody = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

test('a SimulatedAccount replaces, adds and takes away', () => {
  const spec = made(
    says({
      roles: [
        { arn: role('acme-worker'), trust: JSON.stringify(nobody), permissions: [] },
        { arn: role('orders-reader'), absent: true },
      ],
      buckets: [
        { name: 'acme-lake', owner: '999999999999' },
        { name: 'extra', region: 'eu-west-1', objects: [{ key: 'k', body: '' }] },
        { name: 'acme-clicks', absent: true },
      ],
      keys: [{ arn: kmsKeyArn, enabled: false }],
      quotas: { spotVcpus: 8 },
      capacity: [{ instanceType: 'm7i.large', zone: 'us-east-1a', capacityType: 'spot', instances: 2 }],
      interruptions: [{ at: '90s', instanceType: 'm7i.large', count: 3 }],
      parameters: [{ name: '/acme/finance/x', value: 'v' }],
    }),
  );
  const worker = spec.roles.find(({ arn }) => arn === role('acme-worker'));
  assert.deepEqual([worker?.trust, worker?.policies], [nobody, []]);
  assert.equal(
    spec.roles.some(({ arn }) => arn === role('orders-reader')),
    false,
  );
  assert.deepEqual(names(spec.buckets), ['acme-staging', 'acme-logs', 'acme-orders', 'acme-warehouse', 'acme-lake', 'extra']);
  const lake = spec.buckets.find(({ name }) => name === 'acme-lake');
  assert.deepEqual([lake?.owner, lake?.region], ['999999999999', 'us-east-1']);
  assert.deepEqual(spec.keys, [{ arn: kmsKeyArn, enabled: false }]);
  assert.deepEqual(spec.quotas, { onDemandVcpus: 5000, spotVcpus: 8 });
  assert.deepEqual(spec.interruptions, [{ atMs: 90_000, instanceType: 'm7i.large', count: 3 }]);
  assert.equal(spec.capacity[0]?.instances, 2);
  assert.deepEqual(spec.parameters, [{ name: '/acme/finance/x', value: 'v' }]);
});

const refused: readonly (readonly [document: unknown, reason: string])[] = [
  [{ kind: 'Account' }, 'kind must be SimulatedAccount, not "Account"'],
  [
    says({ role: [] }),
    'spec.role is no field; there are accountId, region, roles, users, buckets, keys, subnets, parameters, secrets, resources, quotas, capacity, interruptions',
  ],
  [says({ roles: {} }), 'spec.roles must be a list'],
  [says({ roles: ['x'] }), 'spec.roles[0] must be an object'],
  [says({ roles: [{ trust: nobody }] }), 'spec.roles[0].arn is missing'],
  [says({ roles: [{ arn: 'worker', trust: nobody }] }), 'spec.roles[0].arn must be an ARN, not "worker"'],
  [says({ roles: [{ arn: role('x') }] }), 'spec.roles[0].trust: a policy must be an object'],
  [
    says({ roles: [{ arn: role('x'), trust: { Statement: { ...nobody.Statement[0], Resource: '*' } } }] }),
    'spec.roles[0].trust: statement 1: a trust policy has no Resource',
  ],
  [
    says({ roles: [{ arn: role('x'), trust: nobody, permissions: [{ Statement: { Effect: 'Allow', Action: 's3:*' } }] }] }),
    'spec.roles[0].permissions[0]: statement 1: needs Resource or NotResource',
  ],
  [
    says({ roles: [{ arn: role('x'), trust: nobody, maxSessionSeconds: 1.5 }] }),
    'spec.roles[0].maxSessionSeconds must be a whole number, not "1.5"',
  ],
  [says({ buckets: [{ name: 'b', owner: 'me' }] }), 'spec.buckets[0].owner must be an account of 12 digits, not "me"'],
  [says({ keys: [{ arn: kmsKeyArn, enabled: 'no' }] }), 'spec.keys[0].enabled must be true or false'],
  [
    says({ users: [{ arn: `arn:aws:iam::${account}:user/u`, accessKeyId: 'A', secretAccessKey: 7 }] }),
    'spec.users[0].secretAccessKey must be a text',
  ],
  [says({ capacity: [{ instanceType: 'm7i.large' }] }), 'spec.capacity[0].instances is missing'],
  [
    says({ capacity: [{ instanceType: 'm7i.large', capacityType: 'reserved', instances: 1 }] }),
    'spec.capacity[0].capacityType must be on-demand or spot, not "reserved"',
  ],
  [
    says({ interruptions: [{ at: '10 minutes' }] }),
    'spec.interruptions[0].at: "10 minutes" has the unknown unit " minutes": use h, m, s, ms, us or ns',
  ],
  [says({ quotas: { vcpus: 1 } }), 'spec.quotas.vcpus is no field; there are onDemandVcpus, spotVcpus, packedSessionCharacters'],
];
for (const [document, reason] of refused) {
  test(`refused: ${reason}`, () => {
    const spec = accountFor(readManifests('finance.yaml'), { clusterName, issuer }, document);
    assert.deepEqual(spec, { ok: false, reason: `SimulatedAccount: ${reason}` });
  });
}

test('the catalog has the form that packing takes', () => {
  const catalog = readCatalog(simulatedCatalog());
  assert.equal(catalog.ok, true);
  assert.ok(catalog.ok && catalog.value.types.length >= 40 && catalog.value.offerings.length === catalog.value.types.length * 6);
});
