/**
 * One job of ten pods against 5,000 running nodes, some of which changed since the last plan. `node bench/packing/incremental.ts [seed]`
 */
import { planPacking } from '../../src/core/packing/plan.ts';
import type { PackingNode, PackingPod, PackingProblem } from '../../src/core/packing/problem.ts';
import { linearTypes } from './karpenter-mix.ts';

const [seed = 7] = process.argv.slice(2).map(Number);
let state = seed >>> 0;
const below = (bound: number) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * bound);
};

function running(name: string, zone: string): PackingNode {
  const count = 8 + below(8);
  const pods = Array.from({ length: count }, (_, index): PackingPod => {
    const app = `app-${below(200)}`;
    return {
      key: `default/${name}-${index}`,
      namespace: 'default',
      labels: { app },
      spec: { containers: [{ resources: { requests: { cpu: `${100 + below(4) * 100}m`, memory: '512Mi' } } }] },
    };
  });
  const labels = {
    'kubernetes.io/hostname': name,
    'topology.kubernetes.io/zone': zone,
    'kubernetes.io/arch': 'amd64',
    'runtime.node-restriction.kubernetes.io/uid': below(5) === 0 ? 'mine' : 'other',
  };
  return { name, labels, allocatable: { cpu: 4, memory: '16Gi', pods: 110 }, pods };
}

const nodes = Array.from({ length: 5000 }, (_, index) => running(`node-${index}`, `zone-${1 + (index % 3)}`));
const spread = {
  maxSkew: 1,
  topologyKey: 'topology.kubernetes.io/zone',
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'job' } },
} as const;

function job(cpu: string, rules: boolean): readonly PackingPod[] {
  return Array.from({ length: 10 }, (_, index) => ({
    key: `default/job-${index}`,
    namespace: 'default',
    labels: { app: 'job' },
    spec: {
      containers: [{ resources: { requests: { cpu, memory: '1Gi' } } }],
      nodeSelector: { 'runtime.node-restriction.kubernetes.io/uid': 'mine' },
      ...(rules ? { topologySpreadConstraints: [spread] } : {}),
    },
  }));
}

function measure(name: string, pods: readonly PackingPod[], runs: number): void {
  const base: PackingProblem = {
    ...linearTypes(400),
    pods,
    nodes,
    pools: [{ name: 'workers', labels: { 'runtime.node-restriction.kubernetes.io/uid': 'mine' } }],
  };
  const times: number[] = [];
  let note = '';
  for (let run = 0; run < runs; run++) {
    // What a controller sees: ten nodes are new objects, the others are those of last time.
    const changed = nodes.map((node, index) => (index % 500 === run % 500 ? { ...node } : node));
    const started = performance.now();
    const plan = planPacking({ ...base, nodes: changed });
    times.push(performance.now() - started);
    note = `${plan.assignments.length} onto nodes, ${plan.newNodes.length} new nodes, ${plan.unschedulable.length} left`;
  }
  const [first = 0] = times;
  const sorted = times.toSorted((left, right) => left - right);
  console.log(
    `${name}: first ${first.toFixed(1)} ms, then median ${sorted[Math.floor(runs / 2)]?.toFixed(2)} ms, best ${sorted[0]?.toFixed(2)} ms (target 5 ms); ${note}`,
  );
}

console.log(
  `10 pods against ${nodes.length} nodes running ${nodes.reduce((sum, node) => sum + node.pods.length, 0)} pods, seed ${seed}, one thread, node ${process.version}`,
);
measure('a job that fits', job('500m', false), 60);
measure('a job that spreads over zones', job('500m', true), 60);
measure('a job that needs new nodes', job('4', false), 30);
