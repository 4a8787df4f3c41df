import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessOf, arn, jdbc, keyOf, keys, login, planOf, role, type Sketch, s3 } from './sketch.ts';

/** What one sketch leads to: `phase resource action` -> `identity via chain`, or `none` where no such access is planned. */
type Case = readonly [name: string, sketch: Sketch, rows: Readonly<Record<string, string>>];

const asWorker = 'worker AssumeRole agent>operator>worker';
const asMaster = 'master AssumeRole agent>operator>master';
const asOperator = 'operator AssumeRole agent>operator';
const parameter = { parameterStore: { name: '/acme/finance/keys' } };
const secret = { secretsManager: { arn: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/finance/login-AbCdEf' } };

const CASES: readonly Case[] = [
  [
    'a job without connections',
    {},
    {
      'Create staging read': asWorker,
      'Create staging write': asWorker,
      'Create staging list': asWorker,
      'Create staging delete': asWorker,
      'Create log read': asWorker,
      'Create log write': asWorker,
      'Create log list': asWorker,
      'Create log delete': asWorker,
      'Create init-script read': 'none',
      'Create cluster-info write': asOperator,
      'Create cluster-resources create': asOperator,
      'Run dependencies write': 'none',
      'Run staging read': 'worker IRSA worker',
      'Run staging write': 'worker IRSA worker',
      'Run volumes grow': asWorker,
      'Run nodes scale': asMaster,
      'Run log:worker write': 'worker Broker agent>operator>worker',
      'Run log:master write': 'master Broker agent>operator>master',
      'Complete log:agent write': 'agent IRSA agent',
      'Poll log read': 'agent IRSA agent',
      'Poll log list': 'agent IRSA agent',
    },
  ],
  [
    'default roles: nothing to verify, the same identities otherwise',
    { defaultRoles: true, initScript: true },
    {
      'Create staging read': 'none',
      'Create staging write': 'none',
      'Create log list': 'none',
      'Create log delete': 'none',
      'Create init-script read': 'master AssumeRole agent>operator>finance.analytics.master',
      'Create cluster-info write': asOperator,
      'Run staging write': 'worker IRSA finance.analytics.worker',
      'Run nodes scale': 'master AssumeRole agent>operator>finance.analytics.master',
      'Run volumes grow': 'worker AssumeRole agent>operator>finance.analytics.worker',
    },
  ],
  ['an init script is read as master', { initScript: true }, { 'Create init-script read': asMaster }],
  [
    'an X.509 agent',
    { x509: true, connections: [s3('raw', 'Source'), s3('lake', 'Target', role('lake-writer'))] },
    {
      'Design connection:raw read': 'agent X509 agent',
      'Design connection:lake read': 'connectionRole:lake AssumeRole agent>lake-writer',
      'Create cluster-info write': asOperator,
      'Run connection:raw read': 'worker IRSA worker',
      'Complete log:agent write': 'agent X509 agent',
      'Poll log read': 'agent X509 agent',
    },
  ],
  [
    'direct, without an identity: agent at design time, worker at run time',
    { connections: [s3('raw', 'Source'), s3('lake', 'Target'), s3('both', 'SourceAndTarget')] },
    {
      'Design connection:raw read': 'agent IRSA agent',
      'Design connection:lake read': 'agent IRSA agent',
      'Design connection:lake write': 'none',
      'Run connection:raw read': 'worker IRSA worker',
      'Run connection:raw write': 'none',
      'Run connection:lake write': 'worker IRSA worker',
      'Run connection:lake read': 'none',
      'Run connection:both read': 'worker IRSA worker',
      'Run connection:both write': 'worker IRSA worker',
      'Run staging write': 'worker IRSA worker',
      'Poll log read': 'agent IRSA agent',
    },
  ],
  [
    'direct, with a role: assumed from the agent at design time, from the worker at run time',
    { connections: [s3('raw', 'Source', role('reader'))] },
    {
      'Design connection:raw read': 'connectionRole:raw AssumeRole agent>reader',
      'Run connection:raw read': 'connectionRole:raw AssumeRole worker>reader',
      'Run staging read': 'connectionRole:raw AssumeRole worker>reader',
      'Run staging write': 'connectionRole:raw AssumeRole worker>reader',
      'Poll log read': 'agent IRSA agent',
    },
  ],
  [
    'direct, with keys: they also reach staging and poll logs',
    { connections: [s3('raw', 'Source', keys())] },
    {
      'Design connection:raw read': 'connectionCredentials:raw Secret -',
      'Design connection-secret:raw read': 'none',
      'Run connection:raw read': 'connectionCredentials:raw Secret -',
      'Run connection-secret:raw read': 'none',
      'Run staging read': 'connectionCredentials:raw Secret -',
      'Run staging write': 'connectionCredentials:raw Secret -',
      'Run log:worker write': 'worker Broker agent>operator>worker',
      'Complete log:agent write': 'agent IRSA agent',
      'Poll log read': 'connectionCredentials:raw Secret -',
      'Poll log list': 'connectionCredentials:raw Secret -',
    },
  ],
  [
    'indirect: its login, and nothing else changes',
    { connections: [jdbc('crm', 'SourceAndTarget')] },
    {
      'Design connection:crm read': 'connectionProperties:crm Secret -',
      'Run connection:crm read': 'connectionProperties:crm Secret -',
      'Run connection:crm write': 'connectionProperties:crm Secret -',
      'Run staging read': 'worker IRSA worker',
      'Poll log read': 'agent IRSA agent',
    },
  ],
  [
    'an open system has the identity of its (empty) properties, never a role',
    { connections: [{ name: 'feed', usage: 'Source', connector: 'Http' }] },
    {
      'Design connection:feed read': 'connectionProperties:feed Secret -',
      'Run connection:feed read': 'connectionProperties:feed Secret -',
    },
  ],
  [
    'credentials override a role, in whatever order they are listed',
    { connections: [s3('lake', 'Target', role('writer')), s3('raw', 'Source', keys())] },
    {
      'Run connection:lake write': 'connectionRole:lake AssumeRole worker>writer',
      'Run staging write': 'connectionCredentials:raw Secret -',
      'Poll log read': 'connectionCredentials:raw Secret -',
    },
  ],
  [
    'of several credentials the first target is taken',
    { connections: [s3('a', 'Source', keys()), s3('b', 'Target', keys()), s3('c', 'Target', keys())] },
    { 'Run staging read': 'connectionCredentials:b Secret -', 'Poll log read': 'connectionCredentials:b Secret -' },
  ],
  [
    'of several credential sources the first one',
    { connections: [s3('a', 'Source'), s3('b', 'Source', keys()), s3('c', 'Source', keys())] },
    { 'Run staging read': 'connectionCredentials:b Secret -' },
  ],
  [
    'both ways counts as a target',
    { connections: [s3('a', 'Source', keys()), s3('b', 'SourceAndTarget', keys()), s3('c', 'Target', keys())] },
    { 'Run staging read': 'connectionCredentials:b Secret -' },
  ],
  [
    'of several roles the first target is taken',
    { connections: [s3('a', 'Source', role('a')), s3('b', 'Target'), s3('c', 'Target', role('c')), s3('d', 'Target', role('d'))] },
    { 'Run staging write': 'connectionRole:c AssumeRole worker>c', 'Run connection:b write': 'worker IRSA worker' },
  ],
  [
    'a role of a source comes before the worker, though the target has none',
    { connections: [s3('clicks', 'Source', role('clicks-reader')), s3('lake', 'Target')] },
    { 'Run staging write': 'connectionRole:clicks AssumeRole worker>clicks-reader' },
  ],
  [
    'staging names credentials',
    { connections: [s3('a', 'Target', keys()), s3('b', 'Source', keys())], staging: { connection: 'b' } },
    { 'Run staging read': 'connectionCredentials:b Secret -', 'Poll log read': 'connectionCredentials:b Secret -' },
  ],
  [
    'staging names a role',
    { connections: [s3('a', 'Target', role('a')), s3('b', 'Source', role('b'))], staging: { connection: 'b' } },
    { 'Run staging read': 'connectionRole:b AssumeRole worker>b', 'Poll log read': 'agent IRSA agent' },
  ],
  [
    'staging asks for the worker role',
    { connections: [s3('a', 'Target', role('a'))], staging: { identity: 'Worker' } },
    { 'Run staging read': 'worker IRSA worker', 'Run connection:a write': 'connectionRole:a AssumeRole worker>a' },
  ],
  [
    'an empty staging asks for nothing',
    { connections: [s3('a', 'Target', role('a'))], staging: {} },
    { 'Run staging read': 'connectionRole:a AssumeRole worker>a' },
  ],
  [
    'keys in Parameter Store are read as worker by whoever uses them',
    { connections: [s3('raw', 'Source', { credentials: parameter })] },
    {
      'Design connection-secret:raw read': asWorker,
      'Run connection-secret:raw read': 'worker IRSA worker',
      'Poll connection-secret:raw read': asWorker,
      'Run connection:raw read': 'connectionCredentials:raw Secret -',
      'Run staging read': 'connectionCredentials:raw Secret -',
    },
  ],
  [
    'a login in Secrets Manager is read as worker; logs have nothing to do with it',
    { connections: [{ name: 'crm', usage: 'Source', connector: 'Oracle', authentication: { properties: secret } }] },
    {
      'Design connection-secret:crm read': asWorker,
      'Run connection-secret:crm read': 'worker IRSA worker',
      'Poll connection-secret:crm read': 'none',
      'Run connection:crm read': 'connectionProperties:crm Secret -',
    },
  ],
  [
    'only the keys that poll logs are read for that',
    { connections: [s3('a', 'Target', keys()), s3('b', 'Source', { credentials: parameter })] },
    { 'Poll connection-secret:b read': 'none', 'Poll log read': 'connectionCredentials:a Secret -' },
  ],
  [
    'a secret with the default worker role',
    { defaultRoles: true, connections: [{ ...jdbc('crm'), authentication: { properties: parameter } }] },
    { 'Run connection-secret:crm read': 'worker IRSA finance.analytics.worker' },
  ],
  [
    'dependencies',
    {
      connections: [s3('open', 'Source'), s3('shared', 'Source', role('artifacts')), s3('bought', 'Target', keys())],
      dependencies: [
        { path: 'app/etl.py' },
        { path: 'app/a.jar', uri: 's3://artifacts/a.jar' },
        { path: 'app/b.jar', uri: 's3://artifacts/b.jar', connection: 'shared' },
        { path: 'app/c.jar', uri: 's3://artifacts/c.jar', connection: 'bought' },
        { path: 'app/d.jar', uri: 's3://artifacts/d.jar', connection: 'open' },
      ],
    },
    {
      'Run dependencies write': asOperator,
      'Run dependency:app/etl.py read': 'none',
      'Run dependency:app/a.jar read': asWorker,
      'Run dependency:app/b.jar read': 'connectionRole:shared AssumeRole agent>operator>worker>artifacts',
      'Run dependency:app/c.jar read': 'connectionCredentials:bought Secret -',
      'Run dependency:app/d.jar read': asWorker,
      'Run staging read': 'connectionCredentials:bought Secret -',
    },
  ],
  ['a dependency of a ConfigMap alone', { dependencies: [{ path: 'a.py' }] }, { 'Run dependencies write': asOperator }],
  [
    'Redshift with a role is direct',
    { connections: [{ name: 'dw', usage: 'Target', connector: 'AmazonRedshift', authentication: role('dw') }] },
    { 'Run connection:dw write': 'connectionRole:dw AssumeRole worker>dw', 'Run staging write': 'connectionRole:dw AssumeRole worker>dw' },
  ],
  [
    'Redshift with a database login is reached by that alone',
    { connections: [{ name: 'dw', usage: 'Target', connector: 'AmazonRedshift', authentication: login() }] },
    {
      'Design connection:dw read': 'connectionProperties:dw Secret -',
      'Run connection:dw write': 'connectionProperties:dw Secret -',
      'Run staging write': 'worker IRSA worker',
      'Poll log read': 'agent IRSA agent',
    },
  ],
  [
    'keys of a direct connection that is not S3 reach staging, too',
    { connections: [{ name: 'events', usage: 'Source', connector: 'Kinesis', authentication: keys() }] },
    { 'Run staging write': 'connectionCredentials:events Secret -', 'Poll log list': 'connectionCredentials:events Secret -' },
  ],
  [
    'an unknown connector that says direct',
    { connections: [{ name: 'x', usage: 'Source', connector: 'Acme', access: 'Direct' }] },
    { 'Design connection:x read': 'agent IRSA agent', 'Run connection:x read': 'worker IRSA worker' },
  ],
  [
    'an unknown connector that says indirect',
    { connections: [{ name: 'x', usage: 'Source', connector: 'Acme', access: 'Indirect', authentication: login() }] },
    { 'Run connection:x read': 'connectionProperties:x Secret -' },
  ],
  [
    'a reference is what it names; the rows bear the name that the job gives it',
    {
      connections: [{ name: 'books', usage: 'Target', connectionRef: { name: 'ledger' } }],
      references: { ledger: { connector: 'AmazonS3', location: 's3://ledger/', authentication: role('ledger-writer') } },
    },
    {
      'Design connection:books read': 'connectionRole:books AssumeRole agent>ledger-writer',
      'Run connection:books write': 'connectionRole:books AssumeRole worker>ledger-writer',
      'Run staging write': 'connectionRole:books AssumeRole worker>ledger-writer',
    },
  ],
];

for (const [name, sketch, rows] of CASES) {
  const planned = new Map(planOf(sketch).rows.map((row) => [keyOf(row), accessOf(row)]));
  for (const [key, access] of Object.entries(rows)) {
    test(`${name}: ${key} -> ${access}`, () => assert.equal(planned.get(key) ?? 'none', access));
  }
}

const SECURITY: readonly (readonly [string, Sketch])[] = [
  ['Indirect', {}],
  ['Indirect', { connections: [jdbc('crm')] }],
  ['Indirect', { connections: [{ name: 'dw', usage: 'Target', connector: 'AmazonRedshift', authentication: login() }] }],
  ['Role', { connections: [s3('raw', 'Source')] }],
  ['Role', { connections: [jdbc('crm'), s3('raw', 'Source', role('reader'))] }],
  ['Credential', { connections: [s3('raw', 'Source', role('reader')), s3('lake', 'Target', keys())] }],
  ['Credential', { connections: [jdbc('crm'), { name: 'q', usage: 'Source', connector: 'Athena', authentication: keys() }] }],
];
for (const [type, sketch] of SECURITY) {
  test(`${type}: ${JSON.stringify(sketch)}`, () => assert.equal(planOf(sketch).securityType, type));
}

const STAGING_RULES: readonly (readonly [string, Sketch])[] = [
  ['staging-worker', {}],
  ['staging-connection-role', { connections: [s3('a', 'Source', role('a'))] }],
  ['staging-named-role', { connections: [s3('a', 'Source', role('a'))], staging: { connection: 'a' } }],
  ['staging-asked-worker', { connections: [s3('a', 'Source', role('a'))], staging: { identity: 'Worker' } }],
  ['staging-credentials-override', { connections: [s3('a', 'Source', keys())] }],
  ['staging-named-credentials', { connections: [s3('a', 'Source', keys())], staging: { connection: 'a' } }],
];
for (const [rule, sketch] of STAGING_RULES) {
  test(`the plan records that ${rule} chose staging`, () => {
    const plan = planOf(sketch);
    assert.ok(plan.staging.rule.startsWith(`${rule}: `), plan.staging.rule);
    const row = plan.rows.find((one) => one.phase === 'Run' && one.resource === 'staging');
    assert.deepEqual([row?.rule, row?.identity], [plan.staging.rule, plan.staging.identity]);
  });
}

test('what a plan cannot hold to is said', () => {
  assert.deepEqual(planOf({}).notes, []);
  const { notes } = planOf({ x509: true, defaultRoles: true, connections: [s3('a', 'Source', keys())] });
  assert.deepEqual(
    notes.map((note) => note.split(':')[0]),
    ['agent', 'connection a', 'master, worker'],
  );
});

test('the names of default roles: the account of the operator role, at most 64 characters, apart from each other', () => {
  const plan = planOf({ defaultRoles: true, identities: { operator: { roleArn: 'arn:aws-cn:iam::999988887777:role/team/operator' } } });
  assert.equal(
    plan.principals.roles.worker,
    'arn:aws-cn:iam::999988887777:role/elastic-runtime/finance/analytics/finance.analytics.worker',
  );
  assert.equal(
    plan.principals.roles.master,
    'arn:aws-cn:iam::999988887777:role/elastic-runtime/finance/analytics/finance.analytics.master',
  );
  assert.equal(planOf({}).principals.roles.worker, arn('worker'));
});
