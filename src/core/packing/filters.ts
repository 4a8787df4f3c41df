import type { NodeSelectorTerm, PackingPod, Toleration } from './problem.ts';
import { matchesTerm, type Term, term, valueSet } from './requirements.ts';

export const ZONE = 'topology.kubernetes.io/zone';
export const CAPACITY_TYPE = 'karpenter.sh/capacity-type';
export const HOSTNAME = 'kubernetes.io/hostname';
export const INSTANCE_TYPE = 'node.kubernetes.io/instance-type';
export const POOL = 'elasticruntime.dev/pool';

/** Each is a list of alternatives; a node must match one of every list. */
type Alternatives = readonly Term[];

/** What a node must be for a pod, apart from room and from other pods. Pods with the same filter share one object. */
export type NodeFilter = {
  readonly id: number;
  /** Of all that it asks of a node itself, reservations apart. */
  readonly signature: string;
  /** nodeSelector and required node affinity: what topology spread calls the pod's node affinity. */
  readonly placement: readonly Alternatives[];
  readonly placementSignature: string;
  /** Preferred terms not yet given up, and the zones of bound volumes: they filter, but spread does not look at them. */
  readonly extra: readonly Alternatives[];
  readonly tolerations: readonly Toleration[];
  readonly avoidPreferred: boolean;
  /** Gang and reservation that admit to reserved nodes. */
  readonly keys: readonly string[];
};

export type FilterOptions = {
  readonly preferred: readonly NodeSelectorTerm[];
  readonly avoidPreferred: boolean;
  readonly zones: readonly string[] | undefined;
};

export type FilterTable = { readonly filters: NodeFilter[]; readonly intern: (pod: PackingPod, options: FilterOptions) => NodeFilter };

export function filterTable(): FilterTable {
  const filters: NodeFilter[] = [];
  const bySignature = new Map<string, NodeFilter>();
  function intern(pod: PackingPod, options: FilterOptions): NodeFilter {
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const tolerations = pod.spec.tolerations ?? [];
    const keys = [pod.gang, pod.reservation].filter((key) => key !== undefined);
    const placementSignature = JSON.stringify([pod.spec.nodeSelector ?? {}, required]);
    const own = JSON.stringify([placementSignature, tolerations, pod.volumes?.zones, options]);
    const signature = JSON.stringify([own, keys]);
    const known = bySignature.get(signature);
    if (known !== undefined) return known;
    const filter: NodeFilter = {
      id: filters.length,
      signature: own,
      placement: placementOf(pod, required),
      placementSignature,
      extra: extraOf(pod, options),
      tolerations,
      avoidPreferred: options.avoidPreferred,
      keys,
    };
    filters.push(filter);
    bySignature.set(signature, filter);
    return filter;
  }
  return { filters, intern };
}

function placementOf(pod: PackingPod, required: readonly NodeSelectorTerm[] | undefined): readonly Alternatives[] {
  const placement: Alternatives[] = [];
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (selector.length > 0)
    placement.push(terms([{ matchExpressions: selector.map(([key, value]) => ({ key, operator: 'In', values: [value] })) }]));
  if (required !== undefined) placement.push(terms(required));
  return placement;
}

function extraOf(pod: PackingPod, options: FilterOptions): readonly Alternatives[] {
  const extra: Alternatives[] = options.preferred.map((preference) => terms([preference]));
  for (const zones of [pod.volumes?.zones, options.zones]) {
    if (zones !== undefined)
      extra.push([{ labels: new Map([[ZONE, valueSet({ key: ZONE, operator: 'In', values: zones })]]), names: undefined }]);
  }
  return extra;
}

function terms(sources: readonly NodeSelectorTerm[]): Alternatives {
  return sources.map(term).filter((parsed) => parsed !== undefined);
}

export type LabelLookup = (key: string) => string | undefined;

export function matchesPlacement(filter: NodeFilter, label: LabelLookup, name: string | undefined): boolean {
  return filter.placement.every((alternatives) => alternatives.some((one) => matchesTerm(one, label, name)));
}

export function matchesExtra(filter: NodeFilter, label: LabelLookup, name: string | undefined): boolean {
  return filter.extra.every((alternatives) => alternatives.some((one) => matchesTerm(one, label, name)));
}
