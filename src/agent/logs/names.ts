import type { LogFile } from '../../ports/host.ts';

/** Which part of a container's log a file is: kubelet's names (pkg/kubelet/logs/container_log_manager.go). */
export type LogName = {
  /** Restart of the container, from 0. */
  readonly restart: number;
  /** When kubelet rotated it, `20260102-030405`; undefined while the container writes to it. */
  readonly rotated: string | undefined;
  readonly compressed: boolean;
};

const pattern = /^(\d{1,9})\.log(?:\.(\d{8}-\d{6}))?(\.gz)?$/;

/** Undefined for what is no log: kubelet's half-written `….tmp`. */
export function parseLogName(file: string): LogName | undefined {
  const match = pattern.exec(file);
  if (match === null) return undefined;
  const [, restart = '', rotated, compressed] = match;
  return { restart: Number(restart), rotated, compressed: compressed !== undefined };
}

/** Oldest first: restarts in order, in each the rotated files by time, then the one being written. */
export function compareLogNames(one: LogName, other: LogName): number {
  if (one.restart !== other.restart) return one.restart - other.restart;
  const [left, right] = [one.rotated ?? '~', other.rotated ?? '~'];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Files by container, what is no log left out. */
export function byContainer(files: readonly LogFile[]): ReadonlyMap<string, readonly LogFile[]> {
  const containers = new Map<string, LogFile[]>();
  for (const file of files) {
    if (parseLogName(file.file) === undefined) continue;
    const of = containers.get(file.container) ?? [];
    of.push(file);
    containers.set(file.container, of);
  }
  return containers;
}

const digits = 8;

/** `00000042.log`: names in order of the log are in order of the alphabet, as S3 lists them. */
export function chunkName(sequence: number): string {
  return `${String(sequence).padStart(digits, '0')}.log`;
}
