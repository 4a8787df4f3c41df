import { parseCatalog } from '../core/packing/catalog.ts';
import { planPacking } from '../core/packing/plan.ts';
import type { PackingPlan, PackingPod, PackingProblem } from '../core/packing/problem.ts';
import { kubeletReserve } from '../core/packing/reserve.ts';
import { type RuntimePools, readPods, readRuntime } from './plan-input.ts';
import { planTable } from './plan-table.ts';

export type PlanArguments = {
  readonly podFiles: readonly string[];
  readonly catalogFile: string;
  readonly runtimeFile?: string;
  readonly output: 'json' | 'table';
};

/** What the command needs of the world. `readFile` answers the text of a file (`-` is standard input) and rejects if it cannot. */
export type PlanIo = {
  readonly readFile: (path: string) => Promise<string>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
};

/** `kubectl-elastic plan`: 0 all pods placed, 1 some cannot be, 2 wrong usage or bad input. */
export async function runPlan(args: PlanArguments, io: PlanIo): Promise<number> {
  const problem = await readProblem(args, io);
  if (typeof problem === 'string') {
    io.printError(`plan: ${problem}`);
    return 2;
  }
  const plan = planPacking(problem);
  const invalid = plan.unschedulable.filter((one) => one.reason === 'InvalidPod');
  if (invalid.length > 0) {
    for (const { pod, message } of invalid) io.printError(`plan: ${args.podFiles.join(', ')}: pod ${pod}: ${message}`);
    return 2;
  }
  if (plan.rejected.length > 0) {
    for (const { subject, reason } of plan.rejected) {
      const file = subject.startsWith('pool ') ? args.runtimeFile : args.catalogFile;
      io.printError(`plan: ${file}: ${subject}: ${reason}`);
    }
    return 2;
  }
  io.print(args.output === 'json' ? JSON.stringify(planJson(plan), undefined, 2) : planTable(plan));
  return plan.unschedulable.length === 0 ? 0 : 1;
}

async function readProblem(args: PlanArguments, io: PlanIo): Promise<PackingProblem | string> {
  const texts = new Map<string, string>();
  for (const path of [...args.podFiles, args.catalogFile, ...(args.runtimeFile === undefined ? [] : [args.runtimeFile])]) {
    try {
      texts.set(path, await io.readFile(path));
    } catch (error) {
      return `${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  const pods: PackingPod[] = [];
  const daemons: PackingPod[] = [];
  for (const path of args.podFiles) {
    const read = readPods(texts.get(path) as string);
    if (!read.ok) return `${path}: ${read.reason}`;
    pods.push(...read.value.pods);
    daemons.push(...read.value.daemons);
  }
  const names = new Set<string>();
  for (const { key } of pods) {
    if (names.has(key)) return `${args.podFiles.join(', ')}: pod ${key} occurs twice`;
    names.add(key);
  }
  let runtime: RuntimePools = { pools: [{ name: 'workers' }], limits: {} };
  if (args.runtimeFile !== undefined) {
    const read = readRuntime(texts.get(args.runtimeFile) as string);
    if (!read.ok) return `${args.runtimeFile}: ${read.reason}`;
    runtime = read.value;
  }
  const catalog = parseCatalog(texts.get(args.catalogFile) as string, args.runtimeFile === undefined ? {} : { reserve: kubeletReserve });
  if (!catalog.ok) return `${args.catalogFile}: ${catalog.reason}`;
  const { types, offerings } = catalog.value;
  // Without a runtime nobody has agreed to spot.
  const sold = args.runtimeFile === undefined ? offerings.filter((offering) => offering.capacityType === 'on-demand') : offerings;
  return { pods, daemons, nodes: [], types, offerings: sold, pools: runtime.pools, limits: runtime.limits };
}

function planJson(plan: PackingPlan) {
  const nodes = plan.newNodes.map(({ instanceType, zone, capacityType, usdPerHour, pool, pods }) => ({
    type: instanceType,
    zone,
    capacityType,
    usdPerHour,
    pool,
    pods: pods.map(podName),
  }));
  const unschedulable = plan.unschedulable.map(({ pod, reason, message, nearest }) => ({
    pod: podName(pod),
    reason: `${reason}: ${message}`,
    ...(nearest === undefined ? {} : { nearest }),
  }));
  const { usdPerHour, lowerBoundUsdPerHour, gap } = plan;
  return { nodes, unschedulable, usdPerHour, lowerBoundUsdPerHour, gap };
}

/** Names as the manifests give them; the namespace only where there is one to tell apart. */
export function podName(key: string): string {
  return key.startsWith('default/') ? key.slice('default/'.length) : key;
}
