import type { ElasticNode } from '../api/generated/types.ts';
import type { Node, Stored } from '../api/kubernetes.ts';
import { labels } from '../api/labels.ts';
import { type ControllerOptions, primarySource, runController, storeSource } from '../machinery/controller.ts';
import { createEventRecorder } from '../machinery/event-recorder.ts';
import { createExpectations } from '../machinery/expectations.ts';
import { keyOf } from '../machinery/keys.ts';
import { createWorkQueue, type WorkQueue } from '../machinery/work-queue.ts';
import type { AuditPort, AwsPort } from '../ports/aws/index.ts';
import type { ApiPace } from '../ports/aws/pace.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import type { Sealer } from '../ports/sealer.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createAuditLog } from './audit-log.ts';
import { type OperatorContext, type OperatorSettings, runtimeKey } from './context.ts';
import { createDisruptor } from './disruption/controller.ts';
import { createGarbageCollector } from './garbage/controller.ts';
import { createGrantKeeper } from './identity/grants.ts';
import { createVerifications } from './identity/verifications.ts';
import { createJobReconciler } from './job/controller.ts';
import { createCapacityMemory } from './node/capacity-memory.ts';
import { createNodeReconciler } from './node/controller.ts';
import { createCostBounds } from './node/cost-bounds.ts';
import { createExplanations } from './node/explanations.ts';
import { createLaunchFailures } from './node/launch-failures.ts';
import { createProvisioner } from './node/provision.ts';
import { createRequestReconciler } from './request/controller.ts';
import { createRuntimeReconciler } from './runtime/controller.ts';
import { createHopRefusals } from './runtime/hop-refusals.ts';
import { createStores } from './stores.ts';
import {
  intentChanged,
  jobDemandChanged,
  machineMoved,
  nodeIntentOrFlush,
  nodeIntentOrReport,
  nodeMoved,
  runtimeExplained,
  runtimeMoved,
} from './triggers.ts';
import { createVolumeReconciler } from './volume/controller.ts';

export type OperatorParts = {
  readonly kubernetes: KubernetesPort;
  /** Given the audit that its calls are recorded in. */
  readonly aws: (audit: AuditPort) => (region: string) => AwsPort;
  /** The one that `aws` keeps to. */
  readonly pace: ApiPace;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly sealer: Sealer;
  /** Where every audit record goes at once. */
  readonly audit: AuditPort;
  readonly settings: OperatorSettings;
  /** Name of this process, in events. */
  readonly instance: string;
};

export type Operator = {
  readonly context: OperatorContext;
  /** Fills the caches: on every replica, so that each can answer node agents and a new leader starts warm. */
  readonly runStores: (signal: AbortSignal) => Promise<void>;
  /** Acts: on the leader only. Resolves when the last reconcile has returned and its events are written. */
  readonly runControllers: (signal: AbortSignal) => Promise<void>;
};

/** The controllers over their ports: production and simulator start the same ones here. */
export function createOperator(parts: OperatorParts): Operator {
  const { kubernetes, clock, random, telemetry, settings } = parts;
  const { stores, classes, run: runStores } = createStores({ port: kubernetes, clock, random, telemetry });
  const audit = createAuditLog(parts.audit);
  const aws = parts.aws(audit);
  const hopRefusals = createHopRefusals(clock);
  const grants = createGrantKeeper({
    sts: (region) => aws(region).sts,
    iotCredentials: (region) => aws(region).iotCredentials,
    kubernetes,
    clock,
    telemetry,
    clusterName: settings.clusterName,
  });
  const context: OperatorContext = {
    kubernetes,
    aws,
    pace: parts.pace,
    clock,
    random,
    telemetry,
    sealer: parts.sealer,
    settings,
    stores,
    classes,
    audit,
    grants: hopRefusals.watch(grants),
    hopRefusals,
    verifications: createVerifications(clock),
    events: createEventRecorder({
      port: kubernetes,
      clock,
      random,
      telemetry,
      component: 'elastic-runtime-operator',
      instance: parts.instance,
    }),
    capacity: createCapacityMemory(clock),
    explanations: createExplanations(),
    costBounds: createCostBounds(clock),
    missingTemplates: new Set(),
    launchFailures: createLaunchFailures(clock),
  };
  const controllers = describeControllers(context);
  return {
    context,
    runStores,
    async runControllers(signal) {
      await Promise.all(controllers.map((controller) => runController(controller, signal)));
      await context.events.flush();
    },
  };
}

