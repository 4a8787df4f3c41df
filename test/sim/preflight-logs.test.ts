import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyStatement } from '../../src/core/policy/document.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import {
  arnOf,
  conditionOf,
  documentOf,
  does,
  ended,
  keep,
  listOf,
  permissionsOf,
  preflightOf,
  type Role,
  verified,
  withRoles,
} from './support/roles.ts';
import { find, job, minute, runtime, start, until } from './support/stage.ts';

/* What is verified of logs: each identity writes, and reads, where it will. */

void test('a master that may not write logs stalls the runtime; the probe that it could write is taken away by the worker', async () => {
  const writes = (statement: PolicyStatement): boolean => does('s3:PutObject')(statement);
  const spoil = (role: Role) => ({ permissions: keep(listOf(permissionsOf(role)), writes) });
  const { simulation, runtime: refused } = await verified(withRoles(runtime({}), { master: spoil }));
  assert.match(
    conditionOf(refused)?.message ?? '',
    /s3:PutObject on arn:aws:s3:::acme-logs\/elastic\/acme\/finance\/analytics\/jobs\/-\/0\/master\/\.elastic-probe-\S+ failed as master /,
  );
  const [{ add = [] } = {}] = preflightOf(refused).failed ?? [];
  assert.deepEqual(
    add.map(({ statement }) => [[statement.Action].flat().includes('s3:PutObject'), statement.Resource]),
    [[true, 'arn:aws:s3:::acme-logs/elastic/acme/finance/analytics/jobs/*']],
  );
  assert.deepEqual(simulation.account.objects('acme-logs'), []);
  const fine = await verified(runtime({}));
  const tried = fine.simulation.account.calls.filter(({ resource }) => resource.includes('/master/.elastic-probe-'));
  assert.deepEqual(
    tried.map(({ action, roleArn, outcome }) => `${roleArn} ${action} ${outcome}`),
    [`${arnOf('master')} s3:PutObject ok`, `${arnOf('worker')} s3:DeleteObject ok`],
  );
  assert.deepEqual(fine.simulation.account.objects('acme-logs'), []);
});

/** What `iam` generates for storing workers' logs, and nothing else of it: the location itself may still be proved. */
const storesWorkerLogs = ({ Resource }: PolicyStatement): boolean => [Resource ?? []].flat().some((arn) => arn.endsWith('/worker/*'));

void test('a worker that may not write logs stalls the runtime before a node starts, although it may prove the location', async () => {
  const spoil = (role: Role) => ({ permissions: keep(listOf(permissionsOf(role)), storesWorkerLogs) });
  const { simulation, runtime: refused } = await verified(withRoles(runtime({}), { worker: spoil }));
  assert.match(
    conditionOf(refused)?.message ?? '',
    /s3:PutObject on arn:aws:s3:::acme-logs\/elastic\/acme\/finance\/analytics\/jobs\/-\/0\/worker\/\.elastic-probe-\S+ failed as worker /,
  );
  assert.deepEqual([simulation.account.objects('acme-logs'), simulation.account.instances()], [[], []]);
  const fine = await verified(runtime({}));
  const tried = fine.simulation.account.calls.filter(({ resource }) => resource.includes('/worker/.elastic-probe-'));
  assert.deepEqual(
    tried.map(({ action, roleArn, outcome }) => `${roleArn} ${action} ${outcome}`),
    [`${arnOf('worker')} s3:PutObject ok`, `${arnOf('worker')} s3:DeleteObject ok`],
  );
  assert.deepEqual(fine.simulation.account.objects('acme-logs'), []);
});

void test('a process that dies before the probe of a master or a worker is taken away leaves none: the next one does it, or the teardown', async () => {
  for (const [deleted, whose] of [false, true].flatMap((gone) => (['master', 'worker'] as const).map((of) => [gone, of] as const))) {
    const simulation = start(runtime({}));
    const left = () => simulation.account.objects('acme-logs').filter(({ key }) => key.includes(`/${whose}/`));
    let dead = false;
    simulation.world.afterStep(() => {
      if (dead || left().length === 0) return;
      dead = true;
      simulation.operator.current().process.crash();
      if (deleted) simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
    });
    await until(simulation, 'it was written', () => dead);
    assert.equal(left().length, 1);
    await until(simulation, 'the end', () =>
      deleted ? simulation.runtimes().length === 0 : conditionOf(simulation.runtimes()[0] ?? {})?.status === 'True',
    );
    assert.deepEqual(left(), [], `${whose}, ${deleted ? 'deleted' : 'verified'}`);
  }
});

