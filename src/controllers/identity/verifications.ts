import { proofMs } from '../../core/preflight/age.ts';
import { createSingleFlight } from '../../machinery/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Result } from '../../ports/result.ts';
import type { AccessFailure } from './failure.ts';

/** What a success says besides. */
export type Proof = {
  /** What of it AWS could have said and did not. */
  readonly notVerified?: readonly string[];
  /** What no call to AWS could tell: it lies outside. */
  readonly outside?: readonly string[];
  /** AWS gave no answer and may in a minute. */
  readonly isUnanswered?: boolean;
  /** The question that AWS refused, where that is why something of it is open. */
  readonly refused?: AccessFailure;
  readonly isBrief?: boolean;
};

type Outcome = Result<Proof, AccessFailure>;

/**
 * What preflights have proved, in memory: a thousand equal jobs cost one preflight. A key holds everything that went into an answer, the versions
 * of its inputs included, so that a changed input is another key. Losing it costs calls, never correctness.
 */
export type Verifications = {
  /** The answer for `key`: kept, in flight for somebody else, or found out now. */
  verify(key: string, check: () => Promise<Outcome>, asker?: Asker): Promise<Outcome>;
  /** Whether the answer is known to be good, without a call. */
  isFresh(key: string, asker?: Asker): boolean;
  /** Milliseconds since the answer was found out; undefined: none is kept. */
  age(key: string): number | undefined;
  /** For whoever has used an answer before: one is known only while it is younger than this. */
  youngerThan(ms: number): Verifications;
  /** Whether somebody else is about to find out all of them. Where not, `by` is from now on. */
  isAwaited(keys: readonly string[], by: string): boolean;
};

/** `strict`: what leaves something open is a refusal to whoever asks, and kept for him no longer than one. */
export type Asker = { readonly strict: boolean };

/** How long a success serves others; one of which an input may change unseen, or that will soon know more, a minute. */
const keptMs = proofMs;
const briefMs = 60_000;
/** A refusal is not asked for again within this time: equal jobs that fail together ask once. */
const refusedMs = 2_000;
const longestPauseMs = 30_000;
/** Whoever is about to find something out, and has not by then, is not waited for. */
const awaitedMs = 30_000;

type Entry = { readonly outcome: Outcome; readonly since: number; readonly until: number; readonly failures: number };

export function createVerifications(clock: Clock): Verifications {
  const known = new Map<string, Entry>();
  const awaited = new Map<string, { readonly by: string; readonly until: number }>();
  const flights = createSingleFlight<Outcome>();

  function keep(key: string, outcome: Outcome): void {
    const now = clock.monotonic();
    for (const [old, { until }] of known) if (until + longestPauseMs < now) known.delete(old);
    for (const [old, { until }] of awaited) if (old === key || until < now) awaited.delete(old);
    const failures = outcome.ok ? 0 : (known.get(key)?.failures ?? 0) + 1;
    known.set(key, { outcome, failures, since: now, until: now + keptFor(outcome, failures) });
  }

  function current(key: string, { strict }: Asker, youngerThanMs: number): Outcome | undefined {
    const entry = known.get(key);
    if (entry === undefined) return undefined;
    const { outcome, since, until } = entry;
    const refuses = strict && outcome.ok && (outcome.value.notVerified ?? []).length > 0;
    return clock.monotonic() < Math.min(until, since + (refuses ? refusedMs : youngerThanMs)) ? outcome : undefined;
  }

  function age(key: string): number | undefined {
    const since = known.get(key)?.since;
    return since === undefined ? undefined : clock.monotonic() - since;
  }

  function isAwaited(keys: readonly string[], by: string): boolean {
    const now = clock.monotonic();
    // What failed for whoever was waited for, all ask at once: they share one answer.
    const free = keys.filter((key) => {
      const other = awaited.get(key);
      return known.get(key)?.outcome.ok === false || other === undefined || other.by === by || other.until <= now;
    });
    for (const key of free) awaited.set(key, { by, until: now + awaitedMs });
    return free.length === 0;
  }

  function answers(youngerThanMs: number): Verifications {
    return {
      async verify(key, check, asker = { strict: false }) {
        const found = current(key, asker, youngerThanMs);
        if (found !== undefined) return found;
        return flights.run(key, async () => {
          const outcome = await check();
          keep(key, outcome);
          return outcome;
        });
      },
      isFresh: (key, asker = { strict: false }) => current(key, asker, youngerThanMs)?.ok === true,
      age,
      isAwaited,
      youngerThan: answers,
    };
  }

  return answers(keptMs);
}

function keptFor(outcome: Outcome, failures: number): number {
  if (!outcome.ok) return pauseMs(outcome.error, failures);
  return outcome.value.isBrief === true || outcome.value.isUnanswered === true ? briefMs : keptMs;
}

/** What passes by itself is asked for again after a growing pause. */
function pauseMs({ transient }: AccessFailure, failures: number): number {
  return transient ? Math.min(1_000 * 2 ** (failures - 1), longestPauseMs) : refusedMs;
}
