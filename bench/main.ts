/**
 * `npm run bench [word ...]`: every benchmark bench/<room>/<name>.ts whose path has one of the words, one after the other, each in a process of its own;
 * each prints its own ratios. A file that exports something is a helper of others.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function benchmarks(words: readonly string[]): readonly string[] {
  return globSync('bench/*/*.ts', { cwd: root })
    .filter((file) => !/^export /m.test(readFileSync(join(root, file), 'utf8')))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort((one, other) => (one < other ? -1 : 1));
}

function main(words: readonly string[]): number {
  const files = benchmarks(words);
  if (files.length === 0) {
    console.error(`no benchmark has ${words.join(' or ')} in its path: one of ${benchmarks([]).join(', ')}`);
    return 2;
  }
  let failed = 0;
  for (const file of files) {
    console.log(`\n== ${file}`);
    const { status } = spawnSync(process.execPath, [join(root, file)], { cwd: root, stdio: 'inherit' });
    if (status === 0) continue;
    failed += 1;
    console.error(`${file} ended with ${status ?? 'a signal'}`);
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
