/**
 * What the agent's calls on behalf of jobs were, kept until it lies in the log bucket where the operator finds it: one folder for each job on this node, parts of
 * some hundred records in it. A part is written again, whole, under its name as it grows, so that neither a lost answer nor a restart loses or doubles anything:
 * what no stored part has yet is on the node's disk, too.
 */
import { createHash } from 'node:crypto';
import { nodeAccessFolder } from '../core/access/locations.ts';
import { isRecord, keyOf } from '../core/audit/records.ts';
import { backoffDelay } from '../machinery/backoff.ts';
import type { AuditPort, AuditRecord } from '../ports/aws/index.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { HostPort } from '../ports/host.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AgentSettings } from './settings.ts';

/** One object to write. `count`: so many records of the folder are in it. */
export type AccessPart = { readonly key: string; readonly body: Uint8Array; readonly count: number };

export type AccessLog = {
  /** For the adapter that makes the calls: goes on to the agent's stream. */
  readonly audit: AuditPort;
  /** What an earlier run of the agent left on the disk. Once, before the first call. */
  restore(): Promise<void>;
  /** What a pod's init container has recorded of its own calls, as often as its log is read. */
  adopt(folder: string, records: readonly AuditRecord[]): Promise<void>;
  /** What is to be stored in the folder now. `isFinal`: no call for its job is to come, so nothing waits for company. */
  next(folder: string, isFinal: boolean): AccessPart | undefined;
  stored(folder: string, part: AccessPart): Promise<void>;
  failed(folder: string): void;
  /** Whether a stored part has all that is known of the folder, but for the record of its own writing. */
  isSettled(folder: string): boolean;
  /** The records of the last writing of each settled folder, which no part can have. */
  last(): readonly AuditRecord[];
  /** The folders that are still written to: what has long been none of them is let go. */
  keep(folders: ReadonlySet<string>): Promise<void>;
};

export type AccessLogOptions = {
  /** The agent's own stream. */
  readonly sink: AuditPort;
  readonly host: Pick<HostPort, 'loadJournal' | 'appendJournal' | 'saveJournal'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly settings: Pick<AgentSettings, 'partRecords' | 'partMs' | 'backoff'>;
};

type Folder = {
  /** Of the part that grows, in the order in which they came. */
  records: AuditRecord[];
  /** Keys of what pods have told. */
  readonly adopted: Set<string>;
  /** So many of them are in the bucket. */
  stored: number;
  /** Monotonic clock: since when something waits. */
  waitingSince: number | undefined;
  unusedSince: number | undefined;
  failures: number;
  notBefore: number;
};

/** The operator has read the last report of it by then. */
const forgetAfterMs = 600_000;

