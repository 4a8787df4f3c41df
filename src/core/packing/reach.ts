import { HOSTNAME, matchesPlacement, type NodeFilter } from './filters.ts';
import { type Candidate, labelLookup } from './launch.ts';
import type { Ledger } from './ledger.ts';
import type { SpreadRule } from './rules.ts';
import { untolerated } from './taints.ts';
import type { Counter } from './topology.ts';

/**
 * Domains in which a node could be launched for the pods of each spread constraint. They count as empty domains before they have a node
 * (Karpenter's topology domains), else everything would be put into the zones that already have nodes.
 * A host is always reachable if anything is; those are not listed.
 */
export function reachableDomains(ledger: Ledger): readonly { readonly counter: Counter; readonly domains: readonly string[] }[] {
  const everyValue = new Map<string, number>();
  const memo = new Map<string, readonly string[]>();
  return ledger.compiled.topology.spread
    .filter(({ rule }) => rule.key !== HOSTNAME)
    .map(({ rule, filter, counter }) => {
      const signature = `${rule.key} ${rule.honorAffinity ? filter.placementSignature : ''} ${JSON.stringify(filter.tolerations)}`;
      let domains = memo.get(signature);
      if (domains === undefined) {
        const all = everyValue.get(rule.key) ?? valuesOf(ledger.space.candidates, rule.key).size;
        everyValue.set(rule.key, all);
        domains = reached(ledger.space.candidates, rule, filter, all);
        memo.set(signature, domains);
      }
      return { counter, domains };
    });
}

function valuesOf(candidates: readonly Candidate[], key: string): ReadonlySet<string> {
  return new Set(candidates.map((candidate) => labelLookup(candidate)(key)).filter((value) => value !== undefined));
}

function reached(candidates: readonly Candidate[], rule: SpreadRule, filter: NodeFilter, all: number): readonly string[] {
  const found = new Set<string>();
  for (const candidate of candidates) {
    if (found.size === all) break;
    const label = labelLookup(candidate);
    const value = label(rule.key);
    if (value === undefined || found.has(value)) continue;
    if (untolerated(candidate.shape.pool.taints, filter.tolerations, false) !== undefined) continue;
    if (!rule.honorAffinity || matchesPlacement(filter, label, undefined)) found.add(value);
  }
  return [...found].sort();
}
