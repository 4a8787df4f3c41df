/** Time, as a port: the simulator runs on a virtual clock. */
export type Clock = {
  /** Wall clock, milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start. Never goes back: leases and grants are judged on it too. */
  monotonic(): number;
  /** Calls `callback` once, `delayMs` (>= 0) from now; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
};

/** Randomness, as a port: seeded under the simulator. */
export type Random = {
  /** In [0, 1). */
  next(): number;
  /** RFC 4122 text form. */
  uuid(): string;
};

/** Resolves after `delayMs`, or at once when `signal` aborts (the caller looks at `signal.aborted`). */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    function stop(): void {
      cancel();
      resolve();
    }
    signal?.addEventListener('abort', stop, { once: true });
  });
}
