import type { ElasticJob, ElasticJobStatus, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers } from '../../api/labels.ts';
import { planAccess } from '../../core/access/plan.ts';
import { revokedBefore } from '../../core/access/revocation.ts';
import type { AccessError } from '../../core/access/vocabulary.ts';
import { refusedAccesses } from '../../core/classes/connections.ts';
import { formatClassViolation } from '../../core/classes/violations.ts';
import { isOfRuntime, withWidening } from '../../core/policy/session-plan.ts';
import { refusedTemplateSecrets } from '../../core/validation/secrets.ts';
import { unsupportedJobFields } from '../../core/validation/unsupported.ts';
import { createApplier } from '../../machinery/applier.ts';
import { isConditionTrue } from '../../machinery/conditions.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { ensureFinalizer } from '../../machinery/finalizers.ts';
import { formatTime, parseTime } from '../../machinery/time.ts';
import { createTurns } from '../../machinery/turns.ts';
import { elasticJobs } from '../../ports/resources.ts';
import type { OperatorContext } from '../context.ts';
import { clip, draftStatus, type StatusDraft } from '../draft.ts';
import { hasEnded } from '../runtime/activity.ts';
import { unverifiedRuntime } from '../runtime/unverified.ts';
import { closeAccesses, keepAccesses } from './access-record.ts';
import { startWhenReserved } from './capacity.ts';
import { applyChildren } from './children.ts';
import { afterwards, cleanUp, deleteChildren, isLetGo, mayHaveLeft, release } from './cleanup.ts';
import { beginEnding, finishAttempt } from './finish.ts';
import { createLooks } from './looks.ts';
import { ownPods } from './own.ts';
import { preflight } from './preflight.ts';
import { isProofOld, isReleased, whileProved } from './proof.ts';
import { pinReferences, type References, resolveReferences } from './references.ts';
import { report } from './report.ts';
import { deadline, watchAttempt } from './run.ts';
import { stageDependencies } from './stage.ts';
import { attemptOf, childrenOf, go, type JobTools, type JobVerdict, type JobView, note, notesOf, onBehalf } from './tools.ts';

/** `again`: a job that waits for something of this process alone comes back. */
export function createJobReconciler(
  context: OperatorContext,
  expectations: Expectations,
  again: (key: string) => void,
): (key: string) => Promise<ReconcileResult> {
  const tools: JobTools = {
    context,
    expectations,
    placed: new Map(),
    accesses: new Map(),
    looks: createLooks({ now: () => context.clock.monotonic(), again }),
    recordLooks: createLooks({ now: () => context.clock.monotonic(), again }),
    recordReads: createTurns(2),
    applier: createApplier({ port: context.kubernetes, telemetry: context.telemetry, fieldManager: 'elastic-job-controller' }),
  };
  return async (key) => {
    const job = context.stores.jobs.get(key);
    return job === undefined ? done : reconcileJob(tools, job);
  };
}

async function reconcileJob(tools: JobTools, observed: Stored<ElasticJob>): Promise<ReconcileResult> {
  const { context } = tools;
  const deleting = observed.metadata.deletionTimestamp !== undefined;
  if (deleting && !observed.metadata.finalizers?.includes(finalizers.job)) return done;
  const held = deleting
    ? { ok: true as const, value: observed }
    : await ensureFinalizer(context.kubernetes, elasticJobs, observed, finalizers.job);
  if (!held.ok) return { retry: held.error.message };
  const draft = draftStatus(held.value.status, held.value.metadata.generation, context.clock.now());
  const references = resolveReferences(tools, held.value, draft);
  const { job } = references;
  const runtimeKey = `${job.metadata.namespace}/${job.spec.runtime}`;
  const runtime = context.stores.runtimes.get(runtimeKey);
  const verdict = deleting
    ? await tearDown(tools, references, runtime, draft, runtimeKey)
    : await advance(tools, references, held.value, runtime, draft);
  if (deleting && 'go' in verdict) return done;
  return report(tools, job, draft, verdict);
}

