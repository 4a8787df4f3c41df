import type { Tags } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState } from './state.ts';

/** What the calls of EC2 share. */

/**
 * A client token answers what it answered before; with other parameters it is refused
 * (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html). Only successes are kept.
 */
export function replayed<T>(
  state: AccountState,
  action: string,
  request: { readonly clientToken: string },
  run: () => Result<T, Failure>,
): Result<T, Failure> {
  const { clientToken, ...rest } = request;
  const key = `${action}/${clientToken}`;
  const parameters = JSON.stringify(rest);
  const known = state.clientTokens.get(key);
  if (known === undefined) {
    const answer = run();
    if (answer.ok) state.clientTokens.set(key, { parameters, answer: answer.value });
    return answer;
  }
  if (known.parameters === parameters) return ok(known.answer as T);
  const message =
    'The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests.';
  return err(failure('IdempotentMismatch', 'IdempotentParameterMismatch', message));
}

/** Describe calls may lag behind what was just created (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html). */
export function visibleFrom(state: AccountState): number {
  const { world } = state;
  return world.faults.happens('stale') ? world.now() + between(state.random, 500, 8000) : world.now();
}

/** What carries all of `tags` and is shown by now. */
export function withTags<T extends { readonly tags: Tags; readonly visibleAt: number }>(
  items: readonly T[],
  tags: Tags,
  now: number,
): readonly T[] {
  const wanted = Object.entries(tags);
  return items.filter((item) => item.visibleAt <= now && wanted.every(([key, value]) => item.tags[key] === value));
}
