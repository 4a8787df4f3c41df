import type { ElasticJob } from '../../api/generated/types.ts';
import type { Job, KubernetesObject, Pod, Stored } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { attemptNames } from '../../core/jobs/names.ts';
import { sameItems } from '../../core/nodes/bound-pods.ts';
import type { OperatorContext } from '../context.ts';

/**
 * A job's children, by ownership: labels are anybody's to write, in any namespace. A child Job names the ElasticJob's uid as its controller; a pod
 * names one of those Jobs.
 */
export function ownJobs(context: Pick<OperatorContext, 'stores'>, job: Stored<ElasticJob>): readonly Stored<Job>[] {
  return context.stores.childJobs.byIndex('job', jobIndex(job)).filter((child) => isOwnJob(job, child));
}

export function isOwnJob(job: Stored<ElasticJob>, child: Stored<Job>): boolean {
  return child.metadata.namespace === job.metadata.namespace && controllerOf(child)?.uid === job.metadata.uid;
}

/** Pods outlive their Job for a while, so one whose Job is gone is told by the name of its owner, which only this job's attempt has. */
export function ownPods(context: Pick<OperatorContext, 'stores'>, job: Stored<ElasticJob>): readonly Stored<Pod>[] {
  const { stores } = context;
  return stores.pods.byIndex('job', jobIndex(job)).filter((pod) => {
    const owner = controllerOf(pod);
    const attempt = Number(pod.metadata.labels?.[labels.attempt]);
    if (owner?.kind !== 'Job' || !Number.isInteger(attempt)) return false;
    const names = attemptNames(job.metadata.name, attempt);
    const role = pod.metadata.labels?.[labels.role];
    if (owner.name !== (role === 'master' ? names.master : names.worker)) return false;
    const child = stores.childJobs.get(`${job.metadata.namespace}/${owner.name}`);
    return child === undefined || (child.metadata.uid === owner.uid && isOwnJob(job, child));
  });
}

export function jobIndex(job: KubernetesObject): string {
  return `${job.metadata.namespace}/${job.metadata.uid}`;
}

function controllerOf(object: KubernetesObject) {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

type Known = { readonly children: ReadonlyMap<string, Stored<Job> | undefined>; readonly pods: readonly Stored<Pod>[] };
const remembered = new WeakMap<readonly Stored<Pod>[], Known>();
const none: readonly never[] = [];

/** Those that have not ended: the same list until one of them, or a child Job that they are believed by, is another object. */
export function livePods(context: Pick<OperatorContext, 'stores'>, job: Stored<ElasticJob>): readonly Stored<Pod>[] {
  const { stores } = context;
  const listed = stores.pods.byIndex('job', jobIndex(job));
  if (listed.length === 0) return none;
  const known = remembered.get(listed);
  if (known !== undefined && isSame(known, stores)) return known.pods;
  const owners = new Set(listed.map((pod) => `${job.metadata.namespace}/${controllerOf(pod)?.name}`));
  const children = new Map([...owners].map((key) => [key, stores.childJobs.get(key)] as const));
  const alive = ownPods(context, job).filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const pods = known !== undefined && sameItems(known.pods, alive) ? known.pods : alive;
  remembered.set(listed, { children, pods });
  return pods;
}

function isSame({ children }: Known, { childJobs }: OperatorContext['stores']): boolean {
  for (const [key, child] of children) if (childJobs.get(key) !== child) return false;
  return true;
}
