import type { BoundSpread, Variant } from './compile.ts';
import { HOSTNAME, matchesExtra, matchesPlacement, type NodeFilter, ZONE } from './filters.ts';
import { admitsCandidate, type Candidate, labelLookup } from './launch.ts';
import type { Ledger, LedgerNode } from './ledger.ts';
import { keepsMinValues } from './min-values.ts';
import { untolerated } from './taints.ts';
import { type Counter, lowestCount } from './topology.ts';

/** Would kube-scheduler's filters accept a pod of this variant on this node now? */
export function canPlace(ledger: Ledger, variant: Variant, node: number): boolean {
  return (
    fits(ledger, variant.requests, node) &&
    admitsNode(ledger, variant.filter, node) &&
    topologyAdmits(ledger, variant, node) &&
    keepsMinValues(ledger, variant, node)
  );
}

export function fits(ledger: Ledger, requests: Float64Array, node: number): boolean {
  const stride = requests.length;
  const { free } = ledger;
  for (let dim = 0, at = node * stride; dim < stride; dim++, at++) {
    const asked = requests[dim] as number;
    if (asked > (free[at] as number) && asked > 0) return false;
  }
  return true;
}

export function admitsNode(ledger: Ledger, filter: NodeFilter, node: number): boolean {
  if (ledger.onlyZone !== undefined && (ledger.nodes[node] as LedgerNode).label(ZONE) !== ledger.onlyZone) return false;
  const at = ledger.nodes[node] as LedgerNode;
  if (at.candidate !== undefined) return admitsLaunch(ledger, filter, at.candidate);
  if (ledger.areNodesClosed) return false;
  const answers = ledger.admits[filter.id] as Uint8Array;
  if (answers[node] === 0) answers[node] = judgeNode(filter, at) ? 1 : 2;
  return answers[node] === 1 && isFor(filter, at.existing?.reservedFor);
}

function isFor(filter: NodeFilter, reservedFor: readonly string[] | undefined): boolean {
  return reservedFor === undefined || reservedFor.length === 0 || filter.keys.some((key) => reservedFor.includes(key));
}

function judgeNode(filter: NodeFilter, node: LedgerNode): boolean {
  if (node.existing?.unschedulable) return false;
  if (untolerated(node.taints, filter.tolerations, filter.avoidPreferred) !== undefined) return false;
  return matchesPlacement(filter, node.label, node.name) && matchesExtra(filter, node.label, node.name);
}

export function admitsLaunch(ledger: Ledger, filter: NodeFilter, candidate: Candidate): boolean {
  if (ledger.onlyZone !== undefined && candidate.zone !== ledger.onlyZone) return false;
  const answers = ledger.admitsCandidate[filter.id] as Uint8Array;
  if (answers[candidate.id] === 0) {
    const tolerated = untolerated(candidate.shape.pool.taints, filter.tolerations, filter.avoidPreferred) === undefined;
    answers[candidate.id] = tolerated && admitsCandidate(filter, candidate) ? 1 : 2;
  }
  return answers[candidate.id] === 1;
}

export function topologyAdmits(ledger: Ledger, variant: Variant, node: number): boolean {
  const { avoids, avoidedBy, spreads, affinities } = variant;
  // By index: asked millions of times, and an iterator is an object.
  for (let at = 0; at < avoids.length; at++) if (countAt(avoids[at] as Counter, node) > 0) return false;
  for (let at = 0; at < avoidedBy.length; at++) if (countAt(avoidedBy[at] as Counter, node) > 0) return false;
  for (let at = 0; at < spreads.length; at++) if (!spreadAdmits(ledger, spreads[at] as BoundSpread, node)) return false;
  if (affinities.length === 0) return true;
  for (const affinity of affinities) {
    if (affinity.counters.some((counter) => domainAt(counter, node) < 0)) return false;
    if (affinity.counters.every((counter) => countAt(counter, node) > 0)) continue;
    // The first of a group that wants to be together may go anywhere, if it means itself (interpodaffinity/filtering.go).
    if (!affinity.self || affinity.counters.some((counter) => counter.total > 0)) return false;
  }
  return true;
}

export function domainAt(counter: Counter, node: number): number {
  return counter.table.ofNode[node] as number;
}

function countAt(counter: Counter, node: number): number {
  const domain = domainAt(counter, node);
  return domain < 0 ? 0 : (counter.byDomain[domain] ?? 0);
}

function spreadAdmits(ledger: Ledger, spread: BoundSpread, node: number): boolean {
  const { counter } = spread;
  const domain = domainAt(counter, node);
  if (domain < 0) return false;
  return (counter.byDomain[domain] ?? 0) + spread.self - spreadMinimum(ledger, spread) <= spread.rule.maxSkew;
}

/** The global minimum that skew is measured against; 0 while there are fewer domains than minDomains. */
export function spreadMinimum(ledger: Ledger, { rule, counter }: BoundSpread): number {
  if (rule.key === HOSTNAME && (ledger.phase === 'launch' || ledger.phase === 'closing')) return 0;
  return counter.domains.length < rule.minDomains ? 0 : lowestCount(counter);
}

/** The same question for a node that is not there yet: its host is empty, its other domains are known by their labels. */
export function topologyAdmitsLaunch(ledger: Ledger, variant: Variant, candidate: Candidate): boolean {
  const label = labelLookup(candidate);
  const count = (counter: Counter): number => {
    if (counter.table.key === HOSTNAME) return 0;
    const domain = counter.table.index.get(label(counter.table.key) ?? '');
    return domain === undefined ? 0 : (counter.byDomain[domain] ?? 0);
  };
  const has = (counter: Counter) => counter.table.key === HOSTNAME || label(counter.table.key) !== undefined;
  if (variant.avoids.some((counter) => count(counter) > 0) || variant.avoidedBy.some((counter) => count(counter) > 0)) return false;
  for (const { rule, counter, self } of variant.spreads) {
    if (!has(counter)) return false;
    const minimum = rule.key === HOSTNAME ? 0 : spreadMinimum(ledger, { rule, counter, self });
    if (count(counter) + self - minimum > rule.maxSkew) return false;
  }
  if (ledger.phase === 'closing' && opensDomain(ledger, candidate)) return false;
  return variant.affinities.every(({ counters, self }) => {
    if (!counters.every(has)) return false;
    return counters.every((counter) => count(counter) > 0) || (self && counters.every((counter) => counter.total === 0));
  });
}

/** A node in a domain that has none yet: pods placed while it was not counted might then be too many elsewhere. */
function opensDomain(ledger: Ledger, candidate: Candidate): boolean {
  const label = labelLookup(candidate);
  return ledger.compiled.topology.spread.some(({ rule, counter }) => {
    if (rule.key === HOSTNAME) return false;
    const domain = counter.table.index.get(label(rule.key) ?? '');
    return domain === undefined || counter.isDomain[domain] !== true;
  });
}
