import type {
  InstanceType,
  Offering,
  PackingGang,
  PackingNode,
  PackingPod,
  PackingPool,
  PackingProblem,
  PodSpec,
  Taint,
} from '../../../src/core/packing/problem.ts';

/** mulberry32: a small generator whose whole state is the seed, so that a failing problem is one number. */
export function dice(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return { below, chance: (share: number) => next() < share, pick: <T>(values: readonly T[]): T => values[below(values.length)] as T };
}
type Dice = ReturnType<typeof dice>;

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const CAPACITY = 'karpenter.sh/capacity-type';
const TEAM_TAINT: Taint = { key: 'team', value: 'red', effect: 'NoSchedule' };

export type Size = { readonly pods: number; readonly types: number; readonly nodes: number };

/** A problem with a bit of every rule. The same seed gives the same problem. */
export function randomProblem(seed: number, size: Size): PackingProblem {
  const roll = dice(seed);
  const zones = ['a', 'b', 'c'].slice(0, 1 + roll.below(3));
  const types = Array.from({ length: 1 + roll.below(size.types) }, (_, index) => randomType(roll, index));
  const withSpot = roll.chance(0.4);
  const offerings = types.flatMap((type) =>
    zones.filter(() => roll.chance(0.9)).flatMap((zone) => randomOfferings(roll, type, zone, withSpot)),
  );
  const pools = Array.from({ length: 1 + roll.below(2) }, (_, index) => randomPool(roll, index, withSpot));
  const templates = Array.from({ length: 1 + roll.below(5) }, () => randomTemplate(roll, zones));
  const gangs: PackingGang[] = [];
  const pods: PackingPod[] = [];
  for (const [index, template] of templates.entries()) {
    const gang = roll.chance(0.15) ? `gang-${index}` : undefined;
    if (gang !== undefined) gangs.push({ id: gang, singleZone: roll.chance(0.5) });
    const count = 1 + roll.below(Math.max(1, Math.ceil((2 * size.pods) / templates.length)));
    for (let pod = 0; pod < count && pods.length < size.pods; pod++)
      pods.push({ ...template, key: `ns/p${pods.length}`, ...(gang === undefined ? {} : { gang }) });
  }
  const nodes = Array.from({ length: roll.below(size.nodes + 1) }, (_, index) => randomNode(roll, index, zones, templates));
  return {
    pods,
    nodes,
    types,
    offerings,
    pools,
    gangs,
    ...(roll.chance(0.3)
      ? {
          daemons: [
            { key: 'ns/daemon', namespace: 'ns', spec: { containers: [{ resources: { requests: { cpu: '100m', memory: '128Mi' } } }] } },
          ],
        }
      : {}),
    ...(roll.chance(0.15) ? { limits: roll.chance(0.5) ? { nodes: 1 + roll.below(6) } : { usdPerHour: 0.2 + roll.below(10) / 10 } } : {}),
    ...(roll.chance(0.2) ? { unavailable: [{ zone: roll.pick(zones), instanceType: roll.pick(types).name }] } : {}),
    namespaces: { ns: { team: 'red' }, other: { team: 'blue' } },
  };
}

function randomType(roll: Dice, index: number): InstanceType {
  const cpu = roll.pick([2, 4, 8]);
  return {
    name: `type-${index}`,
    capacity: {
      cpu,
      memory: `${cpu * roll.pick([2, 4, 8])}Gi`,
      pods: roll.pick([4, 8, 30]),
      'attachable-volumes-aws-ebs': 3,
      ...(roll.chance(0.15) ? { 'nvidia.com/gpu': 1 } : {}),
    },
    ...(roll.chance(0.5) ? { reserved: { cpu: '80m', memory: '300Mi' } } : {}),
    labels: { 'kubernetes.io/arch': roll.chance(0.8) ? 'amd64' : 'arm64', 'kubernetes.io/os': 'linux', size: String(cpu) },
  };
}

function randomOfferings(roll: Dice, type: InstanceType, zone: string, withSpot: boolean): readonly Offering[] {
  const usdPerHour = Number(type.capacity['cpu']) * 0.05 * (1 + roll.below(3) / 10);
  const onDemand: Offering = { instanceType: type.name, zone, capacityType: 'on-demand', usdPerHour };
  return withSpot && roll.chance(0.8) ? [onDemand, { ...onDemand, capacityType: 'spot', usdPerHour: usdPerHour * 0.4 }] : [onDemand];
}

