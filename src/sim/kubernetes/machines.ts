import type { Taint } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { between } from '../faults.ts';
import type { ApiServer } from './api-server.ts';
import { withCondition } from './conditions.ts';
import type { Fields } from './json.ts';
import { kindNamed } from './kinds.ts';
import { timestamp } from './time.ts';

export const nodeKind = kindNamed('Node');

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
export const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** What a machine says of itself when its kubelet registers. */
export type JoiningNode = {
  readonly name: string;
  readonly providerID: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** Kubernetes quantities: cpu, memory, pods, ephemeral-storage, nvidia.com/gpu … */
  readonly capacity: Readonly<Record<string, string>>;
  /** Default: the capacity. */
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly zone: string;
};

type MachineState = 'running' | 'stopped' | 'terminated';

/** The machines behind the nodes: a kubelet runs on each that is running. */
export type Machines = {
  join(node: JoiningNode): void;
  /** The machine stops (its disk stays) or is terminated: its kubelet falls silent at once; the cluster finds out by itself. */
  lose(name: string, how?: 'stopped' | 'terminated'): void;
  state(name: string): MachineState | undefined;
  onLost(listener: (name: string) => void): void;
};

export function createMachines(server: ApiServer): Machines {
  const { world } = server;
  const states = new Map<string, MachineState>();
  const listeners: ((name: string) => void)[] = [];

  function join(node: JoiningNode): void {
    states.set(node.name, 'running');
    const registered = server.create(nodeKind, manifest(node, timestamp(world.now())), 'kubelet');
    if (!registered.ok) throw new Error(`node ${node.name} cannot register: ${registered.error.message}`);
    world.schedule(between(world.random, 1000, 8000), `kubelet ${node.name} is ready`, () => {
      if (states.get(node.name) !== 'running') return;
      server.change(nodeKind, node.name, (current) =>
        withCondition(current, timestamp(world.now()), {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        }),
      );
    });
  }

  function lose(name: string, how: 'stopped' | 'terminated' = 'terminated'): void {
    if (states.get(name) === undefined || states.get(name) === 'terminated') return;
    states.set(name, how);
    world.trace.add(`  machine ${name} ${how}`);
    for (const listener of listeners) listener(name);
  }

  return {
    join,
    lose,
    state: (name) => states.get(name),
    onLost: (listener) => {
      listeners.push(listener);
    },
  };
}

function manifest(node: JoiningNode, now: string): Fields {
  const { name, providerID, capacity, zone } = node;
  const taints = [...(node.taints ?? []), { key: NOT_READY, effect: 'NoSchedule' }];
  return {
    metadata: {
      name,
      labels: {
        [labels.hostname]: name,
        [labels.arch]: 'amd64',
        [labels.os]: 'linux',
        [labels.zone]: zone,
        [labels.region]: zone.replace(/[a-z]$/, ''),
        ...node.labels,
      },
    },
    spec: { providerID, taints },
    status: {
      capacity,
      allocatable: node.allocatable ?? capacity,
      addresses: [{ type: 'Hostname', address: name }],
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: 'container runtime network not ready',
          lastTransitionTime: now,
        },
      ],
    },
  };
}
