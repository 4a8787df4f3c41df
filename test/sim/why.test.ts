import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWhy } from '../../src/cli/why.ts';
import { isRefusal } from '../../src/core/jobs/waiting.ts';
import { kubernetesFor } from '../../src/sim/kubernetes/cluster.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { find, job, runtime, start, until } from './support/stage.ts';

async function why(simulation: Simulation, name: string, output: 'table' | 'json') {
  const kubernetes = kubernetesFor(simulation.kubernetes, simulation.world.startProcess('person'));
  const out: string[] = [];
  const err: string[] = [];
  let code: number | undefined;
  const cluster = {
    kubernetes,
    namespace: 'finance',
    server: 'https://simulated',
    getText: () => assert.fail('not asked'),
    close: async () => {},
  };
  void runWhy(
    { job: name, output },
    {
      connect: async () => cluster,
      now: () => simulation.world.now(),
      stdout: (text) => void out.push(text),
      stderr: (text) => void err.push(text),
    },
  ).then((answered) => (code = answered));
  await until(simulation, 'it answers', () => code !== undefined);
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const lake = { name: 'lake', usage: 'Target', connector: 'AmazonS3', location: 's3://acme-lake/out/' };

void test('a refused access is shown with chain, request id and the statement, for people and for programs', async () => {
  const simulation = start([...runtime({}), job('etl', {}, { connections: [lake] })]);
  const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('role/worker'));
  assert.ok(role);
  const deny = JSON.parse(JSON.stringify(role.policies).replaceAll('acme-lake', 'another-lake')) as typeof role.policies;
  simulation.account.putRole({ ...role, policies: deny });
  await until(simulation, 'it fails', () => find(simulation, 'etl').status?.phase === 'Failed');
  const people = await why(simulation, 'etl', 'table');
  assert.equal(people.code, 1);
  assert.match(people.out, /^finance\/etl: Failed\nFailed: AccessDenied: s3:ListBucket on arn:aws:s3:::acme-lake failed as worker/);
  assert.match(
    people.out,
    / {2}as worker \(arn:\S+role\/agent -> arn:\S+role\/operator -> arn:\S+role\/worker\)\n {2}AWS says AccessDenied: .* \[request \S+\]/,
  );
  assert.match(
    people.out,
    / {2}Add to the identity policy of role worker \(arn:aws:iam::111122223333:role\/worker\):\n\{\n {2}"Sid": "ElasticRuntimeData"/,
  );
  assert.match(people.out, /AccessDenied +ElasticJob\/etl +s3:ListBucket/);
  const answer = JSON.parse((await why(simulation, 'etl', 'json')).out) as Readonly<Record<string, unknown>> & {
    readonly failedAccess: readonly { readonly add: readonly { readonly statement: { readonly Resource: string } }[] }[];
  };
  assert.deepEqual([answer['job'], answer['phase'], answer['waiting']], ['etl', 'Failed', null]);
  assert.equal(answer.failedAccess[0]?.add[0]?.statement.Resource, 'arn:aws:s3:::acme-lake/out/*');
});

void test('a pod that cannot start, a job that waits, one that is well, and one that is not there', async () => {
  const stuck = job('stuck', {}, { startDeadlineSeconds: 86_400 });
  const { spec } = stuck as unknown as { spec: { master: { template: object } } };
  const metadata = { annotations: { 'simulation.elasticruntime.dev/start-error': 'ImagePullBackOff' } };
  const simulation = start([
    ...runtime({}),
    { ...stuck, spec: { ...spec, master: { template: { ...spec.master.template, metadata } } } },
    job('well', { duration: '1h' }),
    job('lost', {}, { runtime: 'nowhere' }),
  ]);
  await until(simulation, 'it is stuck', () =>
    simulation.kubernetes.server.store.list(kindNamed('Pod')).some((pod) => JSON.stringify(pod).includes('simulated: ImagePullBackOff')),
  );
  await until(
    simulation,
    'the other runs',
    () => find(simulation, 'well').status?.conditions?.some(({ type, status }) => type === 'MasterRunning' && status === 'True') === true,
  );
  const held = await why(simulation, 'stuck', 'table');
  assert.equal(held.code, 1);
  assert.match(
    held.out,
    /Pods: 1, 1 with a problem\n {2}stuck-1-master-\S+ on \S+, container main: ImagePullBackOff: simulated: ImagePullBackOff/,
  );
  assert.equal((await why(simulation, 'well', 'json')).code, 0);
  const lost = await why(simulation, 'lost', 'table');
  assert.equal(lost.code, 1);
  assert.match(lost.out, /Waits: RuntimeNotFound since \S+: no ElasticRuntime nowhere/);
  const none = await why(simulation, 'none', 'table');
  assert.deepEqual([none.code, none.err], [2, 'why: ElasticJob finance/none: there is none of this name']);
});

void test('a job that somebody has to let go on is not well; one that waits for what passes by itself is', async () => {
  const limited = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'default' },
    spec: { allowed: {}, limitsPerNamespace: { nodes: 0 } },
  };
  const simulation = start([limited, ...runtime({}), job('etl', {})]);
  await until(simulation, 'it waits', () => find(simulation, 'etl').status?.waiting?.reason === 'LimitReached');
  const held = await why(simulation, 'etl', 'table');
  assert.equal(held.code, 1);
  assert.match(held.out, /Waits: LimitReached since/);
  simulation.apply({ ...limited, spec: { allowed: {}, limitsPerNamespace: { nodes: 50 } } });
  await until(simulation, 'it is launched', () => find(simulation, 'etl').status?.waiting?.reason === 'Launching');
  assert.equal((await why(simulation, 'etl', 'table')).code, 0);
  for (const reason of ['NotAllowedByClass', 'LaunchRefused', 'NoOffering', 'ConnectionNotFound']) assert.ok(isRefusal(reason), reason);
  for (const reason of ['Launching', 'InsufficientCapacity', 'VerifyingAccess', 'RuntimeSuspended']) assert.ok(!isRefusal(reason), reason);
});