/** One step towards the end of the job; what it says is carried to status by `report`. */
async function advance(
  tools: JobTools,
  references: References,
  written: Stored<ElasticJob>,
  runtime: Stored<ElasticRuntime> | undefined,
  draft: StatusDraft<ElasticJobStatus>,
): Promise<JobVerdict> {
  const { job } = references;
  if (runtime === undefined) {
    const message = `no ElasticRuntime ${job.spec.runtime} in namespace ${job.metadata.namespace}: create it or correct spec.runtime`;
    return hasEnded(job) ? go : notBegun(tools, job, draft, { wait: 'RuntimeNotFound', message, afterMs: 60_000 });
  }
  // From what the author wrote, so that a mistake is said of the object that has it.
  const planned = planAccess({ runtime, job: written, connections: new Map(Object.entries(references.found)) });
  const elsewhere =
    planned.ok || hasEnded(job) ? undefined : (wrongRuntime(tools, runtime, planned.errors) ?? wrongReference(planned.errors));
  if (elsewhere !== undefined) return notBegun(tools, job, draft, elsewhere, runtime);
  if (!planned.ok) return hasEnded(job) ? go : invalid(tools, job, draft, planned.errors.map(describeError));
  const view: JobView = { job, runtime, plan: planned.plan, references, draft };
  const verdict = hasEnded(job) ? await afterwards(tools, view) : await goOn(tools, view);
  // Whatever calls this look has made, their record outlives this process.
  if (!hasEnded(job)) await keepAccesses(tools, view);
  return verdict;
}

async function goOn(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { job, runtime, draft } = view;
  // Judged before the attempt is let go: what runs is not ended because a list was shortened.
  const released = isReleased(tools, view);
  const unsupported = released ? [] : unsupportedJobFields(job);
  if (unsupported.length > 0) return invalid(tools, job, draft, unsupported);
  const refused = released ? [] : refusedTemplateSecrets(job, runtime);
  if (refused.length > 0)
    return invalid(
      tools,
      job,
      draft,
      refused.map(({ field, value, message }) => `${field} ${JSON.stringify(value)}: ${message}`),
    );
  publishPlan(tools, view);
  const { ending } = notesOf(view);
  if (ending !== undefined) {
    const finished = await finishAttempt(tools, view, ending);
    // Nothing is launched for an attempt before what the last one was let go on is proved again.
    if (draft.value().phase === 'Waiting' && isProofOld(tools, view)) draft.set({ phase: 'Preparing' });
    // The next look begins the next attempt, or the time after the job.
    return 'go' in finished ? { wait: 'Ended', message: ending.message, afterMs: 100 } : finished;
  }
  // Before any deadline is judged: the time of the suspension just over does not count.
  if (job.spec.suspend !== true) resume(tools, view);
  const verdict = stopped(tools, view) ?? (await pursue(tools, view));
  if ('end' in verdict) {
    beginEnding(tools, view, verdict.end);
    return { wait: 'Ending', message: verdict.end.message, afterMs: 1_000 };
  }
  return verdict;
}

function describeError({ object, field, value, message, remedy }: AccessError): string {
  return `${object}: ${field} ${JSON.stringify(value)} ${message}: ${remedy}`;
}

/** What is wrong in an ElasticConnection, or that there is none, somebody else can mend: the job waits. */
function wrongReference(errors: readonly AccessError[]): Waiting | undefined {
  const isMissing = ({ field }: AccessError): boolean => field.endsWith('connectionRef.name');
  if (!errors.every((error) => isMissing(error) || error.object.startsWith('ElasticConnection '))) return undefined;
  const reason = errors.some(isMissing) ? 'ConnectionNotFound' : 'ConnectionInvalid';
  return { wait: reason, message: errors.map(describeError).join('; '), stalled: true };
}

/** Nor does a job fail for what its runtime must not do, or for what neither the runtime nor its class says. */
function wrongRuntime({ context }: JobTools, runtime: Stored<ElasticRuntime>, errors: readonly AccessError[]): Waiting | undefined {
  const standing = context.classes.standing(runtime);
  if (standing.kind === 'allowed' || !errors.some(({ object }) => object.startsWith('ElasticRuntime '))) return undefined;
  return { wait: 'RuntimeNotReady', message: `runtime ${runtime.metadata.name}: ${standing.message}` };
}

type Waiting = Extract<JobVerdict, { readonly wait: string }>;

/** What has never begun still obeys its author and its deadline while it waits for somebody, and ends with its runtime. */
function notBegun(
  tools: JobTools,
  job: Stored<ElasticJob>,
  draft: StatusDraft<ElasticJobStatus>,
  waiting: Waiting,
  runtime?: Stored<ElasticRuntime>,
): JobVerdict {
  const over = endsUnbegun(tools, job, draft, runtime);
  if (over !== undefined) return over;
  draft.set({ phase: 'Pending' });
  return waiting;
}

