import type { LabelSelector, Labels, NodeRequirement, NodeSelectorTerm } from './problem.ts';

/**
 * The values of one label key that a set of requirements still allows (Karpenter's Requirement): either a finite set, or everything
 * but a finite set, cut by bounds; and whether the label may be absent.
 */
export type ValueSet = {
  readonly complement: boolean;
  readonly values: ReadonlySet<string>;
  readonly greaterThan: number;
  readonly lessThan: number;
  readonly absent: boolean;
};

export const ANYTHING: ValueSet = { complement: true, values: new Set(), greaterThan: -Infinity, lessThan: Infinity, absent: true };
const INTEGER = /^[+-]?\d+$/;

export function valueSet(requirement: NodeRequirement): ValueSet {
  const values = new Set(requirement.values ?? []);
  const none = new Set<string>();
  const bound = boundOf(requirement);
  switch (requirement.operator) {
    case 'In':
      return { ...ANYTHING, complement: false, values, absent: false };
    case 'NotIn':
      return { ...ANYTHING, values };
    case 'Exists':
      return { ...ANYTHING, absent: false };
    case 'DoesNotExist':
      return { ...ANYTHING, complement: false, values: none };
    case 'Gt':
      return Number.isNaN(bound) ? NOTHING : { ...ANYTHING, greaterThan: bound, absent: false };
    case 'Lt':
      return Number.isNaN(bound) ? NOTHING : { ...ANYTHING, lessThan: bound, absent: false };
    default:
      return NOTHING;
  }
}

const NOTHING: ValueSet = { ...ANYTHING, complement: false, absent: false };

/** Gt and Lt take exactly one integer; anything else matches nothing, as in the scheduler. */
function boundOf(requirement: NodeRequirement): number {
  const [text = '', ...rest] = requirement.values ?? [];
  return rest.length === 0 && INTEGER.test(text) ? Number(text) : Number.NaN;
}

export function intersection(left: ValueSet, right: ValueSet): ValueSet {
  const bounds = {
    greaterThan: Math.max(left.greaterThan, right.greaterThan),
    lessThan: Math.min(left.lessThan, right.lessThan),
    absent: left.absent && right.absent,
  };
  if (left.complement && right.complement) return { ...bounds, complement: true, values: new Set([...left.values, ...right.values]) };
  const finite = left.complement ? right : left;
  const kept = [...finite.values].filter((value) => allows(left, value) && allows(right, value));
  return { ...bounds, complement: false, values: new Set(kept) };
}

/** `undefined` = a node without the label. */
export function allows(set: ValueSet, value: string | undefined): boolean {
  if (value === undefined) return set.absent;
  if (set.values.has(value) === set.complement) return false;
  if (set.greaterThan === -Infinity && set.lessThan === Infinity) return true;
  if (!INTEGER.test(value)) return false;
  return Number(value) > set.greaterThan && Number(value) < set.lessThan;
}

/** Nothing satisfies it, not even the absence of the label: the requirements contradict each other. */
export function isEmpty(set: ValueSet): boolean {
  if (set.absent) return false;
  if (set.complement) return set.lessThan - set.greaterThan <= 1;
  return ![...set.values].some((value) => allows(set, value));
}

export function valueSets(requirements: readonly NodeRequirement[]): ReadonlyMap<string, ValueSet> {
  const sets = new Map<string, ValueSet>();
  for (const requirement of requirements) {
    const key = normalKey(requirement.key);
    sets.set(key, intersection(sets.get(key) ?? ANYTHING, valueSet({ ...requirement, key })));
  }
  return sets;
}

/** Names that Kubernetes and Karpenter still accept for the labels that replaced them. */
const OLD_NAMES: Labels = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

export function normalKey(key: string): string {
  return Object.hasOwn(OLD_NAMES, key) ? (OLD_NAMES[key] ?? key) : key;
}

/** One required node affinity term: all of its expressions on labels, and of its fields on the name. An empty term matches nothing. */
export type Term = { readonly labels: ReadonlyMap<string, ValueSet>; readonly names: ValueSet | undefined };

export function term(source: NodeSelectorTerm): Term | undefined {
  const expressions = source.matchExpressions ?? [];
  const fields = source.matchFields ?? [];
  if (expressions.length + fields.length === 0) return undefined;
  if (fields.some((field) => field.key !== 'metadata.name')) return undefined;
  return { labels: valueSets(expressions), names: valueSets(fields).get('metadata.name') };
}

export function matchesTerm(source: Term, label: (key: string) => string | undefined, name: string | undefined): boolean {
  if (source.names !== undefined && !(name !== undefined && allows(source.names, name))) return false;
  for (const [key, set] of source.labels) if (!allows(set, label(key))) return false;
  return true;
}

/** A selector of pods or namespaces: absent matches nothing, empty matches everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return selectorTest(selector)(labels);
}

/** The same for many pods. */
export function selectorTest(selector: LabelSelector | undefined): (labels: Labels | undefined) => boolean {
  if (selector === undefined) return () => false;
  const wanted = Object.entries(selector.matchLabels ?? {});
  const sets = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    return { key, set: valueSet({ key, operator, ...(values === undefined ? {} : { values }) }) };
  });
  return (labels) => {
    for (const [key, value] of wanted) if (own(labels, key) !== value) return false;
    for (const { key, set } of sets) if (!allows(set, own(labels, key))) return false;
    return true;
  };
}

export function own(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}
