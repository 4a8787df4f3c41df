/**
 * `npm test`: the checks, then every tier; `npm test core sim`: these tiers only. Ends with the test runner's own summary over all of them.
 * Exit 0 where everything passed, 1 where not, 2 for a tier that does not exist.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, globSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { inspect } from 'node:util';

type Tier = {
  readonly name: string;
  /** Folders, or single files. */
  readonly paths: readonly string[];
  /** Test files at a time. */
  readonly concurrency: number;
  /** Brings what the tier needs, once; throws one line that says what to install. */
  readonly prepare?: () => Promise<void>;
};

const root = join(import.meta.dirname, '..');
const reports = join(root, '.cache', 'test-reports');
const folders = (...names: readonly string[]): readonly string[] => names.map((name) => `test/${name}`);

const tiers: readonly Tier[] = [
  {
    name: 'core',
    paths: [...folders('core', 'machinery', 'api', 'cli', 'agent', 'broker', 'kube', 'config', 'telemetry', 'docs'), 'test/rooms.test.ts'],
    concurrency: availableParallelism(),
  },
  { name: 'sim', paths: folders('sim'), concurrency: availableParallelism() },
  {
    // Each file has a whole control plane.
    name: 'cluster',
    paths: folders('cluster', 'controlplane', 'helm'),
    concurrency: 1,
    async prepare() {
      const { ensureBinaries } = await import('../test/controlplane/binaries.ts');
      await ensureBinaries();
    },
  },
  {
    name: 'aws',
    paths: folders('aws', 'gate'),
    concurrency: 1,
    async prepare() {
      const { startMoto } = await import('../test/gate/moto.ts');
      await (await startMoto()).stop();
    },
  },
];

/** A test that hangs fails; the longest of ours take minutes on a busy machine. */
const testTimeoutMs = 1_800_000;
/** Of what a failing file wrote, this much is shown. */
const shownOutput = 20_000;

type Counts = { tests: number; suites: number; passed: number; failed: number; cancelled: number; skipped: number; todo: number };
type Failure = { readonly title: string; readonly text: string; readonly rerun: string };
type Outcome = {
  readonly name: string;
  readonly files: number;
  readonly counts: Counts;
  readonly seconds: number;
  readonly failures: readonly Failure[];
};

const nothing: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };

function filesOf(tier: Tier): readonly string[] {
  return tier.paths
    .flatMap((path) => (path.endsWith('.ts') ? globSync(path, { cwd: root }) : globSync(`${path}/**/*.test.ts`, { cwd: root })))
    .sort((one, other) => (one < other ? -1 : 1));
}

async function runTier(tier: Tier): Promise<Outcome> {
  const started = performance.now();
  const rerunTier = `npm test ${tier.name}`;
  const files = filesOf(tier);
  if (files.length === 0)
    return broken(tier, started, { title: `tier ${tier.name}`, text: `no test file in ${tier.paths.join(', ')}`, rerun: rerunTier });
  try {
    await tier.prepare?.();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return broken(tier, started, { title: `tier ${tier.name} cannot run`, text, rerun: rerunTier });
  }
  return runFiles(tier, files, started);
}

/** What keeps tests from running counts as one that failed: the summary must not look better than the exit code. */
function broken({ name }: { readonly name: string }, started: number, failure: Failure): Outcome {
  return { name, files: 0, counts: { ...nothing, tests: 1, failed: 1 }, seconds: secondsSince(started), failures: [failure] };
}

async function runFiles(tier: Tier, files: readonly string[], started: number): Promise<Outcome> {
  const progress = createProgress(tier.name, files.length);
  const output = new Map<string, string>();
  const failures: Failure[] = [];
  let counts = nothing;
  const stream = run({ files: files.map((file) => join(root, file)), concurrency: tier.concurrency, timeout: testTimeoutMs, cwd: root });
  stream.on('test:pass', () => progress.test());
  stream.on('test:fail', ({ name, file, line, column, details }) => {
    progress.test();
    const error: Error & { readonly failureType?: string } = details.error;
    // The parents of a test that failed fail too.
    if (error.failureType === 'subtestsFailed') return;
    const path = relative(root, file ?? '');
    const at = line === undefined ? path : `${path}:${line}:${column ?? 1}`;
    const cause = error.cause instanceof Error ? error.cause : error;
    failures.push({ title: `${name} (${at})`, text: inspect(cause, { depth: 8, maxStringLength: 20_000 }), rerun: rerunOf(path) });
  });
  for (const event of ['test:stdout', 'test:stderr'] as const) {
    stream.on(event, ({ file, message }) => {
      const path = relative(root, file ?? '');
      output.set(path, ((output.get(path) ?? '') + message).slice(-shownOutput));
    });
  }
  stream.on('test:summary', ({ file, counts: of, duration_ms, success }) => {
    if (file === undefined) counts = { ...nothing, ...of };
    else progress.file(relative(root, file), of.tests, duration_ms / 1000, success);
  });
  mkdirSync(reports, { recursive: true });
  await new Promise<void>((resolve, reject) => {
    const report = createWriteStream(join(reports, `${tier.name}.txt`));
    // oxlint-disable-next-line new-cap
    stream.compose(new spec()).pipe(report).on('finish', resolve).on('error', reject);
  });
  progress.end();
  return {
    name: tier.name,
    files: files.length,
    counts,
    seconds: secondsSince(started),
    failures: shortened(failures, output),
  };
}

