import type { Job } from '../../api/kubernetes.ts';
import { randomSuffix } from './admission.ts';
import { conditionIsTrue } from './conditions.ts';
import { copyJson, type Fields, isFields } from './json.ts';
import type { Entity } from './kinds.ts';
import { isTerminal, isTerminating, type StoredPod } from './pods.ts';
import type { Store } from './store.ts';

export const TRACKING = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';

/** A stored job, with the defaults that the API server has written. */
export type StoredJob = Entity &
  Job & {
    readonly spec: Job['spec'] & {
      readonly parallelism: number;
      readonly backoffLimit: number;
      readonly suspend: boolean;
      readonly podReplacementPolicy: string;
    };
    readonly status?: Job['status'] & { readonly completedIndexes?: string };
  };

export function isIndexed(job: StoredJob): boolean {
  return job.spec.completionMode === 'Indexed';
}

export function indexOf(pod: StoredPod): number | undefined {
  const text = pod.metadata.annotations?.[INDEX];
  return text === undefined ? undefined : Number(text);
}

/** Whether the pod's index is one of the job's; always, where it has none. */
export function hasValidIndex(job: StoredJob, pod: StoredPod): boolean {
  if (!isIndexed(job)) return true;
  const index = indexOf(pod);
  return index !== undefined && index < (job.spec.completions ?? 0);
}

export function isTracked(pod: StoredPod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING) === true;
}

export function isActive(pod: StoredPod): boolean {
  return !isTerminal(pod) && !isTerminating(pod);
}

export function isReady(pod: StoredPod): boolean {
  return conditionIsTrue(pod, 'Ready');
}

export function replacesFailedOnly(job: StoredJob): boolean {
  return job.spec.podReplacementPolicy === 'Failed';
}

export function isFailed(job: StoredJob, pod: StoredPod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesFailedOnly(job) && isTerminating(pod) && pod.status?.phase !== 'Succeeded';
}

/** "0-2,5", as status.completedIndexes has it. */
export function parseIndexes(text: string | undefined, below: number): Set<number> {
  const found = new Set<number>();
  for (const range of (text ?? '').split(',').filter((part) => part !== '')) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let index = first; index <= last && index < below; index += 1) found.add(index);
  }
  return found;
}

export function formatIndexes(indexes: ReadonlySet<number>): string {
  const sorted = [...indexes].sort((one, other) => one - other);
  const ranges: [number, number][] = [];
  for (const index of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}${last === first + 1 ? ',' : '-'}${last}`)).join(',');
}

/** The lowest indexes that neither have succeeded nor are being worked on. */
export function pendingIndexes(
  job: StoredJob,
  pods: readonly StoredPod[],
  succeeded: ReadonlySet<number>,
  count: number,
): readonly number[] {
  const busy = new Set(succeeded);
  for (const pod of pods) {
    const index = indexOf(pod);
    const holds = isActive(pod) || (replacesFailedOnly(job) && isTerminating(pod) && !isTerminal(pod));
    if (index !== undefined && holds) busy.add(index);
  }
  const pending: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && pending.length < count; index += 1) if (!busy.has(index)) pending.push(index);
  return pending;
}

/** Active pods to be deleted: repeated and outgrown indexes, and then as many as are too many, those in the earlier stages first. */
export function surplus(job: StoredJob, active: readonly StoredPod[], atLeast: number): readonly StoredPod[] {
  const remove: StoredPod[] = [];
  const left: StoredPod[] = [];
  const seen = new Set<number>();
  for (const pod of [...active].sort((one, other) => progress(other) - progress(one))) {
    const index = indexOf(pod);
    if (isIndexed(job) && (!hasValidIndex(job, pod) || (index !== undefined && seen.has(index)))) remove.push(pod);
    else left.push(pod);
    if (index !== undefined) seen.add(index);
  }
  return remove.length >= atLeast ? remove : [...remove, ...left.toReversed().slice(0, atLeast - remove.length)];
}

function progress(pod: StoredPod): number {
  return (pod.spec.nodeName === undefined ? 0 : 4) + (pod.status?.phase === 'Running' ? 2 : 0) + (isReady(pod) ? 1 : 0);
}

/** `<job>-<index>-xxxxx` with the labels, annotation, host name and variable of its index; `<job>-xxxxx` where there is none. */
export function podFor(store: Store, job: StoredJob, index: number | undefined): Fields {
  const { name, namespace, uid } = job.metadata;
  const template = copyJson(job.spec.template) as Fields;
  const metadata = isFields(template.metadata) ? template.metadata : {};
  const spec: Fields = isFields(template.spec) ? template.spec : {};
  const labels = isFields(metadata.labels) ? metadata.labels : {};
  const annotations = isFields(metadata.annotations) ? metadata.annotations : {};
  if (index !== undefined) {
    spec.hostname = `${name}-${index}`;
    const variable = {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } },
    };
    for (const list of [spec.containers, spec.initContainers]) {
      if (!Array.isArray(list)) continue;
      for (const container of list.filter(isFields)) {
        const env: unknown[] = Array.isArray(container.env) ? container.env : [];
        if (!env.some((each) => isFields(each) && each.name === variable.name)) container.env = [...env, variable];
      }
    }
  }
  const ending = index === undefined ? '-' : `-${index}-`;
  return {
    metadata: {
      name: `${name.slice(0, 58 - ending.length)}${ending}${randomSuffix(store)}`,
      namespace,
      labels: index === undefined ? labels : { ...labels, [INDEX]: String(index) },
      annotations: index === undefined ? annotations : { ...annotations, [INDEX]: String(index) },
      finalizers: [...(Array.isArray(metadata.finalizers) ? metadata.finalizers : []), TRACKING],
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec,
  };
}
