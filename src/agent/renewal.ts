import type { Clock } from '../ports/clock.ts';
import type { RenewalState } from './state.ts';

/**
 * Orphan protection: a node whose operator has not answered it for `terminateAfter` ends itself, so a cluster whose operator, network or trust policies are
 * broken does not cost money for ever. An answer of the broker renews; the broker answers only with a session, so an operator that has lost its rights in
 * AWS (and could end no instance) renews nothing.
 */
export type Renewal = {
  renewed(terminateAfterMs: number): void;
  expired(): boolean;
  state(): RenewalState;
};

/** However old the last renewal is, a restarted agent first tries for so long: its wall clock may be wrong. */
const graceMs = 120_000;

export function createRenewal(clock: Clock, state: RenewalState | undefined, terminateAfterMs: number): Renewal {
  const startedAt = clock.monotonic();
  // Where there was no answer yet, the time of the first start counts: else a node that starts its agent again and again would live for ever.
  const firstAt = state?.renewedAt ?? clock.now();
  /** How long ago the last renewal was when this process started, by the wall clock: the other one does not outlive a process. */
  const ageAtStart = state === undefined ? 0 : Math.max(0, clock.now() - state.renewedAt);
  let last: { readonly at: number; readonly wall: number } | undefined;
  let afterMs = state?.terminateAfterMs ?? terminateAfterMs;

  return {
    renewed(next) {
      afterMs = next;
      last = { at: clock.monotonic(), wall: clock.now() };
    },
    expired() {
      const now = clock.monotonic();
      // `0s` switches the protection off.
      if (afterMs <= 0) return false;
      if (last !== undefined) return now - last.at >= afterMs;
      return now - startedAt + ageAtStart >= afterMs && now - startedAt >= Math.min(graceMs, afterMs);
    },
    state: () => ({ renewedAt: last?.wall ?? firstAt, terminateAfterMs: afterMs }),
  };
}
