import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planAccess } from '../../../src/core/access/plan.ts';
import { arn, errorsOf, inputOf, jdbc, keys, login, planOf, role, type Sketch, s3 } from './sketch.ts';

/** Field -> part of the message and of what to do. */
const REFUSED: readonly (readonly [field: string, message: RegExp, sketch: Sketch])[] = [
  ['spec.connections[0].connector', /no known connector, and access does not say.*access: Direct/, one({ connector: 'Acme' })],
  ['spec.connections[0].connector', /write AmazonS3$/, one({ connector: 'amazons3', access: 'Indirect' })],
  ['spec.connections[0].connector', /write AmazonS3$/, one({ connector: 'S3' })],
  ['spec.connections[0].connector', /write PostgreSQL$/, one({ connector: 'postgresql' })],
  ['spec.connections[0].connector', /no known connector/, one({ connector: 'constructor' })],
  ['spec.connections[0].connector', /no known connector/, one({ connector: '__proto__' })],
  ['spec.connections[0].connector', /is missing/, one({ connector: undefined })],
  ['spec.connections[0].access', /contradicts connector AmazonS3, which is Direct/, one({ access: 'Indirect', authentication: login() })],
  [
    'spec.connections[0].access',
    /contradicts connector JDBC, which is Indirect/,
    one({ connector: 'JDBC', access: 'Direct', authentication: role('x') }),
  ],
  [
    'spec.connections[0].access',
    /when it is reached by a login/,
    one({ connector: 'AmazonRedshift', access: 'Direct', authentication: login() }),
  ],
  ['spec.connections[0].location', /^abfss:\/\/… .*not in S3/, one({ connector: 'Iceberg', location: 'abfss://user:password@lake/x' })],
  ['spec.connections[0].location', /plain names/, one({ location: 's3://data/acme%2Fraw' })],
  ['spec.connections[0].location', /plain names/, one({ location: 's3://data/\u0430cme/raw' })],
  ['spec.connections[0].location', /plain names/, one({ location: 's3://data//raw' })],
  ['spec.connections[0].location', /plain names/, one({ location: 's3://data/../raw' })],
  [
    'spec.connections[0].location',
    /lies in spec.staging .*not below its organization acme/,
    one({ location: 's3://acme-staging/elastic/acme2/finance' }),
  ],
  ['spec.connections[0].location', /lies in spec.staging/, one({ location: 's3://acme-staging/' })],
  ['spec.connections[0].location', /lies in spec.staging/, one({ location: 's3://acme-staging/elastic' })],
  ['spec.connections[0].location', /lies in spec.logs/, one({ location: 's3://acme-logs/elastic/acmes' })],
  ...['', '/', '/jobs/', '/jobs/other-01234567/access.json', '/elsewhere'].map((below): readonly [string, RegExp, Sketch] => [
    'spec.connections[0].location',
    /lies in the runtime's own folder in spec.logs, s3:\/\/acme-logs\/elastic\/acme\/finance\/analytics, and would be written.*; name a location outside .*usage: Source/,
    one({ usage: below === '' ? 'Target' : 'SourceAndTarget', location: `s3://acme-logs/elastic/acme/finance/analytics${below}` }),
  ]),
  ...['', '/cluster.json', '/jobs/other-01234567/1/stage'].map((below): readonly [string, RegExp, Sketch] => [
    'spec.connections[0].location',
    /lies in the runtime's own folder in spec.staging, .*the cluster info and what other jobs staged lie there/,
    one({ usage: 'Target', location: `s3://acme-staging/elastic/acme/finance/analytics${below}`, authentication: keys() }),
  ]),
  [
    'spec.connections[0].usage',
    /^Target cannot be: ElasticConnection ledger lies in the runtime's own folder in spec.logs.*usage: Source/,
    ledger({ connector: 'AmazonS3', location: 's3://acme-logs/elastic/acme/finance/analytics/jobs' }),
  ],
  ['spec.dependencies[0].uri', /lies in spec.logs/, { dependencies: [{ path: 'a', uri: 's3://acme-logs/elastic/acme2/x' }] }],
  [
    'spec.connections[0].authentication',
    /roleArn, credentials .*more than one identity/,
    one({ authentication: { ...role('x'), ...keys() } }),
  ],
  ['spec.connections[0].authentication', /credentials, properties .*more than one/, one({ authentication: { ...login(), ...keys() } })],
  ['spec.connections[0].authentication.properties', /is a login, but AmazonS3 is direct.*worker role/, one({ authentication: login() })],
  ['spec.connections[0].authentication.properties', /is a login/, one({ connector: 'Acme', access: 'Direct', authentication: login() })],
  ['spec.connections[0].authentication.roleArn', /JDBC is indirect.*properties/, one({ connector: 'JDBC', authentication: role('x') })],
  ['spec.connections[0].authentication.credentials', /Snowflake is indirect/, one({ connector: 'Snowflake', authentication: keys() })],
  [
    'spec.connections[0].authentication.credentials',
    /Acme is indirect/,
    one({ connector: 'Acme', access: 'Indirect', authentication: keys() }),
  ],
  ['spec.connections[0].authentication', /has no properties, but Oracle is indirect.*never as an AWS role/, one({ connector: 'Oracle' })],
  ['spec.connections[0].authentication', /says no source|has no properties/, one({ connector: 'Oracle', authentication: {} })],
  [
    'spec.connections[0].authentication.externalIdSecretRef',
    /without a role/,
    one({ authentication: { externalIdSecretRef: { name: 'x' } } }),
  ],
  ['spec.connections[0].authentication.roleArn', /no IAM role/, one({ authentication: { roleArn: 'arn:aws:iam::111122223333:user/x' } })],
  ['spec.connections[0].authentication.roleArn', /no IAM role/, one({ authentication: { roleArn: 'arn:aws:iam::111122223333:role/*' } })],
  [
    'spec.connections[0].authentication.roleArn',
    /no IAM role/,
    one({ authentication: { roleArn: 'arn:aws:sts::111122223333:assumed-role/x/y' } }),
  ],
  ['spec.connections[0].authentication.roleArn', /no IAM role/, one({ authentication: { roleArn: 'arn:aws:iam::111122223333:role/*/x' } })],
  ['spec.connections[0].authentication.roleArn', /own operator role/, one({ authentication: role('operator') })],
  ['spec.connections[0].authentication.roleArn', /own agent role/, one({ authentication: role('agent') })],
  ['spec.connections[0].authentication.roleArn', /own master role/, one({ authentication: role('master') })],
  [
    'spec.connections[0].authentication.roleArn',
    /own node role/,
    { ...one({ authentication: role('pool/mynode') }), identities: { node: { instanceProfileArn: profile('pool/mynode') } } },
  ],
  [
    'spec.connections[0].authentication.roleArn',
    /own node role/,
    one({ authentication: role('elastic-runtime/finance/analytics/finance.analytics.node') }),
  ],
  ['spec.connections[0].authentication.roleArn', /own worker role.*leave authentication out/, one({ authentication: role('worker') })],
  [
    'spec.connections[0].authentication.roleArn',
    /own master role/,
    { ...one({ authentication: role('elastic-runtime/finance/analytics/finance.analytics.master') }), defaultRoles: true },
  ],
  ['spec.connections[0].authentication.credentials', /says no source/, one({ authentication: { credentials: {} } })],
  [
    'spec.connections[0].authentication.credentials',
    /secretRef, parameterStore says more than one/,
    one({ authentication: { credentials: { secretRef: { name: 'a' }, parameterStore: { name: '/acme/finance/a' } } } }),
  ],
  [
    'spec.connections[0].authentication.credentials.secretRef.name',
    /runtime's own identities/,
    one({ authentication: keys('external-id') }),
  ],
  [
    'spec.connections[0].authentication.credentials.secretRef.name',
    /runtime's own identities/,
    { ...one({ authentication: keys('agent-certificate') }), x509: true },
  ],
  ...[
    '/acme/research/keys',
    '/acme/finance',
    '/acme/finance/',
    '/acme/finance2/keys',
    '/acme2/finance/keys',
    'acme/finance/keys',
    '/acme/finance/../research/keys',
    '/acme/finance//keys',
    '/acme/finance/*',
    '/acme/finance/%2e%2e/research/keys',
    'arn:aws:ssm:us-east-1:111122223333:parameter/acme/finance/keys',
    '/other/acme/finance/keys',
  ].map((name): readonly [string, RegExp, Sketch] => [
    'spec.connections[0].authentication.credentials.parameterStore.name',
    /only below its organization and namespace.*\/acme\/finance\//,
    one({ authentication: { credentials: { parameterStore: { name } } } }),
  ]),
  ...[
    'acme/research/keys-AbCdEf',
    'acme/finance-AbCdEf',
    '//acme/finance/keys-AbCdEf',
    'acme/finance/../research/keys',
    'acme/finance/*',
  ].map((name): readonly [string, RegExp, Sketch] => [
    'spec.connections[0].authentication.credentials.secretsManager.arn',
    /only below its organization and namespace/,
    one({ authentication: { credentials: { secretsManager: { arn: `arn:aws:secretsmanager:us-east-1:111122223333:secret:${name}` } } } }),
  ]),
  [
    'spec.connections[0].authentication.credentials.secretsManager.arn',
    /no ARN of a secret/,
    one({ authentication: { credentials: { secretsManager: { arn: 'acme/finance/keys' } } } }),
  ],
  ['spec.connections[0].usage', /no usage/, one({ usage: 'Sink' })],
  ['spec.connections[0].usage', /no usage/, one({ usage: undefined })],
  ['spec.connections[0].name', /no name for a connection/, one({ name: 'x] [default' })],
  ['spec.connections[0].name', /no name for a connection/, one({ name: '../x' })],
  ['spec.connections[1].name', /another connection/, { connections: [s3('a', 'Source'), s3('a', 'Target', keys())] }],
  ['spec.connections[0].connectionRef.name', /no ElasticConnection of this namespace.*create ElasticConnection ledger/, ledger({})],
  ['spec.connections[0].authentication', /beside connectionRef/, ledger({ connector: 'AmazonS3' }, { authentication: keys() })],
  ['spec.connections[0].connector', /beside connectionRef/, ledger({ connector: 'AmazonS3' }, { connector: 'JDBC' })],
  [
    'spec.connections[0].usage',
    /goes beyond what ElasticConnection ledger is for: Source/,
    ledger({ connector: 'AmazonS3', usage: 'Source' }),
  ],
  ['spec.staging.connection', /no connection of this job.*identity: Worker/, { ...one({}), staging: { connection: 'b' } }],
  ['spec.staging.connection', /neither AWS credentials nor a role/, { ...one({}), staging: { connection: 'a' } }],
  ['spec.staging.connection', /neither AWS credentials nor a role/, { connections: [jdbc('crm')], staging: { connection: 'crm' } }],
  [
    'spec.staging.connection',
    /credentials, and those of another.*name one of: c, b/,
    { connections: [s3('a', 'Target', role('a')), s3('b', 'Source', keys()), s3('c', 'Target', keys())], staging: { connection: 'a' } },
  ],
  [
    'spec.staging.identity',
    /credentials override roles.*connection: a/,
    { ...one({ authentication: keys() }), staging: { identity: 'Worker' } },
  ],
  ...(
    [
      ['arn:aws-cn:secretsmanager:us-east-1:111122223333', /is of partition aws-cn, the runtime of aws; /],
      ['arn:aws:secretsmanager:eu-west-1:111122223333', /is in region eu-west-1, the runtime in us-east-1; name a secret in us-east-1/],
      ['arn:aws:secretsmanager:us-east-1:999900001111', /is of account 999900001111, the runtime of 111122223333; /],
    ] as const
  ).map(([place, message]): readonly [string, RegExp, Sketch] => [
    'spec.connections[0].authentication.properties.secretsManager.arn',
    message,
    atRegion('us-east-1', secret(place)),
  ]),
  ['spec.staging.identity', /no identity for staging/, { staging: { identity: 'Master' } }],
  [
    'spec.staging',
    /both connection and identity/,
    { ...one({ authentication: role('x') }), staging: { connection: 'a', identity: 'Worker' } },
  ],
  ['spec.dependencies[0].path', /\.\./, { dependencies: [{ path: '../x' }] }],
  ['spec.dependencies[1].path', /another dependency/, { dependencies: [{ path: 'x' }, { path: 'x', uri: 's3://bucket/x' }] }],
  [
    'spec.dependencies[0].connection',
    /no connection of this job.*name one of: a/,
    { ...one({}), dependencies: [lib({ connection: 'b' })] },
  ],
  ['spec.dependencies[0].connection', /is indirect/, { connections: [jdbc('crm')], dependencies: [lib({ connection: 'crm' })] }],
  ['spec.dependencies[0].connection', /without a uri/, { ...one({}), dependencies: [{ path: 'x', connection: 'a' }] }],
  ['spec.dependencies[0].uri', /no S3 URI/, { dependencies: [lib({ uri: 'https://example.com/lib.jar' })] }],
  ['spec.dependencies[0].uri', /no object in S3/, { dependencies: [lib({ uri: 's3://bucket/' })] }],
  ['spec.dependencies[0].uri', /"\.\."/, { dependencies: [lib({ uri: 's3://bucket/a/../b' })] }],
];

