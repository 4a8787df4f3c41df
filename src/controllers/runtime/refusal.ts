import type { ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { StatusDraft } from '../draft.ts';
import { type AccessFailure, describeFailure, describeFailures, reportFailure } from '../identity/failure.ts';
import { withRemedy } from '../identity/remedy.ts';
import type { RuntimeTools, StepVerdict } from './tools.ts';

type Draft = StatusDraft<ElasticRuntimeStatus>;

/** Whatever step it is that AWS refuses: its condition, and the status that `kubectl-elastic why` reads, say what to add to which policy. */
export async function refusedStep(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: Draft,
  { condition, reason }: { readonly condition: string; readonly reason: string },
  failures: readonly AccessFailure[],
): Promise<StepVerdict> {
  const known = await Promise.all(failures.map((failure) => withRuntimeRemedy(tools, runtime, failure)));
  const message = describeFailures(known);
  draft.set({ preflight: { failed: known.map(reportFailure) } });
  draft.condition(condition, false, reason, message);
  return known.every(({ transient }) => transient) ? { again: reason, message } : { stalled: reason, message };
}

/** What is in the way of cleaning up, which goes on as soon as it is not. */
export async function cleanupBlocked(tools: RuntimeTools, runtime: Stored<ElasticRuntime>, failure: AccessFailure): Promise<StepVerdict> {
  const message = describeFailure(await withRuntimeRemedy(tools, runtime, failure));
  if (failure.transient) return { again: 'CleaningUp', message };
  return { stalled: 'CleanupBlocked', message: `${message}. Give the identity back what it needs; cleaning up goes on by itself` };
}

export function withRuntimeRemedy(
  { context }: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  failure: AccessFailure,
): Promise<AccessFailure> {
  return withRemedy(context, { runtime, connections: [] }, {}, failure);
}
