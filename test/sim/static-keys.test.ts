import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, minute, runtime, start, until } from './support/stage.ts';

const secret: SimulationManifest = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: 'finance' },
  stringData: { aws_access_key_id: 'AKIAEXAMPLEX', aws_secret_access_key: 'right' },
};
const target = {
  name: 'lake',
  usage: 'Target',
  connector: 'AmazonS3',
  location: 's3://finance-lake/out/',
  authentication: { credentials: { secretRef: { name: 'keys' } } },
};

/** As a typo, or as keys that were deleted. */
function change(simulation: Simulation, keyId: string): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('Secret'), 'finance/keys', undefined, 'kubectl', (current) => ({
    ...current,
    data: { ...(current['data'] as object), aws_access_key_id: Buffer.from(keyId).toString('base64') },
  }));
  assert.ok(answer.ok);
}

void test('keys that AWS does not know fail the job in minutes, and neither job nor runtime stays because of them', async () => {
  const simulation = start([...runtime({}), secret, job('bad', {}, { connections: [target] })]);
  change(simulation, 'AKIATYPO');
  const begun = simulation.world.now();
  await until(simulation, 'the job fails', () => find(simulation, 'bad').status?.phase === 'Failed');
  assert.ok(simulation.world.now() - begun < 10 * minute);
  assert.match(find(simulation, 'bad').status?.failure?.message ?? '', /connectionCredentials:lake.*Invalid(AccessKeyId|ClientTokenId)/);
  assert.equal(simulation.account.instances().length, 0);
  simulation.kubernetes.server.delete(kindNamed('ElasticJob'), 'finance/bad');
  simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
  await until(simulation, 'both are gone', () => simulation.jobs().length + simulation.runtimes().length === 0);
});

void test('keys that are known to AWS a moment later fail nothing', async () => {
  const simulation = start([...runtime({}), secret, job('patient', {}, { connections: [target] })]);
  change(simulation, 'AKIANEW');
  await simulation.world.runUntil(() => false, minute);
  assert.equal(find(simulation, 'patient').status?.phase, 'Preparing');
  change(simulation, 'AKIAEXAMPLEX');
  await until(simulation, 'it succeeds', () => find(simulation, 'patient').status?.phase === 'Succeeded');
});

void test('keys that end while the job runs keep its record from nobody: it is stored, and says what could not be read', async () => {
  const simulation = start([...runtime({}), secret, job('late', { duration: '10m' }, { connections: [target], cleanupAfterSeconds: 60 })], {
    nodeAgents: true,
  });
  await until(simulation, 'it runs', () => find(simulation, 'late').status?.phase === 'Running');
  change(simulation, 'AKIATYPO');
  await until(simulation, 'it is over', () => find(simulation, 'late').status?.internal?.['cleaned'] === true);
  const object = simulation.account.objects('acme-logs').find(({ key }) => /\/jobs\/late-[0-9a-f]{8}\/access\.json$/.test(key));
  assert.ok(object);
  const { missing } = JSON.parse(new TextDecoder().decode(object.body)) as { readonly missing?: readonly string[] };
  assert.match(missing?.join() ?? '', /what node agents recorded at .* failed as connectionCredentials:lake: Invalid/);
});
