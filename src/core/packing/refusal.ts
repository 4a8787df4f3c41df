import { formatBytes, formatCpuMilli } from '../quantity/amounts.ts';
import type { LabelLookup, NodeFilter } from './filters.ts';
import { type Candidate, labelLookup } from './launch.ts';
import type { NodeRequirement } from './problem.ts';
import { ANYTHING, allows, type Term, type ValueSet, valueSets } from './requirements.ts';

/** How many labels keep a pod out (the fewer, the nearer), and which, as one phrase. */
export type Refusal = { readonly count: number; readonly phrase: () => string };

type Missed = { readonly key: string; readonly set: ValueSet; readonly value: string | undefined };

/** What of the pod's node selector, required node affinity and volumes' zones a node launched from the offering would not have. */
export function refusedBy(filter: NodeFilter, candidate: Candidate): Refusal | undefined {
  const label = labelLookup(candidate);
  const placement = filter.placement.flatMap((alternatives) => nearestTerm(alternatives, label) ?? []);
  const volumes = filter.extra.flatMap((alternatives) => nearestTerm(alternatives, label) ?? []);
  const count = placement.length + volumes.length;
  if (count === 0) return undefined;
  const phrase = () =>
    [
      ...(placement.length === 0 ? [] : [`node selector or required node affinity ${listed(placement)}`]),
      ...(volumes.length === 0 ? [] : [`zones of its volumes ${listed(volumes)}`]),
    ].join('; ');
  return { count, phrase };
}

/** What of a pool's requirements a node would not have. */
export function refusedByPool(requirements: readonly NodeRequirement[], label: LabelLookup): Refusal | undefined {
  const missed = missedKeys(valueSets(requirements), label);
  return missed.length === 0 ? undefined : { count: missed.length, phrase: () => listed(missed) };
}

/** Of alternatives none of which holds, the one that misses least. Undefined where one holds. */
function nearestTerm(alternatives: readonly Term[], label: LabelLookup): readonly Missed[] | undefined {
  let nearest: readonly Missed[] | undefined;
  for (const { labels, names } of alternatives) {
    // A node that is yet to come has no name that anybody could ask for.
    const missed = [...missedKeys(labels, label), ...(names === undefined ? [] : [{ key: 'metadata.name', set: names, value: undefined }])];
    if (missed.length === 0) return undefined;
    if (nearest === undefined || missed.length < nearest.length) nearest = missed;
  }
  return nearest ?? [{ key: 'an empty term', set: ANYTHING, value: undefined }];
}

function missedKeys(sets: ReadonlyMap<string, ValueSet>, label: LabelLookup): readonly Missed[] {
  const missed: Missed[] = [];
  for (const [key, set] of sets) {
    const value = label(key);
    if (!allows(set, value)) missed.push({ key, set, value });
  }
  return missed;
}

function listed(missed: readonly Missed[]): string {
  return missed
    .map(({ key, set, value }) => {
      if (set === ANYTHING) return `${key}, which no node matches`;
      return `${key} ${wanted(set)} (it has ${value === undefined ? (key === 'metadata.name' ? 'no name yet' : 'no such label') : value})`;
    })
    .join(' and ');
}

// Longer lists help nobody who reads one line.
const MOST_VALUES = 8;

/** The operators and values that the set was made of, as far as they can be told from it. */
function wanted({ complement, values, greaterThan, lessThan, absent }: ValueSet): string {
  const list = `[${[...values].slice(0, MOST_VALUES).join(', ')}${values.size > MOST_VALUES ? ', …' : ''}]`;
  const parts = [
    ...(!complement && (values.size > 0 || !absent) ? [`In ${list}`] : []),
    ...(!complement && values.size === 0 && absent ? ['DoesNotExist'] : []),
    ...(complement && values.size > 0 ? [`NotIn ${list}`] : []),
    ...(greaterThan > -Infinity ? [`Gt ${greaterThan}`] : []),
    ...(lessThan < Infinity ? [`Lt ${lessThan}`] : []),
  ];
  return parts.length === 0 ? 'Exists' : parts.join(' and ');
}

/** `too little cpu (64 asked for, 95690m there)`. */
export function tooLittle(resource: string, asked: number, there: number): string {
  return `too little ${resource} (${amountText(resource, asked)} asked for, ${amountText(resource, Math.max(0, there))} there)`;
}

function amountText(resource: string, amount: number): string {
  if (resource === 'cpu') return formatCpuMilli(amount);
  return resource === 'memory' || resource === 'ephemeral-storage' || resource.startsWith('hugepages-')
    ? formatBytes(amount)
    : String(amount);
}