function endsUnbegun(
  tools: JobTools,
  job: Stored<ElasticJob>,
  draft: StatusDraft<ElasticJobStatus>,
  runtime: Stored<ElasticRuntime> | undefined,
): JobVerdict | undefined {
  if (draft.value().startTime !== undefined) return undefined;
  const now = formatTime(tools.context.clock.now());
  const limit = deadline({ job, draft }, tools.context.clock.now());
  if (job.spec.terminate) {
    draft.set({ phase: 'Terminated', completionTime: now });
  } else if (runtime?.metadata.deletionTimestamp !== undefined) {
    draft.set({ phase: 'Failed', completionTime: now, failure: runtimeDeleted(runtime) });
  } else if (limit !== undefined && limit.inMs <= 0 && 'end' in limit.end && limit.end.end.failure !== undefined) {
    draft.set({ phase: 'Failed', completionTime: now, failure: limit.end.end.failure });
  } else return undefined;
  if (!mayHaveLeft({ draft })) note({ draft }, { cleaned: true });
  return go;
}

function runtimeDeleted(runtime: Stored<ElasticRuntime>): { readonly reason: string; readonly message: string } {
  return { reason: 'RuntimeDeleted', message: `runtime ${runtime.metadata.name} is being deleted` };
}

/** Between attempts: what fails at once, or is taken away again and again, does not burn nodes. */
function retryPause(tools: JobTools, view: JobView): JobVerdict | undefined {
  const at = parseTime(notesOf(view).retryAt);
  if (at === undefined) return undefined;
  const left = at - tools.context.clock.now();
  if (left <= 0) {
    note(view, { retryAt: undefined });
    return undefined;
  }
  view.draft.set({ phase: 'Preparing' });
  return { wait: 'RetryPause', message: `attempt ${attemptOf(view)} begins in ${Math.ceil(left / 1000)} s`, afterMs: left };
}

/** Reasons to end that stand before all progress. */
function stopped(tools: JobTools, view: JobView): JobVerdict | undefined {
  if (view.job.spec.terminate) return { end: { phase: 'Terminated', reason: 'Terminated', message: 'spec.terminate was set' } };
  if (view.runtime.metadata.deletionTimestamp !== undefined) {
    const failure = runtimeDeleted(view.runtime);
    return { end: { phase: 'Failed', ...failure, failure } };
  }
  const limit = view.job.spec.suspend === true ? undefined : deadline(view, tools.context.clock.now());
  return limit !== undefined && limit.inMs <= 0 ? limit.end : accessRevoked(tools, view);
}

/** Pods from before may hold sessions from before: they end, and the attempt begins anew with sessions from after. */
function accessRevoked(tools: JobTools, view: JobView): JobVerdict | undefined {
  const { runtime, job } = view;
  const at = revokedBefore({ runtime, connections: job.spec.connections ?? [] }, tools.context.clock.now());
  if (at === undefined) return undefined;
  // A pod's own time, not the attempt's: who let it go may have died before it could say so.
  const before = childrenOf(tools, view).pods.filter(({ metadata }) => (parseTime(metadata.creationTimestamp) ?? at) < at);
  if (before.length === 0) return undefined;
  const message = `access from before ${formatTime(at)} is revoked (accessRevokedBefore), and ${before.length} pod(s) are from before`;
  return { end: { phase: 'Retry', reason: 'AccessRevoked', message } };
}

async function pursue(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { job, runtime, draft } = view;
  if (job.spec.suspend === true) return suspend(tools, view);
  const pause = retryPause(tools, view);
  if (pause !== undefined) return pause;
  const running = isReleased(tools, view);
  if (!running) {
    const refused = refusedByClass(tools, view);
    if (refused !== undefined) return refused;
    if (!isConditionTrue(runtime.status?.conditions, 'Ready')) {
      draft.set({ phase: 'Pending' });
      return {
        wait: 'RuntimeNotReady',
        message: `runtime ${runtime.metadata.name} is not ready: ${runtime.status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? 'it has not been looked at yet'}`,
      };
    }
    const unverified = unverifiedRuntime(tools.context, runtime);
    if (unverified !== undefined) {
      draft.set({ phase: 'Pending' });
      return { wait: 'RuntimeNotReady', message: `runtime ${runtime.metadata.name}: ${unverified}` };
    }
    if (runtime.spec.suspend && draft.value().startTime === undefined) {
      draft.set({ phase: 'Pending' });
      return { wait: 'RuntimeSuspended', message: `runtime ${runtime.metadata.name} starts no new job (spec.suspend)` };
    }
  }
  if (draft.value().phase === undefined || draft.value().phase === 'Pending') draft.set({ phase: 'Preparing' });
  for (const step of [preflight, pinReferences, stageDependencies, admit, startWhenReserved, watchAttempt]) {
    const verdict = await step(tools, view);
    if (!('go' in verdict)) return whileProved(tools, view, verdict);
  }
  return go;
}