for (const [field, message, sketch] of REFUSED) {
  test(`refused: ${field}: ${message.source} (${JSON.stringify(sketch).slice(0, 100)})`, () => {
    const errors = errorsOf(sketch);
    assert.equal(errors.length, 1, JSON.stringify(errors));
    const [error] = errors;
    assert.deepEqual([error?.object, error?.field], ['ElasticJob finance/nightly', field]);
    assert.match(`${error?.value} ${error?.message}; ${error?.remedy}`, message);
    assert.ok(error?.message !== '' && error?.remedy !== '');
  });
}

test('allowed: reading in the own folders, writing beside them and around them', () => {
  const logs = 's3://acme-logs/elastic/acme/finance';
  for (const [usage, location] of [
    ['Source', `${logs}/analytics/jobs/`],
    ['Source', 's3://acme-staging/elastic/acme/finance/analytics/jobs/other-01234567/1/stage'],
    ['Target', `${logs}/analytics2/`],
    ['Target', logs],
    ['Target', 's3://acme-other/elastic/acme/finance/analytics/'],
  ] as const)
    planOf(one({ usage, location }));
  planOf({
    connections: [{ name: 'ledger', usage: 'Source', connectionRef: { name: 'ledger' } }],
    references: { ledger: { connector: 'AmazonS3', location: `${logs}/analytics/jobs/` } },
  });
});

