/**
 * Speed on Karpenter's benchmark mix, and the memory of a process that makes 20,000 of its pods and plans them.
 * `node bench/packing/speed.ts [runs] [seed]`
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planPacking } from '../../src/core/packing/plan.ts';
import { fresh, karpenterMix } from './karpenter-mix.ts';

const ALONE = 'alone';
const MOST_MB = 200;
const [runs = 3, seed = 7] = process.argv.slice(2).map(Number);
const KARPENTER: Readonly<Record<number, string>> = { 100: '302', 1000: '213-226', 5000: '185-222', 10_000: '170-202', 20_000: '111' };
const TARGET: Readonly<Record<number, number>> = { 1000: 5000, 10_000: 20_000, 20_000: 20_000 };

if (process.argv[2] === ALONE) {
  planPacking(karpenterMix(Number(process.argv[3]), Number(process.argv[4])));
  console.log((process.resourceUsage().maxRSS * 1024) / 1e6);
} else {
  measureSpeed();
  await measureMemory(20_000);
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

/** Peak of what a process of its own holds: node itself, the code as one bundle as in the operator's image, the pods, the plan. */
async function measureMemory(count: number): Promise<void> {
  const { build } = await import('esbuild');
  const directory = mkdtempSync(join(tmpdir(), 'packing-memory-'));
  const outfile = join(directory, 'alone.mjs');
  await build({
    entryPoints: [import.meta.filename],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['esbuild'],
    outfile,
    logLevel: 'error',
  });
  const { stdout, stderr } = spawnSync(process.execPath, [outfile, ALONE, String(count), String(seed)], {
    encoding: 'utf8',
    cwd: process.cwd(),
  });
  rmSync(directory, { recursive: true });
  if (stdout === '') throw new Error(`the process of its own said nothing: ${stderr}`);
  const peak = Number(stdout);
  console.log(
    `${count} pods: ${peak.toFixed(0)} MB at the most, in a process of its own (target ${MOST_MB}, ${peak <= MOST_MB ? 'met' : 'MISSED'})`,
  );
}
