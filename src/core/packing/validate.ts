import type {
  LabelSelector,
  NodeRequirement,
  NodeSelectorTerm,
  PackingPod,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
} from './problem.ts';
import { isEmpty, valueSets } from './requirements.ts';
import { podSpecShape } from './shape.ts';

/** What is wrong with a pod, as one sentence that names the field; undefined if nothing is. Amounts are judged by podRequests. */
export function validatePod(pod: PackingPod): string | undefined {
  if (!Array.isArray(pod.spec?.containers)) return 'spec.containers: expected a list';
  const rules = [shapeFault, nodeAffinityFault, podAffinityFault, spreadFault, tolerationsFault];
  for (const rule of rules) {
    const fault = rule(pod.spec);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function shapeFault(spec: PodSpec): string | undefined {
  return podSpecShape(spec, 'spec');
}

function nodeAffinityFault(spec: PodSpec): string | undefined {
  const affinity = spec.affinity?.nodeAffinity;
  const path = 'spec.affinity.nodeAffinity';
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required !== undefined && !Array.isArray(required.nodeSelectorTerms)) return `${path}.required.nodeSelectorTerms: expected a list`;
  for (const term of required?.nodeSelectorTerms ?? []) {
    const fault = termFault(term, `${path}.required`);
    if (fault !== undefined) return fault;
  }
  for (const one of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    const fault = termFault(one.preference ?? {}, `${path}.preferred`);
    if (fault !== undefined) return fault;
  }
  return contradiction(spec);
}

const OPERATORS = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);

function termFault(term: NodeSelectorTerm, path: string): string | undefined {
  for (const requirement of [...(term.matchExpressions ?? []), ...(term.matchFields ?? [])]) {
    const fault = requirementFault(requirement);
    if (fault !== undefined) return `${path}: ${fault}`;
  }
  return undefined;
}

export function requirementFault(requirement: NodeRequirement): string | undefined {
  const { key, operator, values = [] } = requirement;
  if (typeof key !== 'string' || key === '') return 'a requirement has no key';
  if (!OPERATORS.has(operator)) return `${key}: unknown operator ${JSON.stringify(operator)}`;
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) return `${key}: values must be a list of texts`;
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) return `${key}: ${operator} needs values`;
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) return `${key}: ${operator} takes no values`;
  if ((operator === 'Gt' || operator === 'Lt') && (values.length !== 1 || !/^[+-]?\d+$/.test(values[0] ?? ''))) {
    return `${key}: ${operator} needs exactly one whole number`;
  }
  return undefined;
}

/** Every alternative of the pod's node affinity, taken with its nodeSelector, asks for something that excludes itself. */
function contradiction(spec: PodSpec): string | undefined {
  const selected = Object.entries(spec.nodeSelector ?? {}).map(([key, value]) => ({ key, operator: 'In', values: [value] }) as const);
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  const faults = terms.map((term) => contradictingKey([...selected, ...(term.matchExpressions ?? [])]));
  const key = faults[0];
  return faults.length > 0 && faults.every((fault) => fault !== undefined) ? `the requirements on ${key} contradict each other` : undefined;
}

export function contradictingKey(requirements: readonly NodeRequirement[]): string | undefined {
  for (const [key, set] of valueSets(requirements)) if (isEmpty(set)) return key;
  return undefined;
}

function podAffinityFault(spec: PodSpec): string | undefined {
  for (const [field, rules] of [
    ['podAffinity', spec.affinity?.podAffinity],
    ['podAntiAffinity', spec.affinity?.podAntiAffinity],
  ] as const) {
    const preferred = rules?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []), ...preferred.map((one) => one.podAffinityTerm)];
    for (const term of terms) {
      const fault = affinityTermFault(term);
      if (fault !== undefined) return `spec.affinity.${field}: ${fault}`;
    }
  }
  return undefined;
}

function affinityTermFault(term: PodAffinityTerm | undefined): string | undefined {
  if (typeof term !== 'object' || term === null) return 'expected a term';
  if (!term.topologyKey) return 'a term has no topologyKey';
  return labelKeysFault(term) ?? labelSelectorFault(term.labelSelector) ?? labelSelectorFault(term.namespaceSelector);
}

type WithLabelKeys = Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>;

/** They narrow a selector: the API server refuses them where there is none. */
function labelKeysFault({ labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: WithLabelKeys): string | undefined {
  if (labelSelector !== undefined || matchLabelKeys.length + mismatchLabelKeys.length === 0) return undefined;
  return `${matchLabelKeys.length > 0 ? 'matchLabelKeys' : 'mismatchLabelKeys'} needs a labelSelector`;
}

function labelSelectorFault(selector: LabelSelector | undefined): string | undefined {
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    if (!['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator)) return `labelSelector: unknown operator ${JSON.stringify(operator)}`;
    if ((operator === 'In' || operator === 'NotIn') === (values.length === 0))
      return `labelSelector: ${key} ${operator} has the wrong number of values`;
  }
  return undefined;
}

function spreadFault(spec: PodSpec): string | undefined {
  for (const [index, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const fault = constraintFault(constraint);
    if (fault !== undefined) return `spec.topologySpreadConstraints[${index}]: ${fault}`;
  }
  return undefined;
}

function constraintFault(constraint: TopologySpreadConstraint): string | undefined {
  const { maxSkew, minDomains, topologyKey, whenUnsatisfiable } = constraint;
  if (!topologyKey) return 'topologyKey is missing';
  if (!Number.isInteger(maxSkew) || maxSkew < 1) return `maxSkew must be a whole number above 0, not ${maxSkew}`;
  if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway')
    return 'whenUnsatisfiable must be DoNotSchedule or ScheduleAnyway';
  if (minDomains !== undefined && (!Number.isInteger(minDomains) || minDomains < 1))
    return `minDomains must be a whole number above 0, not ${minDomains}`;
  if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') return 'minDomains needs DoNotSchedule';
  return labelKeysFault(constraint) ?? labelSelectorFault(constraint.labelSelector);
}

function tolerationsFault(spec: PodSpec): string | undefined {
  for (const { key, operator, effect } of spec.tolerations ?? []) {
    if (operator !== undefined && operator !== 'Exists' && operator !== 'Equal')
      return `spec.tolerations: unknown operator ${JSON.stringify(operator)}`;
    if (!key && operator !== 'Exists') return 'spec.tolerations: a toleration without a key needs the operator Exists';
    if (effect && !['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(effect))
      return `spec.tolerations: unknown effect ${JSON.stringify(effect)}`;
  }
  return undefined;
}
