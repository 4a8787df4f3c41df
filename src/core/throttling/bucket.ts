/**
 * A token bucket as AWS keeps one for each account, Region and API: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. Pure: the state goes
 * in and comes out, time is a number.
 */
export type BucketSize = { readonly capacity: number; readonly perSecond: number };

export type TokenBucket = {
  readonly tokens: number;
  /** Milliseconds, of whatever clock the caller has */
  readonly at: number;
  /** Of the documented refill: 1 unless AWS refused lately. Somebody else in the account may use the same bucket. */
  readonly share: number;
  /** Nothing is taken before then. */
  readonly blockedUntil: number;
};

/** A refusal halves what is asked for, this is the least. */
const leastShare = 1 / 64;
/** After so long without a refusal the share is twice as large again. */
const recoveryMs = 10_000;
const pauseMs = 500;

export function fullBucket(size: BucketSize, now: number): TokenBucket {
  return { tokens: size.capacity, at: now, share: 1, blockedUntil: Number.NEGATIVE_INFINITY };
}

export function refilled(size: BucketSize, bucket: TokenBucket, now: number): TokenBucket {
  const elapsedMs = now - bucket.at;
  if (elapsedMs <= 0) return bucket;
  const share = Math.min(1, bucket.share * 2 ** (elapsedMs / recoveryMs));
  // The slower of both rates for the whole time: never more than there is.
  const tokens = Math.min(size.capacity, bucket.tokens + (elapsedMs / 1000) * size.perSecond * bucket.share);
  return { ...bucket, tokens, at: now, share };
}

/** Milliseconds until a token is there; 0: now. Of a bucket that is refilled up to `now`. */
export function waitFor(size: BucketSize, bucket: TokenBucket, now: number): number {
  const missing = 1 - bucket.tokens;
  const refillMs = missing <= 1e-9 ? 0 : (missing / (size.perSecond * bucket.share)) * 1000;
  return Math.max(0, Math.ceil(refillMs), Math.ceil(bucket.blockedUntil - now));
}

export function taken(bucket: TokenBucket): TokenBucket {
  return { ...bucket, tokens: bucket.tokens - 1 };
}

/**
 * AWS refused: our count was wrong. The pace is halved, and nothing is asked for a moment; `jitter` in [0, 1). What is left of the tokens is `keep`: nothing of the bucket
 * that is most likely the empty one, a part of one that takes a quarter of an hour to fill and may not be the reason.
 */
export function afterRefusal(bucket: TokenBucket, now: number, jitter: number, keep = 0): TokenBucket {
  const share = Math.max(leastShare, bucket.share / 2);
  const blockedUntil = Math.max(bucket.blockedUntil, now + (pauseMs / share) * (0.5 + jitter));
  return { ...bucket, tokens: Math.min(bucket.tokens, Math.max(0, bucket.tokens) * keep), share, blockedUntil };
}
