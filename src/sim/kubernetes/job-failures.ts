import { conditionsOf, findCondition } from './conditions.ts';
import { type StoredJob } from './job-pods.ts';
import { at, type Fields, isFields } from './json.ts';
import type { StoredPod } from './pods.ts';
import { parseTimestamp } from './time.ts';

/** What a job's pod failure policy makes of a failed pod; a message where the whole job fails by it. */
export type FailureVerdict = { readonly counts: boolean; readonly failsJob?: string };

/** matchPodFailurePolicy of pkg/controller/job/pod_failure_policy.go; FailIndex counts like any failure, since backoffLimitPerIndex is not simulated. */
export function judgeFailure(job: StoredJob, pod: StoredPod): FailureVerdict {
  const rules = at(job.spec.podFailurePolicy, 'rules');
  for (const [index, rule] of (Array.isArray(rules) ? rules : []).entries()) {
    const why = matchExitCodes(rule, pod) ?? matchConditions(rule, pod);
    if (why === undefined) continue;
    const action = String(at(rule, 'action'));
    if (action === 'Ignore') return { counts: false };
    if (action !== 'FailJob') return { counts: true };
    return { counts: true, failsJob: `${why} matching ${action} rule at index ${index}` };
  }
  return { counts: true };
}

function matchExitCodes(rule: unknown, pod: StoredPod): string | undefined {
  const wanted = at(rule, 'onExitCodes');
  if (!isFields(wanted)) return undefined;
  const values = Array.isArray(wanted.values) ? wanted.values.map(Number) : [];
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  for (const { name, state } of statuses) {
    const code = state?.terminated?.exitCode ?? 0;
    if (code === 0 || (wanted.containerName !== undefined && wanted.containerName !== name)) continue;
    if (values.includes(code) === (wanted.operator === 'In')) {
      return `Container ${name} for pod ${pod.metadata.namespace}/${pod.metadata.name} failed with exit code ${code}`;
    }
  }
  return undefined;
}

function matchConditions(rule: unknown, pod: StoredPod): string | undefined {
  const patterns = at(rule, 'onPodConditions');
  if (!Array.isArray(patterns)) return undefined;
  const found = conditionsOf(pod).find((condition) =>
    patterns.some((pattern: Fields) => pattern.type === condition.type && (pattern.status ?? 'True') === condition.status),
  );
  return found === undefined ? undefined : `Pod ${pod.metadata.namespace}/${pod.metadata.name} has condition ${String(found.type)}`;
}

const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;

/** How long new pods wait after failures: 10 s, doubled by each failure since the last success, 10 minutes at most (backoff_utils.go). */
export function createBackoff() {
  const records = new Map<string, { readonly failures: number; readonly lastAt: number }>();
  return {
    note(jobUid: string, succeeded: readonly StoredPod[], failed: readonly StoredPod[]): void {
      if (succeeded.length === 0 && failed.length === 0) return;
      const lastSuccess = Math.max(Number.NEGATIVE_INFINITY, ...succeeded.map(finishedAt));
      const times = failed.map(finishedAt).filter((time) => time > lastSuccess);
      const before = succeeded.length > 0 ? undefined : records.get(jobUid);
      const failures = (before?.failures ?? 0) + times.length;
      if (failures === 0) records.delete(jobUid);
      else records.set(jobUid, { failures, lastAt: Math.max(before?.lastAt ?? Number.NEGATIVE_INFINITY, ...times) });
    },
    remainingMs(jobUid: string, now: number): number {
      const record = records.get(jobUid);
      if (record === undefined) return 0;
      return Math.max(0, record.lastAt + Math.min(LONGEST_MS, FIRST_MS * 2 ** (record.failures - 1)) - now);
    },
    forget(jobUid: string): void {
      records.delete(jobUid);
    },
  };
}

function finishedAt(pod: StoredPod): number {
  const ends = (pod.status?.containerStatuses ?? []).map((status) => parseTimestamp(status.state?.terminated?.finishedAt));
  const known = ends.filter((end) => end !== undefined);
  if (known.length > 0) return Math.max(...known);
  const ready = findCondition(pod, 'Ready');
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata;
  if (ready?.status === 'False') return parseTimestamp(ready.lastTransitionTime) ?? 0;
  const deleted = parseTimestamp(deletionTimestamp);
  return deleted === undefined ? (parseTimestamp(creationTimestamp) ?? 0) : deleted - deletionGracePeriodSeconds * 1000;
}
