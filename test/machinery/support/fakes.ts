import type { Clock, Random } from '../../../src/ports/clock.ts';
import type { Telemetry } from '../../../src/ports/telemetry.ts';

export type FakeClock = Clock & {
  /** Moves time forward, firing timers in order; promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone. */
  jump(ms: number): void;
  /** Lets the process stand still: time passes, no timer fires until the next `advance`. */
  pause(ms: number): void;
  timers(): number;
};

export function fakeClock(startMs = Date.UTC(2026, 0, 2, 3, 4, 5)): FakeClock {
  let elapsed = 0;
  let wall = startMs;
  let serial = 0;
  const timers = new Map<number, { readonly at: number; readonly callback: () => void }>();

  return {
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    after(delayMs, callback) {
      serial += 1;
      const id = serial;
      timers.set(id, { at: elapsed + Math.max(delayMs, 0), callback });
      return () => void timers.delete(id);
    },
    jump(ms) {
      wall += ms;
    },
    pause(ms) {
      elapsed += ms;
    },
    timers: () => timers.size,
    async advance(ms) {
      const end = elapsed + ms;
      await settle();
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
        if (due === undefined) break;
        const [id, timer] = due;
        timers.delete(id);
        elapsed = Math.max(elapsed, timer.at);
        timer.callback();
        await settle();
      }
      elapsed = Math.max(elapsed, end);
      await settle();
    },
  };
}

/** Lets every promise that can settle do so: nothing under test waits on anything but the fakes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A linear congruential generator (Numerical Recipes); `fixedRandom` where a test must know the draw. */
export function fakeRandom(seed = 1): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  }
  return { next, uuid: () => uuidOf(next) };
}

export function fixedRandom(value: number): Random {
  let serial = 0;
  return {
    next: () => value,
    uuid() {
      serial += 1;
      return `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
    },
  };
}

function uuidOf(next: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

export type RecordedTelemetry = Telemetry & {
  readonly logs: { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> | undefined }[];
  counter(name: string): number;
  gaugeOf(name: string): number | undefined;
};

export function recordedTelemetry(): RecordedTelemetry {
  const counters = new Map<string, number>();
  const gauges = new Map<string, number>();
  const logs: RecordedTelemetry['logs'] = [];
  return {
    logs,
    log: (level, message, fields) => void logs.push({ level, message, fields }),
    count: (name, _labels, value = 1) => void counters.set(name, (counters.get(name) ?? 0) + value),
    gauge: (name, value) => void gauges.set(name, value),
    observeSeconds() {},
    counter: (name) => counters.get(name) ?? 0,
    gaugeOf: (name) => gauges.get(name),
  };
}
