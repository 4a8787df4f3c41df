import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runExplain } from '../../src/cli/explain.ts';
import { parseManifests } from '../../src/cli/manifests.ts';
import type { AccessRow } from '../../src/core/access/vocabulary.ts';
import { keyOf } from '../core/access/sketch.ts';
import { givenByClass } from './support/given-by-class.ts';

const FINANCE = readFileSync(new URL('../../examples/finance.yaml', import.meta.url), 'utf8');
const PLATFORM = readFileSync(new URL('../../examples/platform.yaml', import.meta.url), 'utf8');
const DEFAULT_ROLES = readFileSync(new URL('../../examples/default-roles.yaml', import.meta.url), 'utf8');

type Explained = {
  readonly job: string;
  readonly namespace: string;
  readonly securityType: string;
  readonly access: readonly AccessRow[];
};

/** `files`: by path, a folder's as `folder/name`; `-` is standard input. */
async function explain(
  files: Readonly<Record<string, string>>,
  paths: readonly string[] = Object.keys(files),
  output: 'json' | 'table' = 'json',
) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runExplain(
    { files: paths, output },
    {
      readFile: (path) => (files[path] === undefined ? Promise.reject(new Error('no such file')) : Promise.resolve(files[path])),
      readDir: (path) => {
        const names = Object.keys(files).flatMap((file) =>
          file.startsWith(`${path.replace(/\/$/, '')}/`) ? [file.slice(file.lastIndexOf('/') + 1)] : [],
        );
        return Promise.resolve(names.length > 0 && files[path] === undefined ? names.toReversed() : undefined);
      },
      stdin: () => Promise.resolve(files['-'] ?? ''),
      stdout: (text) => out.push(text),
      stderr: (text) => err.push(text),
    },
  );
  return { code, out: out.join('\n'), err };
}

async function explained(files: Readonly<Record<string, string>>, paths?: readonly string[]): Promise<readonly Explained[]> {
  const { code, out, err } = await explain(files, paths);
  assert.deepEqual([code, err], [0, []]);
  return JSON.parse(out) as readonly Explained[];
}

async function refused(text: string): Promise<readonly string[]> {
  const { code, out, err } = await explain({ 'jobs.yaml': text });
  assert.deepEqual([code, out], [2, '']);
  assert.ok(
    err.every((line) => line.startsWith('explain: jobs.yaml')),
    err.join('\n'),
  );
  return err;
}

// Written from the table of the design, not from what the command prints.
const CREATE_AND_SCALE = [
  'Create staging read = worker AssumeRole agent operator worker',
  'Create staging write = worker AssumeRole agent operator worker',
  'Create staging list = worker AssumeRole agent operator worker',
  'Create staging delete = worker AssumeRole agent operator worker',
  'Create log read = worker AssumeRole agent operator worker',
  'Create log write = worker AssumeRole agent operator worker',
  'Create log list = worker AssumeRole agent operator worker',
  'Create log delete = worker AssumeRole agent operator worker',
  'Create cluster-info write = operator AssumeRole agent operator',
  'Create cluster-resources create = operator AssumeRole agent operator',
  'Run volumes grow = worker AssumeRole agent operator worker',
  'Run nodes scale = master AssumeRole agent operator master',
  'Run log:worker write = worker Broker agent operator worker',
  'Run log:master write = master Broker agent operator master',
  'Complete log:agent write = agent IRSA agent',
];
const GOLDEN: Readonly<Record<string, readonly [security: string, rows: readonly string[]]>> = {
  'nightly-orders': [
    'Credential',
    [
      'Design connection:orders read = connectionRole:orders AssumeRole agent orders-reader',
      'Design connection:warehouse read = connectionCredentials:warehouse Secret',
      'Design connection:crm read = connectionProperties:crm Secret',
      'Run dependencies write = operator AssumeRole agent operator',
      'Run connection:orders read = connectionRole:orders AssumeRole worker orders-reader',
      'Run connection:warehouse write = connectionCredentials:warehouse Secret',
      'Run connection:crm read = connectionProperties:crm Secret',
      'Run staging read = connectionCredentials:warehouse Secret',
      'Run staging write = connectionCredentials:warehouse Secret',
      'Poll log read = connectionCredentials:warehouse Secret',
      'Poll log list = connectionCredentials:warehouse Secret',
    ],
  ],
  'hourly-clicks': [
    'Role',
    [
      'Design connection:clicks read = connectionRole:clicks AssumeRole agent clicks-reader',
      'Design connection:lake read = agent IRSA agent',
      'Run connection:clicks read = connectionRole:clicks AssumeRole worker clicks-reader',
      'Run connection:lake write = worker IRSA worker',
      'Run staging read = connectionRole:clicks AssumeRole worker clicks-reader',
      'Run staging write = connectionRole:clicks AssumeRole worker clicks-reader',
      'Poll log read = agent IRSA agent',
      'Poll log list = agent IRSA agent',
    ],
  ],
  'crm-sync': [
    'Indirect',
    [
      'Design connection:crm read = connectionProperties:crm Secret',
      'Design connection:ledger read = connectionProperties:ledger Secret',
      'Run connection:crm read = connectionProperties:crm Secret',
      'Run connection:ledger write = connectionProperties:ledger Secret',
      'Run staging read = worker IRSA worker',
      'Run staging write = worker IRSA worker',
      'Poll log read = agent IRSA agent',
      'Poll log list = agent IRSA agent',
    ],
  ],
};

