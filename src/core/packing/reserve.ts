import type { CatalogType } from './catalog.ts';
import type { ResourceList } from './problem.ts';

const MIB = 1024 * 1024;

/**
 * What an EKS node of the type keeps from pods, as Karpenter assumes it for AL2023 and Bottlerocket
 * (karpenter-provider-aws pkg/providers/instancetype/types.go): 7.5 % of the memory that the hypervisor and the kernel take,
 * kube-reserved by EKS's formula (255 MiB + 11 MiB a pod; cpu 6 %, 1 %, 0.5 %, 0.5 %, then 0.25 % of a core) and 100 MiB of eviction
 * threshold.
 */
export function kubeletReserve(type: Pick<CatalogType, 'vcpu' | 'memoryMiB' | 'maxPods'>): ResourceList {
  const machineMiB = Math.ceil(type.memoryMiB * 0.075);
  const kubeMiB = 255 + 11 * type.maxPods;
  return { cpu: `${reservedMilli(type.vcpu)}m`, memory: (machineMiB + kubeMiB + 100) * MIB };
}

function reservedMilli(vcpus: number): number {
  const shares = [60, 10, 5, 5];
  const first = shares.slice(0, Math.ceil(vcpus)).reduce((sum, share) => sum + share, 0);
  return Math.ceil(first + 2.5 * Math.max(0, Math.ceil(vcpus) - shares.length));
}
