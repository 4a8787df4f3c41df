import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runExplain } from '../../src/cli/explain.ts';
import { type IamRun, iam, variants, withCertificate } from './support/iam-variants.ts';

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

/** What explain says of it, and that it is refused. */
async function explained(text: string): Promise<readonly string[]> {
  const err: string[] = [];
  const code = await runExplain(
    { files: ['0.yaml'], output: 'json' },
    {
      readFile: () => Promise.resolve(text),
      readDir: () => Promise.resolve(undefined),
      stdin: () => Promise.resolve(''),
      stdout: () => undefined,
      stderr: (line) => err.push(line),
    },
  );
  assert.equal(code, 2);
  return err.map((line) => line.replace(/^explain: /, ''));
}

const onlyData = `---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticRuntimeClass
metadata: { name: default }
spec: { allowed: { x509: Allowed, uris: ["s3://acme-*"], connectionRoleArns: ["arn:aws:iam::111122223333:role/*-reader"] } }
`;

const REFUSED: readonly (readonly [why: string, text: string, says: RegExp])[] = [
  [
    'a folder of another organization',
    withJob('{ name: x, usage: Source, connector: AmazonS3, location: s3://acme-staging/elastic/acme2/x/ }'),
    /ElasticJob finance\/more: spec\.connections\[0\]\.location: "s3:\/\/acme-staging\/elastic\/acme2\/x\/" lies in spec\.staging/,
  ],
  [
    'all of staging',
    withJob('{ name: x, usage: SourceAndTarget, connector: AmazonS3, location: s3://acme-staging/ }'),
    /spec\.connections\[0\]\.location: .*lies in spec\.staging/,
  ],
  [
    'an init script of another organization',
    finance.replace('  network:', `  initScript: { uri: s3://acme-staging/elastic/acme2/init.sh, sha256: ${'a'.repeat(64)} }\n  network:`),
    /ElasticRuntime finance\/analytics: spec\.initScript\.uri: .*lies in spec\.staging/,
  ],
  ...(['agent', 'operator', 'master', 'worker'] as const).map((own): readonly [string, string, RegExp] => [
    `the ${own} role as a connection's`,
    withJob(source(`acme-${own}`)),
    new RegExp(`spec\\.connections\\[0\\]\\.authentication\\.roleArn: .*the runtime's own ${own} role`),
  ]),
  ...(['agent', 'operator', 'master'] as const).map((other): readonly [string, string, RegExp] => [
    `the ${other} role as the worker's`,
    finance.replace('role/acme-worker', `role/acme-${other}`),
    new RegExp(`ElasticRuntime finance/analytics: spec\\.identities\\.worker\\.roleArn: .*is the role of identities\\.${other}, too`),
  ]),
  [
    'a connection that does not exist',
    withJob('{ name: x, usage: Source, connectionRef: { name: nothere } }'),
    /spec\.connections\[0\]\.connectionRef\.name: "nothere" names no ElasticConnection/,
  ],
  [
    'a runtime that does not exist',
    finance.replace('runtime: analytics', 'runtime: other'),
    /ElasticJob finance\/nightly-orders: spec\.runtime: "other": no ElasticRuntime of this name/,
  ],
  [
    'a location that the class does not allow',
    withJob('{ name: x, usage: Source, connector: AmazonS3, location: s3://others/y/ }') + onlyData,
    /ElasticRuntimeClass default: connection x: location "s3:\/\/others\/y\/": not among what the class allows/,
  ],
  [
    'a role that the class does not allow',
    withJob(source('path/x')) + onlyData,
    /ElasticRuntimeClass default: connection x: authentication\.roleArn .*not among what the class allows/,
  ],
  [
    'a place in S3 by the name of a driver',
    finance.replace('s3://acme-clicks/', 's3a://acme-clicks/'),
    /spec\.connections\[0\]\.location: "s3a:\/\/acme-clicks\/": use s3:\/\/<bucket>/,
  ],
  [
    'a version of an object',
    finance.replace('s3://acme-clicks/', 's3://acme-clicks/a?versionId=1'),
    /spec\.connections\[0\]\.location: "s3:\/\/acme-clicks\/a\?versionId=1": use s3/,
  ],
  [
    'a bucket of two characters',
    finance.replace('s3://acme-clicks/', 's3://ab/x/'),
    /spec\.connections\[0\]\.location: "s3:\/\/ab\/x\/": use .*; "ab" is no bucket name: 3 to 63 /,
  ],
  [
    'a bucket of two characters of the runtime',
    finance.replace('s3://acme-staging/elastic', 's3://ab/elastic'),
    /spec\.staging\.uri: "s3:\/\/ab\/elastic": use .*; "ab" is no bucket name: 3 to 63 /,
  ],
  ...['/acme/finance/x:3', '/acme/finance/*', '/acme/finance/', 'arn:aws:ssm:us-east-1:111122223333:parameter/x'].map(
    (name): readonly [string, string, RegExp] => [
      `${name} as a parameter`,
      finance.replace('secretRef: { name: crm-login }', `parameterStore: { name: "${name}" }`),
      new RegExp(`parameterStore\\.name: "${name.replaceAll('*', '\\*')}": use a parameter below`),
    ],
  ),
  [
    'a secret with a wildcard',
    finance.replace(
      'secretRef: { name: crm-login }',
      'secretsManager: { arn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:acme/finance/*" }',
    ),
    /secretsManager\.arn: "arn:aws:secretsmanager:us-east-1:111122223333:secret:acme\/finance\/\*": use the ARN/,
  ],
];

