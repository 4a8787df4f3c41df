import type { AuditPort, AuditRecord } from '../ports/aws/index.ts';

/** The audit of running jobs, kept in memory until it is uploaded; every record also goes to `sink` (the log stream) at once. */
export type AuditLog = AuditPort & {
  ofJob(runtime: string, job: string): readonly AuditRecord[];
  forgetJob(runtime: string, job: string): void;
};

/** More than any job makes; a bound so that a loop cannot fill the memory. The log stream has them all. */
const recordsPerJob = 5_000;

export function createAuditLog(sink: AuditPort): AuditLog {
  const byJob = new Map<string, AuditRecord[]>();
  const keyOf = (runtime: string, job: string): string => `${runtime} ${job}`;
  return {
    refusal: () => sink.refusal?.(),
    record(record) {
      const written = sink.record(record);
      if (record.job === undefined) return written;
      const key = keyOf(record.runtime, record.job);
      const records = byJob.get(key) ?? [];
      if (records.length < recordsPerJob) records.push(record);
      byJob.set(key, records);
      return written;
    },
    ofJob: (runtime, job) => byJob.get(keyOf(runtime, job)) ?? [],
    forgetJob(runtime, job) {
      byJob.delete(keyOf(runtime, job));
    },
  };
}
