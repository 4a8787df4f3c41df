/**
 * The record of a job's accesses, complete over restarts and changes of the leader. Each process of the operator keeps what it has recorded in an object of its own,
 * `access/<number>.json`, written at the end of every reconcile that made calls; whoever ends the job merges what is there into `access.json`. A process claims its
 * number by a write that succeeds only where nothing is, so a number says how many came before, no process overwrites another's, and a late reply loses nothing.
 *
 * Node agents keep theirs beside it (`node-accesses.ts`), and they are merged in the same way; the preflight's calls are the job's that asked first.
 *
 * Lost to the object, never to the stream: the records of the one reconcile during which a process dies, the last minutes of a machine that dies, and the write of
 * access.json itself.
 */
import { accessPartKey, accessRecordKey, jobPrefix, runtimeFolder, type S3Location } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { placedRows } from '../../core/audit/place.ts';
import { mergeRecords, readRecords } from '../../core/audit/records.ts';
import type { AuditRecord } from '../../ports/aws/index.ts';
import { ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, describeFailure, isPassing } from '../identity/failure.ts';
import { type ReadParts, readNodeAccesses } from './node-accesses.ts';
import { asPoller } from './polling.ts';
import { type JobTools, type JobView, onBehalf } from './tools.ts';

/** What this process knows of a job's record. `earlier` is undefined until the objects of the processes before were read. */
export type AccessClaim = {
  readonly number: number;
  readonly mine: boolean;
  readonly earlier?: readonly AuditRecord[];
  readonly nodeParts: ReadParts;
  /** What was not there when the pods' logs were waited for no longer. */
  readonly late?: readonly string[];
  /** access.json has all that was gathered before: it is not held here any more. */
  readonly stored?: true;
};

type Records = { readonly records: readonly AuditRecord[]; readonly missing: readonly string[]; readonly more?: string };
type Gathered = Result<Records, AccessFailure>;

/** More processes than this in the life of one job: what the first ones wrote is not looked for any more. */
const mostParts = 100;
const mostBytes = 64 * 1024 * 1024;

/** Writes this process's own part where calls were made since. What cannot be written now is tried with the next reconcile. */
export async function keepAccesses(tools: JobTools, view: JobView): Promise<void> {
  const { audit, telemetry } = tools.context;
  const [runtime, job] = namesOf(view);
  if (audit.unkept(runtime, job) === 0) return;
  const kept = await writePart(tools, view);
  if (!kept.ok) telemetry.log('warn', 'accesses not kept yet', { job, reason: describeFailure(kept.error) });
}

/** All that is recorded so far, by whatever process or node agent. What the processes before this one wrote is read once. */
export async function gatherAccesses(tools: JobTools, view: JobView, isLast = false): Promise<Gathered> {
  const { audit } = tools.context;
  const [runtime, job] = namesOf(view);
  if (claimOf(tools, view)?.mine !== true) {
    const claimed = await writePart(tools, view);
    if (!claimed.ok) return claimed;
  }
  const isStored = claimOf(tools, view)?.stored === true;
  const earlier = isStored ? await readOne(tools, view, accessRecordKey(folderOfJob(view))) : await readEarlier(tools, view);
  if (!earlier.ok) return keptApart(tools, view, earlier);
  const nodes = await readNodeAccesses(tools, view, claimOf(tools, view)?.nodeParts ?? new Map(), { isLast });
  if (!nodes.ok) return keptApart(tools, view, nodes);
  const records = mergeRecords<AuditRecord>([earlier.value, nodes.value.records, audit.ofJob(runtime, job)]);
  const dropped = audit.dropped(runtime, job);
  const late = claimOf(tools, view)?.late ?? [];
  const missing = [
    ...nodes.value.missing,
    ...late,
    ...(dropped === 0 ? [] : [`${dropped} records that found no room: the streams have them`]),
  ];
  return ok({ ...nodes.value, records, missing });
}

/** Node agents that were not done in time: whatever they store later is looked for once more, when the job is cleaned up. */
export function noteLate(tools: JobTools, view: JobView, what: string): void {
  const claim = claimOf(tools, view);
  if (claim !== undefined) tools.accesses.set(view.job.metadata.uid, { ...claim, late: [...new Set([...(claim.late ?? []), what])] });
}

/** Nothing is overwritten by what is only a part of it. */
async function keptApart<T extends Gathered>(tools: JobTools, view: JobView, unread: T): Promise<T | Result<never, AccessFailure>> {
  const kept = await writePart(tools, view);
  return kept.ok ? unread : kept;
}

/** Writes what was gathered, and what came since, into access.json, as agent. */
export async function storeAccesses(tools: JobTools, view: JobView, gathered: Gathered): Promise<Result<void, AccessFailure>> {
  if (!gathered.ok) return gathered;
  const { audit } = tools.context;
  const { records } = gathered.value;
  const text = (): string => document(view, { ...gathered.value, records: mergeRecords([records, audit.ofJob(...namesOf(view))]) });
  const stored = await put(tools, view, accessRecordKey(folderOfJob(view)), text, false);
  if (!stored.ok) return stored;
  audit.keptAll(...namesOf(view));
  const claim = claimOf(tools, view);
  if (claim === undefined) return ok(undefined);
  const nodeParts = new Map([...claim.nodeParts].map(([key, part]) => [key, { ...part, records: [] }]));
  tools.accesses.set(view.job.metadata.uid, { ...claim, nodeParts, earlier: [], stored: true });
  return ok(undefined);
}