for (const [why, text, says] of REFUSED) {
  void test(`no IAM for what explain and the operator refuse: ${why}`, async () => {
    const { code, out, err } = await generated(text);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err.join('\n'), says);
    assert.deepEqual(
      err.map((line) => line.replace(/^iam: /, '')),
      await explained(text),
    );
  });
}

/** A second runtime of the namespace, with roles of its own; `change` makes the conflict. */
function second(change: (text: string) => string = (text) => text): string {
  const from = finance.indexOf('apiVersion: elasticruntime.dev/v1alpha1');
  const runtime = finance.slice(from, finance.indexOf('---', from));
  return `---\n${change(runtime.replaceAll('role/acme-', 'role/other-').replace('name: analytics', 'name: other'))}`;
}

/** The runtime as another organization's, with a key of its own. */
function ofBeta(text: string): string {
  return text.replace('organization: acme', 'organization: beta').replaceAll('key/0d9f7a10', 'key/beta7a10');
}

/** A job of the second runtime. */
function theirJob(connections: string, more = ''): string {
  return `---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticJob
metadata: { name: theirs, namespace: finance }
spec:
  runtime: other
  connections: [${connections}]
  master: { template: { spec: { containers: [{ name: main, image: "registry.example.com/etl:1" }] } } }
${more}`;
}

const byWorker = '  staging: { identity: Worker }\n';

const role = (name: string): string => `"arn:aws:iam::111122223333:role/${name}"`;
const ledger = `---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticConnection
metadata: { name: ledger, namespace: finance }
spec: { connector: AmazonS3, location: s3://acme-ledger/, authentication: { roleArn: ${role('other-worker')} } }
`;

