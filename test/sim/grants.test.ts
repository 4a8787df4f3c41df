import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Stored } from '../../src/api/kubernetes.ts';
import type { GrantKeeper } from '../../src/controllers/identity/grants.ts';
import { createGrantKeeper } from '../../src/controllers/identity/grants.ts';
import type { Identity } from '../../src/core/access/vocabulary.ts';
import type { AwsError, Caller, StsPort } from '../../src/ports/aws/index.ts';
import { err, type Result } from '../../src/ports/result.ts';
import { minute, runtime, start, until } from './support/stage.ts';

/* The rules of the grant cache, over the simulated STS: a keeper of the test's own, with clocks that can be set and an STS that can be made to fail. */

type Bench = {
  readonly keeper: GrantKeeper;
  readonly runtime: Stored<ElasticRuntime>;
  /** Roles assumed so far, in order. */
  readonly assumed: string[];
  /** Added to the wall clock, and to the monotonic one. */
  readonly skew: { wall: number; monotonic: number };
  fail: AwsError['kind'] | undefined;
  /** Runs the world until the grants are there. */
  obtain(...identities: readonly Identity[]): Promise<readonly Result<Caller, { readonly code: string }>[]>;
  pass(ms: number): Promise<void>;
};

async function bench(): Promise<Bench> {
  const simulation = start(runtime({}));
  await until(
    simulation,
    'ready',
    () => simulation.runtimes()[0]?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
  );
  const { process, operator } = simulation.operator.current();
  const real = simulation.account.awsFor(process, { record: () => undefined }).sts;
  const assumed: string[] = [];
  const skew = { wall: 0, monotonic: 0 };
  const failing = (): ReturnType<StsPort['assumeRole']> | undefined =>
    made.fail === undefined ? undefined : Promise.resolve(err({ kind: made.fail, code: made.fail, message: 'as the test says' }));
  const sts: StsPort = {
    ...real,
    assumeRole: (caller, request) => {
      assumed.push(request.identity);
      return failing() ?? real.assumeRole(caller, request);
    },
    assumeRoleWithWebIdentity: (subject, request) => {
      assumed.push(request.identity);
      return failing() ?? real.assumeRoleWithWebIdentity(subject, request);
    },
  };
  const clock = {
    ...process.clock,
    now: () => process.clock.now() + skew.wall,
    monotonic: () => process.clock.monotonic() + skew.monotonic,
  };
  const { kubernetes, telemetry, settings, aws } = operator.context;
  const own = operator.context.stores.runtimes.list()[0];
  assert.ok(own);
  const made: Bench = {
    keeper: createGrantKeeper({
      sts: () => sts,
      iotCredentials: (region) => aws(region).iotCredentials,
      kubernetes,
      telemetry,
      clock,
      clusterName: settings.clusterName,
    }),
    runtime: own,
    assumed,
    skew,
    fail: undefined,
    async obtain(...identities) {
      let done = false;
      const answers = Promise.all(identities.map((identity) => made.keeper.obtain({ runtime: own, identity }))).finally(() => {
        done = true;
      });
      await simulation.world.runUntil(() => done, minute);
      return await answers;
    },
    async pass(ms) {
      const end = simulation.world.now() + ms;
      await simulation.world.runUntil(() => simulation.world.now() >= end, ms + minute);
    },
  };
  return made;
}

const chain = ['agent', 'operator', 'worker'];

void test('one call in flight for each grant, however many ask; hops are shared', async () => {
  const of = await bench();
  const answers = await of.obtain('worker', 'worker', 'worker', 'worker', 'master');
  assert.ok(answers.every(({ ok }) => ok));
  assert.equal(new Set(answers.map((answer) => (answer.ok ? answer.value.grant.id : ''))).size, 2);
  assert.deepEqual(of.assumed.filter((identity) => identity === 'worker').length, 1);
  assert.deepEqual(of.assumed.filter((identity) => identity === 'master').length, 1);
});

void test('a grant is refreshed at 80 % of its life, by whichever clock says more', async () => {
  for (const clock of ['wall', 'monotonic'] as const) {
    const of = await bench();
    await of.obtain('worker');
    assert.deepEqual(of.assumed, chain);
    of.skew[clock] = 0.79 * 3_600_000;
    await of.obtain('worker');
    assert.deepEqual(of.assumed, chain, clock);
    of.skew[clock] = 0.81 * 3_600_000;
    await of.obtain('worker');
    assert.deepEqual(of.assumed, [...chain, 'agent', 'operator', 'worker'], clock);
  }
});

