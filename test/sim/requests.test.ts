import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticAccessRequest, ElasticAccessRequestSpec } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import { unseal } from '../../src/sim/sealer.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

const publicKey = `${'A'.repeat(87)}=`;
const lake = { name: 'lake', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-lake/raw/' };
const keyed = {
  name: 'vault',
  usage: 'Source',
  connector: 'AmazonS3',
  location: 's3://acme-vault/in/',
  authentication: { credentials: { secretRef: { name: 'keys' } } },
};
const reader = {
  ...lake,
  name: 'reader',
  location: 's3://acme-reader/raw/',
  authentication: { roleArn: 'arn:aws:iam::111122223333:role/reader' },
};
const crm = { name: 'crm', usage: 'Source', connector: 'JDBC', authentication: { properties: { secretRef: { name: 'crm' } } } };
const secrets: readonly SimulationManifest[] = [
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'finance' },
    stringData: { aws_access_key_id: 'AKIAEXAMPLE', aws_secret_access_key: 'canary-secret' },
  },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'crm', namespace: 'finance' }, stringData: { username: 'canary' } },
];

function ask(simulation: Simulation, name: string, spec: Omit<ElasticAccessRequestSpec, 'publicKey' | 'requestedBy'>): void {
  simulation.apply({
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticAccessRequest',
    metadata: { name, namespace: 'finance' },
    spec: { publicKey, requestedBy: 'ada', ...spec },
  });
}

function request(simulation: Simulation, name: string): ElasticAccessRequest | undefined {
  return simulation.kubernetes.server.store.get(kindNamed('ElasticAccessRequest'), `finance/${name}`) as ElasticAccessRequest | undefined;
}

async function answered(simulation: Simulation, name: string): Promise<NonNullable<ElasticAccessRequest['status']>> {
  await until(simulation, name, () => request(simulation, name)?.status?.phase !== undefined);
  return request(simulation, name)?.status ?? {};
}

function urls(simulation: Simulation, name: string): readonly string[] {
  const found = request(simulation, name);
  return (found?.status?.objects ?? []).map((object) => unseal(publicKey, `${found?.metadata.uid} ${object.name}`, object.sealedUrl));
}

async function withJob(connections: readonly object[]): Promise<Simulation> {
  const simulation = start([...runtime({}), ...secrets, job('etl', { duration: '1h' }, { connections })]);
  await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
  return simulation;
}

void test('a connection is shown as the Design rule says, to the holder of the key only, and for five minutes', async () => {
  for (const [connection, identity, chain] of [
    [lake, 'agent', ['agent']],
    [reader, 'connectionRole:reader', ['agent', 'reader']],
    [keyed, 'connectionCredentials:vault', []],
  ] as const) {
    const simulation = await withJob([connection]);
    const bucket = connection.location.slice('s3://'.length).split('/')[0] ?? '';
    const folder = connection.location.slice(`s3://${bucket}/`.length);
    simulation.account.placeObject(bucket, `${folder}a.csv`, Buffer.from('id,name\n1,ada\n'));
    simulation.account.placeObject(bucket, `${folder}deep/b.csv`, Buffer.from('id\n'));
    simulation.account.placeObject(bucket, 'other/c.csv', Buffer.from('not asked for'));
    const before = simulation.operator.audit.length;
    ask(simulation, 'look', { kind: 'Preview', job: 'etl', connection: connection.name });
    const status = await answered(simulation, 'look');
    assert.equal(status.phase, 'Answered', JSON.stringify(status));
    assert.equal(status.identity, identity);
    assert.deepEqual(
      status.chain?.map((arn) => arn.split('/').at(-1)),
      chain,
    );
    assert.deepEqual(
      status.objects?.map(({ name }) => name),
      // The last one is the simulated account's own.
      ['a.csv', 'deep/b.csv', 'part-00000'],
    );
    const [url = ''] = urls(simulation, 'look');
    assert.equal(simulation.account.openUrl(url), 'id,name\n1,ada\n');
    // What etcd holds opens nothing, and a URL opens no other object.
    assert.ok(!JSON.stringify(request(simulation, 'look')).includes('https://'));
    assert.equal(simulation.account.openUrl(url.replace('a.csv', 'deep/b.csv')), 'AccessDenied');
    const records = simulation.operator.audit.slice(before).filter(({ person }) => person === 'ada');
    assert.deepEqual(
      records.map(({ action, outcome }) => `${action} ${outcome}`),
      ['s3:ListBucket ok', 's3:GetObject presigned', 's3:GetObject presigned', 's3:GetObject presigned'],
    );
    assert.ok(records.every((record) => record.identity === identity && record.job === 'finance/etl'));
    await simulation.world.runUntil(() => request(simulation, 'look') === undefined, 6 * minute);
    assert.equal(request(simulation, 'look'), undefined);
    assert.equal(simulation.account.openUrl(url), 'AccessDenied');
  }
});

void test('logs are read by the Poll rule, page after page, of the attempt that is asked for', async () => {
  for (const [connections, identity] of [
    [[lake], 'agent'],
    [[keyed], 'connectionCredentials:vault'],
  ] as const) {
    const simulation = await withJob(connections);
    const uid8 = (find(simulation, 'etl').metadata as { readonly uid?: string }).uid?.slice(0, 8);
    const folder = `elastic/acme/finance/analytics/jobs/etl-${uid8}/1/master`;
    for (let index = 0; index < 230; index += 1) {
      const name = `etl-1-master-0/main/${String(index).padStart(8, '0')}.log`;
      simulation.account.placeObject('acme-logs', `${folder}/${name}`, Buffer.from(`line ${index}\n`));
    }
    const seen: string[] = [];
    let after: string | undefined;
    for (const [page, more] of [
      ['one', true],
      ['two', true],
      ['three', false],
    ] as const) {
      ask(simulation, page, { kind: 'Logs', job: 'etl', log: 'master', ...(after !== undefined && { after }) });
      const status = await answered(simulation, page);
      assert.deepEqual([status.phase, status.identity, status.more], ['Answered', identity, more], JSON.stringify(status));
      seen.push(...urls(simulation, page).map((url) => simulation.account.openUrl(url)));
      after = status.objects?.at(-1)?.name;
    }
    assert.deepEqual(
      seen,
      [...Array(230).keys()].map((index) => `line ${index}\n`),
    );
    ask(simulation, 'third', { kind: 'Logs', job: 'etl', log: 'master', attempt: 3 });
    assert.match((await answered(simulation, 'third')).message ?? '', /has had 1 attempt/);
  }
});

