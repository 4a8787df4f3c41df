import type { Clock } from '../../ports/clock.ts';
import type { HostPort, HostResult, LogFile, LogPod } from '../../ports/host.ts';
import { fingerprint, hasFingerprint } from './fingerprint.ts';
import { createHeldFiles, type HeldFile } from './held-files.ts';

/**
 * Where a container's log stands: chunk `sequence` begins at `offset` of the file with this fingerprint. Kept across restarts of the agent; however old it
 * is, going on from it makes the same chunks under the same names again.
 */
export type LogPosition = {
  readonly sequence: number;
  readonly fingerprint: string;
  readonly offset: number;
  /** Bytes of that chunk that are in the bucket. */
  readonly written: number;
  /** Bytes in the chunks before. */
  readonly before: number;
  /** Bytes that were gone before they could be shipped, as far as known. */
  readonly missing: number;
};

/** One object to write. The last chunk grows: it is written again, whole, under the same name. */
export type Chunk = { readonly sequence: number; readonly offset: number; readonly length: number; readonly full: boolean };

export type LogStream = {
  /** False where a file could not be read now. */
  scan(files: readonly LogFile[]): Promise<boolean>;
  /** Undefined where everything that is known is shipped, or the file was not noted yet. */
  next(): Chunk | undefined;
  read(chunk: Chunk): Promise<HostResult<Uint8Array>>;
  /** The chunk is in the bucket. */
  shipped(chunk: Chunk): Promise<void>;
  shippedBytes(): number;
  pendingBytes(): number;
  missingBytes(): number;
  /**
   * The position, to be saved. Chunks of its file may be shipped from then on: whoever resumes finds that file or, where it is gone, later ones of which
   * nothing was shipped.
   */
  note(): LogPosition | undefined;
  close(): Promise<void>;
};

export type LogStreamOptions = {
  readonly host: HostPort;
  readonly clock: Clock;
  readonly pod: LogPod;
  readonly chunkBytes: number;
  readonly position?: LogPosition | undefined;
  /** Something of the log is gone. */
  readonly onGap: (message: string) => void;
};

/** Kubelet keeps five files of a container by default (containerLogMaxFiles): with fewer, none was removed. */
const filesBeforeRemoval = 5;
/** After a gap nobody knows how many chunks there were: the sequence goes on at the next multiple, so that none is overwritten. */
const gapStep = 10_000;
/** Files that were removed and are held open all the same: they take room on the node's disk. */
const maxRemovedFiles = 8;

/**
 * A container's log as a sequence of chunks. A chunk lies in one file and is full at `chunkBytes` or at the file's end, so its bounds follow from the log
 * alone: whoever ships it, and however often, writes the same bytes under the same name.
 */
export function createLogStream(options: LogStreamOptions): LogStream {
  const { chunkBytes } = options;
  const files = createHeldFiles(options);
  let resumeAt = options.position;
  let started = false;
  let noted: HeldFile | undefined;
  let sequence = 0;
  /** Where the chunk begins in the first held file, and how much of it is in the bucket. */
  let offset = 0;
  let written = resumeAt?.written ?? 0;
  let before = resumeAt?.before ?? 0;
  let missing = resumeAt?.missing ?? 0;

  /** Once there is something to read. */
  async function start(): Promise<void> {
    const first = files.list[0];
    if (first === undefined) return;
    started = true;
    const wanted = resumeAt;
    resumeAt = undefined;
    if (wanted === undefined) {
      const complete = first.name.restart === 0 && files.list.filter(({ name }) => name.restart === 0).length < filesBeforeRemoval;
      if (!complete) skip('the log was rotated away before it was first read', 0);
      return;
    }
    const found = files.list.findIndex((held) => hasFingerprint(held.prefix, wanted.fingerprint) && held.size >= wanted.offset);
    sequence = wanted.sequence;
    if (found === -1) {
      before += written;
      written = 0;
      return skip('what was not shipped before the restart was rotated away', 0);
    }
    for (let passed = 0; passed < found; passed += 1) await files.shift();
    offset = wanted.offset;
  }

  function skip(reason: string, bytes: number): void {
    sequence = (Math.floor(sequence / gapStep) + 1) * gapStep;
    missing += bytes;
    options.onGap(reason);
  }

  /** The next chunk is in the next file. */
  async function leaveFile(): Promise<void> {
    if (written > 0) sequence += 1;
    before += written;
    offset = 0;
    written = 0;
    await files.shift();
  }

  async function leaveFinished(): Promise<void> {
    for (let first = files.list[0]; first?.sealed === true && offset + written >= first.size; first = files.list[0]) await leaveFile();
  }

  /** The disk of the node is worth more than its logs. */
  async function dropRemoved(): Promise<void> {
    const removed = files.list.filter(({ listed, sealed }) => !listed && sealed);
    for (const held of removed.slice(0, Math.max(0, removed.length - maxRemovedFiles))) {
      const bytes = held.size - offset - written;
      await leaveFile();
      skip('a removed file was held for too long', bytes);
    }
  }

  /** Nobody truncates a container's log; were it done, what comes after would be read from its beginning. */
  function restartTruncated(first: HeldFile | undefined): void {
    if (first === undefined || first.size >= offset + written) return;
    before += written;
    offset = 0;
    written = 0;
    skip('the file became shorter', 0);
  }

  return {
    async scan(listed) {
      const allTaken = await files.scan(listed);
      if (!started && allTaken) await start();
      restartTruncated(files.list[0]);
      await leaveFinished();
      await dropRemoved();
      return allTaken;
    },
    next() {
      const first = files.list[0];
      if (first === undefined || first !== noted) return undefined;
      const length = Math.min(first.size - offset, chunkBytes);
      if (length <= written) return undefined;
      return { sequence, offset, length, full: length === chunkBytes || (first.sealed && offset + length === first.size) };
    },
    async read(chunk) {
      const first = files.list[0];
      if (first === undefined) throw new Error('a chunk was read of a log that holds no file');
      const body = await first.handle.read(chunk.offset, chunk.length);
      if (body.ok && body.value.length < chunk.length) return { ok: false, error: { kind: 'Failed', message: 'the file became shorter' } };
      return body;
    },
    async shipped(chunk) {
      written = chunk.length;
      if (written === chunkBytes) {
        sequence += 1;
        offset += written;
        before += written;
        written = 0;
      }
      await leaveFinished();
    },
    shippedBytes: () => before + written,
    pendingBytes: () => (started ? files.list.reduce((sum, { size }) => sum + size, 0) - offset - written : 0),
    missingBytes: () => missing,
    note() {
      const first = files.list[0];
      if (first === undefined || !started) return resumeAt;
      noted = first;
      return { sequence, fingerprint: fingerprint(first.prefix), offset, written, before, missing };
    },
    close: () => files.close(),
  };
}
