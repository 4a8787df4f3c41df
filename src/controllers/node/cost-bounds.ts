import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { type DemandInput, type DemandMemory, demandBound } from '../../core/nodes/demand.ts';

/** The lower bound of what each runtime's present demand costs, by the runtime's uid: for its status. Made anew where the demand has changed. */
export type CostBounds = {
  get(runtimeUid: string): number | undefined;
  /** Whether it is another one now. */
  look(runtime: Stored<ElasticRuntime>, input: DemandInput, memory: DemandMemory): boolean;
};

export function createCostBounds(): CostBounds {
  const known = new Map<string, { readonly of: string; readonly usdPerHour: number }>();
  return {
    get: (runtimeUid) => known.get(runtimeUid)?.usdPerHour,
    look(runtime, input, memory) {
      const { uid } = runtime.metadata;
      const before = known.get(uid);
      const bound = demandBound(input, memory);
      if (before?.of === bound.of) return false;
      const usdPerHour = bound.usdPerHour();
      known.set(uid, { of: bound.of, usdPerHour });
      return before?.usdPerHour !== usdPerHour;
    },
  };
}
