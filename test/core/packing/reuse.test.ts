import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { PackingNode, PackingPlan, PackingPod, PackingProblem } from '../../../src/core/packing/problem.ts';
import { missedShares, violations } from './checker.ts';
import { dice, randomProblem, withRareRules } from './random-problem.ts';

type Dice = ReturnType<typeof dice>;

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

/** A cluster that lives: what a watch would tell between two looks. Objects that nothing happened to stay the same objects. */
function change(roll: Dice, problem: PackingProblem, step: number): PackingProblem {
  const at = roll.below(Math.max(1, problem.nodes.length));
  const one = problem.nodes[at];
  const replaced = (next: PackingNode) => ({ ...problem, nodes: problem.nodes.map((node, index) => (index === at ? next : node)) });
  const other = problem.pods[roll.below(problem.pods.length)] as PackingPod;
  const fresh = `later-${step}-${roll.below(1e9)}`;
  const arrived: PackingPod = { ...other, key: `ns/${fresh}`, ...(roll.chance(0.3) ? { terminating: true } : {}) };
  switch (roll.below(13)) {
    case 0:
      return { ...problem, nodes: problem.nodes.filter((node) => node !== one) };
    case 1: {
      const model = one ?? randomProblem(step, { pods: 4, types: 2, nodes: 6 }).nodes[0];
      if (model === undefined) return problem;
      const name = fresh;
      const born = { ...model, name, labels: { ...model.labels, 'kubernetes.io/hostname': name }, pods: [] };
      return { ...problem, nodes: [...problem.nodes.slice(0, at), born, ...problem.nodes.slice(at)] };
    }
    case 2:
      return { ...problem, nodes: problem.nodes.toReversed() };
    case 3:
      return { ...problem, pods: problem.pods.filter((pod) => pod === problem.pods[0] || roll.chance(0.8)) };
    case 4:
      return { ...problem, unavailable: [...(problem.unavailable ?? []), { zone: roll.pick(['a', 'b', 'c']), capacityType: 'spot' }] };
    case 5:
      return one === undefined ? problem : replaced({ ...one, pods: [...one.pods, arrived] });
    case 6:
      return one === undefined ? problem : replaced({ ...one, pods: one.pods.slice(1), launching: !one.launching });
    case 7:
      return one === undefined ? problem : replaced({ ...one, unschedulable: !one.unschedulable });
    case 8:
      return one === undefined
        ? problem
        : replaced({ ...one, taints: roll.chance(0.5) ? [] : [{ key: 'team', value: 'red', effect: roll.pick(effects) }] });
    case 9: {
      // A new catalog: prices moved, a type less, one that is smaller.
      const types = problem.types.slice(problem.types.length > 2 && roll.chance(0.3) ? 1 : 0);
      const [first, ...others] = types;
      const shrunk = first === undefined ? types : [{ ...first, reserved: { cpu: '500m' } }, ...others];
      const isSold = (name: string) => types.some((type) => type.name === name);
      const sold = problem.offerings.filter(({ instanceType }) => isSold(instanceType));
      return {
        ...problem,
        types: roll.chance(0.3) ? shrunk : types,
        offerings: sold.map((one) => (roll.chance(0.3) ? { ...one, usdPerHour: one.usdPerHour * (0.5 + roll.below(3)) } : one)),
      };
    }
    case 10: {
      const [pool, ...others] = problem.pools;
      if (pool === undefined) return problem;
      const labels = { ...pool.labels, tier: roll.pick(['gold', 'silver']) };
      const taints = roll.chance(0.3) ? [{ key: 'team', value: 'red', effect: roll.pick(effects) }] : [];
      return { ...problem, pools: roll.chance(0.3) ? [...others, { ...pool, labels, taints }] : [{ ...pool, labels }, ...others] };
    }
    case 11:
      return { ...problem, daemons: (problem.daemons ?? []).slice(1) };
    default:
      return one === undefined
        ? problem
        : replaced({ ...one, labels: { ...one.labels, 'topology.kubernetes.io/zone': roll.pick(['a', 'b', 'c']) } });
  }
}

