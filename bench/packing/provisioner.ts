/**
 * A whole look of the provisioner at a runtime at work, in front of the stores that the watches fill: 5,000 nodes, 57,000 pods of running jobs, one job of ten pods that
 * waits. Between two looks ten machines, one job and one pod have changed. `node bench/packing/provisioner.ts`
 */
import type { ElasticJob, ElasticNode } from '../../src/api/generated/types.ts';
import type { Job, KubernetesObject, Node, Pod, Stored } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import type { OperatorContext } from '../../src/controllers/context.ts';
import { createCapacityMemory } from '../../src/controllers/node/capacity-memory.ts';
import { createCostBounds } from '../../src/controllers/node/cost-bounds.ts';
import { createExplanations } from '../../src/controllers/node/explanations.ts';
import { createLaunchFailures } from '../../src/controllers/node/launch-failures.ts';
import { createProvisioner } from '../../src/controllers/node/provision.ts';
import { attemptNames } from '../../src/core/jobs/names.ts';
import type { Expectations } from '../../src/machinery/expectations.ts';
import { createStore, type WritableStore } from '../../src/machinery/store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import * as resources from '../../src/ports/resources.ts';
import { ok } from '../../src/ports/result.ts';
import { linearTypes } from './karpenter-mix.ts';
import { runtimeAtWork } from './runtime-at-work.ts';

const RUNS = 100;
let state = 7;
const below = (bound: number) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * bound);
};
const market = linearTypes(400);
const see = runtimeAtWork(5000, market, below);

const telemetry = { count: () => {}, gauge: () => {}, observeSeconds: () => {}, log: () => {} };
const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} } satisfies Clock;
const ofRuntime = () => ['finance/analytics'];
const ofJob = ({ metadata }: Job | Pod) => [`${metadata.namespace}/${metadata.labels?.[labels.jobUid]}`];
const stores = {
  jobs: createStore<ElasticJob, 'runtime'>({ type: resources.elasticJobs, telemetry, indexes: { runtime: ofRuntime } }),
  elasticNodes: createStore<ElasticNode, 'runtime'>({ type: resources.elasticNodes, telemetry, indexes: { runtime: ofRuntime } }),
  nodes: createStore<Node, 'providerID'>({
    type: resources.nodes,
    telemetry,
    indexes: { providerID: ({ spec }) => [spec?.providerID ?? ''] },
  }),
  pods: createStore<Pod, 'job'>({ type: resources.pods, telemetry, indexes: { job: ofJob } }),
  childJobs: createStore<Job, 'job'>({ type: resources.jobs, telemetry, indexes: { job: ofJob } }),
};

let version = 0;
const seen = new Set<object>();

/** Into the store where it is another object than before. */
function put<T extends KubernetesObject>(store: WritableStore<T>, object: T): void {
  if (seen.has(object)) return;
  seen.add(object);
  version += 1;
  const metadata = { uid: '', creationTimestamp: '2026-01-01T00:00:00Z', ...object.metadata, resourceVersion: String(version) };
  store.set({ ...object, metadata });
}

function ownedBy(pod: Pod): Pod {
  const job = pod.metadata.labels?.[labels.jobUid] as string;
  const { master, worker } = attemptNames(job, 1);
  const name = pod.metadata.labels?.[labels.role] === 'master' ? master : worker;
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid: name, controller: true };
  return { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } };
}

function childrenOf({ metadata }: ElasticJob): readonly Job[] {
  const owner = {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticJob',
    name: metadata.name,
    uid: metadata.uid ?? '',
    controller: true,
  };
  return Object.values(attemptNames(metadata.name, 1)).map((name) => ({
    metadata: { name, uid: name, namespace: 'finance', labels: { [labels.jobUid]: metadata.uid ?? '' }, ownerReferences: [owner] },
  })) as unknown as readonly Job[];
}

const first = see(0, '15');
const runtime = {
  ...first.runtime,
  spec: {
    ...first.runtime.spec,
    region: 'us-east-1',
    disruption: {},
    identities: { operator: { roleArn: 'arn:aws:iam::111122223333:role/operator' } },
  },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    internal: { subnets: first.catalog.zones.map((zone) => ({ zone, subnetId: `subnet-${zone}` })) },
    launchTemplates: first.pools.map(({ name }) => ({ pool: name, id: `lt-${name}`, version: '1' })),
  },
};
const created: string[] = [];
const context = {
  kubernetes: {
    create: async (_: unknown, object: Stored<ElasticNode>) => {
      created.push(object.metadata.name);
      return ok(object);
    },
  },
  clock,
  telemetry,
  settings: { catalog: () => first.catalog },
  stores: {
    ...stores,
    runtimes: { get: () => runtime },
    daemonSets: { list: () => first.daemonSets },
    priorityClasses: { get: () => undefined },
  },
  classes: { standing: () => ({ kind: 'allowed' }), resolution: () => undefined },
  events: { record: () => {} },
  capacity: createCapacityMemory(clock),
  explanations: createExplanations(),
  costBounds: process.argv.includes('bound') ? createCostBounds(clock) : { get: () => undefined, look: () => 'same' },
  launchFailures: createLaunchFailures(clock),
} as unknown as OperatorContext;
const expectations = { wrote: () => {} } as unknown as Expectations;
const provision = createProvisioner(context, { expectations, explained: () => {}, bounded: () => {} });

const times: number[] = [];
for (let run = 0; run < RUNS; run++) {
  const input = see(run, '15');
  for (const node of input.elasticNodes) put(stores.elasticNodes, node);
  for (const id of run === 0 ? input.elasticNodes.map(({ status }) => status?.providerID ?? '') : (input.movedMachines ?? []))
    put(stores.nodes, input.nodeByProviderId(id) as Node);
  for (const [at, list] of input.pods.entries())
    if (run === 0 || at === run % input.pods.length)
      for (const pod of list) {
        if (!seen.has(pod)) put(stores.pods, ownedBy(pod));
        seen.add(pod);
      }
  const waiting = input.jobs.at(-1)?.job as ElasticJob;
  for (const { job } of input.jobs) {
    if (run === 0 && job !== waiting) for (const child of childrenOf(job)) put(stores.childJobs, child);
    put(stores.jobs, job);
  }
  created.length = 0;
  const started = performance.now();
  const result = await provision('finance/analytics');
  times.push(performance.now() - started);
  if ('retry' in result || created.length === 0) throw new Error(`nothing was launched: ${JSON.stringify(result)}`);
  stores.jobs.remove({ ...waiting, metadata: { ...waiting.metadata, resourceVersion: String(++version) } } as Stored<ElasticJob>);
}
const quantile = (share: number) => times.toSorted((left, right) => left - right)[Math.floor(times.length * share)]?.toFixed(2);
console.log(
  `a look of the provisioner at ${first.elasticNodes.length} nodes and ${first.jobs.length} jobs${process.argv.includes('bound') ? ', the bound of the whole demand with it' : ''}: first ${times[0]?.toFixed(0)} ms, then median ${quantile(0.5)} ms, best ${quantile(0)} ms; ${created.length} intents written`,
);
