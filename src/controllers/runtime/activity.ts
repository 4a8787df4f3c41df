import type { ElasticJob, ElasticNode, ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { formatTime } from '../../machinery/time.ts';
import type { OperatorContext } from '../context.ts';
import { runtimeKey } from '../context.ts';

const ended: ReadonlySet<string> = new Set(['Succeeded', 'Failed', 'Terminated']);

export function hasEnded(job: ElasticJob): boolean {
  return ended.has(job.status?.phase ?? '');
}

/** Jobs that keep a runtime from being idle: neither ended nor suspended. */
export function activeJobs(context: Pick<OperatorContext, 'stores'>, runtime: Stored<ElasticRuntime>): readonly Stored<ElasticJob>[] {
  return jobsOf(context, runtime).filter(
    (job) => !hasEnded(job) && job.spec.suspend !== true && job.metadata.deletionTimestamp === undefined,
  );
}

export function jobsOf(context: Pick<OperatorContext, 'stores'>, runtime: Stored<ElasticRuntime>): readonly Stored<ElasticJob>[] {
  return context.stores.jobs.byIndex('runtime', runtimeKey(runtime.metadata));
}

export function nodesOf(context: Pick<OperatorContext, 'stores'>, runtime: Stored<ElasticRuntime>): readonly Stored<ElasticNode>[] {
  return context.stores.elasticNodes
    .byIndex('runtime', runtimeKey(runtime.metadata))
    .filter((node) => node.spec.runtimeRef.uid === runtime.metadata.uid);
}

/** Since when there has been no work: kept while it lasts. */
export function idleSince(context: OperatorContext, runtime: Stored<ElasticRuntime>): string | undefined {
  if (activeJobs(context, runtime).length > 0) return undefined;
  return runtime.status?.idleSince ?? formatTime(context.clock.now());
}

export type NodeSummary = {
  readonly nodes: { readonly masters: number; readonly workers: number; readonly launching: number; readonly total: number };
  readonly usdPerHour: string;
};

export function summarizeNodes(nodes: readonly ElasticNode[]): NodeSummary {
  const ready = nodes.filter((node) => node.status?.phase === 'Ready');
  const usd = nodes.reduce((sum, node) => sum + (node.status?.offering?.usdPerHour ?? 0), 0);
  return {
    nodes: {
      masters: ready.filter(({ spec }) => spec.role === 'master').length,
      workers: ready.filter(({ spec }) => spec.role === 'worker').length,
      launching: nodes.filter((node) =>
        ['Pending', 'Launching', 'Launched', 'Registered', 'Initialized', undefined].includes(node.status?.phase),
      ).length,
      total: nodes.length,
    },
    usdPerHour: money(usd),
  };
}

function money(usd: number): string {
  return usd.toFixed(4).replace(/\.?0+$/, '') || '0';
}

/**
 * The bound is of the slots that have a place or must have one: never above the price of the nodes, but while some are missing. A new process keeps what the status says
 * until its first plan.
 */
export function costOf(
  context: Pick<OperatorContext, 'stores' | 'costBounds'>,
  runtime: Stored<ElasticRuntime>,
  usdPerHour: string,
  launching: number,
): NonNullable<ElasticRuntimeStatus['cost']> {
  const known = runtime.status?.cost?.lowerBoundUsdPerHour;
  const bound = context.costBounds.get(runtime.metadata.uid) ?? (known === undefined ? undefined : Number(known));
  if (bound === undefined) return { usdPerHour };
  const missing = launching > 0 || activeJobs(context, runtime).some((job) => job.status?.phase === 'Waiting');
  return { usdPerHour, lowerBoundUsdPerHour: money(missing ? bound : Math.min(bound, Number(usdPerHour))) };
}
