import { keyOf as keyOfRecord } from '../core/audit/records.ts';
import type { AuditPort, AuditRecord } from '../ports/aws/index.ts';

/** The audit of running jobs, kept in memory until it is uploaded; every record also goes to `sink` (the log stream) at once. */
export type AuditLog = AuditPort & {
  /** What a node agent has recorded: its stream has it already. Each once, however often it is told. */
  adopt(record: AuditRecord): void;
  ofJob(runtime: string, job: string): readonly AuditRecord[];
  /** Records of the job since `keptAll`. */
  unkept(runtime: string, job: string): number;
  keptAll(runtime: string, job: string): void;
  /** Records of the job that found no room here: its stream has them. */
  dropped(runtime: string, job: string): number;
  forgetJob(runtime: string, job: string): void;
};

/** More than any job makes; a bound so that a loop cannot fill the memory. The log stream has them all. */
const recordsPerJob = 20_000;
/** Of node agents, which may tell more than is true: they take no room from the operator's own. */
const adoptedPerJob = 6_000;

type JobRecords = { readonly records: AuditRecord[]; readonly adopted: Set<string>; kept: number; dropped: number };

export function createAuditLog(sink: AuditPort): AuditLog {
  const byJob = new Map<string, JobRecords>();
  const keyOf = (runtime: string, job: string): string => `${runtime} ${job}`;
  function of(runtime: string, job: string): JobRecords {
    const own = byJob.get(keyOf(runtime, job)) ?? { records: [], adopted: new Set<string>(), kept: 0, dropped: 0 };
    byJob.set(keyOf(runtime, job), own);
    return own;
  }
  return {
    refusal: () => sink.refusal?.(),
    record(record) {
      const written = sink.record(record);
      if (record.job === undefined) return written;
      const own = of(record.runtime, record.job);
      if (own.records.length - own.adopted.size < recordsPerJob) own.records.push(record);
      else own.dropped += 1;
      return written;
    },
    adopt(record) {
      if (record.job === undefined) return;
      const own = of(record.runtime, record.job);
      const one = keyOfRecord(record);
      if (own.adopted.has(one)) return;
      if (own.adopted.size >= adoptedPerJob) {
        own.dropped += 1;
        return;
      }
      own.adopted.add(one);
      own.records.push(record);
    },
    ofJob: (runtime, job) => byJob.get(keyOf(runtime, job))?.records ?? [],
    unkept(runtime, job) {
      const own = byJob.get(keyOf(runtime, job));
      return own === undefined ? 0 : own.records.length - own.kept;
    },
    keptAll(runtime, job) {
      const own = byJob.get(keyOf(runtime, job));
      if (own !== undefined) own.kept = own.records.length;
    },
    dropped: (runtime, job) => byJob.get(keyOf(runtime, job))?.dropped ?? 0,
    forgetJob(runtime, job) {
      byJob.delete(keyOf(runtime, job));
    },
  };
}
