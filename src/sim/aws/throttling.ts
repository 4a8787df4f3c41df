import type { AwsMethod } from '../../core/policy/calls.ts';
import { familyOf } from '../../core/throttling/apis.ts';
import { type BucketSize, fullBucket, refilled, type TokenBucket, taken, waitFor } from '../../core/throttling/bucket.ts';
import type { AccountState } from './state.ts';

/** AWS's own side of its token buckets, with their documented sizes: whether this request of an account is over its rate. A refused one takes no token. */
export function overRate(state: AccountState, account: string, method: AwsMethod): boolean {
  const family = familyOf(method);
  if (family === undefined) return false;
  const sizes: readonly BucketSize[] = [family.requests, ...(family.resources === undefined ? [] : [family.resources])];
  const key = `${account} ${family.name}`;
  const now = state.world.now();
  const known: readonly TokenBucket[] = state.tokens.get(key) ?? sizes.map((size) => fullBucket(size, now));
  const buckets = known.map((bucket, index) => refilled(sizes[index] as BucketSize, bucket, now));
  const over = buckets.some((bucket, index) => waitFor(sizes[index] as BucketSize, bucket, now) > 0);
  state.tokens.set(key, over ? buckets : buckets.map(taken));
  return over;
}
