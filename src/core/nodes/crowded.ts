import type { ElasticNode } from '../../api/generated/types.ts';
import { keepSlots, type Reservation } from '../jobs/slots.ts';
import type { PackingPod } from '../packing/problem.ts';
import { podRequests } from '../packing/requests.ts';
import { nodeFacts } from '../packing/running.ts';
import { filledSlot } from './bound-pods.ts';
import type { SeenNode } from './packing-nodes.ts';

/**
 * Ledgers of nodes on which a pod runs that nothing was kept for there, where what is kept has no room any more; and what is to be left of each. The scheduler puts a
 * pod that comes back (its node was taken away) wherever a node of its job has room, also into the room of another slot: that slot needs a place of its own then,
 * or its pod would wait for ever.
 */
export function crowdedLedgers(
  seen: Iterable<SeenNode>,
): readonly { readonly node: ElasticNode; readonly ledger: readonly Reservation[] }[] {
  const crowded: { readonly node: ElasticNode; readonly ledger: readonly Reservation[] }[] = [];
  for (const one of seen) {
    if (one.held.length === 0 || one.machine === undefined || !hasStranger(one)) continue;
    const homeless = withoutRoom(one);
    const { reservedFor = [] } = one.node.spec;
    const ledger = keepSlots(reservedFor, ({ jobUid, attempt }, slot) => !homeless.has(`${jobUid}/${attempt}/${slot}`));
    if (ledger !== reservedFor) crowded.push({ node: one.node, ledger });
  }
  return crowded;
}

function hasStranger({ node, pods }: SeenNode): boolean {
  const kept = new Set(
    (node.spec.reservedFor ?? []).flatMap(({ jobUid, attempt, slots }) => slots.map((slot) => `${jobUid}/${attempt}/${slot}`)),
  );
  return pods.some((pod) => !kept.has(filledSlot(pod)?.key ?? ''));
}

/** The keys of slots that have to go until the others fit: growth before gangs, low priorities before high ones. */
function withoutRoom({ held, value }: SeenNode): ReadonlySet<string> {
  const free = new Map(nodeFacts(value).free);
  const gone = new Set<string>();
  for (const pod of held.toSorted((one, other) => (one.priority ?? 0) - (other.priority ?? 0))) {
    if ([...free.values()].every((amount) => amount >= 0)) break;
    if (!takesWhatIsMissing(pod, free)) continue;
    gone.add(pod.key);
  }
  return gone;
}

/** Gives back what the pod would take; false, and nothing given back, where that is nothing of what is missing. */
function takesWhatIsMissing(pod: PackingPod, free: Map<string, number>): boolean {
  const requests = podRequests(pod);
  if (!requests.ok) return false;
  if (![...requests.value].some(([name, amount]) => amount > 0 && (free.get(name) ?? 0) < 0)) return false;
  for (const [name, amount] of requests.value) if (free.has(name)) free.set(name, (free.get(name) as number) + amount);
  return true;
}
