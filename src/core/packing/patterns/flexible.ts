import { admitsLaunch } from '../admit.ts';
import { exchangeable } from '../exchange.ts';
import type { NodeFilter } from '../filters.ts';
import { type Candidate, labelLookup } from '../launch.ts';
import { type Ledger, roomOf } from '../ledger.ts';
import { missingMinValues, wantsValues } from '../min-values.ts';

/** A node of a pool with minValues: the room that enough others of its list offer too, at the price of the cheapest that has it. */
export type Flexible = {
  readonly candidates: readonly Candidate[];
  readonly usdPerHour: number;
  readonly room: Float64Array;
  /** What could be launched in place of the first candidate. */
  readonly peers: readonly Candidate[];
};

const remembered = new WeakMap<Ledger, Map<string, readonly Flexible[]>>();

/** For pods with these filters, whatever one of them excludes. Empty where no pool has minValues. */
export function flexibleOffers(ledger: Ledger, filters: ReadonlySet<NodeFilter>, perZone: boolean): readonly Flexible[] {
  if (!ledger.problem.pools.some(wantsValues)) return [];
  const known = remembered.get(ledger) ?? new Map<string, readonly Flexible[]>();
  remembered.set(ledger, known);
  const found = new Map<string, Flexible>();
  for (const filter of filters) {
    const key = `${filter.id} ${perZone}`;
    const offers = known.get(key) ?? readOffers(ledger, filter, perZone);
    known.set(key, offers);
    for (const offer of offers) found.set(signature(offer, perZone), offer);
  }
  return [...found.values()];
}

function signature({ candidates: [first], room }: Pick<Flexible, 'candidates' | 'room'>, perZone: boolean): string {
  return first === undefined
    ? ''
    : `${first.shape.id} ${first.capacityType} ${first.usdPerHour} ${perZone ? first.zone : ''} ${room.join()}`;
}

function readOffers(ledger: Ledger, filter: NodeFilter, perZone: boolean): readonly Flexible[] {
  const lists = new Set(ledger.space.candidates.filter(({ shape }) => wantsValues(shape.pool)).map((one) => exchangeable(ledger, one)));
  const merged = new Map<string, Flexible & { readonly candidates: Candidate[] }>();
  for (const all of lists) {
    const list = all.filter((candidate) => admitsLaunch(ledger, filter, candidate));
    for (const { candidate, room, usdPerHour, peers } of offersOf(ledger, list)) {
      const key = signature({ candidates: [candidate], room }, perZone);
      const known = merged.get(key);
      if (known === undefined) merged.set(key, { candidates: [candidate], room, usdPerHour, peers });
      else known.candidates.push(candidate);
    }
  }
  return [...merged.values()];
}

type Offer = Omit<Flexible, 'candidates'> & { readonly candidate: Candidate };

/** One for each size of machine on the list: less room where too few others are as large. */
function offersOf(ledger: Ledger, list: readonly Candidate[]): readonly Offer[] {
  const offers = new Map<string, Offer>();
  const anchors = new Map(list.map((candidate) => [roomOf(ledger, candidate).join(), roomOf(ledger, candidate)]));
  for (const anchor of anchors.values()) {
    const room = sharedRoom(ledger, list, anchor);
    if (room === undefined || offers.has(room.join())) continue;
    const peers = list.filter((candidate) => roomOf(ledger, candidate).every((amount, dim) => amount >= (room[dim] as number)));
    const [candidate] = peers;
    if (candidate === undefined || missingMinValues(candidate, peers) !== undefined) continue;
    offers.set(room.join(), { candidate, room, usdPerHour: candidate.usdPerHour, peers });
  }
  return [...offers.values()];
}

/** As much of the anchor's room as so many values of each key have in common; undefined where there are not so many. */
function sharedRoom(ledger: Ledger, list: readonly Candidate[], anchor: Float64Array): Float64Array | undefined {
  const room = anchor.slice();
  for (const { key, minValues } of list[0]?.shape.pool.requirements ?? []) {
    if (minValues === undefined) continue;
    const best = new Map<string, { readonly part: number; readonly own: Float64Array }>();
    for (const candidate of list) {
      const value = labelLookup(candidate)(key);
      if (value === undefined) continue;
      const own = roomOf(ledger, candidate);
      const part = partOf(own, anchor);
      if (part > (best.get(value)?.part ?? 0)) best.set(value, { part, own });
    }
    const nearest = [...best.values()].sort((one, other) => other.part - one.part).slice(0, minValues);
    if (nearest.length < minValues) return undefined;
    for (const { own } of nearest)
      for (let dim = 0; dim < room.length; dim++) room[dim] = Math.min(room[dim] as number, own[dim] as number);
  }
  return room;
}

/** The part of the anchor that is there of what is scarcest, at most 1. */
function partOf(own: Float64Array, anchor: Float64Array): number {
  let part = 1;
  for (let dim = 0; dim < anchor.length; dim++) {
    const wanted = anchor[dim] as number;
    if (wanted > 0 && Number.isFinite(wanted)) part = Math.min(part, Math.max(0, own[dim] as number) / wanted);
  }
  return part;
}