function randomPool(roll: Dice, index: number, withSpot: boolean): PackingPool {
  return {
    name: `pool-${index}`,
    ...(roll.chance(0.3) ? { weight: roll.below(3) } : {}),
    ...(roll.chance(0.2) ? { taints: [roll.chance(0.7) ? TEAM_TAINT : ({ ...TEAM_TAINT, effect: 'PreferNoSchedule' } as const)] } : {}),
    ...(roll.chance(0.3) ? { labels: { tier: roll.pick(['gold', 'tin']) } } : {}),
    ...(roll.chance(0.3)
      ? {
          requirements: [
            roll.pick([
              { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64'] },
              { key: 'size', operator: 'Gt', values: ['2'] },
              { key: 'node.kubernetes.io/instance-type', operator: 'Exists', minValues: 2 },
              { key: 'stage', operator: 'In', values: ['x', 'y'] },
            ] as const),
          ],
        }
      : {}),
    ...(roll.chance(0.15) ? { limits: { nodes: 1 + roll.below(4) } } : {}),
    ...(withSpot && roll.chance(0.4) ? { spotPercent: roll.pick([0, 30, 50, 100]) } : {}),
  };
}

const APPS = ['one', 'two', 'three'];

function randomTemplate(roll: Dice, zones: readonly string[]): PackingPod {
  const request = { cpu: roll.pick(['100m', '500m', '1', '1500m', '3']), memory: roll.pick(['128Mi', '1Gi', '3Gi']) };
  const gpu: Record<string, number> = roll.chance(0.05) ? { 'nvidia.com/gpu': 1 } : {};
  const app = roll.pick(APPS);
  const other = roll.chance(0.7) ? app : roll.pick(APPS);
  const labelSelector = roll.chance(0.8)
    ? { matchLabels: { app: other } }
    : { matchExpressions: [{ key: 'app', operator: 'In' as const, values: [app, other] }] };
  const spec: { -readonly [Key in keyof PodSpec]: PodSpec[Key] } = {
    containers: [
      {
        resources: { requests: { ...request, ...gpu }, limits: gpu },
        ...(roll.chance(0.07)
          ? { ports: [{ hostPort: 8080, ...(roll.chance(0.4) ? { hostIP: roll.pick(['10.0.0.1', '10.0.0.2']) } : {}) }] }
          : {}),
      },
    ],
  };
  if (roll.chance(0.1))
    spec.initContainers = [
      { restartPolicy: 'Always', resources: { requests: { cpu: '200m' } } },
      { resources: { requests: { cpu: '1', memory: '64Mi' } } },
    ];
  if (roll.chance(0.05)) spec.overhead = { cpu: '50m', memory: '32Mi' };
  if (roll.chance(0.25)) {
    const topologyKey = roll.pick([ZONE, ZONE, HOST, CAPACITY]);
    spec.topologySpreadConstraints = [
      {
        maxSkew: 1 + roll.below(2),
        topologyKey,
        whenUnsatisfiable: roll.chance(0.8) ? 'DoNotSchedule' : 'ScheduleAnyway',
        labelSelector,
        ...(roll.chance(0.15) ? { nodeAffinityPolicy: 'Ignore' as const } : {}),
        ...(roll.chance(0.15) ? { nodeTaintsPolicy: 'Honor' as const } : {}),
        ...(roll.chance(0.1) ? { matchLabelKeys: ['version'] } : {}),
      },
    ];
    const [only] = spec.topologySpreadConstraints;
    if (only?.whenUnsatisfiable === 'DoNotSchedule' && roll.chance(0.15))
      spec.topologySpreadConstraints = [{ ...only, minDomains: 1 + roll.below(3) }];
  }
  const term = {
    topologyKey: roll.pick([ZONE, HOST]),
    labelSelector,
    ...(roll.chance(0.1) ? { namespaceSelector: { matchLabels: { team: 'red' } } } : {}),
  };
  const affinity: { -readonly [Key in keyof NonNullable<PodSpec['affinity']>]: NonNullable<PodSpec['affinity']>[Key] } = {};
  if (roll.chance(0.12))
    affinity.podAffinity = roll.chance(0.7)
      ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
      : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: term }] };
  if (roll.chance(0.15))
    affinity.podAntiAffinity = roll.chance(0.7)
      ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
      : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: term }] };
  if (roll.chance(0.15)) {
    const expressions = roll.pick([
      [{ key: 'kubernetes.io/arch', operator: 'In' as const, values: ['arm64', 'amd64'] }],
      [{ key: 'size', operator: 'Lt' as const, values: ['8'] }],
      [{ key: 'tier', operator: 'DoesNotExist' as const }],
      [{ key: CAPACITY, operator: 'NotIn' as const, values: ['spot'] }],
    ]);
    affinity.nodeAffinity = roll.chance(0.7)
      ? {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: expressions },
              ...(roll.chance(0.3) ? [{ matchExpressions: [{ key: 'tier', operator: 'In' as const, values: ['gold'] }] }] : []),
            ],
          },
        }
      : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: { matchExpressions: expressions } }] };
  }
  if (Object.keys(affinity).length > 0) spec.affinity = affinity;
  if (roll.chance(0.1)) spec.nodeSelector = roll.pick([{ [ZONE]: roll.pick(zones) }, { 'kubernetes.io/arch': 'amd64' }, { stage: 'x' }]);
  if (roll.chance(0.3))
    spec.tolerations = [
      roll.pick([
        { operator: 'Exists' as const },
        { key: 'team', operator: 'Equal' as const, value: 'red', effect: 'NoSchedule' as const },
      ]),
    ];
  return {
    key: 'template',
    namespace: roll.chance(0.9) ? 'ns' : 'other',
    labels: { app, version: roll.pick(['1', '2']) },
    spec,
    ...(roll.chance(0.2) ? { priority: roll.below(3) } : {}),
    ...(roll.chance(0.07) ? { volumes: { zones: [roll.pick(zones)], attachments: 1 } } : {}),
    ...(roll.chance(0.05) ? { reservation: 'job-1' } : {}),
  };
}

