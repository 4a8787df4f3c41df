/** What `audit` is given: streams, documents of jobs, results of `simulate`, and CloudTrail in the forms in which it is had. */
import { gunzipSync } from 'node:zlib';
import { looksLikeEvent, readEvents, readTrail, type TrailEvent } from '../core/audit/cloudtrail.ts';
import type { JobPlan } from '../core/audit/planned.ts';
import { isPlanRow, isRecord, looksLikeRecord, type Recorded } from '../core/audit/records.ts';

export type Gathered = {
  readonly records: Recorded[];
  readonly plans: JobPlan[];
  trail: TrailEvent[] | undefined;
  /** What looks like a record or an event and cannot be read as one. */
  readonly broken: string[];
  /** What documents say that they lack. */
  readonly missing: string[];
  /** What is worth saying and changes no exit code. */
  readonly notes: string[];
};

export class WrongInput extends Error {}

export function take(gathered: Gathered, name: string, bytes: Uint8Array): void {
  const text = new TextDecoder().decode(isGzip(bytes) ? unzipped(name, bytes) : bytes);
  const document = parsed(text);
  if (document === undefined) takeLines(gathered, name, text);
  else takeDocument(gathered, name, document);
}

/** Lines of a log, ours among them, or of events. What begins like a line of ours and does not end is named: nobody knows what it was. */
function takeLines(gathered: Gathered, name: string, text: string): void {
  let found = 0;
  const broken: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const value = parsed(line);
    const at = `${name}, line ${index + 1},`;
    if (value === undefined && isCut(line)) broken.push(at);
    else if (value !== undefined && takeOne(gathered, at, value)) found += 1;
  }
  if (found === 0 && text.trim() !== '') throw noRecords(name);
  gathered.broken.push(...broken);
}

/** A record, an event, or what was to be one of them; false where it is neither. */
function takeOne(gathered: Gathered, at: string, value: unknown): boolean {
  if (isRecord(value)) gathered.records.push(value);
  else if (looksLikeEvent(value)) takeTrail(gathered, [value], () => at);
  else if (looksLikeRecord(value)) gathered.broken.push(at);
  else return false;
  return true;
}

function takeTrail(gathered: Gathered, events: readonly unknown[], nameOf: (index: number) => string): void {
  const { read, unread } = readEvents(events);
  gathered.trail ??= [];
  gathered.trail.push(...read);
  gathered.broken.push(...unread.map(nameOf));
}

/** A line of JSON, or the rest of one. */
function isCut(line: string): boolean {
  const words = line.match(/"(audit|runtime|identity|chain|sessionName|action|outcome|eventName|eventSource|eventTime)":/g) ?? [];
  return /^\s*\{\s*"/.test(line) || words.length > 1;
}

function noRecords(name: string): WrongInput {
  return new WrongInput(`${name}: holds no audit records: give an audit stream, an access.json or a file of CloudTrail`);
}

function unzipped(name: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new WrongInput(`${name}: cannot be unpacked (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): is it whole?`);
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A job's access.json, the result of `simulate -o json`, a file of CloudTrail, a list of records or events, or one of them. */
function takeDocument(gathered: Gathered, name: string, document: unknown): void {
  const trail = readTrail(document);
  if (trail !== undefined) {
    takeTrail(gathered, trail.events, (index) => `${name}, ${trail.field}[${index}],`);
    return;
  }
  const fields = (Array.isArray(document) ? { '': document } : document) as Readonly<Record<string, unknown>> | null;
  const list = ['', 'audit'].find((field) => Array.isArray(fields?.[field]));
  if (list !== undefined) takeList(gathered, name, list, fields?.[list] as readonly unknown[]);
  else if (fields !== null && Array.isArray(fields['accesses'])) takeJob(gathered, name, fields, fields['accesses']);
  else if (!takeOne(gathered, `${name}, the one line of it,`, document))
    throw new WrongInput(`${name}: is neither an access.json nor a file of CloudTrail`);
}

/** Whatever is in a list of records or events is to be one. */
function takeList(gathered: Gathered, name: string, field: string, list: readonly unknown[]): void {
  if (list.length > 0 && !list.some((item) => isRecord(item) || looksLikeEvent(item))) throw noRecords(name);
  for (const [index, item] of list.entries()) {
    const at = `${name}, ${field}[${index}],`;
    if (!takeOne(gathered, at, item)) gathered.broken.push(at);
  }
}

function takeJob(gathered: Gathered, name: string, fields: Readonly<Record<string, unknown>>, accesses: readonly unknown[]): void {
  const brokenOf = (field: string, list: readonly unknown[], isOne: (item: unknown) => boolean): readonly string[] =>
    list.flatMap((item, index) => (isOne(item) ? [] : [`${name}, ${field}[${index}],`]));
  const kept = accesses.filter(isRecord);
  gathered.records.push(...kept);
  gathered.broken.push(...brokenOf('accesses', accesses, isRecord));
  const { job, uid, namespace, runtime, runtimeUid, plan } = fields;
  gathered.missing.push(...lackedBy(fields).map((what) => `${name} lacks ${what}`));
  if (!Array.isArray(plan)) return;
  gathered.broken.push(...brokenOf('plan', plan, isPlanRow));
  if (typeof job === 'string' && typeof uid === 'string')
    gathered.plans.push({
      runtime: `${String(namespace)}/${String(runtime)}`,
      job: `${String(namespace)}/${job}`,
      uid,
      runtimeUid: typeof runtimeUid === 'string' ? runtimeUid : undefined,
      rows: plan.filter(isPlanRow),
      kept,
    });
}

/** What a job's document says that it lacks: what is not to be had, and what lies beside it since it was too much. */
export function lackedBy({ missing, more }: Readonly<Record<string, unknown>>): readonly string[] {
  return [...(Array.isArray(missing) ? missing.map(String) : []), ...(typeof more === 'string' ? [more] : [])];
}