void test('a refusal after preflight is shown with its statement, too: a dependency, and staged data that cannot be deleted', async () => {
  const dependencies = [{ path: 'x.jar', uri: 's3://jars/x.jar' }];
  const simulation = start([...runtime({}), job('etl', {}, { dependencies, cleanupAfterSeconds: 60 })]);
  const lose = (name: string, from: string, to: string): (() => void) => {
    const role = simulation.account.spec.roles.find(({ arn }) => arn.endsWith(`role/${name}`)) ?? assert.fail(name);
    simulation.account.putRole({
      ...role,
      policies: JSON.parse(JSON.stringify(role.policies).replaceAll(from, to)) as typeof role.policies,
    });
    return () => simulation.account.putRole(role);
  };
  const giveBack = lose('worker', ':::jars/', ':::another/');
  await until(simulation, 'it fails', () => find(simulation, 'etl').status?.phase === 'Failed');
  const read = await why(simulation, 'etl', 'table');
  assert.match(
    read.out,
    /^finance\/etl: Failed\nFailed: DependencyMissing: dependency x.jar: s3:GetObject on arn:aws:s3:::jars\/x.jar failed as worker/,
  );
  assert.match(
    read.out,
    /Access refused: s3:GetObject on arn:aws:s3:::jars\/x.jar\n {2}as worker \(.*\n {2}AWS says AccessDenied: .* \[request \S+\]\n.*\n {2}Add to the identity policy of role worker \(arn:aws:iam::111122223333:role\/worker\):\n\{\n {2}"Sid": "RoleBasedDataDependency1"/,
  );
  giveBack();
  simulation.apply(job('again', {}, { dependencies, cleanupAfterSeconds: 60 }));
  const phase = () => find(simulation, 'again').status?.phase;
  await until(simulation, 'it runs', () => phase() === 'Running');
  const restore = lose('operator', '"s3:DeleteObject",', '');
  const cleanup = () => find(simulation, 'again').status?.conditions?.find(({ reason }) => reason === 'CleanupBlocked');
  await until(simulation, 'its data cannot be cleared', () => cleanup() !== undefined);
  const left = await why(simulation, 'again', 'table');
  assert.match(
    left.out,
    /\nCleaning up is blocked: s3:DeleteObject on \S+ failed as operator \(chain .*\[request \S+\]\. role operator \(operator\) may not s3:DeleteObject: add the statement\. Add to the identity policy of role operator \(arn:aws:iam::111122223333:role\/operator\): \{"Sid":"ClusterInfoAndDependencies"/,
  );
  restore();
  await until(simulation, 'it is cleared', () => cleanup() === undefined);
  assert.doesNotMatch((await why(simulation, 'again', 'table')).out, /Cleaning up/);
});
