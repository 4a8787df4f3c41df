import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticJob } from '../../src/api/generated/types.ts';
import type { MissingStatement } from '../../src/core/preflight/missing.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* What is verified before a node starts, what a refusal says, and that its statement is the one that was missing. */

const home = '111122223333';
const other = '444455556666';
const staging = 'acme-staging';
const prefix = 'elastic/acme/finance/analytics';
const roleArn = (name: string, account = home): string => `arn:aws:iam::${account}:role/${name}`;

type AccountFields = Readonly<Record<'roles' | 'users' | 'buckets' | 'keys', readonly Readonly<Record<string, unknown>>[]>>;

function account(spec: Partial<AccountFields>): SimulationManifest {
  return {
    apiVersion: 'simulation.elasticruntime.dev/v1alpha1',
    kind: 'SimulatedAccount',
    metadata: { name: 'account' },
    spec: { accountId: home, ...spec },
  };
}

function keys(name: string): SimulationManifest {
  const stringData = { aws_access_key_id: `AKIA${name.toUpperCase()}`, aws_secret_access_key: `canary-secret-of-${name}` };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'finance' }, stringData };
}

const withKeys = { authentication: { credentials: { secretRef: { name: 'keys' } } } };
const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };
const lake = { name: 'lake', usage: 'Target', connector: 'AmazonS3', location: 's3://acme-lake/out/' };

function ended(simulation: Simulation, name: string): ElasticJob['status'] {
  const { status } = find(simulation, name);
  return ['Failed', 'Succeeded'].includes(status?.phase ?? '') ? status : undefined;
}

/** Runs until the job has ended or runs; its status then. */
async function outcomeOf(
  manifests: readonly SimulationManifest[],
  name = 'etl',
): Promise<{ simulation: Simulation; status: NonNullable<ElasticJob['status']> }> {
  const simulation = start(manifests);
  await until(simulation, `${name} ends`, () => ended(simulation, name) !== undefined);
  const { status } = find(simulation, name);
  assert.ok(status);
  return { simulation, status };
}

type Report = {
  readonly identity: string;
  readonly chain: readonly string[];
  readonly action: string;
  readonly code: string;
  readonly requestId?: string;
  readonly remedy?: string;
  readonly add?: readonly MissingStatement[];
};

function failedOf(status: NonNullable<ElasticJob['status']>): readonly Report[] {
  return (status.preflight as { readonly failed?: readonly Report[] } | undefined)?.failed ?? [];
}

function accessCondition(status: NonNullable<ElasticJob['status']>): string {
  const condition = status.conditions?.find(({ type }) => type === 'AccessVerified');
  assert.equal(condition?.status, 'False');
  return condition.message;
}

const probes = (simulation: Simulation) => simulation.account.calls.filter(({ resource }) => resource.includes('.elastic-probe-'));
const probeObjects = (simulation: Simulation) =>
  simulation.account.spec.buckets.flatMap(({ name }) =>
    simulation.account.objects(name).filter(({ key }) => key.includes('.elastic-probe-')),
  );

