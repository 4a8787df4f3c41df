import type { Clock } from '../../src/ports/clock.ts';

/** Wall and monotonic time of the machine, moved forward by `advance`. */
export type TestClock = Clock & { advance(ms: number): void };

export function createTestClock(): TestClock {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    monotonic: () => performance.now() + ahead,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
    advance: (ms) => void (ahead += ms),
  };
}
