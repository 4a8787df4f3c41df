import type { KubernetesPort } from '../../ports/kubernetes.ts';
import type { SimulatedProcess, World } from '../world.ts';
import { type ApiServer, createApiServer } from './api-server.ts';
import { startDaemonSetController } from './daemonsets.ts';
import type { PodLog } from './disks.ts';
import { startGarbageCollector } from './garbage.ts';
import { startJobController } from './jobs.ts';
import { kindNamed } from './kinds.ts';
import { startKubelets } from './kubelet.ts';
import { createLists } from './lists.ts';
import { createMachines, type JoiningNode, type Machines } from './machines.ts';
import { startNamespaceController } from './namespaces.ts';
import { startNodeLifecycle } from './node-lifecycle.ts';
import { createPodIndex } from './pods.ts';
import { type Backend, createPort } from './port.ts';
import { startScheduler } from './scheduler.ts';
import { elasticRules } from './schema-rules.ts';
import type { HistoryWindow } from './store.ts';
import { createTokens, type Tokens } from './tokens.ts';
import { createWatches } from './watches.ts';

export type { PodLog } from './disks.ts';
export type { JoiningNode } from './machines.ts';

/** A whole simulated cluster: API server, its controllers, scheduler, and a kubelet on each machine. */
export type SimulatedKubernetes = {
  readonly world: World;
  /** The API server's verbs without latency and faults, for whoever sets the scene or judges it. */
  readonly server: ApiServer;
  readonly tokens: Tokens;
  readonly machines: Machines;
  /** Bytes on the node's data volume that pods have written (annotation `simulation.elasticruntime.dev/writes-gib-per-hour`). */
  bytesWritten(nodeName: string): number;
  podLogs(nodeName: string): readonly PodLog[];
  removedLogs(uid: string): readonly PodLog[];
  readonly backend: Backend;
};

export type KubernetesOptions = {
  /** Of ServiceAccount tokens; default https://oidc.simulation.elasticruntime.dev */
  readonly issuer?: string;
  /** How far back watches can start; default 5 minutes and 2,000 changes a kind. */
  readonly history?: HistoryWindow;
};

const HISTORY: HistoryWindow = { ageMs: 5 * 60_000, changes: 2000 };

export function createKubernetes(world: World, options: KubernetesOptions = {}): SimulatedKubernetes {
  const server = createApiServer(world, elasticRules, options.history ?? HISTORY);
  const pods = createPodIndex(server);
  const machines = createMachines(server);
  const tokens = createTokens(server, options.issuer ?? 'https://oidc.simulation.elasticruntime.dev');
  const watches = createWatches(server.store);
  const { list } = createLists(server.store);
  startGarbageCollector(server);
  startNamespaceController(server);
  startJobController(server);
  startDaemonSetController(server);
  startScheduler(server, pods);
  startNodeLifecycle(server, machines, pods);
  const kubelets = startKubelets(server, machines, pods);
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    server.create(kindNamed('Namespace'), { metadata: { name } }, 'kube-apiserver');
  }
  return { world, server, tokens, machines, ...kubelets, backend: { server, watches, tokens, list } };
}

/** The client of one process; its calls have latency, and faults where the world has them. */
export function kubernetesFor(kubernetes: SimulatedKubernetes, process: SimulatedProcess): KubernetesPort {
  return createPort(kubernetes.backend, process);
}

/** A machine has booted and its kubelet registers; it is Ready some seconds later. */
export function joinNode(kubernetes: SimulatedKubernetes, node: JoiningNode): void {
  kubernetes.machines.join(node);
}

/** A machine is gone. Its node turns NotReady some 50 s later and, where the instance was terminated, is deleted then. */
export function loseNode(kubernetes: SimulatedKubernetes, name: string, how: 'stopped' | 'terminated' = 'terminated'): void {
  kubernetes.machines.lose(name, how);
}
