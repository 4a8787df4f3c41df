import type { ElasticRuntime, MachineImage, Requirement, VolumePlan, WorkerPool } from '../../api/generated/types.ts';
import { labels, taints } from '../../api/labels.ts';
import { parseBytes, parseCpuMilli } from '../quantity/amounts.ts';

/** A pool as its nodes are launched: class, defaults and pool fields merged. */
export type ResolvedPool = {
  readonly name: string;
  readonly role: 'master' | 'worker';
  readonly architecture: 'amd64' | 'arm64';
  readonly image: MachineImage;
  readonly requirements: readonly Requirement[];
  readonly taints: readonly {
    readonly key: string;
    readonly value?: string;
    readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly volume: VolumePlan;
  readonly weight: number;
  readonly min: number;
  readonly max: number;
  readonly maxUsdPerHour?: number;
  /** Over the pool's nodes together, by the nominal sizes of their types. */
  readonly maxVcpus?: number;
  readonly maxMemoryGiB?: number;
  readonly spotPercent: number;
  /** Pools of one group keep the share together: those that say none of their own. */
  readonly spotShareGroup: string;
};

export const masterPool = 'masters';
export const workerPool = 'workers';

/** The pools of a runtime, masters first. Without `workers.pools` there is one worker pool. */
export function resolvePools(runtime: ElasticRuntime): readonly ResolvedPool[] {
  const { spec } = runtime;
  const { masters, workers } = spec;
  const maxUsdPerHour = workers.maxUsdPerHour === undefined ? {} : { maxUsdPerHour: Number(workers.maxUsdPerHour) };
  const masterRequirements = masters.requirements ?? [];
  const master: ResolvedPool = {
    name: masterPool,
    role: 'master',
    architecture: architectureOf(masterRequirements),
    image: spec.machineImage,
    requirements: masterRequirements,
    taints: [],
    labels: {},
    volume: masters.volumes,
    weight: 0,
    min: masters.min,
    max: masters.max,
    spotPercent: 0,
    spotShareGroup: masterPool,
  };
  const common = { role: 'worker', min: workers.min, max: workers.max, ...maxUsdPerHour } as const;
  const pools = workers.pools ?? [];
  if (pools.length === 0) {
    const requirements = workers.requirements ?? [];
    return [
      master,
      {
        ...common,
        name: workerPool,
        architecture: architectureOf(requirements),
        image: spec.machineImage,
        requirements,
        taints: [],
        labels: {},
        volume: workers.volumes,
        weight: 0,
        spotPercent: workers.spotPercent,
        spotShareGroup: workerPool,
      },
    ];
  }
  return [
    master,
    ...pools.map((pool, index): ResolvedPool => {
      const requirements = pool.requirements ?? workers.requirements ?? [];
      return {
        ...common,
        name: pool.name,
        architecture: architectureOf(requirements),
        image: { ...spec.machineImage, ...pool.machineImage },
        requirements,
        taints: pool.taints ?? [],
        labels: pool.labels ?? {},
        volume: { ...workers.volumes, ...pool.volumes },
        weight: pool.weight,
        // The minimum is the runtime's, kept by its first pool.
        min: index === 0 ? workers.min : 0,
        max: Math.min(workers.max, pool.limits?.nodes ?? workers.max),
        ...(pool.limits?.maxUsdPerHour !== undefined && { maxUsdPerHour: Number(pool.limits.maxUsdPerHour) }),
        ...sizesOf(pool.limits),
        spotPercent: pool.spotPercent ?? workers.spotPercent,
        // Names of pools are never that of the group of all.
        spotShareGroup: pool.spotPercent === undefined ? workerPool : pool.name,
      };
    }),
  ];
}

/** Amounts that admission has let pass; one that is none limits nothing that could be said. */
function sizesOf(limits: WorkerPool['limits']): Pick<ResolvedPool, 'maxVcpus' | 'maxMemoryGiB'> {
  const cpu = limits?.cpu === undefined ? undefined : parseCpuMilli(limits.cpu);
  const memory = limits?.memory === undefined ? undefined : parseBytes(limits.memory);
  return {
    ...(cpu?.ok === true && { maxVcpus: cpu.value / 1000 }),
    ...(memory?.ok === true && { maxMemoryGiB: memory.value / 2 ** 30 }),
  };
}

/** The pools of each runtime for as long as its spec says the same of them, as the same objects. */
export function rememberedPools(): (runtime: ElasticRuntime & { readonly metadata: { readonly uid: string } }) => readonly ResolvedPool[] {
  const known = new Map<string, { readonly text: string; readonly pools: readonly ResolvedPool[] }>();
  return (runtime) => {
    const { masters, workers, machineImage } = runtime.spec;
    // Not the generation: a change of the runtime's class moves them, too.
    const text = JSON.stringify([masters, workers, machineImage]);
    const entry = known.get(runtime.metadata.uid);
    if (entry?.text === text) return entry.pools;
    const pools = resolvePools(runtime);
    known.set(runtime.metadata.uid, { text, pools });
    return pools;
  };
}

/** A launch template names one image, so a pool has one architecture: arm64 only where its requirements leave no other. */
function architectureOf(requirements: readonly Requirement[]): 'amd64' | 'arm64' {
  const allowed = (['amd64', 'arm64'] as const).filter((architecture) =>
    requirements.every(({ key, operator, values }) => {
      if (key !== labels.arch) return true;
      if (operator === 'In') return values?.includes(architecture) ?? false;
      if (operator === 'NotIn') return !(values?.includes(architecture) ?? false);
      return operator !== 'DoesNotExist';
    }),
  );
  return allowed[0] ?? 'amd64';
}

/** Labels for people on a node; the one that places pods is set by the operator once the provider id matched. */
export function nodeLabels(
  runtime: { readonly name: string; readonly namespace: string },
  pool: ResolvedPool,
): Readonly<Record<string, string>> {
  return {
    ...pool.labels,
    [labels.runtime]: runtime.name,
    [labels.namespace]: runtime.namespace,
    [labels.pool]: pool.name,
    [labels.nodeRole]: pool.role,
  };
}

export function nodeTaints(
  runtimeUid: string,
  pool: ResolvedPool,
): readonly { readonly key: string; readonly value?: string; readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute' }[] {
  return [{ key: taints.runtime, value: runtimeUid, effect: 'NoSchedule' }, ...pool.taints];
}
