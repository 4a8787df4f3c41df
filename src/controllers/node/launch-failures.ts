import type { Clock } from '../../ports/clock.ts';

/** Launches of a runtime that failed for a reason that is not capacity: the next ones wait, longer each time, and the jobs say why. */
export type LaunchFailures = {
  failed(runtimeUid: string, message: string): void;
  succeeded(runtimeUid: string): void;
  /** Why nothing is launched now, and for how many milliseconds. */
  pause(runtimeUid: string): { readonly message: string; readonly leftMs: number } | undefined;
};

const firstMs = 10_000;
const longestMs = 10 * 60_000;

export function createLaunchFailures(clock: Clock): LaunchFailures {
  const entries = new Map<string, { readonly message: string; readonly until: number; readonly lastMs: number }>();
  return {
    failed(runtimeUid, message) {
      const now = clock.monotonic();
      const before = entries.get(runtimeUid);
      // Several nodes of one plan fail together: that is one failure.
      if (before !== undefined && before.until > now) return;
      const lastMs = before === undefined ? firstMs : Math.min(before.lastMs * 2, longestMs);
      entries.set(runtimeUid, { message, until: now + lastMs, lastMs });
    },
    succeeded: (runtimeUid) => void entries.delete(runtimeUid),
    pause(runtimeUid) {
      const entry = entries.get(runtimeUid);
      const leftMs = (entry?.until ?? 0) - clock.monotonic();
      return entry === undefined || leftMs <= 0 ? undefined : { message: entry.message, leftMs };
    },
  };
}
