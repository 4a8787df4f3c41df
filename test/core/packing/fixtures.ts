import type { InstanceType, Offering, PackingPod, PackingProblem, PodSpec } from '../../../src/core/packing/problem.ts';

export const ZONES = ['z-a', 'z-b', 'z-c'] as const;

export function pod(
  key: string,
  cpu: number | string,
  memory: string,
  spec: Partial<PodSpec> = {},
  more: Partial<PackingPod> = {},
): PackingPod {
  return { key, namespace: 'default', spec: { containers: [{ resources: { requests: { cpu, memory } } }], ...spec }, ...more };
}

export function instanceType(
  name: string,
  cpu: number,
  memory: string,
  labels: Readonly<Record<string, string>> = {},
  pods = 110,
): InstanceType {
  return { name, capacity: { cpu, memory, pods }, labels: { 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux', ...labels } };
}

export const SMALL = instanceType('t.small', 2, '8Gi');
export const LARGE = instanceType('t.large', 8, '32Gi');

export function offer(type: string, usdPerHour: number, zones: readonly string[] = ZONES, spotUsdPerHour?: number): readonly Offering[] {
  return zones.flatMap((zone) => [
    { instanceType: type, zone, capacityType: 'on-demand' as const, usdPerHour },
    ...(spotUsdPerHour === undefined ? [] : [{ instanceType: type, zone, capacityType: 'spot' as const, usdPerHour: spotUsdPerHour }]),
  ]);
}

export function problem(part: Partial<PackingProblem>): PackingProblem {
  return {
    pods: [],
    nodes: [],
    types: [SMALL, LARGE],
    offerings: [...offer('t.small', 0.1), ...offer('t.large', 0.36)],
    pools: [{ name: 'workers' }],
    ...part,
  };
}
