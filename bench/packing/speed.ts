/** Speed on Karpenter's benchmark mix. `node bench/packing/speed.ts [runs] [seed]` */
import { planPacking } from '../../src/core/packing/plan.ts';
import { fresh, karpenterMix } from './karpenter-mix.ts';

const [runs = 3, seed = 7] = process.argv.slice(2).map(Number);
const KARPENTER: Readonly<Record<number, string>> = { 100: '302', 1000: '213-226', 5000: '185-222', 10_000: '170-202', 20_000: '111' };
const TARGET: Readonly<Record<number, number>> = { 1000: 5000, 10_000: 20_000, 20_000: 20_000 };

console.log(`Karpenter's mix, 400 types x 3 zones, seed ${seed}, best of ${runs}, one thread, node ${process.version}`);
for (const count of [100, 1000, 5000, 10_000, 20_000]) {
  const problem = karpenterMix(count, seed);
  let best = Number.POSITIVE_INFINITY;
  let cpu = Number.POSITIVE_INFINITY;
  let note = '';
  for (let run = 0; run < runs; run++) {
    const input = { ...problem, pods: fresh(problem.pods) };
    const started = performance.now();
    const before = process.cpuUsage();
    const plan = planPacking(input);
    best = Math.min(best, (performance.now() - started) / 1000);
    const used = process.cpuUsage(before);
    cpu = Math.min(cpu, (used.user + used.system) / 1e6);
    note = `${plan.newNodes.length} nodes, ${plan.unschedulable.length} left, ${(1 + plan.gap).toFixed(4)} of the bound`;
  }
  const rss = process.memoryUsage();
  const perSecond = Math.round(count / best);
  const memory = `heap ${Math.round(rss.heapUsed / 2 ** 20)} MB, rss ${Math.round(rss.rss / 2 ** 20)} MB`;
  console.log(
    `${count} pods: ${perSecond} pods/s (${(best * 1000).toFixed(0)} ms, ${(cpu * 1000).toFixed(0)} ms of CPU; target ${TARGET[count] ?? '-'}, Karpenter ${KARPENTER[count]}); ${note}; ${memory}`,
  );
}
