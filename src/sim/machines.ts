import { labels, tags, taints } from '../api/labels.ts';
import { kubeletReserve } from '../core/packing/reserve.ts';
import type { InstanceEvents, InstanceState } from './aws/index.ts';
import { joinNode, loseNode, type SimulatedKubernetes } from './kubernetes/cluster.ts';

/** Joins what EC2 starts to the cluster, as the user data would, and takes it away when it stops. */
export function machineEvents(
  kubernetes: () => SimulatedKubernetes,
  notice: (instance: InstanceState, endsAt: number) => void,
): InstanceEvents {
  return {
    booted(instance) {
      if (instance.neverRegisters) return;
      const { type, zone, instanceId } = instance;
      const reserved = kubeletReserve({ vcpu: type.vcpu, memoryMiB: type.memoryMiB, maxPods: type.maxPods });
      const cpuMilli = type.vcpu * 1000 - Number.parseInt(String(reserved['cpu']), 10);
      const memory = type.memoryMiB * 1024 * 1024 - Number(reserved['memory']);
      joinNode(kubernetes(), {
        name: instance.privateDnsName,
        providerID: `aws:///${zone}/${instanceId}`,
        zone,
        labels: {
          [labels.instanceType]: type.name,
          [labels.zone]: zone,
          [labels.arch]: type.arch[0] === 'arm64' ? 'arm64' : 'amd64',
          [labels.os]: 'linux',
          [labels.hostname]: instance.privateDnsName,
        },
        taints: [
          { key: taints.unregistered, effect: 'NoExecute' },
          { key: taints.runtime, value: instance.tags[tags.runtimeUid] ?? '', effect: 'NoSchedule' },
        ],
        capacity: { cpu: String(type.vcpu), memory: `${type.memoryMiB}Mi`, pods: String(type.maxPods), 'ephemeral-storage': '50Gi' },
        allocatable: { cpu: `${cpuMilli}m`, memory: String(memory), pods: String(type.maxPods), 'ephemeral-storage': '45Gi' },
      });
    },
    interruptionNotice: notice,
    stopped(instance) {
      loseNode(kubernetes(), instance.privateDnsName, 'terminated');
    },
  };
}
