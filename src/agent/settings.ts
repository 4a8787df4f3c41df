import type { BackoffPolicy } from '../machinery/backoff.ts';

/** All durations in milliseconds. */
export type AgentSettings = {
  /** Between two requests to the broker while jobs' pods are here; a pod that it has not named yet brings the next one forward. */
  readonly pollMs: number;
  /** The same where no job's pod is here. */
  readonly idlePollMs: number;
  /** At least, where one is brought forward. */
  readonly minPollMs: number;
  /** Between two looks at the log directories. */
  readonly scanMs: number;
  /** Between two looks at the instance metadata service and at the file systems. */
  readonly watchMs: number;
  /** Bytes of a full chunk. */
  readonly chunkBytes: number;
  /** What has waited for so long is shipped though the chunk is not full. */
  readonly chunkMs: number;
  /** Uploads at a time. */
  readonly uploads: number;
  /** A finished pod's log counts as whole when nothing was added for so long. */
  readonly settleMs: number;
  /** Between two reports of what moves all the time (bytes shipped); what somebody waits for is reported at once. */
  readonly reportMs: number;
  /** Records of accesses in one object; it is written again as it grows, at the latest after so long. */
  readonly partRecords: number;
  readonly partMs: number;
  /** Without an answer of the broker ever: how long until the node ends itself. */
  readonly terminateAfterMs: number;
  readonly backoff: BackoffPolicy;
};

export const defaultAgentSettings: AgentSettings = {
  pollMs: 10_000,
  idlePollMs: 30_000,
  minPollMs: 4_000,
  scanMs: 2_000,
  watchMs: 5_000,
  chunkBytes: 1_048_576,
  chunkMs: 15_000,
  uploads: 4,
  settleMs: 2_000,
  reportMs: 60_000,
  partRecords: 500,
  partMs: 300_000,
  terminateAfterMs: 3_600_000,
  backoff: { baseMs: 1_000, maxMs: 60_000 },
};
