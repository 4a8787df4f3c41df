import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { statementsOf } from '../../src/core/policy/account/roles.ts';
import type { PolicyDocument, PolicyStatement } from '../../src/core/policy/document.ts';
import { decidersOf } from '../../src/core/policy/evaluate.ts';
import type { AccountSpec } from '../../src/sim/aws/index.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../src/sim/simulate.ts';
import { live, manifestsOf } from './support/exact-life.ts';
import { entrances, judge, type ListedCall, listedCalls } from './support/listed-calls.ts';
import { certificateIdentity, certificateOf, certificateSecret } from './support/scenario.ts';
import { minute } from './support/stage.ts';

/*
 * Whole lives beside those of exactness.test.ts: with default roles, with a certificate that is replaced, and with access that is revoked. What they have
 * of the generator's statements in common with those is judged there; every other one must allow something here, and nothing is denied.
 */

type Json = Readonly<Record<string, unknown>>;
type Identities = Readonly<Record<'agent' | 'operator', object>>;

function withIdentities(change: (identities: Identities) => object): readonly SimulationManifest[] {
  return manifestsOf({ spotPercent: 0 }).map((one) => {
    if (one.kind !== 'ElasticRuntime') return one;
    const spec = one['spec'] as Json & { readonly identities: Identities };
    return { ...one, spec: { ...spec, identities: change(spec.identities) } };
  });
}

/** A policy that somebody attaches to the agent role: default workers get it, too. */
const extra = {
  name: 'extra',
  document: {
    Version: '2012-10-17',
    Statement: [{ Sid: 'Extra', Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme-extra/*' }],
  },
} as const;

const managed = { ...extra, name: 'managed', arn: 'arn:aws:iam::111122223333:policy/managed' };

const roleNamed = (simulation: Simulation, name: string): RoleSpec =>
  simulation.account.roles().find(({ arn }) => arn.endsWith(`role/${name}`)) ?? assert.fail(`no role ${name}`);

/** What a customer adds who lets the operator attach the deny itself: the generator never gives it. */
const attachDenies = {
  name: 'revoke',
  document: {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'AttachRevocation',
        Effect: 'Allow',
        Action: 'iam:PutRolePolicy',
        Resource: ['worker', 'master', 'agent', 'operator'].map((name) => `arn:aws:iam::111122223333:role/${name}`),
      },
    ],
  },
} as const;

type RoleSpec = AccountSpec['roles'][number];

type Lived = {
  readonly simulation: Simulation;
  readonly problems: readonly string[];
  /** As they were before the end. */
  readonly roles: readonly RoleSpec[];
};

async function lived(
  manifests: readonly SimulationManifest[],
  meanwhile: (simulation: Simulation) => void,
  afterwards: (simulation: Simulation) => Promise<void> = () => Promise.resolve(),
): Promise<Lived> {
  let roles: readonly RoleSpec[] = [];
  const life = await live(1, 'none', manifests, {
    meanwhile,
    ending: async (simulation) => {
      await afterwards(simulation);
      roles = simulation.account.roles();
    },
  });
  return { ...life, roles };
}

/** What changes at the agent role comes to the worker role, what IAM does not take is reported, and what an earlier version made is brought up to date. */
async function stackThroughTime(simulation: Simulation): Promise<void> {
  const agent = roleNamed(simulation, 'agent');
  const stack = (): Stack => simulation.account.stacks()[0] ?? assert.fail('no stack');
  const attached = async (policies: RoleSpec['policies'], status: string): Promise<void> => {
    const before = stack().changedAt;
    simulation.account.putRole({ ...agent, policies });
    await until(simulation, status, () => stack().changedAt > before && stack().status === status);
  };
  await attached([...agent.policies, managed], 'UPDATE_COMPLETE');
  await attached([...agent.policies, { ...extra, name: 'a name that IAM would not take' }], 'UPDATE_ROLLBACK_COMPLETE');
  await until(simulation, 'it is said why', () =>
    JSON.stringify(simulation.runtimes()[0]?.status?.conditions).includes('policyName is invalid'),
  );
  await attached(agent.policies, 'UPDATE_COMPLETE');
  const before = stack().changedAt;
  asAnEarlierVersionMadeIt(simulation, stack());
  await until(simulation, 'it is up to date', () => stack().changedAt > before && stack().status === 'UPDATE_COMPLETE');
}

type Stack = ReturnType<Simulation['account']['stacks']>[number];

const until = async (simulation: Simulation, what: string, done: () => boolean): Promise<void> =>
  assert.equal(await simulation.world.runUntil(done, 60 * minute), 'done', what);

/** Of everything that an update may find otherwise, something: descriptions, trust, boundary, tags, and the boundary's own document. */
function asAnEarlierVersionMadeIt(simulation: Simulation, stack: Stack): void {
  const earlier: Readonly<Record<string, Json>> = {
    Worker: { Description: 'a worker', MaxSessionDuration: 7200, PermissionsBoundary: 'arn:aws:iam::111122223333:policy/another' },
    Master: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } },
    Boundary: { PolicyDocument: { Version: '2012-10-17', Statement: [] } },
  };
  const Resources = Object.fromEntries(
    Object.entries(stack.template.Resources).map(([id, one]) => [id, { ...one, Properties: { ...one.Properties, ...earlier[id] } }]),
  );
  for (const [id, made] of stack.made) stack.made.set(id, { ...made, properties: { ...made.properties, ...earlier[id] } });
  const worker = simulation.account.roles().find(({ arn }) => arn.endsWith('.worker')) ?? assert.fail('no worker');
  simulation.account.putRole({ ...worker, tags: { ...worker.tags, 'elasticruntime.dev/earlier': 'yes' } });
  Object.assign(stack, { template: { ...stack.template, Resources }, body: '', outputs: { ...stack.outputs, Digest: 'earlier' } });
}

