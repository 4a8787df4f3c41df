import type { Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { formatS3Uri, jobPrefix, logPrefix, runtimeFolder } from '../../core/access/locations.ts';
import { s3Arn } from '../../core/access/partitions.ts';
import { podsOf } from '../../core/jobs/outcome.ts';
import { formatTime, parseTime } from '../../machinery/time.ts';
import { ok } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, describeFailure, isPassing } from '../identity/failure.ts';
import { nodesOf } from '../runtime/activity.ts';
import { gatherAccesses, noteLate, storeAccesses } from './access-record.ts';
import { agentLog } from './agent-log.ts';
import { deleteChild } from './children.ts';
import { deleteService } from './cleanup.ts';
import { attemptOf, childrenOf, type Ending, go, type JobTools, type JobVerdict, type JobView, note, notesOf, onBehalf } from './tools.ts';

/** AWS has this long to get well, beyond the time for the pods' logs. */
const mostUploadMs = 5 * 60_000;

/** Writes down how the attempt ends. Carrying it out begins with the next reconcile, so that a crash in between changes nothing. */
export function beginEnding(tools: JobTools, view: JobView, end: Omit<Ending, 'since' | 'pods'>): void {
  const pods = childrenOf(tools, view).pods.flatMap((pod) => {
    const { uid, name } = pod.metadata;
    const node = pod.spec.nodeName;
    return node === undefined ? [] : [{ uid, name, node, role: pod.metadata.labels?.[labels.role] ?? 'worker' }];
  });
  note(view, { ending: { ...end, since: formatTime(tools.context.clock.now()), pods: pods.slice(0, 512) } });
  view.draft.set({ phase: 'Uploading' });
  view.draft.unset('waiting');
}

/** Ends the attempt: workers, logs, the agent's log and the record of accesses, children; then the job, or its next attempt. */
export async function finishAttempt(tools: JobTools, view: JobView, ending: Ending): Promise<JobVerdict> {
  const { master, worker, pods } = childrenOf(tools, view);
  // A master that has succeeded stays for people to look at, unless another container of it runs on.
  const keepMaster = ending.phase === 'Succeeded' && podsOf(pods, 'master').every(hasEndedPod);
  const problem = (await deleteChild(tools, worker)) ?? (keepMaster ? undefined : await deleteChild(tools, master));
  if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  if (notesOf(view).uploaded !== attemptOf(view)) {
    const flushed = logsFlushed(tools, view, ending);
    if (!('go' in flushed)) return flushed;
    const problem = await upload(tools, view, ending);
    const isOver = tools.context.clock.now() >= (parseTime(ending.since) ?? 0) + tools.context.settings.logFlushTimeoutMs + mostUploadMs;
    if (problem?.transient === true && !isOver) return { again: 'LogsUploading', message: describeFailure(problem) };
    note(view, { uploaded: attemptOf(view) });
  }
  const left = await childrenGone(tools, view, ending);
  if (!('go' in left)) return left;
  conclude(tools, view, ending);
  return go;
}

/** The pods of an attempt go only when their logs are out, their node is gone, or the time for it has passed. */
function logsFlushed(tools: JobTools, view: JobView, ending: Ending): JobVerdict {
  const { settings, clock } = tools.context;
  const pods = ending.pods ?? [];
  if (!settings.nodeAgents || pods.length === 0) {
    view.draft.condition('LogsUploaded', true, 'NothingToWaitFor', 'no pod left a log to wait for');
    return go;
  }
  const { pending, missingBytes } = unflushed(tools, view, ending);
  if (pending.length === 0) {
    view.draft.condition('LogsUploaded', true, 'Uploaded', `the logs of ${pods.length} pod(s) are stored`);
    return go;
  }
  const left = (parseTime(ending.since) ?? 0) + settings.logFlushTimeoutMs - clock.now();
  if (left <= 0) {
    view.draft.condition(
      'LogsUploaded',
      false,
      'TimedOut',
      `${pending.length} pod(s) without a final flush; at least ${missingBytes} byte(s) are known to be missing`,
    );
    return go;
  }
  view.draft.condition('LogsUploaded', false, 'Uploading', `waiting for the logs of ${pending.length} pod(s)`);
  return { wait: 'LogsUploading', message: `logs of ${pending.length} pod(s)`, afterMs: Math.min(left, 5_000) };
}

function nodesNamed(pods: readonly PodOfEnding[]): string {
  const names = [...new Set(pods.map(({ node }) => node))];
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}

type PodOfEnding = NonNullable<Ending['pods']>[number];

/** Pods of which a node that is there has not said that all is stored. What it says is not to be relied on. */
function unflushed(
  tools: JobTools,
  view: JobView,
  { pods = [] }: Ending,
): { readonly pending: readonly PodOfEnding[]; readonly missingBytes: number } {
  const nodes = new Map(nodesOf(tools.context, view.runtime).map((node) => [node.status?.nodeName, node]));
  let missingBytes = 0;
  const pending = pods.filter(({ uid, node }) => {
    const own = nodes.get(node);
    if (own === undefined) return false;
    const report = (own.status?.report?.logs ?? {}) as Readonly<
      Record<string, { readonly flushed?: unknown; readonly pendingBytes?: unknown } | undefined>
    >;
    const { flushed, pendingBytes } = report[uid] ?? {};
    if (typeof pendingBytes === 'number' && Number.isSafeInteger(pendingBytes)) missingBytes += pendingBytes;
    return flushed !== true;
  });
  return { pending, missingBytes };
}

