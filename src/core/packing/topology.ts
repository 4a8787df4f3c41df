/**
 * Counts of pods by topology domain, kept as the plan grows: what spread, affinity and anti-affinity are judged by.
 * Nodes and domains are small integers; all arrays grow with the nodes that a plan opens.
 */

/** The domains of a topology key by number. */
export type DomainNames = { readonly values: string[]; readonly index: Map<string, number> };

/** The domain of every node under one topology key; -1 where the node lacks the label. */
export type KeyTable = DomainNames & { readonly key: string; readonly ofNode: number[] };

export function keyTable(key: string): KeyTable {
  return { key, values: [], index: new Map(), ofNode: [] };
}

export function domainOf(table: DomainNames, value: string | undefined): number {
  if (value === undefined) return -1;
  let domain = table.index.get(value);
  if (domain === undefined) {
    domain = table.values.length;
    table.values.push(value);
    table.index.set(value, domain);
  }
  return domain;
}

/** How many pods that a matcher means are in each domain, on nodes that `counts` lets in. */
export type Counter = {
  readonly id: number;
  readonly table: KeyTable;
  readonly byDomain: number[];
  total: number;
  /** Of spread: which nodes take part; of affinity: all. Per node: 0 not asked yet, 1 yes, 2 no. */
  readonly nodeFilter: ((node: number) => boolean) | undefined;
  /** Of the nodes that were there before the plan, and of those that it opens. */
  readonly known: Uint8Array;
  readonly asked: number[];
  /** Domains of nodes that take part, in order of appearance, with the lowest count and how many have it (-1: to be found again). */
  readonly domains: number[];
  readonly isDomain: boolean[];
  /** Those of the nodes that were there before the plan, once they were looked through. */
  atFirst: readonly number[] | undefined;
  minimum: number;
  atMinimum: number;
};

export function counter(id: number, table: KeyTable, nodeFilter?: (node: number) => boolean, known: Uint8Array = NOBODY): Counter {
  const byDomain = table.values.map(() => 0);
  const isDomain = table.values.map(() => false);
  return {
    id,
    table,
    byDomain,
    total: 0,
    nodeFilter,
    known,
    asked: [],
    domains: [],
    isDomain,
    atFirst: undefined,
    minimum: 0,
    atMinimum: -1,
  };
}

const NOBODY = new Uint8Array();

export function takesPart(group: Counter, node: number): boolean {
  if ((group.table.ofNode[node] as number) < 0) return false;
  if (group.nodeFilter === undefined) return true;
  const first = group.known.length;
  const answers = node < first ? group.known : group.asked;
  const at = node < first ? node : node - first;
  let answer = answers[at] ?? 0;
  if (answer === 0) {
    answer = group.nodeFilter(node) ? 1 : 2;
    answers[at] = answer;
  }
  return answer === 1;
}

/** The node and those after it were not there. */
export function forgetNode(group: Counter, node: number): void {
  group.asked.length = Math.min(group.asked.length, Math.max(0, node - group.known.length));
  group.table.ofNode.length = Math.min(group.table.ofNode.length, node);
}

/** Counts the running pods: `pods` has `stride` numbers a node, of which one is how many. */
export function countAll(group: Counter, pods: Int32Array, stride: number, which: number): void {
  const { byDomain, table } = group;
  for (let node = 0, at = which; at < pods.length; node++, at += stride) {
    const count = pods[at] as number;
    if (count === 0 || !takesPart(group, node)) continue;
    const domain = table.ofNode[node] as number;
    byDomain[domain] = (byDomain[domain] ?? 0) + count;
    group.total += count;
  }
}

/** From here on the domains are those of the first `nodes` nodes that take part, and no others. */
export function setDomains(group: Counter, nodes: number): void {
  group.domains.length = 0;
  group.isDomain.fill(false);
  const areThoseAtFirst = nodes === group.known.length;
  if (areThoseAtFirst && group.atFirst !== undefined) for (const domain of group.atFirst) addDomain(group, domain);
  else for (let node = 0; node < nodes; node++) if (takesPart(group, node)) addDomain(group, group.table.ofNode[node] as number);
  if (areThoseAtFirst) group.atFirst ??= [...group.domains];
  group.atMinimum = -1;
}

export function addDomain(group: Counter, domain: number): void {
  if (domain < 0 || group.isDomain[domain] === true) return;
  group.isDomain[domain] = true;
  group.domains.push(domain);
  group.byDomain[domain] ??= 0;
  group.atMinimum = -1;
}

export function countPods(group: Counter, node: number, change: number): void {
  if (!takesPart(group, node)) return;
  const domain = group.table.ofNode[node] as number;
  const before = group.byDomain[domain] ?? 0;
  const after = before + change;
  group.byDomain[domain] = after;
  group.total += change;
  if (group.atMinimum < 0 || group.isDomain[domain] !== true) return;
  if (before === group.minimum && change !== 0) group.atMinimum = group.atMinimum > 1 ? group.atMinimum - 1 : -1;
  if (group.atMinimum < 0) return;
  if (after === group.minimum) group.atMinimum += 1;
  else if (after < group.minimum) {
    group.minimum = after;
    group.atMinimum = 1;
  }
}

export function lowestCount(group: Counter): number {
  if (group.atMinimum < 0) {
    group.minimum = Number.POSITIVE_INFINITY;
    group.atMinimum = 0;
    for (const domain of group.domains) {
      const count = group.byDomain[domain] ?? 0;
      if (count < group.minimum) {
        group.minimum = count;
        group.atMinimum = 1;
      } else if (count === group.minimum) group.atMinimum += 1;
    }
  }
  return group.domains.length === 0 ? 0 : group.minimum;
}
