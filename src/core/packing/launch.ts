import {
  CAPACITY_TYPE,
  HOSTNAME,
  INSTANCE_TYPE,
  type LabelLookup,
  matchesExtra,
  matchesPlacement,
  type NodeFilter,
  POOL,
  ZONE,
} from './filters.ts';
import type { CapacityType, InstanceType, Labels, Offering, PackingPool, PackingProblem } from './problem.ts';
import { type Amounts, parseResources } from './requests.ts';
import { ANYTHING, allows, normalKey, type ValueSet, valueSets } from './requirements.ts';
import { nominalGiB } from './running.ts';
import { contradictingKey, requirementFault } from './validate.ts';

/** A pool's node of one instance type, with one choice of the labels that the pool leaves to its pods. Zone and capacity type are open. */
export type Shape = {
  readonly id: number;
  readonly pool: PackingPool;
  readonly poolIndex: number;
  readonly type: InstanceType;
  readonly labels: Labels;
  readonly capacity: Amounts;
  readonly vcpus: number;
  readonly memoryGiB: number;
};

/** A node that could be launched. */
export type Candidate = {
  readonly id: number;
  readonly shape: Shape;
  readonly zone: string;
  readonly capacityType: CapacityType;
  readonly usdPerHour: number;
  /** What a plan says of it. */
  readonly offering: Offering;
};

export type LaunchSpace = {
  readonly shapes: readonly Shape[];
  /** Cheapest first. */
  readonly candidates: readonly Candidate[];
  readonly rejected: readonly { readonly subject: string; readonly reason: string }[];
};

type Remembered = Pick<PackingProblem, 'types' | 'pools'> & {
  readonly unavailable: PackingProblem['unavailable'] | undefined;
  readonly space: LaunchSpace;
};
const spaces = new WeakMap<readonly Offering[], readonly Remembered[]>();
// Runtimes share a catalog, and each has pools of its own.
const MOST_SPACES = 8;

/** The launch space, remembered for as long as catalog, pools and unavailable offerings are the same objects. */
export function launchSpace(problem: PackingProblem, filters: readonly NodeFilter[]): LaunchSpace {
  // Labels that pools leave to their pods make the space depend on the pods.
  const open = problem.pools.some((pool) => pool.requirements?.some(({ key, operator }) => operator !== 'In' && isOpen(key)));
  if (open) return readLaunchSpace(problem, filters);
  const { types, offerings, pools, unavailable } = problem;
  const known = spaces.get(offerings) ?? [];
  const isOurs = (one: Remembered) => one.types === types && one.pools === pools && one.unavailable === unavailable;
  const ours = known.find(isOurs) ?? { types, pools, unavailable, space: readLaunchSpace(problem, filters) };
  // An older space of the same pools is of no use any more: what is unavailable has changed.
  if (known[0] !== ours) spaces.set(offerings, [ours, ...known.filter((one) => one.pools !== pools)].slice(0, MOST_SPACES));
  return ours.space;
}

/** What the pools could launch, were it not remembered as unavailable; cheapest first, with numbers of its own. */
export function soldOut(problem: PackingProblem, filters: readonly NodeFilter[]): readonly Candidate[] {
  if ((problem.unavailable ?? []).length === 0) return [];
  const { candidates } = readLaunchSpace({ ...problem, unavailable: [] }, filters);
  return candidates.filter(({ offering }) => isUnavailable(problem, offering));
}

