import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRoleArn } from '../../src/core/access/roles.ts';
import { revocationDenies } from '../../src/core/policy/revocation.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { defaultRoles, find, hour, job, minute, runtime, start, until } from './support/stage.ts';

function now(simulation: Simulation): number {
  return simulation.world.now();
}

function patchRuntime(simulation: Simulation, spec: Readonly<Record<string, unknown>>): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...current.spec, ...spec },
  }));
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

function sessionsMade(simulation: Simulation, since: number): number {
  return simulation.operator.audit.filter(({ action, time }) => action.startsWith('sts:Assume') && Date.parse(time) >= since).length;
}

void test('revoked access ends pods and grants from before; the attempt begins anew and counts as no failure', async () => {
  const simulation = start([...runtime({}), job('etl', { duration: '30m' }, { backoffLimit: 0 })]);
  await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
  const at = now(simulation) + 10 * minute;
  patchRuntime(simulation, { accessRevokedBefore: new Date(at).toISOString() });
  await simulation.world.runUntil(() => now(simulation) >= at, hour);
  assert.equal(find(simulation, 'etl').status?.attempts, 1);
  const revokedAt = now(simulation);
  // AWS refuses every session from before: the operator has none of them left.
  for (const role of ['agent', 'operator', 'master', 'worker']) simulation.account.revokeSessions(`arn:aws:iam::111122223333:role/${role}`);
  await until(simulation, 'a second attempt', () => find(simulation, 'etl').status?.attempts === 2);
  assert.deepEqual(
    find(simulation, 'etl').status?.attemptHistory?.map(({ reason }) => reason),
    ['AccessRevoked'],
  );
  // No call after that moment is made with a session from before.
  await simulation.settle(3 * hour);
  assert.equal(find(simulation, 'etl').status?.phase, 'Succeeded');
  assert.ok(sessionsMade(simulation, revokedAt) > 0);
  assert.ok(
    simulation.operator.audit.every(({ action, outcome }) => ['ok', 'DryRunOperation'].includes(outcome) || action === 'iam:PutRolePolicy'),
  );
  assert.deepEqual(simulation.result().violations, []);
});

void test('a changed Secret of the external ID, and a changed ServiceAccount, end the grants made with them', async () => {
  const external = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'external', namespace: 'finance' },
    stringData: { externalId: 'one' },
  };
  const [namespace, made] = runtime({});
  assert.ok(namespace && made);
  const spec = made.spec as { readonly identities: Readonly<Record<string, object>> };
  const withExternalId = {
    ...made,
    spec: {
      ...spec,
      identities: {
        ...spec.identities,
        operator: { ...spec.identities['operator'], externalIdSecretRef: { name: 'external', key: 'externalId' } },
      },
    },
  };
  const remade = async (kind?: string, key = ''): Promise<readonly string[]> => {
    const simulation = start([namespace, external, withExternalId, job('one', { duration: '20m' }, { connections: [lake] })]);
    await until(simulation, 'running', () => find(simulation, 'one').status?.phase === 'Running');
    const at = now(simulation);
    if (kind !== undefined) {
      simulation.kubernetes.server.patch(kindNamed(kind), key, undefined, 'kubectl', (current) => ({
        ...current,
        metadata: { ...current.metadata, annotations: { changed: 'yes' } },
      }));
    }
    await until(simulation, 'done', () => find(simulation, 'one').status?.phase === 'Succeeded');
    // But the look at the runtime, each half hour.
    const later = simulation.operator.audit.filter(
      ({ time, job: of, preflight }) => Date.parse(time) > at + 6_000 && of === undefined && preflight !== true,
    );
    return [
      ...new Set(
        later.filter(({ action }) => action.startsWith('sts:')).map(({ action, resource }) => `${action} ${resource.split('/').at(-1)}`),
      ),
    ].sort();
  };
  assert.deepEqual(await remade(), []);
  const behindTheSecret = ['sts:AssumeRole master', 'sts:AssumeRole operator'];
  assert.deepEqual(await remade('Secret', 'finance/external'), behindTheSecret);
  assert.deepEqual(await remade('ServiceAccount', 'elastic-agents/finance.analytics'), [
    ...behindTheSecret,
    'sts:AssumeRoleWithWebIdentity agent',
  ]);
});