const fewNodes = 50;

type Described = Omit<ControllerOptions, 'clock' | 'telemetry' | 'queue'>;

function describeControllers(context: OperatorContext): readonly ControllerOptions[] {
  const { stores, clock, random, telemetry } = context;
  const queues = new Map<string, WorkQueue>();
  const queueOf = (name: string): WorkQueue => {
    const queue = queues.get(name) ?? createWorkQueue({ name, clock, random, telemetry });
    queues.set(name, queue);
    return queue;
  };
  const expectations = () => createExpectations({ clock, telemetry });
  const ofRuntime = { runtime: expectations(), provision: expectations() };
  const ofJob = expectations();
  const ofNode = expectations();

  // Who hears of what. A runtime hears of its jobs and nodes; its jobs hear of it, of its nodes, of their own children and pods.
  const jobKeysOf = (runtime: string): readonly string[] =>
    stores.jobs.byIndex('runtime', runtime).map((job) => `${job.metadata.namespace}/${job.metadata.name}`);
  const labelled =
    (name: string) =>
    (object: { readonly metadata: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> } }) => {
      const value = object.metadata.labels?.[name];
      return value === undefined ? [] : [`${object.metadata.namespace}/${value}`];
    };
  const ownRuntime = primarySource(stores.runtimes, { when: intentChanged });
  const runtimes = primarySource(stores.runtimes, { when: runtimeMoved });
  // Looking at a runtime costs as much as it has nodes, so changes of many are gathered: 2 ms for each that there is, at most 10 s, and a few not at all.
  const gatherMs = (key: string): number => {
    const nodes = stores.elasticNodes.countByIndex('runtime', key);
    return nodes < fewNodes ? 0 : Math.min(2 * nodes, 10_000);
  };
  // As much as it has jobs, too, most of which have ended.
  const gatherJobsMs = (key: string): number => {
    const jobs = stores.jobs.countByIndex('runtime', key);
    return jobs < fewNodes ? 0 : Math.min(jobs / 5, 2_000);
  };
  const runtimesOfJobs = storeSource(stores.jobs, (job) => [`${job.metadata.namespace}/${job.spec.runtime}`], {
    when: jobDemandChanged,
    gatherMs: gatherJobsMs,
  });
  const runtimesOfNodes = storeSource(stores.elasticNodes, (node) => [runtimeKey(node.spec.runtimeRef)], { when: nodeMoved, gatherMs });
  const runtimesOfPods = storeSource(stores.pods, labelled(labels.runtime), { gatherMs });
  const intentsOf = (machine: Node): readonly Stored<ElasticNode>[] =>
    machine.spec?.providerID === undefined ? [] : stores.elasticNodes.byIndex('providerID', machine.spec.providerID);
  const nodeOfMachine = storeSource(stores.nodes, (machine) => intentsOf(machine).map((node) => node.metadata.name), {
    when: machineMoved,
  });
  const jobsOfMachine = storeSource(
    stores.nodes,
    (machine) => intentsOf(machine).flatMap((node) => jobKeysOf(runtimeKey(node.spec.runtimeRef))),
    { when: machineMoved },
  );
  // What one runtime gives back of its namespace's limits, another may have waited for.
  const neighbours = storeSource(
    stores.elasticNodes,
    ({ spec }) =>
      stores.runtimes
        .list()
        .filter((runtime) => runtime.metadata.namespace === spec.runtimeRef.namespace)
        .filter((runtime) => context.classes.resolution(runtime)?.class?.spec.limitsPerNamespace !== undefined)
        .map((runtime) => runtimeKey({ namespace: spec.runtimeRef.namespace, name: runtime.metadata.name })),
    { when: ({ current }) => current === undefined },
  );
  // A launch or an end whose turn in front of AWS has come.
  const turns = { synced: async () => {}, start: (enqueue: (key: string) => void) => context.pace.onTurn(enqueue) };
  // A runtime of which an identity is refused to somebody.
  const refusals = { synced: async () => {}, start: (enqueue: (key: string) => void) => context.hopRefusals.onRefused(enqueue) };
  const everything = {
    synced: async () =>
      void (await Promise.all(
        [
          stores.runtimes,
          stores.connections,
          stores.jobs,
          stores.elasticNodes,
          stores.nodes,
          stores.pods,
          stores.childJobs,
          stores.daemonSets,
          stores.priorityClasses,
          stores.requests,
        ].map((store) => store.synced()),
      )),
    start: () => () => {},
  };

  const described: readonly Described[] = [
    {
      name: 'runtime',
      workers: 4,
      reconcile: createRuntimeReconciler(context, ofRuntime.runtime),
      sources: [ownRuntime, runtimesOfJobs, runtimesOfNodes, refusals, everything],
      expectations: ofRuntime.runtime,
      resync: {
        everyMs: 600_000,
        keys: () =>
          stores.runtimes.list().map((runtime) => runtimeKey({ namespace: runtime.metadata.namespace ?? '', name: runtime.metadata.name })),
      },
    },
    {
      name: 'job',
      workers: 16,
      reconcile: createJobReconciler(context, ofJob, (key) => queueOf('job').add(key)),
      sources: [
        primarySource(stores.jobs, { when: intentChanged }),
        storeSource(
          stores.runtimes,
          (runtime) => jobKeysOf(runtimeKey({ namespace: runtime.metadata.namespace ?? '', name: runtime.metadata.name })),
          { when: runtimeExplained },
        ),
        storeSource(
          stores.elasticNodes,
          (node) => [...new Set((node.spec.reservedFor ?? []).map(({ jobName }) => `${node.spec.runtimeRef.namespace}/${jobName}`))],
          { when: nodeMoved },
        ),
        storeSource(stores.connections, (connection) => stores.jobs.byIndex('connection', keyOf(connection)).map((job) => keyOf(job))),
        storeSource(stores.childJobs, labelled(labels.job)),
        storeSource(stores.pods, labelled(labels.job)),
        jobsOfMachine,
        everything,
      ],
      expectations: ofJob,
    },
    {
      name: 'provision',
      workers: 2,
      reconcile: createProvisioner(context, {
        expectations: ofRuntime.provision,
        explained: (keys) => keys.forEach((key) => queueOf('job').add(key)),
        bounded: (key) => queueOf('runtime').add(key),
      }),
      sources: [runtimes, runtimesOfJobs, runtimesOfNodes, runtimesOfPods, neighbours, everything],
      expectations: ofRuntime.provision,
    },
    {
      name: 'node',
      workers: 16,
      reconcile: createNodeReconciler(context, ofNode),
      sources: [primarySource(stores.elasticNodes, { when: nodeIntentOrFlush }), nodeOfMachine, turns, everything],
      expectations: ofNode,
    },
    {
      name: 'disruption',
      workers: 2,
      reconcile: createDisruptor(context),
      sources: [runtimes, runtimesOfJobs, runtimesOfNodes, runtimesOfPods, everything],
    },
    {
      name: 'volume',
      workers: 4,
      reconcile: createVolumeReconciler(context),
      sources: [primarySource(stores.elasticNodes, { when: nodeIntentOrReport }), everything],
    },
    {
      name: 'request',
      workers: 4,
      reconcile: createRequestReconciler(context),
      sources: [primarySource(stores.requests, { when: ({ previous }) => previous === undefined }), everything],
    },
    {
      name: 'garbage',
      workers: 2,
      reconcile: createGarbageCollector(context),
      sources: [primarySource(stores.runtimes, { when: ({ previous }) => previous === undefined }), everything],
    },
  ];
  return described.map((controller) => ({ ...controller, queue: queueOf(controller.name), clock, telemetry }));
}
