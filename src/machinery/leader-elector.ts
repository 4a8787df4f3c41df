import type { Lease } from '../api/kubernetes.ts';
import { type Clock, type Random, sleep } from '../ports/clock.ts';
import type { KubernetesError, KubernetesPort, ObjectKey } from '../ports/kubernetes.ts';
import { leases } from '../ports/resources.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { formatMicroTime } from './time.ts';

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
export function processIdentity(host: string, random: Random): string {
  return `${host}_${random.uuid()}`;
}

export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const { port, clock, random, telemetry, lease: key, identity } = options;
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryPeriodMs = options.retryPeriodMs ?? 2_000;
  if (renewDeadlineMs >= leaseDurationMs) throw new Error('the renew deadline must be shorter than the lease');

  /** The record as we last saw it change, and when that was on our own clock: the only times that are compared. */
  let observed: { readonly record: string; readonly at: number } | undefined;
  let reportedLeader: string | undefined;
  /** When the request of the last successful renewal was sent: others count from later than that. */
  let renewedAt = 0;
  let leading = false;

  function isLeader(): boolean {
    return leading && clock.monotonic() - renewedAt < renewDeadlineMs;
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const outcome = await acquireOrRenew();
      if (outcome === 'held' && clock.monotonic() - renewedAt < renewDeadlineMs) {
        await leadOnce(signal);
        return;
      }
      await sleep(clock, jittered(), signal);
    }
  }

  async function leadOnce(signal: AbortSignal): Promise<void> {
    leading = true;
    telemetry.gauge('leader', 1);
    telemetry.log('info', 'became the leader', { identity });
    const leadership = new AbortController();
    const renewals = new AbortController();
    let lost: string | undefined;
    let cancelDeadline: () => void = () => {};
    let end: () => void = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });

    function lose(reason: string): void {
      if (!leading || lost !== undefined) return;
      lost = reason;
      leading = false;
      telemetry.gauge('leader', 0);
      telemetry.log('error', 'lost the lease', { identity, reason });
      cancelDeadline();
      leadership.abort();
      renewals.abort();
      options.onLost(reason);
      end();
    }

    function armDeadline(): void {
      cancelDeadline();
      cancelDeadline = clock.after(Math.max(renewedAt + renewDeadlineMs - clock.monotonic(), 0), () => lose('not renewed in time'));
    }

    async function keepRenewing(): Promise<void> {
      while (!renewals.signal.aborted) {
        await sleep(clock, jittered(), renewals.signal);
        // A process that stood still meets this timer before the later one of the deadline.
        if (!isLeader()) lose('not renewed in time');
        if (renewals.signal.aborted) return;
        const outcome = await acquireOrRenew();
        if (renewals.signal.aborted) return;
        if (outcome === 'taken') lose('another process holds the lease');
        // An answer that took longer than the deadline comes too late to count.
        else if (outcome === 'held' && isLeader()) armDeadline();
      }
    }

    armDeadline();
    const stop = (): void => leadership.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const renewing = keepRenewing();
    let failure: { readonly error: unknown } | undefined;
    void options
      .lead(leadership.signal)
      .catch((error: unknown) => {
        failure = { error };
      })
      .finally(end);
    await over;
    signal.removeEventListener('abort', stop);
    if (lost !== undefined) return;
    // The lease was kept until the work had ended; now nobody needs to wait for it to expire.
    renewals.abort();
    cancelDeadline();
    await renewing;
    leading = false;
    telemetry.gauge('leader', 0);
    await release();
    if (failure !== undefined) throw failure.error;
  }

  /** `held`: the lease is ours, as of now. `taken`: it is surely another's. `unknown`: no answer, or a lost race. */
  async function acquireOrRenew(): Promise<'held' | 'taken' | 'unknown'> {
    const startedAt = clock.monotonic();
    const read = await port.get(leases, key);
    if (!read.ok && read.error.kind !== 'NotFound') return failed('read', read.error);
    const current = read.ok ? read.value : undefined;
    const now = formatMicroTime(clock.now());
    const spec = current?.spec;

    if (current !== undefined) observe(spec);
    const holder = spec?.holderIdentity ?? '';
    if (holder !== '' && holder !== identity && !expired(spec)) return 'taken';

    const mine = holder === identity;
    const transitions = spec?.leaseTransitions ?? 0;
    const desired: Lease = {
      ...current,
      metadata: current?.metadata ?? key,
      spec: {
        ...spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
        acquireTime: mine ? (spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: mine || current === undefined ? transitions : transitions + 1,
      },
    };
    const written = current === undefined ? await port.create(leases, desired) : await port.replace(leases, desired);
    if (!written.ok) return failed('write', written.error);
    renewedAt = startedAt;
    observe(written.value.spec);
    return 'held';
  }

  function observe(spec: Lease['spec']): void {
    const record = JSON.stringify(spec ?? {});
    if (observed?.record !== record) observed = { record, at: clock.monotonic() };
    const holder = spec?.holderIdentity ?? '';
    if (holder === '' || holder === reportedLeader) return;
    reportedLeader = holder;
    options.onNewLeader?.(holder);
  }

  /** Judged on the monotonic clock from when we saw the record change: wall clocks of two machines say nothing about each other. */
  function expired(spec: Lease['spec']): boolean {
    const durationMs = (spec?.leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
    return observed !== undefined && clock.monotonic() - observed.at >= durationMs;
  }

  function failed(what: string, error: KubernetesError): 'unknown' {
    // A conflict is a lost race: the next look says who won.
    if (error.kind !== 'Conflict' && error.kind !== 'AlreadyExists') {
      telemetry.log('warn', `could not ${what} the lease`, { error: error.kind, message: error.message });
    }
    return 'unknown';
  }

  async function release(): Promise<void> {
    const read = await port.get(leases, key);
    if (!read.ok || read.value.spec?.holderIdentity !== identity) return;
    const { holderIdentity, ...rest } = read.value.spec;
    void holderIdentity;
    const now = formatMicroTime(clock.now());
    const released = await port.replace(leases, {
      ...read.value,
      spec: { ...rest, leaseDurationSeconds: 1, renewTime: now, acquireTime: now },
    });
    telemetry.log('info', 'released the lease', { identity, ok: released.ok });
  }

  function jittered(): number {
    return retryPeriodMs * (0.9 + 0.2 * random.next());
  }

  return { run, isLeader };
}
