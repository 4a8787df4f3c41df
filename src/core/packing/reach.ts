import { HOSTNAME, matchesPlacement, type NodeFilter } from './filters.ts';
import { type Candidate, type LaunchSpace, labelLookup } from './launch.ts';
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
  const memo = new Map<string, readonly string[]>();
  return ledger.compiled.topology.spread
    .filter(({ rule }) => rule.key !== HOSTNAME)
    .map(({ rule, filter, counter }) => {
      const signature = `${rule.key} ${rule.honorAffinity ? filter.placementSignature : ''} ${JSON.stringify(filter.tolerations)}`;
      let domains = memo.get(signature);
      if (domains === undefined) {
        domains = reached(ledger.space.candidates, rule, filter, valuesOf(ledger.space, rule.key));
        memo.set(signature, domains);
      }
      return { counter, domains };
    });
}

const valueCounts = new WeakMap<LaunchSpace, Map<string, number>>();

/** How many values of the label there are for sale; the same for every plan with this launch space. */
function valuesOf(space: LaunchSpace, key: string): number {
  const known = valueCounts.get(space) ?? new Map<string, number>();
  valueCounts.set(space, known);
  let count = known.get(key);
  if (count === undefined) {
    count = new Set(space.candidates.map((candidate) => labelLookup(candidate)(key)).filter((value) => value !== undefined)).size;
    known.set(key, count);
  }
  return count;
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
