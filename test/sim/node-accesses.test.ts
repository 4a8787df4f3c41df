import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditReport } from '../../src/core/audit/report.ts';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { find, job, minute, runtime, start, until } from './support/stage.ts';

const agents = { nodeAgents: true } as const;

type Stored = {
  readonly uid: string;
  readonly plan: readonly never[];
  readonly missing?: readonly string[];
  readonly more?: string;
  readonly accesses: readonly AuditRecord[];
};

const folderOf = (simulation: Simulation, name: string): string =>
  `elastic/acme/finance/analytics/jobs/${name}-${find(simulation, name).metadata.uid?.slice(0, 8)}`;

function storedOf(simulation: Simulation, name: string): Stored {
  const key = `${folderOf(simulation, name)}/access.json`;
  const object = simulation.account.objects('acme-logs').find((one) => one.key === key);
  assert.ok(object, key);
  return JSON.parse(new TextDecoder().decode(object.body)) as Stored;
}

/** Every record of the job that any stream has, up to the last write of the document itself. */
function streamed(simulation: Simulation, name: string): readonly AuditRecord[] {
  const own = simulation.audit().filter((record) => record.job === `finance/${name}`);
  const write = own.findLastIndex(
    ({ action, resource, outcome }) => action === 's3:PutObject' && resource.endsWith('/access.json') && outcome === 'ok',
  );
  return own.slice(0, write);
}

/** Whoever holds the role of a job's pods may write there what he likes. */
function forge(simulation: Simulation, key: string, body: string): void {
  simulation.account.placeObject('acme-logs', key, new TextEncoder().encode(body));
}

const textsOf = (records: readonly AuditRecord[]): readonly string[] => records.map((record) => JSON.stringify(record)).sort();

function closed(simulation: Simulation, name: string): boolean {
  return find(simulation, name).status?.internal?.['cleaned'] === true;
}

void test("the record of a job has what node agents did for its pods, and all of it is the plan's", async () => {
  const simulation = start(
    [...runtime({}), job('talker', { duration: '4m', worker: { min: 2, max: 3 } }, { cleanupAfterSeconds: 60 })],
    agents,
  );
  await until(simulation, 'the job ends', () => closed(simulation, 'talker'));
  const stored = storedOf(simulation, 'talker');
  assert.deepEqual(textsOf(stored.accesses), textsOf(streamed(simulation, 'talker')));
  assert.equal(stored.missing, undefined);
  const ofNodes = stored.accesses.filter(({ node, planResource }) => node !== undefined && planResource?.startsWith('log:'));
  const kinds = new Set(ofNodes.map(({ identity, resource }) => `${identity} ${resource.endsWith('.log') ? 'log' : 'record'}`));
  assert.deepEqual([...kinds].sort(), ['master log', 'master record', 'worker log', 'worker record']);
  const { plan, uid, accesses } = stored;
  const rows = auditReport({
    records: accesses,
    plans: [{ runtime: 'finance/analytics', job: 'finance/talker', uid, rows: plan }],
    trail: undefined,
  });
  assert.deepEqual(
    rows.filter(({ unplanned }) => unplanned !== undefined),
    [],
  );
});

void test('agents and operator die, a machine is taken, attempts follow each other: nothing is missing', async () => {
  const simulation = start(
    [
      ...runtime({ spotPercent: 100 }),
      job('long', { duration: '15m', worker: { min: 1, max: 2, cpu: '3' } }, { backoffLimit: 1, cleanupAfterSeconds: 60 }),
    ],
    agents,
  );
  await until(simulation, 'running', () => find(simulation, 'long').status?.workers?.ready === 2);
  simulation.agents?.crash();
  await simulation.world.runUntil(() => false, 2 * minute);
  const spot = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'spot');
  assert.ok(spot);
  simulation.account.interrupt(spot.instanceId);
  await until(simulation, 'the machine is gone', () => simulation.account.stateOf(spot) === 'terminated');
  await until(simulation, 'another one is ready', () => find(simulation, 'long').status?.workers?.ready === 2);
  simulation.operator.current().process.crash();
  await until(simulation, 'the job ends', () => closed(simulation, 'long'));
  const stored = new Set(storedOf(simulation, 'long').accesses.map(({ requestId }) => requestId));
  const calls = new Map(simulation.account.calls.map((call) => [call.requestId, call.resource]));
  const missing = streamed(simulation, 'long').filter(({ requestId }) => !stored.has(requestId));
  // The last write of the part of the operator's process that died.
  for (const { requestId } of missing) assert.match(calls.get(requestId ?? '') ?? '', /access\/\d\.json$/);
  assert.ok(missing.length <= 1, String(missing.length));
  const nodes = new Set(storedOf(simulation, 'long').accesses.flatMap(({ node }) => node ?? []));
  assert.ok(nodes.size >= 4, [...nodes].join());
});

