import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CatalogType, parseCatalog } from '../../../src/core/packing/catalog.ts';
import { planPacking } from '../../../src/core/packing/plan.ts';
import type { InstanceType, PackingPlan, PackingPod } from '../../../src/core/packing/problem.ts';
import { instanceType, offer, pod, problem } from './fixtures.ts';
import { dice } from './random-problem.ts';

/*
 * Catalogs in which the resource relaxation has plenty of what single nodes run out of: one kind of machine with cpu and memory nearly in
 * balance, a small cheap one beside a dear one, accelerators that come with more of everything than their pods ask for. Ratios without the
 * weights of each machine's own fillings: 1.31, 1.18 and 1.31.
 */
type Machine = { readonly type: InstanceType; readonly usdPerHour: number };
const machine = (name: string, cpu: number, memory: string, pods: number, usdPerHour: number): Machine => ({
  type: instanceType(name, cpu, memory, {}, pods),
  usdPerHour,
});

function planOn(machines: readonly Machine[], pods: readonly PackingPod[]): PackingPlan {
  const plan = planPacking(
    problem({
      pods,
      types: machines.map(({ type }) => type),
      offerings: machines.flatMap(({ type, usdPerHour }) => offer(type.name, usdPerHour)),
    }),
  );
  assert.deepEqual(plan.unschedulable, []);
  return plan;
}

function generic(count: number, seed: number): readonly PackingPod[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_, index) =>
    pod(`ns/p${index}`, `${roll.pick([100, 250, 500, 1000, 1500])}m`, `${roll.pick([100, 256, 512, 1024, 2048, 4096])}Mi`),
  );
}

const ROWS: readonly (readonly [string, readonly Machine[], readonly PackingPod[], number])[] = [
  ['one kind of machine', [machine('c.2xlarge', 8, '16Gi', 118, 0.54432)], generic(1000, 1), 1.02],
  [
    'small machines that hold few pods, and dearer ones that hold more',
    [machine('c.large', 2, '4Gi', 29, 0.08479), machine('d.2xlarge', 8, '16Gi', 58, 0.4032)],
    generic(1000, 2),
    1.05,
  ],
];
for (const [name, machines, pods, most] of ROWS) {
  test(`within ${most} of the bound: ${name}`, () => {
    const { gap } = planOn(machines, pods);
    assert.ok(1 + gap <= most, `${1 + gap}`);
  });
}

function soldOnEc2(accept: (type: CatalogType) => boolean) {
  const file = new URL('../../../data/ec2-us-east-1.json', import.meta.url);
  const catalog = parseCatalog(readFileSync(file, 'utf8'), { accept });
  assert.ok(catalog.ok);
  const { types, offerings } = catalog.value;
  return { types, offerings };
}

test('few large machines that hold two sizes are packed anew together: within 2 % of the bound', () => {
  const alike = (count: number, key: string, cpu: string, memory: string) =>
    Array.from({ length: count }, (_, index) => pod(`ns/${key}${index}`, cpu, memory));
  const sold = soldOnEc2(({ name, arch, bareMetal }) => /^[cmr][3-9]/.test(name) && arch.includes('x86_64') && !bareMetal);
  const { gap, unschedulable } = planPacking(
    problem({ pods: [...alike(270, 'a', '200m', '1Gi'), ...alike(30, 'b', '2500m', '6Gi')], ...sold }),
  );
  assert.deepEqual(unschedulable, []);
  assert.ok(gap <= 0.02, `${1 + gap}`);
});

test('the bound sees that accelerators are whole: within 1 % of the plan, on all of EC2', () => {
  const roll = dice(4);
  const pods = Array.from({ length: 300 }, (_, index) => {
    const one = pod(`ns/p${index}`, roll.pick([1, 2, 4, 8]), roll.pick(['4Gi', '8Gi', '16Gi', '32Gi']));
    if (roll.chance(0.4)) return one;
    const limits = { 'nvidia.com/gpu': roll.pick([1, 1, 1, 2, 4]) };
    return { ...one, spec: { containers: one.spec.containers.map(({ resources }) => ({ resources: { ...resources, limits } })) } };
  });
  const { gap, unschedulable } = planPacking(problem({ pods, ...soldOnEc2(() => true) }));
  assert.deepEqual(unschedulable, []);
  assert.ok(gap <= 0.01, `${1 + gap}`);
});