void test('the deny is attached where the operator role may, and where it may not the condition says what to do', async () => {
  const allow = { Sid: 'Revoke', Effect: 'Allow', Action: 'iam:PutRolePolicy', Resource: 'arn:aws:iam::111122223333:role/*' } as const;
  for (const may of [true, false]) {
    const simulation = start([...runtime({}), job('etl', { duration: '30m' })]);
    await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
    const roles = simulation.account.spec.roles;
    const operator = roles.find(({ arn }) => arn.endsWith('/operator'));
    assert.ok(operator);
    const policies = [...operator.policies, { name: 'revoke', document: { Version: '2012-10-17', Statement: [allow] } as const }];
    if (may) simulation.account.putRole({ ...operator, policies });
    patchRuntime(simulation, { accessRevokedBefore: new Date(now(simulation)).toISOString() });
    const condition = () => simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'AccessRevoked');
    await until(simulation, 'the condition', () => condition() !== undefined);
    assert.equal(condition()?.reason, may ? 'Denied' : 'NotAttached');
    if (!may)
      assert.match(
        condition()?.message ?? '',
        /kubectl-elastic revoke prints what to attach \(iam:PutRolePolicy on arn:aws:iam::111122223333:role\/worker failed as operator/,
      );
    const attached = simulation.account.calls.filter(({ action, outcome }) => action === 'iam:PutRolePolicy' && outcome === 'ok');
    assert.deepEqual(
      attached.map(({ resource }) => resource.split('/')[0]),
      may ? ['worker', 'master', 'agent', 'operator'] : [],
    );
    await simulation.settle(3 * hour);
    assert.equal(find(simulation, 'etl').status?.phase, 'Succeeded');
    assert.deepEqual(simulation.result().violations, []);
  }
});

for (const [who, pastes] of [
  ['the operator may attach policies to every role', false],
  ['somebody pasted the deny for them', true],
] as const) {
  void test(`revoked access of default roles is denied by their stack, and keeps nobody from deleting it, where ${who}`, async () => {
    const simulation = start([...defaultRoles(), job('etl', { duration: '10m' })]);
    await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
    const operator = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('/operator'));
    assert.ok(operator);
    const allow = { Sid: 'Revoke', Effect: 'Allow', Action: 'iam:PutRolePolicy', Resource: '*' } as const;
    const document = { Version: '2012-10-17', Statement: [allow] } as const;
    if (!pastes) simulation.account.putRole({ ...operator, policies: [...operator.policies, { name: 'revoke', document }] });
    const [own] = simulation.runtimes();
    assert.ok(own);
    const before = new Date(now(simulation)).toISOString();
    patchRuntime(simulation, { accessRevokedBefore: before });
    const policiesOf = (use: 'master' | 'worker') =>
      simulation.account
        .roles()
        .find(({ arn }) => arn === defaultRoleArn(own, use))
        ?.policies.map(({ name }) => name) ?? [];
    const name = `elastic-revoked-${own.metadata.uid?.slice(0, 8)}`;
    await until(simulation, 'the stack has it', () => policiesOf('master').includes(name) && policiesOf('worker').includes(name));
    const attached = simulation.account.calls.filter(
      ({ action, outcome, caller }) => action === 'iam:PutRolePolicy' && outcome === 'ok' && !caller.includes('cloudformation'),
    );
    assert.ok(
      attached.every(({ resource }) => !/\.(master|worker)/.test(resource)),
      JSON.stringify(attached),
    );
    const roles = [{ identity: 'worker', roleArn: defaultRoleArn(own, 'worker') }];
    for (const { roleArn, policyName, document: deny } of pastes
      ? revocationDenies({ before, runtimeUid: own.metadata.uid ?? '', roles, agentProof: 'webIdentity' })
      : []) {
      const worker = simulation.account.roles().find(({ arn }) => arn === roleArn);
      assert.ok(worker);
      simulation.account.putRole({
        ...worker,
        policies: [...worker.policies.filter((one) => one.name !== policyName), { name: policyName, document: deny }],
      });
    }
    await until(simulation, 'done', () => find(simulation, 'etl').status?.phase === 'Succeeded');
    simulation.kubernetes.server.delete(kindNamed('ElasticRuntime'), 'finance/analytics');
    await until(simulation, 'gone', () => simulation.runtimes().length === 0);
    assert.deepEqual(simulation.account.stacks(), []);
    assert.deepEqual(simulation.violations(), []);
  });
}

