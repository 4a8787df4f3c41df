/** Which pods fill which slots, and where. */
import type { Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { type SlotRole, slotName } from '../jobs/slots.ts';

export function slotOfPod(pod: Pod): { readonly jobUid: string; readonly attempt: number; readonly name: string } | undefined {
  const own = pod.metadata.labels ?? {};
  const jobUid = own[labels.jobUid];
  const role = own[labels.role] as SlotRole | undefined;
  const attempt = Number(own[labels.attempt]);
  if (jobUid === undefined || role === undefined || !Number.isInteger(attempt)) return undefined;
  const index =
    role === 'master'
      ? 0
      : Number(own['batch.kubernetes.io/job-completion-index'] ?? pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']);
  return Number.isInteger(index) ? { jobUid, attempt, name: slotName(role, index) } : undefined;
}

const slotKeys = new WeakMap<Pod, { readonly key: string | undefined }>();

/** The key of the slot that a pod fills, read once per object. */
export function slotKeyOfPod(pod: Pod): string | undefined {
  let known = slotKeys.get(pod);
  if (known === undefined) {
    const slot = slotOfPod(pod);
    known = { key: slot && `${slot.jobUid}/${slot.attempt}/${slot.name}` };
    slotKeys.set(pod, known);
  }
  return known.key;
}

export type BoundPods = {
  readonly pods: readonly Pod[];
  /** By slot. */
  readonly bound: ReadonlyMap<string, Pod>;
  readonly podsAt: ReadonlyMap<string, readonly Pod[]>;
};

/** The pods that run somewhere, those of the look before where none has changed since. */
export function boundPods(pods: readonly Pod[], before: BoundPods): BoundPods {
  if (sameItems(before.pods, pods)) return before;
  const bound = new Map<string, Pod>();
  const podsAt = new Map<string, Pod[]>();
  for (const pod of pods) {
    const { nodeName } = pod.spec;
    if (nodeName === undefined) continue;
    const here = podsAt.get(nodeName);
    if (here === undefined) podsAt.set(nodeName, [pod]);
    else here.push(pod);
    const key = slotKeyOfPod(pod);
    if (key !== undefined) bound.set(key, pod);
  }
  return { pods, bound, podsAt };
}

export function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one === other || (one.length === other.length && one.every((item, index) => item === other[index]));
}