test('a mistake in an ElasticConnection is said of that object', () => {
  const [error] = errorsOf(ledger({ connector: 'JDBC', authentication: keys() }));
  assert.deepEqual([error?.object, error?.field], ['ElasticConnection finance/ledger', 'spec.authentication.credentials']);
});

const RUNTIMES: readonly (readonly [field: string, message: RegExp, sketch: Sketch])[] = [
  [
    'spec.identities.master',
    /missing beside identities.worker/,
    { defaultRoles: true, identities: { worker: { roleArn: arn('worker') } } },
  ],
  [
    'spec.identities.worker',
    /missing beside identities.master/,
    { defaultRoles: true, identities: { master: { roleArn: arn('master') } } },
  ],
  ['spec.identities.operator.roleArn', /no IAM role/, { identities: { operator: { roleArn: 'acme-operator' } } }],
  ['spec.identities.worker.roleArn', /role of identities.operator/, { identities: { worker: { roleArn: arn('operator') } } }],
  ...(['agent', 'operator', 'master', 'worker'] as const).map((identity): readonly [string, RegExp, Sketch] => [
    'spec.identities.node.instanceProfileArn',
    new RegExp(`has the role of identities.${identity}, ${arn(identity)}`),
    { identities: { node: { instanceProfileArn: profile(identity) } } },
  ]),
  [
    'spec.identities.agent.x509.endpoint',
    /is in region us-east-1, the runtime and its role alias in eu-west-1; name the host of eu-west-1 /,
    atRegion('eu-west-1', certified('abc.credentials.iot.us-east-1.amazonaws.com')),
  ],
  [
    'spec.staging.kmsKeyArn',
    /is in region eu-west-1, the runtime in us-east-1: .*; name a key in us-east-1/,
    encrypted('staging', 'eu-west-1'),
  ],
  ['spec.logs.kmsKeyArn', /is in region eu-west-1, the runtime in us-east-1/, encrypted('logs', 'eu-west-1')],
  ['spec.staging.uri', /"ab" is no bucket name/, { spec: { staging: { uri: 's3://ab/elastic' } } }],
  [
    'spec.logs.uri',
    /puts the runtime's logs into s3:\/\/one\/acme\/finance\/analytics, which is its folder in staging/,
    at('s3://one', 's3://one/'),
  ],
  [
    'spec.logs.uri',
    /which lies in its folder in staging, s3:\/\/one\/acme\/finance\/analytics: .*; name another folder or another bucket/,
    at('s3://one', 's3://one/acme/finance/analytics/jobs'),
  ],
  ['spec.logs.uri', /which lies around its folder in staging/, at('s3://one/acme/finance/analytics', 's3://one')],
  ['spec.identities.operator.roleArn', /role of identities.agent/, { identities: { operator: { roleArn: arn('agent') } } }],
];
for (const [field, message, sketch] of RUNTIMES) {
  test(`refused runtime: ${field}: ${message.source}`, () => {
    const errors = errorsOf(sketch);
    assert.equal(errors.length, 1, JSON.stringify(errors));
    assert.deepEqual([errors[0]?.object, errors[0]?.field], ['ElasticRuntime finance/analytics', field]);
    assert.match(`${errors[0]?.message}; ${errors[0]?.remedy}`, message);
  });
}

