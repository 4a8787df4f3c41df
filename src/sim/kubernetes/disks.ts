import type { StoredPod } from './pods.ts';
import { timestamp } from './time.ts';

/** A log file of one container under /var/log/pods, as the node agent finds it. */
export type PodLog = {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  /** /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log */
  readonly path: string;
  /** Bytes in it now. */
  readonly size: number;
  /** Nothing will be added any more. */
  readonly finished: boolean;
  /** Bytes [from, from + length), as far as they are there. */
  read(from: number, length: number): Buffer;
};

/** When a container ran, milliseconds since the epoch. */
export type ContainerRun = {
  readonly pod: StoredPod;
  readonly container: string;
  readonly restarts: number;
  readonly from: number;
  readonly to?: number;
};

const LINE_EVERY_MS = 5000;
const LINE_BYTES = 120;

/** A line every five seconds and one at the end, each of the same length, so that any range can be made without what comes before it. */
export function logOf(run: ContainerRun, now: number): PodLog {
  const { pod, container, restarts, from, to } = run;
  const { namespace = '', name, uid } = pod.metadata;
  const lines = Math.floor(((to ?? now) - from) / LINE_EVERY_MS) + (to === undefined ? 0 : 1);
  const size = lines * LINE_BYTES;

  function line(index: number): string {
    const at = Math.min(from + (index + 1) * LINE_EVERY_MS, to ?? Number.POSITIVE_INFINITY);
    const text = `${timestamp(at).replace('Z', '.000000000Z')} stdout F ${namespace}/${name} ${container} line ${index + 1}`;
    return `${text.slice(0, LINE_BYTES - 1).padEnd(LINE_BYTES - 1, '.')}\n`;
  }

  return {
    namespace,
    pod: name,
    uid,
    container,
    path: `/var/log/pods/${namespace}_${name}_${uid}/${container}/${restarts}.log`,
    size,
    finished: to !== undefined,
    read(start, length) {
      const end = Math.min(size, start + length);
      if (start >= end) return Buffer.alloc(0);
      const first = Math.floor(start / LINE_BYTES);
      const last = Math.ceil(end / LINE_BYTES);
      const text = Array.from({ length: last - first }, (_, index) => line(first + index)).join('');
      return Buffer.from(text).subarray(start - first * LINE_BYTES, end - first * LINE_BYTES);
    },
  };
}

const GIB_PER_HOUR = 1024 ** 3 / 3_600_000;

/** Bytes that a run has put onto its node's volume: `writes-gib-per-hour`, while it runs. */
export function bytesOf(run: ContainerRun, gibPerHour: number, now: number): number {
  return Math.floor(((run.to ?? now) - run.from) * gibPerHour * GIB_PER_HOUR);
}
