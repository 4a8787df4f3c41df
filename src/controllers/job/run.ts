import type { Pod } from '../../api/kubernetes.ts';
import { attemptOutcome, podsOf } from '../../core/jobs/outcome.ts';
import { podProblem, type StartVerdict, startVerdict } from '../../core/jobs/start.ts';
import { slotOfPod } from '../../core/nodes/bound-pods.ts';
import { parseTime } from '../../machinery/time.ts';
import { readySlots, workersNow } from './capacity.ts';
import { applyChildren } from './children.ts';
import { childrenOf, go, type JobTools, type JobVerdict, type JobView, notesOf } from './tools.ts';

/** Watches a running attempt: reports progress, grows and shrinks the workers, says when it has ended. */
export async function watchAttempt(tools: JobTools, view: JobView): Promise<JobVerdict> {
  const { draft, job } = view;
  const children = childrenOf(tools, view);
  const readyWorkers = podsOf(children.pods, 'worker').filter(isReady).length;
  const masterRunning = podsOf(children.pods, 'master').some(isReady);
  draft.condition(
    'MasterRunning',
    masterRunning,
    masterRunning ? 'Running' : 'NotRunning',
    masterRunning ? 'the master pod is ready' : whyNotReady(podsOf(children.pods, 'master')),
  );
  if (children.master === undefined) return { end: { phase: 'Retry', reason: 'MasterLost', message: 'the master Job was deleted' } };
  const outcome = attemptOutcome({
    master: children.master,
    worker: children.worker,
    pods: children.pods,
    nodeExists: (name) => tools.context.stores.nodes.get(name) !== undefined,
  });
  if (outcome?.kind === 'Succeeded') return { end: { phase: 'Succeeded', reason: 'Succeeded', message: outcome.message } };
  if (outcome?.kind === 'Lost') return { end: { phase: 'Retry', reason: outcome.reason, message: outcome.message } };
  if (outcome?.kind === 'Failed') return failed(view, outcome.failure);
  const start = startOf(tools, view);
  if (start !== undefined && 'failure' in start) return failed(view, start.failure);
  const wanted =
    job.spec.workers.template === undefined
      ? 0
      : Math.max(workersNow(view, readySlots(tools, view)), shrunk(children.worker?.spec.parallelism ?? 0, job.spec.workers.max));
  draft.set({ workers: { ready: readyWorkers, desired: wanted } });
  const applied = await applyChildren(tools, view, { released: true, workers: wanted });
  if (!('go' in applied)) return applied;
  // Nobody tells when a pod's time is over.
  return start === undefined ? go : { wait: 'Starting', message: 'pods are starting', afterMs: start.inMs };
}

/** Workers that run are kept even where their slot is not counted ready any more (a node not ready for a moment), up to the maximum. */
function shrunk(current: number, max: number): number {
  return Math.min(current, max);
}

/** Of a started attempt: which pod did not start in time, or how long the next one has left. */
function startOf(tools: JobTools, view: JobView): StartVerdict {
  const releasedAt = parseTime(view.draft.value().attempt?.startTime);
  if (releasedAt === undefined) return undefined;
  const { stores, clock } = tools.context;
  const places = readySlots(tools, view);
  const { uid } = view.job.metadata;
  const known = tools.placed.get(uid);
  const unbound = childrenOf(tools, view).pods.filter((pod) => pod.spec.nodeName === undefined && places.has(slotOfPod(pod)?.name ?? ''));
  // Since this process saw it: a restart gives a pod its time once more.
  const placed = new Map(unbound.map((pod) => [pod.metadata.uid, known?.get(pod.metadata.uid) ?? clock.now()]));
  if (placed.size === 0) tools.placed.delete(uid);
  else tools.placed.set(uid, placed);
  return startVerdict({
    pods: childrenOf(tools, view).pods,
    releasedAt,
    now: clock.now(),
    deadlineSeconds: view.job.spec.startDeadlineSeconds,
    nodeReady: (name) =>
      stores.nodes.get(name)?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
    placeSince: (pod) => placed.get(pod.metadata.uid ?? ''),
  });
}

function failed(view: JobView, failure: NonNullable<ReturnType<typeof view.draft.value>['failure']>): JobVerdict {
  const failures = (notesOf(view).failures ?? 0) + 1;
  const message = failure.message ?? failure.reason;
  const last = failures > view.job.spec.backoffLimit;
  return { end: { phase: last ? 'Failed' : 'Retry', reason: failure.reason, message, failure } };
}

/** What a container waits for (an image, a Secret), as its kubelet says. */
function whyNotReady(masters: readonly Pod[]): string {
  const [pod] = masters;
  if (pod === undefined) return 'no master pod exists yet: see the events of the master Job';
  const problem = podProblem(pod);
  if (problem === undefined) return 'the master pod is not ready yet';
  return problem.container === undefined ? problem.message : `container ${problem.container}: ${problem.reason}: ${problem.message}`;
}

function isReady(pod: {
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}): boolean {
  return (
    pod.status?.phase === 'Running' && (pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false)
  );
}

/** Milliseconds until a deadline passes, and what then; undefined where none is set. */
export function deadline(
  view: Pick<JobView, 'job' | 'draft'>,
  nowMs: number,
): { readonly inMs: number; readonly end: JobVerdict } | undefined {
  const { spec, metadata } = view.job;
  const started = parseTime(view.draft.value().startTime);
  const paused = notesOf(view).suspendedMs ?? 0;
  if (started !== undefined && spec.activeDeadlineSeconds !== undefined) {
    const message = `the job ran longer than ${spec.activeDeadlineSeconds} s (activeDeadlineSeconds)`;
    return {
      inMs: started + paused + spec.activeDeadlineSeconds * 1000 - nowMs,
      end: { end: { phase: 'Failed', reason: 'DeadlineExceeded', message, failure: { reason: 'DeadlineExceeded', message } } },
    };
  }
  if (started === undefined && spec.waitDeadlineSeconds !== undefined) {
    const created = parseTime(metadata.creationTimestamp) ?? nowMs;
    const message = `the job did not start within ${spec.waitDeadlineSeconds} s (waitDeadlineSeconds): ${view.draft.value().waiting?.message ?? 'no capacity'}`;
    return {
      inMs: created + paused + spec.waitDeadlineSeconds * 1000 - nowMs,
      end: { end: { phase: 'Failed', reason: 'WaitDeadlineExceeded', message, failure: { reason: 'WaitDeadlineExceeded', message } } },
    };
  }
  return undefined;
}
