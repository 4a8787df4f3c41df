import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonOf, unproved } from '../../src/controllers/identity/strict.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, hour, job, minute, runtime, start, until } from './support/stage.ts';

/* A class that lets nothing begin of which AWS cannot say beforehand whether it may: allowed.unverifiedAccess. */

const home = '111122223333';
const events = {
  name: 'events',
  usage: 'Source',
  connector: 'AmazonMSK',
  location: 'b-1.events.abcdef.c2.kafka.us-east-1.amazonaws.com:9098',
};

function classOf(unverifiedAccess: 'Never' | 'Allowed'): SimulationManifest {
  const spec = { allowed: { unverifiedAccess } };
  return { apiVersion: 'elasticruntime.dev/v1alpha1', kind: 'ElasticRuntimeClass', metadata: { name: 'default' }, spec };
}

function change(simulation: Simulation, unverifiedAccess: 'Never' | 'Allowed'): void {
  const { spec } = classOf(unverifiedAccess);
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticRuntimeClass'), 'default', undefined, 'kubectl', (current) => ({
    ...current,
    spec,
  }));
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

const condition = (simulation: Simulation, type: string) => simulation.runtimes()[0]?.status?.conditions?.find((one) => one.type === type);
const ended = (simulation: Simulation, name: string) => ['Failed', 'Succeeded'].includes(find(simulation, name).status?.phase ?? '');

/** An operator role that may not do something. */
function forbidding(manifests: readonly SimulationManifest[], action: string): readonly SimulationManifest[] {
  const roles = start(manifests).account.spec.roles.flatMap(({ arn, trust, policies }) => {
    if (!arn.endsWith(':role/operator')) return [];
    const statements = policies.flatMap(({ document }) => [document.Statement].flat());
    const denied = { Sid: 'Denied', Effect: 'Deny', Action: action, Resource: '*' };
    return [
      {
        arn,
        trust,
        permissions: { Version: '2012-10-17', Statement: [...statements.map((one, index) => ({ ...one, Sid: `S${index}` })), denied] },
      },
    ];
  });
  const account = { apiVersion: 'simulation.elasticruntime.dev/v1alpha1', kind: 'SimulatedAccount', metadata: { name: 'account' } };
  return [...manifests, { ...account, spec: { accountId: home, roles } }];
}

void test('a job of which something cannot be verified fails before a node starts, with what, why, and whose word that is', async () => {
  const simulation = start([classOf('Never'), ...runtime({}), job('etl', {}, { connections: [events] })]);
  await until(simulation, 'it ends', () => ended(simulation, 'etl'));
  const { status } = find(simulation, 'etl');
  assert.equal(status?.failure?.reason, 'AccessNotVerified');
  assert.equal(status.conditions?.find(({ type }) => type === 'AccessVerified')?.reason, 'AccessNotVerified');
  assert.match(
    status.failure.message ?? '',
    /^preflight on connection:events failed as worker: NotVerified: connection events: the identity alone, .*: write it as arn:aws:kafka:us-east-1:<account>:cluster\/<name>\/<uuid>\. ElasticRuntimeClass default lets nothing begin that is not verified \(allowed\.unverifiedAccess: Never\)/,
  );
  assert.equal(simulation.account.instances().length, 0);
  change(simulation, 'Allowed');
  simulation.apply(job('again', {}, { connections: [events] }));
  await until(simulation, 'it ends', () => ended(simulation, 'again'));
  assert.equal(find(simulation, 'again').status?.phase, 'Succeeded');
  assert.deepEqual(simulation.violations(), []);
});