/** As agent. A log that cannot be stored does not keep a job from ending: it is said in a condition, and answered where it may be stored in a moment. */
async function upload(tools: JobTools, view: JobView, ending: Ending): Promise<AccessFailure | undefined> {
  const { context } = tools;
  const { job, runtime } = view;
  const folder = jobPrefix(runtimeFolder(runtime, 'logs'), { name: job.metadata.name, uid: job.metadata.uid });
  const attempt = attemptOf(view);
  const agentFolder = logPrefix(folder, attempt, 'agent');
  view.draft.set({
    logs: {
      agent: `${formatS3Uri(agentFolder)}/`,
      master: `${formatS3Uri(logPrefix(folder, attempt, 'master'))}/`,
      workers: `${formatS3Uri(logPrefix(folder, attempt, 'worker'))}/`,
    },
  });
  const accesses = await gatherAccesses(tools, view);
  const { namespace } = job.metadata;
  const records = accesses.ok
    ? accesses.value.records
    : context.audit.ofJob(`${namespace}/${runtime.metadata.name}`, `${namespace}/${job.metadata.name}`);
  const location = { bucket: agentFolder.bucket, key: `${agentFolder.key}/agent.log` };
  const at = { action: 's3:PutObject', resource: s3Arn(runtime.spec.region, location.bucket, location.key) };
  const stored = await actAs(context, onBehalf(view, 'agent', 'log:agent'), at, (aws, caller) =>
    aws.s3.putObject(caller, {
      ...location,
      body: new TextEncoder().encode(agentLog(tools, view, ending, records)),
      contentType: 'text/plain',
      kmsKeyArn: runtime.spec.logs.kmsKeyArn,
    }),
  );
  if (!stored.ok) view.draft.condition('LogsUploaded', false, 'AgentLogNotStored', describeFailure(stored.error));
  // Last, so that it has the others.
  const late = context.settings.nodeAgents ? unflushed(tools, view, ending).pending : [];
  const lacking =
    late.length === 0 ? [] : [`what node agents did last for ${late.length} pod(s) of attempt ${attempt}, on ${nodesNamed(late)}`];
  for (const what of lacking) noteLate(tools, view, what);
  const gathered = accesses.ok ? ok({ ...accesses.value, missing: [...accesses.value.missing, ...lacking] }) : accesses;
  const kept = await storeAccesses(tools, view, gathered);
  if (gathered.ok && gathered.value.missing.length > lacking.length)
    view.draft.condition('LogsUploaded', false, 'AccessesIncomplete', `access.json lacks ${gathered.value.missing.join('; ')}`);
  if (!kept.ok) view.draft.condition('LogsUploaded', false, 'AccessesNotStored', describeFailure(kept.error));
  const failures = [stored, kept].flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  return failures.find(isPassing);
}

/** Before another attempt takes over, nothing of this one may run any more; an end for good leaves what has ended for people to look at. */
async function childrenGone(tools: JobTools, view: JobView, ending: Ending): Promise<JobVerdict> {
  const { master, worker, pods } = childrenOf(tools, view);
  const alive = pods.filter((pod) => !hasEndedPod(pod));
  if (worker !== undefined || (ending.phase !== 'Succeeded' && master !== undefined))
    return { wait: 'ChildrenEnding', message: 'the children are being deleted', afterMs: 5_000 };
  if (alive.length > 0) return { wait: 'ChildrenEnding', message: `${alive.length} pod(s) still end`, afterMs: 5_000 };
  if (ending.phase === 'Succeeded') return go;
  const problem = await deleteService(tools, view.job, attemptOf(view));
  return problem === undefined ? go : { again: 'ChildrenEnding', message: problem };
}

function hasEndedPod(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function conclude(tools: JobTools, view: JobView, ending: Ending): void {
  const { draft } = view;
  const now = formatTime(tools.context.clock.now());
  const number = attemptOf(view);
  const start = draft.value().attempt?.startTime;
  const record = {
    number,
    reason: ending.reason,
    message: ending.message.slice(0, 1024),
    endTime: now,
    ...(start !== undefined && { startTime: start }),
  };
  draft.set({ attemptHistory: [...(draft.value().attemptHistory ?? []), record].slice(-10) });
  const failures = (notesOf(view).failures ?? 0) + (ending.failure === undefined ? 0 : 1);
  const losses = ending.phase === 'Retry' && ending.failure === undefined ? (notesOf(view).losses ?? 0) + 1 : 0;
  note(view, { ending: undefined, failures, losses });
  draft.dropCondition('MasterRunning');
  if (ending.phase === 'Retry') {
    draft.set({ phase: 'Waiting', attempt: { number: number + 1 }, attempts: number + 1 });
    draft.condition('CapacityReady', false, 'Retry', `attempt ${number} ended: ${ending.reason}`);
    // The first loss begins anew at once; failures wait as Jobs do (10 s, doubled, at most 6 min).
    const row = losses > 0 ? losses - 1 : failures;
    if (row > 0) note(view, { retryAt: formatTime(tools.context.clock.now() + Math.min(10_000 * 2 ** (row - 1), 360_000)) });
    return;
  }
  tools.context.grants.dropJob(view.job.metadata.uid);
  draft.set({ phase: ending.phase, completionTime: now });
  if (ending.failure !== undefined) draft.set({ failure: ending.failure });
  const succeeded = ending.phase === 'Succeeded';
  draft.condition(succeeded ? 'Complete' : 'Failed', true, ending.reason, ending.message);
}
