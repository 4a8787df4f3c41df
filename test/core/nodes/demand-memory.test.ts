import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../../src/api/generated/types.ts';
import type { Pod } from '../../../src/api/kubernetes.ts';
import { labels } from '../../../src/api/labels.ts';
import { buildProblem, type DemandInput, demandBound, demandMemory } from '../../../src/core/nodes/demand.ts';
import { rememberedPools } from '../../../src/core/nodes/pools.ts';
import type { PackingProblem } from '../../../src/core/packing/problem.ts';
import { dice } from '../packing/random-problem.ts';
import { daemonSet, happen, machine, randomJob, randomNode, randomPod, type Scene } from './random-scene.ts';

type Uid = { readonly metadata: { readonly uid: string; readonly generation?: number } };

const runtime = {
  metadata: { name: 'analytics', namespace: 'finance', uid: 'r-1', generation: 1 },
  spec: {
    machineImage: { family: 'AL2023' },
    masters: { min: 0, max: 1, volumes: {} },
    workers: { min: 0, max: 10, spotPercent: 0, volumes: {} },
  },
} as unknown as ElasticRuntime & Uid;

const job = {
  metadata: { name: 'nightly', namespace: 'finance', uid: 'j-1', generation: 1 },
  spec: { master: { template: { spec: { containers: [] } } }, workers: { min: 1, max: 2, template: { spec: { containers: [] } } } },
} as unknown as ElasticJob & Uid;

function elasticNode(name: string, slots: readonly string[] = []): ElasticNode & Uid {
  const reservedFor = slots.length === 0 ? [] : [{ jobUid: 'j-1', jobName: 'nightly', attempt: 1, slots }];
  return {
    metadata: { name, uid: `uid-${name}` },
    spec: { pool: 'workers', role: 'worker', offerings: [], reservedFor },
    status: { instanceId: `i-${name}`, providerID: `aws:///z/i-${name}`, phase: 'Ready' },
  } as unknown as ElasticNode & Uid;
}

function workerPod(index: number, nodeName: string): Pod {
  const own = {
    [labels.jobUid]: 'j-1',
    [labels.role]: 'worker',
    [labels.attempt]: '1',
    'batch.kubernetes.io/job-completion-index': String(index),
  };
  return {
    metadata: { name: `nightly-1-worker-${index}`, namespace: 'finance', uid: `p-${index}`, labels: own },
    spec: { nodeName, containers: [] },
  };
}

const catalog = { types: [], offerings: [] } as unknown as DemandInput['catalog'];

function stage() {
  const machines = new Map([
    ['aws:///z/i-a', machine('a')],
    ['aws:///z/i-b', machine('b')],
  ]);
  const poolsOf = rememberedPools();
  const nodes = { a: elasticNode('a', ['worker/0']), b: elasticNode('b') };
  const input = {
    runtime,
    pools: poolsOf(runtime),
    jobs: [{ job, attempt: 1, priority: 0 }],
    elasticNodes: [nodes.a, nodes.b],
    nodeByProviderId: (id: string) => machines.get(id),
    pods: [] as Pod[][],
    daemonSets: [],
    catalog,
    unavailable: [],
  } satisfies DemandInput;
  return { input, machines, poolsOf, nodes };
}

void test('of a machine that has joined, its daemons run there; to one that is launching the planner adds them', () => {
  const { input, nodes } = stage();
  const launching = { ...nodes.b, status: { ...nodes.b.status, providerID: 'aws:///z/i-c' } };
  const everywhere = { ...daemonSet, spec: { template: { spec: { containers: [], tolerations: [{ operator: 'Exists' as const }] } } } };
  const { daemons, nodes: seen } = buildProblem({ ...input, daemonSets: [everywhere], elasticNodes: [nodes.a, launching] });
  const isDaemon = ({ key }: { readonly key: string }): boolean => key === daemons?.[0]?.key;
  assert.deepEqual(
    seen.map((node) => [node.launching, node.pods.filter(isDaemon).length]),
    [
      [false, 1],
      [true, 0],
    ],
  );
});

