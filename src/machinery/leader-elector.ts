import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort, ObjectKey } from '../ports/kubernetes.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export type LeaderElectorOptions = {
  readonly port: KubernetesPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly lease: ObjectKey;
  /** Unique per process: see `processIdentity`. */
  readonly identity: string;
  /** Default 15 s: what others wait, counted on their own clock from when they last saw the record change. */
  readonly leaseDurationMs?: number;
  /** Default 10 s without a renewal that succeeded: leadership is lost. Less than the lease's duration. */
  readonly renewDeadlineMs?: number;
  /** Default 2 s, with jitter. */
  readonly retryPeriodMs?: number;
  /** Runs while this process leads; `signal` aborts on loss and on stop. On stop the lease is kept until its promise has settled. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Leadership is gone and another process may act any moment: the composition root exits the process. */
  readonly onLost: (reason: string) => void;
  readonly onNewLeader?: (identity: string) => void;
};

export type LeaderElector = {
  /** Campaigns, leads once, and releases the lease when `signal` aborts. Resolves after the release or the loss. */
  run(signal: AbortSignal): Promise<void>;
  /** Judged on the monotonic clock at this very moment: false after a long pause of the process, before any timer ran. */
  isLeader(): boolean;
};

/** `<host>_<uuid>`: two processes on one host, or one restarted, are never the same. */
export declare function processIdentity(host: string, random: Random): string;

export declare function createLeaderElector(options: LeaderElectorOptions): LeaderElector;
