import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { runAudit } from '../../src/cli/audit.ts';
import type { Recorded } from '../../src/core/audit/records.ts';
import type { ReportRow } from '../../src/core/audit/report.ts';
import { type SimulationManifest, startSimulation } from '../../src/sim/simulate.ts';

/* Records of jobs that really ran, and the same records with one thing changed: anything that is not planned is flagged, and nothing else. */

type JobDocument = {
  readonly job: string;
  readonly uid: string;
  readonly plan: readonly { readonly resource: string; readonly location?: string }[];
  readonly accesses: readonly Recorded[];
};

async function judged(...inputs: readonly unknown[]) {
  const out: string[] = [];
  const said: string[] = [];
  const code = await runAudit(
    { files: inputs.map((_, index) => String(index)), output: 'json' },
    {
      readBytes: async (file) => new TextEncoder().encode(JSON.stringify(inputs[Number(file)])),
      readBucket: async () => [],
      stdout: (line) => void out.push(line),
      stderr: (line) => void said.push(line),
    },
  );
  const rows = JSON.parse(out.join('\n')) as readonly ReportRow[];
  return { code, said, flagged: rows.flatMap(({ unplanned }) => unplanned ?? []) };
}

/** All that the jobs of an example leave in the log location, by the job's name, and the operator's stream. */
async function lived(example: string) {
  const text = readFileSync(new URL(`../../examples/${example}.yaml`, import.meta.url), 'utf8');
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as SimulationManifest);
  const started = startSimulation({ manifests, seed: 1, faults: 'none', limitMs: 86_400_000, nodeAgents: true });
  assert.ok(started.ok);
  const simulation = started.value;
  await simulation.settle(86_400_000);
  const documents = new Map<string, JobDocument>();
  for (const { name } of simulation.account.spec.buckets)
    for (const { key, body } of simulation.account.objects(name)) {
      if (!key.endsWith('/access.json')) continue;
      const document = JSON.parse(new TextDecoder().decode(body)) as JobDocument;
      documents.set(document.job, document);
    }
  return { documents, stream: simulation.audit() };
}

const finance = lived('finance');

for (const example of ['finance', 'platform', 'default-roles'])
  void test(`nothing that ${example} really does is flagged, however many of its plans are at hand`, async () => {
    const { documents, stream } = await (example === 'finance' ? finance : lived(example));
    const all = [...documents.values()];
    assert.ok(all.length > 0 && stream.length > 20);
    for (const inputs of [[stream, ...all], [stream, ...all.slice(0, 1)], [stream], all])
      assert.deepEqual((await judged(...inputs)).flagged, []);
  });

const isDependency = ({ planResource }: Recorded): boolean => planResource === 'dependencies';
const isStored = (record: Recorded): boolean => isDependency(record) && record.identity === 'operator';
const isWarehouse = ({ planResource }: Recorded): boolean => planResource === 'connection:warehouse';
const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;

type Change = readonly [what: string, of: (record: Recorded) => boolean, change: (record: Recorded) => Partial<Recorded>, says: RegExp];
const changes: readonly Change[] = [
  [
    'a connection in another bucket',
    isWarehouse,
    () => ({ resource: 'arn:aws:s3:::payroll/secret.csv' }),
    /connection:warehouse at .*acme-warehouse/,
  ],
  [
    'a folder that only begins alike',
    isWarehouse,
    () => ({ resource: 'arn:aws:s3:::acme-warehouse/orders-of-others/x' }),
    /not at .*of-others/,
  ],
  [
    "another organization's prefix",
    isStored,
    ({ resource }) => ({ resource: resource.replace('/acme/', '/globex/') }),
    /dependencies at .*elastic\/acme.*, not at .*globex/,
  ],
  [
    "another job's folder",
    isStored,
    ({ resource }) => ({ resource: resource.replace(/jobs\/[^/]+/, 'jobs/other-00000000') }),
    /not at .*other-0/,
  ],
  [
    'another role at the end',
    isStored,
    () => ({ chain: [role('acme-agent'), role('Admin')] }),
    /does not come to operator through .*Admin/,
  ],
  ['no role at all', isStored, () => ({ chain: [] }), /does not come to operator through no role at all/],
  ['another phase', isStored, () => ({ phase: 'Poll' }), /in the phase Run, not in Poll/],
  ['no phase that there is', isStored, () => ({ phase: 'Banana' }), /not in Banana/],
  ['a hop of another phase', (record) => isDependency(record) && record.identity === 'agent', () => ({ phase: 'Design' }), /not in Design/],
  ["another job's session", isStored, () => ({ sessionName: 'deadbeef.deadbeef.operator' }), /it is no call of this job/],
  [
    "another runtime's session",
    isStored,
    ({ sessionName }) => ({ sessionName: sessionName.replace(/^[0-9a-f]{8}/, 'deadbeef') }),
    /it is no call of this job/,
  ],
  [
    "another identity's session",
    isStored,
    ({ sessionName }) => ({ sessionName: sessionName.replace('operator', 'master') }),
    /is not how sessions of operator are named/,
  ],
  [
    'a call that the product never makes',
    isStored,
    () => ({ planResource: 'cluster-resources', phase: 'Create', action: 'iam:CreateAccessKey' }),
    /takes no iam:/,
  ],
];