test('with and without what was kept from earlier plans the plan is the same, over random sequences of changes', () => {
  let onNodes = 0;
  let launched = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const roll = dice(seed);
      let problem = withRareRules(randomProblem(seed, { pods: 16, types: 5, nodes: 8 }), seed);
      for (let step = 0; step < 10; step++) {
        const plan = planPacking(problem);
        // Copies are new objects all through: nothing is known of them.
        assert.deepEqual(plan, planPacking(structuredClone(problem)), `step ${step}`);
        assert.deepEqual(violations(problem, plan), []);
        onNodes += plan.assignments.length;
        launched += plan.newNodes.length;
        for (let changes = 1 + roll.below(3); changes > 0; changes--) problem = change(roll, problem, step);
      }
    }),
    { seed: 11, numRuns: 120, endOnFailure: true },
  );
  assert.ok(onNodes > 2500 && launched > 1000, `too little happened: ${onNodes} pods onto nodes, ${launched} nodes launched`);
});

test('a plan leaves nothing behind in what the next one reads', () => {
  const problem = withRareRules(randomProblem(3, { pods: 16, types: 5, nodes: 8 }), 3);
  const first = planPacking(problem);
  assert.ok(first.assignments.length > 0, 'nothing was placed on nodes');
  for (let again = 0; again < 3; again++) assert.deepEqual(planPacking(problem), first);
});

test('kinds of pods and hosts that are gone are forgotten in time, and the plan is the same', () => {
  const base = randomProblem(5, { pods: 6, types: 3, nodes: 0 });
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule' as const,
    labelSelector: { matchLabels: { app: 'a' } },
  };
  const pending: PackingPod[] = Array.from({ length: 4 }, (_, index) => ({
    key: `ns/p${index}`,
    namespace: 'ns',
    labels: { app: 'a' },
    spec: { containers: [{ resources: { requests: { cpu: '1' } } }], topologySpreadConstraints: [spread] },
  }));
  for (let day = 0; day < 6; day++) {
    const nodes = Array.from({ length: 400 }, (_, index): PackingNode => {
      const name = `host-${day}-${index}`;
      const labels = { app: index % 2 === 0 ? 'a' : 'b', generation: name };
      const pods = [{ key: `ns/${name}`, namespace: 'ns', labels, spec: { containers: [{ resources: { requests: { cpu: '1' } } }] } }];
      return { name, labels: { 'kubernetes.io/hostname': name }, allocatable: { cpu: 2, memory: '4Gi', pods: 10 }, pods };
    });
    const problem = { ...base, pods: pending, gangs: [], nodes };
    assert.deepEqual(planPacking(problem), planPacking(structuredClone(problem)));
  }
});

test('a plan that may use running nodes is never worse than one that only launches: pods by priority, spot share, dollars', () => {
  let cheaper = 0;
  let compared = 0;
  const random = (pods: number, nodes: number, numRuns: number) =>
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const problem = withRareRules(randomProblem(seed, { pods, types: 5, nodes }), seed);
        // Full, not cordoned: what runs there is counted by spread as before.
        const full = problem.nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, pods: node.pods.length } }));
        const alone = planPacking({ ...problem, nodes: full });
        const plan = planPacking(problem);
        const [left, leftAlone] = [leftByPriority(problem, plan), leftByPriority(problem, alone)];
        assert.deepEqual(onceMore(problem, plan), [], 'found a place, or saved a node, on nodes that are there');
        const differs = left.findIndex((count, at) => count !== leftAlone[at]);
        assert.ok(
          differs < 0 || (left[differs] as number) < (leftAlone[differs] as number),
          `left ${left.join()}, and alone ${leftAlone.join()}`,
        );
        if (differs >= 0 || missedShares(problem, alone).length > 0) return;
        assert.deepEqual(missedShares(problem, plan), []);
        assert.ok(plan.usdPerHour <= alone.usdPerHour + 1e-9, `${plan.usdPerHour} with nodes, ${alone.usdPerHour} without`);
        compared += 1;
        if (plan.usdPerHour < alone.usdPerHour) cheaper += 1;
      }),
      { seed: 12, numRuns, endOnFailure: true },
    );
  random(10, 4, 600);
  random(16, 8, 400);
  random(40, 12, 60);
  assert.ok(cheaper > 300, `running nodes saved something in ${cheaper} of ${compared} problems`);
});