void test('a machine that is given up waits for the last lines of its pods', async () => {
  const simulation = start(
    [...runtime({ spotPercent: 100 }), job('long', { duration: '15m', worker: { min: 1, max: 1, cpu: '3' } }, { backoffLimit: 0 })],
    agents,
  );
  await until(simulation, 'running', () => find(simulation, 'long').status?.workers?.ready === 1);
  const spot = simulation.account.liveInstances().find(({ capacityType }) => capacityType === 'spot');
  assert.ok(spot);
  await simulation.world.runUntil(() => false, 2 * minute);
  let leftAt = 0;
  let lines = 0;
  simulation.kubernetes.server.store.subscribe((kind, { type, object }) => {
    if (kind.kind !== 'Pod' || type !== 'Deleted' || object.spec?.['nodeName'] !== spot.privateDnsName || leftAt > 0) return;
    if (object.metadata.labels?.['elasticruntime.dev/role'] !== 'worker') return;
    leftAt = simulation.world.now();
    const started = Date.parse((object.status as { readonly startTime: string }).startTime);
    lines = Math.floor((leftAt - started) / 5_000);
  });
  simulation.account.interrupt(spot.instanceId);
  await until(simulation, 'it is gone', () => simulation.account.stateOf(spot) === 'terminated');
  assert.ok(leftAt > 0 && lines > 3);
  const worker = `${folderOf(simulation, 'long')}/1/worker/`;
  const log = simulation.account.objects('acme-logs').filter(({ key }) => key.startsWith(worker) && key.includes('/main/'));
  const text = log.map(({ body }) => new TextDecoder().decode(body)).join('');
  assert.ok(text.trimEnd().split('\n').length >= lines, `${text.split('\n').length} of ${lines} lines`);
});

void test("what a job's pods or a stolen node put beside its record gets into it only where it is a write of that node's own logs", async () => {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 1 } })], agents);
  await until(simulation, 'running', () => find(simulation, 'talker').status?.workers?.ready === 1);
  const folder = folderOf(simulation, 'talker');
  await until(simulation, 'a log is stored', () =>
    simulation.audit().some(({ resource }) => resource.includes('/1/worker/') && resource.endsWith('.log')),
  );
  const own = simulation.audit().find(({ resource }) => resource.includes('/1/worker/') && resource.endsWith('.log'));
  assert.ok(own?.node !== undefined);
  const forged = (id: string, fields: Partial<AuditRecord>): AuditRecord => ({ ...own, requestId: id, ...fields });
  const part = `${folder}/access/worker/${own.node}/20260101t000000000z-00000000.json`;
  const elsewhere = own.resource.replace('finance/analytics', 'finance/other');
  const accesses = [
    forged('own', {}),
    forged('reads', { action: 's3:GetObject' }),
    forged('operator', { identity: 'operator' }),
    forged('no-agent', { planResource: 'connection:lake' }),
    forged('elsewhere', { resource: elsewhere }),
    forged('other-node', { resource: own.resource.replace(own.node, 'analytics-workers-other') }),
    forged('named-other', { node: 'analytics-workers-other' }),
    forged('other-job', { job: 'finance/other' }),
    forged('other-runtime', { runtime: 'finance/other' }),
    forged('session', { sessionName: `${own.sessionName.slice(0, 8)}.00000000.worker` }),
    forged('master', { resource: own.resource.replace('/1/worker/', '/1/master/') }),
    { ...forged('more', {}), secret: 'x' },
    'no record',
  ];
  forge(simulation, part, JSON.stringify({ accesses }));
  forge(simulation, `${folder}/access/worker/${own.node}/broken.json`, '{"accesses":[');
  forge(simulation, `${folder}/access/worker/analytics-workers-none/${'x'.repeat(20)}.json`, JSON.stringify({ accesses: [own] }));
  forge(simulation, `${folder}/access/worker/${own.node}/huge.json`, 'x'.repeat(5_000_000));
  await until(simulation, 'the job ends', () => find(simulation, 'talker').status?.phase === 'Succeeded');
  const stored = storedOf(simulation, 'talker');
  const known = new Set(simulation.audit().map(({ requestId }) => requestId));
  const added = stored.accesses.filter(({ requestId }) => !known.has(requestId));
  assert.deepEqual(added.map(({ requestId }) => requestId).sort(), ['more', 'own']);
  assert.ok(added.every((record) => !('secret' in record)));
  assert.equal(stored.missing?.length, 1);
  assert.match(stored.missing?.[0] ?? '', /huge\.json: .*ObjectTooLarge/);
  const condition = find(simulation, 'talker').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'AccessesIncomplete']);
});

void test('where the records of nodes may not be listed, the job has its own, and says what it lacks', async () => {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 1 } })], agents);
  await until(simulation, 'running', () => find(simulation, 'talker').status?.workers?.ready === 1);
  const agent = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/agent'));
  assert.ok(agent);
  const noListing = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 's3:ListBucket', Resource: '*' }] } as const;
  simulation.account.putRole({ ...agent, policies: [...agent.policies, { name: 'no-listing', document: noListing }] });
  await until(simulation, 'the job ends', () => find(simulation, 'talker').status?.phase === 'Succeeded');
  const { accesses, missing } = storedOf(simulation, 'talker');
  assert.ok(accesses.some(({ identity }) => identity === 'agent'));
  assert.match(missing?.join() ?? '', /what node agents recorded at s3:\/\/acme-logs\/.*\/access\/: .*s3:ListBucket/);
  const condition = find(simulation, 'talker').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.match(condition?.message ?? '', /access\.json lacks what node agents recorded/);
});

