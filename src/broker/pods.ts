import type { ElasticJob } from '../api/generated/types.ts';
import type { Pod, Stored } from '../api/kubernetes.ts';
import { labels } from '../api/labels.ts';
import { jobPrefix, logPrefix, type S3Folder } from '../core/access/locations.ts';
import type { BrokerPod } from '../ports/broker.ts';
import type { NodeCaller } from './authorize.ts';

/** What the job controller writes down of an attempt that ends (`status.internal`): the pods whose logs it waits for. */
type EndingNote = {
  readonly ending?: {
    readonly pods?: readonly { readonly uid: string; readonly name: string; readonly node: string; readonly role: string }[];
  };
};

/**
 * The pods of the runtime's jobs on its node, and where their logs go. Others that run there (daemons) are not ours to read. Workers are deleted
 * when their master has ended, and then are known from their job only, which waits for their logs.
 */
export function jobPods(
  caller: NodeCaller,
  folder: S3Folder,
  pods: readonly Stored<Pod>[],
  jobs: readonly Stored<ElasticJob>[],
): readonly BrokerPod[] {
  const there = pods.flatMap((pod) => jobPod(caller, folder, pod) ?? []);
  const known = new Set(there.map(({ uid }) => uid));
  const gone = jobs.flatMap((job) => endingPods(caller, folder, job)).filter(({ uid }) => !known.has(uid));
  return [...there, ...gone].sort((one, other) => (one.uid < other.uid ? -1 : 1));
}

function endingPods({ node, elasticNode }: NodeCaller, folder: S3Folder, job: Stored<ElasticJob>): readonly BrokerPod[] {
  const { role } = elasticNode.spec;
  const { name, namespace = '', uid: jobUid } = job.metadata;
  const attempt = job.status?.attempt?.number ?? 1;
  const { ending } = (job.status?.internal ?? {}) as EndingNote;
  const logs = logPrefix(jobPrefix(folder, { name, uid: jobUid }), attempt, role);
  return (ending?.pods ?? [])
    .filter((pod) => pod.node === node.metadata.name && pod.role === role)
    .map((pod) => ({
      uid: pod.uid,
      namespace,
      name: pod.name,
      job: name,
      jobUid,
      attempt,
      keyPrefix: keyPrefix(logs, elasticNode.metadata.name, pod.name),
      finished: true,
    }));
}

function keyPrefix(logs: S3Folder, node: string, pod: string): string {
  return `${logs.key}/${node}/${pod}`;
}

function jobPod({ node, elasticNode, runtime }: NodeCaller, folder: S3Folder, pod: Stored<Pod>): BrokerPod | undefined {
  const { role } = elasticNode.spec;
  const { name, namespace, uid } = pod.metadata;
  if (pod.spec.nodeName !== node.metadata.name || namespace !== runtime.metadata.namespace) return undefined;
  const label = pod.metadata.labels ?? {};
  const job = label[labels.job];
  const jobUid = label[labels.jobUid];
  const attempt = Number(label[labels.attempt]);
  if (label[labels.runtime] !== runtime.metadata.name || label[labels.role] !== role) return undefined;
  // A tenant can label pods of its own namespace as it likes: what makes no key is left out.
  if (job === undefined || !/^[a-z0-9][a-z0-9.-]*$/.test(job) || jobUid === undefined || !/^[0-9a-f]{8}-/.test(jobUid)) return undefined;
  if (!Number.isSafeInteger(attempt) || attempt < 1) return undefined;
  const logs = logPrefix(jobPrefix(folder, { name: job, uid: jobUid }), attempt, role);
  return {
    uid,
    namespace: namespace ?? '',
    name,
    job,
    jobUid,
    attempt,
    keyPrefix: keyPrefix(logs, elasticNode.metadata.name, name),
    finished: isFinished(pod),
  };
}

/** A pod that is being deleted keeps its phase until the end, though its containers have ended. */
function isFinished(pod: Stored<Pod>): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') return true;
  const containers = pod.status?.containerStatuses ?? [];
  return (
    pod.metadata.deletionTimestamp !== undefined &&
    containers.length > 0 &&
    containers.every(({ state }) => state?.terminated !== undefined)
  );
}
