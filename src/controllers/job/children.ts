import type { Job, Service, Stored } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { formatS3Uri, jobPrefix, logPrefix, runtimeFolder, stagePrefix } from '../../core/access/locations.ts';
import { sessionName } from '../../core/access/sessions.ts';
import { type ChildrenInput, headlessService, masterJob, workerJob } from '../../core/jobs/children.ts';
import { masterAddress } from '../../core/jobs/names.ts';
import type { SlotRole } from '../../core/jobs/slots.ts';
import { type Wiring, wirePods } from '../../core/jobs/wiring.ts';
import { jobs as childJobType, services } from '../../ports/resources.ts';
import { attemptOf, childrenOf, go, type JobTools, type JobVerdict, type JobView } from './tools.ts';

/** What is wanted of the children now. */
export type ChildrenWish = {
  readonly released: boolean;
  readonly workers: number;
  /** What is there stays as it is. */
  readonly makeOnly?: boolean;
};

/**
 * Server-side apply of the attempt's children. The pod templates are a function of the job, the runtime and the attempt, so a repeated apply changes
 * nothing; only `suspend` and the number of workers move.
 */
export async function applyChildren(tools: JobTools, view: JobView, wish: ChildrenWish): Promise<JobVerdict> {
  const input = childrenInput(view);
  const current = childrenOf(tools, view);
  const { master, workers } = view.job.spec;
  // Made before the Jobs, so where a Job is there is the Service.
  const service = current.master === undefined ? await applyService(tools, headlessService(input)) : undefined;
  if (service !== undefined) return service;
  const applyMaster = (): Promise<JobVerdict | undefined> => {
    const desired = suspended(masterJob(input, master.template, wiring(tools, view, 'master')), !wish.released);
    return applyJob(tools, desired, current.master, wish.makeOnly);
  };
  const applyWorker = async (): Promise<JobVerdict | undefined> => {
    if (workers.template === undefined || wish.workers === 0) return undefined;
    const desired = suspended(workerJob(input, workers.template, wiring(tools, view, 'worker'), wish.workers), !wish.released);
    return applyJob(tools, desired, current.worker, wish.makeOnly);
  };
  // The master last when the gang is let go, and first when it is held: a death between the two never leaves a master without its workers.
  for (const step of wish.released ? [applyWorker, applyMaster] : [applyMaster, applyWorker]) {
    const stopped = await step();
    if (stopped !== undefined) return stopped;
  }
  return go;
}

function childrenInput(view: JobView): ChildrenInput {
  const { name, namespace = '', uid } = view.job.metadata;
  return {
    job: { name, namespace, uid },
    runtime: { name: view.runtime.metadata.name, uid: view.runtime.metadata.uid },
    attempt: attemptOf(view),
    priorityClassName: view.job.spec.priorityClassName,
  };
}

function suspended(job: Job, suspend: boolean): Job {
  return { ...job, spec: { ...job.spec, suspend } };
}

async function applyJob(
  tools: JobTools,
  desired: Job,
  current: Stored<Job> | undefined,
  makeOnly = false,
): Promise<JobVerdict | undefined> {
  if (current !== undefined && current.metadata.deletionTimestamp !== undefined)
    return { again: 'ChildEnding', message: `Job ${current.metadata.name} is still being deleted` };
  if (current !== undefined && makeOnly) return undefined;
  // The pod template cannot change once pods were made, and need not: what moves is listed here.
  const { name, namespace } = desired.metadata;
  const jobKey = `${namespace}/${desired.metadata.labels?.[labels.job]}`;
  if (current !== undefined) {
    const { suspend, parallelism, completions } = desired.spec;
    const same = current.spec.suspend === suspend && current.spec.parallelism === parallelism && current.spec.completions === completions;
    if (same) return undefined;
    const patched = await tools.context.kubernetes.mergePatch(
      childJobType,
      { namespace: namespace ?? '', name },
      { metadata: { uid: current.metadata.uid }, spec: { suspend, parallelism, completions } },
    );
    if (!patched.ok) return { again: 'ChildNotChanged', message: `Job ${name}: ${patched.error.message}` };
    tools.expectations.wrote(jobKey, tools.context.stores.childJobs, patched.value);
    return undefined;
  }
  const created = await tools.context.kubernetes.create(childJobType, desired);
  if (created.ok) {
    tools.expectations.wrote(jobKey, tools.context.stores.childJobs, created.value);
    return undefined;
  }
  if (created.error.kind !== 'AlreadyExists') return refusal(`Job ${name}`, created.error);
  const there = await tools.context.kubernetes.get(childJobType, { namespace: namespace ?? '', name });
  const owner = desired.metadata.ownerReferences?.[0]?.uid;
  if (there.ok && there.value.metadata.ownerReferences?.some(({ uid }) => uid === owner) === true) return undefined;
  return {
    wait: 'NameTaken',
    message: `a Job ${name} of somebody else's is in the way: delete it or rename the ElasticJob`,
    afterMs: 30_000,
  };
}

