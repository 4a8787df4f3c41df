import type { ElasticJob } from '../../api/generated/types.ts';
import type { Job, KubernetesObject, Pod, Stored } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { attemptNames } from '../../core/jobs/names.ts';
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