void test('a worker loses storing its logs after the runtime was verified: the next job fails before a node starts', async () => {
  const { simulation } = await verified(runtime({}));
  const verifiedAt = simulation.world.now();
  await until(simulation, 'answers are not kept any more', () => simulation.world.now() > verifiedAt + 10 * minute);
  const role = simulation.account.spec.roles.find(({ arn }) => arn === arnOf('worker'));
  assert.ok(role);
  simulation.account.putRole({
    ...role,
    policies: role.policies.map((policy) => ({ ...policy, document: keep(listOf(policy.document), storesWorkerLogs) })),
  });
  const made = simulation.kubernetes.server.create(kindNamed('ElasticJob'), job('late', {}), 'somebody');
  assert.ok(made.ok, made.ok ? '' : made.error.message);
  await until(simulation, 'it ends', () => ended(simulation, 'late'));
  const { status } = find(simulation, 'late');
  assert.deepEqual([status?.phase, status?.failure?.identity, simulation.account.instances().length], ['Failed', 'worker', 0]);
  assert.match(status?.failure?.message ?? '', /s3:PutObject on arn:aws:s3:::acme-logs\/\S+\/worker\/\.elastic-probe-\S+ failed as worker/);
});

/** Logs are polled by objects of their own: the folder may still be listed. */
const readsLogs = (statement: PolicyStatement): boolean =>
  does('s3:GetObject')(statement) && [statement.Resource ?? []].flat().some((arn) => arn.includes('acme-logs'));

void test('an agent that may list logs and read none fails the job before a node starts, and the statement is named', async () => {
  const spoil = (role: Role) => ({
    permissions: documentOf(
      listOf(permissionsOf(role)).flatMap((statement) => {
        if (!readsLogs(statement)) return [statement];
        const Action = [statement.Action ?? []].flat().filter((action) => action !== 's3:GetObject');
        return Action.length === 0 ? [] : [{ ...statement, Action }];
      }),
    ),
  });
  const simulation = start(withRoles([...runtime({}), job('etl', {})], { agent: spoil }));
  await until(simulation, 'it ends', () => ended(simulation, 'etl'));
  const { status } = find(simulation, 'etl');
  assert.deepEqual([status?.phase, status?.failure?.identity, simulation.account.instances().length], ['Failed', 'agent', 0]);
  assert.match(
    status?.failure?.message ?? '',
    /s3:GetObject on arn:aws:s3:::acme-logs\/elastic\/acme\/finance\/analytics\/jobs\/etl-[0-9a-f]{8}\/1\/agent\/agent\.log failed as agent /,
  );
  const [{ add = [] } = {}] = preflightOf(find(simulation, 'etl')).failed ?? [];
  assert.deepEqual(
    add.map(({ statement }) => [statement.Action, statement.Resource]),
    [
      [['s3:GetObject'], 'arn:aws:s3:::acme-logs/elastic/acme/finance/analytics/*'],
      ['s3:ListBucket', 'arn:aws:s3:::acme-logs'],
    ],
  );
});

void test('keys that poll logs read one of them: that of this job, although another job wrote the first as agent', async () => {
  const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };
  const keys = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'finance' },
    stringData: { aws_access_key_id: 'AKIAKEYS', aws_secret_access_key: 'canary-secret-of-keys' },
  };
  const connections = [{ ...orders, authentication: { credentials: { secretRef: { name: 'keys' } } } }];
  const simulation = start([...runtime({}), keys, job('plain', {}), job('keyed', {}, { connections })]);
  await until(simulation, 'both end', () => ended(simulation, 'plain') && ended(simulation, 'keyed'));
  assert.equal(find(simulation, 'keyed').status?.phase, 'Succeeded', find(simulation, 'keyed').status?.failure?.message ?? '');
  const read = simulation.account.calls.filter(({ action, resource }) => action === 's3:GetObject' && resource.endsWith('/agent.log'));
  assert.deepEqual(
    read
      .map(({ caller, resource, outcome }) => [caller.includes(':user/') ? 'keys' : 'agent', /jobs\/(\w+)-/.exec(resource)?.[1], outcome])
      .toSorted(),
    [
      ['agent', 'plain', 'ok'],
      ['keys', 'keyed', 'ok'],
    ],
  );
});
