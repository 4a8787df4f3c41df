/**
 * An independent judge of plans, written from the Kubernetes documentation ("Assigning Pods to Nodes", "Pod Topology Spread Constraints",
 * "Taints and Tolerations", "Init Containers", "Pod Overhead") and nothing of the packer: it replays the plan's order pod by pod and asks
 * of each whether the documented rules allow it on its node then. It answers the list of what is wrong.
 */
import type {
  LabelSelector,
  Labels,
  NodeRequirement,
  NodeSelectorTerm,
  PackingPlan,
  PackingPod,
  PackingProblem,
  PodAffinityTerm,
  ResourceList,
  Taint,
} from '../../../src/core/packing/problem.ts';

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

type Host = {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  readonly pods: PackingPod[];
  readonly room: Map<string, number>;
  readonly cordoned: boolean;
  readonly reservedFor: readonly string[];
};

/** What a pod would see: the nodes that are there, with the pods on them. */
export type World = { readonly hosts: readonly Host[]; readonly problem: PackingProblem };

const UNITS: Readonly<Record<string, number>> = { m: 1e-3, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

function amount(text: string | number): number {
  const [, digits = '', unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(String(text)) ?? [];
  return Number(digits) * (UNITS[unit] ?? 1);
}

function addTo(total: Map<string, number>, list: ResourceList | undefined, sign = 1): void {
  for (const [name, text] of Object.entries(list ?? {})) total.set(name, (total.get(name) ?? 0) + sign * amount(text));
}

/** The larger of (all containers and sidecars) and (each init container with the sidecars started before it), plus overhead. */
export function requestsOf(pod: PackingPod): Map<string, number> {
  const running = new Map<string, number>();
  for (const container of pod.spec.containers) addTo(running, { ...container.resources?.limits, ...container.resources?.requests });
  const started = new Map<string, number>();
  const moments: Map<string, number>[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const asked = { ...container.resources?.limits, ...container.resources?.requests };
    const moment = new Map(started);
    addTo(moment, asked);
    moments.push(moment);
    if (container.restartPolicy !== 'Always') continue;
    addTo(started, asked);
    addTo(running, asked);
  }
  for (const moment of moments) for (const [name, value] of moment) running.set(name, Math.max(running.get(name) ?? 0, value));
  addTo(running, pod.spec.overhead);
  running.set('pods', 1);
  if (pod.volumes?.attachments) running.set('attachable-volumes-aws-ebs', pod.volumes.attachments);
  return running;
}

function expression({ operator, values = [] }: Pick<NodeRequirement, 'operator' | 'values'>, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number.parseInt(value, 10) > Number.parseInt(values[0] ?? '', 10);
    case 'Lt':
      return value !== undefined && Number.parseInt(value, 10) < Number.parseInt(values[0] ?? '', 10);
    default:
      return false;
  }
}

function termMatches(term: NodeSelectorTerm, host: Host): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return expressions.every((one) => expression(one, host.labels[one.key])) && fields.every((one) => expression(one, host.name));
}

function nodeAffinityMatches(pod: PackingPod, host: Host): boolean {
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {})) if (host.labels[key] !== value) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => termMatches(term, host));
}

function tolerated(pod: PackingPod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (effect === undefined || effect === taint.effect) &&
      (key === undefined ? operator === 'Exists' : key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''))),
  );
}

function taintsTolerated(pod: PackingPod, host: Host): boolean {
  return host.taints.every((taint) => taint.effect === 'PreferNoSchedule' || tolerated(pod, taint));
}

export function selects(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((one) => expression(one, labels[one.key]))
  );
}

function termMeans(world: World, owner: PackingPod, term: PodAffinityTerm, other: PackingPod): boolean {
  const spaces = world.problem.namespaces ?? {};
  const selected =
    term.namespaceSelector !== undefined &&
    selects(term.namespaceSelector, { 'kubernetes.io/metadata.name': other.namespace, ...spaces[other.namespace] });
  const listed = (term.namespaces ?? []).includes(other.namespace);
  const own = term.namespaceSelector === undefined && (term.namespaces ?? []).length === 0 && other.namespace === owner.namespace;
  if (!selected && !listed && !own) return false;
  if (!selects(term.labelSelector, other.labels)) return false;
  const same = (key: string) => owner.labels?.[key] === undefined || other.labels?.[key] === owner.labels[key];
  const differs = (key: string) => owner.labels?.[key] === undefined || other.labels?.[key] !== owner.labels[key];
  return (term.matchLabelKeys ?? []).every(same) && (term.mismatchLabelKeys ?? []).every(differs);
}