export function createAccessLog(options: AccessLogOptions): AccessLog {
  const { sink, host, clock, telemetry, settings } = options;
  const folders = new Map<string, Folder>();
  /** One write of the journal at a time, in order. */
  let journal: Promise<unknown> = Promise.resolve();

  function folderAt(name: string): Folder {
    const known = folders.get(name);
    if (known !== undefined) return known;
    const made = {
      records: [],
      adopted: new Set<string>(),
      stored: 0,
      waitingSince: undefined,
      unusedSince: undefined,
      failures: 0,
      notBefore: 0,
    };
    folders.set(name, made);
    return made;
  }

  function add(name: string, record: AuditRecord): void {
    const folder = folderAt(name);
    folder.records.push(record);
    if (!isOwnWriting(record)) folder.waitingSince ??= clock.monotonic();
  }

  /** A disk that takes nothing costs what a crash would take along, and no call. */
  async function write(task: () => ReturnType<HostPort['appendJournal']>): Promise<void> {
    const done = journal.then(task);
    journal = done;
    const written = await done;
    if (!written.ok) telemetry.log('warn', 'records of accesses are not on the disk', { reason: written.error.message });
  }

  async function rewrite(): Promise<void> {
    await write(() =>
      host.saveJournal([...folders].flatMap(([name, { records }]) => records.map((record) => lineOf(name, record))).join('')),
    );
  }

  return {
    audit: {
      refusal: () => sink.refusal?.(),
      async record(record) {
        const streamed = sink.record(record);
        const name = folderOf(record);
        if (name !== undefined) {
          add(name, record);
          await write(() => host.appendJournal(lineOf(name, record)));
        }
        await streamed;
      },
    },
    async restore() {
      const text = await host.loadJournal();
      if (!text.ok) telemetry.log('warn', 'no records of an earlier run', { reason: text.error.message });
      const lines = text.ok ? (text.value ?? '') : '';
      for (const { folder, record } of readJournal(lines)) add(folder, record);
      // What a crash has torn would spoil the next line.
      if (!lines.endsWith('\n') && lines !== '') await rewrite();
    },
    async adopt(name, records) {
      const { adopted } = folderAt(name);
      const fresh = records.filter((record) => !adopted.has(keyOf(record)));
      for (const record of fresh) {
        adopted.add(keyOf(record));
        add(name, record);
      }
      if (fresh.length > 0) await write(() => host.appendJournal(fresh.map((record) => lineOf(name, record)).join('')));
    },
    next(name, isFinal) {
      const folder = folders.get(name);
      const [first] = folder?.records ?? [];
      if (folder?.waitingSince === undefined || first === undefined) return undefined;
      const now = clock.monotonic();
      const waiting = folder.records.length - folder.stored;
      const isDue = isFinal || folder.records.length >= settings.partRecords || now - folder.waitingSince >= settings.partMs;
      if (!isDue || waiting === 0 || now < folder.notBefore) return undefined;
      const body = new TextEncoder().encode(`{"accesses":[\n${folder.records.map((record) => JSON.stringify(record)).join(',\n')}\n]}\n`);
      return { key: `${name}/${partName(first)}`, body, count: folder.records.length };
    },
    async stored(name, { count }) {
      const folder = folderAt(name);
      folder.failures = 0;
      folder.stored = count;
      folder.waitingSince = folder.records.slice(count).every(isOwnWriting) ? undefined : clock.monotonic();
      if (count < settings.partRecords) return;
      folder.records = folder.records.slice(count);
      folder.stored = 0;
      await rewrite();
    },
    failed(name) {
      const folder = folderAt(name);
      folder.failures += 1;
      folder.notBefore = clock.monotonic() + backoffDelay(settings.backoff, folder.failures, options.random);
    },
    isSettled: (name) => folders.get(name)?.waitingSince === undefined,
    last: () =>
      [...folders.values()].flatMap(({ records, stored, waitingSince }) => {
        const record = records.slice(stored).at(-1);
        return waitingSince === undefined && record !== undefined ? [record] : [];
      }),
    async keep(used) {
      let dropped = false;
      for (const [name, folder] of folders) {
        folder.unusedSince = used.has(name) ? undefined : (folder.unusedSince ?? clock.monotonic());
        if (folder.unusedSince === undefined || clock.monotonic() - folder.unusedSince < forgetAfterMs) continue;
        folders.delete(name);
        dropped = true;
      }
      if (dropped) await rewrite();
    },
  };
}

function keyOfObject({ resource }: AuditRecord): string {
  const [, path = ''] = resource.split(':::');
  return path.slice(path.indexOf('/') + 1);
}

/** Of a part, or of a piece of a log: `<pod's logs>/<container>/<piece>`. */
function folderOf(record: AuditRecord): string | undefined {
  if (record.job === undefined) return undefined;
  const path = keyOfObject(record).split('/');
  return isOwnWriting(record) ? path.slice(0, -1).join('/') : nodeAccessFolder(path.slice(0, -2).join('/'));
}

function isOwnWriting(record: AuditRecord): boolean {
  return /\/access\/(master|worker)\/[^/]+\/[^/]+\.json$/.test(keyOfObject(record));
}

/** By its first record, which stays the same while it grows: `20260102t030405678z-0a1b2c3d.json`. */
function partName(first: AuditRecord): string {
  const digest = createHash('sha256').update(keyOf(first)).digest('hex');
  return `${first.time.replace(/[^0-9TZ]/g, '').toLowerCase()}-${digest.slice(0, 8)}.json`;
}

function lineOf(folder: string, record: AuditRecord): string {
  return `${JSON.stringify({ folder, record })}\n`;
}

type JournalLine = { readonly folder: string; readonly record: AuditRecord };

/** What a crash has torn is the last line, whose call was not done. */
function readJournal(text: string): readonly JournalLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value !== 'object' || value === null || !('folder' in value) || !('record' in value)) return [];
      return typeof value.folder === 'string' && isRecord(value.record) ? [{ folder: value.folder, record: value.record }] : [];
    } catch {
      return [];
    }
  });
}
