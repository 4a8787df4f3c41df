import { type FilterTable, type NodeFilter } from './filters.ts';
import type { Matcher, MatcherTable } from './matchers.ts';
import type { NodeSelectorTerm, PackingPod, PodAffinityTerm, Taint, TopologySpreadConstraint } from './problem.ts';

export type SpreadRule = {
  readonly matcher: Matcher;
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
  /** Only nodes that carry the keys of all the pod's constraints are counted. */
  readonly keys: readonly string[];
};
export type AffinityRule = { readonly matcher: Matcher; readonly keys: readonly string[] };
export type AntiAffinityRule = { readonly matcher: Matcher; readonly key: string; readonly required: boolean };

/** Everything that a node and the pods around it must be for a pod. */
export type Rules = {
  readonly filter: NodeFilter;
  readonly spreads: readonly SpreadRule[];
  readonly affinities: readonly AffinityRule[];
  readonly antiAffinities: readonly AntiAffinityRule[];
};

/** `keep`: preferences are tried as requirements; `avoidTaints`: something prefers no pods. */
export type KeptPreferences = { readonly keep: boolean; readonly avoidTaints: boolean };

type Preferences = {
  readonly nodeTerms: readonly NodeSelectorTerm[];
  readonly podTerms: readonly PodAffinityTerm[];
  readonly antiTerms: readonly PodAffinityTerm[];
  readonly spreads: readonly TopologySpreadConstraint[];
  readonly avoidTaints: boolean;
};

/**
 * The rules of a pod, strictest first: preferences count as requirements and are given up one at a time, the lightest first, as
 * Karpenter does (pkg/controllers/provisioning/scheduling/preferences.go); PreferNoSchedule taints last.
 */
export function rulesOf(pod: PackingPod, kept: KeptPreferences, filters: FilterTable, matchers: MatcherTable): readonly Rules[] {
  return preferencesOf(pod, kept).map((preferences) => ({
    filter: filters.intern(pod, { preferred: preferences.nodeTerms, avoidPreferred: preferences.avoidTaints, zones: undefined }),
    spreads: spreadsOf(pod, preferences.spreads, matchers),
    affinities: affinitiesOf(pod, preferences.podTerms, matchers),
    antiAffinities: antiAffinitiesOf(pod, preferences.antiTerms, matchers),
  }));
}

function preferencesOf(pod: PackingPod, kept: KeptPreferences): readonly Preferences[] {
  const none: Preferences = { nodeTerms: [], podTerms: [], antiTerms: [], spreads: [], avoidTaints: false };
  if (!kept.keep) return [none];
  const affinity = pod.spec.affinity;
  const nodeTerms = heaviestFirst(affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution).map((one) => one.preference);
  const podTerms = heaviestFirst(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution).map((one) => one.podAffinityTerm);
  const antiTerms = heaviestFirst(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution).map(
    (one) => one.podAffinityTerm,
  );
  const spreads = (pod.spec.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable === 'ScheduleAnyway');
  const avoids = kept.avoidTaints;
  const levels: Preferences[] = [{ nodeTerms, podTerms, antiTerms, spreads, avoidTaints: avoids }];
  for (let count = podTerms.length - 1; count >= 0; count--) levels.push({ ...last(levels), podTerms: podTerms.slice(0, count) });
  for (let count = antiTerms.length - 1; count >= 0; count--) levels.push({ ...last(levels), antiTerms: antiTerms.slice(0, count) });
  for (let count = nodeTerms.length - 1; count >= 0; count--) levels.push({ ...last(levels), nodeTerms: nodeTerms.slice(0, count) });
  if (spreads.length > 0) levels.push({ ...last(levels), spreads: [] });
  if (avoids) levels.push(none);
  return levels;
}

function last(levels: readonly Preferences[]): Preferences {
  return levels[levels.length - 1] as Preferences;
}

function heaviestFirst<T extends { readonly weight: number }>(terms: readonly T[] = []): readonly T[] {
  return [...terms].sort((left, right) => right.weight - left.weight);
}

/** Only where something carries a PreferNoSchedule taint is it worth a level of its own. */
export function prefersNoSchedule(taints: readonly Taint[] | undefined): boolean {
  return taints?.some((taint) => taint.effect === 'PreferNoSchedule') === true;
}

function spreadsOf(pod: PackingPod, preferred: readonly TopologySpreadConstraint[], matchers: MatcherTable): readonly SpreadRule[] {
  const required = (pod.spec.topologySpreadConstraints ?? []).filter((constraint) => constraint.whenUnsatisfiable !== 'ScheduleAnyway');
  const all = [...required, ...preferred];
  const keys = [...new Set(all.map((constraint) => constraint.topologyKey))].sort();
  return all.map((constraint) => ({
    matcher: matchers.ofSpread(pod, constraint),
    key: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    honorAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
    honorTaints: constraint.nodeTaintsPolicy === 'Honor',
    keys,
  }));
}

/**
 * kube-scheduler counts a pod towards required affinity only if it matches all terms at once (interpodaffinity/filtering.go,
 * updateWithAffinityTerms); preferred terms are taken one by one.
 */
function affinitiesOf(pod: PackingPod, preferred: readonly PodAffinityTerm[], matchers: MatcherTable): readonly AffinityRule[] {
  const required = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const groups = [...(required.length > 0 ? [required] : []), ...preferred.map((one) => [one])];
  return groups.map((terms) => ({
    matcher: matchers.ofTerms(pod, terms),
    keys: [...new Set(terms.map((one) => one.topologyKey))],
  }));
}

function antiAffinitiesOf(pod: PackingPod, preferred: readonly PodAffinityTerm[], matchers: MatcherTable): readonly AntiAffinityRule[] {
  const required = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const rule = (one: PodAffinityTerm, isRequired: boolean) => ({
    matcher: matchers.ofTerms(pod, [one]),
    key: one.topologyKey,
    required: isRequired,
  });
  return [...required.map((one) => rule(one, true)), ...preferred.map((one) => rule(one, false))];
}
