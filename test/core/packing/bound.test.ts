import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as highsModule from 'highs';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { InstanceType, PackingPod, PackingProblem } from '../../../src/core/packing/problem.ts';
import { offer, pod } from './fixtures.ts';
import { dice } from './random-problem.ts';

/*
 * The bound against linear programs that know nothing of the planner, solved by HiGHS. Without effort it is the resource relaxation: there
 * the finer program has x(kind, type) pods in parts and n(type) nodes in parts, every resource of a type covered: its optimum is a valid
 * bound, and ours must not be above it. The coarser one covers each resource over all types at once: where all pods may go anywhere that is
 * what our bound claims to be, to the last digit. With effort the bound is near the LP over every filling of a machine with whole pods.
 */
type Highs = { readonly solve: (model: string) => { readonly Status: string; readonly ObjectiveValue: number } };
const highs = await (highsModule as unknown as { readonly default: () => Promise<Highs> }).default();

type Kind = { readonly cpu: number; readonly memory: number; readonly arch: string | undefined; readonly count: number };
type Machine = {
  readonly name: string;
  readonly cpu: number;
  readonly memory: number;
  readonly pods: number;
  readonly arch: string;
  readonly price: number;
};

/** No machine gives more of anything than all pods together ask for: a plan of whole nodes can use no more of it. */
function useful(kinds: readonly Kind[], machines: readonly Machine[]): readonly Machine[] {
  const sum = (of: (kind: Kind) => number) => kinds.reduce((total, kind) => total + kind.count * of(kind), 0);
  const [cpu, memory, pods] = [sum((kind) => kind.cpu), sum((kind) => kind.memory), sum(() => 1)];
  return machines.map((machine) => ({
    ...machine,
    cpu: Math.min(machine.cpu, cpu),
    memory: Math.min(machine.memory, memory),
    pods: Math.min(machine.pods, pods),
  }));
}

/** Each resource over all machines together, and a host for each lonely pod. */
function resourceOptimum(kinds: readonly Kind[], machines: readonly Machine[], lonely: number): number {
  const sum = (of: (kind: Kind) => number) => kinds.reduce((total, kind) => total + kind.count * of(kind), 0);
  const row = (of: (machine: Machine) => number, wanted: number) =>
    `${machines.map((machine, m) => `${of(machine)} n${m}`).join(' + ')} >= ${wanted}`;
  const rows = [
    row(
      (one) => one.cpu,
      sum((kind) => kind.cpu),
    ),
    row(
      (one) => one.memory,
      sum((kind) => kind.memory),
    ),
    row(
      (one) => one.pods,
      sum(() => 1),
    ),
    row(() => 1, lonely),
  ];
  return solve(machines, rows);
}

function solve(machines: readonly Machine[], rows: readonly string[]): number {
  const cost = machines.map((machine, m) => `${machine.price} n${m}`).join(' + ');
  const solution = highs.solve(`Minimize\n cost: ${cost}\nSubject To\n${rows.map((row, r) => ` r${r}: ${row}`).join('\n')}\nEnd`);
  assert.equal(solution.Status, 'Optimal');
  return solution.ObjectiveValue;
}

function linearOptimum(kinds: readonly Kind[], machines: readonly Machine[], lonely: number): number {
  const rows: string[] = [];
  const goes = (kind: Kind, machine: Machine) => kind.arch === undefined || kind.arch === machine.arch;
  for (const [k, kind] of kinds.entries())
    rows.push(`${machines.flatMap((machine, m) => (goes(kind, machine) ? [`x${k}_${m}`] : [])).join(' + ')} >= ${kind.count}`);
  for (const [m, machine] of machines.entries()) {
    const row = (of: (kind: Kind) => number, room: number) =>
      `${kinds.flatMap((kind, k) => (goes(kind, machine) ? [`${of(kind)} x${k}_${m}`] : [])).join(' + ')} - ${room} n${m} <= 0`;
    if (!kinds.some((kind) => goes(kind, machine))) continue;
    rows.push(
      row((kind) => kind.cpu, machine.cpu),
      row((kind) => kind.memory, machine.memory),
      row(() => 1, machine.pods),
    );
  }
  if (lonely > 0) rows.push(`${machines.map((_, m) => `n${m}`).join(' + ')} >= ${lonely}`);
  return solve(machines, rows);
}

/** How often to buy each filling that holds no pod more, in parts or as whole machines: in parts it is the bound that whole pods leave, by looking at every filling there is. */
function patternOptimum(kinds: readonly Kind[], machines: readonly Machine[], lonely: boolean, whole: boolean): number {
  const columns = machines.flatMap((machine) => fillings(kinds, machine, lonely).map((counts) => ({ counts, price: machine.price })));
  const cost = columns.map(({ price }, at) => `${price} n${at}`).join(' + ');
  const rows = kinds.map((kind, k) => {
    const parts = columns.flatMap(({ counts }, at) => ((counts[k] as number) > 0 ? [`${counts[k]} n${at}`] : []));
    return `r${k}: ${parts.join(' + ')} >= ${kind.count}`;
  });
  const integers = whole ? `General\n${columns.map((_, at) => `n${at}`).join(' ')}\n` : '';
  const solution = highs.solve(`Minimize\n cost: ${cost}\nSubject To\n${rows.join('\n')}\n${integers}End`);
  assert.equal(solution.Status, 'Optimal');
  return solution.ObjectiveValue;
}

