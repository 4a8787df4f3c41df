/** A pool of EC2 capacity; a field left out stands for all. */
export type Pool = { readonly instanceType?: string; readonly zone?: string; readonly capacityType?: 'on-demand' | 'spot' };

export type Capacity = {
  /** At most so many live instances in all that match; the last matching rule counts. Default: no limit. */
  limit(pool: Pool, instances: number): void;
  clear(): void;
  has(offering: Required<Pool>): boolean;
};

export function createCapacity(live: () => Iterable<Required<Pool>>): Capacity {
  const rules: { readonly pool: Pool; readonly instances: number }[] = [];
  return {
    limit: (pool, instances) => void rules.push({ pool, instances }),
    clear: () => void rules.splice(0),
    has(offering) {
      const rule = rules.findLast(({ pool }) => matches(pool, offering));
      return rule === undefined || [...live()].filter((instance) => matches(rule.pool, instance)).length < rule.instances;
    },
  };
}

function matches(pool: Pool, offering: Required<Pool>): boolean {
  return (['instanceType', 'zone', 'capacityType'] as const).every((field) => pool[field] === undefined || pool[field] === offering[field]);
}
