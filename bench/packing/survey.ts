/**
 * The cost table's mixes drawn anew: other seeds, sizes and type sets than the table's own. Each line is the worst and the mean of the
 * seeds: cost over our own bound, and seconds of CPU. `node bench/packing/survey.ts CATALOG [seeds] [row,row] [set,set]`
 */
import { planPacking } from '../../src/core/packing/plan.ts';
import type { Offering, PackingPod, PackingProblem } from '../../src/core/packing/problem.ts';
import { karpenterMix, linearTypes } from './karpenter-mix.ts';
import { catalogOf, isCmr, isLe16, type MixPods, mixPods, problemOf } from './mixes.ts';

const [catalogFile = '../shared/data/ec2-us-east-1.json', seeds = '10', onlyRows, onlySets] = process.argv.slice(2);

function randomOf(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * bound);
  };
}

function generic(count: number, seed: number): readonly PackingPod[] {
  const below = randomOf(seed);
  const pick = (values: readonly number[]) => values[below(values.length)] as number;
  return mixPods({
    pods: Array.from({ length: count }, (): MixPods[number] => [
      pick([100, 250, 500, 1000, 1500]),
      pick([100, 256, 512, 1024, 2048, 4096]),
      'generic',
      {},
      {},
    ]),
  });
}

/** Half small, half large; the two sizes vary with the seed. */
function bimodal(count: number, seed: number): readonly PackingPod[] {
  const below = randomOf(seed);
  const small = [200 + 50 * below(4), 256 * (1 + below(4))] as const;
  const large = [2500 + 500 * below(4), 1024 * (4 + below(8))] as const;
  return mixPods({
    pods: Array.from({ length: count }, (_, index): MixPods[number] => [...(index % 2 === 0 ? small : large), 'generic', {}, {}]),
  });
}

/** Jobs of a driver (1 core, 4 GiB) and 5 to 40 executors of one of five sizes. */
function spark(jobs: number, seed: number): readonly PackingPod[] {
  const below = randomOf(seed);
  const sizes = [
    [1, 4],
    [2, 8],
    [4, 16],
    [4, 32],
    [8, 64],
  ] as const;
  const pods: MixPods[number][] = [];
  for (let job = 0; job < jobs; job++) {
    const [cpu, memory] = sizes[below(sizes.length)] as (typeof sizes)[number];
    pods.push([1000, 4096, 'generic', {}, {}]);
    for (let executor = 5 + below(36); executor > 0; executor--) pods.push([cpu * 1000, memory * 1024, 'generic', {}, {}]);
  }
  return mixPods({ pods });
}

/** What the table allows, of the best bound; rows of other sizes take the nearest row's. */
const ROWS: Readonly<Record<string, { readonly pods: (seed: number) => readonly PackingPod[]; readonly target: number }>> = {
  'mix-100': { pods: (seed) => karpenterMix(100, seed).pods, target: 1.04 },
  'mix-300': { pods: (seed) => karpenterMix(300, seed).pods, target: 1.04 },
  'mix-1000': { pods: (seed) => karpenterMix(1000, seed).pods, target: 1.03 },
  'mix-3000': { pods: (seed) => karpenterMix(3000, seed).pods, target: 1.03 },
  'mix-5000': { pods: (seed) => karpenterMix(5000, seed).pods, target: 1.02 },
  'generic-100': { pods: (seed) => generic(100, seed), target: 1.02 },
  'generic-1000': { pods: (seed) => generic(1000, seed), target: 1.01 },
  'generic-10000': { pods: (seed) => generic(10_000, seed), target: 1.005 },
  'bimodal-1000': { pods: (seed) => bimodal(1000, seed), target: 1.005 },
  'spark-40': { pods: (seed) => spark(40, seed), target: 1.005 },
};

type Sold = Pick<PackingProblem, 'types' | 'offerings'>;
const cmr = catalogOf(catalogFile, isCmr);
const le16 = catalogOf(catalogFile, isLe16);

/** Spot at 30 to 60 % of the price, by type and zone; a tenth of them not for sale. */
function withSpot({ types, offerings }: Sold): Sold {
  const below = randomOf(99);
  const spot = offerings.flatMap((offering): readonly Offering[] => {
    const share = 0.3 + below(300) / 1000;
    return below(10) === 0 ? [] : [{ ...offering, capacityType: 'spot', usdPerHour: round(offering.usdPerHour * share) }];
  });
  return { types, offerings: [...offerings, ...spot] };
}

function withDearZones({ types, offerings }: Sold): Sold {
  const factor: Readonly<Record<string, number>> = { a: 1, b: 1.05, c: 1.1 };
  return {
    types,
    offerings: offerings.map((one) => ({ ...one, usdPerHour: round(one.usdPerHour * (factor[one.zone.at(-1) as string] ?? 1)) })),
  };
}

function round(usd: number): number {
  return Math.round(usd * 1e5) / 1e5;
}

const SETS: Readonly<Record<string, Sold>> = {
  cmr,
  le16,
  spot: withSpot(cmr),
  zones: withDearZones(cmr),
  linear: linearTypes(400),
};

const chosen = (only: string | undefined, name: string) => only === undefined || only.split(',').includes(name);
console.log(`${seeds} seeds each, one thread, node ${process.version}`);
for (const [set, sold] of Object.entries(SETS)) {
  if (!chosen(onlySets, set)) continue;
  for (const [row, { pods, target }] of Object.entries(ROWS)) {
    if (!chosen(onlyRows, row)) continue;
    const ratios: number[] = [];
    let slowest = 0;
    let left = 0;
    let usd = 0;
    let bound = 0;
    for (let seed = 1; seed <= Number(seeds); seed++) {
      const problem = { ...problemOf(pods(seed * 101), cmr), ...sold };
      const before = process.cpuUsage();
      const plan = planPacking(problem);
      const used = process.cpuUsage(before);
      slowest = Math.max(slowest, (used.user + used.system) / 1e6);
      ratios.push(1 + plan.gap);
      usd += plan.usdPerHour;
      bound += plan.lowerBoundUsdPerHour;
      left += plan.unschedulable.length;
    }
    const worst = Math.max(...ratios);
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    console.log(
      `${set} ${row}: worst ${worst.toFixed(4)} mean ${mean.toFixed(4)} of own bound (target ${target}, ${ratios.filter((ratio) => ratio > target).length} above), sum ${usd.toFixed(3)} bound ${bound.toFixed(3)}, ${left} left, at most ${slowest.toFixed(2)} s of CPU`,
    );
  }
}