/**
 * After the last of the job's calls, the clean-up's: they are in access.json too. That it cannot be stored does not keep the job: what may pass by itself is
 * answered, to be tried again, before the moment `until` alone.
 */
export async function closeAccesses(tools: JobTools, view: JobView, until = 0): Promise<AccessFailure | undefined> {
  const [runtime, job] = namesOf(view);
  if (tools.context.audit.unkept(runtime, job) === 0) return undefined;
  const stored = await storeAccesses(tools, view, await gatherAccesses(tools, view, until === 0));
  if (!stored.ok && isPassing(stored.error) && tools.context.clock.now() < until) return stored.error;
  if (!stored.ok)
    tools.context.telemetry.log('warn', 'the last accesses are in the log stream only', { job, reason: describeFailure(stored.error) });
  forgetAccesses(tools, view.job, runtime);
  return undefined;
}

/** Nothing of the job stays in memory. */
export function forgetAccesses(tools: JobTools, job: JobView['job'], runtime: string): void {
  const { namespace, name, uid } = job.metadata;
  tools.accesses.delete(uid);
  tools.context.audit.forgetJob(runtime, `${namespace}/${name}`);
}

function claimOf(tools: JobTools, { job }: JobView): AccessClaim | undefined {
  return tools.accesses.get(job.metadata.uid);
}

async function writePart(tools: JobTools, view: JobView): Promise<Result<void, AccessFailure>> {
  const { audit } = tools.context;
  const [runtime, job] = namesOf(view);
  for (;;) {
    const claim = claimOf(tools, view) ?? { number: 1, mine: false, nodeParts: new Map() };
    const location = accessPartKey(folderOfJob(view), claim.number);
    const written = await put(
      tools,
      view,
      location,
      () => document(view, { records: audit.ofJob(runtime, job), missing: [] }),
      !claim.mine,
    );
    if (written.ok) {
      tools.accesses.set(view.job.metadata.uid, { ...claim, mine: true });
      audit.keptAll(runtime, job);
      return ok(undefined);
    }
    const taken = !claim.mine && written.error.code === 'PreconditionFailed' && claim.number < mostParts;
    if (!taken) return written;
    tools.accesses.set(view.job.metadata.uid, { ...claim, number: claim.number + 1 });
  }
}

/** What the processes before this one have written: once, since none of them writes any more. */
async function readEarlier(tools: JobTools, view: JobView): Promise<Result<readonly AuditRecord[], AccessFailure>> {
  const claim = claimOf(tools, view);
  if (claim === undefined || claim.number === 1) return ok([]);
  if (claim.earlier !== undefined) return ok(claim.earlier);
  const folder = folderOfJob(view);
  const locations = [accessRecordKey(folder), ...Array.from({ length: claim.number - 1 }, (_, index) => accessPartKey(folder, index + 1))];
  const lists: (readonly AuditRecord[])[] = [];
  for (const location of locations) {
    const read = await readOne(tools, view, location);
    if (!read.ok) return read;
    lists.push(read.value);
  }
  const earlier = mergeRecords(lists);
  tools.accesses.set(view.job.metadata.uid, { ...claim, earlier });
  return ok(earlier);
}

async function readOne(tools: JobTools, view: JobView, location: S3Location): Promise<Result<readonly AuditRecord[], AccessFailure>> {
  const object = await asPoller(tools, view, { action: 's3:GetObject', ...location }, (aws, caller) =>
    aws.s3.getObject(caller, { ...location, maxBytes: mostBytes }),
  );
  if (object.ok) return ok(readRecords(new TextDecoder().decode(object.value.body)));
  return object.error.code === 'NoSuchKey' ? ok([]) : object;
}

function put(
  tools: JobTools,
  view: JobView,
  location: S3Location,
  /** Made once the session is had, so that its own hops are in it. */
  text: () => string,
  ifNoneMatch: boolean,
): Promise<Result<unknown, AccessFailure>> {
  const at = { action: 's3:PutObject', resource: s3Arn(view.runtime.spec.region, location.bucket, location.key) };
  return actAs(tools.context, onBehalf(view, 'agent', 'log:agent'), at, (aws, caller) =>
    aws.s3.putObject(caller, {
      ...location,
      body: new TextEncoder().encode(text()),
      contentType: 'application/json',
      kmsKeyArn: view.runtime.spec.logs.kmsKeyArn,
      ...(ifNoneMatch && { ifNoneMatch }),
    }),
  );
}

/** A record a line: an indent would make some of them many times as long. */
function document(view: JobView, { records, missing, more }: Records): string {
  const { name, namespace, uid } = view.job.metadata;
  const { name: runtime, uid: runtimeUid } = view.runtime.metadata;
  const plan = placedRows(view.plan, { runtime: view.runtime, job: { name, uid }, dependencies: view.job.spec.dependencies });
  const head = {
    job: name,
    uid,
    namespace,
    runtime,
    runtimeUid,
    plan,
    ...(missing.length > 0 && { missing }),
    ...(more !== undefined && { more }),
  };
  const lines = records.map((record) => `  ${JSON.stringify(record)}`);
  return `${JSON.stringify(head, null, 1).slice(0, -2)},\n "accesses": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n `}]\n}\n`;
}

function folderOfJob({ runtime, job }: JobView) {
  return jobPrefix(runtimeFolder(runtime, 'logs'), { name: job.metadata.name, uid: job.metadata.uid });
}

function namesOf({ job, runtime }: JobView): readonly [runtime: string, job: string] {
  const { namespace, name } = job.metadata;
  return [`${namespace}/${runtime.metadata.name}`, `${namespace}/${name}`];
}
