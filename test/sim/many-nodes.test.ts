import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElasticNode } from '../../src/api/generated/types.ts';
import { kindNamed } from '../../src/sim/kubernetes/kinds.ts';
import { type Simulation, type SimulationManifest, startSimulation } from '../../src/sim/simulate.ts';
import { START } from '../../src/sim/world.ts';
import { hour, minute, runtime } from './support/stage.ts';

const NODES = 5_000;

/** The stage's runtime, in a namespace and with roles of its own, in the same account: the buckets are shared. */
function small(): readonly SimulationManifest[] {
  const text = JSON.stringify(runtime({ min: 0, max: 10 }));
  return JSON.parse(text.replaceAll('finance', 'research').replaceAll('analytics', 'notebooks')) as readonly SimulationManifest[];
}

const account: SimulationManifest = {
  apiVersion: 'elasticruntime.dev/v1alpha1',
  kind: 'SimulatedAccount',
  metadata: { name: 'large' },
  spec: {
    quotas: { onDemandVcpus: 1e9, spotVcpus: 1e9 },
    subnets: [{ id: 'subnet-0123456789abcdef0', zone: 'us-east-1a', freeAddresses: 8_000 }],
  },
};

function nodesOf(simulation: Simulation, runtimeName: string): readonly ElasticNode[] {
  const all = simulation.kubernetes.server.store.list(kindNamed('ElasticNode')) as unknown as readonly ElasticNode[];
  return all.filter(({ spec }) => spec.runtimeRef.name === runtimeName);
}

function setMinimum(simulation: Simulation, key: string, min: number): void {
  simulation.kubernetes.server.patch(kindNamed('ElasticRuntime'), key, undefined, 'kubectl', (current) => ({
    ...current,
    spec: { ...current.spec, workers: { ...(current.spec?.['workers'] as object), min } },
  }));
}

/** Virtual milliseconds until it holds; looked at every two seconds. */
async function until(simulation: Simulation, what: string, limitMs: number, done: () => boolean): Promise<number> {
  const began = simulation.world.now();
  let next = began;
  const outcome = await simulation.world.runUntil(() => {
    if (simulation.world.now() < next) return false;
    next = simulation.world.now() + 2_000;
    return done();
  }, limitMs);
  assert.equal(outcome, 'done', `${what} within ${limitMs / minute} minutes`);
  return simulation.world.now() - began;
}

void test(`${NODES} nodes are launched and ended in AWS's real buckets, and a small runtime beside them does not starve`, async (t) => {
  const started = startSimulation({
    manifests: [...runtime({ min: NODES, max: NODES }), ...small(), account],
    seed: 5,
    faults: 'none',
    limitMs: 4 * hour,
  });
  assert.ok(started.ok, started.ok ? '' : started.reason);
  const simulation = started.value;
  const live = (): number => simulation.account.liveInstances().length;
  const smallNodes = (): readonly ElasticNode[] => nodesOf(simulation, 'notebooks');

  // The bucket of 1,000 instances is empty, thousands wait.
  await until(simulation, 'the bucket is empty', hour, () => live() >= 1_200);
  setMinimum(simulation, 'research/notebooks', 5);
  const up = await until(simulation, 'five nodes of the small runtime', 10 * minute, () => {
    const nodes = smallNodes();
    return nodes.length === 5 && nodes.every(({ status }) => status?.phase === 'Ready');
  });
  assert.ok(live() < 2_000, `thousands still wait: ${live()} live`);
  // Every second turn is its own: five launches in five seconds or so, then the machines boot.
  assert.ok(up <= 2 * minute, `up after ${up / 1000} s`);

  await until(simulation, 'all nodes', 2 * hour, () => live() === NODES + 5);
  const upAll = simulation.world.now() - START;

  setMinimum(simulation, 'finance/analytics', 0);
  await until(simulation, 'the end of them begins', hour, () => live() < NODES - 300);
  setMinimum(simulation, 'research/notebooks', 0);
  const down = await until(simulation, 'the small one has no nodes', 20 * minute, () => smallNodes().length === 0);
  assert.ok(live() > 500, `thousands still wait: ${live()} live`);
  assert.ok(down <= 7 * minute, `its idle timeout is five minutes; down after ${down / 1000} s`);
  await until(simulation, 'no nodes', 2 * hour, () => live() === 0 && nodesOf(simulation, 'analytics').length === 0);

  const refused = simulation.account.calls.filter(({ outcome }) => outcome === 'RequestLimitExceeded').length;
  assert.ok(refused <= 20, `AWS refused ${refused} calls for their rate`);
  assert.deepEqual(simulation.violations(), []);
  assert.equal(simulation.account.instances().length, NODES + 5);
  t.diagnostic(
    `all up after ${Math.round(upAll / 1000)} s, the small runtime's five after ${up / 1000} s, its end took ${down / 1000} s; ${refused} refused; ${simulation.world.steps()} steps`,
  );
});
