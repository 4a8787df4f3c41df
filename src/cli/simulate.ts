import { type SimulationManifest, simulate } from '../sim/simulate.ts';
import type { ExplainIo } from './explain.ts';
import { checkManifests } from './explain.ts';
import { formatInputError, readManifests } from './manifests.ts';
import { table } from './table.ts';

export type SimulateArguments = {
  readonly files: readonly string[];
  readonly seed: number;
  readonly hours: number;
  readonly faults: 'none' | 'rough';
  readonly output: 'table' | 'json';
};

/** `kubectl-elastic simulate`: 0 all well, 1 an invariant broken or a job that did not succeed as its template says, 2 bad input. */
export async function runSimulate(args: SimulateArguments, io: ExplainIo): Promise<number> {
  const manifests = await loadManifests(args.files, io, 'simulate');
  if (manifests === undefined) return 2;
  const outcome = await simulate({ manifests, seed: args.seed, faults: args.faults, limitMs: args.hours * 3_600_000 });
  if (!outcome.ok) {
    io.stderr(`simulate: ${outcome.reason}`);
    return 2;
  }
  const result = outcome.value;
  if (args.output === 'json') io.stdout(JSON.stringify(result, undefined, 2));
  else {
    io.stdout(`seed ${result.seed}: ${result.virtualSeconds} virtual seconds`);
    for (const job of result.jobs) io.stdout(`  ${job.name}  ${job.phase}  ${job.seconds.toFixed(0)} s`);
    io.stdout(
      `nodes launched ${result.nodes.launched}, terminated ${result.nodes.terminated}, orphans ${result.nodes.orphans}; ${result.usd.toFixed(4)} USD; ${result.audit.length} audited calls`,
    );
    for (const violation of result.violations) io.stdout(`VIOLATION ${violation.time} ${violation.invariant}: ${violation.detail}`);
    io.stdout(accessTable(result.audit));
  }
  return result.violations.length === 0 && result.nodes.orphans === 0 ? 0 : 1;
}

/** Manifests as the API server would take them, or the reasons why not on stderr. */
export async function loadManifests(
  files: readonly string[],
  io: ExplainIo,
  command: string,
): Promise<readonly SimulationManifest[] | undefined> {
  const read = await readManifests(files, io);
  const errors = [...read.errors, ...checkManifests(read.manifests)];
  for (const error of errors) io.stderr(`${command}: ${formatInputError(error)}`);
  if (errors.length > 0) return undefined;
  return read.manifests.map(({ object }) => object);
}

/** Who accessed what as whom, counted: one line per identity, action and resource kind. */
export function accessTable(
  audit: readonly {
    readonly runtime: string;
    readonly job?: string;
    readonly identity: string;
    readonly action: string;
    readonly resource: string;
    readonly outcome: string;
  }[],
): string {
  const counts = new Map<string, { readonly cells: readonly string[]; count: number }>();
  for (const { job, runtime, identity, action, resource, outcome } of audit) {
    const cells = [job ?? runtime, identity, action, place(resource), outcome];
    const key = cells.join('\u0000');
    const row = counts.get(key) ?? { cells, count: 0 };
    row.count += 1;
    counts.set(key, row);
  }
  const head = ['for', 'as', 'did', 'on', 'outcome', 'times'];
  const rows = [...counts.values()]
    .map(({ cells, count }) => [...cells, String(count)])
    .sort((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));
  return table(head, rows);
}

/** The folder of an object, the kind of everything else: what a person wants to read. */
function place(resource: string): string {
  const object = /^arn:aws[a-z-]*:s3:::([^/]+)\/(.*)$/.exec(resource);
  if (object !== null) {
    const segments = (object[2] ?? '').split('/');
    return `s3://${object[1]}/${segments.slice(0, -1).join('/')}/`;
  }
  return resource.replace(/\/(i|vol|lt|fleet)-[0-9a-f]+$/, '/$1-…').replace(/^(i|vol|lt)-[0-9a-f]+$/, '$1-…');
}
