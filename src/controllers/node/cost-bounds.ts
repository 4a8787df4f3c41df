import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { type DemandInput, type DemandMemory, demandBound } from '../../core/nodes/demand.ts';
import type { Clock } from '../../ports/clock.ts';

/** The lower bound of what each runtime's present demand costs, by the runtime's uid: for its status. Made anew where the demand has changed. */
export type CostBounds = {
  get(runtimeUid: string): number | undefined;
  /** Whether it is another one now, or in how many milliseconds it is to be looked at again. */
  look(runtime: Stored<ElasticRuntime>, input: DemandInput, memory: DemandMemory): 'same' | 'changed' | { readonly againInMs: number };
};

// All of the demand is planned from nothing, at some 40 pods a millisecond: a large one is planned only so often that it takes a fortieth of the time.
const AT_ONCE = 2000;
const MS_A_POD = 1;

export function createCostBounds(clock: Pick<Clock, 'monotonic'>): CostBounds {
  const known = new Map<string, { readonly of: string; readonly usdPerHour: number; readonly at: number }>();
  return {
    get: (runtimeUid) => known.get(runtimeUid)?.usdPerHour,
    look(runtime, input, memory) {
      const { uid } = runtime.metadata;
      const before = known.get(uid);
      const bound = demandBound(input, memory);
      if (before?.of === bound.of) return 'same';
      const at = clock.monotonic();
      const againInMs = before === undefined || bound.pods <= AT_ONCE ? 0 : before.at + bound.pods * MS_A_POD - at;
      if (againInMs > 0) return { againInMs };
      const usdPerHour = bound.usdPerHour();
      known.set(uid, { of: bound.of, usdPerHour, at });
      return before?.usdPerHour === usdPerHour ? 'same' : 'changed';
    },
  };
}
