import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { accountDocuments } from '../../src/core/policy/account/documents.ts';
import { accountPlan } from '../../src/core/policy/account/plan.ts';
import { statementsOf } from '../../src/core/policy/account/roles.ts';
import type { PolicyDocument, PolicyStatement } from '../../src/core/policy/document.ts';
import { decidersOf } from '../../src/core/policy/evaluate.ts';
import type { PolicyJob, PolicyRuntime } from '../../src/core/policy/runtime-input.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { START } from '../../src/sim/world.ts';
import { inputOf, live, manifestsOf } from './support/exact-life.ts';
import { entrances, judge, listedCalls, refusedCalls } from './support/listed-calls.ts';

/** Whole lives of a runtime that needs everything the generator knows: on spot and on demand, in fair and in rough weather. */
const lives = [
  { seed: 1, faults: 'none', spotPercent: 100 },
  { seed: 2, faults: 'none', spotPercent: 0 },
  { seed: 3, faults: 'rough', spotPercent: 50 },
] as const;

const refusals = /AccessDenied|Unauthorized|NotAuthorized|^403$/;
const lived: {
  readonly simulation: Simulation;
  readonly problems: readonly string[];
  readonly what: string;
  readonly spotPercent: number;
}[] = [];

before(async () => {
  for (const { seed, faults, spotPercent } of lives) {
    const { simulation, problems } = await live(seed, faults, manifestsOf({ spotPercent }));
    lived.push({ simulation, problems, spotPercent, what: `seed ${seed}, faults ${faults}` });
  }
});

/** The generator's own word, for an account whose analysts and certificates the simulator does not have. */
function planned() {
  const manifests = manifestsOf();
  const runtime = manifests.find(({ kind }) => kind === 'ElasticRuntime') as unknown as PolicyRuntime;
  const jobs = manifests.filter(({ kind }) => kind === 'ElasticJob') as unknown as readonly PolicyJob[];
  return accountPlan([inputOf(runtime, jobs)], { environment: 'production', namePrefix: 'elastic' });
}

/** `<action> by <Sid> of <policy>`, of every Allow statement that the generator makes. */
function everyPermission(simulation: Simulation): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (name: string, document: PolicyDocument | undefined): void => {
    for (const { Effect, Sid, Action = [] } of document === undefined ? [] : statementsOf(document))
      if (Effect === 'Allow') for (const action of [Action].flat()) found.add(`${action} by ${Sid ?? ''} of ${name}`);
  };
  const { roles, buckets, keys } = simulation.account.spec;
  for (const { arn, trust, policies } of roles) {
    add(`trust of ${arn.slice(arn.lastIndexOf('/') + 1)}`, trust);
    for (const { name, document } of policies) add(name, document);
  }
  for (const { name, policy } of buckets) add(`policy of bucket ${name}`, policy);
  for (const { arn, policy } of keys) add(`policy of key ${arn.slice(arn.lastIndexOf('/') + 1)}`, policy);
  const plan = planned();
  for (const { name, document } of plan.analysts) add(name, document);
  return found;
}

void test('the lives are whole: jobs end well in fair weather, volumes grow, spot instances are lost, everything is torn down', () => {
  for (const { simulation, problems, what, spotPercent } of lived) {
    assert.deepEqual(problems, [], what);
    const made = new Set(simulation.account.calls.filter(({ outcome }) => outcome === 'ok').map(({ method }) => method));
    for (const method of [
      'ec2.createLaunchTemplate',
      'ec2.createFleet',
      'ec2.modifyVolume',
      'ec2.terminateInstances',
      'ec2.deleteLaunchTemplate',
    ])
      assert.ok(made.has(method as never), `${what}: no ${method}`);
    // The notice came after a quarter of an hour; its node was drained and ended before AWS took it.
    const taken = simulation.account
      .instances()
      .filter(({ stoppingAt }) => stoppingAt >= START + 15 * 60_000 && stoppingAt <= START + 17 * 60_000);
    assert.equal(
      taken.some(({ capacityType }) => capacityType === 'spot'),
      spotPercent > 0,
      `${what}: interruptions`,
    );
  }
});

