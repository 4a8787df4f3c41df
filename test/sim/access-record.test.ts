import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditRecord } from '../../src/ports/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

type Stored = { readonly job: string; readonly plan: readonly object[]; readonly accesses: readonly AuditRecord[] };

function objectsOf(simulation: Simulation, name: string): ReadonlyMap<string, Stored> {
  const uid8 = (find(simulation, name).metadata as { readonly uid: string }).uid.slice(0, 8);
  const prefix = `elastic/acme/finance/analytics/jobs/${name}-${uid8}/`;
  return new Map(
    simulation.account
      .objects('acme-logs')
      .filter(({ key }) => key.startsWith(`${prefix}access`))
      .map(({ key, body }) => [key.slice(prefix.length), JSON.parse(new TextDecoder().decode(body)) as Stored]),
  );
}

const idsOf = (records: readonly AuditRecord[]): readonly string[] => records.map(({ requestId }) => requestId ?? '').sort();

/** Every record of the job that the stream has, up to the write of the document itself. */
function expected(simulation: Simulation, name: string): readonly string[] {
  const own = simulation.audit().filter((record) => record.job === `finance/${name}`);
  const write = own.findLastIndex(
    ({ action, resource, outcome }) => action === 's3:PutObject' && resource.endsWith('/access.json') && outcome === 'ok',
  );
  return idsOf(own.slice(0, write));
}

function crash(simulation: Simulation): void {
  simulation.operator.current().process.crash();
}

const phase = (simulation: Simulation, name: string): string => find(simulation, name).status?.phase ?? '';

void test('a job without a restart: its calls, its plan, two writes', async () => {
  const simulation = start([...runtime({}), job('nightly', {})]);
  await until(simulation, 'the job ends', () => phase(simulation, 'nightly') === 'Succeeded');
  const objects = objectsOf(simulation, 'nightly');
  assert.deepEqual([...objects.keys()].sort(), ['access.json', 'access/1.json']);
  const stored = objects.get('access.json');
  assert.deepEqual(idsOf(stored?.accesses ?? []), expected(simulation, 'nightly'));
  assert.ok((stored?.plan.length ?? 0) > 5);
  // All fields, and each of them planned.
  for (const { cluster, namespace, phase: of, planResource, rule, durationMs } of stored?.accesses ?? []) {
    assert.deepEqual([cluster, namespace], ['simulation', 'finance']);
    assert.ok(of !== undefined && planResource !== undefined && rule !== undefined && durationMs !== undefined);
  }
  const writes = simulation.account.calls.filter(
    ({ method, resource }) => method === 's3.putObject' && /access(\/\d)?\.json$/.test(resource),
  );
  assert.equal(writes.length, 2);
});

const withKeys: readonly SimulationManifest[] = [
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'finance' },
    stringData: { aws_access_key_id: 'AKIAEXAMPLEFINANCE', aws_secret_access_key: 'secret' },
  },
];

