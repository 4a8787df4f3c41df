import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { Offering, PackingPlan, PackingPod, PackingPool, PackingProblem } from '../../../src/core/packing/problem.ts';
import { cheapestSet } from './brute-force.ts';
import { violations } from './checker.ts';
import { instanceType, offer, pod, problem, ZONES } from './fixtures.ts';
import { amountsOnly, dice, randomProblem } from './random-problem.ts';

/* Where limits bind, a pool wants a choice of machines, or a share of spot: as many pods as there is room for, and hardly more dollars. */

/** Few pods of two priorities and amounts only, under a limit that some of them may not fit under. */
function scarce(seed: number): PackingProblem {
  const roll = dice(seed ^ 0x11a1);
  const all = amountsOnly(randomProblem(seed, { pods: 5, types: 3, nodes: 0 }));
  const limits = roll.pick([
    { nodes: 1 + roll.below(3) },
    { vcpus: 2 + roll.below(10) },
    { usdPerHour: 0.1 + roll.below(8) / 10 },
    { nodes: 2, usdPerHour: 0.2 + roll.below(5) / 10 },
  ]);
  const kept = Object.fromEntries(Object.entries(all).filter(([key]) => key !== 'daemons' && key !== 'limits'));
  return { ...(kept as PackingProblem), nodes: [], pods: all.pods.map((one) => ({ ...one, priority: roll.below(2) })), limits };
}

/** The most of these pods that up to three nodes hold within the limits. */
function mostOf(input: PackingProblem, pods: readonly PackingPod[]): number {
  for (let most = pods.length; most > 0; most--)
    if (subsets(pods, most).some((some) => cheapestSet({ ...input, pods: some }, 3) !== undefined)) return most;
  return 0;
}

function subsets<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]];
  return all.flatMap((first, at) => subsets(all.slice(at + 1), size - 1).map((rest) => [first, ...rest]));
}

test('under limits as many pods of the highest priority are placed as brute force can, and all of them at hardly more dollars', () => {
  let short = 0;
  let paid = 0;
  let least = 0;
  for (let seed = 0; seed < 250; seed++) {
    const input = scarce(seed);
    const plan = planPacking(input);
    assert.deepEqual(violations(input, plan), [], `seed ${seed}`);
    const highest = Math.max(...input.pods.map(({ priority = 0 }) => priority));
    const top = input.pods.filter(({ priority }) => priority === highest);
    const placed = top.filter(({ key }) => plan.order.includes(key)).length;
    assert.ok(placed >= mostOf(input, top), `seed ${seed}: ${placed} of ${top.length} placed`);
    const best = cheapestSet(input, 3);
    if (best === undefined) {
      short += 1;
      continue;
    }
    assert.deepEqual(plan.unschedulable, [], `seed ${seed}`);
    assert.ok(plan.lowerBoundUsdPerHour <= best.usdPerHour + 1e-6, `seed ${seed}: bound ${plan.lowerBoundUsdPerHour}`);
    paid += plan.usdPerHour;
    least += best.usdPerHour;
  }
  assert.ok(short > 50 && short < 200, `${short} where not all can be placed`);
  assert.ok(paid <= least * 1.02, `${paid} paid, ${least} by brute force`);
});

const TYPES = ['a', 'b', 'c'].flatMap((family) =>
  [2, 4, 8, 16, 32].map((cpu) => instanceType(`${family}.${cpu}`, cpu, `${cpu * (family === 'c' ? 8 : 4)}Gi`, { family }, 12 * cpu)),
);

/** Families cost a bit more one than the other; spot a third, by type and zone. */
const SOLD: readonly Offering[] = TYPES.flatMap((type, index) =>
  ZONES.flatMap((zone, at): readonly Offering[] => {
    const usdPerHour = Number(type.capacity['cpu']) * (type.name.startsWith('c') ? 0.06 : 0.05) * (type.name.startsWith('b') ? 1.02 : 1);
    const spot = {
      instanceType: type.name,
      zone,
      capacityType: 'spot',
      usdPerHour: usdPerHour * (0.3 + ((7 * index + 3 * at) % 10) / 100),
    } as const;
    return [{ instanceType: type.name, zone, capacityType: 'on-demand', usdPerHour }, spot];
  }),
);
const ON_DEMAND = SOLD.filter(({ capacityType }) => capacityType === 'on-demand');

