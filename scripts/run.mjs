// The one way in for every npm script. Plain JavaScript for any Node >= 20 without dependencies: it installs what is missing, then hands over to
// the Node 26 of node_modules, which runs TypeScript directly.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const nodeBinary = join(root, 'node_modules', 'node', 'bin', 'node');
const stampFile = join(root, 'node_modules', '.elastic-install');
const callerDirectory = process.cwd();
process.chdir(root);

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function installed() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockDigest() && existsSync(nodeBinary);
}

function npm(args) {
  // npm_execpath is set inside `npm run`; it spares a search for npm on the path.
  const cli = process.env.npm_execpath;
  const command = cli?.endsWith('.js') ? [process.execPath, cli, ...args] : ['npm', ...args];
  return spawnSync(command[0], command.slice(1), { stdio: ['ignore', 2, 2], env: { ...process.env, npm_config_loglevel: 'error' } });
}

function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    fail(`Node >= 20 is needed to start; this is ${process.version}. Install a newer Node and run the command again.`);
  if (installed()) return;
  process.stderr.write('Installing dependencies (npm ci), once…\n');
  const result = npm(['ci', '--no-audit', '--no-fund']);
  if (result.status !== 0)
    fail(
      `npm ci failed (${result.error?.message ?? `exit ${result.status}`}): see its message above; the package registry must be reachable.`,
    );
  if (!existsSync(nodeBinary)) {
    // With install scripts switched off (ignore-scripts), the `node` package could not fetch its binary: run just that one script.
    spawnSync(process.execPath, ['installArchSpecificPackage.js'], { cwd: join(root, 'node_modules', 'node'), stdio: ['ignore', 2, 2] });
  }
  if (!existsSync(nodeBinary))
    fail(
      "Node 26 could not be installed: npm's install scripts are switched off (ignore-scripts) and the package's own script failed. Run: npm rebuild node --ignore-scripts=false",
    );
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, lockDigest());
}

function node(args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(nodeBinary, args, { stdio: 'inherit', env: { ...process.env, NODE_NO_WARNINGS: '1' }, ...options });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.on('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

const [task, ...rest] = process.argv.slice(2);
const tasks = {
  demo: () => node(['src/cli/main.ts', 'demo', ...rest]),
  test: () => node(['scripts/test.ts', ...rest]),
  check: () => node(['scripts/check.ts', ...rest]),
  generate: () => node(['scripts/generate.ts', ...rest]),
  bench: () => node(['bench/main.ts', ...rest]),
  cluster: () => node(['test/cluster/stand/main.ts', ...rest]),
  // Paths on the command line are relative to where the person stands, not to the repository.
  cli: () => node([join(root, 'src/cli/main.ts'), ...rest], { cwd: process.env.INIT_CWD ?? callerDirectory }),
  format: () => node(['node_modules/@biomejs/biome/bin/biome', 'check', '--write', '.']),
};
if (!Object.hasOwn(tasks, task)) fail(`Unknown task "${task}": one of ${Object.keys(tasks).join(', ')}.`);
ensureInstalled();
process.exit(await tasks[task]());
