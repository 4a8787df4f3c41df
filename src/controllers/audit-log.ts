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
  forgetJob(runtime: string, job: string): void;
};

/** More than any job makes; a bound so that a loop cannot fill the memory. The log stream has them all. */
const recordsPerJob = 20_000;

type JobRecords = { readonly records: AuditRecord[]; readonly adopted: Set<string>; kept: number };

export function createAuditLog(sink: AuditPort): AuditLog {
  const byJob = new Map<string, JobRecords>();
  const keyOf = (runtime: string, job: string): string => `${runtime} ${job}`;
  function of(runtime: string, job: string): JobRecords {
    const own = byJob.get(keyOf(runtime, job)) ?? { records: [], adopted: new Set(), kept: 0 };
    byJob.set(keyOf(runtime, job), own);
    return own;
  }
  return {
    refusal: () => sink.refusal?.(),
    record(record) {
      const written = sink.record(record);
      if (record.job === undefined) return written;
      const { records } = of(record.runtime, record.job);
      if (records.length < recordsPerJob) records.push(record);
      return written;
    },
    adopt(record) {
      if (record.job === undefined) return;
      const { records, adopted } = of(record.runtime, record.job);
      const one = keyOfRecord(record);
      if (adopted.has(one) || records.length >= recordsPerJob) return;
      adopted.add(one);
      records.push(record);
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
    forgetJob(runtime, job) {
      byJob.delete(keyOf(runtime, job));
    },
  };
}