test('examples/finance.yaml: every access of every job', async () => {
  const jobs = await explained({ 'finance.yaml': FINANCE });
  assert.deepEqual(
    jobs.map(({ job }) => job),
    Object.keys(GOLDEN),
  );
  for (const { job, namespace, securityType, access } of jobs) {
    const rows = access.map((row) => {
      const roles = row.chain.map((arn) => arn.replace(/^arn:aws:iam::111122223333:role\/(acme-)?/, ''));
      return [`${keyOf(row)} = ${row.identity} ${row.via}`, ...roles].join(' ');
    });
    const [security, expected] = GOLDEN[job] ?? ['', []];
    assert.deepEqual([namespace, securityType], ['finance', security]);
    assert.deepEqual(rows.toSorted(), [...CREATE_AND_SCALE, ...expected].toSorted());
    assert.ok(access.every((row) => Object.keys(row).join(' ') === 'phase resource action identity via chain rule'));
  }
});

test('the examples hold together: each says the same alone and with the others', async () => {
  const files = { 'examples/default-roles.yaml': DEFAULT_ROLES, 'examples/finance.yaml': FINANCE, 'examples/platform.yaml': PLATFORM };
  const together = await explained(files, ['examples']);
  const alone = await Promise.all(Object.entries(files).map(([name, text]) => explained({ [name]: text })));
  assert.deepEqual(together, alone.flat());
});

test('default roles: no verification as worker', async () => {
  const [job] = await explained({ 'default-roles.yaml': DEFAULT_ROLES });
  assert.deepEqual([job?.job, job?.securityType], ['try', 'Role']);
  assert.ok(job?.access.every(({ phase, resource }) => phase !== 'Create' || !['staging', 'log'].includes(resource)));
});