function fillings(kinds: readonly Kind[], machine: Machine, lonely: boolean): readonly (readonly number[])[] {
  const found: number[][] = [];
  const extend = (at: number, counts: readonly number[], cpu: number, memory: number, pods: number) => {
    const kind = kinds[at];
    if (kind === undefined) {
      if (counts.some((count) => count > 0)) found.push([...counts]);
      return;
    }
    const own = lonely && at === 0 ? 1 : kind.count;
    const open = kind.arch === undefined || kind.arch === machine.arch ? own : 0;
    const most = Math.min(open, Math.floor(cpu / kind.cpu), Math.floor(memory / kind.memory), pods);
    // The last kind takes all it can: less would be part of that filling.
    for (let count = at === kinds.length - 1 ? most : 0; count <= most; count++)
      extend(at + 1, [...counts, count], cpu - count * kind.cpu, memory - count * kind.memory, pods - count);
  };
  extend(0, [], machine.cpu, machine.memory, machine.pods);
  return found;
}

function random(
  seed: number,
  archs: readonly string[],
  lonely: boolean,
  { most = 8, cores = [2, 4, 8, 16], cpus = [250, 500, 1000, 1500] } = {},
): { readonly kinds: readonly Kind[]; readonly machines: readonly Machine[]; readonly problem: PackingProblem } {
  const roll = dice(seed);
  const machines = Array.from({ length: 2 + roll.below(6) }, (_, index): Machine => {
    const cpu = roll.pick(cores);
    return {
      name: `m${index}`,
      cpu: cpu * 1000,
      memory: cpu * roll.pick([2, 4, 8]),
      pods: roll.pick([10, 30, 110]),
      arch: archs[index % archs.length] as string,
      price: (cpu * (30 + roll.below(40))) / 1000,
    };
  });
  const kinds = Array.from(
    { length: 1 + roll.below(most) },
    (): Kind => ({
      cpu: roll.pick(cpus),
      memory: roll.pick([1, 2, 4]),
      arch: archs.length > 1 && roll.chance(0.5) ? roll.pick(archs) : undefined,
      count: 1 + roll.below(20),
    }),
  );
  const separate = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'lonely' } } },
        ],
      },
    },
  };
  const pods = kinds.flatMap((kind, k): readonly PackingPod[] =>
    Array.from({ length: kind.count }, (_, index) =>
      pod(
        `p${k}-${index}`,
        `${kind.cpu}m`,
        `${kind.memory}Gi`,
        {
          ...(kind.arch === undefined ? {} : { nodeSelector: { 'kubernetes.io/arch': kind.arch } }),
          ...(lonely && k === 0 ? separate : {}),
        },
        { labels: { app: lonely && k === 0 ? 'lonely' : 'any' } },
      ),
    ),
  );
  const types = machines.map(
    (machine): InstanceType => ({
      name: machine.name,
      capacity: { cpu: `${machine.cpu}m`, memory: `${machine.memory}Gi`, pods: machine.pods },
      labels: { 'kubernetes.io/arch': machine.arch },
    }),
  );
  return {
    kinds,
    machines,
    problem: {
      pods,
      nodes: [],
      types,
      offerings: machines.flatMap((machine) => offer(machine.name, machine.price)),
      pools: [{ name: 'workers' }],
    },
  };
}

for (const [name, archs, lonely] of [
  ['pods that go anywhere', ['amd64'], false],
  ['some of which want hosts of their own', ['amd64'], true],
] as const) {
  test(`without effort the bound is the optimum of an independent LP: ${name}`, () => {
    for (let seed = 0; seed < 150; seed++) {
      const { kinds, machines: whole, problem } = random(seed, archs, lonely);
      const machines = useful(kinds, whole);
      const plan = planPacking({ ...problem, effort: 0 });
      const optimum = resourceOptimum(kinds, machines, lonely ? (kinds[0]?.count ?? 0) : 0);
      const finer = linearOptimum(kinds, machines, lonely ? (kinds[0]?.count ?? 0) : 0);
      assert.ok(plan.lowerBoundUsdPerHour <= finer * (1 + 1e-6) + 1e-6, `seed ${seed}: above the finer LP`);
      assert.ok(
        Math.abs(plan.lowerBoundUsdPerHour - optimum) <= 1e-5 * optimum + 1e-6,
        `seed ${seed}: ${plan.lowerBoundUsdPerHour}, LP ${optimum}`,
      );
    }
  });
}

