import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../src/api/generated/types.ts';
import type { Node, Pod } from '../../src/api/kubernetes.ts';
import { labels } from '../../src/api/labels.ts';
import { type Reservation, reserve, slotName } from '../../src/core/jobs/slots.ts';
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
 * What the provisioner sees of a runtime at work: so many nodes, jobs of fifty pods that run there, each in its slot of a node's ledger, and one more job that waits.
 * Each look finds ten machines changed (a heartbeat, a condition), one job's status and one of its pods, all else as it was.
 */
export function runtimeAtWork(
  count: number,
  { types, offerings }: Pick<PackingProblem, 'types' | 'offerings'>,
  below: (bound: number) => number,
): (run: number, cpu: string, spread?: boolean) => DemandInput {
  const offers = new Map(offerings.map((offering) => [`${offering.instanceType} ${offering.zone}`, offering]));
  const machines = new Map<string, Node>();
  const pods: Pod[][] = [];
  let made = 0;
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
    let reservedFor: readonly Reservation[] = [];
    for (let held = 8 + below(8); held > 0; held--, made++) {
      const job = Math.floor(made / PODS_PER_JOB);
      const slot = made % PODS_PER_JOB;
      pods[job] = [...(pods[job] ?? []), slotPod(job, slot, name)];
      reservedFor = reserve(reservedFor, { jobUid: `running-${job}`, jobName: `job-${job}`, attempt: 1, slots: [nameOf(slot)] });
    }
    return {
      metadata: { name: `node-${index}`, uid: `uid-${index}` },
      spec: { pool: 'workers', role: 'worker', runtimeRef: runtime.metadata, offerings: [offering], reservedFor },
      status: { instanceId: `i-${index}`, providerID, phase: 'Ready', nodeName: name, offering },
    } as unknown as ElasticNode & Uid;
  });
  const jobs = pods.map((all, index) => jobOf(`running-${index}`, all.length, 'Running', '100m', 0));
  const input: Omit<DemandInput, 'jobs' | 'pods'> = {
    runtime,
    pools: rememberedPools()(runtime),
    elasticNodes,
    nodeByProviderId: (id) => machines.get(id),
    daemonSets: [],
    catalog: { region: 'us-east-1', zones: ['zone-1', 'zone-2', 'zone-3'], types, offerings },
    unavailable: [],
  };
  const ids = [...machines.keys()];
  return (run, cpu, spread = false) => {
    const movedMachines = new Set<string>();
    for (let index = run % 500; index < ids.length; index += 500) {
      const id = ids[index] as string;
      movedMachines.add(id);
      machines.set(id, structuredClone(machines.get(id) as Node));
    }
    const at = run % jobs.length;
    jobs[at] = { ...(jobs[at] as ElasticJob & Uid) };
    const own = pods[at] as Pod[];
    pods[at] = own.with(run % own.length, structuredClone(own[run % own.length] as Pod));
    const waiting = jobOf(`j-${run}`, 10, 'Waiting', cpu, run, spread ? { topologySpreadConstraints: [spreadOver(run)] } : {});
    return { ...input, movedMachines, jobs: [...jobs, waiting].map((job) => ({ job, attempt: 1, priority: 0 })), pods: [...pods] };
  };
}

function nameOf(slot: number): string {
  return slot === 0 ? slotName('master', 0) : slotName('worker', slot - 1);
}

function slotPod(job: number, slot: number, nodeName: string): Pod {
  const own = {
    [labels.jobUid]: `running-${job}`,
    [labels.role]: slot === 0 ? 'master' : 'worker',
    [labels.attempt]: '1',
    'batch.kubernetes.io/job-completion-index': String(Math.max(0, slot - 1)),
  };
  return {
    metadata: { name: `job-${job}-${slot}`, namespace: 'finance', uid: `p-${job}-${slot}`, labels: own },
    spec: { nodeName, containers: [{ name: 'main', resources: { requests: { cpu: `${100 + 100 * (slot % 4)}m`, memory: '512Mi' } } }] },
  };
}

/** A master, and workers up to so many pods. */
function jobOf(uid: string, pods: number, phase: string, cpu: string, run: number, rules: object = {}): ElasticJob & Uid {
  const container = { name: 'main', resources: { requests: { cpu, memory: `${1024 + run}Mi` } } };
  const template = { metadata: { labels: { app: uid } }, spec: { containers: [container], ...rules } };
  return {
    metadata: { name: uid, namespace: 'finance', uid, generation: 1 },
    spec: { master: { template }, workers: { min: pods - 1, max: pods - 1, template } },
    status: { phase, attempt: { number: 1 } },
  } as unknown as ElasticJob & Uid;
}

function spreadOver(run: number) {
  const labelSelector = { matchLabels: { app: `j-${run}` } };
  return { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector } as const;
}
