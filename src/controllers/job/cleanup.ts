import type { ElasticJob } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers, labels } from '../../api/labels.ts';
import { attemptNames } from '../../core/jobs/names.ts';
import { removeFinalizer } from '../../machinery/finalizers.ts';
import { parseTime } from '../../machinery/time.ts';
import { elasticJobs, services } from '../../ports/resources.ts';
import { describeFailure } from '../identity/failure.ts';
import { closeAccesses, forgetAccesses } from './access-record.ts';
import { deleteChild } from './children.ts';
import { ownJobs } from './own.ts';
import { clearJobProbes } from './preflight.ts';
import { clearStaged, withJobRemedy } from './stage.ts';
import { go, type JobTools, type JobVerdict, type JobView, note, notesOf } from './tools.ts';

/** AWS has this long to take the last accesses of a job. */
const mostClosingMs = 60 * 60_000;

/** After its end: children and stage data go after cleanupAfterSeconds, the record itself after ttlSecondsAfterFinished. */
export async function afterwards(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { spec } = view.job;
  const now = tools.context.clock.now();
  const ended = parseTime(view.draft.value().completionTime) ?? now;
  const deleting = view.runtime.metadata.deletionTimestamp !== undefined;
  const ttl = ttlLeft(view, ended, now);
  if (notesOf(view).cleaned !== true) {
    // Whichever is due first: a record that goes takes its children and staged data along.
    const left = deleting ? 0 : Math.min(ended + spec.cleanupAfterSeconds * 1000 - now, ttl ?? Number.POSITIVE_INFINITY);
    if (left > 0) return { wait: 'Kept', message: '', afterMs: left };
    const cleaned = await cleanUp(tools, view);
    if (!('go' in cleaned)) return cleaned;
    const unstored = await closeAccesses(tools, view, ended + spec.cleanupAfterSeconds * 1000 + mostClosingMs);
    if (unstored !== undefined) return { again: 'AccessesNotStored', message: describeFailure(unstored) };
    note(view, { cleaned: true });
  }
  if (ttl === undefined) return go;
  if (ttl > 0) return { wait: 'Kept', message: '', afterMs: ttl };
  const { name, namespace = '', uid } = view.job.metadata;
  const deleted = await tools.context.kubernetes.delete(elasticJobs, { namespace, name }, { uid });
  return deleted.ok || deleted.error.kind === 'NotFound' ? go : { again: 'NotDeleted', message: deleted.error.message };
}

function ttlLeft(view: JobView, ended: number, now: number): number | undefined {
  const ttl = view.job.spec.ttlSecondsAfterFinished;
  return ttl === undefined || ttl === null ? undefined : ended + ttl * 1000 - now;
}

/** Also what nobody could write down any more once it was done. */
function mayHaveStaged(view: Pick<JobView, 'draft'>): boolean {
  const { staging, staged, verified } = notesOf(view);
  return staging === true || staged !== undefined || verified !== undefined;
}

export function mayHaveLeft(view: Pick<JobView, 'draft'>): boolean {
  return notesOf(view).probing === true || mayHaveStaged(view);
}

/** All children of all attempts, and the job's folder in staging. */
export async function cleanUp(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const problem = await deleteChildren(tools, view.job);
  if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  const probes = await clearJobProbes(tools, view);
  if (!('go' in probes)) return probes;
  if (!mayHaveStaged(view)) return go;
  const cleared = await clearStaged(tools, view);
  tools.context.grants.dropJob(view.job.metadata.uid);
  if (cleared.ok) {
    const was = view.draft.value().conditions?.find(({ type }) => type === 'DependenciesStaged');
    if (was?.reason === 'CleanupBlocked')
      view.draft.condition('DependenciesStaged', false, 'Cleared', 'what the job had staged is deleted');
    return go;
  }
  const message = describeFailure(await withJobRemedy(tools, view, cleared.error));
  view.draft.condition('DependenciesStaged', false, 'CleanupBlocked', message);
  return { again: 'StagedDataLeft', message };
}

export async function deleteChildren(tools: JobTools, job: Stored<ElasticJob>): Promise<string | undefined> {
  const children = ownJobs(tools.context, job);
  for (const child of children) {
    const problem = await deleteChild(tools, child);
    if (problem !== undefined) return problem;
  }
  const attempts = new Set(children.map((child) => Number(child.metadata.labels?.[labels.attempt])));
  attempts.add(job.status?.attempt?.number ?? 1);
  for (const attempt of attempts) {
    const problem = await deleteService(tools, job, attempt);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** By name, but only ours: a Service of that name may be somebody else's. */
export async function deleteService(tools: JobTools, job: Stored<ElasticJob>, attempt: number): Promise<string | undefined> {
  const { kubernetes } = tools.context;
  const key = { namespace: job.metadata.namespace ?? '', name: attemptNames(job.metadata.name, attempt).service };
  const found = await kubernetes.get(services, key);
  if (!found.ok) return found.error.kind === 'NotFound' ? undefined : found.error.message;
  const { ownerReferences = [], uid } = found.value.metadata;
  if (!ownerReferences.some((owner) => owner.controller === true && owner.uid === job.metadata.uid)) return undefined;
  const deleted = await kubernetes.delete(services, key, { uid });
  return deleted.ok || deleted.error.kind === 'NotFound' || deleted.error.kind === 'Conflict' ? undefined : deleted.error.message;
}

/** The cache may still have what was let go a moment ago: it would be cleaned up once more, and its record written anew, when its runtime may be gone. */
export async function isLetGo({ context }: JobTools, { metadata: { namespace, name, uid } }: Stored<ElasticJob>): Promise<boolean> {
  const found = await context.kubernetes.get(elasticJobs, { namespace: namespace ?? '', name });
  return found.ok ? found.value.metadata.uid !== uid : found.error.kind === 'NotFound';
}

export async function release(tools: JobTools, job: Stored<ElasticJob>, runtimeKey: string): Promise<JobVerdict> {
  forgetAccesses(tools, job, runtimeKey);
  tools.context.grants.dropJob(job.metadata.uid);
  tools.placed.delete(job.metadata.uid);
  tools.looks.forget(job.metadata.uid);
  tools.recordLooks.forget(job.metadata.uid);
  const removed = await removeFinalizer(tools.context.kubernetes, elasticJobs, job, finalizers.job);
  return removed.ok ? go : { again: 'FinalizerLeft', message: removed.error.message };
}
