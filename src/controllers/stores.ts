import type { KubernetesObject } from '../api/kubernetes.ts';
import { labels } from '../api/labels.ts';
import { createInformer, type Informer } from '../machinery/informer.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import {
  daemonSets,
  elasticAccessRequests,
  elasticConnections,
  elasticJobs,
  elasticNodes,
  elasticRuntimeClasses,
  elasticRuntimes,
  jobs,
  namespaces,
  nodes,
  pods,
  priorityClasses,
} from '../ports/resources.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createResolvedRuntimes, type ResolvedRuntimes } from './classes/resolved-runtimes.ts';
import { runtimeKey, type Stores } from './context.ts';

export type StoreParts = {
  readonly stores: Stores;
  readonly classes: Omit<ResolvedRuntimes, 'store'>;
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** What the controllers read, filled by one watch per kind. Pods and Jobs are those of ElasticJobs only. */
export function createStores(parts: {
  readonly port: KubernetesPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
}): StoreParts {
  const ours = { labelSelector: labels.jobUid };
  /** `<namespace>/<job uid>`: an object of another namespace never shows up among a job's. */
  const byJob = ({ metadata }: KubernetesObject) => {
    const uid = metadata.labels?.[labels.jobUid];
    return uid === undefined ? [] : [`${metadata.namespace}/${uid}`];
  };
  const informers = {
    runtimes: createInformer({ ...parts, type: elasticRuntimes }),
    classes: createInformer({ ...parts, type: elasticRuntimeClasses }),
    connections: createInformer({ ...parts, type: elasticConnections }),
    namespaces: createInformer({ ...parts, type: namespaces }),
    jobs: createInformer({
      ...parts,
      type: elasticJobs,
      indexes: {
        runtime: (job) => [runtimeKey({ namespace: job.metadata.namespace ?? '', name: job.spec.runtime })],
        connection: ({ metadata, spec }) =>
          (spec.connections ?? []).flatMap(({ connectionRef }) =>
            connectionRef === undefined ? [] : [`${metadata.namespace}/${connectionRef.name}`],
          ),
      },
    }),
    elasticNodes: createInformer({
      ...parts,
      type: elasticNodes,
      indexes: {
        runtime: (node) => [runtimeKey(node.spec.runtimeRef)],
        providerID: (node) => (node.status?.providerID === undefined ? [] : [node.status.providerID]),
      },
    }),
    nodes: createInformer({
      ...parts,
      type: nodes,
      indexes: { providerID: (node) => (node.spec?.providerID === undefined ? [] : [node.spec.providerID]) },
    }),
    pods: createInformer({
      ...parts,
      ...ours,
      type: pods,
      indexes: { job: byJob, node: (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]) },
    }),
    childJobs: createInformer({ ...parts, ...ours, type: jobs, indexes: { job: byJob } }),
    daemonSets: createInformer({ ...parts, type: daemonSets }),
    priorityClasses: createInformer({ ...parts, type: priorityClasses }),
    requests: createInformer({ ...parts, type: elasticAccessRequests }),
  };
  const runtimes = createResolvedRuntimes({
    written: informers.runtimes.store,
    classes: informers.classes.store,
    namespaces: informers.namespaces.store,
    elasticNodes: informers.elasticNodes.store,
    telemetry: parts.telemetry,
  });
  return {
    classes: runtimes,
    stores: {
      runtimes: runtimes.store,
      classes: informers.classes.store,
      connections: informers.connections.store,
      namespaces: informers.namespaces.store,
      jobs: informers.jobs.store,
      elasticNodes: informers.elasticNodes.store,
      nodes: informers.nodes.store,
      pods: informers.pods.store,
      childJobs: informers.childJobs.store,
      daemonSets: informers.daemonSets.store,
      priorityClasses: informers.priorityClasses.store,
      requests: informers.requests.store,
    },
    async run(signal) {
      await Promise.all(Object.values(informers).map((informer: Pick<Informer<never, never>, 'run'>) => informer.run(signal)));
    },
  };
}
