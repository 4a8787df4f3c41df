import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random } from '../ports/clock.ts';

/** setTimeout takes 32 bits: a longer delay would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The machine's clocks. A timer keeps the process alive, as work that waits should; who stops cancels its timers. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, callback) {
      let timer: NodeJS.Timeout;
      wait(delayMs);
      return () => clearTimeout(timer);

      function wait(remainingMs: number): void {
        const stepMs = Math.min(remainingMs, longestTimeoutMs);
        timer = setTimeout(() => (remainingMs > stepMs ? wait(remainingMs - stepMs) : callback()), Math.max(stepMs, 0));
      }
    },
  };
}

/** For jitter and names; keys and secrets are made elsewhere. */
export function systemRandom(): Random {
  return { next: Math.random, uuid: () => randomUUID() };
}