void test('what cannot be had is refused with the reason, and so is what another organization keeps beside us', async () => {
  const beside = { ...lake, name: 'beside', location: 's3://acme-logs/elastic/other/' };
  const above = { ...lake, name: 'above', location: 's3://acme-logs/' };
  const simulation = await withJob([lake, crm]);
  const message = async (name: string, spec: Parameters<typeof ask>[2]): Promise<string> => {
    ask(simulation, name, spec);
    const status = await answered(simulation, name);
    assert.equal(status.phase, 'Refused');
    return status.message ?? '';
  };
  assert.match(await message('none', { kind: 'Preview', job: 'none', connection: 'lake' }), /there is no ElasticJob finance\/none/);
  assert.match(
    await message('unknown', { kind: 'Preview', job: 'etl', connection: 'orders' }),
    /has no connection orders: it has lake, crm/,
  );
  assert.match(await message('jdbc', { kind: 'Preview', job: 'etl', connection: 'crm' }), /crm \(JDBC\) has no objects in S3/);
  for (const connection of [beside, above]) {
    simulation.apply(job(connection.name, {}, { connections: [connection], suspend: true }));
    await until(simulation, 'planned', () => find(simulation, connection.name).status !== undefined);
    assert.match(
      await message(`see-${connection.name}`, { kind: 'Preview', job: connection.name, connection: connection.name }),
      /not below its organization acme/,
    );
  }
  await simulation.world.runUntil(() => request(simulation, 'none') === undefined, hour);
});

void test('a folder of empty objects without end costs ten pages, and is said', async () => {
  const simulation = await withJob([lake]);
  const place = (name: string, text: string) => simulation.account.placeObject('acme-lake', `raw/${name}`, Buffer.from(text));
  for (let index = 0; index < 12_000; index += 1) place(`0${String(index).padStart(6, '0')}`, '');
  place('z.csv', 'id\n');
  const pages = (from: number) => simulation.operator.audit.slice(from).filter(({ action }) => action === 's3:ListBucket').length;
  let before = simulation.operator.audit.length;
  ask(simulation, 'empty', { kind: 'Preview', job: 'etl', connection: 'lake' });
  const refused = await answered(simulation, 'empty');
  assert.deepEqual([refused.phase, refused.reason, pages(before)], ['Refused', 'NotPossible', 10]);
  assert.match(refused.message ?? '', /the first 10000 objects of s3:\/\/acme-lake\/raw\/ hold nothing/);
  place('0', 'id\n');
  before = simulation.operator.audit.length;
  ask(simulation, 'one', { kind: 'Preview', job: 'etl', connection: 'lake' });
  const one = await answered(simulation, 'one');
  assert.deepEqual([one.objects?.map(({ name }) => name), one.more, pages(before)], [['0'], true, 10]);
});

void test('nothing is shown of what the class does not allow, however it is named; logs of a runtime that was begun stay readable', async () => {
  const ofClass = (allowed: Readonly<Record<string, unknown>>): SimulationManifest => ({
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'default' },
    spec: { allowed },
  });
  const uris = ['s3://acme-staging/*', 's3://acme-logs/*', 's3://acme-lake/*'];
  const simulation = start([ofClass({ uris }), ...runtime({}), job('etl', {}, { connections: [lake, reader] })]);
  await until(simulation, 'refused', () => find(simulation, 'etl').status?.waiting?.reason === 'NotAllowedByClass');
  ask(simulation, 'reader', { kind: 'Preview', job: 'etl', connection: 'reader' });
  const refused = await answered(simulation, 'reader');
  assert.equal(refused.phase, 'Refused');
  assert.match(refused.message ?? '', /ElasticRuntimeClass default: connection reader: location "s3:\/\/acme-reader\/raw\/"/);
  const conditions = () => simulation.runtimes()[0]?.status?.conditions ?? [];
  await until(simulation, 'ready', () => conditions().some(({ type, status }) => type === 'Ready' && status === 'True'));
  ask(simulation, 'lake', { kind: 'Preview', job: 'etl', connection: 'lake' });
  const shown = await answered(simulation, 'lake');
  assert.equal(shown.phase, 'Answered', JSON.stringify(shown));
  simulation.apply(ofClass({ uris, roleArns: ['arn:aws:iam::111122223333:role/others-*'] }));
  await until(simulation, 'stalled', () => conditions().some(({ type, reason }) => type === 'Stalled' && reason === 'NotAllowedByClass'));
  ask(simulation, 'again', { kind: 'Preview', job: 'etl', connection: 'lake' });
  assert.match((await answered(simulation, 'again')).message ?? '', /ElasticRuntime finance\/analytics: .*allowed\.roleArns/);
  ask(simulation, 'log', { kind: 'Logs', job: 'etl', log: 'agent' });
  assert.equal((await answered(simulation, 'log')).phase, 'Answered');
  assert.ok(!simulation.audit().some(({ resource }) => resource.includes('acme-reader')));
});
