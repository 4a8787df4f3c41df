import type { ElasticJob, ElasticNode } from '../../api/generated/types.ts';
import type { Pod } from '../../api/kubernetes.ts';
import { gangId, keepSlots, type Reservation, slotName } from '../jobs/slots.ts';
import { slotOfPod } from './bound-pods.ts';
import { type LedgerIndex, ledgerIndex, nodesUnder, updateLedgerIndex } from './ledger-index.ts';
import { slotsOf } from './slot-pods.ts';

/** A job that may hold slots, with its pods that have not ended: the same list while nothing of them has changed. */
export type HoldingJob = { readonly job: ElasticJob & { readonly metadata: { readonly uid: string } }; readonly pods: readonly Pod[] };

type Attempt = HoldingJob & { needs: ((slot: string, nodeName: string | undefined) => boolean) | undefined };

/** What was found in order is not looked at again until its node, its job or one of the job's pods is another object. */
export type LedgerCheck = { readonly ledgers: LedgerIndex; attempts: ReadonlyMap<string, Attempt>; readonly unchecked: Set<ElasticNode> };

export function ledgerCheck(): LedgerCheck {
  return { ledgers: ledgerIndex(), attempts: new Map(), unchecked: new Set() };
}

/**
 * Ledgers that hold what no attempt needs any more, and what is to be left of each: slots of attempts that ended, that the job no longer has, and those whose pod
 * runs on another node. A node stays among them until its ledger is another.
 */
export function outdatedLedgers<N extends ElasticNode>(
  check: LedgerCheck,
  nodes: readonly N[],
  jobs: readonly HoldingJob[],
): readonly { readonly node: N; readonly ledger: readonly Reservation[] }[] {
  const attempts = new Map<string, Attempt>();
  const changed = new Set<string>();
  for (const one of jobs) {
    const number = one.job.status?.attempt?.number;
    if (number === undefined) continue;
    const id = gangId(one.job.metadata.uid, number);
    const known = check.attempts.get(id);
    const isSame = known !== undefined && known.job === one.job && known.pods === one.pods;
    attempts.set(id, isSame ? known : { ...one, needs: undefined });
    if (!isSame) changed.add(id);
  }
  for (const id of check.attempts.keys()) if (!attempts.has(id)) changed.add(id);
  check.attempts = attempts;
  const { come, gone } = updateLedgerIndex(check.ledgers, nodes);
  for (const node of gone) check.unchecked.delete(node);
  for (const node of come) check.unchecked.add(node);
  for (const id of changed) for (const node of nodesUnder(check.ledgers.byAttempt, id)) check.unchecked.add(node);
  const outdated: { readonly node: N; readonly ledger: readonly Reservation[] }[] = [];
  for (const node of check.unchecked as Set<N>) {
    const before: readonly Reservation[] = node.spec.reservedFor ?? [];
    const ledger = keepSlots(before, ({ jobUid, attempt }, slot) =>
      isNeeded(attempts.get(gangId(jobUid, attempt)), slot, node.status?.nodeName),
    );
    if (ledger === before) check.unchecked.delete(node);
    else outdated.push({ node, ledger });
  }
  return outdated;
}

function isNeeded(attempt: Attempt | undefined, slot: string, nodeName: string | undefined): boolean {
  if (attempt === undefined) return false;
  attempt.needs ??= needsOf(attempt);
  return attempt.needs(slot, nodeName);
}

function needsOf({ job, pods }: HoldingJob): NonNullable<Attempt['needs']> {
  const number = job.status?.attempt?.number as number;
  const slots = new Set(slotsOf({ job, attempt: number }).map(({ role, index }) => slotName(role, index)));
  const runsOn = new Map<string, string>();
  for (const pod of pods) {
    const slot = slotOfPod(pod);
    if (slot?.jobUid === job.metadata.uid && slot.attempt === number && pod.spec.nodeName !== undefined)
      runsOn.set(slot.name, pod.spec.nodeName);
  }
  return (slot, nodeName) => slots.has(slot) && (runsOn.get(slot) ?? nodeName) === nodeName;
}
