/**
 * Dollars and pods where limits bind: of nodes, of vCPUs, of dollars, of pools; with minValues and with a spot share. Against an integer
 * program that counts room over all machines together. `node bench/packing/limits.ts CATALOG MIX_DIRECTORY [word of a case,word]`
 */
import { readFileSync } from 'node:fs';
import { planPacking } from '../../src/core/packing/plan.ts';
import type { Offering, PackingPlan, PackingPod, PackingProblem } from '../../src/core/packing/problem.ts';
import { type Kind, type Machine, type Reference, type Rule, reference } from './limits-mip.ts';
import { catalogOf, isCmr, type Mix, mixPods, problemOf } from './mixes.ts';

const [catalogFile = '../shared/data/ec2-us-east-1.json', directory = '../shared/data/packing', only] = process.argv.slice(2);
const CMR = catalogOf(catalogFile, isCmr);

function randomOf(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * bound);
  };
}

/** Spot at 30 to 40 % of the price, by type and zone; a tenth of them not for sale. */
function spotOf(offerings: readonly Offering[], seed: number): readonly Offering[] {
  const below = randomOf(seed);
  return offerings.flatMap((offering): readonly Offering[] => {
    const share = 0.3 + below(100) / 1000;
    return below(10) === 0 ? [] : [{ ...offering, capacityType: 'spot', usdPerHour: Math.round(offering.usdPerHour * share * 1e5) / 1e5 }];
  });
}

function mix(name: string, count = Number.POSITIVE_INFINITY): readonly PackingPod[] {
  const { pods } = JSON.parse(readFileSync(`${directory}/${name}.json`, 'utf8')) as Mix;
  const step = Math.max(1, Math.floor(pods.length / count));
  return mixPods({ pods: pods.filter((_, index) => index % step === 0).slice(0, count) });
}

type Case = { readonly name: string; readonly problem: PackingProblem; readonly rules: readonly Rule[] };
type Use = { readonly nodes: number; readonly vcpus: number; readonly usdPerHour: number };

const cpus = new Map(CMR.types.map((type) => [type.name, Number(type.capacity['cpu'])]));

function useOf({ newNodes, usdPerHour }: PackingPlan): Use {
  return { nodes: newNodes.length, vcpus: newNodes.reduce((sum, node) => sum + (cpus.get(node.instanceType) ?? 0), 0), usdPerHour };
}

/** The same pods under limits at parts of what their plan without limits uses. */
function limited(
  name: string,
  pods: readonly PackingPod[],
  of: (use: Use) => readonly NonNullable<PackingProblem['limits']>[],
): readonly Case[] {
  const problem = problemOf(pods, CMR);
  return of(useOf(planPacking(problem))).map((limits) => {
    const shown = Object.entries(limits).map(([key, value]) => `${key} ${Number(value).toFixed(key === 'usdPerHour' ? 2 : 0)}`);
    return { name: `${name}, ${shown.join(' ')}`, problem: { ...problem, limits }, rules: [limits] };
  });
}

const parts = (whole: number, shares: readonly number[]) => shares.map((share) => Math.max(1, Math.floor(whole * share)));
const ranked = (pods: readonly PackingPod[], levels: number, seed: number) => {
  const below = randomOf(seed);
  return pods.map((pod) => ({ ...pod, priority: below(levels) }));
};
/** Gangs of five to forty, among pods that are alone. */
function ganged(pods: readonly PackingPod[], seed: number): readonly PackingPod[] {
  const below = randomOf(seed);
  let gang = 0;
  let rest = 0;
  return pods.map((pod) => {
    if (rest-- > 0) return gang % 3 === 0 ? pod : { ...pod, gang: `gang-${gang}`, priority: gang % 2 };
    gang += 1;
    rest = 5 + below(36);
    return pod;
  });
}

function flexible(name: string, pods: readonly PackingPod[], minValues: Readonly<Record<string, number>>): Case {
  const requirements = Object.entries(minValues).map(([key, least]) => ({ key, operator: 'Exists' as const, minValues: least }));
  const shown = Object.entries(minValues).map(([key, least]) => `${key.split('/')[1]} ${least}`);
  return {
    name: `${name}, minValues ${shown.join(' ')}`,
    problem: { ...problemOf(pods, CMR), pools: [{ name: 'workers', requirements }] },
    rules: [],
  };
}

function shared(name: string, pods: readonly PackingPod[], pools: PackingProblem['pools']): Case {
  const offerings = [...CMR.offerings, ...spotOf(CMR.offerings, 99)];
  const rules = pools.map(
    ({ name: pool, limits = {}, spotPercent }): Rule => ({ pool, ...limits, ...(spotPercent === undefined ? {} : { spotPercent }) }),
  );
  return { name, problem: { ...problemOf(pods, CMR), offerings, pools }, rules };
}

const FAMILY = 'karpenter.k8s.aws/instance-family';
const TYPE = 'node.kubernetes.io/instance-type';
const CATEGORY = 'karpenter.k8s.aws/instance-category';

