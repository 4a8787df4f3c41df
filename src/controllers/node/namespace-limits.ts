import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { type Allowance, allowance } from '../../core/classes/limits.ts';
import { usageOf } from '../../core/nodes/demand.ts';
import type { Catalog } from '../../core/packing/catalog.ts';
import { createOverlay } from '../../machinery/overlay.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';

/** `limitsPerNamespace` of a class counts over several runtimes, which are planned one by one. */
export type NamespaceLimits = {
  /** One after the other where a limit joins runtimes: two plans that each fit alone must not both be written. */
  inTurn<T>(runtime: Stored<ElasticRuntime>, plan: () => Promise<T>): Promise<T>;
  /** What is left to this runtime; undefined: no limit. */
  left(runtime: Stored<ElasticRuntime>, catalog: Catalog): Allowance | undefined;
  /** An intent that this process has written: it counts before the cache shows it. */
  wrote(node: Stored<ElasticNode>): void;
};

export function createNamespaceLimits(context: OperatorContext): NamespaceLimits {
  const { stores, classes, clock } = context;
  const nodes = createOverlay<ElasticNode, 'runtime' | 'providerID'>({ store: stores.elasticNodes, clock });
  const turns = new Map<string, Promise<unknown>>();
  const limiting = (runtime: Stored<ElasticRuntime>) => {
    const found = classes.resolution(runtime)?.class;
    return found?.spec.limitsPerNamespace === undefined ? undefined : found;
  };

  return {
    async inTurn(runtime, plan) {
      const { namespace = '' } = runtime.metadata;
      if (limiting(runtime) === undefined) return plan();
      const before = turns.get(namespace);
      const turn = (async () => {
        // Whatever became of the one before.
        await before?.catch(() => undefined);
        return plan();
      })();
      turns.set(namespace, turn);
      try {
        return await turn;
      } finally {
        if (turns.get(namespace) === turn) turns.delete(namespace);
      }
    },
    left(runtime, catalog) {
      const found = limiting(runtime);
      const { namespace = '', uid } = runtime.metadata;
      if (found === undefined) return undefined;
      const others = stores.runtimes
        .list()
        .filter(({ metadata }) => metadata.namespace === namespace && metadata.uid !== uid)
        .filter((other) => classes.resolution(other)?.class?.metadata.name === found.metadata.name)
        .map((other) => usageOf(nodes.byIndex('runtime', runtimeKey(other.metadata)), catalog));
      return allowance(found.spec.limitsPerNamespace, others, { className: found.metadata.name, namespace });
    },
    wrote: (node) => nodes.wrote(node),
  };
}