void test('a revocation that was carried out holds, whatever earlier or later moment, or none, the spec says then', async () => {
  const simulation = start([...defaultRoles(), job('etl', { duration: '3h' })]);
  await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
  const [own] = simulation.runtimes();
  assert.ok(own);
  const uid8 = own.metadata.uid?.slice(0, 8) ?? '';
  const denied = () => {
    const worker = simulation.account.roles().find(({ arn }) => arn === defaultRoleArn(own, 'worker'));
    const text = JSON.stringify(worker?.policies.find(({ name }) => name === `elastic-revoked-${uid8}`)?.document ?? {});
    return /"aws:TokenIssueTime":"([^"]+)"/.exec(text)?.[1];
  };
  const condition = () => simulation.runtimes()[0]?.status?.conditions?.find(({ type }) => type === 'AccessRevoked');
  const first = new Date(now(simulation)).toISOString();
  patchRuntime(simulation, { accessRevokedBefore: first });
  await until(simulation, 'denied', () => denied() === first);
  for (const other of ['2020-01-01T00:00:00Z', undefined, '2030-01-01T00:00:00Z']) {
    patchRuntime(simulation, { accessRevokedBefore: other });
    await simulation.world.runUntil(() => false, 15 * minute);
    assert.equal(denied(), first);
    assert.match(condition()?.message ?? '', new RegExp(first.replaceAll('.', '\\.')));
  }
  const later = new Date(now(simulation)).toISOString();
  patchRuntime(simulation, { accessRevokedBefore: later });
  await until(simulation, 'denied', () => denied() === later);
  assert.deepEqual(simulation.violations(), []);
});

void test('the deny that is attached to given roles is never moved backwards', async () => {
  const simulation = start([...runtime({}), job('etl', { duration: '3h' })]);
  await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
  const operator = simulation.account.spec.roles.find(({ arn }) => arn.endsWith('/operator'));
  assert.ok(operator);
  const allow = { Sid: 'Revoke', Effect: 'Allow', Action: 'iam:PutRolePolicy', Resource: 'arn:aws:iam::111122223333:role/*' } as const;
  const document = { Version: '2012-10-17', Statement: [allow] } as const;
  simulation.account.putRole({ ...operator, policies: [...operator.policies, { name: 'revoke', document }] });
  const denied = () => [
    ...new Set(
      simulation.account.roles().flatMap(({ policies }) => {
        const deny = policies.find(({ name }) => name.startsWith('elastic-revoked-'));
        return deny === undefined ? [] : (/"aws:TokenIssueTime":"([^"]+)"/.exec(JSON.stringify(deny.document))?.[1] ?? []);
      }),
    ),
  ];
  const first = new Date(now(simulation)).toISOString();
  patchRuntime(simulation, { accessRevokedBefore: first });
  // The first role has it, and the author changes the moment already.
  await until(simulation, 'begun', () => denied().length > 0);
  for (const other of ['2020-01-01T00:00:00Z', undefined]) {
    patchRuntime(simulation, { accessRevokedBefore: other });
    await simulation.world.runUntil(() => false, 2 * minute);
    assert.deepEqual(denied(), [first]);
  }
});

void test('a revoked ElasticConnection ends the pods of the jobs that use it, and of no other', async () => {
  const connection = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticConnection',
    metadata: { name: 'shared', namespace: 'finance' },
    spec: { connector: 'AmazonS3', location: 's3://acme-lake/raw/' },
  };
  const uses = [{ name: 'lake', usage: 'Source', connectionRef: { name: 'shared' } }];
  const simulation = start([
    ...runtime({}),
    connection,
    job('uses', { duration: '30m' }, { connections: uses }),
    job('other', { duration: '30m' }),
  ]);
  const running = (name: string) => find(simulation, name).status?.phase === 'Running';
  await until(simulation, 'running', () => running('uses') && running('other'));
  const at = now(simulation) + 5 * minute;
  simulation.kubernetes.server.patch(kindNamed('ElasticConnection'), 'finance/shared', undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...current.spec, accessRevokedBefore: new Date(at).toISOString() },
  }));
  await simulation.settle(3 * hour);
  const attempts = (name: string) => find(simulation, name).status?.attemptHistory?.map(({ reason }) => reason);
  assert.deepEqual([attempts('uses'), attempts('other')], [['AccessRevoked', 'Succeeded'], ['Succeeded']]);
});

void test('the grants of a job go with the job', async () => {
  const simulation = start([
    ...runtime({}),
    etl,
    job('etl', { duration: '2m' }, { connections: [lake], dependencies, cleanupAfterSeconds: 60 }),
  ]);
  await until(simulation, 'running', () => find(simulation, 'etl').status?.phase === 'Running');
  const before = simulation.operator.current().operator.context.grants.held();
  await until(simulation, 'done', () => find(simulation, 'etl').status?.phase === 'Succeeded');
  assert.ok(simulation.operator.current().operator.context.grants.held() < before);
});

const etl = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'etl', namespace: 'finance' }, data: { 'etl.py': '' } };
const dependencies = [{ path: 'etl.py', configMapKeyRef: { name: 'etl', key: 'etl.py' } }];
const lake = { name: 'lake', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-lake/raw/' };