function* cases(): Iterable<() => readonly Case[]> {
  for (const [name, count] of [
    ['generic-1000', 1000],
    ['generic-1000', 100],
    ['bimodal-1000', 1000],
    ['diverse-1000', 1000],
    ['diverse-100', 100],
    ['spark-40', 851],
  ] as const) {
    const title = `${name} (${count})`;
    yield () =>
      limited(`nodes: ${title}`, mix(name, count), ({ nodes }) => parts(nodes, [0.95, 0.7, 0.4, 0.15]).map((most) => ({ nodes: most })));
    yield () =>
      limited(`vcpus: ${title}`, mix(name, count), ({ vcpus }) => parts(vcpus, [1.02, 0.99, 0.96, 0.8]).map((most) => ({ vcpus: most })));
    yield () =>
      limited(`dollars: ${title}, 3 priorities`, ranked(mix(name, count), 3, 5), ({ usdPerHour }) =>
        [1.001, 0.9, 0.6, 0.2].map((share) => ({ usdPerHour: usdPerHour * share })),
      );
    yield () =>
      limited(`gangs: ${title}`, ganged(mix(name, count), 7), ({ usdPerHour }) =>
        [0.9, 0.5].map((share) => ({ usdPerHour: usdPerHour * share })),
      );
    yield () => [
      flexible(`minValues: ${title}`, mix(name, count), { [FAMILY]: 3 }),
      flexible(`minValues: ${title}`, mix(name, count), { [TYPE]: 5 }),
      flexible(`minValues: ${title}`, mix(name, count), { [CATEGORY]: 2, [FAMILY]: 5 }),
    ];
    yield () =>
      [0, 50, 80, 100].map((spotPercent) =>
        shared(`share: ${title}, spot ${spotPercent} %`, mix(name, count), [{ name: 'workers', spotPercent }]),
      );
    yield () => [
      shared(`pools: ${title}, a share and a limit`, mix(name, count), [
        { name: 'few', limits: { vcpus: count / 10 } },
        { name: 'many', spotPercent: 50 },
      ]),
      shared(`pools: ${title}, weights`, mix(name, count), [
        { name: 'first', weight: 10, limits: { vcpus: Math.round(count / 4) } },
        { name: 'then', spotPercent: 80 },
      ]),
    ];
  }
}

function kindsOf(pods: readonly PackingPod[]): readonly Kind[] {
  const kinds = new Map<string, Kind>();
  for (const { spec, priority = 0 } of pods) {
    const { cpu = 0, memory = 0 } = spec.containers[0]?.resources?.requests ?? {};
    const key = `${cpu} ${memory} ${priority}`;
    kinds.set(key, {
      cpu: Number.parseInt(String(cpu), 10),
      memory: Number.parseInt(String(memory), 10),
      priority,
      count: 1 + (kinds.get(key)?.count ?? 0),
    });
  }
  return [...kinds.values()];
}

function machinesOf({ types, offerings, pools }: PackingProblem): readonly Machine[] {
  const byName = new Map(types.map((type) => [type.name, type]));
  return pools.flatMap(({ name: pool }) =>
    offerings.map(({ instanceType, usdPerHour, capacityType }): Machine => {
      const { capacity } = byName.get(instanceType) as (typeof types)[number];
      return {
        cpu: Number(capacity['cpu']) * 1000,
        memory: Number.parseInt(String(capacity['memory']), 10),
        pods: Number(capacity['pods']),
        usdPerHour,
        pool,
        spot: capacityType === 'spot',
      };
    }),
  );
}

function spotShares({ newNodes }: PackingPlan, { pools }: PackingProblem): string {
  return pools
    .filter(({ spotPercent }) => spotPercent !== undefined)
    .map(({ name, spotPercent = 0 }) => {
      const own = newNodes
        .filter(({ pool }) => pool === name)
        .map(({ instanceType, capacityType }) => ({ vcpus: cpus.get(instanceType) ?? 0, spot: capacityType === 'spot' }));
      const all = own.reduce((sum, { vcpus }) => sum + vcpus, 0);
      const spot = own.reduce((sum, { vcpus, spot }) => sum + (spot ? vcpus : 0), 0);
      const off = spot - (all * spotPercent) / 100;
      return `; ${name}: ${spot} of ${all} vCPUs spot, ${off.toFixed(1)} off, largest ${Math.max(0, ...own.map(({ vcpus }) => vcpus))}`;
    })
    .join('');
}

function line({ name, problem }: Case, plan: PackingPlan, best: Reference, seconds: number): string {
  const levels = [...best.placed.keys()].map((priority) => {
    const all = problem.pods.filter((pod) => (pod.priority ?? 0) === priority).length;
    const keys = new Set(plan.order);
    const placed = problem.pods.filter((pod) => (pod.priority ?? 0) === priority && keys.has(pod.key)).length;
    return `${placed}/${best.placed.get(priority)} of ${all}`;
  });
  return `${name}: pods ${levels.join(', ')}; ${plan.usdPerHour.toFixed(3)} USD/h, ${(plan.usdPerHour / best.usdPerHour).toFixed(4)} of the program's ${best.usdPerHour.toFixed(3)}, ${(1 + plan.gap).toFixed(4)} of the own bound; ${plan.newNodes.length} nodes${spotShares(plan, problem)}; ${seconds.toFixed(2)} s of CPU`;
}

console.log(
  `${CMR.types.length} types of ${catalogFile}, one thread, node ${process.version}; pods placed / most the program allows, by priority`,
);
for (const some of cases()) {
  for (const one of some()) {
    if (only !== undefined && !only.split(',').some((word) => one.name.includes(word))) continue;
    const before = process.cpuUsage();
    const plan = planPacking(one.problem);
    const { user, system } = process.cpuUsage(before);
    const best = reference(kindsOf(one.problem.pods), machinesOf(one.problem), one.rules);
    console.log(line(one, plan, best, (user + system) / 1e6));
  }
}
