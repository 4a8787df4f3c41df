import type { LabelSelector, Labels, PackingPod, PackingProblem, PodAffinityTerm, TopologySpreadConstraint } from './problem.ts';
import { matchesSelector, own, selectorTest } from './requirements.ts';

/** Which pods a term or a constraint means: a selector in some namespaces, or several of those at once (kube-scheduler's conjunction). */
export type Matcher = { readonly id: number; readonly signature: string; readonly parts: readonly MatcherPart[] };
type MatcherPart = {
  readonly selector: LabelSelector | undefined;
  readonly matches: (labels: Labels | undefined) => boolean;
  readonly namespaces: ReadonlySet<string> | undefined;
};
type MatcherSource = Pick<MatcherPart, 'selector' | 'namespaces'>;

export type MatcherTable = {
  readonly matchers: Matcher[];
  readonly ofSpread: (pod: PackingPod, constraint: TopologySpreadConstraint) => Matcher;
  readonly ofTerms: (pod: PackingPod, terms: readonly PodAffinityTerm[]) => Matcher;
};

export function matcherTable(problem: Pick<PackingProblem, 'namespaces'>): MatcherTable {
  const matchers: Matcher[] = [];
  const bySignature = new Map<string, Matcher>();
  function intern(parts: readonly MatcherSource[]): Matcher {
    const signature = JSON.stringify(parts.map((part) => [part.selector, part.namespaces && [...part.namespaces].sort()]));
    let matcher = bySignature.get(signature);
    if (matcher === undefined) {
      matcher = { id: matchers.length, signature, parts: parts.map((part) => ({ ...part, matches: selectorTest(part.selector) })) };
      matchers.push(matcher);
      bySignature.set(signature, matcher);
    }
    return matcher;
  }
  return {
    matchers,
    ofSpread: (pod, constraint) =>
      intern([
        {
          selector: withLabelKeys(constraint.labelSelector, pod.labels, constraint.matchLabelKeys, []),
          namespaces: new Set([pod.namespace]),
        },
      ]),
    ofTerms: (pod, terms) =>
      intern(
        terms.map((one) => ({
          selector: withLabelKeys(one.labelSelector, pod.labels, one.matchLabelKeys, one.mismatchLabelKeys),
          namespaces: namespacesOf(problem, pod, one),
        })),
      ),
  };
}

/** The API server adds `key in (own value)` and `key notin (own value)`; a key that the pod does not carry is ignored. */
function withLabelKeys(
  selector: LabelSelector | undefined,
  labels: Labels | undefined,
  match: readonly string[] = [],
  mismatch: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined || match.length + mismatch.length === 0) return selector;
  const added = [
    ...match.map((key) => ({ key, operator: 'In' as const, value: own(labels, key) })),
    ...mismatch.map((key) => ({ key, operator: 'NotIn' as const, value: own(labels, key) })),
  ].flatMap(({ key, operator, value }) => (value === undefined ? [] : [{ key, operator, values: [value] }]));
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

/** `undefined` = all. No list and no selector = the pod's own; an empty selector = all; both = the union. */
function namespacesOf(problem: Pick<PackingProblem, 'namespaces'>, pod: PackingPod, one: PodAffinityTerm): ReadonlySet<string> | undefined {
  if (one.namespaceSelector === undefined) return new Set(one.namespaces?.length ? one.namespaces : [pod.namespace]);
  const selector = one.namespaceSelector;
  const empty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  if (empty) return undefined;
  const selected = Object.entries(problem.namespaces ?? {}).flatMap(([name, labels]) =>
    matchesSelector(selector, { 'kubernetes.io/metadata.name': name, ...labels }) ? [name] : [],
  );
  return new Set([...(one.namespaces ?? []), ...selected]);
}

export function matchesPod(matcher: Matcher, namespace: string, labels: Labels | undefined): boolean {
  return matcher.parts.every((part) => (part.namespaces === undefined || part.namespaces.has(namespace)) && part.matches(labels));
}

/** A label that every pod carries which the matcher means, if it names one by its value. */
export function neededLabel({ parts }: Matcher): readonly [key: string, value: string] | undefined {
  for (const { selector } of parts) {
    for (const label of Object.entries(selector?.matchLabels ?? {})) return label;
    for (const { key, operator, values } of selector?.matchExpressions ?? [])
      if (operator === 'In' && values?.length === 1) return [key, values[0] as string];
  }
  return undefined;
}