const lives: Record<string, Lived> = {};

before(async () => {
  lives['default roles'] = await lived(
    withIdentities(({ agent, operator }) => ({ agent, operator })),
    (simulation) =>
      simulation.world.schedule(25 * minute, 'a policy for the agent', () => {
        const agent = roleNamed(simulation, 'agent');
        simulation.account.putRole({ ...agent, policies: [...agent.policies, extra] });
      }),
    stackThroughTime,
  );
  const secret: SimulationManifest = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: certificateSecret,
      namespace: 'finance',
      annotations: { 'elasticruntime.dev/rotate-after': '24h' },
    } as SimulationManifest['metadata'],
    stringData: certificateOf('finance', 'first', 20 * minute),
  };
  const certified = withIdentities(({ agent, ...others }) => ({ ...others, agent: { ...agent, x509: certificateIdentity('finance') } }));
  const [space, ...others] = certified as readonly [SimulationManifest, ...SimulationManifest[]];
  lives['a certificate'] = await lived([space, secret, ...others], () => undefined);
  lives['revoked access'] = await lived(manifestsOf({ spotPercent: 0 }), (simulation) => {
    const operator = roleNamed(simulation, 'operator');
    simulation.account.putRole({ ...operator, policies: [...operator.policies, attachDenies] });
    simulation.world.schedule(20 * minute, 'access is revoked', () => {
      const accessRevokedBefore = new Date(simulation.world.now()).toISOString();
      simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), 'finance/analytics', undefined, 'kubectl', (current) => ({
        ...current,
        spec: { ...current.spec, accessRevokedBefore },
      }));
    });
  });
});

const refusals = /AccessDenied|Unauthorized|NotAuthorized|^403$/;

const last = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);
/** `worker` of the role that the stack made for it, too. */
const aliasOf = (arn: string): string => last(arn).replace(/^.*\.(master|worker|node)$/, '$1');

type Permission = { readonly as: string; readonly action: string; readonly sid: string; readonly statement: PolicyStatement };

function permissionsIn(as: string, document: PolicyDocument | undefined): readonly Permission[] {
  return (document === undefined ? [] : statementsOf(document)).flatMap((statement) =>
    statement.Effect === 'Allow'
      ? [statement.Action ?? []].flat().map((action) => ({ as, action, sid: statement.Sid ?? '', statement }))
      : [],
  );
}

function permissionsOf(spec: AccountSpec, roles: readonly RoleSpec[]): readonly Permission[] {
  return [
    ...roles.flatMap(({ arn, trust, policies }) => [
      ...permissionsIn(`trust of ${aliasOf(arn)}`, trust),
      ...policies.flatMap(({ document }) => permissionsIn(aliasOf(arn), document)),
    ]),
    ...spec.buckets.flatMap(({ name, policy }) => permissionsIn(`policy of bucket ${name}`, policy)),
    ...spec.keys.flatMap(({ arn, policy }) => permissionsIn(`policy of key ${last(arn)}`, policy)),
    ...spec.iot.policies.flatMap(({ document }) => permissionsIn('a certificate', document)),
  ];
}

/** `<action> by <Sid> as <role>`, or of the trust or resource policy that let it. */
function usesIn({ account }: Simulation): readonly string[] {
  const of = (as: string, decisions: readonly { readonly action: string; readonly by: readonly string[] }[]): readonly string[] =>
    decisions.flatMap(({ action, by }) =>
      by.map((one) => {
        const [sid = '', policy = ''] = one.split(/ of (.*)/);
        if (account.spec.iot.policies.some((one) => one.name === policy)) return `${action} by ${sid} as a certificate`;
        return `${action} by ${sid} as ${/^(trust|policy of)/.test(policy) ? policy.replace(/[^ ]*\.(master|worker|node)$/, '$1') : as}`;
      }),
    );
  return [
    ...account.calls.flatMap(({ roleArn, allowed }) => of(aliasOf(roleArn ?? ''), allowed)),
    // CloudFormation has no rights of its own: it acts with the operator's.
    ...of('operator', account.forwarded),
  ];
}

