import type { Clock } from '../../ports/clock.ts';
import type { HostPort, LogFile, LogHandle, LogPod } from '../../ports/host.ts';
import { fingerprintBytes, sameBytes } from './fingerprint.ts';
import { compareLogNames, type LogName, parseLogName } from './names.ts';

/** One file of a container's log, held open: it can be read to its end after it was renamed, compressed or removed. */
export type HeldFile = {
  readonly handle: LogHandle;
  name: LogName;
  size: number;
  prefix: Uint8Array;
  /** Under its own name or as its compressed copy. */
  listed: boolean;
  /** When a later file was first seen, on the monotonic clock. */
  supersededAt: number | undefined;
  /** Nothing will be added to it any more. */
  sealed: boolean;
};

export type HeldFiles = {
  /** Oldest first. */
  readonly list: readonly HeldFile[];
  /** Takes what the directory holds now: opens what is new, notes renames, sizes and ends. False where something could not be read now. */
  scan(files: readonly LogFile[]): Promise<boolean>;
  /** Lets go of the oldest. */
  shift(): Promise<void>;
  close(): Promise<void>;
};

/** Runtimes switch to the new file a moment after it is there: what they still write to the old one must not be missed. */
const sealAfterMs = 1_000;

export function createHeldFiles(parts: { readonly host: HostPort; readonly clock: Clock; readonly pod: LogPod }): HeldFiles {
  const { host, clock, pod } = parts;
  let list: HeldFile[] = [];
  /** Ids of files that were read to their end, and of compressed copies, as long as they are listed. */
  const done = new Map<string, Uint8Array>();

  /** False where it could not be read now: what is younger must wait, or it would be shipped before it. */
  async function adopt(file: LogFile, name: LogName): Promise<boolean> {
    const opened = await host.openLogFile(pod, file);
    if (!opened.ok) return opened.error.kind === 'NotFound';
    const handle = opened.value;
    const size = await handle.size();
    const prefix = await handle.read(0, fingerprintBytes);
    // Renamed since it was listed: the next look finds both.
    const readable = handle.id === file.id && size.ok && prefix.ok;
    // An empty file has nothing to be known by yet.
    if (!readable || prefix.value.length === 0 || isCopy(file.id, name, prefix.value)) {
      await handle.close();
      return readable;
    }
    list.push({ handle, name, size: size.value, prefix: prefix.value, listed: true, supersededAt: undefined, sealed: false });
    return true;
  }

  /** Kubelet compresses what it rotated before: another file with the same content. */
  function isCopy(id: string, name: LogName, prefix: Uint8Array): boolean {
    const held = list.find((one) => sameBytes(one.prefix, prefix));
    const original = held?.prefix ?? [...done.values()].find((one) => sameBytes(one, prefix));
    if (original === undefined) return false;
    done.set(id, original);
    if (held !== undefined) note(held, name);
    return true;
  }

  async function refresh(held: HeldFile): Promise<void> {
    const size = await held.handle.size();
    if (!size.ok) return;
    held.size = size.value;
    if (held.prefix.length >= fingerprintBytes || held.size <= held.prefix.length) return;
    const prefix = await held.handle.read(0, fingerprintBytes);
    if (prefix.ok) held.prefix = prefix.value;
  }

  function seal(now: number): void {
    for (const [index, held] of list.entries()) {
      if (held.sealed || index === list.length - 1) continue;
      held.supersededAt ??= now;
      if (now - held.supersededAt >= sealAfterMs) held.sealed = true;
    }
  }

  return {
    get list() {
      return list;
    },
    async scan(files) {
      const now = clock.monotonic();
      for (const held of list) {
        held.listed = false;
        if (!held.sealed) await refresh(held);
      }
      const fresh = files.flatMap((file) => {
        const name = parseLogName(file.file);
        return name === undefined || isKnown(file, name) ? [] : [{ file, name }];
      });
      let allTaken = true;
      for (const { file, name } of fresh.sort((one, other) => compareLogNames(one.name, other.name))) {
        allTaken = await adopt(file, name);
        if (!allTaken) break;
      }
      // Kubelet removes the oldest first, so what is not listed any more is older than what is.
      list = [
        ...list.filter(({ listed }) => !listed),
        ...list.filter(({ listed }) => listed).sort((one, other) => compareLogNames(one.name, other.name)),
      ];
      seal(now);
      const ids = new Set(files.map(({ id }) => id));
      for (const id of done.keys()) if (!ids.has(id)) done.delete(id);
      return allTaken;
    },
    async shift() {
      const [first, ...rest] = list;
      if (first === undefined) return;
      list = rest;
      done.set(first.handle.id, first.prefix);
      await first.handle.close();
    },
    async close() {
      const held = list;
      list = [];
      for (const { handle } of held) await handle.close();
    },
  };

  function isKnown(file: LogFile, name: LogName): boolean {
    const prefix = done.get(file.id);
    const held = list.find((one) => one.handle.id === file.id || (prefix !== undefined && sameBytes(one.prefix, prefix)));
    if (held !== undefined) note(held, name);
    return held !== undefined || prefix !== undefined;
  }
}

function note(held: HeldFile, name: LogName): void {
  held.name = name;
  held.listed = true;
}
