/**
 * From demand to intents: what the jobs of a runtime need, less what is there, becomes ElasticNodes. Launching them is the node controller's work;
 * an intent is written first, so that a crash between the two launches nothing twice.
 */
import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { labels } from '../../api/labels.ts';
import { crowdedLedgers } from '../../core/nodes/crowded.ts';
import { buildProblem, type DemandInput, type DemandMemory, demandMemory, seenNodes } from '../../core/nodes/demand.ts';
import { type HoldingJob, type LedgerCheck, ledgerCheck, outdatedLedgers } from '../../core/nodes/ledger-check.ts';
import { rememberedPools } from '../../core/nodes/pools.ts';
import { type DemandJob, slotsOf } from '../../core/nodes/slot-pods.ts';
import { type DemandPlan, givenBack, planDemand } from '../../core/nodes/stuck-gangs.ts';
import type { PackingPlan } from '../../core/packing/problem.ts';
import { isConditionTrue } from '../../machinery/conditions.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { elasticRuntimes } from '../../ports/resources.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';
import { livePods } from '../job/own.ts';
import { jobsOf, nodesOf } from '../runtime/activity.ts';
import { knownSubnets } from '../runtime/network.ts';
import { unverifiedRuntime } from '../runtime/unverified.ts';
import { capacityScope } from './capacity-memory.ts';
import type { Explanation } from './explanations.ts';
import { createNamespaceLimits, type NamespaceLimits } from './namespace-limits.ts';
import { patchLedger, writePlan } from './write-plan.ts';

export type ProvisionHooks = {
  readonly expectations: Expectations;
  /** Jobs whose explanation changed. */
  readonly explained: (jobKeys: readonly string[]) => void;
  /** A runtime whose demand costs at least something else now. */
  readonly bounded: (runtimeKey: string) => void;
};

type PlanHooks = ProvisionHooks & { readonly limits: NamespaceLimits };

/** Phases in which a job holds or wants capacity. An attempt that uploads keeps its nodes until its logs are out. */
const holding: ReadonlySet<string> = new Set(['Waiting', 'Running', 'Uploading']);
const wanting: ReadonlySet<string> = new Set(['Waiting', 'Running']);

export function createProvisioner(context: OperatorContext, hooks: ProvisionHooks): (key: string) => Promise<ReconcileResult> {
  const limits = createNamespaceLimits(context);
  const memory: Memory = { poolsOf: rememberedPools(), runtimes: new Map() };
  context.stores.nodes.onChange(({ previous, current }) => {
    for (const node of [previous, current]) {
      for (const id of node === undefined ? [] : context.stores.nodes.indexes.providerID(node))
        for (const { movedMachines } of memory.runtimes.values()) movedMachines?.add(id);
    }
  });
  return async (key) => {
    const runtime = context.stores.runtimes.get(key);
    if (runtime === undefined || runtime.metadata.deletionTimestamp !== undefined) {
      memory.runtimes.delete(key);
      return done;
    }
    return limits.inTurn(runtime, () => provision(context, { ...hooks, limits }, runtime, memory));
  };
}

/** What a look keeps for the next one: speed only. */
type Memory = {
  readonly poolsOf: ReturnType<typeof rememberedPools>;
  readonly runtimes: Map<string, RuntimeMemory>;
};

type RuntimeMemory = {
  readonly uid: string;
  readonly demand: DemandMemory;
  readonly ledgers: LedgerCheck;
  /** Provider ids whose Node has changed since the last problem; undefined before the first. */
  movedMachines: Set<string> | undefined;
};