test('without effort the bound is not above an independent LP where pods choose machines, and within 10 % of it on average', () => {
  let sum = 0;
  let count = 0;
  for (let seed = 0; seed < 200; seed++) {
    const { kinds, machines: whole, problem } = random(seed, ['amd64', 'arm64'], false);
    const machines = useful(kinds, whole);
    const plan = planPacking({ ...problem, effort: 0 });
    if (plan.unschedulable.length > 0) continue;
    const optimum = linearOptimum(kinds, machines, 0);
    assert.ok(plan.lowerBoundUsdPerHour <= optimum * (1 + 1e-6) + 1e-6, `seed ${seed}: ${plan.lowerBoundUsdPerHour} above ${optimum}`);
    sum += plan.lowerBoundUsdPerHour / optimum;
    count += 1;
  }
  assert.ok(count > 100 && sum / count > 0.9, `mean ${sum / count} over ${count}`);
});

for (const [name, archs, lonely] of [
  ['pods that go anywhere', ['amd64'], false],
  ['some of which want hosts of their own', ['amd64'], true],
  ['pods that choose machines', ['amd64', 'arm64'], false],
] as const) {
  test(`the bound sees that pods are whole: not above an LP over every filling, and hardly below it: ${name}`, () => {
    let finer = 0;
    for (let seed = 0; seed < 70; seed++) {
      const chunky = { most: 4, cores: [2, 4, 8], cpus: [700, 1100, 1500, 1900] };
      const { kinds, machines, problem } = random(seed, archs, lonely, chunky);
      const plan = planPacking(problem);
      if (plan.unschedulable.length > 0) continue;
      // Of few pods every set of whole machines is looked at.
      const optimum = patternOptimum(kinds, machines, lonely, problem.pods.length <= 16);
      const { usdPerHour, lowerBoundUsdPerHour } = plan;
      assert.ok(lowerBoundUsdPerHour <= optimum * (1 + 1e-6) + 1e-6, `seed ${seed}: ${lowerBoundUsdPerHour} above ${optimum}`);
      assert.ok(
        lowerBoundUsdPerHour >= Math.min(optimum * 0.998, usdPerHour / 1.002),
        `seed ${seed}: ${lowerBoundUsdPerHour} far below ${optimum}, plan ${usdPerHour}`,
      );
      if (lowerBoundUsdPerHour > planPacking({ ...problem, effort: 0 }).lowerBoundUsdPerHour * 1.01) finer += 1;
    }
    assert.ok(finer > 15, `only ${finer} bounds finer than the resource relaxation`);
  });
}

test('pods that want hosts of their own may find one on a node that is there', () => {
  const separate = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'lonely' } } },
        ],
      },
    },
  };
  const pods = [0, 1].map((index) => pod(`p${index}`, '1500m', '1Gi', separate, { labels: { app: 'lonely' } }));
  const others = [0, 1].map((index) => pod(`g${index}`, '1500m', '1Gi', {}, { priority: 1 }));
  const node = { name: 'n', labels: {}, allocatable: { cpu: 4, memory: '16Gi', pods: 10 }, pods: [] };
  const types: readonly InstanceType[] = [{ name: 'm', capacity: { cpu: 4, memory: '16Gi', pods: 30 }, labels: {} }];
  const plan = planPacking({ pods: [...pods, ...others], nodes: [node], types, offerings: offer('m', 0.1), pools: [{ name: 'workers' }] });
  // One lonely pod and two others on the node cost one machine: more cannot be proven.
  assert.ok(plan.lowerBoundUsdPerHour <= 0.1 + 1e-6, String(plan.lowerBoundUsdPerHour));
});

test('of few pods the bound is what the cheapest whole nodes cost', () => {
  const one = { name: 'one', capacity: { cpu: 4, memory: '16Gi', pods: 20 }, labels: {} };
  const two = { name: 'two', capacity: { cpu: 8, memory: '32Gi', pods: 20 }, labels: {} };
  const offerings = [...offer('one', 0.2), ...offer('two', 0.39)];
  const pods = Array.from({ length: 5 }, (_, index) => pod(`ns/p${index}`, '1500m', '1Gi'));
  // Five of 1500m fill one machine; seven, two of them of 3500m, would cost 0.71 if machines could be bought in parts.
  const plan = planPacking({ pods, nodes: [], types: [one, two], offerings, pools: [{ name: 'workers' }] });
  assert.ok(Math.abs(plan.usdPerHour - 0.39) < 1e-9, `${plan.usdPerHour}`);
  const seven = [...pods, pod('ns/q0', '3500m', '1Gi'), pod('ns/q1', '3500m', '1Gi')];
  for (const some of [pods, seven]) {
    const { usdPerHour, lowerBoundUsdPerHour } = planPacking({
      pods: some,
      nodes: [],
      types: [one, two],
      offerings,
      pools: [{ name: 'workers' }],
    });
    assert.ok(
      lowerBoundUsdPerHour <= usdPerHour && lowerBoundUsdPerHour > usdPerHour * (1 - 1e-6),
      `${lowerBoundUsdPerHour} of ${usdPerHour}`,
    );
  }
});
