import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type AuditArguments, runAudit } from '../../src/cli/audit.ts';
import type { Recorded } from '../../src/core/audit/records.ts';
import type { ReportRow } from '../../src/core/audit/report.ts';
import { job, runtime, start, until } from '../sim/support/stage.ts';

type Files = Readonly<Record<string, Uint8Array | string>>;

async function run(files: Files, args: Partial<AuditArguments> = {}) {
  const out: string[] = [];
  const errors: string[] = [];
  const bytes = (content: Uint8Array | string): Uint8Array => (typeof content === 'string' ? new TextEncoder().encode(content) : content);
  const code = await runAudit(
    { files: Object.keys(files), output: 'json', ...args },
    {
      async readBytes(path) {
        const content = files[path];
        if (content === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' });
        return bytes(content);
      },
      readBucket: async ({ bucket, prefix }, wanted) =>
        Object.entries(files)
          .filter(([key]) => bucket === 'acme-logs' && key.startsWith(prefix) && wanted(key))
          .map(([name, content]) => ({ name, bytes: bytes(content) })),
      stdout: (line) => void out.push(line),
      stderr: (line) => void errors.push(line),
    },
  );
  const rows = args.output === 'table' || code === 2 ? [] : (JSON.parse(out.join('\n')) as readonly ReportRow[]);
  return { code, rows, text: out.join('\n'), errors };
}

/** What a simulated job leaves in the log location, and the stream of its operator. */
async function lived() {
  const simulation = start([
    ...runtime({}),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'etl', namespace: 'finance' }, data: { 'etl.py': 'print()' } },
    job('nightly', {}, { dependencies: [{ path: 'etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } }] }),
  ]);
  await until(simulation, 'the job ends', () => simulation.jobs()[0]?.status?.phase === 'Succeeded');
  const objects = Object.fromEntries(simulation.account.objects('acme-logs').map(({ key, body }) => [key, body]));
  const records = simulation.audit();
  const stream = records.map((record) => JSON.stringify({ level: 'info', ...record, audit: true, message: 'm' })).join('\n');
  return { objects, records, stream };
}

const simulated = lived();

void test('the stream and the record of a whole job: every access is planned', async () => {
  const { objects, stream, records } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const { code, rows } = await run({
    'operator.log': `not json\n{"level":"info","message":"starting"}\n${stream}\n`,
    [key]: objects[key] ?? '',
  });
  assert.deepEqual(
    rows.filter(({ unplanned }) => unplanned !== undefined),
    [],
  );
  assert.equal(code, 0);
  // Those of the stream and of the document are the same ones.
  assert.equal(rows.length, records.length);
});

void test('what a job without dependencies left in staging is cleared as planned, too', async () => {
  const simulation = start([...runtime({}), job('plain', {}, { cleanupAfterSeconds: 60 })]);
  const clears = () =>
    simulation.audit().filter(({ action, identity, job }) => job !== undefined && action === 's3:ListBucket' && identity === 'operator');
  await until(simulation, 'its staging is cleared', () => clears().length > 0);
  const record = simulation.account.objects('acme-logs').find(({ key }) => key.endsWith('/access.json'));
  const stream = simulation
    .audit()
    .map((one) => JSON.stringify(one))
    .join('\n');
  const { code, rows } = await run({ stream, 'access.json': record?.body ?? '' });
  assert.deepEqual(
    rows.filter(({ unplanned }) => unplanned !== undefined),
    [],
  );
  assert.equal(code, 0);
});

void test('from the bucket, between two times, of one job', async () => {
  const { objects } = await simulated;
  const all = await run(objects, { files: [], resource: 's3://acme-logs/elastic/acme/' });
  assert.ok(all.code === 0 && all.rows.length >= 3, `${all.rows.length} rows`);
  assert.ok(all.rows.every((row) => row.job === 'finance/nightly'));
  const first = all.rows[0]?.time ?? '';
  const later = await run(objects, {
    files: [],
    resource: 's3://acme-logs/elastic/acme/',
    since: new Date(Date.parse(first) + 30_000).toISOString(),
  });
  assert.ok(later.rows.length > 0 && later.rows.length < all.rows.length);
  assert.deepEqual((await run(objects, { files: [], resource: 's3://acme-logs/elastic/acme/', job: 'other' })).rows, []);
});

void test('a folder is read with or without its slash, one record by its name, and what only begins as the folder does is not listed', async () => {
  const { objects } = await simulated;
  const [key = '', body = ''] = Object.entries(objects).find(([name]) => name.endsWith('/access.json')) ?? [];
  const rows = async (resource: string, at = key): Promise<number> => (await run({ [at]: body }, { files: [], resource })).rows.length;
  const all = await rows('s3://acme-logs/elastic/acme/');
  assert.ok(all > 0);
  assert.equal(await rows('s3://acme-logs/elastic/acme'), all);
  assert.equal(await rows('s3://acme-logs'), all);
  assert.equal(await rows(`s3://acme-logs/${key}`), all);
  assert.equal(await rows('s3://acme-logs/elastic/acme', key.replace('elastic/acme/', 'elastic/acme2/')), 0);
});

void test('what is not planned is flagged, in the table too, and the exit code is 1; gz and CloudTrail are read', async () => {
  const { objects, records } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const own = records.find((record) => record.job !== undefined && record.action === 's3:PutObject');
  const strange = JSON.stringify({ ...own, identity: 'master', requestId: 'X' });
  const trail = gzipSync(
    JSON.stringify({ Records: [{ eventTime: own?.time, eventName: 'PutObject', eventSource: 's3.amazonaws.com', requestID: 'X' }] }),
  );
  const { code, text } = await run({ [key]: objects[key] ?? '', strange, 'trail.json.gz': trail }, { output: 'table' });
  assert.equal(code, 1);
  assert.match(text, /as master.*\n|NOT PLANNED: the plan reaches/);
  assert.match(text, /access\(es\), 1 not planned$/);
});

void test('what looks like a record and is none is said, and is no clean result', async () => {
  const { stream } = await simulated;
  const [first = '', second = ''] = stream.split('\n');
  const broken = [
    `${first}\n${second.slice(0, -40)}`,
    // Cut before the word that tells it, and all that is left of a line is its end.
    `${first}\n${second.slice(0, 60)}`,
    `${first}\n${second.slice(second.indexOf('"identity"'))}`,
    `${first}\n${second.replace('"chain":', '"chains":')}`,
    `${first}\n${second.replace(/"time":"[^"]*"/, '"time":"soon"')}`,
  ];
  for (const log of broken) {
    const { code, errors, rows } = await run({ log });
    assert.deepEqual([code, rows.length], [1, 1], log);
    assert.deepEqual(errors, [`audit: log, line 2, ${unread}`]);
  }
});

const unread = 'cannot be read as what it looks like, an audit record or an event of CloudTrail: it is not judged';

const odd = {
  time: '2026-01-01T00:00:00Z',
  runtime: 'a/b',
  identity: 'x',
  sessionName: 's',
  action: 'a',
  resource: 'r',
  outcome: 'ok',
  chain: [],
};
const wrong: readonly (readonly [what: string, files: Files, args: Partial<AuditArguments>, says: RegExp])[] = [
  ['nothing to read', {}, {}, /give files/],
  ['a file that is not there', {}, { files: ['x'] }, /^audit: x: cannot be read \(ENOENT\)/],
  ['no records in it', { x: 'hello\n' }, {}, /x: holds no audit records/],
  ['a torn gzip file', { x: new Uint8Array([0x1f, 0x8b, 8, 255, 1]) }, {}, /x: cannot be unpacked \(Z_/],
  ['a list of something else', { x: '[1, 2, null]' }, {}, /x: holds no audit records/],
  [
    'records whose fields are no texts',
    {
      x: JSON.stringify([
        { ...odd, job: 7 },
        { ...odd, chain: [5] },
      ]),
    },
    {},
    /x: holds no audit records/,
  ],
  ['another document', { x: '{"kind":"Pod"}' }, {}, /neither an access\.json nor/],
  ['a file that is cut', { 'x.gz': gzipSync('{}').slice(0, 15) }, {}, /^audit: x\.gz: cannot be unpacked \(Z_BUF_ERROR\): is it whole\?/],
  ['a time that is a number', { x: '' }, { since: '1' }, /--since "1" is no time/],
  ['a time of no zone', { x: '' }, { until: '2026-12-01T10:00' }, /--until "2026-12-01T10:00" is no time/],
  ['a day that no February has', { x: '' }, { since: '2026-02-30' }, /--since "2026-02-30" is no time/],
  ['a day that no April has', { x: '' }, { until: '2026-04-31T10:00:00Z' }, /--until "2026-04-31T10:00:00Z" is no time/],
  ['a wrong time', { x: '' }, { since: 'yesterday' }, /--since "yesterday" is no time/],
  ['no bucket', {}, { files: [], resource: 'acme-logs' }, /is no s3:\/\/BUCKET/],
];

for (const [what, files, args, says] of wrong)
  void test(`wrong input ends with 2: ${what}`, async () => {
    const { code, errors } = await run(files, args);
    assert.deepEqual([code, errors.length], [2, 1]);
    assert.match(errors[0] ?? '', says);
  });

void test('a document whose plan is none: its accesses are held to no plan', async () => {
  const document = { job: 'j', uid: 'u', namespace: 'a', runtime: 'b', plan: [null, 3, { phase: 5 }], accesses: [odd] };
  const { code, rows } = await run({ x: JSON.stringify(document) });
  assert.deepEqual([code, rows.length], [1, 1]);
});

void test('the command reads stdin', async () => {
  const { stream } = await simulated;
  const { status, stdout } = spawnSync(process.execPath, ['src/cli/main.ts', 'audit', '-', '-o', 'json'], {
    input: stream,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  assert.equal(status, 0);
  assert.ok((JSON.parse(stdout) as readonly unknown[]).length > 5);
});

void test('what is malformed in a document is named, each with its place', async () => {
  const { objects, records } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const document = JSON.parse(new TextDecoder().decode(objects[key])) as {
    readonly accesses: readonly object[];
    readonly plan: readonly object[];
  };
  const [first, ...others] = document.accesses;
  const event = { eventName: 'PutObject', eventSource: 's3.amazonaws.com' };
  const eventTime = '2026-12-01T10:00:00Z';
  const broken: readonly (readonly [what: string, content: unknown, places: readonly string[]])[] = [
    [
      'an access',
      { ...document, accesses: [...others, { ...first, outcome: 5 }, null] },
      [`accesses[${others.length}]`, `accesses[${others.length + 1}]`],
    ],
    ['a row of the plan', { ...document, accesses: [], plan: [{ phase: 5 }, ...document.plan] }, ['plan[0]']],
    ['a result of simulate', { audit: [{ ...records[0], chain: 'x' }, ...records.slice(1)] }, ['audit[0]']],
    ['a list', [...records, { x: 1 }], [`[${records.length}]`]],
    ['an event without its time', { Records: [event, { ...event, eventTime }] }, ['Records[0]']],
    ['an event whose time is none', { Records: [{ ...event, eventTime: 'soon' }] }, ['Records[0]']],
    ['an event that was looked up, and is cut', { Events: [{ CloudTrailEvent: '{"eventTime":' }] }, ['Events[0]']],
  ];
  for (const [what, content, places] of broken) {
    const { code, errors } = await run({ x: JSON.stringify(content) });
    assert.equal(code, 1, what);
    assert.deepEqual(
      errors,
      places.map((place) => `audit: x, ${place}, ${unread}`),
      what,
    );
  }
});

void test('CloudTrail in each form in which it is had is joined', async () => {
  const { objects } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const { accesses } = JSON.parse(new TextDecoder().decode(objects[key])) as { readonly accesses: readonly Recorded[] };
  const puts = accesses.filter(({ action }) => action === 's3:PutObject').slice(0, 2);
  const [first = {}, second = {}] = puts.map(({ time: eventTime, requestId: requestID }) => {
    return { eventVersion: '1.11', eventTime, eventName: 'PutObject', eventSource: 's3.amazonaws.com', requestID };
  });
  assert.equal(puts.length, 2);
  const lookedUp = (event: object) => ({ EventName: 'PutObject', CloudTrailEvent: JSON.stringify(event) });
  const forms: readonly (readonly [what: string, trail: string, joined: number])[] = [
    ['a file', JSON.stringify({ Records: [first, second] }), 2],
    ['lookup-events', JSON.stringify({ Events: [lookedUp(first), lookedUp(second)], NextToken: 'x' }), 2],
    ['one event', JSON.stringify(first), 1],
    ['one event on many lines', JSON.stringify(first, undefined, 2), 1],
    ['a list of events', JSON.stringify([first, second]), 2],
    ['lines of events', `${JSON.stringify(first)}\n${JSON.stringify(second)}\n`, 2],
  ];
  for (const [what, trail, joined] of forms) {
    const { code, rows, errors } = await run({ [key]: objects[key] ?? '', trail });
    assert.deepEqual([code, rows.filter(({ inCloudTrail }) => inCloudTrail === true).length, errors], [0, joined, []], what);
  }
});

void test('a document that says what it lacks is not the whole: it is said, and the exit code is 1', async () => {
  const { objects } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const document = JSON.parse(new TextDecoder().decode(objects[key])) as object;
  const lacking = { ...document, missing: ['what node agents recorded at s3://acme-logs/x/access/: AccessDenied'] };
  const { code, errors } = await run({ 'access.json': JSON.stringify(lacking) });
  assert.equal(code, 1);
  assert.deepEqual(errors, ['audit: access.json lacks what node agents recorded at s3://acme-logs/x/access/: AccessDenied']);
});

const escape = '\u001b]0;x\u0007\u009b2J\u202e';
const isPlain = (text: string): boolean => !/[\p{Cc}\u202e]/u.test(text.replaceAll('\n', ''));

void test('whatever a file or a name holds, nothing of it moves a terminal', async () => {
  const { objects } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  const document = JSON.parse(new TextDecoder().decode(objects[key])) as { readonly accesses: readonly object[] };
  const accesses = document.accesses.map((record) => ({ ...record, resource: `arn:aws:s3:::${escape}` }));
  const text = JSON.stringify({ ...document, missing: [`part ${escape}: AccessDenied`], accesses: [...accesses, { action: escape }] });
  for (const output of ['table', 'json'] as const) {
    const shown = await run({ [`a${escape}.json`]: text }, { output });
    assert.deepEqual([shown.code, shown.errors.length], [1, 2]);
    for (const line of [shown.text, ...shown.errors]) assert.ok(isPlain(line), JSON.stringify(line));
    assert.ok(shown.errors.some((line) => line.includes(String.raw`lacks part \u001b]0;x\u0007\u009b2J\u202e: AccessDenied`)));
  }
  // The texts themselves are as they were.
  const { rows } = await run({ x: text });
  assert.ok(rows.every(({ resource }) => resource === `arn:aws:s3:::${escape}`));
  const { code, errors } = await run({ [`a${escape}`]: 'none' });
  assert.ok(code === 2 && errors.every(isPlain), errors.join());
});

/** What a pod of the job did, in a session of that name. */
function podEvent(document: { readonly uid: string; readonly runtimeUid: string }, session: string, more: object) {
  return {
    eventTime: '2026-12-01T10:00:00Z',
    eventSource: 's3.amazonaws.com',
    eventName: 'GetObject',
    awsRegion: 'us-east-1',
    requestID: 'P1',
    userIdentity: {
      type: 'AssumedRole',
      arn: `arn:aws:sts::111122223333:assumed-role/worker/${session.replace('~', `${document.runtimeUid.slice(0, 8)}.${document.uid.slice(0, 8)}`)}`,
      accountId: '111122223333',
      sessionContext: {
        sessionIssuer: { type: 'Role', arn: 'arn:aws:iam::111122223333:role/worker' },
        webIdFederationData: { federatedProvider: 'oidc' },
      },
    },
    ...more,
  };
}

void test('a call of a session that is nobody’s by its name is shown with any job; what nobody can judge is said, and is no alarm', async () => {
  const { objects } = await simulated;
  const key = Object.keys(objects).find((name) => name.endsWith('/access.json')) ?? '';
  type Job = { readonly uid: string; readonly runtimeUid: string; readonly plan: readonly object[]; readonly accesses: readonly object[] };
  const document = JSON.parse(new TextDecoder().decode(objects[key])) as Job;
  const requestParameters = { bucketName: 'acme-payroll', key: 'salaries.csv' };
  const stranger = podEvent(document, 'botocore-session-1', { requestParameters });
  const shown = await run({ x: JSON.stringify(document), trail: JSON.stringify([stranger]) }, { job: 'nightly' });
  assert.deepEqual(
    [shown.code, shown.rows.flatMap(({ unplanned }) => unplanned ?? [])],
    [1, ['session botocore-session-1 of the worker role is not named as any of ours: nobody can tell whose call it is']],
  );
  const chain = ['arn:aws:iam::111122223333:role/worker'];
  const catalog = { phase: 'Run', resource: 'connection:catalog', action: 'read', identity: 'worker', chain };
  const location = 'arn:aws:glue:us-east-1:111122223333:table/sales/orders';
  const plan = [...document.plan, { ...catalog, location }];
  const event = podEvent(document, '~.worker', { requestParameters });
  const { code, text } = await run({ x: JSON.stringify({ ...document, plan }), trail: JSON.stringify(event) }, { output: 'table' });
  assert.equal(code, 0);
  assert.match(text, /salaries\.csv .* not judged: where the data of connection:catalog lies, the plan does not know\n/);
  assert.match(text, /access\(es\), 0 not planned, 1 not judged in full$/);
});