/** Every node that the pools may launch now: offerings that the requirements admit and that are not remembered as unavailable. */
function readLaunchSpace(problem: PackingProblem, filters: readonly NodeFilter[]): LaunchSpace {
  const rejected: { subject: string; reason: string }[] = [];
  const types = readTypes(problem, rejected);
  const shapes: Shape[] = [];
  const drafts: Omit<Candidate, 'id'>[] = [];
  for (const [poolIndex, pool] of problem.pools.entries()) {
    const fault = poolFault(pool);
    if (fault !== undefined) {
      rejected.push({ subject: `pool ${pool.name}`, reason: fault });
      continue;
    }
    const sets = valueSets(pool.requirements ?? []);
    for (const { type, capacity, offerings } of types.values()) {
      if (offerings.length === 0) continue;
      for (const labels of labelChoices(pool, type, sets, filters)) {
        const shape: Shape = {
          id: shapes.length,
          pool,
          poolIndex,
          type,
          labels,
          capacity,
          vcpus: (capacity.get('cpu') ?? 0) / 1000,
          memoryGiB: nominalGiB(labels, capacity),
        };
        const admitted = offerings.filter((one) => admits(sets.get(ZONE), one.zone) && admits(sets.get(CAPACITY_TYPE), one.capacityType));
        if (admitted.length > 0) shapes.push(shape);
        for (const { zone, capacityType, usdPerHour } of admitted)
          drafts.push({ shape, zone, capacityType, usdPerHour, offering: { instanceType: type.name, zone, capacityType, usdPerHour } });
      }
    }
  }
  drafts.sort((left, right) => left.usdPerHour - right.usdPerHour || left.shape.id - right.shape.id);
  return { shapes, candidates: drafts.map((draft, id) => ({ id, ...draft })), rejected };
}

function admits(set: ValueSet | undefined, value: string): boolean {
  return set === undefined || allows(set, value);
}

// A thousand times the dearest machine for sale: more is a slip of the pen, and sums of it would lose the cents of the others.
const DEAREST = 1_000_000;

type TypeEntry = { readonly type: InstanceType; readonly capacity: Amounts; readonly offerings: Offering[] };

function readTypes(problem: PackingProblem, rejected: { subject: string; reason: string }[]): ReadonlyMap<string, TypeEntry> {
  const types = new Map<string, TypeEntry>();
  for (const type of problem.types) {
    const capacity = usableCapacity(type);
    if (typeof capacity === 'string') rejected.push({ subject: `instance type ${type.name}`, reason: capacity });
    else if (types.has(type.name)) rejected.push({ subject: `instance type ${type.name}`, reason: 'occurs twice' });
    else types.set(type.name, { type, capacity, offerings: [] });
  }
  for (const offering of problem.offerings) {
    const entry = types.get(offering.instanceType);
    const subject = `offering ${offering.instanceType} in ${offering.zone} (${offering.capacityType})`;
    if (entry === undefined) rejected.push({ subject, reason: 'no such instance type' });
    else if (!(Number.isFinite(offering.usdPerHour) && offering.usdPerHour > 0))
      rejected.push({ subject, reason: 'has no price above zero' });
    else if (offering.usdPerHour > DEAREST) rejected.push({ subject, reason: `costs more than ${DEAREST} USD per hour` });
    else if (!isUnavailable(problem, offering)) entry.offerings.push(offering);
  }
  return types;
}

export function isUnavailable(problem: Pick<PackingProblem, 'unavailable'>, offering: Offering): boolean {
  return (problem.unavailable ?? []).some(
    (one) =>
      (one.instanceType ?? offering.instanceType) === offering.instanceType &&
      (one.zone ?? offering.zone) === offering.zone &&
      (one.capacityType ?? offering.capacityType) === offering.capacityType,
  );
}

const capacities = new WeakMap<InstanceType, Amounts | string>();

/** Capacity less what the machine keeps for itself; a sentence where an amount is malformed. Remembered per object. */
function usableCapacity(type: InstanceType): Amounts | string {
  let usable = capacities.get(type);
  if (usable === undefined) {
    usable = readCapacity(type);
    capacities.set(type, usable);
  }
  return usable;
}

function readCapacity(type: InstanceType): Amounts | string {
  const capacity = parseResources(type.capacity);
  if (!capacity.ok) return `capacity.${capacity.reason}`;
  const reserved = parseResources(type.reserved);
  if (!reserved.ok) return `reserved.${reserved.reason}`;
  return new Map([...capacity.value].map(([name, amount]) => [name, Math.max(0, amount - (reserved.value.get(name) ?? 0))]));
}