/** What pods do beyond the common list. */
const ofPods: Readonly<Record<string, readonly ListedCall[]>> = {
  'default roles': [{ as: 'worker', actions: ['s3:GetObject'], resource: 'arn:aws:s3:::acme-extra/x' }],
};

/** A node agent may still hold a session from before when the deny is there: it is refused, asks for a new one, and loses nothing. */
const ended = /^s3:PutObject arn:aws:s3:::acme-logs\/.*\/(master|worker)\/.* with an explicit deny in an identity-based policy$/;

const names = ['default roles', 'a certificate', 'revoked access'];

for (const name of names) {
  void test(`${name}: the life is whole, and no call is denied`, () => {
    const { simulation, problems } = lives[name] ?? assert.fail();
    assert.deepEqual(problems, []);
    const denied = simulation.account.calls.filter(({ outcome }) => refusals.test(outcome));
    const said = denied.map(({ action, resource, message }) => `${action} ${resource} ${message}`);
    assert.deepEqual(
      said.filter((one) => name !== 'revoked access' || !ended.test(one)),
      [],
    );
    for (const { resource } of denied)
      assert.ok(
        simulation.account.calls.some((call) => call.resource === resource && call.action === 's3:PutObject' && call.outcome === 'ok'),
        `${resource} was not written again`,
      );
    assert.deepEqual(simulation.violations(), []);
  });

  void test(`${name}: every statement that the other lives do not have allowed something`, () => {
    const { simulation, roles } = lives[name] ?? assert.fail();
    const { spec } = simulation.account;
    const used = new Set(usesIn(simulation));
    // Pods, nodes and people do what they do, whoever made their roles.
    const renamed = { ...spec, roles: roles.map((role) => ({ ...role, arn: role.arn.replace(last(role.arn), aliasOf(role.arn)) })) };
    const pods = listedCalls.filter(({ as }) => roles.some(({ arn }) => aliasOf(arn) === as));
    for (const call of [...pods, ...(ofPods[name] ?? [])])
      for (const action of call.actions) {
        const verdict = judge(renamed, {}, call, action);
        assert.equal(verdict.decision, 'Allow', `${call.as} ${action} ${call.resource}: ${verdict.because}`);
        for (const by of decidersOf(verdict)) {
          const [sid = '', policy = ''] = by.split(/ of (.*)/);
          used.add(`${action} by ${sid} as ${/^(trust|policy of)/.test(policy) ? policy : call.as}`);
        }
      }
    for (const [action, by] of entrances(renamed)) used.add(`${action} by ${by.replace(' of ', ' as ')}`);
    const common = new Set(permissionsOf(plain(), plain().roles).map(({ as, statement }) => `${as} ${JSON.stringify(statement)}`));
    const made = new Set(roles.filter(({ arn }) => aliasOf(arn) !== last(arn)).map(({ arn }) => aliasOf(arn)));
    const own = permissionsOf(spec, roles).filter(({ as, statement }) => made.has(as) || !common.has(`${as} ${JSON.stringify(statement)}`));
    assert.ok(own.length > 0);
    const copied = new Set(
      roles
        .find(({ arn }) => aliasOf(arn) === 'agent')
        ?.policies.flatMap(({ document }) => statementsOf(document).map((one) => JSON.stringify(one))),
    );
    const unused = own.filter(({ as, action, sid, statement }) => {
      if (used.has(`${action} by ${sid} as ${as}`)) return false;
      // What is attached to the agent is the default worker's: used by either of the two, it is used.
      const shared = made.has('worker') && (as === 'agent' || as === 'worker') && copied.has(JSON.stringify(statement));
      return (
        !shared ||
        (!used.has(`${action} by ${sid} as ${as === 'agent' ? 'worker' : 'agent'}`) && !common.has(`agent ${JSON.stringify(statement)}`))
      );
    });
    assert.deepEqual(
      unused.map(({ as, action, sid }) => `${action} by ${sid} as ${as}`),
      [],
    );
  });
}

/** The account of the lives in exactness.test.ts. */
function plain(): AccountSpec {
  const started = startSimulation({ manifests: manifestsOf({ spotPercent: 0 }), seed: 1, faults: 'none', limitMs: minute });
  return started.ok ? started.value.account.spec : assert.fail(started.reason);
}
