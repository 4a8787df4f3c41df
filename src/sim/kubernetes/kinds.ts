import type { KubernetesObject, Stored } from '../../api/kubernetes.ts';
import { apiGroup } from '../../api/labels.ts';
import type { ResourceType } from '../../ports/kubernetes.ts';
import type { Fields } from './json.ts';

/** A stored object of any kind; frozen. */
export type Entity = Stored<KubernetesObject> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: Fields;
  readonly status?: Fields;
} & {
  readonly [field: string]: unknown;
};

/** A kind that the simulated API server serves. */
export type Kind = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Has a status subresource: writes of the main resource leave status alone, and the other way round. */
  readonly status: boolean;
  /** Counts changes of its spec in metadata.generation. */
  readonly generation: boolean;
  /** A custom resource: unconditional updates are refused, list types come from its schema. */
  readonly custom: boolean;
};

type Trait = 'namespaced' | 'status' | 'generation' | 'custom';

function kind(group: string, version: string, name: string, plural: string, ...traits: readonly Trait[]): Kind {
  const has = (trait: Trait): boolean => traits.includes(trait);
  return {
    group,
    version,
    kind: name,
    plural,
    namespaced: has('namespaced'),
    status: has('status'),
    generation: has('generation'),
    custom: has('custom'),
  };
}

/** Owners come before what they own: a namespace is emptied in this order, which is as good as any. */
export const kinds: readonly Kind[] = [
  kind('', 'v1', 'Namespace', 'namespaces', 'status'),
  kind('', 'v1', 'Node', 'nodes', 'status'),
  kind('', 'v1', 'ServiceAccount', 'serviceaccounts', 'namespaced'),
  kind('', 'v1', 'Secret', 'secrets', 'namespaced'),
  kind('', 'v1', 'ConfigMap', 'configmaps', 'namespaced'),
  kind('', 'v1', 'Service', 'services', 'namespaced', 'status'),
  kind('', 'v1', 'Pod', 'pods', 'namespaced', 'status', 'generation'),
  kind('', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', 'namespaced', 'status'),
  kind('', 'v1', 'PersistentVolume', 'persistentvolumes', 'status'),
  kind('', 'v1', 'Event', 'events', 'namespaced'),
  kind('batch', 'v1', 'Job', 'jobs', 'namespaced', 'status', 'generation'),
  kind('apps', 'v1', 'DaemonSet', 'daemonsets', 'namespaced', 'status', 'generation'),
  kind('apps', 'v1', 'Deployment', 'deployments', 'namespaced', 'status', 'generation'),
  kind('apps', 'v1', 'StatefulSet', 'statefulsets', 'namespaced', 'status', 'generation'),
  kind('coordination.k8s.io', 'v1', 'Lease', 'leases', 'namespaced'),
  kind('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', 'generation'),
  kind('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets', 'namespaced', 'status', 'generation'),
  kind('rbac.authorization.k8s.io', 'v1', 'Role', 'roles', 'namespaced'),
  kind('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings', 'namespaced'),
  kind('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles'),
  kind('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings'),
  kind('storage.k8s.io', 'v1', 'StorageClass', 'storageclasses'),
  kind(apiGroup, 'v1alpha1', 'ElasticRuntimeClass', 'elasticruntimeclasses', 'generation', 'custom'),
  kind(apiGroup, 'v1alpha1', 'ElasticConnection', 'elasticconnections', 'namespaced', 'generation', 'custom'),
  kind(apiGroup, 'v1alpha1', 'ElasticRuntime', 'elasticruntimes', 'namespaced', 'status', 'generation', 'custom'),
  kind(apiGroup, 'v1alpha1', 'ElasticJob', 'elasticjobs', 'namespaced', 'status', 'generation', 'custom'),
  kind(apiGroup, 'v1alpha1', 'ElasticNode', 'elasticnodes', 'status', 'generation', 'custom'),
  kind(apiGroup, 'v1alpha1', 'ElasticAccessRequest', 'elasticaccessrequests', 'namespaced', 'status', 'generation', 'custom'),
];

const byName = new Map(kinds.map((entry) => [`${entry.group}/${entry.kind}`, entry]));

function findKind(group: string, name: string): Kind | undefined {
  return byName.get(`${group}/${name}`);
}

/** For the simulator's own components: a kind that must exist. */
export function kindNamed(name: string): Kind {
  const found = kinds.find((entry) => entry.kind === name);
  if (found === undefined) throw new Error(`the simulated API server serves no ${name}`);
  return found;
}

export function kindOf(type: Pick<ResourceType<KubernetesObject>, 'group' | 'kind'>): Kind | undefined {
  return findKind(type.group, type.kind);
}

export function apiVersionOf(entry: Kind): string {
  return entry.group === '' ? entry.version : `${entry.group}/${entry.version}`;
}

/** "elasticjobs.elasticruntime.dev", as error messages name a resource. */
export function resourceName(entry: Kind): string {
  return entry.group === '' ? entry.plural : `${entry.plural}.${entry.group}`;
}
