/** Which pods fill which slots, and where. */
import type { Pod } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { gangId, type SlotRole, slotName } from '../jobs/slots.ts';

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

/** `key` of the slot, `attempt` that it is of. */
type FilledSlot = { readonly key: string; readonly attempt: string };
const filledSlots = new WeakMap<Pod, { readonly slot: FilledSlot | undefined }>();

/** The slot that a pod fills, read once per object. */
export function filledSlot(pod: Pod): FilledSlot | undefined {
  let known = filledSlots.get(pod);
  if (known === undefined) {
    const slot = slotOfPod(pod);
    const attempt = slot && gangId(slot.jobUid, slot.attempt);
    known = { slot: slot && attempt !== undefined ? { key: `${attempt}/${slot.name}`, attempt } : undefined };
    filledSlots.set(pod, known);
  }
  return known.slot;
}

export type PodChanges = {
  /** Of which a slot was filled or freed. */
  readonly attempts: ReadonlySet<string>;
  /** By name: where a pod came, went or changed. */
  readonly machines: Iterable<string>;
};

/** The pods that run somewhere, kept from look to look. */
export type BoundPods = {
  lists: readonly (readonly Pod[])[];
  /** By slot key: how many pods fill it, where it is not none. */
  readonly filled: Map<string, number>;
  /** By machine, where it is not none: in one order, whatever order they came in. */
  readonly podsAt: Map<string, readonly Pod[]>;
};

export function noBoundPods(): BoundPods {
  return { lists: [], filled: new Map(), podsAt: new Map() };
}

/** Brings it up to date with the pods of each job: lists that are the same objects as at the look before are not read again. */
export function updateBoundPods(known: BoundPods, lists: readonly (readonly Pod[])[]): PodChanges {
  const attempts = new Set<string>();
  if (sameItems(known.lists, lists)) return { attempts, machines: [] };
  const before = new Set(known.lists);
  const now = new Set(lists);
  const gone = new Set<Pod>();
  for (const list of before) if (!now.has(list)) for (const pod of list) gone.add(pod);
  const arrived: Pod[] = [];
  for (const list of now) if (!before.has(list)) for (const pod of list) if (!gone.delete(pod)) arrived.push(pod);
  const machines = new Map<string, Pod[]>();
  for (const pod of gone) count(known, machines, attempts, pod, -1);
  for (const pod of arrived) count(known, machines, attempts, pod, 1)?.push(pod);
  for (const [machine, come] of machines) {
    const pods = [...(known.podsAt.get(machine) ?? []).filter((pod) => !gone.has(pod)), ...come];
    if (pods.length === 0) known.podsAt.delete(machine);
    else known.podsAt.set(machine, pods.sort(byName));
  }
  known.lists = lists;
  return { attempts, machines: machines.keys() };
}

/** Counts a pod in or out; answers what arrives on its machine. */
function count({ filled }: BoundPods, machines: Map<string, Pod[]>, attempts: Set<string>, pod: Pod, change: 1 | -1): Pod[] | undefined {
  const { nodeName } = pod.spec;
  if (nodeName === undefined) return undefined;
  const come = machines.get(nodeName) ?? [];
  machines.set(nodeName, come);
  const slot = filledSlot(pod);
  if (slot !== undefined) {
    const pods = (filled.get(slot.key) ?? 0) + change;
    if (pods === 0) filled.delete(slot.key);
    else filled.set(slot.key, pods);
    attempts.add(slot.attempt);
  }
  return come;
}

function byName({ metadata: left }: Pod, { metadata: right }: Pod): number {
  return compare(left.namespace, right.namespace) || compare(left.name, right.name) || compare(left.uid, right.uid);
}

function compare(left = '', right = ''): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

export function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
