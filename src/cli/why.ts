import type { ElasticJob, ElasticRuntime, Failure, Waiting } from '../api/generated/types.ts';
import type { Event, Pod, Stored } from '../api/kubernetes.ts';
import { labels } from '../api/labels.ts';
import { podProblem } from '../core/jobs/start.ts';
import { isRefusal } from '../core/jobs/waiting.ts';
import type { MissingStatement } from '../core/preflight/missing.ts';
import type { KubernetesError } from '../ports/kubernetes.ts';
import { elasticJobs, elasticRuntimes, events, pods } from '../ports/resources.ts';
import { type ClusterConnection, type ClusterFlags, type ClusterIo, withCluster } from './cluster.ts';
import { table } from './table.ts';

export type WhyArguments = ClusterFlags & { readonly job: string; readonly output: 'table' | 'json' };

/** A refused access as status holds it. */
type FailedAccess = {
  readonly identity: string;
  readonly chain: readonly string[];
  readonly action: string;
  readonly resource: string;
  readonly code: string;
  readonly message: string;
  readonly requestId?: string;
  readonly remedy?: string;
  readonly add?: readonly MissingStatement[];
};

type Answer = {
  readonly job: string;
  readonly namespace: string;
  readonly phase: string;
  readonly securityType: string | undefined;
  readonly attempts: number;
  readonly waiting: Waiting | null;
  readonly failure: Failure | null;
  /** Why what it staged is still there. */
  readonly cleanup: string | null;
  readonly runtime: { readonly name: string; readonly ready: boolean; readonly message: string };
  /** Of the job, then of its runtime. */
  readonly failedAccess: readonly FailedAccess[];
  /** Refused besides, and not held by status. */
  readonly moreFailed: number;
  readonly pods: readonly {
    readonly name: string;
    readonly role: string;
    readonly phase: string;
    readonly node: string | null;
    readonly problem: { readonly container?: string; readonly reason: string; readonly message: string } | null;
  }[];
  /** The latest last, of the job and its pods. */
  readonly events: readonly {
    readonly time: string;
    readonly type: string;
    readonly reason: string;
    readonly object: string;
    readonly message: string;
  }[];
  /** What could not be read, and why. */
  readonly notes: readonly string[];
};

const shownEvents = 12;

/**
 * `kubectl-elastic why JOB`: from the job, its runtime, its pods and their events, with the rights of the person whom the kubeconfig names. Answers the exit code:
 * 0 nothing is wrong, 1 the job has failed or something keeps it from going on, 2 no such job or wrong usage.
 */
export function runWhy(given: WhyArguments, io: ClusterIo): Promise<number> {
  return withCluster(given, io, async (cluster) => {
    const { namespace, kubernetes } = cluster;
    const job = await kubernetes.get(elasticJobs, { namespace, name: given.job });
    if (!job.ok) {
      const missing = job.error.kind === 'NotFound';
      io.stderr(`why: ElasticJob ${namespace}/${given.job}: ${missing ? 'there is none of this name' : job.error.message}`);
      return missing ? 2 : 1;
    }
    const answer = await explain(cluster, job.value);
    io.stdout(given.output === 'json' ? JSON.stringify(answer, undefined, 2) : textOf(answer));
    return isWell(answer) ? 0 : 1;
  });
}

async function explain({ kubernetes, namespace }: ClusterConnection, job: Stored<ElasticJob>): Promise<Answer> {
  const selector = { namespace, labelSelector: `${labels.jobUid}=${job.metadata.uid}` };
  const [runtime, own, said] = await Promise.all([
    kubernetes.get(elasticRuntimes, { namespace, name: job.spec.runtime }),
    kubernetes.list(pods, selector),
    kubernetes.list(events, { namespace }),
  ]);
  const found = own.ok ? own.value.items : [];
  const subjects = new Set([job.metadata.uid, ...found.map(({ metadata }) => metadata.uid)]);
  const { status } = job;
  return {
    job: job.metadata.name,
    namespace,
    phase: status?.phase ?? 'Pending',
    securityType: status?.securityType,
    attempts: status?.attempts ?? 0,
    waiting: status?.waiting ?? null,
    failure: status?.failure ?? null,
    cleanup: status?.conditions?.find(({ reason }) => reason === 'CleanupBlocked')?.message ?? null,
    runtime: runtimeOf(job, runtime.ok ? runtime.value : undefined),
    failedAccess: [...failedOf(status?.preflight), ...(runtime.ok ? failedOf(runtime.value.status?.preflight) : [])],
    moreFailed: moreOf(status?.preflight),
    pods: found.map(podOf),
    events: (said.ok ? said.value.items : [])
      .filter(({ involvedObject }) => subjects.has(involvedObject.uid ?? ''))
      .map(eventOf)
      .toSorted((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0))
      .slice(-shownEvents),
    notes: [
      ...(own.ok ? [] : [unread('pods', own.error)]),
      ...(said.ok ? [] : [unread('events', said.error)]),
      ...(runtime.ok || runtime.error.kind === 'NotFound' ? [] : [unread('the runtime', runtime.error)]),
    ],
  };
}