void test('what is verified runs, and so does what lies outside AWS: that is said', async () => {
  const login = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login', namespace: 'finance' }, stringData: { password: 'canary' } };
  const crm = { name: 'crm', usage: 'Source', connector: 'JDBC', authentication: { properties: { secretRef: { name: 'login' } } } };
  const orders = { name: 'orders', usage: 'SourceAndTarget', connector: 'DynamoDB', location: 'orders' };
  const files = { name: 'files', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };
  const far = {
    ...files,
    name: 'far',
    location: 's3://globex-orders/raw/',
    authentication: { roleArn: 'arn:aws:iam::444455556666:role/reader' },
  };
  const simulation = start([classOf('Never'), ...runtime({}), login, job('etl', {}, { connections: [crm, orders, files, far] })]);
  await until(simulation, 'it ends', () => ended(simulation, 'etl'));
  const { status } = find(simulation, 'etl');
  assert.equal(status?.phase, 'Succeeded', status?.failure?.message ?? '');
  assert.deepEqual((status.preflight as { readonly notVerified?: readonly string[] }).notVerified, [
    'connection crm: that its login is there alone: whether it lets anybody in, only the system outside AWS says',
  ]);
});

void test('a runtime of which something cannot be verified stalls before a node, also one that was ready before its class said so, and goes on when it may', async () => {
  for (const [action, says] of [
    ['iam:GetRole', /the pods' own way to master: the operator's iam:GetRole was answered AccessDenied/],
    ['iam:SimulatePrincipalPolicy', /what master may do: the operator's iam:SimulatePrincipalPolicy was answered AccessDenied/],
  ] as const) {
    const simulation = start([classOf('Allowed'), ...forbidding([...runtime({})], action)]);
    await until(simulation, 'ready', () => condition(simulation, 'Ready')?.status === 'True');
    change(simulation, 'Never');
    await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
    assert.deepEqual(
      [condition(simulation, 'Stalled')?.reason, condition(simulation, 'AccessVerified')?.status],
      ['AccessNotVerified', 'False'],
    );
    assert.match(condition(simulation, 'AccessVerified')?.message ?? '', says);
    simulation.apply(job('etl', {}));
    await simulation.world.runUntil(() => false, 10 * minute);
    assert.equal(simulation.account.instances().length, 0);
    assert.equal(find(simulation, 'etl').status?.waiting?.reason, 'RuntimeNotReady');
    change(simulation, 'Allowed');
    await simulation.settle(hour);
    assert.equal(find(simulation, 'etl').status?.phase, 'Succeeded');
  }
});

void test('that nodes can be launched is an access, too', async () => {
  const requirements = [{ key: 'node.kubernetes.io/instance-type', operator: 'In', values: ['x1.none'] }];
  const simulation = start([classOf('Allowed'), ...runtime({ requirements })]);
  await until(simulation, 'ready', () => condition(simulation, 'Ready')?.status === 'True');
  change(simulation, 'Never');
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  assert.equal(condition(simulation, 'AccessVerified')?.reason, 'AccessNotVerified');
  assert.match(condition(simulation, 'AccessVerified')?.message ?? '', /launching nodes of pool workers: the catalog has no instance type/);
});

void test('what AWS gave no answer to is asked for again, and refuses nothing for good', () => {
  const of = { identity: 'worker', resource: 'connection:orders' };
  const [again, ...others] = unproved(of, { notVerified: ['throttled'], isUnanswered: true }, 'standard');
  assert.deepEqual([again?.transient, others.length], [true, 0]);
  const [final] = unproved(of, { notVerified: ['nobody knows'] }, 'standard');
  assert.deepEqual([final?.transient, final === undefined ? '' : reasonOf(final)], [false, 'AccessNotVerified']);
  assert.deepEqual(unproved(of, { outside: ['a login'] }, 'standard'), []);
});

const nodesOf = (simulation: Simulation) => simulation.kubernetes.server.store.list(kindNamed('ElasticNode'));
const raw = { name: 'raw', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-raw/in/' };

function roleOf(simulation: Simulation, name: string): Simulation['account']['spec']['roles'][number] {
  return simulation.account.spec.roles.find(({ arn }) => arn.endsWith(`:role/${name}`)) ?? assert.fail(name);
}

/** A role with what `keep` leaves of its statements, and some more. */
function rewrite(simulation: Simulation, name: string, keep: (statement: string) => boolean, more: readonly object[] = []): void {
  const role = roleOf(simulation, name);
  const statements = role.policies.flatMap(({ document }) => [document.Statement].flat()).filter((one) => keep(JSON.stringify(one)));
  const document = { Version: '2012-10-17', Statement: [...statements, ...more] } as (typeof role.policies)[number]['document'];
  simulation.account.putRole({ ...role, policies: [{ name: 'all', document }] });
}

void test('a class that changes ends nothing that runs, whichever way; the next attempt is judged by it', async () => {
  const running = start([classOf('Allowed'), ...runtime({}), job('etl', { duration: '30m' }, { connections: [events] })]);
  await until(running, 'it runs', () => find(running, 'etl').status?.phase === 'Running');
  change(running, 'Never');
  await until(running, 'it ends', () => ended(running, 'etl'));
  assert.equal(find(running, 'etl').status?.phase, 'Succeeded', find(running, 'etl').status?.failure?.message ?? '');
  const relaxed = start([classOf('Never'), ...runtime({}), job('etl', { duration: '40m' }, { connections: [raw] })]);
  await until(relaxed, 'it runs', () => find(relaxed, 'etl').status?.phase === 'Running');
  await relaxed.world.runUntil(() => false, 12 * minute);
  rewrite(relaxed, 'worker', (statement) => !statement.includes('acme-raw'));
  change(relaxed, 'Allowed');
  await until(relaxed, 'it ends', () => ended(relaxed, 'etl'));
  assert.equal(find(relaxed, 'etl').status?.phase, 'Succeeded', find(relaxed, 'etl').status?.failure?.message ?? '');
  const failing = job('etl', { duration: '5m', exitCode: '1' }, { connections: [events], backoffLimit: 2 });
  const retried = start([classOf('Allowed'), ...runtime({}), failing]);
  await until(retried, 'it runs', () => find(retried, 'etl').status?.phase === 'Running');
  change(retried, 'Never');
  await until(retried, 'it ends', () => ended(retried, 'etl'));
  const { status } = find(retried, 'etl');
  assert.deepEqual(
    status?.attemptHistory?.map(({ reason }) => reason),
    ['PodFailed', 'AccessNotVerified'],
  );
});

void test('no node and no job begins after the class changed, though the runtime still says that it is ready', async () => {
  for (const seed of [1, 2, 3, 4]) {
    // The operator is away while the class changes; a node is warm or not.
    for (const warm of [false, true]) {
      const before = warm ? [job('one', { duration: '1m' })] : [];
      const simulation = start(forbidding([classOf('Allowed'), ...runtime({}), ...before], 'iam:SimulatePrincipalPolicy'), { seed });
      await until(simulation, 'ready', () => condition(simulation, 'Ready')?.status === 'True' && (!warm || ended(simulation, 'one')));
      const { length } = simulation.account.instances();
      simulation.operator.current().process.crash();
      change(simulation, 'Never');
      simulation.apply(job('etl', { duration: '20m' }));
      let ran = false;
      await simulation.world.runUntil(() => (ran ||= find(simulation, 'etl').status?.phase === 'Running'), 5 * minute);
      assert.deepEqual([ran, simulation.account.instances().length], [false, length], `seed ${seed}`);
    }
    // Nodes that the runtime keeps without a job.
    const kept = start(forbidding([classOf('Allowed'), ...runtime({})], 'iam:SimulatePrincipalPolicy'), { seed });
    await until(kept, 'ready', () => condition(kept, 'Ready')?.status === 'True');
    kept.operator.current().process.crash();
    change(kept, 'Never');
    const raised = kept.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => {
      const spec = current.spec as { readonly workers: object };
      return { ...current, spec: { ...spec, workers: { ...spec.workers, min: 1 } } };
    });
    assert.ok(raised.ok);
    let intended = 0;
    await kept.world.runUntil(() => ((intended = Math.max(intended, nodesOf(kept).length)), false), 5 * minute);
    assert.equal(intended, 0, `seed ${seed}`);
    // Nodes are intended and not asked for.
    const simulation = start(forbidding([classOf('Allowed'), ...runtime({})], 'iam:SimulatePrincipalPolicy'), { seed });
    await until(simulation, 'ready', () => condition(simulation, 'Ready')?.status === 'True');
    simulation.apply(job('etl', { duration: '20m' }));
    await until(simulation, 'intended', () => nodesOf(simulation).length > 0);
    const isBegun = (one: unknown): boolean => (one as { readonly spec: { readonly attempt: number } }).spec.attempt > 0;
    assert.equal(nodesOf(simulation).filter(isBegun).length, 0);
    simulation.operator.current().process.crash();
    change(simulation, 'Never');
    await simulation.world.runUntil(() => false, 5 * minute);
    assert.equal(simulation.account.instances().length, 0, `seed ${seed}`);
    change(simulation, 'Allowed');
    await simulation.settle(2 * hour);
    assert.equal(find(simulation, 'etl').status?.phase, 'Succeeded');
    assert.deepEqual(simulation.violations(), []);
  }
});

void test('a runtime goes on soon after what it lacked is given, not when the answer that something was open grows old', async () => {
  const simulation = start(forbidding([classOf('Never'), ...runtime({})], 'iam:GetRole'));
  const whole = roleOf(start([classOf('Never'), ...runtime({})]), 'operator');
  await until(simulation, 'stalled', () => condition(simulation, 'Stalled')?.status === 'True');
  simulation.account.putRole(whole);
  await simulation.world.runUntil(() => condition(simulation, 'Ready')?.status === 'True', 2 * minute);
  assert.equal(condition(simulation, 'Ready')?.status, 'True');
});

void test('an empty folder proves no key, and maybe no reading: said, refused where the class wants all verified', async () => {
  const target = { ...raw, usage: 'Target' };
  for (const [unverifiedAccess, more, expected, says] of [
    [
      'Allowed',
      [],
      'Succeeded',
      /connection raw at s3:\/\/acme-raw\/in\/: nothing to read lies in it, so that nobody knows whether the key of what comes into it/,
    ],
    ['Never', [], 'Failed', /NotVerified: connection raw at s3:\/\/acme-raw\/in\/: nothing to read lies in it/],
    [
      'Allowed',
      [{ Sid: 'No', Effect: 'Deny', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-raw/*' }],
      'Succeeded',
      /whether what comes into it may be read \(a name that is not there was answered AccessDenied: .*s3:GetObject/,
    ],
    // Who may not list without its prefix is told nothing of a name that is not there.
    [
      'Allowed',
      [
        {
          Sid: 'No',
          Effect: 'Deny',
          Action: 's3:ListBucket',
          Resource: 'arn:aws:s3:::acme-raw',
          Condition: { StringNotEquals: { 's3:prefix': 'in/' } },
        },
      ],
      'Succeeded',
      /whether what comes into it may be read/,
    ],
  ] as const) {
    // Of what is only written to nothing is in the account.
    const simulation = start([classOf(unverifiedAccess), ...runtime({}), job('other', {}, { connections: [target] })]);
    await until(simulation, 'it ends', () => ended(simulation, 'other'));
    const reads = {
      Sid: 'Reads',
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:ListBucket'],
      Resource: ['arn:aws:s3:::acme-raw/*', 'arn:aws:s3:::acme-raw'],
    };
    rewrite(simulation, 'worker', () => true, [reads, ...more]);
    if (more.length === 0) {
      // What it writes itself it reads, too.
      simulation.apply(job('both', {}, { connections: [{ ...raw, usage: 'SourceAndTarget' }] }));
      await until(simulation, 'it ends', () => ended(simulation, 'both'));
      const { phase, failure, preflight = {} } = find(simulation, 'both').status ?? {};
      assert.equal(phase, 'Succeeded', failure?.message ?? '');
      assert.ok(!('notVerified' in preflight), JSON.stringify(preflight));
    }
    simulation.apply(job('etl', {}, { connections: [raw] }));
    await until(simulation, 'it ends', () => ended(simulation, 'etl'));
    const { status } = find(simulation, 'etl');
    assert.equal(status?.phase, expected, status?.failure?.message ?? '');
    const { notVerified = [] } = (status.preflight ?? {}) as { readonly notVerified?: readonly string[] };
    assert.match([...notVerified, status.failure?.message ?? ''].join(), says);
  }
});
