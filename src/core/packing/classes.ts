import { type FilterTable, filterTable } from './filters.ts';
import { type Fleet, special } from './fleet.ts';
import { portName, portsTaken } from './host-ports.ts';
import { type MatcherTable, matcherTable, matchesPod } from './matchers.ts';
import type { PackingPod, PackingProblem } from './problem.ts';
import { type Amounts, ANY_ADDRESS, type HostPort, hostPorts, podRequests } from './requests.ts';
import { prefersNoSchedule, type Rules, rulesOf } from './rules.ts';
import type { NodeFacts } from './running.ts';
import { validatePod } from './validate.ts';

/** Pods that nothing tells apart: same requests, same rules, and every selector in the problem sees them the same way. */
export type PodClass = {
  readonly id: number;
  /** Indices into problem.pods, in their order. */
  readonly pods: number[];
  readonly sample: PackingPod;
  readonly priority: number;
  readonly gang: string | undefined;
  readonly requests: Amounts;
  readonly ports: readonly HostPort[];
  /** By matcher id: does the matcher mean these pods. */
  readonly matched: Uint8Array;
  readonly levels: readonly Rules[];
};

export type Classified = {
  readonly classes: readonly PodClass[];
  readonly invalid: readonly { readonly pod: number; readonly message: string }[];
  readonly filters: FilterTable;
  readonly matchers: MatcherTable;
};

type Draft = { readonly sample: PackingPod; readonly pods: number[]; readonly requests: Amounts; readonly levels: readonly Rules[] };

export function classify(problem: PackingProblem, fleet: Fleet): Classified {
  const filters = filterTable();
  const matchers = matcherTable(problem);
  const invalid: { pod: number; message: string }[] = [];
  const drafts: Draft[] = [];
  const { repelling, avoidTaints } = special(fleet);
  const preferences = {
    keep: problem.preferences !== 'Ignore',
    avoidTaints: avoidTaints || problem.pools.some(({ taints }) => prefersNoSchedule(taints)),
  };
  for (const pods of alike(problem.pods, invalid)) {
    const sample = problem.pods[pods[0] as number] as PackingPod;
    const fault = validatePod(sample);
    const requests = fault === undefined ? podRequests(sample) : undefined;
    if (requests === undefined || !requests.ok) {
      for (const pod of pods) invalid.push({ pod, message: requests === undefined ? (fault ?? '') : requests.reason });
      continue;
    }
    drafts.push({ sample, pods, requests: requests.value, levels: rulesOf(sample, preferences, filters, matchers) });
  }
  registerRunning(fleet, repelling, matchers);
  return { classes: merged(drafts, matchers), invalid, filters, matchers };
}

/** Groups of pods whose source text is the same; keys that occur twice are refused, since the plan could not tell them apart. */
function alike(pods: readonly PackingPod[], invalid: { pod: number; message: string }[]): Iterable<number[]> {
  const groups = new Map<string, number[]>();
  const specs = new Map<unknown, number>();
  const texts = new Map<string, number>();
  const keys = new Set<string>();
  for (let index = 0; index < pods.length; index++) {
    const pod = pods[index] as PackingPod;
    if (keys.has(pod.key)) {
      invalid.push({ pod: index, message: `the key ${pod.key} occurs twice` });
      continue;
    }
    keys.add(pod.key);
    let spec = specs.get(pod.spec);
    if (spec === undefined) {
      const text = JSON.stringify(pod.spec);
      spec = texts.get(text) ?? texts.size;
      texts.set(text, spec);
      specs.set(pod.spec, spec);
    }
    const signature = `${spec}\n${pod.namespace}\n${JSON.stringify([pod.labels, pod.priority, pod.gang, pod.reservation, pod.volumes])}`;
    const group = groups.get(signature);
    if (group === undefined) groups.set(signature, [index]);
    else group.push(index);
  }
  return groups.values();
}

/** Required anti-affinity of running pods repels new ones, so its selectors are asked about every class too. */
function registerRunning(fleet: Fleet, repelling: readonly number[], matchers: MatcherTable): void {
  for (const node of repelling) for (const { pod, term } of (fleet.facts[node] as NodeFacts).antiAffinity) matchers.ofTerms(pod, [term]);
}

function merged(drafts: readonly Draft[], matchers: MatcherTable): readonly PodClass[] {
  const bySignature = new Map<string, PodClass>();
  for (const { sample, pods, requests, levels } of drafts) {
    const matched = Uint8Array.from(matchers.matchers, (matcher) => (matchesPod(matcher, sample.namespace, sample.labels) ? 1 : 0));
    const ports = hostPorts(sample.spec);
    const priority = sample.priority ?? 0;
    const amounts = [...requests].sort(([left], [right]) => (left < right ? -1 : 1));
    const signature = `${amounts.join()};${ports.map((port) => Object.values(port).join()).join(' ')};${priority};${sample.gang ?? ''};${levels.map(rulesSignature).join(';')};${matched.join('')}`;
    const known = bySignature.get(signature);
    if (known !== undefined) known.pods.push(...pods);
    else bySignature.set(signature, { id: bySignature.size, pods, sample, priority, gang: sample.gang, requests, ports, matched, levels });
  }
  return [...bySignature.values()];
}

function rulesSignature(rules: Rules): string {
  const spreads = rules.spreads.map((rule) => [
    rule.matcher.id,
    rule.key,
    rule.maxSkew,
    rule.minDomains,
    rule.honorAffinity,
    rule.honorTaints,
  ]);
  const affinities = rules.affinities.map((rule) => [rule.matcher.id, rule.keys]);
  const antiAffinities = rules.antiAffinities.map((rule) => [rule.matcher.id, rule.key, rule.required]);
  return `${rules.filter.id}|${JSON.stringify([spreads, affinities, antiAffinities])}`;
}

/** The names of all resources that any class asks for, cpu, memory and pods first, and each class's requests in that order. */
export type Dimensions = { readonly names: readonly string[]; readonly vectors: readonly Float64Array[] };

export function dimensions(classes: readonly PodClass[]): Dimensions {
  const addresses = new Map<string, Set<string>>();
  for (const { ports } of classes) {
    for (const port of ports) {
      const key = `${port.protocol}/${port.port}`;
      addresses.set(key, (addresses.get(key) ?? new Set([ANY_ADDRESS])).add(port.address));
    }
  }
  const asked = new Set(classes.flatMap((one) => [...one.requests.keys()]));
  for (const first of ['cpu', 'memory', 'pods']) asked.delete(first);
  const names = [
    'cpu',
    'memory',
    'pods',
    ...[...asked].sort(),
    ...[...addresses].flatMap(([key, all]) => [...all].map((one) => portName(key, one))),
  ];
  const position = new Map(names.map((name, index) => [name, index]));
  const vectors = classes.map((one) => {
    const vector = new Float64Array(names.length);
    for (const [name, amount] of one.requests) vector[position.get(name) as number] = amount;
    for (const name of portsTaken(one.ports, addresses)) vector[position.get(name) as number] = 1;
    return vector;
  });
  return { names, vectors };
}
