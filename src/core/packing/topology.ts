/**
 * Counts of pods by topology domain, kept as the plan grows: what spread, affinity and anti-affinity are judged by.
 * Nodes and domains are small integers; all arrays grow with the nodes that a plan opens.
 */

/** The domain of every node under one topology key; -1 where the node lacks the label. */
export type KeyTable = {
  readonly key: string;
  readonly values: string[];
  readonly index: Map<string, number>;
  readonly ofNode: number[];
};

export function keyTable(key: string): KeyTable {
  return { key, values: [], index: new Map(), ofNode: [] };
}

export function domainOf(table: KeyTable, value: string | undefined): number {
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
  readonly asked: number[];
  /** Domains of nodes that take part, in order of appearance, with the lowest count and how many have it (-1: to be found again). */
  readonly domains: number[];
  readonly isDomain: boolean[];
  minimum: number;
  atMinimum: number;
};

export function counter(id: number, table: KeyTable, nodeFilter: ((node: number) => boolean) | undefined): Counter {
  return { id, table, byDomain: [], total: 0, nodeFilter, asked: [], domains: [], isDomain: [], minimum: 0, atMinimum: -1 };
}

export function takesPart(group: Counter, node: number): boolean {
  if ((group.table.ofNode[node] as number) < 0) return false;
  if (group.nodeFilter === undefined) return true;
  let answer = group.asked[node] ?? 0;
  if (answer === 0) {
    answer = group.nodeFilter(node) ? 1 : 2;
    group.asked[node] = answer;
  }
  return answer === 1;
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
