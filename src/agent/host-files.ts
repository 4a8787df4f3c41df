import { constants } from 'node:fs';
import { appendFile, type FileHandle, lstat, mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HostError, HostPort, HostResult, LogFile, LogHandle, LogPod } from '../ports/host.ts';
import { err, ok } from '../ports/result.ts';
import { gunzipped } from './host-gzip.ts';

/** The part of the machine that is files: log directories and the agent's own state. */
export function hostFiles(options: {
  /** /var/log/pods */
  readonly logDirectory: string;
  readonly stateFile: string;
}): Pick<
  HostPort,
  'listLogPods' | 'listLogFiles' | 'openLogFile' | 'loadState' | 'saveState' | 'loadJournal' | 'appendJournal' | 'saveJournal'
> {
  const { logDirectory, stateFile } = options;
  const journalFile = join(dirname(stateFile), 'accesses.jsonl');
  const directoryOf = ({ namespace, name, uid }: LogPod): string => join(logDirectory, `${namespace}_${name}_${uid}`);

  return {
    async listLogPods() {
      return await attempt(async () => (await readdir(logDirectory)).flatMap((entry) => parsePodDirectory(entry) ?? []));
    },
    async listLogFiles(pod) {
      return await attempt(async () => {
        const directory = directoryOf(pod);
        const containers = await readdir(directory, { withFileTypes: true });
        const files: LogFile[] = [];
        for (const container of containers) {
          if (container.isDirectory()) files.push(...(await logFiles(join(directory, container.name), container.name)));
        }
        return files;
      });
    },
    async openLogFile(pod, file) {
      // Never through a link: a container that could place one would have another's file shipped as its log.
      return await attempt(async () => {
        const path = join(directoryOf(pod), file.container, file.file);
        const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
        try {
          const facts = await handle.stat({ bigint: true });
          if (!facts.isFile()) throw new Error('no regular file');
          return file.file.endsWith('.gz') ? gunzipped(handle, idOf(facts)) : plain(handle, idOf(facts));
        } catch (error) {
          await handle.close();
          throw error;
        }
      });
    },
    loadState: () => load(stateFile),
    saveState: (text) => save(stateFile, text),
    loadJournal: () => load(journalFile),
    async appendJournal(line) {
      return await attempt(async () => {
        await mkdir(dirname(journalFile), { recursive: true });
        await appendFile(journalFile, line, { mode: 0o600 });
      });
    },
    saveJournal: (text) => save(journalFile, text),
  };
}

async function load(file: string): Promise<HostResult<string | undefined>> {
  const text = await attempt(() => readFile(file, 'utf8'));
  return text.ok || text.error.kind !== 'NotFound' ? text : ok(undefined);
}

async function save(file: string, text: string): Promise<HostResult<void>> {
  return await attempt(async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, text, { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  });
}

/** Namespaces, pod names and UIDs hold no underscore. */
function parsePodDirectory(entry: string): LogPod | undefined {
  const [namespace, name, uid, more] = entry.split('_');
  if (namespace === undefined || name === undefined || uid === undefined || uid === '' || more !== undefined) return undefined;
  return { namespace, name, uid };
}

async function logFiles(directory: string, container: string): Promise<readonly LogFile[]> {
  const files: LogFile[] = [];
  for (const file of await readdir(directory)) {
    const facts = await attempt(() => lstat(join(directory, file), { bigint: true }));
    if (facts.ok && facts.value.isFile()) files.push({ container, file, id: idOf(facts.value) });
  }
  return files;
}

/** A number of an inode is soon used again, the time of its birth is not. */
function idOf({ dev, ino, birthtimeNs }: { readonly dev: bigint; readonly ino: bigint; readonly birthtimeNs: bigint }): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

function plain(handle: FileHandle, id: string): LogHandle {
  return {
    id,
    size: () => attempt(async () => (await handle.stat()).size),
    read: (offset, maxBytes) =>
      attempt(async () => {
        const buffer = Buffer.alloc(maxBytes);
        let length = 0;
        for (;;) {
          const { bytesRead } = await handle.read(buffer, length, maxBytes - length, offset + length);
          length += bytesRead;
          if (bytesRead === 0 || length === maxBytes) return buffer.subarray(0, length);
        }
      }),
    close: () => handle.close(),
  };
}

/** A call to the machine whose failure is a value. */
export async function attempt<T>(call: () => Promise<T>): Promise<HostResult<T>> {
  try {
    return ok(await call());
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return err({ kind: code === 'ENOENT' || code === 'ENOTDIR' ? 'NotFound' : 'Failed', message } satisfies HostError);
  }
}