test('allowed: staging and logs in one bucket, in folders that lie apart', () => {
  for (const [staging, logs] of [
    ['s3://one/elastic', 's3://one/logs'],
    ['s3://one', 's3://one/logs'],
    ['s3://one/elastic', 's3://one/elastic2'],
    ['s3://one/elastic', 's3://one/elastic/acme/finance/analytics2'],
    ['s3://one/elastic', 's3://two/elastic'],
  ] as const)
    planOf(at(staging, logs));
});

test('refused: an organization that is no slug', () => {
  const { runtime, job } = inputOf({});
  const result = planAccess({ runtime: { ...runtime, spec: { ...runtime.spec, organization: 'acme/finance' } }, job });
  assert.ok(!result.ok && result.errors[0]?.field === 'spec.organization');
});

test('refused: a runtime of another namespace, and another runtime', () => {
  const { runtime, job } = inputOf({});
  for (const metadata of [
    { name: 'analytics', namespace: 'research' },
    { name: 'other', namespace: 'finance' },
  ]) {
    const result = planAccess({ runtime: { ...runtime, metadata }, job });
    assert.ok(!result.ok);
    assert.deepEqual(
      result.errors.map(({ field }) => field),
      ['spec.runtime'],
    );
  }
});

test('all that is wrong with connections is said at once, and nothing that follows from it', () => {
  const errors = errorsOf({
    connections: [s3('a', 'Source', login()), { name: 'b', usage: 'Source', connector: 'Oracle' }],
    staging: { connection: 'a' },
    dependencies: [lib({ connection: 'b' })],
  });
  assert.deepEqual(
    errors.map(({ field }) => field),
    ['spec.connections[0].authentication.properties', 'spec.connections[1].authentication'],
  );
});

