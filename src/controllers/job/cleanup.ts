import type { ElasticJob } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers, labels } from '../../api/labels.ts';
import { attemptNames } from '../../core/jobs/names.ts';
import { removeFinalizer } from '../../machinery/finalizers.ts';
import { parseTime } from '../../machinery/time.ts';
import { elasticJobs, services } from '../../ports/resources.ts';
import { describeFailure } from '../identity/failure.ts';
import { deleteChild } from './children.ts';
import { clearStaged } from './stage.ts';
import { go, type JobTools, type JobVerdict, type JobView, note, notesOf } from './tools.ts';

/** After its end: children and stage data go after cleanupAfterSeconds, the record itself after ttlSecondsAfterFinished. */
export async function afterwards(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { spec } = view.job;
  const now = tools.context.clock.now();
  const ended = parseTime(view.draft.value().completionTime) ?? now;
  const deleting = view.runtime.metadata.deletionTimestamp !== undefined;
  if (notesOf(view).cleaned !== true) {
    const left = deleting ? 0 : ended + spec.cleanupAfterSeconds * 1000 - now;
    if (left > 0) return { wait: 'Kept', message: '', afterMs: Math.min(left, ttlLeft(view, ended, now) ?? left) };
    const cleaned = await cleanUp(tools, view);
    if (!('go' in cleaned)) return cleaned;
    note(view, { cleaned: true });
  }
  const left = ttlLeft(view, ended, now);
  if (left === undefined) return go;
  if (left > 0) return { wait: 'Kept', message: '', afterMs: left };
  const { name, namespace = '', uid } = view.job.metadata;
  const deleted = await tools.context.kubernetes.delete(elasticJobs, { namespace, name }, { uid });
  return deleted.ok || deleted.error.kind === 'NotFound' ? go : { again: 'NotDeleted', message: deleted.error.message };
}

function ttlLeft(view: JobView, ended: number, now: number): number | undefined {
  const ttl = view.job.spec.ttlSecondsAfterFinished;
  return ttl === undefined || ttl === null ? undefined : ended + ttl * 1000 - now;
}

/** All children of all attempts, and the job's folder in staging. */
export async function cleanUp(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const problem = await deleteChildren(tools, view.job);
  if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  if (notesOf(view).staged === undefined && notesOf(view).verified === undefined) return go;
  const cleared = await clearStaged(tools, view);
  if (cleared.ok) return go;
  const message = describeFailure(cleared.error);
  view.draft.condition('DependenciesStaged', false, 'CleanupBlocked', message);
  return { again: 'StagedDataLeft', message };
}

export async function deleteChildren(tools: JobTools, job: Stored<ElasticJob>): Promise<string | undefined> {
  const { stores, kubernetes } = tools.context;
  for (const child of stores.childJobs.byIndex('job', job.metadata.uid)) {
    const problem = await deleteChild(tools, child);
    if (problem !== undefined) return problem;
  }
  const attempts = new Set(
    stores.childJobs.byIndex('job', job.metadata.uid).map((child) => Number(child.metadata.labels?.[labels.attempt])),
  );
  attempts.add(job.status?.attempt?.number ?? 1);
  for (const attempt of attempts) {
    const deleted = await kubernetes.delete(services, {
      namespace: job.metadata.namespace ?? '',
      name: attemptNames(job.metadata.name, attempt).service,
    });
    if (!deleted.ok && deleted.error.kind !== 'NotFound') return deleted.error.message;
  }
  return undefined;
}

export async function release(tools: JobTools, job: Stored<ElasticJob>, runtimeKey: string): Promise<JobVerdict> {
  tools.context.audit.forgetJob(runtimeKey, `${job.metadata.namespace}/${job.metadata.name}`);
  const removed = await removeFinalizer(tools.context.kubernetes, elasticJobs, job, finalizers.job);
  return removed.ok ? go : { again: 'FinalizerLeft', message: removed.error.message };
}
