import type { Clock } from '../ports/clock.ts';

export type RateLimit = {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Requests a second in the long run. */
  readonly perSecond: number;
};

export type RateLimiter = {
  /** Seconds until the next request of `key` would be taken; undefined where this one is. */
  take(key: string): number | undefined;
};

/** One token bucket a key. The keys are bounded: the one that asked longest ago is forgotten, and so starts with a full bucket. */
export function createRateLimiter(clock: Pick<Clock, 'monotonic'>, limit: RateLimit, maxKeys = 20_000): RateLimiter {
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();
  return {
    take(key) {
      const now = clock.monotonic();
      const bucket = buckets.get(key) ?? { tokens: limit.burst, at: now };
      const tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) / 1000) * limit.perSecond);
      const taken = tokens >= 1;
      buckets.delete(key);
      buckets.set(key, { tokens: taken ? tokens - 1 : tokens, at: now });
      if (buckets.size > maxKeys) {
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      }
      return taken ? undefined : Math.ceil((1 - tokens) / limit.perSecond);
    },
  };
}
