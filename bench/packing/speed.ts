/**
 * Speed on Karpenter's benchmark mix, and the memory of a process that makes 20,000 of its pods and plans them.
 * `node bench/packing/speed.ts [runs] [seed]`
 */
import { spawnSync } from 'node:child_process';
import { planPacking } from '../../src/core/packing/plan.ts';
import { fresh, karpenterMix } from './karpenter-mix.ts';

const ALONE = 'alone';
const MOST_MIB = 200;
const [runs = 3, seed = 7] = process.argv.slice(2).map(Number);
const KARPENTER: Readonly<Record<number, string>> = { 100: '302', 1000: '213-226', 5000: '185-222', 10_000: '170-202', 20_000: '111' };
const TARGET: Readonly<Record<number, number>> = { 1000: 5000, 10_000: 20_000, 20_000: 20_000 };

if (process.argv[2] === ALONE) {
  planPacking(karpenterMix(Number(process.argv[3]), Number(process.argv[4])));
  console.log(process.resourceUsage().maxRSS / 1024);
} else {
  measureSpeed();
  measureMemory(20_000);
}

function measureSpeed(): void {
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
    const perSecond = Math.round(count / best);
    console.log(
      `${count} pods: ${perSecond} pods/s (${(best * 1000).toFixed(0)} ms, ${(cpu * 1000).toFixed(0)} ms of CPU; target ${TARGET[count] ?? '-'}, Karpenter ${KARPENTER[count]}); ${note}`,
    );
  }
}

/** Peak of what the process holds in memory: node itself, its own sources with their types taken off, the pods, the plan. */
function measureMemory(count: number): void {
  const { stdout } = spawnSync(process.execPath, [import.meta.filename, ALONE, String(count), String(seed)], { encoding: 'utf8' });
  const peak = Number(stdout);
  console.log(
    `${count} pods: ${peak.toFixed(0)} MiB at the most, in a process of its own (target ${MOST_MIB}, ${peak <= MOST_MIB ? 'met' : 'MISSED'})`,
  );
}