/** The same error only once (a hook that fails takes every test of its file along), and what a file wrote after the last of its failures. */
function shortened(failures: readonly Failure[], output: ReadonlyMap<string, string>): readonly Failure[] {
  return failures.map((failure, index) => {
    const { text, rerun } = failure;
    const repeats = failures.findIndex((other) => other.rerun === rerun && other.text === text) < index;
    const isLast = failures.findLastIndex((other) => other.rerun === rerun) === index;
    const written = isLast ? output.get(rerun.split(' ').at(-1) ?? '') : undefined;
    const shown = repeats ? 'the same error as above' : text;
    return { ...failure, text: written === undefined ? shown : `${shown}\n\nwhat the file wrote:\n${written.trimEnd()}` };
  });
}

function rerunOf(file: string): string {
  return `node_modules/.bin/node --test ${file}`;
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

/** One line that changes on a terminal; else a line for each file that takes its time or fails. */
function createProgress(tier: string, files: number) {
  const terminal = process.stdout.isTTY;
  const started = performance.now();
  let done = 0;
  let tests = 0;
  let shown = 0;
  function show(): void {
    if (!terminal || performance.now() - shown < 100) return;
    shown = performance.now();
    process.stdout.write(`\r\u001b[K${tier}: ${done} of ${files} files, ${tests} tests, ${secondsSince(started).toFixed(0)} s`);
  }
  if (!terminal) process.stdout.write(`${tier}: ${files} files\n`);
  return {
    test() {
      tests += 1;
      show();
    },
    file(file: string, count: number, seconds: number, success: boolean) {
      done += 1;
      show();
      if (terminal && !success) process.stdout.write(`\r\u001b[K  FAIL ${file}\n`);
      if (!terminal && (!success || seconds > 10))
        process.stdout.write(`  ${success ? 'ok  ' : 'FAIL'} ${file} (${count} tests, ${seconds.toFixed(1)} s)\n`);
    },
    end() {
      if (terminal) process.stdout.write('\r\u001b[K');
    },
  };
}

function check(): Outcome {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/check.ts')], { cwd: root, stdio: 'inherit' });
  if (status === 0) return { name: 'check', files: 0, counts: nothing, seconds: secondsSince(started), failures: [] };
  return broken({ name: 'check' }, started, { title: 'check', text: 'see its output above', rerun: 'npm run check' });
}

/** Every test file belongs to a tier, or it would never run. test/nodes is a command of its own: it needs root. */
function unassigned(): readonly Outcome[] {
  const known = new Set(tiers.flatMap(filesOf));
  const lost = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => !known.has(file) && !file.startsWith('test/nodes/'));
  if (lost.length === 0) return [];
  return [broken({ name: 'tiers' }, performance.now(), { title: 'files in no tier', text: lost.join('\n'), rerun: 'see scripts/test.ts' })];
}

function printSummary(outcomes: readonly Outcome[], seconds: number): void {
  for (const { failures } of outcomes)
    for (const { title, text, rerun } of failures) console.log(`\n✖ ${title}\n${indent(text)}\n  again: ${rerun}`);
  const width = Math.max(...outcomes.map(({ name }) => name.length));
  console.log('');
  for (const { name, files, counts, failures, seconds: took } of outcomes) {
    const tests = counts.tests === 0 ? '' : `  ${counts.passed} of ${counts.tests} tests in ${files} files`;
    console.log(`${failures.length === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(width)}${tests}  ${took.toFixed(1)} s`);
  }
  const total = (field: keyof Counts): number => outcomes.reduce((sum, { counts }) => sum + counts[field], 0);
  console.log(`reports of every test: ${relative(root, reports)}/<tier>.txt\n`);
  // As the runner itself prints it.
  console.log(`ℹ tests ${total('tests')}
ℹ suites ${total('suites')}
ℹ pass ${total('passed')}
ℹ fail ${total('failed')}
ℹ cancelled ${total('cancelled')}
ℹ skipped ${total('skipped')}
ℹ todo ${total('todo')}
ℹ duration_ms ${(seconds * 1000).toFixed(3)}`);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}

async function main(names: readonly string[]): Promise<number> {
  const wrong = names.find((name) => !tiers.some((tier) => tier.name === name));
  if (wrong !== undefined) {
    console.error(`there is no tier "${wrong}": one of ${tiers.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const started = performance.now();
  const outcomes: Outcome[] = names.length === 0 ? [check(), ...unassigned()] : [];
  // One after the other: on two cores, two at a time save little and make what waits for processes slow.
  for (const tier of tiers) if (names.length === 0 || names.includes(tier.name)) outcomes.push(await runTier(tier));
  printSummary(outcomes, secondsSince(started));
  return outcomes.every(({ failures, counts }) => failures.length === 0 && counts.failed + counts.cancelled === 0) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
