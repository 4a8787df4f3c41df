/** How an attempt ends, from what its children look like. Pure: an ordered list of rules, the first that applies decides. */
import type { Failure } from '../../api/generated/types.ts';
import type { Job, Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';

export type AttemptView = {
  readonly master: Job | undefined;
  readonly worker: Job | undefined;
  readonly pods: readonly Pod[];
  /** Names of nodes that exist and are not being drained. */
  readonly nodeExists: (name: string) => boolean;
};

export type AttemptOutcome =
  | { readonly kind: 'Succeeded'; readonly message: string }
  /** Counts against backoffLimit. */
  | { readonly kind: 'Failed'; readonly failure: Failure }
  /** Taken away by infrastructure: the gang is started again, not counted. */
  | { readonly kind: 'Lost'; readonly reason: string; readonly message: string };

export function attemptOutcome(view: AttemptView): AttemptOutcome | undefined {
  for (const rule of [masterSucceeded, masterEnded, workerEnded]) {
    const outcome = rule(view);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

function masterSucceeded({ master, pods }: AttemptView): AttemptOutcome | undefined {
  const masters = podsOf(pods, 'master');
  // A master that is told to leave and exits 0 on SIGTERM has not done its work.
  if (masters.some((pod) => isDisrupted(pod) && mainExitCode(pod) !== undefined)) return undefined;
  const exited = masters.some((pod) => mainExitCode(pod) === 0);
  return finished(master, 'Complete') || (exited && !finished(master, 'Failed'))
    ? { kind: 'Succeeded', message: 'the master exited 0' }
    : undefined;
}

function masterEnded({ master, pods, nodeExists }: AttemptView): AttemptOutcome | undefined {
  const own = podsOf(pods, 'master');
  const pod = own.find((one) => hasFailed(one) || (isDisrupted(one) && mainExitCode(one) !== undefined));
  if (pod === undefined && (!finished(master, 'Failed') || stale(own))) return undefined;
  if (pod === undefined) return { kind: 'Lost', reason: 'MasterLost', message: 'the master pod is gone without an exit code' };
  return failureOf(pod, 'master', nodeExists);
}

/** A worker that fails by itself ends the attempt; what infrastructure takes away, the worker Job brings back (its pod failure policy). */
function workerEnded({ worker, pods, nodeExists }: AttemptView): AttemptOutcome | undefined {
  if (!finished(worker, 'Failed')) return undefined;
  const workers = podsOf(pods, 'worker');
  const failed = workers.filter(hasFailed);
  const own = failed.find((pod) => infrastructureReason(pod, nodeExists) === undefined);
  if (own !== undefined) return failureOf(own, 'worker', nodeExists);
  if (stale(workers)) return undefined;
  return { kind: 'Lost', reason: 'WorkersLost', message: 'the worker Job failed without a worker that failed by itself' };
}

function failureOf(pod: Pod, identity: 'master' | 'worker', nodeExists: AttemptView['nodeExists']): AttemptOutcome {
  const taken = infrastructureReason(pod, nodeExists);
  if (taken !== undefined)
    return { kind: 'Lost', reason: taken, message: `pod ${pod.metadata.name} was taken away: ${pod.status?.message ?? taken}` };
  const exitCode = mainExitCode(pod) ?? firstExitCode(pod);
  const detail =
    pod.status?.message ??
    (exitCode === undefined ? 'it failed' : `it exited ${exitCode}${exitCode === 137 ? ' (killed, most often out of memory)' : ''}`);
  return {
    kind: 'Failed',
    failure: {
      reason: 'PodFailed',
      message: `pod ${pod.metadata.name}: ${detail}`,
      identity,
      pod: pod.metadata.name,
      ...(exitCode !== undefined && { exitCode }),
    },
  };
}

/** Refused by a kubelet before it started, or ended with its machine. */
const infrastructureReasons: ReadonlySet<string> = new Set([
  'NodeLost',
  'NodeShutdown',
  'Preempting',
  'NodeAffinity',
  'UnexpectedAdmissionError',
  'TopologyAffinityError',
]);

/** https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions */
function infrastructureReason(pod: Pod, nodeExists: AttemptView['nodeExists']): string | undefined {
  const disrupted = pod.status?.conditions?.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
  if (disrupted !== undefined) return disrupted.reason ?? 'Disrupted';
  // Evicted without DisruptionTarget is the pod's own fault: it went over a limit of its own.
  const reason = pod.status?.reason ?? '';
  if (infrastructureReasons.has(reason) || reason.startsWith('OutOf')) return reason;
  const node = pod.spec.nodeName;
  return node !== undefined && !nodeExists(node) ? 'NodeGone' : undefined;
}

export function podsOf(pods: readonly Pod[], role: 'master' | 'worker'): readonly Pod[] {
  return pods.filter((pod) => pod.metadata.labels?.[labels.role] === role);
}

function finished(job: Job | undefined, type: 'Complete' | 'Failed'): boolean {
  return job?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/**
 * A Job is Failed once all of its pods are terminal (https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions): a pod
 * of it that is not yet shows that the pods are seen later than the Job, and how it ended is still to come.
 */
function stale(pods: readonly Pod[]): boolean {
  return pods.some((pod) => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded');
}

function isDisrupted(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True') ?? false;
}

function hasFailed(pod: Pod): boolean {
  return pod.status?.phase === 'Failed';
}

function mainExitCode(pod: Pod): number | undefined {
  const main = pod.spec.containers.find(({ name }) => name === 'main') ?? pod.spec.containers[0];
  return pod.status?.containerStatuses?.find(({ name }) => name === main?.name)?.state?.terminated?.exitCode;
}

function firstExitCode(pod: Pod): number | undefined {
  const codes = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].map(
    ({ state }) => state?.terminated?.exitCode,
  );
  return codes.find((code) => code !== undefined && code !== 0);
}
