/** Pods of a started attempt that cannot start. Pure: from what their kubelet and the scheduler say of them. */
import type { Failure } from '../../api/generated/types.ts';
import type { Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';

/** Why a pod does not run, in its kubelet's or the scheduler's words; undefined where it runs, has ended, or nothing is said. */
export type PodProblem = { readonly container?: string; readonly reason: string; readonly message: string };

/** States of a container that is on its way (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states). */
const onTheWay: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

export function podProblem(pod: Pod): PodProblem | undefined {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined;
  const states = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = states.flatMap(({ name, state }) => (state?.waiting?.reason === undefined ? [] : [{ name, ...state.waiting }]));
  const found = waiting.find(({ reason = '' }) => !onTheWay.has(reason)) ?? waiting.find(({ message }) => message !== undefined);
  if (found !== undefined) return { container: found.name, reason: found.reason ?? 'Waiting', message: found.message ?? '' };
  const unscheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled === undefined) return undefined;
  return { reason: unscheduled.reason ?? 'Unschedulable', message: unscheduled.message ?? '' };
}

export type StartView = {
  readonly pods: readonly Pod[];
  /** When the attempt was let go. Milliseconds since the epoch. */
  readonly releasedAt: number;
  readonly now: number;
  readonly deadlineSeconds: number;
  /** Whether a node exists and is ready: what a broken machine does not start is no fault of the pod. */
  readonly nodeReady: (name: string) => boolean;
  /** Since when the place that is reserved for an unbound pod is there, on a ready node; undefined: it waits for capacity, as it should. Milliseconds. */
  readonly placeSince: (pod: Pod) => number | undefined;
};

/** The first pod that is past its time, or how long the next one has left. */
export type StartVerdict = { readonly failure: Failure } | { readonly inMs: number } | undefined;

/**
 * A pod's time begins when the attempt is let go, or when the pod was made or bound to its node where that was later: one that infrastructure took away and
 * that came back begins anew.
 */
export function startVerdict(view: StartView): StartVerdict {
  let next: number | undefined;
  for (const pod of view.pods) {
    const begun = begunAt(pod, view);
    if (begun === undefined) continue;
    const left = begun + view.deadlineSeconds * 1000 - view.now;
    if (left <= 0) return { failure: failureOf(pod, view.deadlineSeconds) };
    next = Math.min(next ?? left, left);
  }
  return next === undefined ? undefined : { inMs: next };
}

/** undefined: it is not waiting to start. */
function begunAt(pod: Pod, { releasedAt, nodeReady, placeSince }: StartView): number | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  if (pod.status?.phase !== undefined && pod.status.phase !== 'Pending') return undefined;
  const bound = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'True')?.lastTransitionTime;
  const since = pod.spec.nodeName === undefined ? placeSince(pod) : nodeReady(pod.spec.nodeName) ? releasedAt : undefined;
  if (since === undefined) return undefined;
  const times = [pod.metadata.creationTimestamp, bound].map((text) => (text === undefined ? Number.NaN : Date.parse(text)));
  return Math.max(releasedAt, since, ...times.filter((time) => !Number.isNaN(time)));
}

function failureOf(pod: Pod, seconds: number): Failure {
  const { name } = pod.metadata;
  const problem = podProblem(pod);
  const place = problem?.container === undefined ? '' : `, container ${problem.container}`;
  const said =
    problem === undefined ? `its kubelet gives no reason; see kubectl describe pod ${name}` : `${problem.reason}: ${problem.message}`;
  return {
    reason: 'StartDeadlineExceeded',
    message: `pod ${name}${place} did not start within ${seconds} s (startDeadlineSeconds): ${said}`,
    identity: pod.metadata.labels?.[labels.role] === 'master' ? 'master' : 'worker',
    pod: name,
  };
}
