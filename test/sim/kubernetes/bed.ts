import assert from 'node:assert/strict';
import type { Job, KubernetesObject, Node, Pod } from '../../../src/api/kubernetes.ts';
import type { KubernetesPort, KubernetesResult, ResourceType } from '../../../src/ports/kubernetes.ts';
import type { FaultProfile } from '../../../src/sim/faults.ts';
import { createKubernetes, joinNode, kubernetesFor, type SimulatedKubernetes } from '../../../src/sim/kubernetes/cluster.ts';
import { createWorld, type SimulatedProcess, type World } from '../../../src/sim/world.ts';

export type Plain = KubernetesObject & { readonly spec?: Record<string, unknown>; readonly status?: Record<string, unknown> } & Record<
    string,
    unknown
  >;

function type<T extends KubernetesObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
  namespaced = true,
): ResourceType<T> {
  return { group, version, kind, plural, namespaced };
}

export const pods = type<Pod>('', 'v1', 'Pod', 'pods');
export const nodes = type<Node>('', 'v1', 'Node', 'nodes', false);
export const jobs = type<Job>('batch', 'v1', 'Job', 'jobs');
export const namespaces = type<Plain>('', 'v1', 'Namespace', 'namespaces', false);
export const configMaps = type<Plain>('', 'v1', 'ConfigMap', 'configmaps');
export const secrets = type<Plain>('', 'v1', 'Secret', 'secrets');
export const serviceAccounts = type<Plain>('', 'v1', 'ServiceAccount', 'serviceaccounts');
export const services = type<Plain>('', 'v1', 'Service', 'services');
export const leases = type<Plain>('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const budgets = type<Plain>('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets');
export const priorityClasses = type<Plain>('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false);
export const daemonSets = type<Plain>('apps', 'v1', 'DaemonSet', 'daemonsets');
export const elasticNodes = type<Plain>('elasticruntime.dev', 'v1alpha1', 'ElasticNode', 'elasticnodes', false);

/** A simulated cluster with one client, and virtual time that passes while a call is waited for. */
export type Bed = {
  readonly world: World;
  readonly kubernetes: SimulatedKubernetes;
  readonly process: SimulatedProcess;
  readonly port: KubernetesPort;
  /** Lets the world run until the call has answered. */
  answer<T>(call: Promise<T>): Promise<T>;
  /** The same for a call that must succeed. */
  value<T>(call: Promise<KubernetesResult<T>>): Promise<T>;
  pass(ms: number): Promise<void>;
  until(done: () => boolean, limitMs?: number): Promise<void>;
};

export async function bed(
  options: { readonly seed?: number; readonly faults?: FaultProfile; readonly keepTrace?: boolean } = {},
): Promise<Bed> {
  const world = createWorld({ seed: 1, ...options });
  const kubernetes = createKubernetes(world);
  const process = world.startProcess('tester');
  const port = kubernetesFor(kubernetes, process);

  async function answer<T>(call: Promise<T>): Promise<T> {
    let done = false;
    void call.finally(() => {
      done = true;
    });
    assert.equal(await world.runUntil(() => done, 60_000), 'done');
    return call;
  }

  async function value<T>(call: Promise<KubernetesResult<T>>): Promise<T> {
    const result = await answer(call);
    assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error));
    return result.value;
  }

  const self: Bed = {
    world,
    kubernetes,
    process,
    port,
    answer,
    value,
    async pass(ms) {
      world.schedule(ms, 'time passes', () => undefined);
      await world.runUntil(() => false, ms);
    },
    async until(done, limitMs = 10 * 60_000) {
      assert.equal(await world.runUntil(done, limitMs), 'done');
    },
  };
  await value(port.create(namespaces, { metadata: { name: 'finance' } }));
  await self.pass(100);
  return self;
}

/** A machine of 4 vCPUs and 16 GiB. */
export function machine(kubernetes: SimulatedKubernetes, name: string, more: Partial<Parameters<typeof joinNode>[1]> = {}): void {
  const capacity = { cpu: '4', memory: '16Gi', pods: '58', 'ephemeral-storage': '50Gi' };
  joinNode(kubernetes, { name, providerID: `aws:///us-east-1a/i-${name}`, capacity, zone: 'us-east-1a', ...more });
}

export function pod(
  name: string,
  more: { readonly spec?: Partial<Pod['spec']>; readonly metadata?: Partial<Pod['metadata']>; readonly cpu?: string } = {},
): Pod {
  const containers = [
    { name: 'main', image: 'registry.example.com/etl:1', resources: { requests: { cpu: more.cpu ?? '1', memory: '1Gi' } } },
  ];
  return { metadata: { name, namespace: 'finance', ...more.metadata }, spec: { restartPolicy: 'Never', containers, ...more.spec } };
}

export function job(name: string, spec: Partial<Job['spec']> = {}, annotations: Readonly<Record<string, string>> = {}): Job {
  return { metadata: { name, namespace: 'finance' }, spec: { template: { metadata: { annotations }, spec: pod('x').spec }, ...spec } };
}

/** The error of a call that must fail. */
export function refusal<T>(result: KubernetesResult<T>): NonNullable<Extract<KubernetesResult<T>, { ok: false }>['error']> {
  assert.ok(!result.ok, 'expected a refusal');
  return result.error;
}