function randomNode(roll: Dice, index: number, zones: readonly string[], templates: readonly PackingPod[]): PackingNode {
  const cpu = roll.pick([2, 4, 8]);
  const running = Array.from({ length: roll.below(4) }, (_, pod): PackingPod => {
    const { namespace, labels = {}, spec } = roll.pick(templates);
    const affinity = spec.affinity?.podAntiAffinity === undefined ? {} : { affinity: { podAntiAffinity: spec.affinity.podAntiAffinity } };
    return {
      key: `ns/r${index}-${pod}`,
      namespace,
      labels,
      spec: { containers: [{ resources: { requests: { cpu: '200m', memory: '128Mi' } } }], ...affinity },
      ...(roll.chance(0.1) ? { terminating: true } : {}),
    };
  });
  const name = `node-${index}`;
  return {
    name,
    labels: {
      [HOST]: name,
      [ZONE]: roll.pick(zones),
      [CAPACITY]: 'on-demand',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/os': 'linux',
      size: String(cpu),
      ...(roll.chance(0.2) ? { tier: 'gold' } : {}),
    },
    allocatable: { cpu, memory: `${cpu * 4}Gi`, pods: 10, 'attachable-volumes-aws-ebs': 2 },
    pods: running,
    usdPerHour: cpu * 0.05,
    ...(roll.chance(0.6) ? { pool: 'pool-0' } : {}),
    ...(roll.chance(0.15) ? { taints: [TEAM_TAINT] } : {}),
    ...(roll.chance(0.1) ? { unschedulable: true } : {}),
    ...(roll.chance(0.15) ? { reservedFor: ['job-1'] } : {}),
    ...(running.length === 0 && roll.chance(0.3) ? { launching: true } : {}),
  };
}

/** What brute force does not know: preferences, weights, spot shares, minValues. */
export function simpler(problem: PackingProblem): PackingProblem {
  const pools = problem.pools.map(({ name, labels = {}, taints = [], limits = {}, requirements = [] }) => ({
    name,
    labels,
    taints,
    limits,
    requirements: requirements.filter((one) => one.minValues === undefined),
  }));
  return { ...problem, preferences: 'Ignore', pools };
}

