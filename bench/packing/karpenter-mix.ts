import type { InstanceType, Offering, PackingPod, PackingProblem } from '../../src/core/packing/problem.ts';
import { mixPods } from './mixes.ts';

/**
 * Karpenter's own scheduling benchmark, rebuilt from its description: fifths of generic pods, zone spread, hostname spread, self-affinity
 * by zone and anti-affinity by hostname, random requests and labels; 400 linear types in three zones.
 */
export function karpenterMix(count: number, seed: number): PackingProblem {
  let state = seed >>> 0;
  const below = (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * bound);
  };
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const letter = () => pick(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  const kinds = ['generic', 'zoneSpread', 'hostSpread', 'zoneAffinity', 'hostAntiAffinity'] as const;
  const pods = Array.from({ length: count }, (_, index) => {
    const kind = kinds[Math.floor((index * kinds.length) / count)] as (typeof kinds)[number];
    const same = kind === 'zoneAffinity' ? { 'my-affinity': letter() } : { app: 'nginx' };
    const labels: Record<string, string> = kind === 'zoneAffinity' || kind === 'hostAntiAffinity' ? same : { 'my-label': letter() };
    const selector: Record<string, string> = kind === 'zoneAffinity' || kind === 'hostAntiAffinity' ? same : { 'my-label': letter() };
    return [pick([100, 250, 500, 1000, 1500]), pick([100, 256, 512, 1024, 2048, 4096]), kind, labels, selector] as const;
  });
  return { ...linearTypes(400), pods: mixPods({ pods }), nodes: [], pools: [{ name: 'workers' }] };
}

/** Type i: i+1 vCPU, 2(i+1) GiB, 10(i+1) pods, at Karpenter's fake price of 0.1 USD per vCPU and per GB. */
export function linearTypes(count: number): { readonly types: readonly InstanceType[]; readonly offerings: readonly Offering[] } {
  const types = Array.from({ length: count }, (_, index): InstanceType => {
    const cpu = index + 1;
    return {
      name: `fake-it-${index}`,
      capacity: { cpu, memory: `${2 * cpu}Gi`, pods: 10 * cpu },
      labels: { 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux' },
    };
  });
  const offerings = types.flatMap((type, index) =>
    ['zone-1', 'zone-2', 'zone-3'].map(
      (zone): Offering => ({
        instanceType: type.name,
        zone,
        capacityType: 'on-demand',
        usdPerHour: 0.1 * (index + 1) + (0.1 * 2 * (index + 1) * 2 ** 30) / 1e9,
      }),
    ),
  );
  return { types, offerings };
}

/** The same pods as new objects: nothing that the planner remembers by identity helps it. */
export function fresh(pods: readonly PackingPod[]): readonly PackingPod[] {
  return structuredClone(pods);
}
