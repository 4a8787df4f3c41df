/** `node test/sim/support/replay.ts SEED [none|rough]`: one history again, with what was found wrong. */
import { runSeed } from './run-seed.ts';

const [seed = '1', faults = 'rough'] = process.argv.slice(2);
const result = await runSeed(Number(seed), faults === 'none' ? 'none' : 'rough');
process.stdout.write(`seed ${seed}: ${result.virtualSeconds} virtual seconds, ${result.steps} steps, trace ${result.digest}\n`);
for (const problem of result.problems) process.stdout.write(`  ${problem}\n`);
process.exitCode = result.problems.length === 0 ? 0 : 1;
