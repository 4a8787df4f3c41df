import { accessNote } from '../core/audit/attribution.ts';
import { credentialsContainer } from '../core/jobs/wiring.ts';
import { backoffDelay } from '../machinery/backoff.ts';
import type { AuditRecord, AwsResult, S3Port } from '../ports/aws/index.ts';
import type { BrokerAnswer } from '../ports/broker.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { HostPort } from '../ports/host.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AccessLog } from './accesses.ts';
import { createJobRecords, type ObjectToWrite } from './job-records.ts';
import { limited } from './limited.ts';
import { chunkName } from './logs/names.ts';
import { type ContainerLog, createPodLogs, type PodLogs, type PodTarget } from './logs/pod-logs.ts';
import type { Chunk } from './logs/stream.ts';
import type { AgentSettings } from './settings.ts';
import type { AgentState, PodState } from './state.ts';

export type PodLogReport = {
  readonly shippedBytes: number;
  readonly pendingBytes: number;
  /** Bytes that were gone before they could be shipped, as far as known. */
  readonly missingBytes: number;
  /** Everything that the pod wrote is in the bucket (but for the missing bytes), and it writes no more; the records of how it came there are, too. */
  readonly flushed: boolean;
};

type RoundOutcome = {
  /** The session is refused or past its end. */
  readonly needsSession: boolean;
  /** A pod of the runtime's namespace is here that the broker has not named. */
  readonly newPod: boolean;
};

export type Shipper = {
  update(answer: BrokerAnswer): void;
  /** Looks at the logs. */
  scan(): Promise<void>;
  /** To be saved after each `scan` and before `ship`: what was not saved is not shipped. */
  state(): AgentState['pods'];
  /** Ships what is due. */
  ship(): Promise<RoundOutcome>;
  /** Of the pods that the broker names, and of those that left and are not whole yet. */
  report(): Readonly<Record<string, PodLogReport>>;
  /** How the last records of accesses came into the bucket: in no object, so to be reported. */
  accesses(): readonly AuditRecord[];
  /** Whether any pod's log is not whole in the bucket yet. */
  busy(): boolean;
  close(): Promise<void>;
};

export type ShipperOptions = {
  readonly host: HostPort;
  readonly s3: (region: string) => Pick<S3Port, 'putObject'>;
  /** Of the calls of `s3`. */
  readonly accesses: AccessLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly settings: AgentSettings;
  readonly state: AgentState['pods'];
};

/** So that a log that grows faster than it is shipped does not keep the others waiting. */
const chunksInARow = 16;
/** A pod that the broker has not named for so long is finished; it is given up after so long. */
const goneAfterMs = 60_000;
const forgetAfterMs = 600_000;
/** A session is not used so close to its end. */
const marginMs = 5_000;

type Tracked = PodLogs & { goneAt?: number | undefined };

