/** How old what was proved of a job is. Pods that run are ended by no preflight; until then it counts. */
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { proofLeftMs, proofMs } from '../../core/preflight/age.ts';
import { parseTime } from '../../machinery/time.ts';
import { draftStatus } from '../draft.ts';
import type { AccessFailure } from '../identity/failure.ts';
import { hasEnded, jobsOf } from '../runtime/activity.ts';
import { childrenOf, type JobTools, type JobVerdict, type JobView, notesOf } from './tools.ts';

/** What is proved anew takes along what is as old: equal jobs come back once, not for each of their accesses. */
export const renewedMs = proofMs / 2;
/** A failure that passes by itself is not said of a job that waits for something else before it has lasted so long. */
const graceMs = 60_000;

export function isReleased(tools: Pick<JobTools, 'context'>, view: Pick<JobView, 'job' | 'draft'>): boolean {
  return childrenOf(tools, view).master?.spec.suspend === false;
}

/** Nothing of it runs, and what was proved of it is older than a launch may rest on. */
export function isProofOld({ context }: Pick<JobTools, 'context'>, view: Pick<JobView, 'job' | 'draft'>): boolean {
  return leftMs(context, view) === 0 && !isReleased({ context }, view);
}

function leftMs({ clock }: JobTools['context'], view: Pick<JobView, 'draft'>): number {
  return proofLeftMs(parseTime(notesOf(view).verifiedAt), clock.now());
}

/** Nodes that are wanted only by jobs that have been away (suspended, or nobody looked at them) are launched when these are proved once more. */
export function awaitProof(
  context: JobTools['context'],
  { node, runtime }: { readonly node: ElasticNode; readonly runtime: Stored<ElasticRuntime> },
): boolean {
  const wanted = new Set(node.spec.reservedFor?.map(({ jobUid }) => jobUid));
  if (wanted.size === 0) return false;
  const jobs = jobsOf(context, runtime).filter((job) => wanted.has(job.metadata.uid) && !hasEnded(job));
  return jobs.length > 0 && jobs.every((job) => isProofOld({ context }, { job, draft: draftStatus(job.status, undefined, 0) }));
}

/** Whoever waits comes back before its proof is too old. */
export function whileProved(tools: JobTools, view: JobView, verdict: JobVerdict): JobVerdict {
  if (!('wait' in verdict) || isReleased(tools, view)) return verdict;
  const left = leftMs(tools.context, view);
  // Of what is old already, or was never proved, the preflight has said when to come back.
  return left === 0 ? verdict : { ...verdict, afterMs: Math.min(verdict.afterMs ?? left, left) };
}

/** While accesses are looked at. A job that waits for something else, and is looked at once more, says what it waits for. */
export function looking(view: JobView, missing: number, afterMs: number): JobVerdict {
  const said = { wait: 'VerifyingAccess', message: `${missing} access(es) are being verified`, afterMs };
  const { phase, waiting } = view.draft.value();
  if (phase !== 'Waiting' || waiting === undefined) return said;
  const expectedAt = parseTime(waiting.expectedAt);
  return { wait: waiting.reason, message: waiting.message ?? '', afterMs, ...(expectedAt !== undefined && { expectedAt }) };
}

/** Proved once, and only what passes by itself keeps it from being proved again: for a while that is nothing to say. */
export function passes({ context }: JobTools, view: JobView, failures: readonly AccessFailure[]): boolean {
  const { verifiedAt } = notesOf(view);
  const since = parseTime(verifiedAt);
  if (view.draft.value().phase !== 'Waiting' || since === undefined) return false;
  return failures.every(({ transient }) => transient) && proofLeftMs(since, context.clock.now() - graceMs) > 0;
}
