import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { parse } from 'yaml';
import { addIamCommand } from '../../src/cli/iam-command.ts';
import { type PolicyDocument, parsePolicy } from '../../src/core/policy/document.ts';
import { givenByClass } from './support/given-by-class.ts';
import { flagsOf, iam, inOwnBuckets, manyConnections, ofOrganization, variants } from './support/iam-variants.ts';

type Template = {
  readonly Parameters?: Readonly<Record<string, { readonly NoEcho?: boolean }>>;
  readonly Resources: Readonly<
    Record<
      string,
      { readonly Type: string; readonly DependsOn?: readonly string[]; readonly Properties: Readonly<Record<string, unknown>> }
    >
  >;
};

const finance = variants['finance']?.files ?? {};
const shared = variants['two runtimes that share agent and operator, users attached']?.files ?? {};

async function template(name: string): Promise<Template> {
  const { files = {}, users = [] } = variants[name] ?? {};
  const { code, out } = await iam(files, { users });
  assert.equal(code, 0);
  return parse(out) as Template;
}

function ofType(made: Template, type: string): readonly (readonly [string, Readonly<Record<string, unknown>>])[] {
  return Object.entries(made.Resources).flatMap(([id, { Type, Properties }]) => (Type === type ? [[id, Properties] as const] : []));
}

/** Every statement of the template, wherever it stands. */
function statementsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('Effect' in value) return [value];
  return Object.values(value).flatMap(statementsIn);
}

/** Every policy of the template, wherever it stands. */
function documentsIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return [];
  return 'Statement' in value ? [value] : Object.values(value).flatMap(documentsIn);
}

function valuesOf(value: unknown, field: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => (name === field && typeof one === 'string' ? [one] : valuesOf(one, field)));
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length, and those of IoT and KMS */
const longest = [
  ['RoleName', 64],
  ['InstanceProfileName', 128],
  ['ManagedPolicyName', 128],
  ['PolicyName', 128],
  ['RoleAlias', 128],
  ['AliasName', 256],
] as const;

for (const name of Object.keys(variants)) {
  void test(`${name}: the same bytes whatever the order of the files; every statement says why; no secret value`, async () => {
    const variant = variants[name] ?? assert.fail();
    const { files } = variant;
    const flags = flagsOf(variant);
    const once = await iam(files, flags);
    const again = await iam(Object.fromEntries(Object.entries(files).toReversed()), flags);
    assert.equal(once.code, 0, once.err.join('\n'));
    assert.ok(again.out === once.out, 'the order of the files makes a difference');
    const made = parse(once.out) as Template;
    const statements = statementsIn(made.Resources);
    assert.ok(statements.length > 10);
    for (const statement of statements) assert.match(String(statement['Sid']), /^[A-Z][A-Za-z0-9]{3,}$/);
    for (const document of documentsIn(made.Resources)) {
      const sids = statementsIn(document).map(({ Sid }) => Sid);
      assert.deepEqual([...new Set(sids)], sids);
    }
    for (const [field, most] of longest)
      for (const value of valuesOf(made.Resources, field)) assert.ok(value.length <= most, `${field} ${value}`);
    assert.ok(!once.out.includes('6f0c1c9a-ext'), 'the external ID stands in the template');
    assert.ok(Object.values(made.Parameters ?? {}).some(({ NoEcho }) => NoEcho === true));
    // What YAML 1.1 reads as a date would be no version of a policy.
    assert.deepEqual(
      [...once.out.matchAll(/Version: (.*)/g)].filter(([, version]) => version !== '"2012-10-17"' && version !== '"2010-09-09"'),
      [],
    );
  });
}

