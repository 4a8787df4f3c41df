/**
 * The operator's own time with many jobs on one runtime, on the simulated cluster: 1,000 suspended jobs until each has its plan, then 200 that run, until all have
 * ended. Virtual time is free, so what is measured is computing: controllers, planner and simulator together.
 */
import type { ElasticJob } from '../../src/api/generated/types.ts';
import { startSimulation } from '../../src/sim/simulate.ts';
import { hour, job, runtime } from '../../test/sim/support/stage.ts';

async function measure(name: string, jobs: readonly ReturnType<typeof job>[], done: (job: ElasticJob) => boolean): Promise<void> {
  const stage = runtime({ max: 400 }, { masters: { min: 0, max: 400 } });
  const started = startSimulation({ manifests: [...stage, ...jobs], seed: 3, faults: 'none', limitMs: hour });
  if (!started.ok) throw new Error(started.reason);
  const { world, jobs: all } = started.value;
  const began = performance.now();
  const cpu = process.cpuUsage();
  let next = 0;
  const outcome = await world.runUntil(() => {
    if (world.now() < next) return false;
    next = world.now() + 1_000;
    return all().every(done);
  }, 6 * hour);
  const { user } = process.cpuUsage(cpu);
  console.log(
    `${name}: ${outcome} after ${((performance.now() - began) / 1000).toFixed(1)} s (${(user / 1e6).toFixed(1)} s of a processor), ${world.steps()} steps`,
  );
}

const named = (count: number, more: object): readonly ReturnType<typeof job>[] =>
  Array.from({ length: count }, (_, index) => job(`job-${index}`, { worker: { min: 1, max: 2 } }, { ...more }));

await measure('1,000 suspended jobs, all with a plan', named(1_000, { suspend: true }), ({ status }) => status?.phase === 'Suspended');
await measure('200 jobs of 3 pods, run to their end', named(200, {}), ({ status }) => status?.phase === 'Succeeded');
