import type { Grant } from '../../ports/aws/index.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Credentials } from './authorize.ts';

/** The credentials that one process holds behind its grants; they die with it. Nothing is sealed: there is no memory to protect here. */
export type SimulatedVault = {
  put(facts: Omit<Grant, 'id'>, credentials: Credentials): Grant;
  /** undefined once the grant is released, past its end by the process's own clocks, or of another process. */
  open(grant: Grant): Credentials | undefined;
  release(grant: Grant): void;
  /** How many grants are held now. */
  size(): number;
};

export function createVault(clock: Clock, name: string): SimulatedVault {
  const held = new Map<string, { readonly credentials: Credentials; readonly expiresAt: number; readonly monotonicEnd: number }>();
  let last = 0;
  return {
    put(facts, credentials) {
      last += 1;
      const id = `${name}/grant-${last}`;
      const monotonicEnd = clock.monotonic() + facts.expiresAt - clock.now();
      held.set(id, { credentials, expiresAt: facts.expiresAt, monotonicEnd });
      return { ...facts, id };
    },
    open(grant) {
      const entry = held.get(grant.id);
      if (entry === undefined) return undefined;
      if (clock.now() < entry.expiresAt && clock.monotonic() < entry.monotonicEnd) return entry.credentials;
      held.delete(grant.id);
      return undefined;
    },
    release(grant) {
      held.delete(grant.id);
    },
    size: () => held.size,
  };
}
