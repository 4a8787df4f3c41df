import { readFileSync } from 'node:fs';
import { type Catalog, type CatalogType, readCatalog } from '../../src/core/packing/catalog.ts';
import type { PackingPod, PackingProblem, PodSpec } from '../../src/core/packing/problem.ts';

export type MixPods = readonly (readonly [number, number, string, Record<string, string>, Record<string, string>])[];

/** The pods behind the cost table: [millicores, MiB, kind, labels, selector], and what real Karpenter made of them. */
export type Mix = {
  readonly mix: string;
  readonly pods: MixPods;
  readonly karpenter: { readonly cmr: { readonly usdPerHour: number }; readonly 'le16-nb': { readonly usdPerHour: number } };
};

export function mixPods(mix: Pick<Mix, 'pods'>): readonly PackingPod[] {
  return mix.pods.map(([cpu, memory, kind, labels, selector], index) => ({
    key: `default/p${index}`,
    namespace: 'default',
    labels,
    spec: { containers: [{ resources: { requests: { cpu: `${cpu}m`, memory: `${memory}Mi` } } }], ...rulesFor(kind, selector) },
  }));
}

function rulesFor(kind: string, matchLabels: Record<string, string>): Partial<PodSpec> {
  const labelSelector = { matchLabels };
  const spread = (topologyKey: string): Partial<PodSpec> => ({
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector }],
  });
  if (kind === 'zoneSpread') return spread('topology.kubernetes.io/zone');
  if (kind === 'hostSpread') return spread('kubernetes.io/hostname');
  const term = (topologyKey: string) => ({ requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector }] });
  if (kind === 'zoneAffinity') return { affinity: { podAffinity: term('topology.kubernetes.io/zone') } };
  if (kind === 'hostAntiAffinity') return { affinity: { podAntiAffinity: term('kubernetes.io/hostname') } };
  return {};
}

/** Karpenter's `cmr` set: x86_64, not metal, no GPU or accelerator, families c, m, r of generation above 2. */
export function isCmr(type: CatalogType): boolean {
  const [, letters = '', generation = '0'] = /^([a-z]+)(\d+)/.exec(type.name) ?? [];
  const plain =
    type.arch.includes('x86_64') && !type.bareMetal && type.gpus === 0 && type.gpuName === undefined && type.accelerators === undefined;
  return plain && ['c', 'm', 'r'].includes(letters) && Number(generation) > 2;
}

/** Its `le16-nb` set: x86_64, at most 16 vCPU, not burstable. */
export function isLe16(type: CatalogType): boolean {
  return type.arch.includes('x86_64') && type.vcpu <= 16 && !type.burstable;
}

export function catalogOf(file: string, accept: (type: CatalogType) => boolean): Catalog {
  const catalog = readCatalog(JSON.parse(readFileSync(file, 'utf8')), { accept });
  if (!catalog.ok) throw new Error(catalog.reason);
  return catalog.value;
}

export function problemOf(pods: readonly PackingPod[], catalog: Catalog): PackingProblem {
  return { pods, nodes: [], types: catalog.types, offerings: catalog.offerings, pools: [{ name: 'workers' }] };
}