void test('the account enforces what the generator says, no more and no less', () => {
  const sorted = (documents: readonly PolicyDocument[]): readonly string[] =>
    documents.flatMap((document) => statementsOf(document).map((statement) => JSON.stringify(statement))).toSorted();
  const plan = planned();
  const { spec } = lived[0]?.simulation.account ?? assert.fail('nothing lived');
  assert.deepEqual(spec.roles.map(({ arn }) => arn).toSorted(), plan.roles.map(({ arn }) => arn).toSorted());
  for (const role of plan.roles) {
    const enforced = spec.roles.find(({ arn }) => arn === role.arn);
    assert.deepEqual(
      sorted(enforced?.policies.map(({ document }) => document) ?? []),
      sorted(role.policies.map(({ document }) => document)),
      role.name,
    );
    assert.equal(
      JSON.stringify(statementsOf(enforced?.trust ?? role.trust).length),
      JSON.stringify(statementsOf(role.trust).length),
      role.name,
    );
  }
  for (const { bucket, policy } of plan.buckets) assert.deepEqual(spec.buckets.find(({ name }) => name === bucket)?.policy, policy);
  for (const { arn, policy } of plan.keys) assert.deepEqual(spec.keys.find((key) => key.arn === arn)?.policy, policy);
});

void test('no call is denied', () => {
  for (const { simulation, what } of lived) {
    const denied = simulation.account.calls.filter(({ outcome }) => refusals.test(outcome));
    assert.deepEqual(
      denied.map(({ action, resource, roleArn, message }) => `${what}: ${roleArn} ${action} ${resource}: ${message}`),
      [],
    );
  }
});

void test('no permission is unused: each action of each statement allowed at least one call, of the lives or of the list of what pods, nodes and people do', () => {
  const [first] = lived;
  assert.ok(first !== undefined);
  const { spec } = first.simulation.account;
  const used = new Set<string>();
  const use = (action: string, by: string): void => void used.add(`${action} by ${by}`);
  for (const { simulation } of lived)
    for (const call of simulation.account.calls) for (const { action, by } of call.allowed) for (const one of by) use(action, one);
  const byOperator = new Set(used);
  const policies = accountDocuments(planned());
  for (const call of listedCalls) {
    for (const action of call.actions) {
      const verdict = judge(spec, policies, call, action);
      assert.equal(verdict.decision, 'Allow', `${call.as} ${action} ${call.resource}: ${verdict.because}`);
      for (const by of decidersOf(verdict)) use(action, by);
    }
  }
  for (const [action, by] of entrances(spec)) use(action, by);
  const all = everyPermission(first.simulation);
  assert.deepEqual(
    [...all].filter((permission) => !used.has(permission)),
    [],
  );
  assert.ok(all.size > 100, `${all.size} permissions`);
  // The list says only what the simulated operator does not do itself.
  const superfluous = listedCalls.filter((call) =>
    call.actions.every((action) => decidersOf(judge(spec, policies, call, action)).every((by) => byOperator.has(`${action} by ${by}`))),
  );
  assert.deepEqual(superfluous, []);
});

void test('every Deny of the generated bucket policies refuses something that would be allowed without it', () => {
  const { spec } = lived[0]?.simulation.account ?? assert.fail('nothing lived');
  const found = new Set<string>();
  for (const call of refusedCalls) {
    for (const action of call.actions) {
      const verdict = judge(spec, {}, call, action);
      assert.deepEqual([verdict.decision, verdict.because], ['ExplicitDeny', call.by], `${call.as} ${action} ${call.resource}`);
      const open = { ...spec, buckets: spec.buckets.map((bucket) => without(bucket, call.by)) };
      assert.equal(judge(open, {}, call, action).decision, 'Allow', `${call.by} is not what refuses ${action}`);
      found.add(call.by);
    }
  }
  const denies = spec.buckets.flatMap(({ name, policy }) =>
    (policy === undefined ? [] : statementsOf(policy)).flatMap(({ Effect, Sid }) =>
      Effect === 'Deny' ? [`${Sid} of policy of bucket ${name}`] : [],
    ),
  );
  assert.deepEqual(
    denies.filter((deny) => !found.has(deny)),
    [],
  );
});

function without(bucket: (typeof lived)[0]['simulation']['account']['spec']['buckets'][number], by: string) {
  if (bucket.policy === undefined) return bucket;
  const kept: readonly PolicyStatement[] = statementsOf(bucket.policy).filter(
    ({ Sid }) => `${Sid} of policy of bucket ${bucket.name}` !== by,
  );
  return { ...bucket, policy: { ...bucket.policy, Statement: kept } };
}