void test('finance: roles, trusts, key, bucket policies and the policy for analysts are there', async () => {
  const made = await template('finance');
  const types = Object.values(made.Resources).map(({ Type }) => Type);
  const count = (type: string): number => types.filter((one) => one === type).length;
  assert.deepEqual(
    ['AWS::IAM::Role', 'AWS::IAM::InstanceProfile', 'AWS::KMS::Key', 'AWS::S3::BucketPolicy', 'AWS::IAM::ManagedPolicy'].map(count),
    [7, 1, 1, 2, 1],
  );
  const [key] = ofType(made, 'AWS::KMS::Key');
  assert.equal(key?.[1]['EnableKeyRotation'], true);
  assert.equal(key[1]['RotationPeriodInDays'], 365);
  const [analysts] = ofType(made, 'AWS::IAM::ManagedPolicy');
  assert.equal(analysts?.[1]['ManagedPolicyName'], 'elastic-athena-us-east-1-production-acme-policy');
  assert.equal(analysts[1]['Users'], undefined);
  const operator = made.Resources['RoleAcmeOperator'];
  assert.deepEqual(operator?.DependsOn, ['RoleAcmeAgent']);
  assert.match(JSON.stringify(operator.Properties), /"sts:ExternalId":\{"Ref":"ExternalIdFinanceAcmeExternalId"\}/);
});

void test('roles that two runtimes share are there once, with a policy for each; default roles are left to the operator', async () => {
  const made = await template('two runtimes that share agent and operator, users attached');
  const names = ofType(made, 'AWS::IAM::Role').map(([, properties]) => properties['RoleName']);
  assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  assert.ok(!names.some((name) => String(name).startsWith('research.scratch')));
  const agent = made.Resources['RoleAcmeAgent']?.Properties as {
    readonly Policies: readonly { readonly PolicyName: string }[];
    readonly AssumeRolePolicyDocument: PolicyDocument;
  };
  assert.deepEqual(
    agent.Policies.map(({ PolicyName }) => PolicyName),
    ['finance.analytics.agent', 'research.scratch.agent'],
  );
  assert.match(
    JSON.stringify(agent.AssumeRolePolicyDocument),
    /:sub":\["system:serviceaccount:elastic-agents:finance.analytics","system:serviceaccount:elastic-agents:research.scratch"\]/,
  );
  assert.equal(Object.keys(made.Parameters ?? {}).filter((id) => id.startsWith('ExternalId')).length, 2);
  const users = ofType(made, 'AWS::IAM::ManagedPolicy').flatMap(([, properties]) => properties['Users'] ?? []);
  assert.deepEqual(users, ['alice', 'bob']);
});

void test('X.509: a role alias for the agent role, and a policy for certificates that names only it', async () => {
  const made = await template('X509');
  const [alias] = ofType(made, 'AWS::IoT::RoleAlias');
  assert.deepEqual(alias?.[1], {
    RoleAlias: 'acme-agent',
    RoleArn: { 'Fn::GetAtt': ['RoleAcmeAgent', 'Arn'] },
    CredentialDurationSeconds: 3600,
  });
  const [policy] = ofType(made, 'AWS::IoT::Policy');
  assert.match(JSON.stringify(policy), /"Resource":"arn:aws:iot:us-east-1:111122223333:rolealias\/acme-agent"/);
});

void test('what outgrows an inline policy becomes managed policies, none too long, no statement lost', async () => {
  const made = await template('many connections');
  const managed = ofType(made, 'AWS::IAM::ManagedPolicy').filter(([id]) => id.startsWith('RoleAcmeWorker'));
  assert.ok(managed.length > 1);
  for (const [, { PolicyDocument: document }] of managed) assert.ok(JSON.stringify(document).length <= 6144);
  const sids = statementsIn(managed).map(({ Sid }) => Sid);
  for (let index = 0; index < 40; index += 1)
    assert.ok(
      sids.some((sid) => String(sid).startsWith(`RoleBasedDataSource${index}`)),
      `source ${index}`,
    );
});

void test('what IAM cannot hold is refused with its quota', async () => {
  const { code, err } = await iam({ ...finance, 'many.yaml': manyConnections(200) });
  assert.equal(code, 2);
  assert.match(err.join('\n'), /role acme-(agent|worker): its policies need more than the 10 managed policies/);
});