function poolFault(pool: PackingPool): string | undefined {
  for (const requirement of pool.requirements ?? []) {
    const fault = requirementFault(requirement);
    if (fault !== undefined) return fault;
  }
  const key = contradictingKey(pool.requirements ?? []);
  if (key !== undefined) return `the requirements on ${key} contradict each other`;
  const percent = pool.spotPercent;
  return percent !== undefined && !(percent >= 0 && percent <= 100) ? `spotPercent must be 0 to 100, not ${percent}` : undefined;
}

/**
 * The label sets that a node of this pool and type may carry. Keys that neither the type nor the pool fixes take the value that
 * pods ask for, as far as the pool's requirement allows it (Karpenter: user-defined labels).
 */
function labelChoices(
  pool: PackingPool,
  type: InstanceType,
  sets: ReadonlyMap<string, ValueSet>,
  filters: readonly NodeFilter[],
): readonly Labels[] {
  const fixed: Record<string, string> = { ...type.labels, ...pool.labels, [INSTANCE_TYPE]: type.name, [POOL]: pool.name };
  let choices: Record<string, string>[] = [fixed];
  for (const [key, set] of sets) {
    if (PLACES.has(key)) continue;
    if (Object.hasOwn(fixed, key)) {
      if (!allows(set, fixed[key])) return [];
    } else if (isMachineLabel(key)) {
      if (!allows(set, undefined)) return [];
    } else {
      const values = choosable(key, set, filters);
      if (values.length === 0 && set.absent) continue;
      if (values.length === 0) return [];
      // More than a few open keys with many values each would multiply; the first values suffice to place every pod that names one.
      choices = choices.flatMap((labels) => values.map((value) => ({ ...labels, [key]: value }))).slice(0, 64);
    }
  }
  return choices;
}

/** Of an offering or of one machine, not of a shape. */
const PLACES: ReadonlySet<string> = new Set([ZONE, CAPACITY_TYPE, HOSTNAME]);

function isOpen(key: string): boolean {
  return !PLACES.has(key) && !isMachineLabel(key);
}

/** Facts of the machine: a type that lacks the label does not get it by asking. */
function isMachineLabel(key: string): boolean {
  // Requirements of a pool that is refused for one without a key are looked at before that.
  if (typeof key !== 'string') return true;
  return (
    key.startsWith('karpenter.k8s.aws/') ||
    key.startsWith('node.kubernetes.io/') ||
    key === 'kubernetes.io/arch' ||
    key === 'kubernetes.io/os'
  );
}

function choosable(key: string, set: ValueSet, filters: readonly NodeFilter[]): readonly string[] {
  if (!set.complement) return [...set.values].filter((value) => allows(set, value));
  const asked = new Set<string>();
  for (const filter of filters) {
    for (const alternatives of [...filter.placement, ...filter.extra]) {
      for (const one of alternatives) {
        const wanted = one.labels.get(normalKey(key)) ?? ANYTHING;
        if (!wanted.complement) for (const value of wanted.values) if (allows(set, value)) asked.add(value);
      }
    }
  }
  if (asked.size === 0 && !set.absent)
    asked.add(set.greaterThan > -Infinity ? String(set.greaterThan + 1) : set.lessThan < Infinity ? String(set.lessThan - 1) : 'any');
  return [...asked].sort();
}

export function labelLookup(candidate: Candidate): LabelLookup {
  const { labels } = candidate.shape;
  return (key) =>
    key === ZONE ? candidate.zone : key === CAPACITY_TYPE ? candidate.capacityType : Object.hasOwn(labels, key) ? labels[key] : undefined;
}

export function admitsCandidate(filter: NodeFilter, candidate: Candidate): boolean {
  const label = labelLookup(candidate);
  return matchesPlacement(filter, label, undefined) && matchesExtra(filter, label, undefined);
}
