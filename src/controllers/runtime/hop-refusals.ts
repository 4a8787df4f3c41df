import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { Clock } from '../../ports/clock.ts';
import { runtimeKey } from '../context.ts';
import type { GrantKeeper } from '../identity/grants.ts';
import { notesOf } from './notes.ts';

/** Runtimes of which an identity was refused to whoever asked: their own controller is told, and looks at them before it is time to. */
export type HopRefusals = {
  /** The keeper, overheard. */
  watch(grants: GrantKeeper): GrantKeeper;
  /** Whether there was a refusal since the last look. */
  isTold(runtimeUid: string): boolean;
  /** What is refused from now on is this look's own, or as good as seen by it. */
  beginLook(runtimeUid: string): void;
  onRefused(listener: (key: string) => void): () => void;
};

/** One look serves all refusals of this long. */
const quietMs = 60_000;
const own: ReadonlySet<string> = new Set(['agent', 'operator', 'master', 'worker']);

export function createHopRefusals(clock: Clock): HopRefusals {
  const told = new Set<string>();
  const looked = new Map<string, number>();
  let listeners: readonly ((key: string) => void)[] = [];

  function tell({ metadata }: Stored<ElasticRuntime>): void {
    const now = clock.monotonic();
    for (const [uid, at] of looked) if (now - at >= quietMs) looked.delete(uid);
    if (looked.has(metadata.uid) || told.has(metadata.uid)) return;
    told.add(metadata.uid);
    for (const listener of listeners) listener(runtimeKey(metadata));
  }

  return {
    watch: (grants) => ({
      ...grants,
      async obtain(request) {
        const outcome = await grants.obtain(request);
        const { runtime } = request;
        const isBegun = notesOf(runtime).verified !== undefined && runtime.metadata.deletionTimestamp === undefined;
        if (!outcome.ok && !outcome.error.transient && isBegun && own.has(outcome.error.identity)) tell(runtime);
        return outcome;
      },
    }),
    isTold: (runtimeUid) => told.has(runtimeUid),
    beginLook(runtimeUid) {
      looked.set(runtimeUid, clock.monotonic());
      told.delete(runtimeUid);
    },
    onRefused(listener) {
      listeners = [...listeners, listener];
      return () => {
        listeners = listeners.filter((other) => other !== listener);
      };
    },
  };
}
