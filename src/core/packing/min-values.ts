import type { Variant } from './compile.ts';
import { alternatives } from './exchange.ts';
import { type Candidate, labelLookup } from './launch.ts';
import type { Ledger, LedgerNode } from './ledger.ts';
import type { PackingPool } from './problem.ts';

/**
 * Karpenter's minValues: the list of offerings of a node must keep so many different values of a key. Every pod added can only shorten
 * the list, so the rule is asked at each placing; pools without it (nearly all) pay one look.
 */
export function keepsMinValues(ledger: Ledger, variant: Variant, node: number): boolean {
  const { candidate } = ledger.nodes[node] as LedgerNode;
  if (candidate === undefined || !wantsValues(candidate.shape.pool)) return true;
  return missingMinValues(candidate, alternatives(ledger, node, { also: variant })) === undefined;
}

export function wantsValues({ requirements }: PackingPool): boolean {
  return requirements?.some((requirement) => requirement.minValues !== undefined) ?? false;
}

export function missingMinValues(chosen: Candidate, options: readonly Candidate[]): string | undefined {
  for (const { key, minValues } of chosen.shape.pool.requirements ?? []) {
    if (minValues === undefined) continue;
    const values = new Set(options.map((option) => labelLookup(option)(key)).filter((value) => value !== undefined));
    if (values.size < minValues) return `${key} keeps ${values.size} of minValues ${minValues}`;
  }
  return undefined;
}
