/**
 * One job of ten pods against 5,000 running nodes, ten of which changed since the last plan. `node bench/packing/incremental.ts [seed]`
 *
 * No two runs plan the same job: the amounts differ a little each time, so that only what is known of nodes and machines can be reused.
 */
import { buildProblem, demandMemory } from '../../src/core/nodes/demand.ts';
import { planPacking } from '../../src/core/packing/plan.ts';
import type { PackingNode, PackingPlan, PackingPod, PackingProblem } from '../../src/core/packing/problem.ts';
import { linearTypes } from './karpenter-mix.ts';
import { runtimeAtWork } from './runtime-at-work.ts';

const NODES = 5000;
const TARGET_MS = 5;
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

const nodes = Array.from({ length: NODES }, (_, index) => running(`node-${index}`, `zone-${1 + (index % 3)}`));

function spreadOver(app: string) {
  const labelSelector = { matchLabels: { app } };
  return { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector } as const;
}

function job(run: number, cpu: string, rules: boolean): readonly PackingPod[] {
  const app = `job-${run}`;
  const spec = {
    containers: [{ resources: { requests: { cpu, memory: `${1024 + run}Mi` } } }],
    nodeSelector: { 'runtime.node-restriction.kubernetes.io/uid': 'mine' },
    ...(rules ? { topologySpreadConstraints: [spreadOver(app)] } : {}),
  };
  return Array.from({ length: 10 }, (_, index) => ({ key: `default/${app}-${index}`, namespace: 'default', labels: { app }, spec }));
}

const market = { ...linearTypes(400), pools: [{ name: 'workers', labels: { 'runtime.node-restriction.kubernetes.io/uid': 'mine' } }] };

/** What a controller sees: ten nodes are new objects, the others are those of last time. */
function look(run: number, cpu: string, rules: boolean): PackingProblem {
  return { ...market, pods: job(run, cpu, rules), nodes: nodes.map((node, index) => (index % 500 === run % 500 ? { ...node } : node)) };
}

/** Milliseconds by the clock and of CPU, that of the garbage collector's threads included. */
function measure(name: string, runs: number, prepare: (run: number) => () => PackingPlan): void {
  const wall: number[] = [];
  const cpu: number[] = [];
  let note = '';
  for (let run = 0; run < runs; run++) {
    const plan = prepare(run);
    const before = process.cpuUsage();
    const started = performance.now();
    const { assignments, newNodes, unschedulable } = plan();
    wall.push(performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000);
    note = `${assignments.length} onto nodes, ${newNodes.length} new nodes, ${unschedulable.length} left`;
  }
  const quantile = (times: readonly number[], share: number) =>
    times.toSorted((left, right) => left - right)[Math.floor(runs * share)] ?? 0;
  const middle = quantile(wall, 0.5);
  console.log(
    `${name}: first ${wall[0]?.toFixed(0)} ms, then median ${quantile(wall, 0.5).toFixed(2)} ms, best ${quantile(wall, 0).toFixed(2)} ms; of CPU median ${quantile(cpu, 0.5).toFixed(2)} ms, 9 of 10 within ${quantile(cpu, 0.9).toFixed(2)} ms (target ${TARGET_MS} ms, ${middle <= TARGET_MS ? 'met' : 'MISSED'}); ${note}`,
  );
}

console.log(
  `10 pods against ${NODES} nodes running ${nodes.reduce((sum, node) => sum + node.pods.length, 0)} pods, seed ${seed}, one thread, node ${process.version}`,
);
for (const [name, cpu, rules] of [
  ['a job that fits', '500m', false],
  ['a job that spreads over zones', '500m', true],
  ['a job that needs new nodes', '4', false],
  ['a job that needs new nodes and spreads over zones', '4', true],
  ['a job that fits nowhere', '500', false],
] as const)
  measure(name, 100, (run) => {
    const problem = look(run, cpu, rules);
    return () => planPacking(problem);
  });

// Through what the provisioner calls: its own problem, whose unchanged parts are the objects of the look before.
for (const [name, cpu, spread] of [
  ['as the operator looks, a job that fits on workers', '1', false],
  ['as the operator looks, a job that needs new nodes', '15', false],
  ['as the operator looks, a job that needs new nodes and spreads over zones', '15', true],
] as const) {
  const see = runtimeAtWork(NODES, market, below);
  const memory = demandMemory();
  const building: number[] = [];
  measure(`${name} (problem and plan)`, 100, (run) => {
    const input = see(run, cpu, spread);
    return () => {
      const started = performance.now();
      const problem = buildProblem(input, memory);
      building.push(performance.now() - started);
      return planPacking(problem);
    };
  });
  console.log(`  of it the problem: median ${building.toSorted((left, right) => left - right)[50]?.toFixed(2)} ms`);
}