void test('what the services cannot hold is refused with its quota; -o json says so, and prints it all the same', async () => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`${index}.yaml`, ofOrganization(`org-${index}`)]));
  const { code, out, err } = await iam(many);
  assert.deepEqual([code, out], [2, '']);
  assert.match(
    err.join('\n'),
    /bucket acme-logs: its policy has \d+ bytes, more than the 20480 that AWS takes: give some of the organizations one of their own, or generate from fewer runtimes/,
  );
  const documents = await iam(many, { format: 'json' });
  assert.equal(documents.code, 0);
  assert.match(documents.err.join('\n'), /bucket acme-logs: its policy has/);
  assert.ok('acme-logs.bucket-policy' in JSON.parse(documents.out));
  const apart = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}.yaml`, inOwnBuckets(`org-${index}`)]));
  const tooMany = await iam(apart);
  assert.deepEqual([tooMany.code, tooMany.out], [2, '']);
  assert.match(tooMany.err.join('\n'), /the template has \d+ resources, more than the 500 that CloudFormation takes/);
  const half = await iam(Object.fromEntries(Object.entries(apart).slice(0, 38)));
  assert.deepEqual([half.code, half.out], [2, '']);
  assert.match(half.err.join('\n'), /the template has \d+ bytes, more than the 1000000 that CloudFormation takes/);
});

for (const name of Object.keys(variants))
  void test(`${name}: -o json: every document parses`, async () => {
    const variant = variants[name] ?? assert.fail();
    const { code, out } = await iam(variant.files, { ...flagsOf(variant), format: 'json', output: 'json' });
    assert.equal(code, 0);
    for (const [document, value] of Object.entries(JSON.parse(out) as Readonly<Record<string, PolicyDocument>>)) {
      const use = document.endsWith('.trust') ? 'trust' : /\.(bucket|key)-policy$/.test(document) ? 'resource' : 'identity';
      const read = parsePolicy(value, use, document);
      assert.ok(read.ok, read.ok ? '' : read.reason);
    }
  });

void test('-o json: every document by name', async () => {
  const { code, out } = await iam(shared, { format: 'json', output: 'json' });
  assert.equal(code, 0);
  const documents = JSON.parse(out) as Readonly<Record<string, PolicyDocument>>;
  assert.ok(
    'acme-worker.trust' in documents && 'acme-staging.bucket-policy' in documents && 'elastic-production-acme.key-policy' in documents,
  );
});

const wrong: readonly (readonly [why: string, files: Readonly<Record<string, string>>, flags: Parameters<typeof iam>[1], says: RegExp])[] =
  [
    ['no file', {}, {}, /^iam: name the manifests/],
    ['no runtime', { 'many.yaml': manyConnections(1) }, {}, /no ElasticRuntime/],
    [
      'a provider that is none',
      finance,
      { oidcProviderArn: 'https://oidc.example.com' },
      /--oidc-provider-arn "https:.*write arn:aws:iam::/,
    ],
    ['a provider with a wildcard', finance, { oidcProviderArn: 'arn:aws:iam::111122223333:oidc-provider/*' }, /--oidc-provider-arn/],
    ['a cluster name with a wildcard', finance, { clusterName: 'prod*' }, /--cluster-name "prod\*"/],
    ['an environment that is no name', finance, { environment: 'a b' }, /--environment "a b"/],
    [
      'a namespace with a wildcard',
      Object.fromEntries(Object.entries(finance).map(([file, text]) => [file, text.replaceAll('namespace: finance', 'namespace: "fin*"')])),
      {},
      /ElasticRuntime analytics: metadata\.namespace: "fin\*" is no name of a namespace: use/,
    ],
    ['a user of another organization', finance, { users: ['other=alice'] }, /no runtime is of organization other; there are acme/],
    ['a user that is none', finance, { users: ['alice/bob'] }, /is no IAM user name/],
    [
      'two accounts',
      { ...finance, 'other.yaml': (shared['default-roles.yaml'] ?? '').replaceAll('111122223333', '444455556666') },
      {},
      /ElasticRuntime research\/scratch: spec\.identities\.operator\.roleArn: lies in account 444455556666, that of finance\/analytics in 111122223333/,
    ],
  ];

for (const [why, files, flags, says] of wrong) {
  void test(`${why} is refused`, async () => {
    const { code, out, err } = await iam(files, flags);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err.join('\n'), says);
  });
}

void test('what is not given is said, and stands as something that matches nothing', async () => {
  const { code, err, out } = await iam(finance, { clusterName: undefined, oidcProviderArn: undefined } as never);
  assert.equal(code, 0);
  assert.match(err.join('\n'), /--cluster-name is not given.*\n.*--oidc-provider-arn is not given/);
  assert.match(out, /# Note: --oidc-provider-arn is not given/);
});

void test('connections that a job names by connectionRef are part of it; what the class does not allow needs no IAM', async () => {
  const named = `apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticConnection
