import { closeSync, fstatSync, openSync, statSync, write, writeSync } from 'node:fs';
import type { AuditSink } from './audit-stream.ts';

/**
 * Lines between the log lines of stdout, told by `"audit": true`. A write of at most PIPE_BUF bytes to a pipe is never torn by another one (POSIX write(2);
 * 4,096 on Linux), so that log lines, which are written synchronously, cannot end up inside of a record; a longer line is written synchronously too.
 */
export function stdoutSink(fd = 1): AuditSink {
  const atomic = 4_096;
  return {
    name: 'stdout',
    batchBytes: atomic,
    write: (bytes) => (bytes.length > atomic ? writeSync(fd, bytes) : writeTo(fd, bytes)),
    writeSync: (bytes) => writeAll(fd, bytes),
  };
}

/** How often the file at the path is looked at: whoever rotates it by renaming gets a new one within this time. */
const lookMs = 1_000;

/**
 * Appends to a file of its own. Rotation is the platform's: both ways work, renaming (the path is opened anew once another file, or none, is there) and
 * copying then truncating (the file is opened for appending). Throws where the file cannot be opened at the start.
 */
export function fileSink(path: string, now: () => number): AuditSink {
  let fd = openSync(path, 'a', 0o640);
  let lookedAt = now();
  let lineBegun = false;

  function current(): number {
    if (lineBegun || now() - lookedAt < lookMs) return fd;
    lookedAt = now();
    if (inodeAt(path) === fstatSync(fd).ino) return fd;
    const fresh = openSync(path, 'a', 0o640);
    closeSync(fd);
    fd = fresh;
    return fd;
  }

  return {
    name: path,
    batchBytes: 1 << 18,
    async write(bytes) {
      const written = await writeTo(current(), bytes);
      // What was taken in part is finished in the same file.
      lineBegun = written < bytes.length;
      return written;
    },
    writeSync: (bytes) => writeAll(fd, bytes),
  };
}

function inodeAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function writeTo(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, null, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

/** A reader that does not take it now will not before the process has ended. */
function writeAll(fd: number, bytes: Buffer): void {
  try {
    for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
  } catch {
    // There is nobody left to tell.
  }
}
