import type { ElasticJob, ElasticJobStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { nextRevocation } from '../../core/access/revocation.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import { keyOf } from '../../machinery/keys.ts';
import { formatTime } from '../../machinery/time.ts';
import { elasticJobs } from '../../ports/resources.ts';
import type { OperatorContext } from '../context.ts';
import { applyStatus, clip, type StatusDraft } from '../draft.ts';
import { hasEnded } from '../runtime/activity.ts';
import { deadline } from './run.ts';
import { attemptOf, type JobTools, type JobVerdict, notesOf } from './tools.ts';

/** Says what the look came to: waiting, conditions, events, status; and when to look again. */
export async function report(
  tools: JobTools,
  job: Stored<ElasticJob>,
  draft: StatusDraft<ElasticJobStatus>,
  verdict: JobVerdict,
): Promise<ReconcileResult> {
  const { context } = tools;
  const phase = draft.value().phase ?? 'Pending';
  describeWaiting(context, draft, phase, verdict);
  summarize(draft, phase, verdict);
  if ('wait' in verdict && verdict.stalled === true && job.status?.waiting?.reason !== verdict.wait)
    context.events.record(elasticJobs, job, 'Warning', verdict.wait, verdict.message);
  if (phase !== job.status?.phase)
    context.events.record(elasticJobs, job, phase === 'Failed' ? 'Warning' : 'Normal', phase, phaseMessage(draft, verdict));
  const written = await applyStatus(tools.applier, elasticJobs, job, draft.value());
  if (!written.ok) return written.error.kind === 'NotFound' ? done : { retry: written.error.message };
  if (written.value.changed) tools.expectations.wrote(keyOf(job), context.stores.jobs, written.value.object);
  if ('again' in verdict) return { retry: verdict.message };
  const waits = ['wait' in verdict ? verdict.afterMs : undefined, nextDeadline(context, job, draft), untilRevoked(context, job, draft)];
  const times = waits.filter((time) => time !== undefined);
  return times.length === 0 ? done : { requeueAfterMs: Math.max(Math.min(...times), 100) };
}

function nextDeadline(context: OperatorContext, job: Stored<ElasticJob>, draft: StatusDraft<ElasticJobStatus>): number | undefined {
  if (hasEnded({ ...job, status: draft.value() }) || job.spec.suspend === true || notesOf({ draft }).ending !== undefined) return undefined;
  const inMs = deadline({ job, draft }, context.clock.now())?.inMs;
  return inMs !== undefined && inMs > 0 ? inMs : undefined;
}

/** A revocation may be set for a time to come. */
function untilRevoked(context: OperatorContext, job: Stored<ElasticJob>, draft: StatusDraft<ElasticJobStatus>): number | undefined {
  const runtime = context.stores.runtimes.get(`${job.metadata.namespace}/${job.spec.runtime}`);
  if (runtime === undefined || hasEnded({ ...job, status: draft.value() })) return undefined;
  const now = context.clock.now();
  const at = nextRevocation({ runtime, connections: job.spec.connections ?? [] }, now);
  return at === undefined ? undefined : at - now;
}

function describeWaiting(context: OperatorContext, draft: StatusDraft<ElasticJobStatus>, phase: string, verdict: JobVerdict): void {
  const waits = 'wait' in verdict && ['Pending', 'Preparing', 'Waiting'].includes(phase);
  if (!waits) {
    draft.unset('waiting');
    return;
  }
  const before = draft.value().waiting;
  draft.set({
    waiting: {
      reason: verdict.wait,
      message: clip(verdict.message),
      since: before?.reason === verdict.wait && before.since !== undefined ? before.since : formatTime(context.clock.now()),
      ...(verdict.expectedAt !== undefined && { expectedAt: formatTime(verdict.expectedAt) }),
    },
  });
}

function summarize(draft: StatusDraft<ElasticJobStatus>, phase: string, verdict: JobVerdict): void {
  if (phase === 'Failed') {
    const { reason, message = '' } = draft.value().failure ?? { reason: 'Failed' };
    draft.condition('Failed', true, reason, message);
    draft.summary({ state: 'Stalled', reason, message });
  } else if (phase === 'Running' && draft.value().conditions?.find(({ type }) => type === 'MasterRunning')?.status !== 'True') {
    const why = draft.value().conditions?.find(({ type }) => type === 'MasterRunning')?.message ?? 'the master pod has not started yet';
    draft.summary({ state: 'Reconciling', reason: 'Starting', message: why });
  } else if (phase === 'Succeeded' || phase === 'Terminated' || phase === 'Running') {
    draft.summary({ state: 'Ready', reason: phase, message: `the job is ${phase.toLowerCase()}` });
  } else if ('wait' in verdict && verdict.stalled === true) {
    draft.summary({ state: 'Stalled', reason: verdict.wait, message: verdict.message });
  } else {
    draft.summary({ state: 'Reconciling', reason: phase, message: phaseMessage(draft, verdict) });
  }
}

function phaseMessage(draft: StatusDraft<ElasticJobStatus>, verdict: JobVerdict): string {
  if ('message' in verdict && verdict.message !== '') return verdict.message;
  const failure = draft.value().failure?.message;
  return failure ?? `attempt ${attemptOf({ draft })}`;
}