const CONFLICTS: readonly (readonly [why: string, text: string, says: RegExp])[] = [
  ...(['agent', 'operator', 'master', 'worker'] as const).map((identity): readonly [string, string, RegExp] => [
    `the ${identity} role of another runtime as a connection's`,
    withJob(source(`other-${identity}`)) + second(),
    new RegExp(
      `ElasticJob finance/more: spec\\.connections\\[0\\]\\.authentication\\.roleArn: ${role(`other-${identity}`)} is the ${identity} role of ElasticRuntime finance/other, and ElasticRuntime finance/analytics would become it: name a role of the data`,
    ),
  ]),
  [
    'the node role of another runtime as a connection role',
    withJob(source('theirs')) +
      second((text) =>
        text.replace('worker: {', 'node: { instanceProfileArn: "arn:aws:iam::111122223333:instance-profile/theirs" }\n    worker: {'),
      ),
    /"[^"]*role\/theirs" is the node role of ElasticRuntime finance\/other/,
  ],
  [
    "an organization's folder in another one's",
    finance + second((text) => ofBeta(text).replace('s3://acme-staging/elastic', 's3://acme-logs/elastic/acme')),
    /ElasticRuntime finance\/other: spec\.staging\.uri: "s3:\/\/acme-logs\/elastic\/acme": s3:\/\/acme-logs\/elastic\/acme\/beta of organization beta lies in s3:\/\/acme-logs\/elastic\/acme of organization acme \(ElasticRuntime finance\/analytics\)/,
  ],
  [
    'one role alias for two agent roles',
    withCertificate(finance) +
      second((text) => withCertificate(text.replace('other-agent', 'acme-agent')).replace('role/acme-agent', 'role/other-agent')),
    /ElasticRuntime finance\/other: spec\.identities\.agent\.x509\.roleAlias: "acme-agent" stands for [^ ]*role\/other-agent here, and for [^ ]*role\/acme-agent in ElasticRuntime finance\/analytics/,
  ],
  [
    'a role with an external ID and without',
    withJob(source('orders-reader').replace('orders-reader"', 'orders-reader", externalIdSecretRef: { name: ext, key: id }')),
    /ElasticJob finance\/nightly-orders: spec\.connections\[0\]\.authentication\.externalIdSecretRef: is missing: ElasticJob finance\/more: spec\.connections\[0\]\.authentication gives one for [^ ]*orders-reader"/,
  ],
  [
    'the worker role of another runtime in an ElasticConnection',
    withJob('{ name: x, usage: Source, connectionRef: { name: ledger } }') + ledger + second(),
    /ElasticConnection finance\/ledger: spec\.authentication\.roleArn: .*worker role of ElasticRuntime finance\/other/,
  ],
  ...(['acme-logs', 'acme-staging'] as const).map((bucket): readonly [string, string, RegExp] => [
    `writing in the own folder of another runtime in ${bucket}`,
    withJob(`{ name: x, usage: Target, connector: AmazonS3, location: s3://${bucket}/elastic/acme/finance/other/jobs/ }`) + second(),
    new RegExp(
      `ElasticJob finance/more: spec\\.connections\\[0\\]\\.location: "[^"]*" lies in s3://${bucket}/elastic/acme/finance/other, the own folder of ElasticRuntime finance/other in its spec\\.${bucket.slice(5)}, and ElasticRuntime finance/analytics would write there: name a location outside`,
    ),
  ]),
  [
    'writing in the own folder of another runtime through an ElasticConnection',
    withJob('{ name: x, usage: Target, connectionRef: { name: ledger } }') +
      ledger.replace(/authentication: .*/, '}').replace('s3://acme-ledger/', 's3://acme-logs/elastic/acme/finance/other/') +
      second(),
    /ElasticConnection finance\/ledger: spec\.location: .*would write there/,
  ],
  ...(
    [
      ['master', 'master'],
      ['worker', 'worker'],
      ['master', 'worker'],
      ['worker', 'operator'],
      ['agent', 'worker'],
    ] as const
  ).map(([identity, theirs]): readonly [string, string, RegExp] => [
    `the ${theirs} role of an organization as the ${identity} role of another`,
    finance + second((text) => ofBeta(text).replace(`role/other-${identity}`, `role/acme-${theirs}`)),
    new RegExp(
      `ElasticRuntime finance/other: spec\\.identities\\.${identity}\\.roleArn: ${role(`acme-${theirs}`)} is the ${theirs} role of ElasticRuntime finance/analytics, too: a session of organization beta would reach what is of organization acme.*: give each organization a role of its own`,
    ),
  ]),
  [
    'one key for two organizations',
    finance + second((text) => ofBeta(text).replace('key/beta7a10', 'key/0d9f7a10')),
    /ElasticRuntime finance\/other: spec\.staging\.kmsKeyArn: "arn:aws:kms:[^"]*key\/0d9f7a10[^"]*" is spec\.staging\.kmsKeyArn of ElasticRuntime finance\/analytics, too: .*: give each organization a key of its own/,
  ],
  [
    "a connection's role that reaches staging of both organizations",
    finance + second(ofBeta) + theirJob(source('clicks-reader')),
    /ElasticJob finance\/theirs: spec\.connections\[0\]\.authentication\.roleArn: "[^"]*clicks-reader" is the role of ElasticJob finance\/hourly-clicks: spec\.connections\[0\]\.authentication, too: for ElasticJob finance\/hourly-clicks it reaches staging in s3:\/\/acme-staging\/elastic\/acme of organization acme, and ElasticJob finance\/theirs of organization beta would have it: give each organization a role of its own/,
  ],
  [
    "a connection's role that reaches staging of one organization",
    finance + second(ofBeta) + theirJob(source('orders-reader')),
    /ElasticJob finance\/theirs: .*orders-reader" is the role of ElasticJob finance\/nightly-orders: .*for ElasticJob finance\/theirs it reaches staging in s3:\/\/acme-staging\/elastic\/beta of organization beta, and ElasticJob finance\/nightly-orders of organization acme/,
  ],
  [
    "a connection's role at a location of one organization",
    withJob(source('shared').replace('s3://acme-x/y/', 's3://acme-staging/elastic/acme/data/')).replace(/$/, byWorker) +
      second(ofBeta) +
      theirJob(source('shared'), byWorker),
    /ElasticJob finance\/theirs: .*it reaches s3:\/\/acme-staging\/elastic\/acme\/data\/ of organization acme/,
  ],
  [
    'a location in the folder of another organization',
    finance +
      second((text) => ofBeta(text).replace('s3://acme-staging/', 's3://beta-staging/').replace('s3://acme-logs/', 's3://beta-logs/')) +
      theirJob('{ name: x, usage: Source, connector: AmazonS3, location: s3://acme-logs/elastic/acme/finance/ }'),
    /ElasticJob finance\/theirs: spec\.connections\[0\]\.location: "s3:\/\/acme-logs\/elastic\/acme\/finance\/" meets s3:\/\/acme-logs\/elastic\/acme of organization acme \(ElasticRuntime finance\/analytics\), and ElasticRuntime finance\/other is of organization beta: name a place outside/,
  ],
  [
    'a dependency in the folder of another organization',
    finance +
      second((text) => ofBeta(text).replace('s3://acme-staging/', 's3://beta-staging/').replace('s3://acme-logs/', 's3://beta-logs/')) +
      theirJob('', '  dependencies: [{ path: lib.jar, uri: s3://acme-staging/elastic/acme/lib.jar }]\n'),
    /ElasticJob finance\/theirs: spec\.dependencies\[0\]\.uri: .* meets s3:\/\/acme-staging\/elastic\/acme of organization acme/,
  ],
];

