import { formatBytes, formatCpuMilli } from '../quantity/amounts.ts';
import type { LabelLookup, NodeFilter } from './filters.ts';
import { portsHeld } from './host-ports.ts';
import { type Candidate, labelLookup } from './launch.ts';
import type { LaunchLimits, Tally } from './limits.ts';
import type { NodeRequirement, PackingPod, PackingPool } from './problem.ts';
import { ATTACHMENTS, hostPorts } from './requests.ts';
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

/** `too little cpu (64 asked for, 95690m there)`. `most`: of any offering. */
export function tooLittle(resource: string, asked: number, there: number, most: number): string {
  if (most <= 0) return `no offering has ${resource} (${amountText(resource, asked)} asked for)`;
  const what = resource === ATTACHMENTS ? 'room for volumes' : resource === 'pods' ? 'room for pods' : resource;
  return `too little ${what} (${amountText(resource, asked)} asked for, ${amountText(resource, Math.max(0, there))} there${there >= most ? ', the most of any offering' : ''})`;
}

/** `minValues 5 of node.kubernetes.io/instance-type in pool workers: only 2 possible for this pod (t.large, t.small)`. */
export function tooFewValues({ name, requirements = [] }: PackingPool, options: readonly Candidate[]): string {
  for (const { key, minValues } of requirements) {
    const values = [...new Set(options.map((option) => labelLookup(option)(key)).filter((value) => value !== undefined))].sort();
    if (minValues === undefined || values.length >= minValues) continue;
    const shown = `${values.slice(0, MOST_VALUES).join(', ')}${values.length > MOST_VALUES ? ', …' : ''}`;
    return `minValues ${minValues} of ${key} in pool ${name}: only ${values.length} possible for this pod${values.length === 0 ? '' : ` (${shown})`}`;
  }
  return `minValues of pool ${name}`;
}

/** Of a host port that no empty node has: a daemon holds it there. */
export function portTaken(name: string, daemons: readonly PackingPod[]): string {
  const holder = daemons.find(({ spec }) => portsHeld(hostPorts(spec), [name]).length > 0);
  const [protocol, port] = name.slice(name.indexOf(':') + 1).split('/');
  return `host port ${port}/${protocol} is taken on every node${holder === undefined ? '' : ` by ${holder.key}`}`;
}

/** The limit that a launch would break, what counts against it now, and what with the launch. */
export function overrun({ all, byPool, caps }: LaunchLimits, { shape: { pool, vcpus, memoryGiB }, usdPerHour }: Candidate): string {
  const more = { nodes: 1, vcpus, memoryGiB, usdPerHour };
  const own = byPool.get(pool.name) as Tally;
  const limits = [
    { whose: caps?.whose ?? 'the limit', limit: caps, tally: all },
    { whose: `the limit of pool ${pool.name}`, limit: pool.limits, tally: own },
  ];
  for (const { whose, limit, tally } of limits) {
    for (const [of, one, unit] of UNITS) {
      const most = limit?.[of] ?? Infinity;
      const then = tally[of] + more[of];
      if (then > most + 1e-9)
        return `${whose} of ${most} ${most === 1 ? one : unit} would be exceeded: ${rounded(tally[of])} in use, ${rounded(then)} with this node`;
    }
  }
  return 'a limit';
}

const UNITS = [
  ['nodes', 'node', 'nodes'],
  ['vcpus', 'vCPU', 'vCPUs'],
  ['memoryGiB', 'GiB of memory', 'GiB of memory'],
  ['usdPerHour', 'USD per hour', 'USD per hour'],
] as const;

function rounded(amount: number): string {
  return String(Math.round(amount * 10_000) / 10_000);
}

function amountText(resource: string, amount: number): string {
  if (resource === 'cpu') return formatCpuMilli(amount);
  return resource === 'memory' || resource === 'ephemeral-storage' || resource.startsWith('hugepages-')
    ? formatBytes(amount)
    : String(amount);
}
