/**
 * What a machine keeps for itself, by the formulas of the EKS images (https://github.com/awslabs/amazon-eks-ami, kube-reserved: CPU 6 % of the
 * first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest; memory 255 MiB + 11 MiB per pod; hard eviction at 100 MiB) and Karpenter's
 * allowance of 7.5 % of the nominal memory for the hypervisor (vm-memory-overhead-percent).
 */
export function reservedByMachine(type: {
  readonly vcpu: number;
  readonly memoryMiB: number;
  readonly maxPods: number;
}): Readonly<Record<string, string>> {
  const millis = Array.from({ length: type.vcpu }, (_, core) => (core === 0 ? 60 : core === 1 ? 10 : core < 4 ? 5 : 2.5)).reduce(
    (sum, one) => sum + one,
    0,
  );
  const memoryMiB = Math.ceil(type.memoryMiB * 0.075) + 255 + 11 * type.maxPods + 100;
  return { cpu: `${Math.ceil(millis)}m`, memory: `${Math.min(memoryMiB, type.memoryMiB - 1)}Mi` };
}