function domainPods(world: World, host: Host, key: string): readonly PackingPod[] {
  const value = host.labels[key];
  return value === undefined ? [] : world.hosts.filter((other) => other.labels[key] === value).flatMap((other) => other.pods);
}

function antiAffinityAllows(world: World, pod: PackingPod, host: Host): boolean {
  const termsOf = (owner: PackingPod) => owner.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const term of termsOf(pod))
    if (domainPods(world, host, term.topologyKey).some((other) => termMeans(world, pod, term, other))) return false;
  for (const other of world.hosts) {
    for (const owner of other.pods) {
      for (const term of termsOf(owner)) {
        const shared = host.labels[term.topologyKey] !== undefined && host.labels[term.topologyKey] === other.labels[term.topologyKey];
        if (shared && termMeans(world, owner, term, pod)) return false;
      }
    }
  }
  return true;
}

function affinityAllows(world: World, pod: PackingPod, host: Host): boolean {
  const terms = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (terms.length === 0) return true;
  if (terms.some((term) => host.labels[term.topologyKey] === undefined)) return false;
  const meant = (other: PackingPod) => terms.every((term) => termMeans(world, pod, term, other));
  if (terms.every((term) => domainPods(world, host, term.topologyKey).some(meant))) return true;
  const anywhere = world.hosts.some(
    (other) => other.pods.some(meant) && terms.some((term) => other.labels[term.topologyKey] !== undefined),
  );
  return !anywhere && meant(pod);
}

function spreadAllows(world: World, pod: PackingPod, host: Host): boolean {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).filter((one) => one.whenUnsatisfiable === 'DoNotSchedule');
  const keys = constraints.map((one) => one.topologyKey);
  if (keys.some((key) => host.labels[key] === undefined)) return false;
  return constraints.every((constraint) => {
    const extra = Object.fromEntries(
      (constraint.matchLabelKeys ?? []).flatMap((key) => (pod.labels?.[key] === undefined ? [] : [[key, pod.labels[key]]])),
    );
    const counts = (other: PackingPod) =>
      other.namespace === pod.namespace &&
      !other.terminating &&
      selects(constraint.labelSelector, other.labels) &&
      Object.entries(extra).every(([key, value]) => other.labels?.[key] === value);
    const eligible = world.hosts.filter(
      (other) =>
        keys.every((key) => other.labels[key] !== undefined) &&
        (constraint.nodeAffinityPolicy === 'Ignore' || nodeAffinityMatches(pod, other)) &&
        (constraint.nodeTaintsPolicy !== 'Honor' || taintsTolerated(pod, other)),
    );
    const perDomain = new Map<string, number>();
    for (const other of eligible) {
      const domain = other.labels[constraint.topologyKey] as string;
      perDomain.set(domain, (perDomain.get(domain) ?? 0) + other.pods.filter(counts).length);
    }
    const minimum = perDomain.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...perDomain.values());
    const here = perDomain.get(host.labels[constraint.topologyKey] as string) ?? 0;
    return here + (counts(pod) ? 1 : 0) - minimum <= constraint.maxSkew;
  });
}

function portsOf(pod: PackingPod): readonly string[][] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => [port.protocol ?? 'TCP', String(port.hostPort), port.hostIP ?? '0.0.0.0']),
  );
}

function portsFree(pod: PackingPod, host: Host): boolean {
  const taken = host.pods.flatMap(portsOf);
  return portsOf(pod).every(
    ([protocol, port, address]) =>
      !taken.some(([p, n, a]) => p === protocol && n === port && (a === address || a === '0.0.0.0' || address === '0.0.0.0')),
  );
}