for (const [why, text, says] of CONFLICTS) {
  void test(`what is wrong beside another runtime or job is refused: ${why}`, async () => {
    const { code, out, err } = await generated(text);
    assert.deepEqual([code, out, err.length], [2, '', 1], err.join('\n'));
    assert.match(err.join('\n'), says);
  });
}

void test('two runtimes beside each other are no conflict', async () => {
  const { code, err } = await generated(finance + second());
  assert.deepEqual([code, err], [0, []]);
});

void test('organizations may share agent and operator, a bucket, and a role of data that reaches nothing of either', async () => {
  const shared = (text: string): string =>
    ofBeta(text).replace('role/other-agent', 'role/acme-agent').replace('role/other-operator', 'role/acme-operator');
  const { code, out, err } = await generated(
    withJob(source('shared')).replace(/$/, byWorker) + second(shared) + theirJob(source('shared'), byWorker),
  );
  assert.deepEqual([code, err], [0, []]);
  const documents = JSON.parse(out) as Readonly<Record<string, unknown>>;
  assert.doesNotMatch(JSON.stringify(documents['shared.permissions']), /acme-staging|acme-logs|0d9f7a10|beta7a10/);
  assert.match(JSON.stringify(documents['clicks-reader.permissions']), /acme-staging\/elastic\/acme\/finance\/analytics/);
});

void test("reading in another runtime's own folder is its organization's affair", async () => {
  const { code, err } = await generated(
    withJob('{ name: x, usage: Source, connector: AmazonS3, location: s3://acme-logs/elastic/acme/finance/other/jobs/ }') + second(),
  );
  assert.deepEqual([code, err], [0, []]);
});

void test('a runtime without a job is judged, too; one mistake is said once', async () => {
  const alone = finance.slice(0, finance.indexOf('# Credential:')).replace('role/acme-worker', 'role/acme-operator');
  const { code, err } = await generated(alone);
  assert.equal(code, 2);
  assert.match(err.join('\n'), /^iam: 0\.yaml, document 6: ElasticRuntime finance\/analytics: spec\.identities\.worker\.roleArn: [^\n]*$/);
});
