import { isRecordKey } from '../core/audit/records.ts';
import { auditReport, type ReportRow } from '../core/audit/report.ts';
import { partsOfSession } from '../core/audit/session.ts';
import { type Gathered, take, WrongInput } from './audit-input.ts';
import { takeNodeParts } from './audit-parts.ts';
import { printable, table } from './table.ts';

export type AuditArguments = {
  /** Streams, access.json documents, CloudTrail files; `.gz` of each; `-`: stdin */
  readonly files: readonly string[];
  /** `s3://bucket/prefix`: access.json below it, read as the person whose AWS credentials are there */
  readonly resource?: string | undefined;
  /** RFC 3339 */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** `<namespace>/<name>` or `<name>` */
  readonly job?: string | undefined;
  readonly output: 'table' | 'json';
};

export type AuditIo = {
  readonly readBytes: (path: string) => Promise<Uint8Array>;
  /** Objects below a prefix whose key `wanted` accepts, with what they hold. */
  readonly readBucket: (
    place: { readonly bucket: string; readonly prefix: string },
    wanted: (key: string, size?: number) => boolean,
  ) => Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]>;
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
};

/** Exit 0: all as planned; 1: something was not, or could not be judged; 2: wrong input. */
export async function runAudit(args: AuditArguments, io: AuditIo): Promise<number> {
  // Names of files, words of AWS and whatever a document holds may be anybody's.
  const say = (what: string): void => io.stderr(`audit: ${printable(what)}`);
  try {
    const [since, until] = [timeOf('--since', args.since), timeOf('--until', args.until)];
    const gathered = await gather(args, io);
    const within = ({ time }: { readonly time: string }): boolean => {
      const at = Date.parse(time);
      return (since === undefined || at >= since) && (until === undefined || at < until);
    };
    const rows = auditReport(gathered)
      .filter(within)
      .filter((row) => args.job === undefined || isOfJob(row, args.job));
    if (args.output === 'json') io.stdout(JSON.stringify(rows, undefined, 2).split('\n').map(printable).join('\n'));
    else io.stdout(reportTable(rows));
    const unplanned = rows.filter((row) => row.unplanned !== undefined);
    const unjudged = rows.filter((row) => row.unjudged !== undefined && row.unplanned === undefined);
    const rest = unjudged.length === 0 ? '' : `, ${unjudged.length} not judged in full`;
    if (args.output === 'table') io.stdout(`${rows.length} access(es), ${unplanned.length} not planned${rest}`);
    const unplaced = gathered.plans.filter(
      ({ rows: planned }) => planned.length > 0 && planned.every(({ location }) => location === undefined),
    );
    if (unplaced.length > 0)
      say(
        `the plan of ${unplaced.map(({ job }) => job).join(', ')} has no locations: an earlier version wrote it; where calls were made is not judged`,
      );
    for (const place of gathered.broken)
      say(`${place} cannot be read as what it looks like, an audit record or an event of CloudTrail: it is not judged`);
    for (const what of [...gathered.missing, ...gathered.notes]) say(what);
    return unplanned.length + gathered.broken.length + gathered.missing.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof WrongInput)) throw error;
    say(error.message);
    return 2;
  }
}

/** Of which job a call is whose session is not named as ours, nobody can tell: it may be of this one. */
function isOfJob({ job, by, sessionName }: ReportRow, name: string): boolean {
  if (job === undefined) return by !== 'operator' && partsOfSession(sessionName) === undefined;
  return job === name || job.split('/')[1] === name;
}

function timeOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // Anything looser would be a time of this machine's zone, or of year 1.
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d.*(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  // The parser takes 30 February for 2 March.
  const day = text.slice(0, 10);
  if (Number.isNaN(time) || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day)
    throw new WrongInput(`${flag} ${JSON.stringify(text)} is no time: give one like 2026-12-01T10:00:00Z`);
  return time;
}

async function gather({ files, resource }: AuditArguments, io: AuditIo): Promise<Gathered> {
  const gathered: Gathered = { records: [], plans: [], trail: undefined, broken: [], missing: [], notes: [] };
  if (files.length === 0 && resource === undefined) throw new WrongInput('give files, - for stdin, or --resource s3://BUCKET/PREFIX');
  for (const file of files) take(gathered, file, await read(io, file));
  if (resource === undefined) return gathered;
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(resource) ?? [];
  if (bucket === undefined) throw new WrongInput(`--resource ${JSON.stringify(resource)} is no s3://BUCKET/PREFIX`);
  // A folder ends in its slash: S3 would list what lies in `acme2` for `acme`, and who may read one folder may list no more than that.
  const prefix = path === '' || path.endsWith('/') || isRecordKey(path) ? path : `${path}/`;
  // A job that runs has its parts only.
  const objects = await io
    .readBucket({ bucket, prefix }, (key) => isRecordKey(key))
    .catch((error: unknown) => {
      throw new WrongInput(`${resource}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
    });
  for (const { name, bytes } of objects) take(gathered, name, bytes);
  await takeNodeParts(gathered, bucket, objects, io.readBucket);
  return gathered;
}

async function read(io: AuditIo, file: string): Promise<Uint8Array> {
  try {
    return await io.readBytes(file);
  } catch (error) {
    throw new WrongInput(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

function reportTable(rows: readonly ReportRow[]): string {
  const head = ['time', 'by', 'for', 'phase', 'what', 'as', 'did', 'on', 'outcome', 'trail', ''];
  const cells = rows.map((row) => [
    row.time.replace(/\.\d+Z$/, 'Z'),
    row.by,
    row.job ?? row.runtime ?? '-',
    row.phase ?? '-',
    row.planResource ?? '-',
    row.identity,
    row.action,
    row.resource.replace(/^arn:aws[a-z-]*:s3:::/, 's3://'),
    row.outcome,
    row.inCloudTrail === undefined ? '' : row.inCloudTrail ? 'yes' : 'no',
    row.unplanned !== undefined ? `NOT PLANNED: ${row.unplanned}` : row.unjudged !== undefined ? `not judged: ${row.unjudged}` : '',
  ]);
  return table(head, cells);
}
