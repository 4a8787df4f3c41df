import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { labels, tags, taints } from '../../../src/api/labels.ts';
import type { CatalogType } from '../../../src/core/packing/catalog.ts';
import { kubeletReserve } from '../../../src/core/packing/reserve.ts';
import type { ControlPlane } from '../../controlplane/start.ts';
import { retried } from '../../controlplane/wait.ts';
import type { Gate } from '../../gate/gate.ts';
import type { StartedInstance } from '../../gate/instances.ts';

const catalogFile = join(import.meta.dirname, '../../../data/ec2-us-east-1.json');

/** A machine that joined: the Node by which the cluster knows an instance. */
export type Machine = { readonly instance: StartedInstance; readonly nodeName: string };

export type Joiner = {
  machines(): readonly Machine[];
  /** Instances that have been started ever. */
  started(): number;
  /** Resolves when all that has begun is done; throws what could not be done. */
  settle(): Promise<void>;
  failure(): unknown;
  close(): void;
};

export type JoinerListener = { joined?(machine: Machine): void; left?(machine: Machine): void };

/** Plays the machines: what the emulator starts joins the cluster as the user data would have it, and what it ends leaves. */
export function startJoiner(controlPlane: ControlPlane, gate: Gate, listener: JoinerListener = {}): Joiner {
  const { types } = JSON.parse(readFileSync(catalogFile, 'utf8')) as { readonly types: readonly CatalogType[] };
  const machines = new Map<string, Machine>();
  let started = 0;
  let work: Promise<void> = Promise.resolve();
  let closed = false;
  let failure: unknown;
  const inOrder = (what: string, step: () => Promise<void>): void => {
    work = work
      .then(() =>
        retried(what, async () => {
          if (!closed) await step();
        }),
      )
      .catch((error: unknown) => {
        failure ??= error;
      });
  };
  const unsubscribe = gate.onInstance(({ kind, instance }) => {
    if (kind === 'started') {
      started += 1;
      const machine = { instance, nodeName: instance.privateDnsName };
      inOrder(`${machine.nodeName} joins`, async () => {
        await controlPlane.joinNode(nodeOf(instance, typeOf(types, instance.instanceType)));
        machines.set(instance.instanceId, machine);
        listener.joined?.(machine);
      });
      return;
    }
    inOrder(`${instance.privateDnsName} leaves`, async () => {
      const machine = machines.get(instance.instanceId);
      if (machine === undefined) return;
      listener.left?.(machine);
      await controlPlane.deleteNode(machine.nodeName);
      machines.delete(instance.instanceId);
    });
  });
  return {
    machines: () => [...machines.values()],
    started: () => started,
    async settle() {
      await work;
      if (failure !== undefined) throw failure;
    },
    failure: () => failure,
    close() {
      closed = true;
      unsubscribe();
    },
  };
}

function typeOf(types: readonly CatalogType[], name: string): CatalogType {
  const type = types.find((candidate) => candidate.name === name);
  if (type === undefined) throw new Error(`the catalog has no ${name}`);
  return type;
}

function nodeOf({ instanceId, zone, privateDnsName, privateIpAddress, tags: instanceTags }: StartedInstance, type: CatalogType) {
  const reserved = kubeletReserve(type);
  const milli = Number.parseInt(String(reserved['cpu']), 10);
  const mebi = Math.ceil(Number(reserved['memory']) / 1024 ** 2);
  const architecture = type.arch[0] === 'arm64' ? 'arm64' : 'amd64';
  return {
    name: privateDnsName,
    providerID: `aws:///${zone}/${instanceId}`,
    internalIP: privateIpAddress,
    architecture,
    labels: {
      [labels.instanceType]: type.name,
      [labels.zone]: zone,
      [labels.region]: zone.slice(0, -1),
    },
    taints: [
      { key: taints.unregistered, effect: 'NoExecute' },
      { key: taints.runtime, value: instanceTags[tags.runtimeUid] ?? '', effect: 'NoSchedule' },
    ],
    capacity: { cpu: String(type.vcpu), memory: `${type.memoryMiB}Mi`, pods: String(type.maxPods), 'ephemeral-storage': '50Gi' },
    allocatable: { cpu: `${type.vcpu * 1000 - milli}m`, memory: `${type.memoryMiB - mebi}Mi`, 'ephemeral-storage': '45Gi' },
  };
}