const script: SimulationManifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'etl', namespace: 'finance' },
  data: { 'etl.py': 'print()' },
};
/** Staged before the job starts: a call of its own, where what its runtime has proved is not proved again. */
const staged = { dependencies: [{ path: 'app/etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } }] };

const lake = {
  ...staged,
  connections: [
    {
      name: 'lake',
      usage: 'Target',
      connector: 'AmazonS3',
      location: 's3://finance-lake/out/',
      authentication: { credentials: { secretRef: { name: 'keys' } } },
    },
  ],
};

for (const [what, more] of [
  ['polled as agent', staged],
  ['polled with the keys of a connection', lake],
] as const) {
  void test(`the operator dies twice while the job runs: nothing is missing (${what})`, async () => {
    const simulation = start([...runtime({}), ...withKeys, script, job('nightly', { duration: '10m' }, more)]);
    await until(simulation, 'verified', () => objectsOf(simulation, 'nightly').has('access/1.json'));
    crash(simulation);
    await until(simulation, 'it runs', () => phase(simulation, 'nightly') === 'Running');
    crash(simulation);
    await until(simulation, 'the job ends', () => phase(simulation, 'nightly') === 'Succeeded');
    const objects = objectsOf(simulation, 'nightly');
    assert.ok(objects.has('access/2.json'), [...objects.keys()].join());
    const stored = idsOf(objects.get('access.json')?.accesses ?? []);
    // A process's last write of its own part is in no part.
    const missing = expected(simulation, 'nightly').filter((id) => !stored.includes(id));
    const calls = new Map(simulation.account.calls.map((call) => [call.requestId, call.resource]));
    assert.ok(missing.length <= 2);
    for (const id of missing) assert.match(calls.get(id) ?? '', /access\/\d\.json$/);
    const first = objects.get('access.json')?.accesses.filter(({ resource }) => resource.endsWith('/deps/app/etl.py')) ?? [];
    assert.ok(first.length > 0, 'the calls of the first process');
  });
}

void test('a job that is deleted while it runs leaves its record, its clean-up included', async () => {
  const simulation = start([...runtime({}), job('nightly', { duration: '10m' })]);
  await until(simulation, 'it runs', () => phase(simulation, 'nightly') === 'Running');
  const uid8 = (find(simulation, 'nightly').metadata as { readonly uid: string }).uid.slice(0, 8);
  simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/nightly');
  await until(simulation, 'it is gone', () => simulation.jobs().length === 0);
  const object = simulation.account.objects('acme-logs').find(({ key }) => key.endsWith(`/nightly-${uid8}/access.json`));
  assert.ok(object);
  const { accesses } = JSON.parse(new TextDecoder().decode(object.body)) as Stored;
  assert.deepEqual(idsOf(accesses), expected(simulation, 'nightly'));
  assert.ok(accesses.some(({ action, resource }) => action === 's3:ListBucket' && resource.includes('acme-staging')));
});

void test('what cannot be read is not overwritten: the parts stay, and the job says so', async () => {
  const simulation = start([...runtime({}), script, job('nightly', { duration: '5m' }, staged)]);
  await until(simulation, 'it runs', () => phase(simulation, 'nightly') === 'Running');
  crash(simulation);
  const agent = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/agent'));
  assert.ok(agent);
  const noReading = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 's3:GetObject', Resource: '*' }] } as const;
  simulation.account.putRole({ ...agent, policies: [...agent.policies, { name: 'no-reading', document: noReading }] });
  await until(simulation, 'the job ends', () => phase(simulation, 'nightly') === 'Succeeded');
  assert.deepEqual([...objectsOf(simulation, 'nightly').keys()].sort(), ['access/1.json', 'access/2.json']);
  const condition = find(simulation, 'nightly').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'AccessesNotStored']);
  assert.match(condition?.message ?? '', /s3:GetObject/);
});

void test('AWS and the API server refuse half of everything for a while as the job ends: its log and its record are stored afterwards', async () => {
  const simulation = start([...runtime({}), job('nightly', {})]);
  await until(simulation, 'its logs are due', () => phase(simulation, 'nightly') === 'Uploading');
  const { world } = simulation;
  const end = world.now() + 30_000;
  const isBusy = (): boolean => world.now() < end;
  let calls = 0;
  Object.assign(world.faults, { active: isBusy, happens: (fault: string) => fault === 'busy' && isBusy() && (calls += 1) % 2 === 0 });
  await until(simulation, 'the job ends', () => phase(simulation, 'nightly') === 'Succeeded');
  const stored = objectsOf(simulation, 'nightly').get('access.json');
  assert.deepEqual(idsOf(stored?.accesses ?? []), expected(simulation, 'nightly'));
  assert.ok(simulation.account.objects('acme-logs').some(({ key }) => key.endsWith('/1/agent/agent.log')));
  const uploaded = find(simulation, 'nightly').status?.conditions?.find(({ type }) => type === 'LogsUploaded');
  assert.equal(uploaded?.status, 'True');
});
