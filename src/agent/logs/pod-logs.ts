import type { HostPort, LogPod } from '../../ports/host.ts';
import type { PodState } from '../state.ts';
import { byContainer } from './names.ts';
import { createLogStream, type LogPosition, type LogStream, type LogStreamOptions } from './stream.ts';

/** Where a pod's logs go, and on whose behalf. */
export type PodTarget = Pick<PodState, 'namespace' | 'name' | 'runtime' | 'job' | 'keyPrefix'> & { readonly uid: string };

/** The log of one container, and when it is to be shipped. */
export type ContainerLog = {
  readonly container: string;
  readonly stream: LogStream;
  /** Monotonic clock: since when something waits to be shipped. */
  waitingSince: number | undefined;
  /** After a failed upload. */
  notBefore: number;
  failures: number;
};

export type PodLogs = {
  readonly target: PodTarget;
  readonly containers: ReadonlyMap<string, ContainerLog>;
  /** The broker says that no container writes any more, or does not name the pod any more. */
  finished: boolean;
  /** In the broker's last answer. */
  named: boolean;
  /** The whole log is in the bucket. */
  readonly flushed: boolean;
  scan(): Promise<void>;
  bytes(): { readonly shipped: number; readonly pending: number; readonly missing: number };
  /** To be saved before anything more is shipped. */
  state(): PodState;
  close(): Promise<void>;
};

export type PodLogsOptions = Pick<LogStreamOptions, 'host' | 'clock' | 'chunkBytes'> & {
  readonly host: HostPort;
  readonly target: PodTarget;
  readonly settleMs: number;
  readonly state?: PodState | undefined;
  readonly onGap: (container: string, message: string) => void;
};

export function createPodLogs(options: PodLogsOptions): PodLogs {
  const { host, clock, target } = options;
  const pod: LogPod = { namespace: target.namespace, name: target.name, uid: target.uid };
  const containers = new Map<string, ContainerLog>();
  let flushed = options.state?.flushed ?? false;
  /** Since when all is shipped and nothing was added, on the monotonic clock. */
  let quietSince: number | undefined;
  let kept = options.state;
  for (const [container, position] of Object.entries(options.state?.containers ?? {})) open(container, position);

  function open(container: string, position?: LogPosition): ContainerLog {
    const stream = createLogStream({
      host,
      clock,
      pod,
      chunkBytes: options.chunkBytes,
      position,
      onGap: (message) => options.onGap(container, message),
    });
    const log: ContainerLog = { container, stream, waitingSince: undefined, notBefore: 0, failures: 0 };
    containers.set(container, log);
    return log;
  }

  /** A runtime may write a last line a moment after the container's end was seen. */
  async function settle(allTaken: boolean): Promise<void> {
    const pending = !allTaken || [...containers.values()].some(({ stream }) => stream.pendingBytes() > 0);
    if (!logs.finished || pending) {
      quietSince = undefined;
      return;
    }
    quietSince ??= clock.monotonic();
    if (clock.monotonic() - quietSince < options.settleMs) return;
    kept = logs.state();
    flushed = true;
    await logs.close();
  }

  const logs: PodLogs = {
    target,
    containers,
    finished: false,
    named: false,
    get flushed() {
      return flushed;
    },
    async scan() {
      if (flushed) return;
      const files = await host.listLogFiles(pod);
      // Gone: what is held open is all there is. Not readable now: nothing is known of it.
      if (!files.ok && files.error.kind !== 'NotFound') return;
      const listed = byContainer(files.ok ? files.value : []);
      for (const container of listed.keys()) if (!containers.has(container)) open(container);
      let allTaken = true;
      for (const log of containers.values()) {
        if (!(await log.stream.scan(listed.get(log.container) ?? []))) allTaken = false;
        if (log.stream.pendingBytes() === 0) log.waitingSince = undefined;
        else log.waitingSince ??= clock.monotonic();
      }
      await settle(allTaken);
    },
    bytes() {
      const sum = { shipped: 0, pending: 0, missing: 0 };
      if (flushed) {
        for (const { before, written, missing } of Object.values(kept?.containers ?? {})) {
          sum.shipped += before + written;
          sum.missing += missing;
        }
        return sum;
      }
      for (const { stream } of containers.values()) {
        sum.shipped += stream.shippedBytes();
        sum.pending += stream.pendingBytes();
        sum.missing += stream.missingBytes();
      }
      return sum;
    },
    state() {
      if (flushed && kept !== undefined) return { ...kept, flushed };
      const { uid, ...facts } = target;
      void uid;
      const positions: Record<string, LogPosition> = {};
      for (const [container, { stream }] of containers) {
        const position = stream.note();
        if (position !== undefined) positions[container] = position;
      }
      return { ...facts, flushed, containers: positions };
    },
    async close() {
      for (const { stream } of containers.values()) await stream.close();
    },
  };
  return logs;
}