/** Pods with amounts only, so that nodes or types more cannot change what the rules between pods ask. */
export function amountsOnly(problem: PackingProblem): PackingProblem {
  const pods = problem.pods.map(({ key, namespace, spec, volumes = {} }) => ({
    key,
    namespace,
    volumes,
    spec: { containers: spec.containers },
  }));
  return {
    ...simpler(problem),
    pods,
    gangs: [],
    limits: {},
    pools: [{ name: 'workers' }],
    nodes: problem.nodes.map((node) => ({ ...node, pods: [] })),
  };
}

/** The same problem with rules that few pods have: scratch space, Exists and Gt, terms by other labels, constraints by two keys at once. */
export function withRareRules(problem: PackingProblem, seed: number): PackingProblem {
  const roll = dice(seed ^ 0x5eed);
  const made = new Map<PodSpec, PodSpec>();
  const rare = (spec: PodSpec): PodSpec => {
    const known = made.get(spec) ?? rareSpec(roll, spec);
    made.set(spec, known);
    return known;
  };
  const scratch = (amount: string) => ({ 'ephemeral-storage': amount });
  return {
    ...problem,
    pods: problem.pods.map((pod) => ({ ...pod, spec: rare(pod.spec) })),
    types: problem.types.map((type) => ({ ...type, capacity: { ...type.capacity, ...scratch('20Gi') } })),
    nodes: problem.nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, ...scratch('10Gi') } })),
  };
}

/** The same problem with more bound volumes: of pods that wait, in some of the zones, and of pods that run. */
export function withVolumes(problem: PackingProblem, seed: number): PackingProblem {
  const roll = dice(seed ^ 0x70e5);
  const zones = [...new Set(problem.offerings.map((offering) => offering.zone))].sort();
  const byApp = new Map(APPS.map((app) => [app, roll.chance(0.35)]));
  const volumes = (pod: PackingPod): PackingPod => {
    if (pod.volumes !== undefined || zones.length === 0 || byApp.get(pod.labels?.['app'] ?? '') !== true || roll.chance(0.3)) return pod;
    const reachable = zones.filter(() => roll.chance(0.7));
    return { ...pod, volumes: { zones: reachable.length === 0 ? zones : reachable, attachments: 1 + roll.below(2) } };
  };
  return {
    ...problem,
    pods: problem.pods.map(volumes),
    nodes: problem.nodes.map((node) => ({
      ...node,
      pods: node.pods.map((pod) => (roll.chance(0.2) ? { ...pod, volumes: { attachments: 1 } } : pod)),
    })),
  };
}

function rareSpec(roll: Dice, spec: PodSpec): PodSpec {
  const [main, ...others] = spec.containers;
  const scratch = roll.chance(0.3) ? { 'ephemeral-storage': roll.pick(['1Gi', '4Gi', '9Gi']) } : {};
  const resources = { ...main?.resources, requests: { ...main?.resources?.requests, ...scratch } };
  const placed = roll.chance(0.15)
    ? roll.pick([
        { key: 'size', operator: 'Exists' as const },
        { key: 'size', operator: 'Gt' as const, values: ['2'] },
      ])
    : undefined;
  const [first] = spec.topologySpreadConstraints ?? [];
  const second = {
    maxSkew: 2,
    topologyKey: HOST,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'one' } },
  } as const;
  const anti = {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: HOST, labelSelector: { matchLabels: { app: 'two' } }, mismatchLabelKeys: ['version'] },
    ],
  };
  return {
    ...spec,
    containers: [{ ...main, resources }, ...others],
    ...(first !== undefined && first.topologyKey !== HOST && roll.chance(0.4) ? { topologySpreadConstraints: [first, second] } : {}),
    affinity: {
      ...spec.affinity,
      ...(spec.affinity?.nodeAffinity === undefined && placed !== undefined
        ? { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [placed] }] } } }
        : {}),
      ...(spec.affinity?.podAntiAffinity === undefined && roll.chance(0.1) ? { podAntiAffinity: anti } : {}),
    },
  };
}
