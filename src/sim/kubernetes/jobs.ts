import type { ApiServer } from './api-server.ts';
import { type ConditionPatch, conditionIsTrue, findCondition, withCondition } from './conditions.ts';
import { createBackoff, judgeFailure } from './job-failures.ts';
import {
  formatIndexes,
  hasValidIndex,
  indexOf,
  isActive,
  isFailed,
  isIndexed,
  isReady,
  isTracked,
  parseIndexes,
  pendingIndexes,
  podFor,
  replacesFailedOnly,
  type StoredJob,
  surplus,
  TRACKING,
} from './job-pods.ts';
import type { Fields } from './json.ts';
import { type Entity, kindNamed } from './kinds.ts';
import { asPod, isTerminal, isTerminating, podKind, type StoredPod } from './pods.ts';
import { createReconciler } from './reconciler.ts';
import { keyOf } from './store.ts';
import { parseTimestamp, timestamp } from './time.ts';

const jobKind = kindNamed('Job');

type Ending = { readonly interim: 'SuccessCriteriaMet' | 'FailureTarget'; readonly reason: string; readonly message: string };

/**
 * The Job controller, after pkg/controller/job/job_controller.go of Kubernetes 1.35: suspend and resume, Indexed and elastic jobs, backoffLimit, pod failure policy,
 * deadline, and the interim conditions that precede Complete and Failed. Pods carry the tracking finalizer until they are counted; the counting itself is one step
 * here, without status.uncountedTerminatedPods. Not simulated: backoffLimitPerIndex, success policies, ttlSecondsAfterFinished.
 */
