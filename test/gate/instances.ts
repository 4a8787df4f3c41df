import { DescribeInstancesCommand, type Instance } from '@aws-sdk/client-ec2';
import type { Backend } from './backend.ts';

/** An instance that was started through the gate. */
export type StartedInstance = {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly capacityType: 'on-demand' | 'spot';
  readonly subnetId: string;
  readonly privateDnsName: string;
  readonly privateIpAddress: string;
  readonly launchTemplateId: string;
  /** As EC2 hands it to the instance: decoded */
  readonly userData: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly volumeIds: readonly string[];
};

export type InstanceEvent = { readonly kind: 'started' | 'terminated'; readonly instance: StartedInstance };

/** Live instances, and who wants to hear of their starts and ends. */
export type Instances = {
  readonly live: ReadonlyMap<string, StartedInstance>;
  started(instance: StartedInstance): void;
  ended(instanceId: string): void;
  /** The returned function ends it. */
  listen(listener: (event: InstanceEvent) => void): () => void;
};

export function createInstances(): Instances {
  const live = new Map<string, StartedInstance>();
  const listeners = new Set<(event: InstanceEvent) => void>();
  return {
    live,
    started(instance) {
      live.set(instance.instanceId, instance);
      for (const listener of listeners) listener({ kind: 'started', instance });
    },
    ended(instanceId) {
      const instance = live.get(instanceId);
      if (!instance) return;
      live.delete(instanceId);
      for (const listener of listeners) listener({ kind: 'terminated', instance });
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

export async function describeOne(backend: Backend, instanceId: string): Promise<Instance | undefined> {
  const answer = await backend.ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return answer.Reservations?.[0]?.Instances?.[0];
}
