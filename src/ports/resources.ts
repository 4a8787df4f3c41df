import type {
  ConfigMap,
  DaemonSet,
  Event,
  Job,
  KubernetesObject,
  Lease,
  Namespace,
  Node,
  Pod,
  PriorityClass,
  Secret,
  Service,
  ServiceAccount,
} from '../api/kubernetes.ts';
import type { ResourceType } from './kubernetes.ts';

/**
 * Metadata that no decision reads, dropped from every object: managed fields are often the larger half of it.
 * A trimmed object must never be PUT back (`replace`): what was dropped would be lost. Apply or patch instead.
 */
export function trimMetadata<T extends KubernetesObject>(object: T): T {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, ...rest } = object.metadata;
  void rest;
  void [name, namespace, uid, resourceVersion, generation, creationTimestamp];
  return object;
}

function resource<T extends KubernetesObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
  namespaced: boolean,
  trim?: (object: T) => T,
): ResourceType<T> {
  return { group, version, kind, plural, namespaced, ...(trim === undefined ? {} : { trim }) };
}

export const pods = resource<Pod>('', 'v1', 'Pod', 'pods', true);
export const nodes = resource<Node>('', 'v1', 'Node', 'nodes', false);
export const namespaces = resource<Namespace>('', 'v1', 'Namespace', 'namespaces', false);
export const serviceAccounts = resource<ServiceAccount>('', 'v1', 'ServiceAccount', 'serviceaccounts', true);
export const secrets = resource<Secret>('', 'v1', 'Secret', 'secrets', true);
export const configMaps = resource<ConfigMap>('', 'v1', 'ConfigMap', 'configmaps', true);
export const services = resource<Service>('', 'v1', 'Service', 'services', true);
export const events = resource<Event>('', 'v1', 'Event', 'events', true);
export const jobs = resource<Job>('batch', 'v1', 'Job', 'jobs', true);
export const leases = resource<Lease>('coordination.k8s.io', 'v1', 'Lease', 'leases', true);
export const daemonSets = resource<DaemonSet>('apps', 'v1', 'DaemonSet', 'daemonsets', true);
export const priorityClasses = resource<PriorityClass>('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false);