export function startJobController(server: ApiServer): void {
  const { store, world } = server;
  const backoff = createBackoff();
  const queue = createReconciler(world, 'job-controller', (key) => {
    const job = store.get(jobKind, key) as StoredJob | undefined;
    return job === undefined || isFinished(job) ? undefined : sync(job);
  });
  const orphans = createReconciler(world, 'job-controller orphan', (key) => {
    const pod = store.get(podKind, key);
    const owner = pod?.metadata.ownerReferences?.find((each) => each.controller === true);
    if (pod !== undefined && (owner === undefined || store.findUid(owner.uid) === undefined)) untrack(asPod(pod));
    return undefined;
  });

  store.subscribe((kind, { type, object }) => {
    if (kind === jobKind && type !== 'Deleted') {
      queue.add(keyOf(object.metadata));
    } else if (kind === jobKind) {
      backoff.forget(object.metadata.uid);
      for (const { object: pod } of store.ownedBy(object.metadata.uid)) if (pod.kind === 'Pod') orphans.add(keyOf(pod.metadata));
    } else if (kind === podKind) {
      const owner = object.metadata.ownerReferences?.find((each) => each.controller === true && each.kind === 'Job');
      if (owner !== undefined && store.findUid(owner.uid) !== undefined) queue.add(`${object.metadata.namespace}/${owner.name}`);
      else if (type !== 'Deleted' && isTracked(asPod(object))) orphans.add(keyOf(object.metadata));
    }
  });

  function sync(job: StoredJob): number | undefined {
    const key = keyOf(job.metadata);
    const { spec } = job;
    const now = world.now();
    const pods = podsOf(job);
    const tracked = pods.filter((pod) => isTracked(pod) && hasValidIndex(job, pod));
    const succeededNow = tracked.filter((pod) => pod.status?.phase === 'Succeeded');
    const failedNow = tracked.filter((pod) => isFailed(job, pod));
    backoff.note(job.metadata.uid, succeededNow, failedNow);
    const indexes = parseIndexes(job.status?.completedIndexes, spec.completions ?? 0);
    for (const pod of succeededNow) if (isIndexed(job)) indexes.add(indexOf(pod) ?? 0);
    const succeeded = isIndexed(job) ? indexes.size : (job.status?.succeeded ?? 0) + succeededNow.length;
    const failed = (job.status?.failed ?? 0) + failedNow.filter((pod) => judgeFailure(job, pod).counts).length;
    const startTime = job.status?.startTime ?? (spec.suspend ? undefined : timestamp(now));
    const deadline = deadlineIn(job, startTime, now);
    let again = deadline;
    let ending = decideEnding(job, pods, failed, deadline);
    let suspension: 'True' | 'False' | undefined;
    if (ending !== undefined) {
      // From here on, pods that go are what brings the job on.
      again = undefined;
      for (const pod of pods.filter(isActive)) server.delete(podKind, keyOf(pod.metadata), { uid: pod.metadata.uid });
    } else {
      const managed = job.metadata.deletionTimestamp === undefined;
      if (managed) again = earlier(again, manage(job, pods, succeeded, indexes));
      const active = podsOf(job).filter(isActive).length;
      const complete = spec.completions === undefined ? succeeded > 0 && active === 0 : succeeded >= spec.completions && active === 0;
      if (complete)
        ending = { interim: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
      else if (managed) suspension = spec.suspend ? 'True' : 'False';
    }
    record(job, key, { ending, suspension, startTime, indexes, succeeded: succeededNow.length, now });
    return again;
  }

  /** Existing interim conditions, then failures, as syncJob orders them; successes come after pods have been managed. */
  function decideEnding(job: StoredJob, pods: readonly StoredPod[], failed: number, deadline: number | undefined): Ending | undefined {
    for (const interim of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
      const known = findCondition(job, interim);
      if (known?.status === 'True') return { interim, reason: String(known.reason), message: String(known.message) };
    }
    const policy = pods.filter((pod) => isFailed(job, pod)).map((pod) => judgeFailure(job, pod).failsJob);
    const failing = policy.find((message) => message !== undefined);
    if (failing !== undefined) return { interim: 'FailureTarget', reason: 'PodFailurePolicy', message: failing };
    if (failed > job.spec.backoffLimit || pastRestarts(job, pods)) {
      return { interim: 'FailureTarget', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
    }
    if (deadline === undefined || deadline > 0) return undefined;
    return { interim: 'FailureTarget', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }

  /** Creates and deletes pods; answers when to look again where new pods must wait. */
  function manage(job: StoredJob, pods: readonly StoredPod[], succeeded: number, indexes: ReadonlySet<number>): number | undefined {
    const { spec } = job;
    const active = pods.filter(isActive);
    if (spec.suspend) {
      for (const pod of active) discard(pod);
      return undefined;
    }
    const open = spec.completions === undefined ? (succeeded > 0 ? active.length : spec.parallelism) : spec.completions - succeeded;
    const wanted = Math.max(0, Math.min(open, spec.completions === undefined ? open : spec.parallelism));
    const excess = surplus(job, active, Math.max(0, active.length - wanted));
    if (excess.length > 0) {
      for (const pod of excess) discard(pod);
      return undefined;
    }
    const leaving = replacesFailedOnly(job) ? pods.filter((pod) => isTerminating(pod) && !isTerminal(pod)).length : 0;
    const missing = wanted - active.length - leaving;
    if (missing <= 0) return undefined;
    const waitMs = backoff.remainingMs(job.metadata.uid, world.now());
    if (waitMs > 0) return waitMs;
    const places = isIndexed(job) ? pendingIndexes(job, pods, indexes, missing) : Array.from({ length: missing }, () => undefined);
    for (const index of places) {
      const created = server.create(podKind, podFor(store, job, index), 'kube-controller-manager');
      // A missing service account or priority class: tried again, as the controller's rate-limited queue does.
      if (!created.ok) return created.error.causes?.[0]?.reason === 'NamespaceTerminating' ? undefined : 5000;
    }
    return undefined;
  }

  type Outcome = {
    readonly ending: Ending | undefined;
    readonly suspension: 'True' | 'False' | undefined;
    readonly startTime: string | undefined;
    readonly indexes: ReadonlySet<number>;
    readonly succeeded: number;
    readonly now: number;
  };

  /** Status with the interim condition first, then finalizers, then the counts and, once no pod is left running, the terminal condition. */
  function record(job: StoredJob, key: string, outcome: Outcome): void {
    const { ending, now } = outcome;
    if (ending !== undefined) {
      const { interim: type, reason, message } = ending;
      server.change(jobKind, key, (current) => withJobCondition(current, timestamp(now), { type, status: 'True', reason, message }));
    }
    const counted = count(job, ending);
    const pods = podsOf(job);
    const active = pods.filter(isActive);
    const terminating = pods.filter((pod) => isTerminating(pod) && !isTerminal(pod)).length;
    server.change(jobKind, key, (current) => {
      const status: Fields = { ...current.status, active: active.length, ready: active.filter(isReady).length, terminating };
      if (outcome.startTime !== undefined) status.startTime = outcome.startTime;
      status.failed = Number(status.failed ?? 0) + counted;
      if (isIndexed(job)) {
        status.completedIndexes = formatIndexes(outcome.indexes);
        status.succeeded = outcome.indexes.size;
      } else {
        status.succeeded = Number(status.succeeded ?? 0) + outcome.succeeded;
      }
      for (const name of ['active', 'succeeded', 'failed'] as const) if (status[name] === 0) delete status[name];
      if (status.completedIndexes === '') delete status.completedIndexes;
      return finish(suspended({ ...current, status }, outcome), ending, terminating, timestamp(now));
    });
  }

  function suspended(job: Fields, { suspension, now }: Outcome): Fields {
    const known = findCondition(job, 'Suspended')?.status;
    if (suspension === undefined || known === suspension || (known === undefined && suspension === 'False')) return job;
    const resumed = suspension === 'False';
    const [reason, message] = resumed ? ['JobResumed', 'Job resumed'] : ['JobSuspended', 'Job suspended'];
    const next = withJobCondition(job, timestamp(now), { type: 'Suspended', status: suspension, reason, message });
    // The deadline counts from the last resumption.
    return resumed ? { ...next, status: { ...(next.status as Fields), startTime: timestamp(now) } } : next;
  }

  /** Takes the tracking finalizer off pods that are finished or belong to a finished job; answers how many of them count as failures. */
  function count(job: StoredJob, ending: Ending | undefined): number {
    let failures = 0;
    for (const pod of podsOf(job)) {
      if (!isTracked(pod)) continue;
      const failed = isFailed(job, pod);
      const success = pod.status?.phase === 'Succeeded';
      if (job.metadata.deletionTimestamp === undefined && ending === undefined && !success && !failed) continue;
      const counts =
        !success && (failed || ending?.interim === 'FailureTarget') && hasValidIndex(job, pod) && judgeFailure(job, pod).counts;
      if (counts) failures += 1;
      untrack(pod);
    }
    return failures;
  }

  function podsOf(job: StoredJob): readonly StoredPod[] {
    return store
      .ownedBy(job.metadata.uid)
      .filter(({ kind }) => kind === podKind)
      .map(({ object }) => asPod(object))
      .sort((one, other) => (indexOf(one) ?? 0) - (indexOf(other) ?? 0));
  }

  /** Deletes an active pod without counting it. */
  function discard(pod: StoredPod): void {
    untrack(pod);
    server.delete(podKind, keyOf(pod.metadata), { uid: pod.metadata.uid });
  }

  function untrack(pod: StoredPod): void {
    server.change(podKind, keyOf(pod.metadata), (current) => {
      const { finalizers = [], ...metadata } = current.metadata;
      const rest = finalizers.filter((finalizer) => finalizer !== TRACKING);
      return { ...current, metadata: { ...metadata, ...(rest.length === 0 ? {} : { finalizers: rest }) } };
    });
  }
}

/** As newCondition of the Job controller: probed when it changed. */
function withJobCondition(job: Entity | Fields, now: string, patch: ConditionPatch): Fields {
  const known = findCondition(job, patch.type);
  const same = known?.status === patch.status && known.reason === patch.reason && known.message === patch.message;
  return same ? job : withCondition(job, now, { ...patch, lastProbeTime: now });
}

function isFinished(job: StoredJob): boolean {
  return conditionIsTrue(job, 'Complete') || conditionIsTrue(job, 'Failed');
}

function finish(job: Fields, ending: Ending | undefined, terminating: number, now: string): Fields {
  if (ending === undefined || terminating > 0) return job;
  const { interim, reason, message } = ending;
  const type = interim === 'FailureTarget' ? 'Failed' : 'Complete';
  const finished = withJobCondition(job, now, { type, status: 'True', reason, message });
  return type === 'Failed' ? finished : { ...finished, status: { ...(finished.status as Fields), completionTime: now } };
}

/** Milliseconds until the job's deadline, zero or less where it has passed; undefined without one. */
function deadlineIn(job: StoredJob, startTime: string | undefined, now: number): number | undefined {
  const start = parseTimestamp(startTime);
  if (job.spec.activeDeadlineSeconds === undefined || job.spec.suspend || start === undefined) return undefined;
  return start + job.spec.activeDeadlineSeconds * 1000 - now;
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/** With restartPolicy OnFailure, restarts count. */
function pastRestarts(job: StoredJob, pods: readonly StoredPod[]): boolean {
  if (job.spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const restarts = pods
    .filter((pod) => !isTerminal(pod))
    .flatMap((pod) => pod.status?.containerStatuses ?? [])
    .reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
  return job.spec.backoffLimit === 0 ? restarts > 0 : restarts >= job.spec.backoffLimit;
}
