import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../../src/api/generated/types.ts';
import type { Node, Pod } from '../../../src/api/kubernetes.ts';
import { labels } from '../../../src/api/labels.ts';
import { buildProblem, type DemandInput, demandBound, demandMemory } from '../../../src/core/nodes/demand.ts';
import { rememberedPools } from '../../../src/core/nodes/pools.ts';
import type { PackingProblem } from '../../../src/core/packing/problem.ts';
import { dice } from '../packing/random-problem.ts';

type Dice = ReturnType<typeof dice>;

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

function machine(name: string, cpu = '4'): Node {
  return { metadata: { name: `machine-${name}` }, status: { allocatable: { cpu } } };
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

const daemonSet = { metadata: { name: 'agent', namespace: 'kube-system' }, spec: { template: { spec: { containers: [] } } } } as const;

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
    ['a DaemonSet comes', { ...input, daemonSets: [daemonSet] }, [true, true]],
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

type Scene = {
  readonly input: DemandInput;
  readonly machines: ReadonlyMap<string, Node>;
  /** Pods by job. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
};

const slotsAtAll = ['master/0', 'worker/0', 'worker/1'];

function randomJob(roll: Dice, uid: string, generation = 1): ElasticJob & Uid {
  const template = { spec: { containers: [{ name: 'main', resources: { requests: { cpu: roll.pick(['1', '2', '500m']) } } }] } };
  return {
    metadata: { name: uid, namespace: 'finance', uid, generation },
    spec: { master: { template }, workers: { min: 1, max: 2, template } },
  } as unknown as ElasticJob & Uid;
}

function randomPod(roll: Dice, jobUid: string): Pod {
  const index = roll.below(3);
  const own = {
    [labels.jobUid]: jobUid,
    [labels.role]: index === 2 ? 'master' : 'worker',
    [labels.attempt]: String(1 + roll.below(2)),
    'batch.kubernetes.io/job-completion-index': String(index),
  };
  const place = roll.chance(0.8) ? { nodeName: `machine-${roll.below(6)}` } : {};
  return {
    metadata: {
      name: `${jobUid}-${roll.below(1e6)}`,
      namespace: 'finance',
      uid: `p-${roll.below(1e9)}`,
      labels: roll.chance(0.9) ? own : {},
    },
    spec: { ...place, containers: [] },
  };
}

function randomNode(roll: Dice, name: string): ElasticNode & Uid {
  const reservedFor = ['j-0', 'j-1', 'j-2', 'j-9']
    .filter(() => roll.chance(0.5))
    .map((jobUid) => ({ jobUid, jobName: jobUid, attempt: 1 + roll.below(2), slots: slotsAtAll.filter(() => roll.chance(0.5)) }));
  const status = {
    ...(roll.chance(0.8) && { instanceId: `i-${name}` }),
    ...(roll.chance(0.8) && { providerID: `aws:///z/i-${roll.below(6)}` }),
    phase: roll.pick(['Ready', 'Ready', 'Launched', 'Failed']),
    offering: { instanceType: 't', zone: roll.pick(['a', 'b']), capacityType: 'on-demand', usdPerHour: 1 },
  };
  return {
    metadata: { name, uid: `uid-${name}` },
    spec: { pool: roll.pick(['workers', 'masters']), role: 'worker', offerings: [], reservedFor },
    status,
  } as unknown as ElasticNode & Uid;
}

/** What may happen between two looks. Objects that nothing happened to stay the same objects; some become others that say the same. */
function happen(roll: Dice, scene: Scene, earlier: readonly DemandInput[], step: number): Scene {
  const { input, machines, pods } = scene;
  const at = roll.below(Math.max(1, input.elasticNodes.length));
  const one = input.elasticNodes[at];
  const withNodes = (elasticNodes: DemandInput['elasticNodes']) => ({ ...scene, input: { ...input, elasticNodes } });
  const withJobs = (jobs: DemandInput['jobs']) => ({ ...scene, input: { ...input, jobs } });
  const job = roll.below(Math.max(1, input.jobs.length));
  const demand = input.jobs[job];
  const uid = roll.pick(['j-0', 'j-1', 'j-2']);
  const own = pods.get(uid) ?? [];
  const id = `aws:///z/i-${roll.below(6)}`;
  switch (roll.below(16)) {
    case 0:
      return withNodes(input.elasticNodes.filter((node) => node !== one));
    case 1:
      return withNodes(input.elasticNodes.toSpliced(at, 0, randomNode(roll, `n-${step}-${roll.below(1e6)}`)));
    case 2:
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, structuredClone(one)));
    case 3:
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, randomNode(roll, one.metadata.name)));
    case 4:
      return withNodes(input.elasticNodes.toReversed());
    case 5:
      // A list that was there before, with its objects.
      return withNodes(roll.pick(earlier).elasticNodes);
    case 6: {
      const known = machines.get(id);
      const next = known === undefined || roll.chance(0.3) ? machine(String(roll.below(6)), roll.pick(['4', '8'])) : structuredClone(known);
      return { ...scene, machines: new Map([...machines, [id, next]]) };
    }
    case 7:
      return { ...scene, machines: new Map([...machines].filter(([other]) => other !== id)) };
    case 8:
      return { ...scene, pods: new Map([...pods, [uid, [...own, randomPod(roll, uid)]]]) };
    case 9:
      return { ...scene, pods: new Map([...pods, [uid, own.slice(1)]]) };
    case 10:
      return { ...scene, pods: new Map([...pods, [uid, own.map((pod) => (roll.chance(0.5) ? structuredClone(pod) : pod))]]) };
    case 11:
      return demand === undefined
        ? scene
        : withJobs(input.jobs.with(job, { ...demand, job: structuredClone(demand.job), priority: roll.below(2) }));
    case 12:
      return demand === undefined
        ? scene
        : withJobs(
            input.jobs.with(job, { ...demand, job: randomJob(roll, demand.job.metadata.uid, step + 2), attempt: 1 + roll.below(2) }),
          );
    case 13: {
      const status = { ...one?.status, phase: one?.status?.phase === 'Failed' ? 'Ready' : 'Failed' } as const;
      return one === undefined ? scene : withNodes(input.elasticNodes.with(at, { ...one, status }));
    }
    case 14:
      return withJobs(
        input.jobs.some((each) => each.job.metadata.uid === uid)
          ? input.jobs.filter((each) => each.job.metadata.uid !== uid)
          : [...input.jobs, { job: randomJob(roll, uid, step + 2), attempt: 1, priority: 0 }],
      );
    default:
      return {
        ...scene,
        input: {
          ...input,
          ...(roll.chance(0.5) ? { catalog: { ...input.catalog } } : { pools: [...input.pools] }),
          daemonSets: roll.chance(0.5) ? [daemonSet] : [],
        },
      };
  }
}

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
