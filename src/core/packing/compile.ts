import type { PodClass } from './classes.ts';
import { type LabelLookup, matchesPlacement, type NodeFilter } from './filters.ts';
import { answerColumn, type Fleet, tableOf } from './fleet.ts';
import type { Matcher } from './matchers.ts';
import type { Taint } from './problem.ts';
import type { Rules, SpreadRule } from './rules.ts';
import { untolerated } from './taints.ts';
import { type Counter, counter, type KeyTable } from './topology.ts';

/** One level of a class's rules, bound to the counters that judge it. The unit that the ledger places. */
export type Variant = {
  readonly id: number;
  readonly class: PodClass;
  readonly level: number;
  readonly filter: NodeFilter;
  readonly requests: Float64Array;
  readonly spreads: readonly BoundSpread[];
  readonly affinities: readonly { readonly counters: readonly Counter[]; readonly self: boolean }[];
  /** Pods that must not be in the domain. */
  readonly avoids: readonly Counter[];
  /** Owners of anti-affinity that means this class: they must not be in the domain either. */
  readonly avoidedBy: readonly Counter[];
  /** Counters that go up when a pod of this variant is placed. */
  readonly counted: readonly Counter[];
  /** The next, laxer level; undefined at the last. */
  readonly relaxed: Variant | undefined;
};

/** With every preference given up: what must hold. */
export function laxest(variant: Variant): Variant {
  return variant.relaxed === undefined ? variant : laxest(variant.relaxed);
}

export type BoundSpread = { readonly rule: SpreadRule; readonly counter: Counter; readonly self: number };

/** How the compiled counters see nodes: filled by the ledger. */
export type NodeView = { readonly label: LabelLookup; readonly name: string; readonly taints: readonly Taint[] };

export type Topology = {
  readonly tables: Map<string, KeyTable>;
  readonly counters: Counter[];
  /** Counter of pods that a matcher means, without regard to node filters. */
  readonly plain: { readonly matcher: Matcher; readonly counter: Counter }[];
  readonly spread: { readonly rule: SpreadRule; readonly filter: NodeFilter; readonly counter: Counter }[];
  readonly owners: { readonly matcher: Matcher; readonly counter: Counter }[];
};

type Registry = {
  readonly topology: Topology;
  readonly plain: (matcher: Matcher, key: string) => Counter;
  readonly owner: (matcher: Matcher, key: string) => Counter;
  readonly spread: (rule: SpreadRule, filter: NodeFilter) => Counter;
};

function registry(fleet: Fleet, view: (node: number) => NodeView): Registry {
  const topology: Topology = { tables: new Map(), counters: [], plain: [], spread: [], owners: [] };
  const known = new Map<string, Counter>();
  function table(key: string): KeyTable {
    const found = topology.tables.get(key) ?? tableOf(fleet, key);
    topology.tables.set(key, found);
    return found;
  }
  function intern(
    signature: string,
    key: string,
    make: (id: number, table: KeyTable) => Counter,
    register: (made: Counter) => void,
  ): Counter {
    let found = known.get(signature);
    if (found === undefined) {
      found = make(topology.counters.length, table(key));
      topology.counters.push(found);
      known.set(signature, found);
      register(found);
    }
    return found;
  }
  return {
    topology,
    plain: (matcher, key) => intern(`p ${matcher.id} ${key}`, key, counter, (made) => topology.plain.push({ matcher, counter: made })),
    owner: (matcher, key) => intern(`o ${matcher.id} ${key}`, key, counter, (made) => topology.owners.push({ matcher, counter: made })),
    spread: (rule, filter) => {
      const part = JSON.stringify([
        rule.honorAffinity ? filter.placementSignature : '',
        rule.honorTaints ? filter.tolerations : '',
        rule.keys,
      ]);
      return intern(
        `s ${rule.matcher.id} ${rule.key} ${part}`,
        rule.key,
        (id, keys) => counter(id, keys, spreadFilter(rule, filter, view), answerColumn(fleet, `spread ${part}`)),
        (made) => topology.spread.push({ rule, filter, counter: made }),
      );
    },
  };
}

function spreadFilter(rule: SpreadRule, filter: NodeFilter, view: (node: number) => NodeView): (node: number) => boolean {
  return (node) => {
    const { label, name, taints } = view(node);
    for (const key of rule.keys) if (label(key) === undefined) return false;
    if (rule.honorAffinity && filter.placement.length > 0 && !matchesPlacement(filter, label, name)) return false;
    return !rule.honorTaints || untolerated(taints, filter.tolerations, false) === undefined;
  };
}

export type Compiled = {
  /** The strictest variant of each class, by class id. */
  readonly strictest: readonly Variant[];
  readonly variants: readonly Variant[];
  readonly topology: Topology;
  /** Counters of owners, for the anti-affinity of pods that run already. */
  readonly owner: (matcher: Matcher, key: string) => Counter;
};

export function compile(
  classes: readonly PodClass[],
  vectors: readonly Float64Array[],
  runningAntiAffinity: readonly { readonly matcher: Matcher; readonly key: string }[],
  fleet: Fleet,
  view: (node: number) => NodeView,
): Compiled {
  const counters = registry(fleet, view);
  for (const { matcher, key } of runningAntiAffinity) counters.owner(matcher, key);
  const bound = classes.map((one) => one.levels.map((rules) => bind(one, rules, counters)));
  const { plain, spread, owners } = counters.topology;
  const variants: Variant[] = [];
  const strictest = classes.map((one, index) => {
    const means = (matcher: Matcher) => one.matched[matcher.id] === 1;
    const counted = [...plain, ...spread.map((entry) => ({ matcher: entry.rule.matcher, counter: entry.counter }))]
      .filter((entry) => means(entry.matcher))
      .map((entry) => entry.counter);
    const avoidedBy = owners.filter((entry) => means(entry.matcher)).map((entry) => entry.counter);
    let relaxed: Variant | undefined;
    for (const [level, part] of [...(bound[index] ?? []).entries()].reverse()) {
      const requests = vectors[index] as Float64Array;
      relaxed = { id: variants.length, class: one, level, requests, ...part, counted: [...counted, ...part.owned], avoidedBy, relaxed };
      variants.push(relaxed);
    }
    return relaxed as Variant;
  });
  return { strictest, variants, topology: counters.topology, owner: counters.owner };
}

function bind(one: PodClass, rules: Rules, counters: Registry) {
  return {
    filter: rules.filter,
    spreads: rules.spreads.map((rule) => ({
      rule,
      counter: counters.spread(rule, rules.filter),
      self: one.matched[rule.matcher.id] === 1 ? 1 : 0,
    })),
    affinities: rules.affinities.map((rule) => ({
      counters: rule.keys.map((key) => counters.plain(rule.matcher, key)),
      self: one.matched[rule.matcher.id] === 1,
    })),
    avoids: rules.antiAffinities.map((rule) => counters.plain(rule.matcher, rule.key)),
    owned: rules.antiAffinities.filter((rule) => rule.required).map((rule) => counters.owner(rule.matcher, rule.key)),
  };
}
