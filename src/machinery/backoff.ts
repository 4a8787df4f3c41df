import type { Random } from '../ports/clock.ts';

/** Exponential backoff: `baseMs * factor^failures`, at most `maxMs`, of which the last `jitter` (0..1) part is random. */
export type BackoffPolicy = {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** Share of the delay that is drawn at random; default 0.5 ("equal jitter": delay in [d/2, d)). */
  readonly jitter?: number;
};

/** Milliseconds to wait after `failures` (>= 1) failures in a row. */
export function backoffDelay(policy: BackoffPolicy, failures: number, random: Random): number {
  const factor = policy.factor ?? 2;
  const jitter = policy.jitter ?? 0.5;
  // The exponent is bounded, so that a key that fails for weeks does not overflow to Infinity.
  const exponent = Math.min(Math.max(failures, 1) - 1, 64);
  const full = Math.min(policy.baseMs * factor ** exponent, policy.maxMs);
  return Math.round(full * (1 - jitter) + full * jitter * random.next());
}

export type Backoff = {
  /** Counts one more failure and says how long to wait, in milliseconds. */
  next(): number;
  reset(): void;
  failures(): number;
};

export function createBackoff(policy: BackoffPolicy, random: Random): Backoff {
  let failures = 0;
  return {
    next() {
      failures += 1;
      return backoffDelay(policy, failures, random);
    },
    reset() {
      failures = 0;
    },
    failures: () => failures,
  };
}