function many(count: number, seed: number): readonly PackingPod[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_, index) =>
    pod(`p${index}`, roll.pick(['250m', '500m', '1', '1500m']), roll.pick(['512Mi', '1Gi', '3Gi', '6Gi']), {}, { priority: roll.below(2) }),
  );
}

function planned(part: Partial<PackingProblem>): PackingPlan {
  const input = problem({ types: TYPES, offerings: ON_DEMAND, ...part });
  const plan = planPacking(input);
  assert.deepEqual(violations(input, plan), []);
  return plan;
}

function vcpusOf(plan: PackingPlan, of = (_node: PackingPlan['newNodes'][number]) => true): number {
  return plan.newNodes.filter(of).reduce((sum, { instanceType: name }) => sum + Number(name.split('.')[1]), 0);
}

test('fewer and larger nodes where a limit asks for them, at hardly more dollars', () => {
  const pods = many(300, 1);
  const free = planned({ pods });
  for (const share of [0.9, 0.6, 0.3]) {
    const nodes = Math.max(8, Math.floor(free.newNodes.length * share));
    const plan = planned({ pods, limits: { nodes } });
    assert.deepEqual(plan.unschedulable, []);
    assert.ok(plan.usdPerHour <= free.usdPerHour * 1.03, `${nodes} nodes: ${plan.usdPerHour}, free ${free.usdPerHour}`);
  }
});

test('dollars that do not suffice go to the higher priority, and then to as many of the lower as there can be', () => {
  const pods = many(300, 2);
  const free = planned({ pods });
  const high = planned({ pods: pods.filter(({ priority }) => priority === 1) });
  const plan = planned({ pods, limits: { usdPerHour: high.usdPerHour * 1.2 } });
  const placed = pods.filter(({ key }) => plan.order.includes(key));
  assert.equal(placed.filter(({ priority }) => priority === 1).length, pods.filter(({ priority }) => priority === 1).length);
  // The pods that are left are the dear ones: a fifth of the dollars more is good for more than a fifth of them.
  assert.ok(placed.length >= 1.3 * high.order.length, `${placed.length} placed at ${plan.usdPerHour} of ${free.usdPerHour}`);
});

test('no gang is placed in part, and a gang of a higher priority goes before pods of a lower', () => {
  const roll = dice(3);
  const pods = many(200, 3).map((one, index) => ({
    ...one,
    priority: index < 40 ? 1 : 0,
    ...(index < 120 ? { gang: `g${index >> 3}` } : {}),
  }));
  const free = planned({ pods });
  for (let round = 0; round < 4; round++) {
    const plan = planned({ pods, limits: { usdPerHour: free.usdPerHour * (0.3 + roll.below(6) / 10) } });
    assert.ok(pods.slice(0, 40).every(({ key }) => plan.order.includes(key)));
  }
});

test('minValues costs nothing where machines of as many families are as large', () => {
  const pods = many(200, 4);
  const free = planned({ pods, offerings: ON_DEMAND.filter(({ instanceType: name }) => !name.startsWith('c')) });
  for (const [key, minValues] of [
    ['family', 2],
    ['node.kubernetes.io/instance-type', 3],
  ] as const) {
    const pools: readonly PackingPool[] = [{ name: 'workers', requirements: [{ key, operator: 'Exists', minValues }] }];
    const plan = planned({ pods, pools });
    assert.deepEqual(plan.unschedulable, []);
    assert.ok(plan.usdPerHour <= free.usdPerHour * 1.02, `${key}: ${plan.usdPerHour}, free ${free.usdPerHour}`);
  }
});