/** The rule that keeps the pod off the host now, or undefined. */
export function refusal(world: World, pod: PackingPod, host: Host): string | undefined {
  if (host.cordoned) return 'cordoned';
  if (host.reservedFor.length > 0 && ![pod.gang, pod.reservation].some((key) => key !== undefined && host.reservedFor.includes(key)))
    return 'reserved';
  for (const [name, asked] of requestsOf(pod)) {
    const open = name === 'attachable-volumes-aws-ebs' || (name === 'ephemeral-storage' && host.name.startsWith('new-'));
    if (asked > 0 && asked > (host.room.get(name) ?? (open ? Infinity : 0)) + 1e-6) return `not enough ${name}`;
  }
  if (!nodeAffinityMatches(pod, host)) return 'node affinity';
  if (!taintsTolerated(pod, host)) return 'taint';
  if (pod.volumes?.zones !== undefined && !pod.volumes.zones.includes(host.labels[ZONE] ?? '')) return 'zone of a volume';
  if (!portsFree(pod, host)) return 'host port';
  if (!antiAffinityAllows(world, pod, host)) return 'anti-affinity';
  if (!affinityAllows(world, pod, host)) return 'affinity';
  return spreadAllows(world, pod, host) ? undefined : 'topology spread';
}

export function put(pod: PackingPod, host: Host): void {
  host.pods.push(pod);
  for (const [name, asked] of requestsOf(pod)) if (host.room.has(name)) host.room.set(name, (host.room.get(name) as number) - asked);
}

function daemonsOn(problem: PackingProblem, host: Host): void {
  for (const daemon of problem.daemons ?? []) {
    if (!nodeAffinityMatches(daemon, host) || !taintsTolerated(daemon, host)) continue;
    for (const [name, asked] of requestsOf(daemon)) host.room.set(name, (host.room.get(name) ?? 0) - asked);
  }
}

export function existingHosts(problem: PackingProblem): Host[] {
  return problem.nodes.map((node) => {
    const room = new Map<string, number>();
    addTo(room, node.allocatable);
    const host: Host = {
      name: node.name,
      labels: { [HOST]: node.name, ...node.labels },
      taints: [
        ...(node.taints ?? []),
        ...(node.unschedulable ? [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const }] : []),
      ],
      pods: [],
      room,
      cordoned: node.unschedulable ?? false,
      reservedFor: node.reservedFor ?? [],
    };
    for (const pod of node.pods) put(pod, host);
    if (node.launching) daemonsOn(problem, host);
    return host;
  });
}

export function launchedHost(
  problem: PackingProblem,
  launched: Pick<PackingPlan['newNodes'][number], 'name' | 'pool' | 'instanceType' | 'labels'>,
  instanceType = launched.instanceType,
): Host {
  const type = problem.types.find((one) => one.name === instanceType);
  const pool = problem.pools.find((one) => one.name === launched.pool);
  const room = new Map<string, number>();
  addTo(room, type?.capacity);
  addTo(room, type?.reserved, -1);
  const labels = {
    ...launched.labels,
    ...type?.labels,
    ...pool?.labels,
    'node.kubernetes.io/instance-type': instanceType,
    [HOST]: launched.name,
  };
  const host: Host = { name: launched.name, labels, taints: pool?.taints ?? [], pods: [], room, cordoned: false, reservedFor: [] };
  daemonsOn(problem, host);
  return host;
}

/** Everything that is wrong with a plan; an empty list is a good plan. */
export function violations(problem: PackingProblem, plan: PackingPlan): readonly string[] {
  const faults: string[] = [];
  const pods = new Map(problem.pods.map((pod) => [pod.key, pod]));
  const nodeOf = new Map([
    ...plan.assignments.map((one) => [one.pod, one.node] as const),
    ...plan.newNodes.flatMap((node) => node.pods.map((pod) => [pod, node.name] as const)),
  ]);
  const placed = [...plan.assignments.map((one) => one.pod), ...plan.newNodes.flatMap((node) => node.pods)];
  const named = [...placed, ...plan.unschedulable.map((one) => one.pod)].sort();
  if (named.join() !== [...pods.keys()].sort().join()) faults.push('not every pod is named exactly once');
  if ([...plan.order].sort().join() !== [...placed].sort().join()) faults.push('the order does not name the placed pods');
  const there = existingHosts(problem);
  const launched = plan.newNodes.map((node) => launchedHost(problem, node));
  const isNew = new Set(plan.newNodes.map((node) => node.name));
  let hosts: readonly Host[] = there;
  for (const key of plan.order) {
    if (isNew.has(nodeOf.get(key) ?? '')) hosts = [...there, ...launched];
    const host = hosts.find((one) => one.name === nodeOf.get(key));
    const pod = pods.get(key);
    if (host === undefined || pod === undefined) {
      faults.push(`${key} is on an unknown node`);
      continue;
    }
    const why = refusal({ hosts, problem }, pod, host);
    if (why !== undefined) faults.push(`${key} on ${host.name}: ${why}`);
    put(pod, host);
  }
  return [
    ...faults,
    ...gangFaults(problem, nodeOf, [...there, ...launched]),
    ...nodeFaults(problem, plan),
    ...limitFaults(problem, plan),
    ...moneyFaults(plan),
  ];
}

