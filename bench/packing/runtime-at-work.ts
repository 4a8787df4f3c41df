import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Node, Pod } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import type { DemandInput } from '../../src/core/nodes/demand.ts';
import { rememberedPools } from '../../src/core/nodes/pools.ts';
import type { PackingProblem } from '../../src/core/packing/problem.ts';

type Uid = { readonly metadata: { readonly uid: string } };
const PODS_PER_JOB = 50;

const runtime = {
  metadata: { name: 'analytics', namespace: 'finance', uid: 'r-1' },
  spec: {
    machineImage: { family: 'AL2023' },
    masters: { min: 0, max: 1000, volumes: {} },
    workers: { min: 0, max: 10_000, spotPercent: 0, volumes: {} },
  },
} as unknown as ElasticRuntime & Uid;

/**
 * What the provisioner sees of a runtime at work: so many nodes, the pods of running jobs there, and one more job that waits. Each look finds ten machines
 * changed (a heartbeat, a condition), all else as it was.
 */
export function runtimeAtWork(
  count: number,
  { types, offerings }: Pick<PackingProblem, 'types' | 'offerings'>,
  below: (bound: number) => number,
): (run: number, cpu: string) => DemandInput {
  const offers = new Map(offerings.map((offering) => [`${offering.instanceType} ${offering.zone}`, offering]));
  const machines = new Map<string, Node>();
  const pods: Pod[] = [];
  const elasticNodes = Array.from({ length: count }, (_, index) => {
    const zone = `zone-${1 + (index % 3)}`;
    const offering = offers.get(`fake-it-7 ${zone}`);
    const name = `machine-${index}`;
    const providerID = `aws:///${zone}/i-${index}`;
    machines.set(providerID, {
      metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zone, [labels.nodeRole]: 'worker' } },
      spec: { providerID },
      status: { allocatable: { cpu: '7910m', memory: '15Gi', pods: '80' } },
    });
    for (let held = 8 + below(8); held > 0; held--) pods.push(workerPod(pods.length, name));
    return {
      metadata: { name: `node-${index}`, uid: `uid-${index}` },
      spec: { pool: 'workers', role: 'worker', offerings: [offering], reservedFor: [] },
      status: { instanceId: `i-${index}`, providerID, phase: 'Ready', nodeName: name, offering },
    } as unknown as ElasticNode & Uid;
  });
  const input: DemandInput = {
    runtime,
    pools: rememberedPools()(runtime),
    jobs: [],
    elasticNodes,
    nodeByProviderId: (id) => machines.get(id),
    pods,
    daemonSets: [],
    catalog: { region: 'us-east-1', zones: ['zone-1', 'zone-2', 'zone-3'], types, offerings },
    unavailable: [],
  };
  const ids = [...machines.keys()];
  return (run, cpu) => {
    for (let index = run % 500; index < ids.length; index += 500) {
      const id = ids[index] as string;
      machines.set(id, { ...(machines.get(id) as Node) });
    }
    return { ...input, jobs: [{ job: waitingJob(run, cpu), attempt: 1, priority: 0 }] };
  };
}

function workerPod(index: number, nodeName: string): Pod {
  const own = {
    [labels.jobUid]: `running-${Math.floor(index / PODS_PER_JOB)}`,
    [labels.role]: 'worker',
    [labels.attempt]: '1',
    'batch.kubernetes.io/job-completion-index': String(index % PODS_PER_JOB),
  };
  return {
    metadata: { name: `worker-${index}`, namespace: 'finance', uid: `p-${index}`, labels: own },
    spec: { nodeName, containers: [{ name: 'main', resources: { requests: { cpu: `${100 + 100 * (index % 4)}m`, memory: '512Mi' } } }] },
  };
}

/** A master and nine workers. */
function waitingJob(run: number, cpu: string): ElasticJob & Uid {
  const template = { spec: { containers: [{ name: 'main', resources: { requests: { cpu, memory: `${1024 + run}Mi` } } }] } };
  return {
    metadata: { name: `job-${run}`, namespace: 'finance', uid: `j-${run}` },
    spec: { master: { template }, workers: { min: 9, max: 9, template } },
    status: { phase: 'Waiting' },
  } as unknown as ElasticJob & Uid;
}
