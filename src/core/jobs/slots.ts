import type { Reservation } from '../../api/generated/types.ts';

export type { Reservation };

/**
 * A job's demand, known before its pods exist: one slot per pod to come, keyed (job uid, attempt, role, index). A pod with that key replaces
 * its slot, so nothing is counted twice.
 */
export type SlotRole = 'master' | 'worker';
export type Slot = { readonly jobUid: string; readonly attempt: number; readonly role: SlotRole; readonly index: number };

/** `<role>/<index>`: a slot within one attempt, as ElasticNode's ledger names it. */
export function slotName(role: SlotRole, index: number): string {
  return `${role}/${index}`;
}

export function slotKey(slot: Slot): string {
  return `${slot.jobUid}/${slot.attempt}/${slotName(slot.role, slot.index)}`;
}

export function gangId(jobUid: string, attempt: number): string {
  return `${jobUid}/${attempt}`;
}

/** Adds slots to a node's ledger; the same array back where nothing changes. */
export function reserve(ledger: readonly Reservation[], add: Reservation): readonly Reservation[] {
  const at = ledger.findIndex((entry) => entry.jobUid === add.jobUid && entry.attempt === add.attempt);
  const held = ledger[at];
  if (held === undefined) return [...ledger, { ...add, slots: [...add.slots].sort() }];
  const missing = add.slots.filter((slot) => !held.slots.includes(slot));
  return missing.length === 0 ? ledger : ledger.with(at, { ...held, slots: [...held.slots, ...missing].sort() });
}

/** Keeps of a ledger what `keep` says of each slot; the same array back where nothing changes. */
export function keepSlots(ledger: readonly Reservation[], keep: (entry: Reservation, slot: string) => boolean): readonly Reservation[] {
  let changed = false;
  const next: Reservation[] = [];
  for (const entry of ledger) {
    const slots = entry.slots.filter((slot) => keep(entry, slot));
    if (slots.length !== entry.slots.length) changed = true;
    if (slots.length > 0) next.push(slots.length === entry.slots.length ? entry : { ...entry, slots });
  }
  return changed ? next : ledger;
}