void test('the same sources give the same objects, and what has changed gives what a look without memory gives', () => {
  const { input, machines, poolsOf, nodes } = stage();
  const memory = demandMemory();
  const first = buildProblem(input, memory);
  const again = buildProblem({ ...input, elasticNodes: [...input.elasticNodes] }, memory);
  assert.ok(again.nodes.every((node, index) => node === first.nodes[index]));
  assert.ok(again.pools === first.pools && again.pods[0] === first.pods[0]);
  assert.ok(again.daemons === first.daemons, 'the planner knows what daemons take of each machine by the list');
  assert.deepEqual(again, buildProblem(input));

  // Each of the sources of a node, changed alone: whether a and b are kept.
  const changes: readonly (readonly [what: string, input: DemandInput, kept: readonly [a: boolean, b: boolean]])[] = [
    ['a pod is bound to b', { ...input, pods: [[workerPod(1, 'machine-b')]] }, [true, false]],
    ['the slot that a holds is bound to it', { ...input, pods: [[workerPod(0, 'machine-a')]] }, [false, true]],
    ['b is reserved for', { ...input, elasticNodes: [nodes.a, elasticNode('b', ['worker/1'])] }, [true, false]],
    ['the job has ended', { ...input, jobs: [] }, [false, true]],
    [
      'a pod without a slot comes to b',
      { ...input, pods: [[{ ...workerPod(1, 'machine-b'), metadata: { name: 'other' } }]] },
      [true, false],
    ],
    ['a DaemonSet comes', { ...input, daemonSets: [daemonSet] }, [false, false]],
  ];
  for (const [what, changed, kept] of changes) {
    const before = buildProblem(input, memory);
    const next = buildProblem(changed, memory);
    assert.deepEqual([next.nodes[0] === before.nodes[0], next.nodes[1] === before.nodes[1]], kept, what);
    assert.deepEqual(next, buildProblem(changed), what);
  }
  // Others that say the same: what a heartbeat makes of an object.
  const before = buildProblem(input, memory);
  const beat = { ...input, elasticNodes: structuredClone(input.elasticNodes), jobs: [{ ...input.jobs[0], job: structuredClone(job) }] };
  for (const [id, one] of machines) machines.set(id, structuredClone(one));
  assert.ok(buildProblem(beat as DemandInput, memory).nodes.every((node, index) => node === before.nodes[index]));
  machines.set('aws:///z/i-b', machine('b', '8'));
  assert.equal(buildProblem(input, memory).nodes[1]?.allocatable['cpu'], '8');

  // A new spec: labels of pools, and with them all nodes.
  const spec = { ...runtime.spec, workers: { ...runtime.spec.workers, pools: [{ name: 'workers', weight: 0, labels: { team: 'x' } }] } };
  const edited = { ...runtime, metadata: { ...runtime.metadata, generation: 2 }, spec } as unknown as typeof runtime;
  const anew = { ...input, runtime: edited, pools: poolsOf(edited) };
  assert.equal(poolsOf(edited), anew.pools);
  assert.equal(buildProblem(anew, memory).nodes[0]?.labels['team'], 'x');
  assert.deepEqual(buildProblem(anew, memory), buildProblem(anew));
});

void test('with and without what was kept from earlier looks the problem is the same, over random sequences of changes', () => {
  const kept = { nodes: 0, others: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const roll = dice(seed);
      const { input } = stage();
      let scene: Scene = {
        input: {
          ...input,
          jobs: ['j-0', 'j-1', 'j-2'].map((uid) => ({ job: randomJob(roll, uid), attempt: 1, priority: 0 })),
          elasticNodes: Array.from({ length: 6 }, (_, index) => randomNode(roll, `n-${index}`)),
        },
        machines: new Map(Array.from({ length: 6 }, (_, index) => [`aws:///z/i-${index}`, machine(String(index))] as const)),
        pods: new Map(['j-0', 'j-1', 'j-2'].map((uid) => [uid, [randomPod(roll, uid), randomPod(roll, uid)]] as const)),
      };
      const told = demandMemory();
      const asking = demandMemory();
      const earlier: DemandInput[] = [];
      let before: PackingProblem | undefined;
      let moved = new Set<string>();
      for (let step = 0; step < 12; step++) {
        const { machines, pods } = scene;
        const now: DemandInput = { ...scene.input, pods: [...pods.values()], nodeByProviderId: (id) => machines.get(id) };
        earlier.push(now);
        const fresh = buildProblem(now);
        assert.deepEqual(buildProblem(now, asking), fresh, `step ${step}`);
        const hinted = { ...now, movedMachines: moved };
        const { of } = demandBound(hinted, told);
        assert.equal(of, demandBound(now).of, `step ${step}`);
        // Not every look comes to its problem.
        if (roll.chance(0.8)) {
          const problem = buildProblem(hinted, told);
          assert.deepEqual(problem, fresh, `step ${step}`);
          for (const node of problem.nodes) kept[before?.nodes.includes(node) ? 'nodes' : 'others'] += 1;
          before = problem;
          moved = new Set();
        }
        for (let changes = 1 + roll.below(2); changes > 0; changes--) scene = happen(roll, scene, earlier, step);
        for (const id of new Set([...machines.keys(), ...scene.machines.keys()]))
          if (machines.get(id) !== scene.machines.get(id)) moved.add(id);
      }
    }),
    { seed: 5, numRuns: 500, endOnFailure: true },
  );
  assert.ok(kept.nodes > 1.5 * kept.others, `${kept.nodes} nodes kept, ${kept.others} made anew`);
});