async function provision(
  context: OperatorContext,
  hooks: PlanHooks,
  runtime: Stored<ElasticRuntime>,
  memory: Memory,
): Promise<ReconcileResult> {
  // A job that never had an attempt has no pods: with thousands of jobs, most of them are not looked at.
  const all = jobsOf(context, runtime)
    .filter((job) => job.status?.attempt?.number !== undefined)
    .map((job) => ({ job, pods: livePods(context, job) }));
  const known = memoryOf(memory, runtime);
  const released = await releaseEnded(context, hooks, runtime, all, known.ledgers);
  if (released !== undefined) return { retry: released };
  if (!isConditionTrue(runtime.status?.conditions, 'Ready') || context.classes.standing(runtime).kind !== 'allowed') return done;
  if (unverifiedRuntime(context, runtime) !== undefined) return done;
  const input = observe(context, hooks.limits, runtime, all, memory.poolsOf, known);
  if (input === undefined) return { requeueAfterMs: 60_000 };
  const pause = context.launchFailures.pause(runtime.metadata.uid);
  if (pause !== undefined) return waitForLaunches(context, hooks, runtime, input, pause);
  const problem = buildProblem(input, known.demand);
  known.movedMachines = new Set();
  const crowded = await releaseCrowded(context, hooks, runtime, known.demand);
  if (crowded !== undefined) return crowded;
  const { plan, stuck } = planDemand(problem, input.jobs);
  const given = await giveBack(context, hooks, runtime, stuck);
  if (given !== undefined) return given;
  const written = await writePlan(context, hooks, runtime, input, plan);
  explain(context, hooks, runtime, input, plan);
  // Last: it says what the demand costs at least, and nothing waits for that.
  const bound = context.costBounds.look(runtime, input, known.demand);
  if (bound === 'changed') hooks.bounded(runtimeKey(runtime.metadata));
  if (written !== undefined) return { retry: written };
  if (plan.newNodes.length > 0) announce(context, runtime, plan);
  const capacityReturns = plan.unschedulable.length > 0 ? context.capacity.nextExpiryMs(capacityScope(runtime)) : undefined;
  const again = [
    ...(capacityReturns === undefined ? [] : [capacityReturns + 1000]),
    ...(typeof bound === 'string' ? [] : [bound.againInMs]),
  ];
  return again.length === 0 ? done : { requeueAfterMs: Math.min(...again) };
}

function memoryOf({ runtimes }: Memory, { metadata: { uid, namespace = '', name } }: Stored<ElasticRuntime>): RuntimeMemory {
  const key = runtimeKey({ namespace, name });
  const known = runtimes.get(key);
  const entry = known?.uid === uid ? known : { uid, demand: demandMemory(), ledgers: ledgerCheck(), movedMachines: undefined };
  runtimes.set(key, entry);
  return entry;
}

function observe(
  context: OperatorContext,
  limits: NamespaceLimits,
  runtime: Stored<ElasticRuntime>,
  all: readonly HoldingJob[],
  poolsOf: Memory['poolsOf'],
  { movedMachines }: RuntimeMemory,
): DemandInput | undefined {
  const { stores, settings } = context;
  const zones = [...new Set(knownSubnets(runtime).map(({ zone }) => zone))];
  const catalog = settings.catalog(runtime.spec.region, zones);
  if (catalog === undefined || zones.length === 0) return undefined;
  const jobs = all.flatMap(({ job }): readonly DemandJob[] => {
    const attempt = job.status?.attempt?.number;
    if (attempt === undefined || !wanting.has(job.status?.phase ?? '') || job.metadata.deletionTimestamp !== undefined) return [];
    return [{ job, attempt, priority: priorityOf(context, job) }];
  });
  return {
    runtime,
    pools: poolsOf(runtime),
    jobs: jobs.sort(
      (a, b) =>
        b.priority - a.priority ||
        compare(a.job.metadata.creationTimestamp, b.job.metadata.creationTimestamp) ||
        compare(a.job.metadata.uid, b.job.metadata.uid),
    ),
    elasticNodes: nodesOf(context, runtime),
    nodeByProviderId: (id) => {
      const claims = stores.nodes.byIndex('providerID', id);
      // Of several that claim it, the one that was registered: only the operator sets the label.
      return claims.length === 1 ? claims[0] : claims.find(({ metadata }) => metadata.labels?.[labels.runtimeUid] === runtime.metadata.uid);
    },
    ...(movedMachines !== undefined && { movedMachines }),
    pods: all.map(({ pods }) => pods),
    daemonSets: stores.daemonSets.list(),
    catalog,
    unavailable: context.capacity.unavailable(capacityScope(runtime)),
    limits: limits.left(runtime, catalog),
  };
}

function compare(left = '', right = ''): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function priorityOf(context: OperatorContext, job: ElasticJob): number {
  const name = job.spec.priorityClassName;
  return name === undefined ? 0 : (context.stores.priorityClasses.get(name)?.value ?? 0);
}

