import type { Connection, ElasticRuntime } from '../../api/generated/types.ts';
import { connectionOf } from './routes.ts';
import type { Identity } from './vocabulary.ts';

/**
 * The moment before which access counts no more, for one identity of a job (of its runtime, or of the connection whose role or keys it is) or, without
 * an identity, for all that the job uses: milliseconds since the epoch; undefined where nothing is revoked yet. A time to come is none yet.
 */
export function revokedBefore(
  of: {
    readonly runtime: Pick<ElasticRuntime, 'spec'>;
    readonly connections: readonly Pick<Connection, 'name' | 'accessRevokedBefore'>[];
    readonly identity?: Identity;
  },
  now: number,
): number | undefined {
  const times = revocationsOf(of).filter((time) => time <= now);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** The next moment at which something is revoked; milliseconds since the epoch. */
export function nextRevocation(of: Parameters<typeof revokedBefore>[0], now: number): number | undefined {
  const times = revocationsOf(of).filter((time) => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

function revocationsOf({ runtime, connections, identity }: Parameters<typeof revokedBefore>[0]): readonly number[] {
  const name = identity === undefined ? undefined : connectionOf(identity);
  const concerned = identity === undefined ? connections : connections.filter((connection) => connection.name === name);
  return [runtime.spec.accessRevokedBefore, ...concerned.map(({ accessRevokedBefore }) => accessRevokedBefore)].flatMap((time) => {
    const at = time === undefined ? Number.NaN : Date.parse(time);
    // Up to the whole second: what Kubernetes says of when a pod was created has no fraction.
    return Number.isNaN(at) ? [] : [Math.ceil(at / 1000) * 1000];
  });
}