/** The class of the runtime, as it is now: what it no longer allows does not begin, and neither does the next attempt. */
function refusedByClass(tools: JobTools, { job, runtime, plan, draft }: JobView): JobVerdict | undefined {
  const { classes } = tools.context;
  const standing = classes.standing(runtime);
  const namedIn = { principals: plan.principals, region: runtime.spec.region };
  const named = { connections: plan.connections, dependencies: job.spec.dependencies, namedIn };
  const refused = refusedAccesses(classes.resolution(runtime)?.class, named).map(formatClassViolation);
  if (standing.kind === 'allowed' && refused.length === 0) return undefined;
  if (draft.value().startTime === undefined) draft.set({ phase: 'Pending' });
  return standing.kind === 'allowed'
    ? { wait: 'NotAllowedByClass', message: refused.join('; '), stalled: true }
    : { wait: 'RuntimeNotReady', message: `runtime ${runtime.metadata.name} of job ${job.metadata.name}: ${standing.message}` };
}

/** From here on the attempt's slots are demand. */
async function admit(_tools: JobTools, { draft }: JobView): Promise<JobVerdict> {
  if (draft.value().attempt?.number === undefined) draft.set({ attempt: { number: 1 }, attempts: 1 });
  if (draft.value().phase === 'Preparing' || draft.value().phase === 'Pending') draft.set({ phase: 'Waiting' });
  return go;
}

/** Pods end, the attempt stays: Kueue's way of taking capacity back. */
async function suspend(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { master, worker } = childrenOf(tools, view);
  if (master?.spec.suspend === false || worker?.spec.suspend === false) {
    const applied = await applyChildren(tools, view, { released: false, workers: worker?.spec.parallelism ?? 0 });
    if (!('go' in applied)) return applied;
  }
  if (notesOf(view).suspendedSince === undefined) note(view, { suspendedSince: formatTime(tools.context.clock.now()) });
  view.draft.set({ phase: 'Suspended' });
  view.draft.condition('CapacityReady', false, 'Suspended', 'spec.suspend is true');
  return { wait: 'Suspended', message: 'spec.suspend is true' };
}

function resume(tools: JobTools, view: JobView): void {
  const since = parseTime(notesOf(view).suspendedSince);
  if (since === undefined) return;
  note(view, { suspendedSince: undefined, suspendedMs: (notesOf(view).suspendedMs ?? 0) + tools.context.clock.now() - since });
  view.draft.set({ phase: view.draft.value().attempt?.number === undefined || isProofOld(tools, view) ? 'Preparing' : 'Waiting' });
}

function publishPlan({ context }: JobTools, { draft, runtime, job, plan }: JobView): void {
  const rows = withWidening(plan, (row) =>
    context.grants.widened(
      isOfRuntime(row)
        ? { runtime, identity: row.identity, resource: row.resource }
        : onBehalf({ runtime, job, plan }, row.identity, row.resource),
    ),
  );
  draft.set({ securityType: plan.securityType, accessPlan: rows });
}

/** Nothing of it may run, and nothing was staged under a plan that does not stand. */
async function invalid(
  tools: JobTools,
  job: Stored<ElasticJob>,
  draft: StatusDraft<ElasticJobStatus>,
  messages: readonly string[],
): Promise<JobVerdict> {
  const problem = await deleteChildren(tools, job);
  if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  const message = clip(messages.join('; '));
  if (!mayHaveLeft({ draft })) note({ draft }, { cleaned: true });
  draft.set({ phase: 'Failed', completionTime: formatTime(tools.context.clock.now()), failure: { reason: 'InvalidSpec', message } });
  return go;
}

/** The job is deleted: its attempt ends without waiting for logs, its staged data goes, then its finalizer. */
async function tearDown(
  tools: JobTools,
  { job, found }: References,
  runtime: Stored<ElasticRuntime> | undefined,
  draft: StatusDraft<ElasticJobStatus>,
  runtimeKey: string,
): Promise<JobVerdict> {
  const problem = await deleteChildren(tools, job);
  if (problem !== undefined) return { again: 'ChildrenEnding', message: problem };
  const pods = ownPods(tools.context, job).filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
  if (pods.length > 0) return { wait: 'ChildrenEnding', message: `${pods.length} pod(s) still end`, afterMs: 5_000 };
  const planned = runtime === undefined ? undefined : planAccess({ runtime, job });
  if (runtime !== undefined && planned?.ok === true && notesOf({ draft }).cleaned !== true && !(await isLetGo(tools, job))) {
    const view = { job, runtime, plan: planned.plan, references: { found }, draft };
    const cleaned = await cleanUp(tools, view);
    if (!('go' in cleaned)) return cleaned;
    await closeAccesses(tools, view);
  }
  return release(tools, job, runtimeKey);
}