/** Takes out of the ledger what no attempt needs any more: ended attempts, and slots whose pod runs on another node. */
async function releaseEnded(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  all: readonly HoldingJob[],
  check: LedgerCheck,
): Promise<string | undefined> {
  const jobs = all.filter(({ job }) => holding.has(job.status?.phase ?? ''));
  for (const { node, ledger } of outdatedLedgers(check, nodesOf(context, runtime), jobs)) {
    const failed = await patchLedger(context, hooks, runtime, node, ledger);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

/** Where a pod has taken the room of another slot, that slot is planned anew. */
async function releaseCrowded(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  demand: DemandMemory,
): Promise<ReconcileResult | undefined> {
  const crowded = new Map(crowdedLedgers(seenNodes(demand)).map(({ node, ledger }) => [node, ledger]));
  if (crowded.size === 0) return undefined;
  for (const node of nodesOf(context, runtime)) {
    const ledger = crowded.get(node);
    const failed = ledger === undefined ? undefined : await patchLedger(context, hooks, runtime, node, ledger);
    if (failed !== undefined) return { retry: failed };
  }
  return { requeueAfterMs: 1000 };
}

/** EC2 refuses to launch: nothing is planned for a while, and every job that waits says why. */
function waitForLaunches(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  input: DemandInput,
  { message, leftMs }: { readonly message: string; readonly leftMs: number },
): ReconcileResult {
  const explanation: Explanation = { reason: 'LaunchRefused', message, expectedAt: context.clock.now() + leftMs };
  const waiting = input.jobs.filter(({ job }) => job.status?.phase === 'Waiting');
  const changed = new Set(
    context.explanations.replace(runtime.metadata.uid, new Map(waiting.map(({ job }) => [job.metadata.uid, explanation]))),
  );
  hooks.explained(
    waiting.filter(({ job }) => changed.has(job.metadata.uid)).map(({ job }) => `${job.metadata.namespace}/${job.metadata.name}`),
  );
  return { requeueAfterMs: leftMs + 100 };
}

async function giveBack(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  stuck: DemandPlan['stuck'],
): Promise<ReconcileResult | undefined> {
  const given = givenBack(nodesOf(context, runtime), stuck);
  for (const { node, ledger } of given) {
    const failed = await patchLedger(context, hooks, runtime, node, ledger);
    if (failed !== undefined) return { retry: failed };
  }
  return given.length === 0 ? undefined : { requeueAfterMs: 1000 };
}

function explain(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  input: DemandInput,
  plan: PackingPlan,
): void {
  const byJob = new Map<string, Explanation>();
  for (const { pod, reason, message } of plan.unschedulable) {
    const [jobUid = '', attempt = '', ...name] = pod.split('/');
    const demand = input.jobs.find(({ job }) => job.metadata.uid === jobUid);
    // Growth that does not fit is no reason to wait.
    const inGang = demand !== undefined && slotsOf(demand).some((slot) => slot.inGang && slot.key === pod);
    if (!inGang || byJob.has(jobUid)) continue;
    const expected = reason === 'InsufficientCapacity' ? context.capacity.nextExpiryMs(capacityScope(runtime)) : undefined;
    byJob.set(jobUid, {
      reason,
      message: `${name.join('/')} of attempt ${attempt}: ${inWordsOf(jobUid, attempt, message)}`,
      ...(expected !== undefined && { expectedAt: context.clock.now() + expected }),
    });
  }
  const changed = new Set(context.explanations.replace(runtime.metadata.uid, byJob));
  if (changed.size === 0) return;
  hooks.explained(
    jobsOf(context, runtime)
      .filter((job) => changed.has(job.metadata.uid))
      .map((job) => `${job.metadata.namespace}/${job.metadata.name}`),
  );
}

/** The planner knows slots by the job's uid; who reads the job's status knows which job it is. */
function inWordsOf(jobUid: string, attempt: string, message: string): string {
  return message.replaceAll(`${jobUid}/${attempt}/`, '').replaceAll(`gang ${jobUid}/${attempt} `, 'the gang ');
}

function announce(context: OperatorContext, runtime: Stored<ElasticRuntime>, plan: PackingPlan): void {
  const { usdPerHour, lowerBoundUsdPerHour, gap, newNodes } = plan;
  const ofRuntime = { runtime: runtimeKey(runtime.metadata) };
  context.telemetry.gauge('plan_usd_per_hour', usdPerHour, ofRuntime);
  context.telemetry.gauge('plan_lower_bound_usd_per_hour', lowerBoundUsdPerHour, ofRuntime);
  context.telemetry.gauge('plan_gap_ratio', gap, ofRuntime);
  const types = newNodes
    .map((node) => `${node.capacityType} ${node.instanceType}`)
    .slice(0, 10)
    .join(', ');
  const bound = `bound ${lowerBoundUsdPerHour.toFixed(4)}, gap ${(gap * 100).toFixed(1)} %`;
  context.events.record(
    elasticRuntimes,
    runtime,
    'Normal',
    'NodesPlanned',
    `${newNodes.length} node(s) for ${usdPerHour.toFixed(4)} USD/h (${bound}): ${types}`,
  );
}
