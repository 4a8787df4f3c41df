import { type Simulation, startSimulation } from '../sim/simulate.ts';
import type { ExplainIo } from './explain.ts';
import { accessTable, loadManifests } from './simulate.ts';

export type DemoArguments = { readonly files: readonly string[]; readonly seed: number; readonly terminal: boolean };

/** `npm run demo`: two manifests in, jobs run on an elastic cluster, everything gone afterwards, and a record of who accessed what as whom. */
export async function runDemo(args: DemoArguments, io: ExplainIo): Promise<number> {
  const manifests = await loadManifests(args.files, io, 'demo');
  if (manifests === undefined) return 2;
  io.stdout(`Applying ${args.files.join(', ')} to a simulated Kubernetes cluster and AWS account (seed ${args.seed}).\n`);
  const show = progress(args.terminal, io);
  const started = startSimulation({ manifests, seed: args.seed, faults: 'none', limitMs: 0, onProgress: show, nodeAgents: true });
  if (!started.ok) {
    io.stderr(`demo: ${started.reason}`);
    return 2;
  }
  const simulation = started.value;
  const outcome = await simulation.settle(24 * 3_600_000);
  show(simulation);
  const result = simulation.result();
  io.stdout('\nJobs');
  for (const job of simulation.jobs()) {
    io.stdout(
      `  ${`${job.metadata.namespace}/${job.metadata.name}`.padEnd(28)} ${(job.status?.phase ?? '').padEnd(10)} security type ${job.status?.securityType ?? '?'}`,
    );
  }
  io.stdout('\nNodes');
  for (const instance of simulation.account.instances()) {
    const minutes = (Math.min(simulation.world.now(), instance.stoppingAt) - instance.launchedAt) / 60_000;
    io.stdout(
      `  ${instance.instanceId}  ${instance.capacityType.padEnd(9)} ${instance.type.name.padEnd(12)} ${instance.zone}  ${minutes.toFixed(1).padStart(5)} min  ${instance.usdPerHour.toFixed(4)} USD/h`,
    );
  }
  io.stdout(
    `  ${result.nodes.launched} launched, ${result.nodes.terminated} terminated, ${result.nodes.orphans} left behind; ${result.usd.toFixed(4)} USD in ${Math.round(result.virtualSeconds / 60)} virtual minutes`,
  );
  io.stdout('\nWho accessed what as whom');
  io.stdout(accessTable(result.audit));
  const good =
    outcome === 'settled' &&
    result.violations.length === 0 &&
    result.nodes.orphans === 0 &&
    result.jobs.every(({ phase }) => phase === 'Succeeded');
  for (const violation of result.violations) io.stdout(`VIOLATION ${violation.invariant}: ${violation.detail}`);
  io.stdout(
    good
      ? '\nAll jobs succeeded, all nodes are gone. Against a real cluster:\n  npm run cli -- explain -f examples/finance.yaml        who will access what, before anything runs\n  npm run cluster                                        a real control plane and an AWS emulator on this machine\n  docs/install.md                                        the chart, the IAM it needs, a first runtime'
      : '\nThe demo did not end as it should.',
  );
  return good ? 0 : 1;
}

/** One line per change of a job, with the nodes at that moment. On a terminal the time is shown in place. */
function progress(terminal: boolean, io: ExplainIo): (simulation: Simulation) => void {
  const phases = new Map<string, string>();
  const started = new Map<Simulation, number>();
  return (simulation) => {
    const begin = started.get(simulation) ?? simulation.world.now();
    started.set(simulation, begin);
    const elapsed = clock(simulation.world.now() - begin);
    for (const job of simulation.jobs()) {
      const { status, metadata } = job;
      const workers = status?.workers === undefined ? '' : ` (${status.workers.ready ?? 0}/${status.workers.desired ?? 0} workers)`;
      const text = `${status?.phase ?? 'Pending'}${status?.phase === 'Running' ? workers : ''}${status?.waiting === undefined ? '' : `: ${status.waiting.reason}`}`;
      if (phases.get(metadata.name) === text) continue;
      phases.set(metadata.name, text);
      const nodes = simulation.account.liveInstances().length;
      io.stdout(`${terminal ? '\r\u001B[2K' : ''}${elapsed}  ${metadata.name.padEnd(16)} ${text.padEnd(34)} ${nodes} node(s)`);
    }
  };
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 3600)).padStart(2, '0')}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
