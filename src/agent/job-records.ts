import { nodeAccessFolder } from '../core/access/locations.ts';
import type { AwsResult } from '../ports/aws/index.ts';
import type { BrokerAnswer } from '../ports/broker.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AccessLog, AccessPart } from './accesses.ts';
import { limited } from './limited.ts';
import type { PodLogs } from './logs/pod-logs.ts';
import { recordsIn } from './logs/record-lines.ts';

export type ObjectToWrite = { readonly key: string; readonly body: Uint8Array; readonly contentType: string };

/** The records of accesses of the jobs whose pods are here, on their way into the log bucket. */
export type JobRecords = {
  /** The pod's own calls before its containers began: recorded by us, in a log of its. */
  adopt(pod: PodLogs, log: Uint8Array): Promise<void>;
  /** Whether log and records of a pod are all in the bucket. */
  isWhole(pod: PodLogs): boolean;
  /** Stores what is due; after the logs, so that it has the records of these. Whether a session was refused. */
  store(pods: Iterable<PodLogs>, current: BrokerAnswer): Promise<boolean>;
  /** What is no pod's of these is let go in time. */
  keep(pods: Iterable<PodLogs>): Promise<void>;
};

export function createJobRecords(options: {
  readonly accesses: AccessLog;
  /** On behalf of the pod's job. */
  readonly put: (pod: PodLogs, current: BrokerAnswer, object: ObjectToWrite) => Promise<AwsResult<unknown>>;
  readonly telemetry: Telemetry;
  /** Writes at a time. */
  readonly uploads: number;
}): JobRecords {
  const { accesses, put, telemetry } = options;

  async function write(pod: PodLogs, current: BrokerAnswer, folder: string, part: AccessPart): Promise<boolean> {
    const stored = await put(pod, current, { key: part.key, body: part.body, contentType: 'application/json' });
    if (stored.ok) {
      await accesses.stored(folder, part);
      return false;
    }
    accesses.failed(folder);
    const { kind, code, message } = stored.error;
    telemetry.count('agent_log_failures_total');
    telemetry.log('warn', 'records of accesses not stored', { folder, reason: `${code}: ${message}` });
    return kind === 'AccessDenied' || kind === 'Expired';
  }

  return {
    async adopt({ target }, log) {
      const folder = nodeAccessFolder(target.keyPrefix);
      const own = recordsIn(log).filter(({ runtime, job }) => runtime === target.runtime && job === `${target.namespace}/${target.job}`);
      if (folder !== undefined) await accesses.adopt(folder, own);
    },
    isWhole({ target, flushed }) {
      const folder = nodeAccessFolder(target.keyPrefix);
      return flushed && (folder === undefined || accesses.isSettled(folder));
    },
    async store(pods, current) {
      let refused = false;
      const due = [...byFolder(pods)].flatMap(([folder, [pod, ...others]]) => {
        const part = accesses.next(folder, pod.flushed && others.every(({ flushed }) => flushed));
        return part === undefined ? [] : [{ folder, part, pod }];
      });
      await limited(due, options.uploads, async ({ folder, part, pod }) => {
        if (await write(pod, current, folder, part)) refused = true;
      });
      return refused;
    },
    keep: (pods) => accesses.keep(new Set(byFolder(pods).keys())),
  };
}

function byFolder(pods: Iterable<PodLogs>): ReadonlyMap<string, readonly [PodLogs, ...PodLogs[]]> {
  const found = new Map<string, [PodLogs, ...PodLogs[]]>();
  for (const pod of pods) {
    const folder = nodeAccessFolder(pod.target.keyPrefix);
    if (folder !== undefined) found.set(folder, [pod, ...(found.get(folder) ?? [])]);
  }
  return found;
}