/** Pods that are left though a node that is there would take them as the plan leaves it, and new nodes whose pods would all go onto one that is there. */
function onceMore(problem: PackingProblem, plan: PackingPlan): readonly string[] {
  const podOf = new Map(problem.pods.map((pod) => [pod.key, pod]));
  const moved = (keys: readonly string[], node: string): PackingPlan => ({
    ...plan,
    assignments: [...plan.assignments, ...keys.map((pod) => ({ pod, node }))],
    newNodes: plan.newNodes.filter(({ pods }) => !pods.some((pod) => keys.includes(pod))),
    unschedulable: plan.unschedulable.filter(({ pod }) => !keys.includes(pod)),
    order: [...plan.order.filter((pod) => !keys.includes(pod)), ...keys],
    usdPerHour: plan.newNodes.reduce((sum, { pods, usdPerHour }) => sum + (pods.some((pod) => keys.includes(pod)) ? 0 : usdPerHour), 0),
    lowerBoundUsdPerHour: 0,
  });
  // Preferences are worth a node; gangs move as a whole; of hosts spread takes one for empty that could be launched.
  const prefers = (pod: PackingPod | undefined) => /preferred|topologySpread/.test(JSON.stringify(pod?.spec));
  const isFree = (keys: readonly string[]) =>
    keys.length > 0 && keys.every((key) => podOf.get(key)?.gang === undefined && !prefers(podOf.get(key)));
  const nodes = problem.nodes.filter(({ taints = [] }) => !taints.some(({ effect }) => effect === 'PreferNoSchedule'));
  const sets = [...plan.unschedulable.map(({ pod }) => [pod]), ...plan.newNodes.map(({ pods }) => pods)].filter(isFree);
  const isBetter = (other: PackingPlan) =>
    violations(problem, other).length === 0 && missedShares(problem, other).length <= missedShares(problem, plan).length;
  return sets.flatMap((keys) => nodes.flatMap(({ name }) => (isBetter(moved(keys, name)) ? [`${keys.join()} on ${name}`] : [])));
}

/** How many pods of each priority are left, the highest first. */
function leftByPriority(problem: PackingProblem, plan: PackingPlan): readonly number[] {
  const priorityOf = new Map(problem.pods.map((pod) => [pod.key, pod.priority ?? 0]));
  const priorities = [...new Set(priorityOf.values())].sort((one, other) => other - one);
  return priorities.map((priority) => plan.unschedulable.filter(({ pod }) => priorityOf.get(pod) === priority).length);
}

test('many small pods rather than a large one that keeps them away; what only launches leave over goes onto nodes that are there', () => {
  const zone = 'topology.kubernetes.io/zone';
  const pod = (name: string, cpu: number, more: Partial<PackingPod['spec']> = {}, labels = {}): PackingPod => ({
    key: `ns/${name}`,
    namespace: 'ns',
    labels,
    spec: { containers: [{ resources: { requests: { cpu, memory: '128Mi' } } }], ...more },
  });
  const app = { app: 'one' };
  const apart = [{ topologyKey: zone, labelSelector: { matchLabels: app } }];
  const large = [0, 1].map((index) =>
    pod(`large-${index}`, 3, { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: apart } } }, app),
  );
  const small = [0, 1, 2, 3, 4, 5].map((index) => pod(`small-${index}`, 1, {}, app));
  const node: PackingNode = {
    name: 'idle',
    labels: { 'kubernetes.io/hostname': 'idle', [zone]: 'a' },
    allocatable: { cpu: 8, memory: '64Gi', pods: 110 },
    pods: [],
    pool: 'workers',
  };
  const problem: PackingProblem = {
    pods: [...large, ...small, pod('other', 2.5)],
    nodes: [node],
    types: [{ name: 't8', capacity: { cpu: 8, memory: '32Gi', pods: 110 }, labels: {} }],
    offerings: [{ instanceType: 't8', zone: 'a', capacityType: 'on-demand', usdPerHour: 0.4 }],
    pools: [{ name: 'workers', limits: { nodes: 2 } }],
    gangs: [],
  };
  const plan = planPacking(problem);
  assert.deepEqual(violations(problem, plan), []);
  assert.deepEqual(plan.unschedulable.map((one) => one.pod).sort(), ['ns/large-0', 'ns/large-1']);
  assert.equal(plan.usdPerHour, 0.4);
});
