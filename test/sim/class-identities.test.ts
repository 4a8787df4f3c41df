import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticRuntime } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import type { Simulation, SimulationManifest } from '../../src/sim/simulate.ts';
import { find, job, minute, runtime, start, until } from './support/stage.ts';

type Spec = ElasticRuntime['spec'];
type Roles = Readonly<Record<string, { readonly roleArn: string }>>;

const roleArn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
const orders = { name: 'orders', usage: 'Source', connector: 'AmazonS3', location: 's3://acme-orders/raw/' };

/** The stage's runtime, with its identities in the defaults of its class. */
function ofClass(more: Partial<Spec> = {}): readonly SimulationManifest[] {
  const [namespace, full] = runtime({}, more) as readonly [SimulationManifest, SimulationManifest];
  const { identities, ...spec } = full['spec'] as Spec;
  const standard = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticRuntimeClass',
    metadata: { name: 'standard' },
    spec: { allowed: {}, defaults: { identities } },
  };
  return [standard, namespace, { ...full, spec: { ...spec, runtimeClassName: 'standard' } }];
}

/** The class gives other roles for some of its runtimes' identities. */
function changeClass(simulation: Simulation, roles: Roles): void {
  const answer = simulation.kubernetes.server.patch(kindNamed('ElasticRuntimeClass'), 'standard', undefined, 'kubectl', (current) => {
    const spec = current.spec as { readonly defaults: { readonly identities: object } };
    return { ...current, spec: { ...spec, defaults: { ...spec.defaults, identities: { ...spec.defaults.identities, ...roles } } } };
  });
  assert.ok(answer.ok, answer.ok ? '' : answer.error.message);
}

/** `<name>2` beside a role, less the statements of one sid, which the operator role may assume too. */
function addSecondRole(simulation: Simulation, name: string, lacking?: RegExp): void {
  const { roles } = simulation.account.spec;
  const [first, operator] = [roleArn(name), roleArn('operator')].map((arn) => roles.find((role) => role.arn === arn));
  assert.ok(first && operator);
  const policies = first.policies.map((policy) => ({
    ...policy,
    document: { ...policy.document, Statement: [policy.document.Statement].flat().filter(({ Sid = '' }) => lacking?.test(Sid) !== true) },
  }));
  simulation.account.putRole({ ...first, arn: roleArn(`${name}2`), policies });
  const Action = ['sts:AssumeRole', 'sts:TagSession', 'iam:GetRole', 'iam:SimulatePrincipalPolicy'];
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: roleArn(`${name}2`) }] } as const;
  simulation.account.putRole({ ...operator, policies: [...operator.policies, { name: `${name}2`, document }] });
}

const nodes = (simulation: Simulation) => simulation.kubernetes.server.store.list(kindNamed('ElasticNode'));
const noNode = (simulation: Simulation) => until(simulation, 'no node is left', () => nodes(simulation).length === 0);
const ended = (simulation: Simulation, name: string) =>
  until(simulation, `${name} has ended`, () => ['Succeeded', 'Failed'].includes(find(simulation, name).status?.phase ?? ''));

void test('a role that the class changes is verified by calls as it, and its pods run as it, though the generation of the runtime is the same', async () => {
  const simulation = start([...ofClass({ idleTimeout: '10s' }), job('one', { duration: '30s' }, { connections: [orders] })]);
  await ended(simulation, 'one');
  assert.equal(find(simulation, 'one').status?.phase, 'Succeeded');
  await noNode(simulation);
  addSecondRole(simulation, 'worker', /Orders/);
  changeClass(simulation, { worker: { roleArn: roleArn('worker2') } });
  await simulation.world.runUntil(() => false, minute);
  const account = simulation.kubernetes.server.store.get(kindNamed('ServiceAccount'), 'finance/analytics-worker');
  assert.equal(account?.metadata.annotations?.['eks.amazonaws.com/role-arn'], roleArn('worker2'));
  // The old role's answer would have been good for ten minutes.
  simulation.apply(job('two', { duration: '30s' }, { connections: [orders] }));
  await ended(simulation, 'two');
  assert.equal(find(simulation, 'two').status?.failure?.reason, 'AccessDenied');
  assert.match(find(simulation, 'two').status?.failure?.message ?? '', /acme-orders failed as worker \(.*role\/worker2\)/);
  assert.equal(nodes(simulation).length, 0);
  assert.deepEqual(simulation.violations(), []);
});
