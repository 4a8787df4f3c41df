import type { ElasticJob, ElasticJobStatus, ElasticRuntime, Failure } from '../../api/generated/types.ts';
import type { Job, Pod, Stored } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import type { AccessPlan } from '../../core/access/plan.ts';
import type { ConnectionSpecs } from '../../core/access/references.ts';
import { attemptNames } from '../../core/jobs/names.ts';
import type { Applier } from '../../machinery/applier.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import type { Turns } from '../../machinery/turns.ts';
import type { Result } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import type { StatusDraft } from '../draft.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { GrantRequest } from '../identity/grants.ts';
import type { Proved } from '../identity/prove.ts';
import type { AccessClaim } from './access-record.ts';
import type { Looks } from './looks.ts';
import type { NodeAccesses } from './node-accesses.ts';
import { isOwnJob, ownPods } from './own.ts';
import type { References } from './references.ts';

export type JobTools = {
  readonly context: OperatorContext;
  readonly applier: Applier;
  readonly expectations: Expectations;
  /** By job uid and pod uid: since when an unbound pod has a place. */
  readonly placed: Map<string, ReadonlyMap<string, number>>;
  /** By the job's uid. */
  readonly accesses: Map<string, AccessClaim>;
  /** At what a job will access, before it begins. */
  readonly looks: Looks<Proved>;
  /** At what its nodes have recorded, when it ends. */
  readonly recordLooks: Looks<Result<NodeAccesses, AccessFailure>>;
  /** A few of those at a time: each may hold some ten megabytes. */
  readonly recordReads: Turns;
};

/** One reconcile of one ElasticJob. */
export type JobView = {
  readonly job: Stored<ElasticJob>;
  readonly runtime: Stored<ElasticRuntime>;
  readonly plan: AccessPlan;
  readonly references: Pick<References, 'found'>;
  readonly draft: StatusDraft<ElasticJobStatus>;
};

/** What is to become of the attempt or the job, written down before it is carried out. */
export type Ending = {
  readonly phase: 'Succeeded' | 'Failed' | 'Terminated' | 'Retry';
  readonly reason: string;
  readonly message: string;
  readonly failure?: Failure;
  /** RFC 3339 */
  readonly since: string;
  /** Pods whose logs are waited for. */
  readonly pods?: readonly { readonly uid: string; readonly name: string; readonly node: string; readonly role: string }[];
};

/** `internal` of a job's status. */
export type JobNotes = {
  readonly verified?: string;
  /** RFC 3339: as old as the oldest of the answers. */
  readonly verifiedAt?: string;
  /** Something of it could not be looked at, which its class allowed then. */
  readonly open?: boolean;
  /** Probe objects may lie at the locations of the plan: written down before the first is made. */
  readonly probing?: boolean;
  /** Dependencies may lie in staging: written down before the first is put there. */
  readonly staging?: boolean;
  readonly staged?: string;
  readonly ending?: Ending;
  /** Attempts that failed by themselves. */
  readonly failures?: number;
  /** Attempts in a row that infrastructure took away. */
  readonly losses?: number;
  /** RFC 3339: not before then. */
  readonly retryAt?: string;
  /** The attempt whose agent log and accesses are stored. */
  readonly uploaded?: number;
  readonly suspendedSince?: string;
  readonly suspendedMs?: number;
  readonly cleaned?: boolean;
  /** What the connectionRefs named when the job was verified. */
  readonly connections?: ConnectionSpecs;
};

export type JobVerdict =
  | { readonly go: true }
  /** Comes back by an event, or after this long. */
  | {
      readonly wait: string;
      readonly message: string;
      readonly afterMs?: number;
      readonly expectedAt?: number;
      /** Nothing will change without somebody's change. */
      readonly stalled?: true;
    }
  | { readonly again: string; readonly message: string }
  | { readonly end: Omit<Ending, 'since' | 'pods'> };

export const go = { go: true } satisfies JobVerdict;

export function notesOf(view: Pick<JobView, 'draft'>): JobNotes {
  return view.draft.value().internal ?? {};
}

export function note(view: Pick<JobView, 'draft'>, notes: { readonly [K in keyof JobNotes]?: JobNotes[K] | undefined }): void {
  const merged = Object.fromEntries(
    Object.entries({ ...view.draft.value().internal, ...notes }).filter(([, value]) => value !== undefined),
  );
  view.draft.set({ internal: merged });
}

export function attemptOf(view: Pick<JobView, 'draft'>): number {
  return view.draft.value().attempt?.number ?? 1;
}

/** Children of one attempt as the caches have them. */
export function childrenOf(
  tools: Pick<JobTools, 'context'>,
  view: Pick<JobView, 'job' | 'draft'>,
): { readonly master: Stored<Job> | undefined; readonly worker: Stored<Job> | undefined; readonly pods: readonly Stored<Pod>[] } {
  const { job } = view;
  const attempt = attemptOf(view);
  const names = attemptNames(job.metadata.name, attempt);
  const { stores } = tools.context;
  const own = (found: Stored<Job> | undefined): Stored<Job> | undefined =>
    found !== undefined && isOwnJob(job, found) ? found : undefined;
  return {
    master: own(stores.childJobs.get(`${job.metadata.namespace}/${names.master}`)),
    worker: own(stores.childJobs.get(`${job.metadata.namespace}/${names.worker}`)),
    pods: ownPods(tools.context, job).filter((pod) => pod.metadata.labels?.[labels.attempt] === String(attempt)),
  };
}

/** Grants on behalf of this job. */
export function onBehalf(
  view: Pick<JobView, 'runtime' | 'job' | 'plan'>,
  identity: GrantRequest['identity'],
  resource?: string,
): GrantRequest {
  const { name, namespace = '', uid } = view.job.metadata;
  return {
    runtime: view.runtime,
    identity,
    job: { namespace, name, uid },
    connections: view.job.spec.connections ?? [],
    plan: view.plan,
    dependencies: view.job.spec.dependencies,
    ...(resource !== undefined && { resource }),
  };
}