for (const [what, of, change, says] of changes)
  void test(`flagged: ${what}`, async () => {
    const document = (await finance).documents.get('nightly-orders');
    assert.ok(document);
    const changed = document.accesses.find(of);
    assert.ok(changed);
    const accesses = document.accesses.map((record) => (record === changed ? { ...record, ...change(record) } : record));
    const { code, flagged } = await judged({ ...document, accesses });
    assert.deepEqual([code, flagged.length], [1, 1], flagged.join('\n'));
    assert.match(flagged[0] ?? '', says);
  });

const own: Partial<Recorded> = {
  sessionName: '01234567.-.worker',
  identity: 'worker',
  chain: ['acme-agent', 'acme-operator', 'acme-worker'].map(role),
};
const ofRuntime: readonly (readonly [what: string, record: Partial<Recorded>, says: RegExp])[] = [
  [
    'a user is made',
    { ...own, planResource: 'volumes', action: 'iam:CreateUser', resource: 'eve' },
    /worker makes no iam:CreateUser for volumes/,
  ],
  ['nobody else scales', { ...own, planResource: 'nodes', action: 'ec2:RunInstances', resource: '*' }, /no plan reaches nodes as worker/],
  ['a connection that no job has', { ...own, planResource: 'connection:payroll' }, /no plan at hand reaches connection:payroll as worker/],
  [
    'staging of another organization',
    { ...own, planResource: 'staging', resource: 'arn:aws:s3:::acme-staging/elastic/globex/x' },
    /staging at .*, not at .*globex/,
  ],
  [
    'logs of another runtime',
    { ...own, planResource: 'log', resource: 'arn:aws:s3:::acme-logs/elastic/acme/finance/other/x' },
    /log at .*, not at .*other/,
  ],
  [
    'keys of another connection',
    { ...own, identity: 'connectionRole:crm', planResource: 'connection:orders' },
    /no plan reaches connection:orders as connectionRole:crm/,
  ],
  ['no role at all', { ...own, planResource: 'staging', chain: [] }, /nobody comes to worker through no role at all/],
  [
    "a job's session",
    { ...own, planResource: 'staging', sessionName: '01234567.89abcdef.worker' },
    /is one of a job, and the record names none/,
  ],
  ['a resource of no plan', { ...own, planResource: 'payroll' }, /no plan has payroll/],
  [
    'a hop by whom nobody is reached',
    { ...own, planResource: 'nodes', action: 'sts:AssumeRole', identity: 'master' },
    /master makes no sts:AssumeRole/,
  ],
];

for (const [what, more, says] of ofRuntime)
  void test(`flagged, of no job: ${what}`, async () => {
    const { documents } = await finance;
    const record: Partial<Recorded> = {
      time: '2026-12-01T10:00:00.000Z',
      runtime: 'finance/analytics',
      phase: 'Create',
      rule: 'create-verify-staging: a probe',
      action: 's3:GetObject',
      resource: 'arn:aws:s3:::acme-staging/elastic/acme/finance/analytics/x',
      outcome: 'ok',
      requestId: 'R1',
      ...more,
    };
    const { code, flagged } = await judged([record], ...documents.values());
    assert.deepEqual([code, flagged.length], [1, 1], flagged.join('\n'));
    assert.match(flagged[0] ?? '', says);
  });

void test('a document that was written before its plan had locations is judged by the rest', async () => {
  const document = (await finance).documents.get('nightly-orders');
  assert.ok(document);
  const old = { ...document, runtimeUid: undefined, plan: document.plan.map(({ location: _none, ...row }) => row) };
  const { flagged, said } = await judged(old);
  assert.deepEqual([flagged, said.length], [[], 1]);
  assert.match(said[0] ?? '', /nightly-orders has no locations: an earlier version wrote it/);
});

function podEvent(document: JobDocument, eventName: string, bucketName: string, key: string) {
  return {
    eventTime: '2026-11-02T08:02:00Z',
    eventName,
    eventSource: 's3.amazonaws.com',
    awsRegion: 'us-east-1',
    requestID: 'pod',
    requestParameters: { bucketName, key },
    userIdentity: {
      type: 'AssumedRole',
      arn: `arn:aws:sts::111122223333:assumed-role/acme-worker/01234567.${document.uid.slice(0, 8)}.worker`,
      sessionContext: { sessionIssuer: { type: 'Role', arn: role('acme-worker') }, webIdFederationData: { federatedProvider: 'oidc' } },
    },
  };
}

void test('a pod writes where its plan says, and nowhere else', async () => {
  const document = (await finance).documents.get('hourly-clicks');
  assert.ok(document);
  const judge = async (bucket: string, key: string) =>
    (await judged(document, { Records: [podEvent(document, 'PutObject', bucket, key)] })).flagged;
  // The runtime uid in a session's name is not what tells jobs apart.
  assert.deepEqual(await judge('acme-lake', 'clicks/part-1'), []);
  assert.match((await judge('acme-lake', 'payroll/part-1'))[0] ?? '', /as worker at .*acme-lake\/clicks\/.*, not at .*payroll/);
  assert.match((await judge('acme-staging', 'elastic/globex/x'))[0] ?? '', /not at .*globex/);
});

void test('CloudTrail has another resource under the same request id', async () => {
  const document = (await finance).documents.get('nightly-orders');
  const record = document?.accesses.find(isStored);
  assert.ok(document && record);
  const event = { ...podEvent(document, 'PutObject', 'payroll', 'x'), requestID: record.requestId, userIdentity: {} };
  assert.deepEqual((await judged(document, { Records: [event] })).flagged, ['CloudTrail has arn:aws:s3:::payroll/x for this call']);
});
