/** `npm run check`: types, lint, format, dead code, stale generated files, import rules. Seconds. */
import { spawnSync } from 'node:child_process';

type Check = { readonly name: string; readonly command: readonly string[] };

const bin = (name: string): string => `node_modules/.bin/${name}`;
const checks: readonly Check[] = [
  { name: 'types', command: [bin('tsc'), '--noEmit', '-p', '.'] },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', 'src', 'test', 'bench', 'scripts'] },
  { name: 'format', command: [bin('biome'), 'check', '.'] },
  { name: 'dead code', command: [bin('knip')] },
  { name: 'generated files', command: [process.execPath, 'scripts/generate.ts', '--check'] },
  { name: 'import rules', command: [process.execPath, '--test', '--test-reporter=dot', 'test/rooms.test.ts'] },
];

let failed = 0;
for (const check of checks) {
  const started = performance.now();
  const result = spawnSync(check.command[0] ?? '', check.command.slice(1), { encoding: 'utf8', maxBuffer: 1 << 26 });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const good = result.status === 0;
  if (!good) failed += 1;
  process.stdout.write(`${good ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)\n`);
  if (!good) process.stdout.write(`${result.stdout}${result.stderr}${result.error?.message ?? ''}\n`);
}
process.exit(failed === 0 ? 0 : 1);
