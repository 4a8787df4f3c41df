import { admitsLaunch } from './admit.ts';
import type { Variant } from './compile.ts';
import { HOSTNAME, INSTANCE_TYPE, matchesPlacement, type NodeFilter } from './filters.ts';
import { type Candidate, type LaunchSpace, labelLookup } from './launch.ts';
import { type Ledger, type LedgerNode, roomOf } from './ledger.ts';

type Wanted = {
  /** The pods of the node and one of this variant more. */
  readonly also?: Variant;
  /** Only cheaper than this, USD per hour. */
  readonly below?: number;
  readonly most?: number;
};

/** What could be launched in place of a new node without moving a pod, cheapest first. */
export function alternatives(ledger: Ledger, node: number, { also, below = Infinity, most = Infinity }: Wanted = {}): readonly Candidate[] {
  const { candidate, placed } = ledger.nodes[node] as LedgerNode;
  if (candidate === undefined) return [];
  const filters = new Set<NodeFilter>();
  for (const id of placed.keys()) filters.add((ledger.compiled.variants[id] as Variant).filter);
  if (also !== undefined) filters.add(also.filter);
  const used = usedOn(ledger, node, also);
  const found: Candidate[] = [];
  const options = exchangeable(ledger, candidate);
  for (let at = 0; at < options.length; at++) {
    const option = options[at] as Candidate;
    if (option.usdPerHour >= below || found.length >= most) break;
    if (roomSuffices(roomOf(ledger, option), used) && isAdmitted(ledger, filters, option)) found.push(option);
  }
  return found;
}

function isAdmitted(ledger: Ledger, filters: ReadonlySet<NodeFilter>, option: Candidate): boolean {
  for (const filter of filters) if (!admitsLaunch(ledger, filter, option)) return false;
  return true;
}

function roomSuffices(room: Float64Array, used: Float64Array): boolean {
  for (let dim = 0; dim < used.length; dim++) if ((used[dim] as number) > (room[dim] as number) && (used[dim] as number) > 0) return false;
  return true;
}

/** Requests on the node, summed anew: a difference of floats of an exchanged size would not be exact for unlimited amounts. */
export function usedOn(ledger: Ledger, node: number, also?: Variant): Float64Array {
  const used = new Float64Array(ledger.dims.names.length);
  (ledger.nodes[node] as LedgerNode).placed.forEach((pods, id) => addTo(used, ledger.compiled.variants[id] as Variant, pods));
  if (also !== undefined) addTo(used, also, 1);
  return used;
}

function addTo(used: Float64Array, { requests }: Variant, pods: number): void {
  for (let dim = 0; dim < used.length; dim++) used[dim] = (used[dim] as number) + pods * (requests[dim] as number);
}

/**
 * Candidates that differ in size only, cheapest first: same pool, zone and labels of the pool, same capacity type where the pool keeps a
 * spot share, and the same domains and filters that pods were counted by.
 */
export function exchangeable(ledger: Ledger, candidate: Candidate): readonly Candidate[] {
  ledger.exchange ??= groupExchangeable(ledger);
  return ledger.exchange[candidate.id] as readonly Candidate[];
}

type Groups = readonly (readonly Candidate[])[];
const remembered = new WeakMap<LaunchSpace, Map<string, Groups>>();
const MOST_REMEMBERED = 8;

/** Remembered from earlier plans whose rules looked at the same labels. */
function groupExchangeable(ledger: Ledger): Groups {
  const { tables, spread } = ledger.compiled.topology;
  const placements = spread.filter(({ rule }) => rule.honorAffinity).map(({ filter }) => filter.placementSignature);
  const rules = JSON.stringify([[...tables.keys()], placements]);
  const known = remembered.get(ledger.space) ?? new Map<string, Groups>();
  const groups = known.get(rules) ?? readGroups(ledger);
  if (known.size >= MOST_REMEMBERED) known.clear();
  remembered.set(ledger.space, known.set(rules, groups));
  return groups;
}

function readGroups(ledger: Ledger): Groups {
  const groups = new Map<string, Candidate[]>();
  return ledger.space.candidates.map((candidate) => {
    const key = signature(ledger, candidate);
    const group = groups.get(key) ?? [];
    if (group.length === 0) groups.set(key, group);
    group.push(candidate);
    return group;
  });
}

function signature(ledger: Ledger, candidate: Candidate): string {
  const { pool, type, labels } = candidate.shape;
  const own = Object.entries(labels).filter(([key]) => key !== INSTANCE_TYPE && !Object.hasOwn(type.labels, key));
  const label = labelLookup(candidate);
  const { tables, spread } = ledger.compiled.topology;
  const domains = [...tables.keys()].filter((key) => key !== HOSTNAME).map(label);
  // A spread whose pods choose no nodes sees all candidates alike.
  const counted = spread
    .filter(({ rule, filter }) => rule.honorAffinity && filter.placement.length > 0)
    .map(({ filter }) => matchesPlacement(filter, label, undefined));
  return JSON.stringify([pool.name, own, candidate.zone, pool.spotPercent === undefined ? '' : candidate.capacityType, domains, counted]);
}
