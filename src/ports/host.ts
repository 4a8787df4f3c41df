import type { Result } from './result.ts';

/** The machine that a node agent runs on. */

/** `<namespace>_<pod>_<uid>` below /var/log/pods. */
export type LogPod = { readonly namespace: string; readonly name: string; readonly uid: string };

/** One file of a container's log. */
export type LogFile = {
  readonly container: string;
  /** `0.log`; rotated ones are `0.log.20260102-030405`, later `0.log.20260102-030405.gz` */
  readonly file: string;
  /** The same while the file is renamed; never used again for another one on this machine (device, inode, time of birth). */
  readonly id: string;
};

/**
 * An open file: it can be read on after it was renamed or removed. What is compressed is read as what it was: offsets and sizes count the bytes that the
 * container's runtime wrote.
 */
export type LogHandle = {
  readonly id: string;
  /** Bytes, now. */
  size(): Promise<Result<number, HostError>>;
  /** Fewer bytes than asked for only at the end. */
  read(offset: number, maxBytes: number): Promise<Result<Uint8Array, HostError>>;
  close(): Promise<void>;
};

export type FileSystem = {
  /** As in the mount table: /dev/nvme1n1 */
  readonly device: string;
  readonly mountPath: string;
  readonly sizeBytes: number;
  /** 0..100, as `df` counts it */
  readonly usedPercent: number;
  /** Size of the disk below it, which ModifyVolume makes larger; undefined where the machine does not tell. */
  readonly deviceBytes?: number;
};

export type InterruptionNotice = {
  readonly kind: 'SpotInterruption' | 'RebalanceRecommendation' | 'ScheduledEvent';
  /** RFC 3339 */
  readonly at?: string;
  readonly detail?: string;
};

/** - NotFound: gone; - Unsupported: this machine has no such thing (no instance metadata service); - Failed: everything else */
export type HostError = { readonly kind: 'NotFound' | 'Unsupported' | 'Failed'; readonly message: string };

export type HostResult<T> = Result<T, HostError>;

export type HostPort = {
  listLogPods(): Promise<HostResult<readonly LogPod[]>>;
  /** NotFound where the pod has no log directory (any more). */
  listLogFiles(pod: LogPod): Promise<HostResult<readonly LogFile[]>>;
  /** The handle's id tells which file it became where it was renamed in between. */
  openLogFile(pod: LogPod, file: LogFile): Promise<HostResult<LogHandle>>;

  /** Of real devices, one entry each. */
  fileSystems(): Promise<HostResult<readonly FileSystem[]>>;
  /** Makes partition and file system as large as the disk. Nothing happens where they are. */
  growFileSystem(device: string): Promise<HostResult<void>>;

  /** From the instance metadata service, the most urgent one. */
  interruption(): Promise<HostResult<InterruptionNotice | undefined>>;
  /** Ends the machine (its shutdown behaviour is to terminate). */
  powerOff(): Promise<HostResult<void>>;

  /** What the agent keeps across its own restarts, beside the logs on the same disk; undefined at the first start. No secret. */
  loadState(): Promise<HostResult<string | undefined>>;
  /** Whole or not at all. */
  saveState(text: string): Promise<HostResult<void>>;

  /** Lines beside the state; undefined where there are none. No secret. */
  loadJournal(): Promise<HostResult<string | undefined>>;
  /** A crash may leave a part of it, at the end. */
  appendJournal(line: string): Promise<HostResult<void>>;
  /** In place of all lines. Whole or not at all. */
  saveJournal(text: string): Promise<HostResult<void>>;
};