function unread(what: string, { kind, message }: KubernetesError): string {
  return `${what} could not be read: ${kind}: ${message}`;
}

function runtimeOf(job: ElasticJob, runtime: ElasticRuntime | undefined): Answer['runtime'] {
  const name = job.spec.runtime;
  if (runtime === undefined) return { name, ready: false, message: `no ElasticRuntime ${name} could be read in this namespace` };
  const ready = runtime.status?.conditions?.find(({ type }) => type === 'Ready');
  return { name, ready: ready?.status === 'True', message: ready?.message ?? 'the operator has not looked at it yet' };
}

function failedOf(preflight: unknown): readonly FailedAccess[] {
  const { failed } = (preflight ?? {}) as { readonly failed?: readonly FailedAccess[] };
  return failed ?? [];
}

function moreOf(preflight: unknown): number {
  const { more } = (preflight ?? {}) as { readonly more?: number };
  return more ?? 0;
}

function podOf(pod: Stored<Pod>): Answer['pods'][number] {
  return {
    name: pod.metadata.name,
    role: pod.metadata.labels?.[labels.role] ?? '',
    phase: pod.status?.phase ?? 'Pending',
    node: pod.spec.nodeName ?? null,
    problem: podProblem(pod) ?? null,
  };
}

function eventOf(event: Stored<Event>): Answer['events'][number] {
  const { type, reason, message, involvedObject, lastTimestamp, metadata } = event;
  const object = `${involvedObject.kind ?? ''}/${involvedObject.name ?? ''}`;
  return { time: lastTimestamp ?? metadata.creationTimestamp, type, reason, object, message };
}

function isWell(answer: Answer): boolean {
  if (answer.phase === 'Succeeded' || answer.phase === 'Terminated') return true;
  const refused = answer.waiting !== null && isRefusal(answer.waiting.reason);
  const stuck = refused || answer.failure !== null || answer.failedAccess.length > 0 || answer.pods.some(({ problem }) => problem !== null);
  return !stuck && (answer.runtime.ready || answer.phase === 'Running' || answer.phase === 'Uploading');
}

function textOf(answer: Answer): string {
  const { waiting, failure, runtime } = answer;
  const lines = [`${answer.namespace}/${answer.job}: ${answer.phase}${answer.attempts > 1 ? `, attempt ${answer.attempts}` : ''}`];
  if (failure !== null) lines.push(`Failed: ${failure.reason}${failure.message === undefined ? '' : `: ${failure.message}`}`);
  if (waiting !== null)
    lines.push(`Waits: ${waiting.reason}${waiting.since === undefined ? '' : ` since ${waiting.since}`}: ${waiting.message ?? ''}`);
  if (answer.cleanup !== null) lines.push(`Cleaning up is blocked: ${answer.cleanup}`);
  if (!runtime.ready) lines.push(`Runtime ${runtime.name} is not ready: ${runtime.message}`);
  for (const access of answer.failedAccess) lines.push('', ...accessLines(access));
  if (answer.moreFailed > 0) lines.push('', `… and ${answer.moreFailed} more accesses are refused: they are shown when these are mended`);
  const problems = answer.pods.filter(({ problem }) => problem !== null);
  if (answer.pods.length > 0) lines.push('', `Pods: ${answer.pods.length}, ${problems.length} with a problem`);
  for (const { name, node, problem } of problems) {
    const container = problem?.container === undefined ? '' : `, container ${problem.container}`;
    lines.push(`  ${name}${node === null ? '' : ` on ${node}`}${container}: ${problem?.reason}: ${problem?.message}`);
  }
  if (answer.events.length > 0) {
    const rows = answer.events.map(({ time, type, reason, object, message }) => [time, type, reason, object, message]);
    lines.push('', table(['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'], rows));
  }
  return [...lines, ...answer.notes.map((note) => `Note: ${note}`)].join('\n');
}

/** A statement stands in lines of its own, ready to paste. */
function accessLines({ identity, chain, action, resource, code, message, requestId, remedy, add = [] }: FailedAccess): readonly string[] {
  return [
    `Access refused: ${action} on ${resource}`,
    `  as ${identity}${chain.length === 0 ? '' : ` (${chain.join(' -> ')})`}`,
    `  AWS says ${code}: ${message}${requestId === undefined ? '' : ` [request ${requestId}]`}`,
    ...(remedy === undefined ? [] : [`  ${remedy}`]),
    ...add.flatMap(({ policy, statement }) => [`  Add to the ${policy}:`, JSON.stringify(statement, undefined, 2)]),
  ];
}
