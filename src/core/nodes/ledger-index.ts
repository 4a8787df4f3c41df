import type { ElasticNode } from '../../api/generated/types.ts';
import { gangId } from '../jobs/slots.ts';

export type Holders = Map<string, Set<ElasticNode>>;

/** The nodes of a runtime by what their ledgers and machines are, kept from look to look. */
export type LedgerIndex = {
  nodes: readonly ElasticNode[];
  places: Map<ElasticNode, number>;
  /** Which hold slots of an attempt. */
  readonly byAttempt: Holders;
  readonly byProviderId: Holders;
};

export type LedgerChanges = {
  /** Objects that were not there at the look before. */
  readonly come: readonly ElasticNode[];
  /** Objects that are there no longer: nodes that are gone, and those of which there is another object now. */
  readonly gone: readonly ElasticNode[];
  /** Each that came is at the place of one that is gone, in the same order. */
  readonly inPlace: boolean;
};

export function ledgerIndex(): LedgerIndex {
  return { nodes: [], places: new Map(), byAttempt: new Map(), byProviderId: new Map() };
}

const nobody: ReadonlySet<ElasticNode> = new Set();

export function nodesUnder(holders: ReadonlyMap<string, ReadonlySet<ElasticNode>>, key: string): ReadonlySet<ElasticNode> {
  return holders.get(key) ?? nobody;
}

export function updateLedgerIndex(index: LedgerIndex, nodes: readonly ElasticNode[]): LedgerChanges {
  const changes = changesOf(index.nodes, nodes);
  for (const node of changes.gone) for (const [holders, key] of entriesOf(index, node)) drop(holders, key, node);
  for (const node of changes.come) for (const [holders, key] of entriesOf(index, node)) add(holders, key, node);
  index.nodes = nodes;
  if (changes.inPlace) changes.come.forEach((node, at) => moveInto(index.places, node, changes.gone[at] as ElasticNode));
  else index.places = new Map(nodes.map((node, at) => [node, at]));
  return changes;
}

function moveInto(places: Map<ElasticNode, number>, node: ElasticNode, old: ElasticNode): void {
  places.set(node, places.get(old) as number);
  places.delete(old);
}

function entriesOf({ byAttempt, byProviderId }: LedgerIndex, node: ElasticNode): readonly (readonly [Holders, string])[] {
  const providerID = node.status?.providerID;
  const machine = providerID === undefined ? [] : [[byProviderId, providerID] as const];
  return [...attemptsIn(node).map((id) => [byAttempt, id] as const), ...machine];
}

export function add(holders: Holders, key: string, node: ElasticNode): void {
  const nodes = holders.get(key);
  if (nodes === undefined) holders.set(key, new Set([node]));
  else nodes.add(node);
}

export function drop(holders: Holders, key: string, node: ElasticNode): void {
  const nodes = holders.get(key);
  nodes?.delete(node);
  if (nodes?.size === 0) holders.delete(key);
}

/** Mostly the same nodes in the same order, a few of them other objects: then no set of all of them is made. */
function changesOf(before: readonly ElasticNode[], nodes: readonly ElasticNode[]): LedgerChanges {
  if (before.length === nodes.length) {
    const come: ElasticNode[] = [];
    const gone: ElasticNode[] = [];
    let at = 0;
    for (; at < nodes.length; at++) {
      const [node, old] = [nodes[at] as ElasticNode, before[at] as ElasticNode];
      if (node === old) continue;
      if (node.metadata.uid !== old.metadata.uid) break;
      come.push(node);
      gone.push(old);
    }
    if (at === nodes.length) return { come, gone, inPlace: true };
  }
  const [had, has] = [new Set(before), new Set(nodes)];
  return { come: nodes.filter((node) => !had.has(node)), gone: before.filter((node) => !has.has(node)), inPlace: false };
}

export function attemptsIn({ spec }: ElasticNode): readonly string[] {
  return (spec.reservedFor ?? []).map(({ jobUid, attempt }) => gangId(jobUid, attempt));
}