async function applyService(tools: JobTools, desired: Service): Promise<JobVerdict | undefined> {
  const { name, namespace = '' } = desired.metadata;
  const created = await tools.context.kubernetes.create(services, desired);
  if (created.ok) return undefined;
  if (created.error.kind === 'AlreadyExists') {
    const there = await tools.context.kubernetes.get(services, { namespace, name });
    const owner = desired.metadata.ownerReferences?.[0]?.uid;
    if (there.ok && there.value.metadata.ownerReferences?.some(({ uid }) => uid === owner) === true) return undefined;
    return {
      wait: 'NameTaken',
      message: `a Service ${name} of somebody else's is in the way: delete it or rename the ElasticJob`,
      afterMs: 30_000,
    };
  }
  return refusal(`Service ${namespace}/${name}`, created.error);
}

/** What the API server finds invalid stays so: the job's templates are wrong in a way that admission could not see. */
function refusal(what: string, error: { readonly kind: string; readonly message: string }): JobVerdict {
  const message = `${what}: ${error.message}`;
  if (error.kind !== 'Invalid') return { again: 'ChildNotMade', message };
  return { end: { phase: 'Failed', reason: 'InvalidTemplate', message, failure: { reason: 'InvalidTemplate', message } } };
}

function wiring(tools: JobTools, view: JobView, role: SlotRole): Wiring {
  const { job, runtime, plan } = view;
  const { name, namespace = '', uid } = job.metadata;
  const attempt = attemptOf(view);
  const ref = { name, uid };
  const staging = stagePrefix(jobPrefix(runtimeFolder(runtime, 'staging'), ref), attempt);
  const logs = logPrefix(jobPrefix(runtimeFolder(runtime, 'logs'), ref), attempt, role);
  return wirePods({
    role,
    region: runtime.spec.region,
    connections: job.spec.connections ?? [],
    stagingIdentity: plan.staging.identity,
    roleArns: { master: plan.principals.roles.master, worker: plan.principals.roles.worker },
    sessionNames: {
      master: sessionName(runtime.metadata.uid, uid, 'master'),
      worker: sessionName(runtime.metadata.uid, uid, 'worker'),
      connection: (connection) => sessionName(runtime.metadata.uid, uid, `connectionRole:${connection}`),
    },
    operatorImage: tools.context.settings.operatorImage,
    staging: { uri: formatS3Uri(staging) },
    logs: { uri: formatS3Uri(logs) },
    runtime: `${namespace}/${runtime.metadata.name}`,
    job: {
      key: `${namespace}/${name}`,
      uid,
      attempt,
      masterAddress: masterAddress(name, namespace, attempt),
      workerCount: job.spec.workers.template === undefined ? 0 : job.spec.workers.min,
    },
  });
}

export async function deleteChild(tools: JobTools, child: Stored<Job> | undefined): Promise<string | undefined> {
  if (child === undefined || child.metadata.deletionTimestamp !== undefined) return undefined;
  const { name, namespace = '', uid } = child.metadata;
  const deleted = await tools.context.kubernetes.delete(childJobType, { namespace, name }, { propagation: 'Background', uid });
  return deleted.ok || deleted.error.kind === 'NotFound' || deleted.error.kind === 'Conflict'
    ? undefined
    : `Job ${name}: ${deleted.error.message}`;
}
