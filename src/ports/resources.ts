import type {
  ElasticAccessRequest,
  ElasticConnection,
  ElasticJob,
  ElasticNode,
  ElasticRuntime,
  ElasticRuntimeClass,
} from '../api/generated/types.ts';
import type {
  ConfigMap,
  Container,
  DaemonSet,
  Event,
  Job,
  KubernetesObject,
  Lease,
  Namespace,
  Node,
  Pod,
  PodSpec,
  PodTemplate,
  PriorityClass,
  Secret,
  Service,
  ServiceAccount,
} from '../api/kubernetes.ts';
import { apiGroup } from '../api/labels.ts';
import type { ResourceType } from './kubernetes.ts';

/*
 * Every kind of object that the operator reads or writes, and what is dropped of it at decode time.
 * A trimmed object must never be PUT back (`replace`): what was dropped would be lost. Apply or patch instead.
 */

export const elasticRuntimes = elastic<ElasticRuntime>('ElasticRuntime', 'elasticruntimes', true);
export const elasticJobs = elastic<ElasticJob>('ElasticJob', 'elasticjobs', true);
export const elasticNodes = elastic<ElasticNode>('ElasticNode', 'elasticnodes', false);
export const elasticAccessRequests = elastic<ElasticAccessRequest>('ElasticAccessRequest', 'elasticaccessrequests', true);
export const elasticRuntimeClasses = elastic<ElasticRuntimeClass>('ElasticRuntimeClass', 'elasticruntimeclasses', false);
export const elasticConnections = elastic<ElasticConnection>('ElasticConnection', 'elasticconnections', true);

export const pods: ResourceType<Pod> = {
  ...core('Pod', 'pods', true),
  trim(pod) {
    const { status } = pod;
    return {
      ...trimObject(pod),
      spec: trimPodSpec(pod.spec),
      ...(status === undefined
        ? {}
        : {
            status: pick(status, [
              'phase',
              'reason',
              'message',
              'podIP',
              'startTime',
              'conditions',
              'containerStatuses',
              'initContainerStatuses',
            ]),
          }),
    };
  },
};

export const jobs: ResourceType<Job> = {
  ...named<Job>('batch', 'v1', 'Job', 'jobs', true),
  trim: (job) => ({ ...trimObject(job), spec: { ...job.spec, template: trimTemplate(job.spec.template) } }),
};

export const nodes: ResourceType<Node> = {
  ...core('Node', 'nodes', false),
  trim(node) {
    const { spec, status } = node;
    return {
      ...trimObject(node),
      ...(spec === undefined ? {} : { spec: pick(spec, ['providerID', 'taints', 'unschedulable']) }),
      // The list of a node's images alone is often longer than everything else.
      ...(status === undefined ? {} : { status: pick(status, ['capacity', 'allocatable', 'conditions', 'addresses']) }),
    };
  },
};

export const daemonSets: ResourceType<DaemonSet> = {
  ...named<DaemonSet>('apps', 'v1', 'DaemonSet', 'daemonsets', true),
  trim: (set) => ({ ...trimObject(set), spec: { template: trimTemplate(set.spec.template) } }),
};

export const namespaces = core<Namespace>('Namespace', 'namespaces', false);
export const serviceAccounts = core<ServiceAccount>('ServiceAccount', 'serviceaccounts', true);
/** With its data: to be read one by one and not to be cached. */
export const secrets = core<Secret>('Secret', 'secrets', true);
/** For caches: the same objects without their data. */
export const secretsWithoutData: ResourceType<Secret> = {
  ...secrets,
  trim(secret) {
    const { data, ...rest } = secret;
    void data;
    return trimObject(rest);
  },
};
export const configMaps = core<ConfigMap>('ConfigMap', 'configmaps', true);
export const services = core<Service>('Service', 'services', true);
export const events = core<Event>('Event', 'events', true);
/** Whole: a lease is renewed by `replace`. */
export const leases: ResourceType<Lease> = {
  ...named<Lease>('coordination.k8s.io', 'v1', 'Lease', 'leases', true),
  trim: (lease) => lease,
};
export const priorityClasses = named<PriorityClass>('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false);

function named<T extends KubernetesObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): ResourceType<T> {
  return { group, version, kind, plural, namespaced, trim: trimObject };
}

function core<T extends KubernetesObject>(kind: string, plural: string, namespaced: boolean): ResourceType<T> {
  return named('', 'v1', kind, plural, namespaced);
}

function elastic<T extends KubernetesObject>(kind: string, plural: string, namespaced: boolean): ResourceType<T> {
  return named(apiGroup, 'v1alpha1', kind, plural, namespaced);
}

/** Managed fields are often the larger half of an object; kubectl's last applied configuration is the object once more. */
function trimObject<T extends KubernetesObject>(object: T): T {
  const metadata = pick(object.metadata, [
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'labels',
    'annotations',
    'finalizers',
    'ownerReferences',
  ]);
  const { annotations } = metadata;
  if (annotations?.[lastApplied] === undefined) return { ...object, metadata };
  const { [lastApplied]: dropped, ...rest } = annotations;
  void dropped;
  return { ...object, metadata: { ...metadata, annotations: rest } };
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

function trimTemplate(template: PodTemplate): PodTemplate {
  const { metadata } = template;
  return {
    ...(metadata === undefined ? {} : { metadata: pick(metadata, ['name', 'namespace', 'labels', 'annotations']) }),
    spec: trimPodSpec(template.spec),
  };
}

function trimPodSpec(spec: PodSpec): PodSpec {
  const { containers, initContainers } = spec;
  return {
    ...pick(spec, [
      'volumes',
      'nodeName',
      'nodeSelector',
      'affinity',
      'tolerations',
      'topologySpreadConstraints',
      'priorityClassName',
      'priority',
      'restartPolicy',
      'serviceAccountName',
      'automountServiceAccountToken',
      'schedulerName',
      'subdomain',
      'hostname',
      'terminationGracePeriodSeconds',
      'overhead',
      'securityContext',
      'enableServiceLinks',
    ]),
    containers: containers.map(trimContainer),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(trimContainer) }),
  };
}

function trimContainer(container: Container): Container {
  return pick(container, [
    'name',
    'image',
    'command',
    'args',
    'env',
    'resources',
    'volumeMounts',
    'restartPolicy',
    'securityContext',
    'ports',
  ]);
}

function pick<T extends object, K extends keyof T>(object: T, keys: readonly K[]): Pick<T, K> {
  const picked: Partial<T> = {};
  for (const key of keys) if (object[key] !== undefined) picked[key] = object[key];
  return picked as Pick<T, K>;
}