function gangFaults(problem: PackingProblem, nodeOf: ReadonlyMap<string, string>, hosts: readonly Host[]): readonly string[] {
  const faults: string[] = [];
  for (const gang of new Set(problem.pods.flatMap((pod) => (pod.gang === undefined ? [] : [pod.gang])))) {
    const nodes = problem.pods.filter((pod) => pod.gang === gang).map((pod) => nodeOf.get(pod.key));
    if (new Set(nodes.map((node) => node === undefined)).size > 1) faults.push(`gang ${gang} is placed in part`);
    const zones = new Set(nodes.flatMap((node) => hosts.filter((host) => host.name === node).map((host) => host.labels[ZONE])));
    if (problem.gangs?.some((one) => one.id === gang && one.singleZone) && zones.size > 1) faults.push(`gang ${gang} is in several zones`);
  }
  return faults;
}

/** Each new node can be launched as any of its offerings, and its pool admits it. */
function nodeFaults(problem: PackingProblem, plan: PackingPlan): readonly string[] {
  const faults: string[] = [];
  const pods = new Map(problem.pods.map((pod) => [pod.key, pod]));
  for (const pool of problem.pools) {
    const empty = plan.newNodes.filter((node) => node.pool === pool.name && node.pods.length === 0).length;
    if (empty > (pool.minNodes ?? 0)) faults.push(`${empty} empty nodes in pool ${pool.name}`);
  }
  for (const node of plan.newNodes) {
    const pool = problem.pools.find((one) => one.name === node.pool);
    const [first] = node.offerings;
    if (
      first?.instanceType !== node.instanceType ||
      first.zone !== node.zone ||
      first.capacityType !== node.capacityType ||
      first.usdPerHour !== node.usdPerHour
    ) {
      faults.push(`${node.name} is not its first offering`);
    }
    for (const offering of node.offerings) {
      const known = problem.offerings.some(
        (one) =>
          one.instanceType === offering.instanceType &&
          one.zone === offering.zone &&
          one.capacityType === offering.capacityType &&
          one.usdPerHour === offering.usdPerHour,
      );
      const gone = (problem.unavailable ?? []).some(
        (one) =>
          (one.instanceType ?? offering.instanceType) === offering.instanceType &&
          (one.zone ?? offering.zone) === offering.zone &&
          (one.capacityType ?? offering.capacityType) === offering.capacityType,
      );
      if (!known || gone) faults.push(`${node.name}: ${offering.instanceType} in ${offering.zone} is not for sale`);
      const host = launchedHost(problem, node, offering.instanceType);
      const labels: Labels = { ...host.labels, [ZONE]: offering.zone, 'karpenter.sh/capacity-type': offering.capacityType };
      for (const requirement of pool?.requirements ?? [])
        if (!expression(requirement, labels[requirement.key]))
          faults.push(`${node.name}: ${offering.instanceType} breaks the pool's ${requirement.key}`);
      const asked = new Map<string, number>();
      for (const key of node.pods)
        for (const [name, value] of requestsOf(pods.get(key) as PackingPod)) asked.set(name, (asked.get(name) ?? 0) + value);
      for (const [name, value] of asked)
        if (host.room.has(name) && value > (host.room.get(name) as number) + 1e-6)
          faults.push(`${node.name} as ${offering.instanceType}: not enough ${name}`);
      for (const key of node.pods)
        if (!nodeAffinityMatches(pods.get(key) as PackingPod, { ...host, labels }))
          faults.push(`${node.name} as ${offering.instanceType}: node affinity of ${key}`);
    }
    for (const { key, minValues } of pool?.requirements ?? []) {
      const values = new Set(
        node.offerings.map(
          (one) =>
            ({ ...launchedHost(problem, node, one.instanceType).labels, [ZONE]: one.zone, 'karpenter.sh/capacity-type': one.capacityType })[
              key
            ],
        ),
      );
      if (minValues !== undefined && node.pods.length > 0 && values.size < minValues)
        faults.push(`${node.name}: ${key} keeps ${values.size} of minValues ${minValues}`);
    }
  }
  return faults;
}