void test('stale but valid serves while STS throttles or fails, to its end and no further; a refusal ends it at once', async () => {
  for (const kind of ['Throttled', 'Unavailable', 'Network'] as const) {
    const of = await bench();
    const [first] = await of.obtain('worker');
    of.fail = kind;
    of.skew.wall = 0.9 * 3_600_000;
    const [stale] = await of.obtain('worker');
    assert.ok(first?.ok === true && stale?.ok === true, kind);
    assert.equal(stale.value.grant.id, first.value.grant.id);
    of.skew.wall = 0.9999 * 3_600_000;
    assert.deepEqual(
      (await of.obtain('worker')).map((answer) => (answer.ok ? 'ok' : answer.error.code)),
      [kind],
    );
    assert.equal(of.keeper.held() <= 2, true);
  }
  const of = await bench();
  await of.obtain('worker');
  of.fail = 'AccessDenied';
  of.skew.wall = 0.9 * 3_600_000;
  assert.deepEqual(
    (await of.obtain('worker')).map((answer) => (answer.ok ? 'ok' : answer.error.code)),
    ['AccessDenied'],
  );
  of.fail = undefined;
  of.skew.wall = 0;
  const calls = of.assumed.length;
  assert.ok((await of.obtain('worker'))[0]?.ok);
  assert.ok(of.assumed.length > calls);
});

void test('what AWS refused, what the runtime let go and what is over is not served again', async () => {
  const of = await bench();
  const [first] = await of.obtain('worker');
  assert.ok(first?.ok);
  of.keeper.drop(first.value.grant);
  await of.obtain('worker');
  assert.deepEqual(of.assumed, [...chain, 'worker']);
  of.keeper.dropRuntime(of.runtime.metadata.uid);
  assert.equal(of.keeper.held(), 0);
  await of.obtain('worker');
  assert.deepEqual(of.assumed, [...chain, 'worker', ...chain]);
  // What has ended is swept when another is made.
  of.skew.wall = 3_700_000;
  await of.obtain('agent');
  assert.equal(of.keeper.held(), 1);
});

void test('access from before a revocation is not served, from that moment on', async () => {
  const of = await bench();
  await of.obtain('worker');
  const at =
    of.runtime.metadata.creationTimestamp === undefined ? Number.NaN : Date.parse(of.runtime.metadata.creationTimestamp) + 10 * minute;
  const revoked = { ...of.runtime, spec: { ...of.runtime.spec, accessRevokedBefore: new Date(at).toISOString() } };
  let done = false;
  const ask = async () => {
    done = false;
    const answer = of.keeper.obtain({ runtime: revoked, identity: 'worker' }).finally(() => {
      done = true;
    });
    await of.pass(5_000);
    assert.ok(done);
    return await answer;
  };
  await ask();
  assert.deepEqual(of.assumed, chain);
  of.skew.wall = 20 * minute;
  await ask();
  assert.deepEqual(of.assumed, [...chain, ...chain]);
  await ask();
  assert.deepEqual(of.assumed, [...chain, ...chain]);
});

void test('who asks after a revocation is not served by a call that was under way before it', async () => {
  const of = await bench();
  const begun = Date.parse(of.runtime.metadata.creationTimestamp ?? '');
  const revoked = { ...of.runtime, spec: { ...of.runtime.spec, accessRevokedBefore: new Date(begun + 10 * minute).toISOString() } };
  const before = of.keeper.obtain({ runtime: of.runtime, identity: 'agent' });
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  of.skew.wall = 20 * minute;
  const after = of.keeper.obtain({ runtime: revoked, identity: 'agent' });
  await of.pass(minute);
  const [early, late] = [await before, await after];
  assert.ok(early.ok && late.ok);
  assert.notEqual(late.value.grant.id, early.value.grant.id);
  assert.deepEqual(of.assumed, ['agent', 'agent']);
});

void test('what was dropped while it was being had is not kept', async () => {
  const job = { namespace: 'finance', name: 'nightly', uid: '00000000-0000-4000-8000-0000000000aa' };
  for (const drop of ['dropRuntime', 'dropJob'] as const) {
    const of = await bench();
    const answer = of.keeper.obtain({ runtime: of.runtime, identity: 'agent', job });
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    of.keeper[drop](drop === 'dropRuntime' ? of.runtime.metadata.uid : job.uid);
    await of.pass(minute);
    const had = await answer;
    assert.deepEqual([had.ok ? 'ok' : had.error.code, of.keeper.held()], ['GrantDropped', 0], drop);
    assert.deepEqual(of.assumed, ['agent']);
  }
});