function one(more: Readonly<Record<string, unknown>>): Sketch {
  return { connections: [{ ...s3('a', 'Source'), ...more }] };
}

function ledger(spec: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}): Sketch {
  return {
    connections: [{ name: 'ledger', usage: 'Target', connectionRef: { name: 'ledger' }, ...more }],
    references: Object.keys(spec).length === 0 ? {} : { ledger: spec },
  };
}

function at(staging: string, logs: string): Sketch {
  return { spec: { staging: { uri: staging }, logs: { uri: logs } } };
}

function atRegion(region: string, more: Sketch = {}): Sketch {
  return { ...more, spec: { region } };
}

function certified(endpoint: string): Pick<Sketch, 'identities'> {
  return { identities: { agent: { roleArn: arn('agent'), x509: { endpoint } } } };
}

function encrypted(field: 'staging' | 'logs', region: string): Sketch {
  const kmsKeyArn = `arn:aws:kms:${region}:111122223333:key/1`;
  return { spec: { region: 'us-east-1', [field]: { uri: `s3://acme-${field}/elastic`, kmsKeyArn } } };
}

function secret(place: string): Sketch {
  const arn = `${place}:secret:acme/finance/crm-AbCdEf`;
  return one({ connector: 'JDBC', authentication: { properties: { secretsManager: { arn } } } });
}

test('what lies in the region of the runtime is taken', () => {
  planOf(encrypted('staging', 'us-east-1'));
  planOf(encrypted('logs', 'us-east-1'));
  planOf(atRegion('us-east-1', certified('abc.credentials.iot.us-east-1.amazonaws.com')));
  planOf(atRegion('cn-north-1', certified('abc.credentials.iot.cn-north-1.amazonaws.com.cn')));
  planOf(atRegion('us-east-1', secret('arn:aws:secretsmanager:us-east-1:111122223333')));
  const elsewhere = { worker: { roleArn: 'arn:aws:iam::444455556666:role/worker' } };
  planOf(atRegion('us-east-1', { ...secret('arn:aws:secretsmanager:us-east-1:444455556666'), identities: elsewhere }));
});

function profile(name: string): string {
  return arn(name).replace(':role/', ':instance-profile/');
}

function lib(more: Readonly<Record<string, string>>) {
  return { path: 'lib.jar', uri: 's3://bucket/lib.jar', ...more };
}

test('an init script in the folder of another organization is the runtime’s mistake', () => {
  const [error] = errorsOf({ initScript: true, script: 's3://acme-staging/elastic/acme2/init.sh' });
  assert.deepEqual([error?.object, error?.field], ['ElasticRuntime finance/analytics', 'spec.initScript.uri']);
  assert.match(error?.message ?? '', /lies in spec\.staging, but not below the organization acme$/);
});