function limitFaults(problem: PackingProblem, plan: PackingPlan): readonly string[] {
  const faults: string[] = [];
  const vcpus = (instanceType: string) => amount(problem.types.find((one) => one.name === instanceType)?.capacity['cpu'] ?? 0);
  const poolNames = new Set(problem.pools.map((pool) => pool.name));
  const check = (whose: string, caps: PackingProblem['limits'], inPool: (pool: string | undefined) => boolean) => {
    const launched = plan.newNodes.filter((node) => inPool(node.pool));
    const there = problem.nodes.filter((node) => node.pool !== undefined && poolNames.has(node.pool) && inPool(node.pool));
    if (launched.length === 0) return;
    if (launched.length + there.length > (caps?.nodes ?? Infinity)) faults.push(`${whose}: too many nodes`);
    const usd = [...launched, ...there].reduce((sum, node) => sum + (node.usdPerHour ?? 0), 0);
    if (usd > (caps?.usdPerHour ?? Infinity) + 1e-6) faults.push(`${whose}: too many dollars`);
    const cpus = launched.reduce((sum, node) => sum + vcpus(node.instanceType), 0);
    if (cpus > (caps?.vcpus ?? Infinity)) faults.push(`${whose}: too many vCPUs`);
  };
  check('all', problem.limits, () => true);
  for (const pool of problem.pools) check(pool.name, pool.limits, (name) => name === pool.name);
  return faults;
}

/**
 * Spot shares that the plan misses by more than the largest node that it launches there, with a node among these that is not of the wanted type; pods may ask for a
 * capacity type, so no plan must keep them.
 */
export function missedShares(problem: PackingProblem, plan: PackingPlan): readonly string[] {
  const vcpus = (instanceType: string) => amount(problem.types.find((one) => one.name === instanceType)?.capacity['cpu'] ?? 0);
  return problem.pools.flatMap((pool) => {
    if (pool.spotPercent === undefined) return [];
    const group = (name: string | undefined) => {
      const other = problem.pools.find((one) => one.name === name);
      return other?.spotPercent !== undefined && (other.spotShareGroup ?? other.name) === (pool.spotShareGroup ?? pool.name);
    };
    const launched = plan.newNodes.filter((node) => group(node.pool));
    const sizes = [
      ...launched.map((node) => ({ vcpus: vcpus(node.instanceType), isSpot: node.capacityType === 'spot' })),
      ...problem.nodes
        .filter((node) => group(node.pool))
        .map(({ labels, allocatable }) => ({
          vcpus: amount(allocatable['cpu'] ?? 0),
          isSpot: labels['karpenter.sh/capacity-type'] === 'spot',
        })),
    ];
    const all = sizes.reduce((sum, node) => sum + node.vcpus, 0);
    const spot = sizes.reduce((sum, node) => sum + (node.isSpot ? node.vcpus : 0), 0);
    const largest = Math.max(0, ...launched.map((node) => vcpus(node.instanceType)));
    const off = spot - (all * pool.spotPercent) / 100;
    const isAgainst = launched.some((node) => (node.capacityType === 'spot') === off > 0);
    return isAgainst && Math.abs(off) > largest + 1e-9 ? [`${pool.name}: ${off} vCPUs off, largest node ${largest}`] : [];
  });
}

function moneyFaults(plan: PackingPlan): readonly string[] {
  const faults: string[] = [];
  const sum = plan.newNodes.reduce((total, node) => total + node.usdPerHour, 0);
  if (Math.abs(sum - plan.usdPerHour) > 1e-5) faults.push(`usdPerHour ${plan.usdPerHour} is not the sum ${sum}`);
  if (plan.lowerBoundUsdPerHour > plan.usdPerHour) faults.push('the bound is above the cost');
  return faults;
}