void test('keys that reach their source but not staging fail the job before a node starts, and the condition says it all', async () => {
  const user = {
    arn: `arn:aws:iam::${home}:user/finance-orders`,
    accessKeyId: 'AKIAKEYS',
    secretAccessKey: 'canary-secret-of-keys',
    permissions: {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-orders/raw/*' },
        { Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::acme-orders' },
      ],
    },
  };
  const { simulation, status } = await outcomeOf([
    ...runtime({}),
    keys('keys'),
    job('etl', {}, { connections: [{ ...orders, ...withKeys }] }),
    account({ users: [user] }),
  ]);
  assert.equal(status.phase, 'Failed');
  assert.equal(status.failure?.reason, 'AccessDenied');
  assert.equal(status.failure?.identity, 'connectionCredentials:orders');
  assert.equal(simulation.account.instances().length, 0, 'no node was started');
  const message = accessCondition(status);
  assert.match(
    message,
    /s3:PutObject on arn:aws:s3:::acme-staging\/\S+ failed as connectionCredentials:orders: AccessDenied: .*\[request [0-9a-f-]+\]/,
  );
  assert.match(message, /Add to the identity policy of user finance-orders \(arn:aws:iam::111122223333:user\/finance-orders\): \{"Sid":"/);
  const [first] = failedOf(status);
  assert.deepEqual(
    first?.add?.map(({ statement }) => [statement.Action, statement.Resource]),
    [
      [['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject'], `arn:aws:s3:::${staging}/${prefix}/*`],
      ['s3:ListBucket', `arn:aws:s3:::${staging}`],
    ],
  );
  assert.ok(!JSON.stringify(simulation.jobs()).includes('canary-secret'));
  const events = simulation.kubernetes.server.store.list(kindNamed('Event')) as unknown as readonly {
    readonly reason: string;
    readonly message: string;
  }[];
  assert.ok(events.some(({ reason, message: said }) => reason === 'AccessDenied' && said.includes('as connectionCredentials:orders')));
  assert.deepEqual(probeObjects(simulation), []);
});

/** Adds what a refusal says to the account's documents, as whoever administers it would. */
function mend(said: AccountFields, { policy, statement }: MissingStatement): AccountFields {
  const arn = /\((arn:[^)]+)\)/.exec(policy)?.[1] ?? '';
  const [, kind = '', target = ''] = /^(bucket|key) policy of (\S+)$/.exec(policy) ?? [];
  const added = (document: unknown): unknown => {
    const { Statement = [] } = (document ?? {}) as { readonly Statement?: readonly { readonly Sid?: string }[] };
    const sid = `${statement.Sid ?? ''}${Statement.length}`;
    return { Version: '2012-10-17', Statement: [...Statement, { ...statement, Sid: sid }] };
  };
  const change = (list: readonly Readonly<Record<string, unknown>>[], field: string, name: string, to: string) =>
    list.map((item) => (item[field] === name ? { ...item, [to]: added(item[to]) } : item));
  if (kind === 'bucket') {
    const statementFor = statement.Resource === undefined ? said.buckets : change(said.buckets, 'name', target, 'policy');
    return { ...said, buckets: statementFor };
  }
  if (kind === 'key') return { ...said, keys: change(said.keys, 'arn', target, 'policy') };
  if (policy.startsWith('trust policy')) return { ...said, roles: change(said.roles, 'arn', arn, 'trust') };
  if (policy.includes('user ')) return { ...said, users: change(said.users, 'arn', arn, 'permissions') };
  return { ...said, roles: change(said.roles, 'arn', arn, 'permissions') };
}

const bare: readonly (readonly [string, readonly SimulationManifest[], (of: AccountFields) => AccountFields])[] = [
  [
    'a worker role without a policy',
    [job('etl', {}, { connections: [orders, lake] })],
    (of) => ({ ...of, roles: of.roles.map((role) => (role['arn'] === roleArn('worker') ? { ...role, permissions: [] } : role)) }),
  ],
  [
    "a connection's role without a policy",
    [job('etl', {}, { connections: [{ ...orders, authentication: { roleArn: roleArn('orders-reader') } }] })],
    (of) => ({ ...of, roles: of.roles.map((role) => (role['arn'] === roleArn('orders-reader') ? { ...role, permissions: [] } : role)) }),
  ],
  [
    "a connection's role that trusts somebody else",
    [job('etl', {}, { connections: [{ ...orders, authentication: { roleArn: roleArn('orders-reader') } }] })],
    (of) => ({
      ...of,
      roles: of.roles.map((role) =>
        role['arn'] === roleArn('orders-reader')
          ? {
              ...role,
              trust: {
                Version: '2012-10-17',
                Statement: [{ Sid: 'Old', Effect: 'Allow', Principal: { AWS: roleArn('agent') }, Action: 'sts:AssumeRole' }],
              },
            }
          : role,
      ),
    }),
  ],
  [
    'keys of another account whose bucket and key do not know them',
    [keys('keys'), job('etl', {}, { connections: [{ ...orders, expectedBucketOwner: other, ...withKeys }] })],
    (of) => ({
      ...of,
      buckets: of.buckets.map((bucket) => (bucket['name'] === staging ? { ...bucket, policy: nobody } : bucket)),
      keys: of.keys.map((key) => ({ ...key, policy: ownAccount })),
    }),
  ],
];

const nobody = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Nobody',
      Effect: 'Allow',
      Principal: { AWS: roleArn('nobody') },
      Action: 's3:GetObject',
      Resource: `arn:aws:s3:::${staging}/*`,
    },
  ],
};
const ownAccount = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'Own', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${home}:root` }, Action: 'kms:*', Resource: '*' }],
};

for (const [what, manifests, spoil] of bare) {
  void test(`${what}: the statements that the refusals name, pasted where they say, are enough`, async () => {
    const base = [...runtime({}), ...manifests];
    const { spec } = start(base).account;
    let said = spoil({
      roles: spec.roles.map(({ arn, trust, policies }) => ({ arn, trust, permissions: merged(policies) })),
      users: spec.users.map(({ arn, accessKeyId, secretAccessKey, policies }) => ({
        arn,
        accessKeyId,
        secretAccessKey,
        permissions: merged(policies),
      })),
      buckets: spec.buckets.map(({ name, owner, policy }) => ({ name, owner, ...(policy && { policy }) })),
      keys: spec.keys.map(({ arn, policy }) => ({ arn, ...(policy && { policy }) })),
    });
    let rounds = 0;
    for (; rounds < 8; rounds += 1) {
      const simulation = start([...base, account(said)]);
      let stalled: readonly Report[] = [];
      await until(simulation, 'it ends or is refused', () => {
        stalled = (simulation.runtimes()[0]?.status?.preflight as { readonly failed?: readonly Report[] } | undefined)?.failed ?? [];
        return stalled.length > 0 || ended(simulation, 'etl') !== undefined;
      });
      const status = find(simulation, 'etl').status;
      if (status?.phase === 'Succeeded') break;
      const missing = [...stalled, ...failedOf(status ?? {})].flatMap(({ add = [] }) => add);
      assert.ok(missing.length > 0, status?.failure?.message ?? 'nothing is said');
      said = missing.reduce(mend, said);
    }
    assert.ok(rounds > 0 && rounds < 8, `${rounds} round(s)`);
  });
}

function merged(policies: readonly { readonly document: { readonly Statement: unknown } }[]): unknown {
  const statements = policies.flatMap(({ document }) => document.Statement as readonly Readonly<Record<string, unknown>>[]);
  return { Version: '2012-10-17', Statement: statements.map((statement, index) => ({ ...statement, Sid: `S${index}` })) };
}

void test('sources of another account work with its keys and with a role of that account', async () => {
  const simulation = start([
    ...runtime({}),
    keys('keys'),
    job('by-keys', {}, { connections: [{ ...orders, expectedBucketOwner: other, ...withKeys }] }),
    job(
      'by-role',
      {},
      {
        connections: [
          { ...orders, name: 'clicks', location: 's3://partner-clicks/in/', authentication: { roleArn: roleArn('reader', other) } },
        ],
      },
    ),
  ]);
  await simulation.settle(2 * hour);
  for (const name of ['by-keys', 'by-role'])
    assert.equal(find(simulation, name).status?.phase, 'Succeeded', find(simulation, name).status?.failure?.message ?? '');
  const read = simulation.account.calls.filter(
    ({ action, resource, outcome }) => action === 's3:GetObject' && outcome === 'ok' && resource.includes('part-00000'),
  );
  assert.deepEqual(
    new Set(read.map(({ resource }) => resource)),
    new Set(['arn:aws:s3:::acme-orders/raw/part-00000', 'arn:aws:s3:::partner-clicks/in/part-00000']),
  );
});

void test('a bucket in another region is refused with its region', async () => {
  const { simulation, status } = await outcomeOf([
    ...runtime({}),
    job('etl', {}, { connections: [orders] }),
    account({ buckets: [{ name: 'acme-orders', region: 'eu-west-1' }] }),
  ]);
  assert.equal(status.phase, 'Failed');
  assert.match(
    accessCondition(status),
    /bucket acme-orders is in region eu-west-1, the runtime in us-east-1: .* use a bucket in us-east-1/,
  );
  assert.equal(simulation.account.instances().length, 0);
});

void test('a bucket that somebody else owns is refused where expectedBucketOwner says so', async () => {
  const { status } = await outcomeOf([
    ...runtime({}),
    job('etl', {}, { connections: [{ ...lake, expectedBucketOwner: home }] }),
    account({ buckets: [{ name: 'acme-lake', owner: other }] }),
  ]);
  assert.match(accessCondition(status), /bucket acme-lake is not owned by account 111122223333 \(expectedBucketOwner\)/);
});

void test('a source whose key the role may not use is refused, although it can be listed', async () => {
  const kmsKeyArn = `arn:aws:kms:us-east-1:${home}:key/1d9f7a10-4f2e-4c53-8f0a-3f7f5c6b1e02`;
  const { status } = await outcomeOf([
    ...runtime({}),
    job('etl', {}, { connections: [orders] }),
    account({ buckets: [{ name: 'acme-orders', kmsKeyArn }], keys: [{ arn: kmsKeyArn }] }),
  ]);
  assert.match(accessCondition(status), /s3:GetObject on arn:aws:s3:::acme-orders\/raw\/part-00000 failed as worker .*kms:Decrypt/);
  const [first] = failedOf(status);
  assert.deepEqual(
    [first?.add?.[0]?.policy, first?.add?.[0]?.statement.Resource],
    [`identity policy of role worker (${roleArn('worker')})`, kmsKeyArn],
  );
});

void test('a thousand equal jobs cost one preflight', async () => {
  const connections = [orders, { ...lake, authentication: { roleArn: roleArn('lake-writer') } }];
  // They end right after it, so that nothing of a thousand gangs has to be planned.
  const dependencies = [{ path: 'app/etl.py', configMapKeyRef: { name: 'missing', key: 'etl.py' } }];
  const many = Array.from({ length: 1000 }, (_, index) => job(`etl-${index}`, {}, { connections, dependencies }));
  const simulation = start([...runtime({}), ...many]);
  const verified = (): number =>
    simulation.jobs().filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'AccessVerified' && is === 'True'))
      .length;
  // Counted now and then: to count a thousand at every step would be most of the work.
  for (let waited = 0; waited < 60 && verified() < 1000; waited += 1) await simulation.world.runUntil(() => false, 5_000);
  assert.equal(verified(), 1000);
  // Some have ended by then, and what they store is none of the preflight's.
  await simulation.world.runUntil(() => false, 10_000);
  const counted = new Map<string, number>();
  for (const { action, caller, resource, sessionName } of simulation.account.calls) {
    const [, jobPart] = sessionName.split('.');
    const shared = jobPart === '-';
    if (!/^(s3|iam):/.test(action) || resource.endsWith('/cluster.json') || resource.includes('/access/')) continue;
    const name = shared ? `${caller.split('/')[1]} ${action}` : resource.slice(resource.lastIndexOf('/') + 1);
    counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  const { 'agent.log': logged, 'access.json': recorded, ...probed } = Object.fromEntries(counted);
  assert.ok((logged ?? 0) > 0 && (recorded ?? 0) > 0, 'what the ends of the jobs store is of each job');
  // The worker at staging and logs is proved with the runtime, and staging again as the role that reaches it.
  assert.deepEqual(probed, {
    'agent s3:GetObject': 1,
    'agent s3:ListBucket': 2,
    'agent s3:PutObject': 1,
    'lake-writer s3:DeleteObject': 2,
    'lake-writer s3:GetObject': 1,
    'lake-writer s3:ListBucket': 2,
    'lake-writer s3:PutObject': 2,
    'master s3:PutObject': 1,
    'operator iam:GetRole': 3,
    'operator iam:SimulatePrincipalPolicy': 8,
    'operator s3:DeleteObject': 1,
    'operator s3:ListBucket': 1,
    'worker s3:DeleteObject': 4,
    'worker s3:GetObject': 3,
    'worker s3:ListBucket': 3,
    'worker s3:PutObject': 3,
  });
  assert.deepEqual(probeObjects(simulation), []);
});

void test('an answer serves ten minutes, and no longer than its inputs stay what they were', async () => {
  const connections = [{ ...orders, ...withKeys }];
  const simulation = start([...runtime({}), keys('keys'), job('first', {}, { connections })]);
  const callsOf = (): number =>
    simulation.account.calls.filter(({ action, resource }) => action === 's3:ListBucket' && resource.includes('acme-orders')).length;
  const runs = async (name: string): Promise<number> => {
    const before = callsOf();
    if (name !== 'first') simulation.apply(job(name, {}, { connections }));
    await until(simulation, name, () => ended(simulation, name) !== undefined);
    assert.equal(find(simulation, name).status?.phase, 'Succeeded', find(simulation, name).status?.failure?.message ?? '');
    return callsOf() - before;
  };
  assert.equal(await runs('first'), 1);
  assert.equal(await runs('second'), 0, 'served by the first');
  simulation.kubernetes.server.patch(kindNamed('Secret'), 'finance/keys', undefined, 'kubectl', (current) => ({
    ...current,
    data: { ...(current['data'] as object), note: 'eA==' },
  }));
  assert.equal(await runs('third'), 1, 'the Secret was changed');
  await simulation.world.runUntil(() => false, 10 * minute);
  assert.equal(await runs('fourth'), 1, 'ten minutes have passed');
});

void test('a process that dies between the writing and the deleting of a probe leaves no object, even where the job is deleted meanwhile', async () => {
  for (const deleteJob of [false, true]) {
    const simulation = start([...runtime({}), job('etl', {}, { connections: [lake] })]);
    const atLake = () => simulation.account.objects('acme-lake');
    let dead = false;
    simulation.world.afterStep(() => {
      if (dead || atLake().length === 0) return;
      dead = true;
      simulation.operator.current().process.crash();
      if (deleteJob) simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/etl');
    });
    await until(simulation, 'the probe was written', () => dead);
    assert.equal(atLake().length, 1);
    await until(simulation, 'it is gone', () => (deleteJob ? simulation.jobs().length === 0 : ended(simulation, 'etl') !== undefined));
    assert.deepEqual(probeObjects(simulation), [], deleteJob ? 'job deleted' : 'job runs on');
    assert.ok(probes(simulation).length > 0);
  }
});
