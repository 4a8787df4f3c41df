import { admitsLaunch } from './admit.ts';
import type { Variant } from './compile.ts';
import { matchesPlacement } from './filters.ts';
import { type Candidate, labelLookup } from './launch.ts';
import { type Ledger, type LedgerNode, roomOf } from './ledger.ts';

/**
 * Karpenter's minValues: the list of offerings of a node must keep so many different values of a key. Every pod added can only shorten
 * the list, so the rule is asked at each placing; pools without it (nearly all) pay one look.
 */
export function keepsMinValues(ledger: Ledger, variant: Variant, node: number): boolean {
  const { candidate } = ledger.nodes[node] as LedgerNode;
  if (candidate?.shape.pool.requirements?.some((requirement) => requirement.minValues !== undefined) !== true) return true;
  return missingMinValues(candidate, alternatives(ledger, node, variant)) === undefined;
}

export function missingMinValues(chosen: Candidate, options: readonly Candidate[]): string | undefined {
  for (const { key, minValues } of chosen.shape.pool.requirements ?? []) {
    if (minValues === undefined) continue;
    const values = new Set(options.map((option) => labelLookup(option)(key)).filter((value) => value !== undefined));
    if (values.size < minValues) return `${key} keeps ${values.size} of minValues ${minValues}`;
  }
  return undefined;
}

/**
 * What could be launched in place of a new node without moving a pod, cheapest first: same pool and zone, and the same capacity type where
 * the pool keeps a spot share. `also` = one pod more.
 */
export function alternatives(ledger: Ledger, node: number, also?: Variant): readonly Candidate[] {
  const { candidate, placed } = ledger.nodes[node] as LedgerNode;
  if (candidate === undefined) return [];
  const variants = [...placed.keys()].map((id) => ledger.compiled.variants[id] as Variant);
  const filters = [...new Set([...variants, ...(also === undefined ? [] : [also])].map((variant) => variant.filter))];
  const used = usedOn(ledger, node, also);
  return ledger.space.candidates.filter(
    (option) =>
      option.shape.pool === candidate.shape.pool &&
      option.zone === candidate.zone &&
      (option.shape.pool.spotPercent === undefined || option.capacityType === candidate.capacityType) &&
      roomSuffices(roomOf(ledger, option), used) &&
      filters.every((filter) => admitsLaunch(ledger, filter, option)) &&
      sameDomains(ledger, candidate, option),
  );
}

function roomSuffices(room: Float64Array, used: Float64Array): boolean {
  for (let dim = 0; dim < used.length; dim++) if ((used[dim] as number) > (room[dim] as number) && (used[dim] as number) > 0) return false;
  return true;
}

/** Requests on the node, summed anew: a difference of floats of an exchanged size would not be exact for unlimited amounts. */
export function usedOn(ledger: Ledger, node: number, also?: Variant): Float64Array {
  const used = new Float64Array(ledger.dims.names.length);
  const add = (variant: Variant, pods: number) => {
    for (let dim = 0; dim < used.length; dim++) used[dim] = (used[dim] as number) + pods * (variant.requests[dim] as number);
  };
  for (const [id, pods] of (ledger.nodes[node] as LedgerNode).placed) add(ledger.compiled.variants[id] as Variant, pods);
  if (also !== undefined) add(also, 1);
  return used;
}

/** Pods were counted in these domains, by these filters; an exchange must change neither. */
function sameDomains(ledger: Ledger, left: Candidate, right: Candidate): boolean {
  if (left === right) return true;
  const { tables, spread } = ledger.compiled.topology;
  const before = labelLookup(left);
  const after = labelLookup(right);
  for (const key of tables.keys()) if (before(key) !== after(key)) return false;
  return spread.every(
    ({ rule, filter }) => !rule.honorAffinity || matchesPlacement(filter, before, undefined) === matchesPlacement(filter, after, undefined),
  );
}