test('the table for people: a line where only the action differs, and the reason', async () => {
  const { code, out } = await explain({ 'finance.yaml': FINANCE }, undefined, 'table');
  assert.equal(code, 0);
  assert.match(out, /^finance\/nightly-orders on analytics: Credential {2}\(security-credential: .*warehouse/m);
  assert.match(out, /^PHASE +RESOURCE +ACTION +IDENTITY +VIA +CHAIN +RULE$/m);
  assert.match(
    out,
    /^Create +staging +read,write,list,delete +worker +AssumeRole +acme-agent > acme-operator > acme-worker +create-verify-staging: /m,
  );
  assert.match(out, /^Run +staging +read,write +connectionCredentials:warehouse +Secret +- +staging-credentials-override: /m);
  assert.match(out, /^Note: connection warehouse: static keys/m);
  assert.doesNotMatch(out, / $/m);
});

test('files, folders, standard input and Lists hold the same objects', async () => {
  const whole = await explained({ 'finance.yaml': FINANCE });
  const documents = FINANCE.split('\n---\n');
  const split = Object.fromEntries(documents.map((text, index) => [`finance/${index}.yaml`, text]));
  assert.deepEqual(await explained({ ...split, 'finance/README.md': '# not read' }, ['finance']), whole);
  assert.deepEqual(await explained({ ...split, 'finance/README.md': '# not read' }, ['finance/']), whole);
  assert.deepEqual(await explained({ '-': FINANCE }, ['-']), whole);
  const items = parseManifests('finance.yaml', FINANCE).manifests.map(({ object }) => object);
  assert.deepEqual(await explained({ 'all.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) }), whole);
});

test('objects of another API may stand twice as they are; ours never', async () => {
  const namespace = FINANCE.slice(0, FINANCE.indexOf('\n---\n'));
  assert.equal((await explained({ 'a.yaml': namespace, 'b.yaml': FINANCE })).length, 3);
  const { code, err } = await explain({ 'a.yaml': FINANCE, 'b.yaml': FINANCE });
  assert.equal(code, 2);
  assert.equal(err.length, 4);
  assert.match(
    err[0] ?? '',
    /^explain: b\.yaml, document 6: ElasticRuntime finance\/analytics: is given twice: a\.yaml, document 6 has it, too$/,
  );
  const other = await explain({ 'a.yaml': FINANCE, 'b.yaml': namespace.replace('metadata:', 'spec: {}\nmetadata:') });
  assert.match(other.err.join(), /Namespace default\/finance: is given twice/);
});

test('an ElasticConnection is found by name in its namespace', async () => {
  const reference = FINANCE.replace(/- \{ name: ledger.*\}$/m, '- { name: ledger, usage: Target, connectionRef: { name: books } }');
  const books = (namespace: string) => `
---
apiVersion: elasticruntime.dev/v1alpha1
kind: ElasticConnection
metadata: { name: books, namespace: ${namespace} }
spec: { connector: AmazonS3, location: s3://books/, authentication: { roleArn: "arn:aws:iam::111122223333:role/books" } }
`;
  const jobs = await explained({ 'jobs.yaml': reference + books('finance') });
  const row = jobs[2]?.access.find(({ resource, phase }) => resource === 'connection:ledger' && phase === 'Run');
  assert.equal(row?.identity, 'connectionRole:ledger');
  const [missing] = await refused(reference + books('payroll'));
  assert.match(
    missing ?? '',
    /ElasticJob finance\/crm-sync: spec\.connections\[1\]\.connectionRef\.name: "books" names no ElasticConnection/,
  );
  const [wrong] = await refused((reference + books('finance')).replace('connector: AmazonS3, location: s3://books/', 'connector: 5'));
  assert.match(wrong ?? '', /document 10: ElasticConnection finance\/books: spec\.connector: 5: .*must be of type string/);
  const [foreign] = await refused((reference + books('finance')).replace('AmazonS3, location: s3://books/', 'JDBC'));
  assert.match(foreign ?? '', /document 10: ElasticConnection finance\/books: spec\.authentication\.roleArn: .*JDBC is indirect/);
});

test('a mistake of the runtime is said once, not for each job', async () => {
  const errors = await refused(FINANCE.replace('role/acme-worker', 'role/acme-operator'));
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? '', /ElasticRuntime finance\/analytics: spec\.identities\.worker\.roleArn: .*role of identities\.operator/);
});

test('what names no namespace is in default, on both sides', async () => {
  const text = FINANCE.replaceAll(', namespace: finance', '');
  const jobs = await explained({ 'jobs.yaml': text });
  assert.ok(jobs.every(({ namespace }) => namespace === 'default'));
});

const REFUSED: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['nothing', '', /no ElasticJob of elasticruntime\.dev\/v1alpha1$/],
  ['only comments', '# nothing\n---\n', /no ElasticJob/],
  ['no YAML', 'kind: [a\nb: c', /document 1: line 2, column 1: no valid YAML: /],
  ['a key twice', 'kind: a\nkind: b', /document 1: line 2, column 1: no valid YAML: a key is given twice/],
  ['an alias bomb', bomb(), /no valid YAML: aliases that grow beyond measure/],
  ['an unknown alias', 'a: *b', /no valid YAML: an alias names no anchor/],
  ['a text', 'hello', /is no object of Kubernetes/],
  ['no kind', 'apiVersion: v1', /document 1: kind: is missing/],
  ['no name', 'apiVersion: v1\nkind: Secret', /document 1: Secret: metadata\.name: is missing/],
  [
    'a namespace that is no text',
    'apiVersion: v1\nkind: Secret\nmetadata: { name: a, namespace: 5 }',
    /Secret a: metadata\.namespace: must be text/,
  ],
  [
    'a namespace that has no such name',
    FINANCE.replaceAll('namespace: finance', 'namespace: Finance_X'),
    /ElasticRuntime analytics: metadata\.namespace: "[^"]*" is no name of a namespace/,
  ],
  [
    'an unknown field of metadata',
    FINANCE.replace('name: analytics, namespace', 'name: analytics, label: { a: b }, namespace'),
    /ElasticRuntime analytics: metadata\.label: is no field of the API/,
  ],
  [
    'a label that is no text',
    FINANCE.replace('metadata: { name: finance }', 'metadata: { name: finance, labels: { elasticruntime.dev/organization: [acme] } }'),
    /Namespace finance: metadata\.labels\.elasticruntime\.dev\/organization: must be text/,
  ],
  [
    'a mistyped kind',
    FINANCE.replace('kind: ElasticJob', 'kind: ElasticJobs'),
    /ElasticJobs finance\/nightly-orders: kind: is no kind of /,
  ],
  [
    'a mistyped group',
    FINANCE.replace('apiVersion: elasticruntime.dev/v1alpha1', 'apiVersion: elasticruntimes.dev/v1alpha1'),
    /ElasticRuntime finance\/analytics: apiVersion: elasticruntimes\.dev\/v1alpha1 has no such kind: write elasticruntime\.dev\/v1alpha1/,
  ],
  ['a List that is nested without end', `apiVersion: v1\nkind: List\nitems: ${'['.repeat(5000)}`, /no valid YAML: nested too deeply/],
  ['a bad item of a List', 'apiVersion: v1\nkind: List\nitems: [5]', /document 1, item 1: is no object/],
  [
    'another version',
    FINANCE.replaceAll('/v1alpha1', '/v2'),
    /ElasticRuntime finance\/analytics: apiVersion: elasticruntime\.dev\/v2 is not known/,
  ],
  [
    'a missing runtime',
    FINANCE.replace('runtime: analytics', 'runtime: other'),
    /document 7: ElasticJob finance\/nightly-orders: spec\.runtime: "other": no ElasticRuntime/,
  ],
  [
    'a runtime of another namespace',
    FINANCE.replace('name: analytics, namespace: finance', 'name: analytics, namespace: research'),
    /in namespace finance/,
  ],
  [
    'an unknown field',
    FINANCE.replace('idleTimeout:', 'idleTimeOut:'),
    /document 6: ElasticRuntime finance\/analytics: spec\.idleTimeOut: is no field/,
  ],
  [
    'a field of the wrong type',
    FINANCE.replace('min: 2, max: 10', 'min: two, max: 10'),
    /document 7: ElasticJob finance\/nightly-orders: spec\.workers\.min: "two": .*integer/,
  ],
  ['a rule of the API', FINANCE.replace('min: 2, max: 10', 'min: 20, max: 10'), /spec\.workers\.min: 20: min must not be above max/],
  [
    'an unknown connector',
    FINANCE.replace('connector: Iceberg', 'connector: Acme'),
    /document 8: ElasticJob finance\/hourly-clicks: spec\.connections\[1\]\.connector: "Acme" is no known connector.*access: Direct/,
  ],
  [
    'a Secret of no connection',
    FINANCE.replace('name: main, image: "registry.example.com/etl:1"', 'name: main, image: a, envFrom: [{ secretRef: { name: other } }]'),
    /Secret "other" is of no connection/,
  ],
];
for (const [name, text, message] of REFUSED) {
  test(`refused: ${name}`, async () => {
    const errors = await refused(text);
    assert.ok(
      errors.some((line) => message.test(line)),
      errors.join('\n'),
    );
  });
}

test('no message holds what a Secret holds, nor what stands where a Secret is named', async () => {
  const canary = 'AKIACANARY';
  const texts = [
    `kind: Secret\nstringData: { key: "${canary}`,
    `kind: Secret\nstringData: { key: ${canary} ${canary}: x }`,
    `kind: Secret\nstringData:\n  key: "${canary}" ${canary}\n`,
    `kind: Secret\nstringData:\n  key: '${canary}' '${canary}'\n`,
    `kind: Secret\nstringData:\n  key: *${canary}\n`,
    `kind: Secret\n  stringData: |${canary}\n`,
    `kind: Secret\nstringData:\n  key: "\\${canary}"\n`,
    `kind: Secret\n%${canary}\n`,
    `kind: Secret\nstringData: !${canary} [${canary}\n`,
    FINANCE.replace('connector: JDBC, ', `connector: JDBC, location: "jdbc:postgresql://reader:${canary}@db/crm", `),
    FINANCE.replace('s3://acme-clicks/', `s3a://key:${canary}@acme-clicks/`),
    FINANCE.replace('s3://acme-clicks/', `s3a://acme-clicks/?fs.s3a.secret.key=${canary}`),
    FINANCE.replace('s3://acme-clicks/', `s3://key:${canary}/x@acme-clicks//`),
    FINANCE.replace('secretRef: { name: crm-login }', `parameterStore: { name: "/${canary}" }`),
    FINANCE.replace('secretRef: { name: crm-login }', `secretsManager: { arn: ${canary} }`),
    FINANCE.replace('credentials: { secretRef: { name: warehouse-keys } }', `credentials: ${canary}`),
    FINANCE.replace('credentials: { secretRef: { name: warehouse-keys } }', `credentials: { secretRef: { name: ${canary} } }`),
    FINANCE.replace('credentials: { secretRef: { name: warehouse-keys } }', `credentials: { aws_secret_access_key: ${canary} }`),
  ];
  for (const text of texts) {
    const errors = await refused(text);
    assert.ok(errors.length > 0 && !errors.join('\n').includes(canary), errors.join('\n'));
  }
  const { out } = await explain({ 'finance.yaml': FINANCE });
  for (const value of ['6f0c1c9a', 'AKIAEXAMPLE', 'example-warehouse-secret', 'example-crm-password']) assert.ok(!out.includes(value));
});

test('wrong usage', async () => {
  assert.deepEqual((await explain({}, [])).code, 2);
  const missing = await explain({}, ['missing.yaml']);
  assert.deepEqual([missing.code, missing.err], [2, ['explain: missing.yaml: cannot be read: no such file']]);
  const twice = await explain({ '-': FINANCE }, ['-', '-']);
  assert.match(twice.err.join(), /^explain: -: is given twice/);
  const empty = await explain({ 'folder/a.txt': '' }, ['folder']);
  assert.deepEqual([empty.code, empty.err], [2, ['explain: folder: holds no .yaml, .yml or .json file']]);
});

function bomb(): string {
  const levels = Array.from(
    { length: 12 },
    (_, level) =>
      `a${level}: &a${level} [${Array(10)
        .fill(level === 0 ? 'x' : `*a${level - 1}`)
        .join(', ')}]`,
  );
  return levels.join('\n');
}

test('what a class among the manifests gives is as good as said by the runtime; without the class the missing fields are named', async () => {
  assert.deepEqual(await explained({ 'all.yaml': givenByClass(FINANCE) }), await explained({ 'all.yaml': FINANCE }));
  const without = FINANCE.replace('  organization: acme\n', '  runtimeClassName: standard\n');
  assert.match(
    (await refused(without)).join('\n'),
    /ElasticRuntime finance\/analytics: spec\.organization: must be given: .*give the manifest of its class, too: there is none among these/,
  );
});

test('what no preflight will be able to tell is a note; where the class lets nothing begin unverified it is an error', async () => {
  const events =
    '{ name: events, usage: Source, connector: AmazonMSK, location: "b-1.events.abcdef.c2.kafka.us-east-1.amazonaws.com:9098" }';
  const manifests = FINANCE.replaceAll('connections:\n', `connections:\n    - ${events}\n`);
  const [first] = JSON.parse((await explain({ 'finance.yaml': manifests, 'platform.yaml': PLATFORM })).out) as readonly {
    readonly notes: readonly string[];
  }[];
  const note =
    /^not verified before a node starts: connection events: the identity alone, .*: write it as arn:aws:kafka:us-east-1:<account>:cluster\/<name>\/<uuid>$/;
  assert.ok(
    first?.notes.some((text) => note.test(text)),
    JSON.stringify(first?.notes),
  );
  const strict = PLATFORM.replace('{ defaultRoles: Allowed,', '{ unverifiedAccess: Never, defaultRoles: Allowed,');
  const { code, err } = await explain({ 'finance.yaml': manifests, 'platform.yaml': strict });
  assert.equal(code, 2);
  assert.match(
    err.join('\n'),
    /connection events: the identity alone.*: ElasticRuntimeClass \S+ lets nothing begin that is not verified \(allowed\.unverifiedAccess: Never\)/,
  );
});