test('the spot share is kept to one node, and is bought where spot is cheapest', () => {
  const pods = many(300, 5);
  const only = (type: string) => planned({ pods, offerings: SOLD.filter(({ capacityType }) => capacityType === type) }).usdPerHour;
  const [spotOnly, onDemandOnly] = [only('spot'), only('on-demand')];
  for (const spotPercent of [0, 30, 50, 80, 100]) {
    const plan = planned({ pods, offerings: SOLD, pools: [{ name: 'workers', spotPercent }] });
    assert.deepEqual(plan.unschedulable, []);
    const off = vcpusOf(plan, ({ capacityType }) => capacityType === 'spot') - (vcpusOf(plan) * spotPercent) / 100;
    const largest = Math.max(...plan.newNodes.map(({ instanceType: name }) => Number(name.split('.')[1])));
    assert.ok(Math.abs(off) <= largest, `${spotPercent} %: ${off} vCPUs off, largest ${largest}`);
    const mixed = (spotOnly * spotPercent + onDemandOnly * (100 - spotPercent)) / 100;
    assert.ok(plan.usdPerHour <= mixed * 1.03, `${spotPercent} %: ${plan.usdPerHour}, mixed ${mixed}`);
  }
});

test('a pool that comes first is filled to its limit, and the rest goes to the next', () => {
  const pods = many(300, 6);
  const pools = [{ name: 'first', weight: 10, limits: { vcpus: 64 } }, { name: 'then' }];
  const plan = planned({ pods, pools });
  assert.deepEqual(plan.unschedulable, []);
  assert.ok(vcpusOf(plan, ({ pool }) => pool === 'first') >= 60);
  assert.ok(plan.usdPerHour <= planned({ pods }).usdPerHour * 1.03);
});

test('a limit on memory is kept: machines with less of it are taken where it would be passed', () => {
  const types = [instanceType('wide', 4, '32Gi'), instanceType('lean', 4, '8Gi')];
  const offerings = [...offer('wide', 0.1), ...offer('lean', 0.12)];
  const pods = Array.from({ length: 16 }, (_, index) => pod(`p-${index}`, 1, '1Gi'));
  const bought = (memoryGiB: number) => {
    const plan = planPacking(problem({ pods, types, offerings, pools: [{ name: 'workers', limits: { memoryGiB } }] }));
    assert.ok(plan.newNodes.reduce((sum, { instanceType: name }) => sum + (name === 'wide' ? 32 : 8), 0) <= memoryGiB);
    return [plan.newNodes.filter(({ instanceType: name }) => name === 'wide').length, plan.newNodes.length, plan.unschedulable.length];
  };
  assert.deepEqual(bought(128), [4, 4, 0]);
  assert.deepEqual(bought(64), [1, 4, 0]);
  assert.deepEqual(bought(40), [0, 4, 0]);
  assert.deepEqual(bought(16), [0, 2, 8]);
  const [left] = planPacking(problem({ pods, types, offerings, limits: { memoryGiB: 8 } })).unschedulable;
  assert.match(left?.nearest?.excludedBy ?? '', /the limit of 8 GiB of memory would be exceeded: 8 in use, (16|40) with this node/);
});

test('few pods keep the spot share to one node, too, whatever it costs', () => {
  for (const spotPercent of [20, 50, 80]) {
    for (const [seed, count] of [
      [1, 12],
      [2, 25],
      [3, 40],
    ] as const) {
      const plan = planned({ pods: many(count, seed), offerings: SOLD, pools: [{ name: 'workers', spotPercent }] });
      assert.deepEqual(plan.unschedulable, []);
      const off = vcpusOf(plan, ({ capacityType }) => capacityType === 'spot') - (vcpusOf(plan) * spotPercent) / 100;
      const largest = Math.max(...plan.newNodes.map(({ instanceType: name }) => Number(name.split('.')[1])));
      assert.ok(Math.abs(off) <= largest, `${count} pods, ${spotPercent} %: ${off} vCPUs off, largest ${largest}`);
    }
  }
});