void test('the calls of a preflight are in the record of the job that asked; one that used its answers has none', async () => {
  const simulation = start([...runtime({}), job('first', {}), job('second', {})], agents);
  await until(simulation, 'they end', () => ['first', 'second'].every((name) => find(simulation, name).status?.phase === 'Succeeded'));
  const proving = simulation.audit().filter(({ preflight, job: of }) => preflight === true && of !== undefined);
  assert.ok(proving.length > 3);
  for (const name of ['first', 'second']) {
    const stored = new Set(storedOf(simulation, name).accesses.map(({ requestId }) => requestId));
    assert.ok(
      proving.every(({ job: of, requestId }) => (of === `finance/${name}`) === stored.has(requestId)),
      name,
    );
  }
  // Of the runtime's own, too.
  assert.ok(simulation.audit().some(({ preflight, job: of }) => preflight === true && of === undefined));
});

void test('however much lies beside a record, it is read up to a bound, and the rest is named', async () => {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 1 } })], agents);
  const isLog = ({ resource }: AuditRecord): boolean => resource.includes('/1/worker/') && resource.endsWith('.log');
  await until(simulation, 'a log is stored', () => simulation.audit().some(isLog));
  const own = simulation.audit().find(isLog);
  const folder = `${folderOf(simulation, 'talker')}/access/worker/${own?.node}`;
  for (let part = 0; part < 40; part += 1) {
    const accesses = Array.from({ length: 1_200 }, (_, index) => ({ ...own, requestId: `${part}-${index}` }));
    forge(simulation, `${folder}/${String(part).padStart(4, '0')}.json`, JSON.stringify({ accesses }));
  }
  await until(simulation, 'the job ends', () => find(simulation, 'talker').status?.phase === 'Succeeded');
  const { accesses, missing, more } = storedOf(simulation, 'talker');
  assert.ok(accesses.length > 20_000 && accesses.length < 40_000, String(accesses.length));
  assert.match(more ?? '', /^\d+ of \d+ parts at s3:\/\/acme-logs\/.*\/access\/$/);
  assert.equal(missing, undefined);
  const condition = find(simulation, 'talker').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.equal(condition?.status, 'True', 'they are there, only elsewhere');
});

void test('nothing that lies beside a record keeps a job from its end, or from being deleted', async () => {
  const simulation = start([...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 1 } })], agents);
  const isLog = ({ resource }: AuditRecord): boolean => resource.includes('/1/worker/') && resource.endsWith('.log');
  await until(simulation, 'a log is stored', () => simulation.audit().some(isLog));
  const own = simulation.audit().find(isLog);
  const beside = `${folderOf(simulation, 'talker')}/access`;
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  for (const [index, field] of ['cluster', 'widened', 'durationMs', 'requestId', 'chain'].entries()) {
    const text = JSON.stringify({ accesses: [{ ...own, [field]: 'HERE' }] }).replace('"HERE"', deep(20_000));
    forge(simulation, `${beside}/worker/${own?.node}/${index}.json`, text);
  }
  // Where only a worker can write, though the last of the key looks like a master's folder.
  const forged = {
    ...own,
    identity: 'master',
    planResource: 'log:master',
    node: 'worker',
    requestId: 'forged',
    sessionName: own?.sessionName.replace('.worker', '.master'),
  };
  const resource = own?.resource.replace(`/1/worker/${own.node}/`, '/1/master/worker/');
  for (const key of ['master/worker/p.json', `worker/${own?.node}/access/master/worker/p.json`])
    forge(simulation, `${beside}/${key}`, JSON.stringify({ accesses: [{ ...forged, resource }] }));
  await until(simulation, 'the job ends', () => find(simulation, 'talker').status?.phase === 'Succeeded');
  assert.ok(storedOf(simulation, 'talker').accesses.every(({ requestId }) => requestId !== 'forged'));
  simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/talker');
  await until(simulation, 'it is gone', () => simulation.jobs().length === 0);
});

void test('node agents that may not store in time leave a record that says what it lacks', async () => {
  const simulation = start(
    [...runtime({}), job('talker', { duration: '4m', worker: { min: 1, max: 1 } }, { cleanupAfterSeconds: 60 })],
    agents,
  );
  await until(simulation, 'running', () => find(simulation, 'talker').status?.workers?.ready === 1);
  const worker = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/worker'));
  assert.ok(worker);
  const noStoring = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 's3:PutObject', Resource: '*' }] } as const;
  simulation.account.putRole({ ...worker, policies: [...worker.policies, { name: 'no-storing', document: noStoring }] });
  await until(simulation, 'the job ends', () => closed(simulation, 'talker'));
  const { missing } = storedOf(simulation, 'talker');
  assert.match(missing?.join() ?? '', /^what node agents did last for 1 pod\(s\) of attempt 1, on ip-/);
  const condition = find(simulation, 'talker').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'TimedOut']);
});
