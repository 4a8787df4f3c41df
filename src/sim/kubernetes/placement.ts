import type { Node, PodSpec, Taint, Toleration } from '../../api/kubernetes.ts';
import { parseBytes, parseCount, parseCpuMilli } from '../../core/quantity/amounts.ts';
import { at, isFields } from './json.ts';
import { matchesExpression } from './selectors.ts';

/** Whether a pod may run on a node, as the scheduler's filters judge it. */

/** Whole units by resource name: millicores of cpu, bytes of memory and storage, counts of everything else. */
export type Amounts = ReadonlyMap<string, number>;

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, amountOf(name, text)]));
}

function amountOf(name: string, text: string): number {
  const parse = name === 'cpu' ? parseCpuMilli : name === 'memory' || name.endsWith('storage') ? parseBytes : parseCount;
  const amount = parse(text);
  return amount.ok ? amount.value : 0;
}

/** What a pod asks for: its containers together or its largest init container, whichever is more (sidecars count as containers), and its overhead. */
export function requestsOf(spec: PodSpec): Amounts {
  const total = new Map<string, number>([['pods', 1]]);
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...spec.containers, ...sidecars]) add(total, amountsOf(container.resources?.requests));
  for (const container of spec.initContainers ?? []) {
    for (const [name, amount] of amountsOf(container.resources?.requests)) total.set(name, Math.max(total.get(name) ?? 0, amount));
  }
  add(total, amountsOf(spec.overhead));
  return total;
}

export function add(total: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
}

/** Resources that the node has too little of. */
export function lacking(wanted: Amounts, free: Amounts): readonly string[] {
  return [...wanted].filter(([name, amount]) => amount > 0 && amount > (free.get(name) ?? 0)).map(([name]) => name);
}

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): Toleration | undefined {
  return (tolerations ?? []).find(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (effect === undefined || effect === taint.effect) &&
      (key === undefined ? operator === 'Exists' : key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''))),
  );
}

/** The first taint that keeps the pod away. */
export function untolerated(spec: PodSpec, taints: readonly Taint[] | undefined): Taint | undefined {
  return (taints ?? []).find((taint) => taint.effect !== 'PreferNoSchedule' && tolerates(spec.tolerations, taint) === undefined);
}

/** Node selector and required node affinity. */
export function matchesNode(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = at(spec.affinity, 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms');
  return !Array.isArray(required) || required.some((term) => matchesTerm(term, node));
}

/** Sum of the weights of the preferred terms that match. */
export function preference(spec: PodSpec, node: Node): number {
  const preferred = at(spec.affinity, 'nodeAffinity', 'preferredDuringSchedulingIgnoredDuringExecution');
  if (!Array.isArray(preferred)) return 0;
  return preferred.reduce(
    (sum: number, each: unknown) => sum + (matchesTerm(at(each, 'preference'), node) ? Number(at(each, 'weight')) : 0),
    0,
  );
}

function matchesTerm(term: unknown, node: Node): boolean {
  if (!isFields(term)) return false;
  const { matchExpressions, matchFields } = term;
  if (matchExpressions === undefined && matchFields === undefined) return false;
  const fields = { 'metadata.name': node.metadata.name };
  return (
    (!Array.isArray(matchExpressions) || matchExpressions.every((each) => matchesExpression(each, node.metadata.labels ?? {}))) &&
    (!Array.isArray(matchFields) || matchFields.every((each) => matchesExpression(each, fields)))
  );
}
