import type { ElasticJob } from '../api/generated/types.ts';
import { annotations } from '../api/labels.ts';
import { parseDurationMs } from '../core/quantity/duration.ts';
import { type SimulatedJob, type SimulationManifest, simulate } from '../sim/simulate.ts';
import type { ExplainIo } from './explain.ts';
import { checkManifests } from './explain.ts';
import { formatInputError, type InputError, type Manifest, objectName, readManifests } from './manifests.ts';
import { table } from './table.ts';

export type SimulateArguments = {
  readonly files: readonly string[];
  readonly seed: number;
  readonly hours: number;
  readonly faults: 'none' | 'rough';
  readonly output: 'table' | 'json';
};

/** `kubectl-elastic simulate`: 0 all well, 1 an invariant broken, or a job that was refused or has not ended, 2 bad input. */
export async function runSimulate(args: SimulateArguments, io: ExplainIo): Promise<number> {
  const manifests = await loadManifests(args.files, io, 'simulate');
  if (manifests === undefined) return 2;
  if (!manifests.some(({ kind }) => kind === 'ElasticRuntime')) {
    io.stderr(`simulate: ${args.files.join(', ')}: no ElasticRuntime: there is nothing to simulate`);
    return 2;
  }
  const outcome = await simulate({ manifests, seed: args.seed, faults: args.faults, limitMs: args.hours * 3_600_000 });
  if (!outcome.ok) {
    io.stderr(`simulate: ${outcome.reason}`);
    return 2;
  }
  const result = outcome.value;
  if (args.output === 'json') io.stdout(JSON.stringify(result, undefined, 2));
  else {
    io.stdout(`seed ${result.seed}: ${result.virtualSeconds} virtual seconds`);
    for (const { name, phase, seconds, reason, message } of result.jobs) {
      io.stdout(`  ${name}  ${phase}  ${seconds.toFixed(0)} s${reason === undefined ? '' : `  ${reason}: ${message ?? ''}`}`);
    }
    io.stdout(
      `nodes launched ${result.nodes.launched}, terminated ${result.nodes.terminated}, orphans ${result.nodes.orphans}; ${result.usd.toFixed(4)} USD; ${result.audit.length} audited calls`,
    );
    for (const violation of result.violations) io.stdout(`VIOLATION ${violation.time} ${violation.invariant}: ${violation.detail}`);
    io.stdout(accessTable(result.audit));
  }
  return result.violations.length === 0 && result.nodes.orphans === 0 && result.jobs.every(isWell) ? 0 : 1;
}

/** What a template or a deadline of the manifests asks for is no failure of the simulation: only what was refused, or could not be done. */
function isWell({ phase, reason }: SimulatedJob): boolean {
  if (phase === 'Failed') return ['PodFailed', 'DeadlineExceeded', 'StartDeadlineExceeded'].includes(reason ?? '');
  return ['Succeeded', 'Terminated', 'Suspended'].includes(phase) || reason === 'RuntimeSuspended';
}

/** Manifests as the API server would take them, or the reasons why not on stderr. */
export async function loadManifests(
  files: readonly string[],
  io: ExplainIo,
  command: string,
): Promise<readonly SimulationManifest[] | undefined> {
  const read = await readManifests(files, io);
  const checked = [...read.errors, ...checkManifests(read.manifests)];
  const errors = checked.length > 0 ? checked : read.manifests.flatMap(wrongAnnotations);
  for (const error of errors) io.stderr(`${command}: ${formatInputError(error)}`);
  if (errors.length > 0) return undefined;
  return read.manifests.map(({ object }) => object);
}

/** How a simulated container runs, as its template's annotations say it: a slip would have it run otherwise without a word. */
const SIMULATED: readonly (readonly [annotation: string, isRight: (value: string) => boolean, remedy: string])[] = [
  [annotations.simulatedDuration, (value) => parseDurationMs(value).ok, 'use a duration such as 30s, 10m or 1h30m'],
  [annotations.simulatedExitCode, (value) => /^\d{1,3}$/.test(value) && Number(value) <= 255, 'use a whole number from 0 to 255'],
  [annotations.simulatedWrites, (value) => /^\d+(\.\d+)?$/.test(value), 'use a number of GiB'],
];

function wrongAnnotations({ place, object }: Manifest): readonly InputError[] {
  if (object.kind !== 'ElasticJob') return [];
  const { spec } = object as unknown as ElasticJob;
  return (['master', 'workers'] as const).flatMap((role) => {
    const said = spec[role]?.template?.metadata?.annotations ?? {};
    const wrong = SIMULATED.filter(([name, isRight]) => said[name] !== undefined && !isRight(said[name]));
    return wrong.map(([name, , remedy]) => ({
      place,
      object: objectName(object),
      field: `spec.${role}.template.metadata.annotations.${name}`,
      message: `${JSON.stringify(said[name])}: ${remedy}`,
    }));
  });
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
