import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { planRemovals, type RemovalCandidate } from '../../core/disruption/empty.ts';
import { resolvePools } from '../../core/nodes/pools.ts';
import { parseDurationMs } from '../../core/quantity/duration.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import { parseTime } from '../../machinery/time.ts';
import { elasticNodes } from '../../ports/resources.ts';
import type { OperatorContext } from '../context.ts';
import { activeJobs, hasEnded, jobsOf, nodesOf } from '../runtime/activity.ts';
import { identitiesInUse } from '../runtime/identities.ts';

/** Ends nodes that nothing needs, that EC2 is about to take, or that are too old. */
export function createDisruptor(context: OperatorContext): (key: string) => Promise<ReconcileResult> {
  // Since when a node has been out of use. A restart begins to count anew, which keeps a node a little longer and loses nothing.
  const emptySince = new Map<string, number>();
  return async (key) => {
    const runtime = context.stores.runtimes.get(key);
    if (runtime === undefined || runtime.metadata.deletionTimestamp !== undefined) return done;
    // Identities that wait for the last node to go: none is kept for a job to come.
    const isDraining = identitiesInUse(context, runtime) !== undefined;
    const nodes = nodesOf(context, runtime).filter((node) => node.metadata.deletionTimestamp === undefined);
    const candidates = nodes.map((node) => candidate(context, node, emptySince));
    const { remove, lookAgainMs } = planRemovals({
      nodes: candidates,
      minimum: isDraining ? new Map() : new Map(resolvePools(runtime).map(({ name, min }) => [name, min])),
      // An attempt that uploads its logs is work too: `activeJobs` holds it until it has ended.
      working: isDraining || activeJobs(context, runtime).length > 0,
      idleSince: parseTime(runtime.status?.idleSince),
      consolidateAfterMs: durationMs(runtime.spec.disruption.consolidateAfter, 30_000),
      idleTimeoutMs: durationMs(runtime.spec.idleTimeout, 600_000),
      now: context.clock.now(),
    });
    const byName = new Map(nodes.map((node) => [node.metadata.name, node]));
    for (const { name, reason } of remove) {
      const node = byName.get(name);
      if (node === undefined) continue;
      if (reason !== 'Interrupted' && (await wantedMeanwhile(context, runtime, node))) continue;
      const { uid, resourceVersion } = node.metadata;
      // The resource version is a precondition: a slot that was reserved here meanwhile keeps the node.
      const deleted = await context.kubernetes.delete(
        elasticNodes,
        { name },
        reason === 'Interrupted' ? { uid } : { uid, resourceVersion },
      );
      if (!deleted.ok && deleted.error.kind !== 'NotFound') return { retry: `ElasticNode ${name}: ${deleted.error.message}` };
      context.events.record(elasticNodes, node, 'Normal', reason, `node removed: ${reason.toLowerCase()}`);
      emptySince.delete(uid);
    }
    return lookAgainMs === undefined ? done : { requeueAfterMs: lookAgainMs + 100 };
  };
}

function candidate(context: OperatorContext, node: Stored<ElasticNode>, emptySince: Map<string, number>): RemovalCandidate {
  const { uid, name } = node.metadata;
  const inUse = (node.spec.reservedFor ?? []).length > 0 || livePods(context, node) > 0;
  if (inUse) emptySince.delete(uid);
  else if (!emptySince.has(uid)) emptySince.set(uid, context.clock.now());
  const launched = parseTime(node.status?.launchTime);
  const expireAfter =
    node.spec.expireAfter === undefined || node.spec.expireAfter === 'Never' ? undefined : parseDurationMs(node.spec.expireAfter);
  return {
    name,
    pool: node.spec.pool,
    inUse,
    emptySince: emptySince.get(uid),
    interrupted: node.status?.report?.interruption?.kind === 'SpotInterruption',
    expired: launched !== undefined && expireAfter?.ok === true && context.clock.now() - launched >= expireAfter.value,
    usdPerHour: node.status?.offering?.usdPerHour ?? 0,
  };
}

function livePods(context: OperatorContext, node: Stored<ElasticNode>): number {
  const name = node.status?.nodeName;
  if (name === undefined) return 0;
  const { namespace } = node.spec.runtimeRef;
  const own = context.stores.pods.byIndex('node', name).filter((pod) => pod.metadata.namespace === namespace);
  return own.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed').length;
}

/** A job may have begun to want capacity since the last plan: its slots are then about to be put on the nodes that are there. */
async function wantedMeanwhile(context: OperatorContext, runtime: Stored<ElasticRuntime>, node: Stored<ElasticNode>): Promise<boolean> {
  if (node.status?.phase !== 'Ready') return false;
  return jobsOf(context, runtime).some(
    (job) => !hasEnded(job) && job.status?.phase === 'Waiting' && context.explanations.get(job.metadata.uid) === undefined,
  );
}

function durationMs(text: string, fallback: number): number {
  const parsed = parseDurationMs(text);
  return parsed.ok ? parsed.value : fallback;
}