metadata: { name: ledger, namespace: finance }
spec: { connector: AmazonS3, location: s3://acme-ledger/, authentication: { roleArn: "arn:aws:iam::111122223333:role/ledger-writer" } }
---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticJob
metadata: { name: close, namespace: finance }
spec:
  runtime: analytics
  connections: [{ name: ledger, usage: Target, connectionRef: { name: ledger } }]
  master: { template: { spec: { containers: [{ name: main, image: "registry.example.com/etl:1" }] } } }
`;
  const { code, out, err } = await iam({ ...finance, 'close.yaml': named });
  // How large it is, is said on stderr from 51,200 bytes on.
  assert.deepEqual([code, err.filter((line) => !line.endsWith('deploy it from an S3 bucket'))], [0, []]);
  assert.match(out, /RoleLedgerWriter:/);
  assert.match(out, /Resource: arn:aws:s3:::acme-ledger\/\*/);
  const ofClass = `apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticRuntimeClass
metadata: { name: default }
spec: { allowed: { roleArns: ["arn:aws:iam::111122223333:role/other-*"] } }
`;
  const refused = await iam({ ...finance, 'class.yaml': ofClass });
  assert.deepEqual([refused.code, refused.out], [2, '']);
  assert.match(refused.err.join('\n'), /ElasticRuntime finance\/analytics: .*spec\.identities\.agent\.roleArn/);
});

void test('what a class among the manifests gives is as good as said by the runtime', async () => {
  const [[path, text] = ['', '']] = Object.entries(finance);
  const [said, given] = [await iam({ [path]: text }), await iam({ [path]: givenByClass(text) })];
  assert.deepEqual([said.code, given.code, given.err], [0, 0, []]);
  assert.ok(given.out === said.out);
});

/** The command line as main.ts has it, over files in memory and an account in which nothing stands. */
async function commandLine(
  ...words: readonly string[]
): Promise<{ readonly code: number | undefined; readonly out: string; readonly err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  let code: number | undefined;
  const nothing = () => Promise.resolve({ ok: true, value: undefined } as const);
  const program = new Command('kubectl-elastic').exitOverride();
  addIamCommand(
    program,
    {
      readFile: (path) => Promise.resolve(finance[path] ?? ''),
      readDir: () => Promise.resolve(undefined),
      stdin: () => Promise.resolve(''),
      stdout: (text) => out.push(text),
      stderr: (text) => err.push(text),
      readAccount: () => ({
        account: () => Promise.resolve({ ok: true, value: '111122223333' }),
        role: nothing,
        instanceProfile: nothing,
        managedPolicy: nothing,
        bucketPolicy: () =>
          Promise.resolve({ ok: false, error: { kind: 'AccessDenied', code: 'AccessDenied', message: 'no', requestId: 'r1' } }),
        key: nothing,
        roleAlias: nothing,
        certificatePolicy: nothing,
        close: () => undefined,
      }),
    },
    (exitCode) => {
      code = exitCode;
    },
  );
  await program.parseAsync(['node', 'kubectl-elastic', ...words]);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

void test('the command line: flags of iam and of iam diff are their own; an account that cannot be read is no verdict', async () => {
  const made = await commandLine(
    'iam',
    '-f',
    'finance.yaml',
    '--cluster-name',
    'c1',
    '--environment',
    'test',
    '--format',
    'cloudformation',
    '-o',
    'json',
  );
  assert.equal(made.code, 0);
  assert.match(made.out, /"AliasName": "alias\/elastic-test-acme"/);
  assert.match(made.out, /"aws:RequestTag\/elasticruntime\.dev\/cluster": "c1"/);
  const refused = await commandLine('iam', 'diff', '-f', 'finance.yaml', '--cluster-name', 'c1');
  assert.equal(refused.code, 2);
  assert.match(refused.err, /bucket acme-logs cannot be read: AccessDenied: no \[request r1\]/);
});
