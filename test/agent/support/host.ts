import type { FileSystem, HostError, HostPort, HostResult, InterruptionNotice, LogHandle } from '../../../src/ports/host.ts';
import { err, ok } from '../../../src/ports/result.ts';

type Inode = { readonly id: string; bytes: Buffer };

/** One container's log directory as kubelet and the runtime treat it. */
export type ContainerDirectory = {
  /** By the container, through the runtime, which holds its file open. */
  write(text: string): void;
  /** Kubelet: compresses what it rotated before, renames `0.log`. The runtime writes to the renamed file until `reopen`. */
  rename(): void;
  reopen(): void;
  rotate(): void;
  /** A rotation in which the runtime writes `first` to the old file only when `second` stands in the new one already: call the answer for that. */
  switchLate(first: string, second: string): () => void;
  restart(): void;
  /** Kubelet: keeps the newest files. */
  keep(count: number): void;
  /** All that was written. */
  written(): string;
  files(): readonly string[];
};

export type MemoryHost = HostPort & {
  container(pod: string, container: string): ContainerDirectory;
  removePod(pod: string): void;
  openHandles(): number;
  reads: { fail: boolean };
  saves: { fail: boolean };
  fileSystemList: FileSystem[];
  notice: InterruptionNotice | undefined;
  readonly grown: string[];
  poweredOff: number;
  savedState: string | undefined;
  journal: string;
};

/** A machine in memory. Pods live in namespace `finance` and are named as their uid. */
export function memoryHost(): MemoryHost {
  const pods = new Map<string, Map<string, Map<string, Inode>>>();
  let serial = 0;
  let handles = 0;

  function inode(bytes: Buffer): Inode {
    serial += 1;
    return { id: `1:${serial}`, bytes };
  }

  const host: MemoryHost = {
    reads: { fail: false },
    saves: { fail: false },
    fileSystemList: [],
    notice: undefined,
    grown: [],
    poweredOff: 0,
    savedState: undefined,
    journal: '',
    openHandles: () => handles,
    container(pod, container) {
      const containers = pods.get(pod) ?? new Map<string, Map<string, Inode>>();
      pods.set(pod, containers);
      const files = new Map<string, Inode>();
      containers.set(container, files);
      return containerDirectory(files, inode);
    },
    removePod: (pod) => void pods.delete(pod),

    async listLogPods() {
      return ok([...pods.keys()].map((uid) => ({ namespace: 'finance', name: uid, uid })));
    },
    async listLogFiles(pod) {
      const containers = pods.get(pod.uid);
      if (containers === undefined) return notFound();
      return ok([...containers].flatMap(([container, files]) => [...files].map(([file, { id }]) => ({ container, file, id }))));
    },
    async openLogFile(pod, file) {
      const found = pods.get(pod.uid)?.get(file.container)?.get(file.file);
      if (found === undefined) return notFound();
      handles += 1;
      return ok(handleOf(found));
    },
    fileSystems: async () => ok(host.fileSystemList),
    async growFileSystem(device) {
      host.grown.push(device);
      host.fileSystemList = host.fileSystemList.map((one) =>
        one.device === device && one.deviceBytes !== undefined ? { ...one, sizeBytes: one.deviceBytes } : one,
      );
      return ok(undefined);
    },
    interruption: async () => ok(host.notice),
    async powerOff() {
      host.poweredOff += 1;
      return ok(undefined);
    },
    loadState: async () => ok(host.savedState),
    async saveState(text) {
      if (host.saves.fail) return failed();
      host.savedState = text;
      return ok(undefined);
    },
    loadJournal: async () => ok(host.journal),
    async appendJournal(line) {
      if (host.saves.fail) return failed();
      host.journal += line;
      return ok(undefined);
    },
    async saveJournal(text) {
      if (host.saves.fail) return failed();
      host.journal = text;
      return ok(undefined);
    },
  };

  function handleOf(node: Inode): LogHandle {
    let open = true;
    return {
      id: node.id,
      size: async () => (host.reads.fail ? failed() : ok(node.bytes.length)),
      read: async (offset, maxBytes) => (host.reads.fail ? failed() : ok(node.bytes.subarray(offset, offset + maxBytes))),
      async close() {
        if (!open) throw new Error('closed twice');
        open = false;
        handles -= 1;
      },
    };
  }
  return host;
}

function containerDirectory(files: Map<string, Inode>, inode: (bytes: Buffer) => Inode): ContainerDirectory {
  let restart = 0;
  let rotations = 0;
  let all = '';
  let current = inode(Buffer.alloc(0));
  files.set('0.log', current);

  const directory: ContainerDirectory = {
    write(text) {
      all += text;
      current.bytes = Buffer.concat([current.bytes, Buffer.from(text)]);
    },
    rename() {
      const name = `${restart}.log`;
      const file = files.get(name);
      if (file === undefined) return;
      for (const [old, node] of Array.from(files)) {
        if (!old.startsWith(`${name}.`) || old.endsWith('.gz')) continue;
        files.delete(old);
        files.set(`${old}.gz`, inode(node.bytes));
      }
      rotations += 1;
      files.delete(name);
      files.set(`${name}.20260102-${String(rotations).padStart(6, '0')}`, file);
    },
    reopen() {
      if (files.has(`${restart}.log`)) return;
      current = inode(Buffer.alloc(0));
      files.set(`${restart}.log`, current);
    },
    rotate() {
      directory.rename();
      directory.reopen();
    },
    switchLate(first, second) {
      const old = current;
      directory.rotate();
      all += first + second;
      current.bytes = Buffer.concat([current.bytes, Buffer.from(second)]);
      return () => {
        old.bytes = Buffer.concat([old.bytes, Buffer.from(first)]);
      };
    },
    restart() {
      directory.reopen();
      restart += 1;
      directory.reopen();
    },
    keep(count) {
      const rotated = [...files.keys()].filter((name) => !/^\d+\.log$/.test(name)).sort();
      for (const name of rotated.slice(0, Math.max(0, rotated.length - count))) files.delete(name);
    },
    written: () => all,
    files: () => [...files.keys()],
  };
  return directory;
}

function notFound(): HostResult<never> {
  return err({ kind: 'NotFound', message: 'no such file' } satisfies HostError);
}

function failed(): HostResult<never> {
  return err({ kind: 'Failed', message: 'input/output error' } satisfies HostError);
}
