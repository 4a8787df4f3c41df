import { createHash } from 'node:crypto';
import { jobProbes } from '../../core/preflight/probes.ts';
import { keyOf } from '../../machinery/keys.ts';
import { formatMicroTime, parseTime } from '../../machinery/time.ts';
import { elasticJobs } from '../../ports/resources.ts';
import { type AccessFailure, describeFailure, except } from '../identity/failure.ts';
import { describeMany, reportMany } from '../identity/many.ts';
import { clearProbes, type KeyedProbe, keyed, type ProofOf, proveAll } from '../identity/prove.ts';
import { reasonOf, strictClassOf } from '../identity/strict.ts';
import { openSecret, withKeys } from './credentials.ts';
import { isProofOld, isReleased, looking, passes, renewedMs } from './proof.ts';
import { pinnable } from './references.ts';
import { go, type JobTools, type JobVerdict, type JobView, note, notesOf } from './tools.ts';

/**
 * Before a node starts: every identity of the plan is obtained and makes a real call at every location it will use. What fails here fails the job
 * with the call, the identity, its chain, and the statement that is missing. What another job has proved within ten minutes is not proved again; what is older
 * is, as long as nothing of the job runs: no node is launched on what was true hours ago.
 */
export async function preflight(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const digest = digestOf(view);
  const renews = notesOf(view).verified === digest;
  if (renews && !isOpenAgain(tools, view) && !isProofOld(tools, view)) return go;
  const verifications = renews ? tools.context.verifications.youngerThan(renewedMs) : tools.context.verifications;
  const context = { ...tools.context, verifications };
  const of = proofOf(tools, view);
  const probes = await probesOf(tools, view);
  const strict = strictClassOf(context, view.runtime) !== undefined;
  const missing = probes.filter(({ key }) => !verifications.isFresh(key, { strict }));
  if (missing.some(leavesObjects) && notesOf(view).probing !== true) {
    const { uid } = view.job.metadata;
    const keys = missing.map(({ key }) => key);
    if (renews && tools.context.verifications.isAwaited(keys, uid)) return looking(view, missing.length, 5_000);
    // Written down before the first write: whatever becomes of this process or this job, the probe objects are found and deleted.
    note(view, { probing: true, connections: pinnable(view) });
    return looking(view, missing.length, 100);
  }
  const looked =
    missing.length === 0
      ? await proveAll(context, of, probes)
      : await tools.looks.look({ uid: view.job.metadata.uid, key: keyOf(view.job) }, probes.map(({ key }) => key).join(), () =>
          proveAll(context, of, probes).finally(() => forgetLate(tools, view)),
        );
  // What takes longer because many are verified at once says so, and comes back when it is over.
  if (looked === undefined) return looking(view, missing.length, 30_000);
  const { notVerified, isOpen } = looked;
  const failures = looked.failures.map((failure) => lasting(tools, view, failure));
  if (failures.length > 0) return passes(tools, view, failures) ? looking(view, missing.length, 5_000) : refused(tools, view, failures);
  const verified = probes.length - notVerified.length;
  view.draft.condition('AccessVerified', true, 'Verified', `${verified} access(es) verified before any node starts${except(notVerified)}`);
  view.draft.set({ preflight: { verified, ...(notVerified.length > 0 && { notVerified }) } });
  const oldest = Math.max(0, ...probes.map(({ key }) => tools.context.verifications.age(key) ?? 0));
  const verifiedAt = formatMicroTime(context.clock.now() - oldest);
  note(view, { verified: digest, verifiedAt, open: isOpen ? true : undefined, probing: undefined });
  return go;
}

/** IAM knows new keys everywhere within this time: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html */
const newKeysMs = 120_000;

/** Keys that AWS does not take may be new; what it still does not take after a while is wrong, revoked or past its end, and no retry cures that. */
function lasting({ context }: JobTools, { draft }: JobView, failure: AccessFailure): AccessFailure {
  if (failure.refusesKeys !== true) return failure;
  const said = draft.value().conditions?.find(({ type, status }) => type === 'AccessVerified' && status === 'False');
  const since = parseTime(said?.lastTransitionTime);
  return since !== undefined && context.clock.now() - since >= newKeysMs ? { ...failure, transient: false } : failure;
}

/** Its last calls were recorded for a job that is gone by now. */
function forgetLate({ context, accesses }: JobTools, { job, runtime }: JobView): void {
  const key = keyOf(job);
  if (context.stores.jobs.get(key)?.metadata.uid === job.metadata.uid || accesses.has(job.metadata.uid)) return;
  context.audit.forgetJob(keyOf(runtime), key);
}

function refused(tools: JobTools, view: JobView, failures: readonly AccessFailure[]): JobVerdict {
  // One that a retry may cure does not end the job, but one that it cannot does, and is named first.
  const final = failures.find((failure) => !failure.transient);
  const ordered = final === undefined ? failures : [final, ...failures.filter((failure) => failure !== final)];
  const message = describeMany(ordered);
  const reason = final === undefined ? 'AccessNotVerified' : reasonOf(final);
  view.draft.condition('AccessVerified', false, reason, message);
  view.draft.set({ preflight: reportMany(ordered) });
  if (final === undefined) return { again: 'AccessNotVerified', message };
  const said = describeFailure(final);
  tools.context.events.record(elasticJobs, view.job, 'Warning', reason, said);
  return { end: { phase: 'Failed', reason, message: said, failure: { reason, message: said, identity: final.identity } } };
}

/** Where a job ends before its preflight did: what the probes may have left goes. */
export async function clearJobProbes(tools: JobTools, view: JobView): Promise<JobVerdict> {
  if (notesOf(view).probing !== true) return go;
  // Its last write would come after what is deleted here.
  if (tools.looks.goesOn(view.job.metadata.uid))
    return { wait: 'VerifyingAccess', message: 'a look at its accesses comes to its end first', afterMs: 1_000 };
  const failure = await clearProbes(tools.context, proofOf(tools, view), await probesOf(tools, view));
  if (failure !== undefined) return { again: 'ProbesLeft', message: describeFailure(failure) };
  note(view, { probing: undefined });
  return go;
}

function leavesObjects({ probe }: KeyedProbe): boolean {
  return probe.kind === 'objects' && (probe.actions.includes('delete') || probe.deletedBy !== undefined);
}

function probesOf(tools: JobTools, view: JobView): Promise<readonly KeyedProbe[]> {
  const { name, namespace, uid } = view.job.metadata;
  return keyed(tools.context, proofOf(tools, view), jobProbes(view.runtime, { name, namespace, uid }, view.plan));
}

function proofOf(tools: JobTools, view: JobView): ProofOf {
  return {
    runtime: view.runtime,
    job: view.job,
    connections: view.plan.connections,
    plan: view.plan,
    withKeys: (connection, resource, run) =>
      withKeys(tools, view, connection, resource, (aws, caller) =>
        run(aws, { ...caller, subject: { ...caller.subject, preflight: true } }),
      ),
    openSecret: (connection) => openSecret(tools, view, connection),
  };
}

function digestOf(view: JobView): string {
  const { spec } = view.runtime;
  return createHash('sha256')
    .update(JSON.stringify([view.plan.rows, spec.staging, spec.logs, view.job.metadata.uid, ...Object.entries(view.references.found)]))
    .digest('base64url')
    .slice(0, 22);
}

/** The class wants all of it verified since: of an attempt that runs that ends nothing, but the next one does not begin. */
function isOpenAgain(tools: JobTools, view: JobView): boolean {
  if (notesOf(view).open !== true || strictClassOf(tools.context, view.runtime) === undefined) return false;
  return !isReleased(tools, view);
}
