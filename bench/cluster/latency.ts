/**
 * From a job's creation to its launch, its machines and its start, on the real control plane (kwok in place of kubelets: a machine joins as soon as it is
 * started, a pod runs as soon as it is bound), and the operator's memory with many jobs. For comparison, Karpenter with its kwok provider on this control
 * plane: one pod applied -> launch 1.4 s, 200 pods 4 s.
 */
import type { ElasticJob, ElasticNode } from '../../src/api/generated/types.ts';
import type { Stored } from '../../src/api/kubernetes.ts';
import { example, inNamespace, type Manifest, paced } from '../../test/cluster/stand/manifests.ts';
import { type Stand, startStand } from '../../test/cluster/stand/stand.ts';
import { waitFor } from '../../test/controlplane/wait.ts';

const GROUP = '/apis/elasticruntime.dev/v1alpha1';
const ROUNDS = 5;
const JOBS = 1_000;

type Latency = { readonly launch: number; readonly machines: number; readonly running: number };

const stand = await startStand();
try {
  const cold = await coldStarts(stand);
  console.log(`one job of 5 pods (1 master, 4 workers), no machine there, ${ROUNDS} rounds, median and [least, most]:`);
  print(
    '  created -> last CreateFleet',
    cold.map(({ launch }) => launch),
  );
  print(
    '  created -> machines ready',
    cold.map(({ machines }) => machines),
  );
  print(
    '  created -> Running',
    cold.map(({ running }) => running),
  );
  const warm = await warmStarts(stand);
  console.log('the same job, its machines idle:');
  print('  created -> Running', warm);
  const wide = await wideStart(stand);
  console.log(
    `one job of 201 pods, no machine there: created -> last CreateFleet ${seconds(wide.launch)}, -> Running ${seconds(wide.running)}`,
  );
  await memory(stand);
} finally {
  await stand.stop();
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function print(what: string, values: readonly number[]): void {
  const sorted = values.toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  console.log(`${what}: ${seconds(median)} [${seconds(sorted[0] ?? Number.NaN)}, ${seconds(sorted.at(-1) ?? Number.NaN)}]`);
}

async function prepare({ apply, until, get }: Stand, namespace: string, idleTimeout: string): Promise<Manifest> {
  const manifests = inNamespace(paced(example('finance.yaml'), { seconds: 1, idleTimeout }), namespace);
  const { manifests: applied } = await apply(
    namespace,
    manifests.filter(({ kind }) => kind !== 'ElasticJob'),
  );
  await until(
    `${namespace} is ready`,
    async () => {
      const runtime = await get<{
        readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
      }>(`${GROUP}/namespaces/${namespace}/elasticruntimes/analytics`);
      return runtime?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ? true : undefined;
    },
    60,
  );
  const job = manifests.find(({ kind, metadata }) => kind === 'ElasticJob' && metadata.name === 'hourly-clicks');
  if (applied.length === 0 || job === undefined) throw new Error('the example has changed');
  await stand.account.fit([...applied, job]);
  return job;
}

async function create(job: Manifest): Promise<void> {
  const { status, body } = await stand.controlPlane.call('POST', `${GROUP}/namespaces/${job.metadata.namespace}/elasticjobs`, job);
  if (status !== 201) throw new Error(JSON.stringify(body));
}

function reached(job: Manifest, ...phases: readonly string[]): Promise<true> {
  const path = `${GROUP}/namespaces/${job.metadata.namespace}/elasticjobs/${job.metadata.name}`;
  return waitFor(
    `${job.metadata.name}: ${phases.join(' or ')}`,
    async () => (phases.includes((await stand.get<ElasticJob>(path))?.status?.phase ?? '') ? true : undefined),
    120,
  );
}

function named(job: Manifest, name: string): Manifest {
  return { ...job, metadata: { ...job.metadata, name } };
}

async function start(job: Manifest): Promise<Latency> {
  const began = Date.now();
  await create(job);
  const nodes = () => stand.list<Stored<ElasticNode>>(`${GROUP}/elasticnodes`);
  let machines = 0;
  const running = reached(job, 'Running', 'Uploading', 'Succeeded').then(() => Date.now());
  await waitFor(
    'machines',
    async () => {
      const all = await nodes();
      if (all.length === 0 || all.some(({ status }) => status?.phase !== 'Ready')) return undefined;
      machines = Date.now();
      return true;
    },
    120,
  );
  const fleets = stand.gate.record().filter(({ action, time }) => action === 'ec2:CreateFleet' && Date.parse(time) >= began);
  const launch = Math.max(...fleets.map(({ time }) => Date.parse(time)));
  return { launch: launch - began, machines: machines - began, running: (await running) - began };
}

async function coldStarts({ until, list, kubectl }: Stand): Promise<readonly Latency[]> {
  const job = await prepare(stand, 'cold', '1s');
  const results: Latency[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    results.push(await start(named(job, `cold-${round}`)));
    await until('no machine is left', async () => ((await list(`${GROUP}/elasticnodes`)).length === 0 ? true : undefined), 120);
  }
  await kubectl('delete', 'namespace', 'cold', '--timeout=120s');
  return results;
}

async function warmStarts({ kubectl }: Stand): Promise<readonly number[]> {
  const job = await prepare(stand, 'warm', '10m');
  const results: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const own = named(job, `warm-${round}`);
    const began = Date.now();
    await create(own);
    await reached(own, 'Running', 'Uploading', 'Succeeded');
    results.push(Date.now() - began);
    await reached(own, 'Succeeded');
  }
  await kubectl('delete', 'namespace', 'warm', '--timeout=120s');
  // The first one brought the machines.
  return results.slice(1);
}

async function wideStart({ kubectl }: Stand): Promise<Latency> {
  const job = await prepare(stand, 'wide', '1s');
  const spec = job['spec'] as { readonly workers: object };
  const result = await start({ ...named(job, 'wide'), spec: { ...spec, workers: { ...spec.workers, min: 200, max: 200 } } });
  await kubectl('delete', 'namespace', 'wide', '--timeout=120s');
  return result;
}

/** Suspended jobs: planned and in every cache, no attempt. What a waiting or ended job costs beside is its children and its pods. */
async function memory({ operator, list }: Stand): Promise<void> {
  // What the runs before have left in the heap is not counted.
  await operator.kill();
  await operator.start();
  const job = await prepare(stand, 'many', '1s');
  const before = operator.residentMiB();
  const began = Date.now();
  const names = Array.from({ length: JOBS }, (_, index) => `job-${index}`);
  const spec = job['spec'] as object;
  await Promise.all(
    Array.from({ length: 16 }, async (_, worker) => {
      for (let index = worker; index < names.length; index += 16)
        await create({ ...named(job, names[index] ?? ''), spec: { ...spec, suspend: true } });
    }),
  );
  const created = Date.now();
  let most = 0;
  await waitFor(
    'every job is suspended',
    async () => {
      most = Math.max(most, operator.residentMiB());
      const jobs = await list<ElasticJob>(`${GROUP}/namespaces/many/elasticjobs`);
      return jobs.length === JOBS && jobs.every(({ status }) => status?.phase === 'Suspended') ? true : undefined;
    },
    300,
  );
  const settled = Date.now();
  console.log(
    `the operator's resident memory: ${before.toFixed(0)} MiB before, ${operator.residentMiB().toFixed(0)} MiB with ${JOBS} suspended jobs (most ${most.toFixed(0)} MiB)`,
  );
  console.log(
    `  ${JOBS} jobs created in ${seconds(created - began)}, all with a plan and the phase Suspended ${seconds(settled - began)} after the first`,
  );
}