export function createShipper(options: ShipperOptions): Shipper {
  const { host, accesses, clock, random, telemetry, settings } = options;
  const pods = new Map<string, Tracked>();
  /** Directories that the broker was asked for, as long as they are there. */
  let askedFor: ReadonlySet<string> = new Set();
  let answer: BrokerAnswer | undefined;
  const records = createJobRecords({ accesses, put, telemetry, uploads: settings.uploads });
  for (const [uid, state] of Object.entries(options.state)) track({ ...targetOf(state), uid }, state);

  function track(target: PodTarget, state?: PodState): Tracked {
    const logs = createPodLogs({
      host,
      clock,
      target,
      chunkBytes: settings.chunkBytes,
      settleMs: settings.settleMs,
      state,
      onGap: (container, message) => {
        telemetry.count('agent_log_gaps_total');
        telemetry.log('warn', 'part of a log is missing', { pod: `${target.namespace}/${target.name}`, container, reason: message });
      },
    });
    pods.set(target.uid, logs);
    return logs;
  }

  function due(pod: PodLogs, log: ContainerLog): Chunk | undefined {
    const now = clock.monotonic();
    const chunk = log.stream.next();
    if (chunk === undefined || now < log.notBefore) return undefined;
    return chunk.full || pod.finished || (log.waitingSince !== undefined && now - log.waitingSince >= settings.chunkMs) ? chunk : undefined;
  }

  async function ship(pod: PodLogs, log: ContainerLog, current: BrokerAnswer): Promise<boolean> {
    for (let count = 0; count < chunksInARow; count += 1) {
      const chunk = due(pod, log);
      if (chunk === undefined) break;
      const body = await log.stream.read(chunk);
      if (!body.ok) {
        failed(pod, log, `read: ${body.error.message}`);
        break;
      }
      const put = await write(pod, log, current, chunk, body.value);
      if (!put.ok) {
        failed(pod, log, `${put.error.code}: ${put.error.message}`);
        return put.error.kind === 'AccessDenied' || put.error.kind === 'Expired';
      }
      if (log.container === credentialsContainer) await records.adopt(pod, body.value);
      log.failures = 0;
      log.waitingSince = undefined;
      telemetry.count('agent_log_chunks_total');
      await log.stream.shipped(chunk);
    }
    return false;
  }

  function write(pod: PodLogs, { container }: ContainerLog, current: BrokerAnswer, { sequence }: Chunk, body: Uint8Array) {
    const key = `${pod.target.keyPrefix}/${container}/${chunkName(sequence)}`;
    return put(pod, current, { key, body, contentType: 'text/plain; charset=utf-8' });
  }

  /** On behalf of the pod's job. */
  function put(
    { target }: PodLogs,
    { grant, logs, region, kmsKeyArn, node }: BrokerAnswer,
    object: ObjectToWrite,
  ): Promise<AwsResult<unknown>> {
    const access = accessNote({ identity: grant.identity, nodeAgent: true });
    const subject = { runtime: target.runtime, job: `${target.namespace}/${target.job}`, node, ...(access && { access }) };
    return options.s3(region).putObject({ grant, subject }, { bucket: logs.bucket, kmsKeyArn, ...object });
  }

  function failed({ target }: PodLogs, log: ContainerLog, reason: string): void {
    log.failures += 1;
    log.notBefore = clock.monotonic() + backoffDelay(settings.backoff, log.failures, random);
    telemetry.count('agent_log_failures_total');
    telemetry.log('warn', 'log not shipped', { pod: `${target.namespace}/${target.name}`, container: log.container, reason });
  }

  async function shipDue(current: BrokerAnswer): Promise<boolean> {
    if (clock.now() >= current.grant.expiresAt - marginMs) return busy();
    const logs = [...pods.values()].flatMap((pod) => [...pod.containers.values()].map((log) => ({ pod, log })));
    const ready = logs.filter(({ pod, log }) => !pod.flushed && due(pod, log) !== undefined);
    let refused = false;
    await limited(ready, settings.uploads, async ({ pod, log }) => {
      if (await ship(pod, log, current)) refused = true;
    });
    return (await records.store(pods.values(), current)) || refused;
  }

  function busy(): boolean {
    return [...pods.values()].some((pod) => !records.isWhole(pod));
  }

  /** A pod that the broker does not name any more is gone, or too new for one replica's cache. */
  function finishGone(): void {
    const afterMs = answer?.leaving === true ? 0 : goneAfterMs;
    for (const pod of pods.values()) if (pod.goneAt !== undefined && clock.monotonic() - pod.goneAt >= afterMs) pod.finished = true;
  }

  async function forgetGone(): Promise<void> {
    for (const [uid, pod] of pods) {
      if (pod.goneAt === undefined) continue;
      const late = clock.monotonic() - pod.goneAt >= forgetAfterMs;
      if (!records.isWhole(pod) && !late) continue;
      if (!pod.flushed) telemetry.log('warn', 'log given up', { pod: `${pod.target.namespace}/${pod.target.name}`, ...pod.bytes() });
      pods.delete(uid);
      await pod.close();
    }
    await records.keep(pods.values());
  }

  async function findNewPods(current: BrokerAnswer): Promise<boolean> {
    const listed = await host.listLogPods();
    if (!listed.ok) return false;
    const namespace = current.runtime.slice(0, current.runtime.indexOf('/'));
    const unnamed = listed.value.filter((pod) => pod.namespace === namespace && !pods.has(pod.uid)).map(({ uid }) => uid);
    const before = askedFor;
    askedFor = new Set(unnamed);
    return unnamed.some((uid) => !before.has(uid));
  }

  return {
    update(next) {
      answer = next;
      const named = new Set(next.pods.map(({ uid }) => uid));
      for (const pod of next.pods) {
        const { uid, namespace, name, job, keyPrefix } = pod;
        const known = pods.get(uid);
        // Taken for finished too early (a replica with an old cache): it is shipped on from where it stood.
        const reopened = known?.flushed === true && !pod.finished ? { ...known.state(), flushed: false } : undefined;
        const target = { uid, namespace, name, job, keyPrefix, runtime: next.runtime };
        const logs = known === undefined || reopened !== undefined ? track(target, reopened) : known;
        logs.finished = pod.finished;
        logs.named = true;
        logs.goneAt = undefined;
      }
      for (const [uid, logs] of pods) {
        if (named.has(uid)) continue;
        logs.named = false;
        logs.goneAt ??= clock.monotonic();
      }
    },
    async scan() {
      finishGone();
      for (const pod of pods.values()) await pod.scan();
    },
    async ship() {
      const current = answer;
      if (current === undefined) return { needsSession: false, newPod: false };
      const needsSession = await shipDue(current);
      await forgetGone();
      return { needsSession, newPod: await findNewPods(current) };
    },
    report() {
      const report: Record<string, PodLogReport> = {};
      for (const [uid, pod] of pods) {
        if (!pod.named && records.isWhole(pod)) continue;
        const { shipped, pending, missing } = pod.bytes();
        report[uid] = { shippedBytes: shipped, pendingBytes: pending, missingBytes: missing, flushed: records.isWhole(pod) };
      }
      return report;
    },
    state: () => Object.fromEntries([...pods].map(([uid, pod]) => [uid, pod.state()])),
    accesses: () => accesses.last(),
    busy,
    async close() {
      for (const pod of pods.values()) await pod.close();
    },
  };
}

function targetOf({ namespace, name, runtime, job, keyPrefix }: PodState): Omit<PodTarget, 'uid'> {
  return { namespace, name, runtime, job, keyPrefix };
}
