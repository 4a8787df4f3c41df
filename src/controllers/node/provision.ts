/**
 * From demand to intents: what the jobs of a runtime need, less what is there, becomes ElasticNodes. Launching them is the node controller's work;
 * an intent is written first, so that a crash between the two launches nothing twice.
 */
import { createHash } from 'node:crypto';
import type { ElasticJob, ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Pod, Stored } from '../../api/kubernetes.ts';
import { finalizers, labels, managedBy } from '../../api/labels.ts';
import { keepSlots, type Reservation, reserve, slotName } from '../../core/jobs/slots.ts';
import {
  buildProblem,
  type DemandInput,
  type DemandJob,
  type DemandMemory,
  demandMemory,
  isUsable,
  slotOfPod,
  slotsOf,
} from '../../core/nodes/demand.ts';
import { rememberedPools } from '../../core/nodes/pools.ts';
import { planPacking } from '../../core/packing/plan.ts';
import type { NewNode, PackingPlan } from '../../core/packing/problem.ts';
import { isConditionTrue } from '../../machinery/conditions.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { elasticNodes, elasticRuntimes } from '../../ports/resources.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';
import { ownPods } from '../job/own.ts';
import { hasEnded, jobsOf, nodesOf } from '../runtime/activity.ts';
import { dataDevice } from '../runtime/launch-templates.ts';
import { knownSubnets } from '../runtime/network.ts';
import { capacityScope } from './capacity-memory.ts';
import type { Explanation } from './explanations.ts';
import { createNamespaceLimits, type NamespaceLimits } from './namespace-limits.ts';

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
  const memory: Memory = { poolsOf: rememberedPools(), demands: new Map() };
  return async (key) => {
    const runtime = context.stores.runtimes.get(key);
    if (runtime === undefined || runtime.metadata.deletionTimestamp !== undefined) {
      memory.demands.delete(key);
      return done;
    }
    return limits.inTurn(runtime, () => provision(context, { ...hooks, limits }, runtime, memory));
  };
}

/** What a look keeps for the next one: speed only. */
type Memory = {
  readonly poolsOf: ReturnType<typeof rememberedPools>;
  readonly demands: Map<string, { readonly uid: string; readonly memory: DemandMemory }>;
};

async function provision(
  context: OperatorContext,
  hooks: PlanHooks,
  runtime: Stored<ElasticRuntime>,
  memory: Memory,
): Promise<ReconcileResult> {
  const all = jobsOf(context, runtime);
  const released = await releaseEnded(context, hooks, runtime, all);
  if (released !== undefined) return { retry: released };
  if (!isConditionTrue(runtime.status?.conditions, 'Ready') || context.classes.standing(runtime).kind !== 'allowed') return done;
  const input = observe(context, hooks.limits, runtime, all, memory.poolsOf);
  if (input === undefined) return { requeueAfterMs: 60_000 };
  const pause = context.launchFailures.pause(runtime.metadata.uid);
  if (pause !== undefined) return waitForLaunches(context, hooks, runtime, input, pause);
  const demands = demandsOf(memory, runtime);
  if (context.costBounds.look(runtime, input, demands)) hooks.bounded(runtimeKey(runtime.metadata));
  const problem = buildProblem(input, demands);
  const plan = planPacking(problem);
  const given = await giveBackHalves(context, hooks, runtime, input, plan);
  if (given !== undefined) return given;
  const written = await writePlan(context, hooks, runtime, input, plan);
  explain(context, hooks, runtime, input, plan);
  if (written !== undefined) return { retry: written };
  if (plan.newNodes.length > 0) announce(context, runtime, plan);
  const capacityReturns = plan.unschedulable.length > 0 ? context.capacity.nextExpiryMs(capacityScope(runtime)) : undefined;
  return capacityReturns === undefined ? done : { requeueAfterMs: capacityReturns + 1000 };
}

function demandsOf({ demands }: Memory, { metadata: { uid, namespace = '', name } }: Stored<ElasticRuntime>): DemandMemory {
  const key = runtimeKey({ namespace, name });
  const known = demands.get(key);
  const entry = known?.uid === uid ? known : { uid, memory: demandMemory() };
  demands.set(key, entry);
  return entry.memory;
}

function observe(
  context: OperatorContext,
  limits: NamespaceLimits,
  runtime: Stored<ElasticRuntime>,
  all: readonly Stored<ElasticJob>[],
  poolsOf: Memory['poolsOf'],
): DemandInput | undefined {
  const { stores, settings } = context;
  const zones = [...new Set(knownSubnets(runtime).map(({ zone }) => zone))];
  const catalog = settings.catalog(runtime.spec.region, zones);
  if (catalog === undefined || zones.length === 0) return undefined;
  const jobs = all.flatMap((job): readonly DemandJob[] => {
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
        (a.job.metadata.creationTimestamp ?? '').localeCompare(b.job.metadata.creationTimestamp ?? '') ||
        a.job.metadata.uid.localeCompare(b.job.metadata.uid),
    ),
    elasticNodes: nodesOf(context, runtime),
    nodeByProviderId: (id) => {
      const claims = stores.nodes.byIndex('providerID', id);
      // Of several that claim it, the one that was registered: only the operator sets the label.
      return claims.length === 1 ? claims[0] : claims.find(({ metadata }) => metadata.labels?.[labels.runtimeUid] === runtime.metadata.uid);
    },
    pods: all.flatMap((job) => (hasPods(job) ? ownPods(context, job) : [])).filter(isAlive),
    daemonSets: stores.daemonSets.list(),
    catalog,
    unavailable: context.capacity.unavailable(capacityScope(runtime)),
    limits: limits.left(runtime, catalog),
  };
}

/** A job that never had an attempt has no pods: with thousands of jobs, most of them are not looked at. */
function hasPods(job: ElasticJob): boolean {
  return job.status?.attempt?.number !== undefined;
}

function isAlive(pod: Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';
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
  all: readonly Stored<ElasticJob>[],
): Promise<string | undefined> {
  const attempts = new Map(
    all.filter((job) => holding.has(job.status?.phase ?? '') && !hasEnded(job)).map((job) => [job.metadata.uid, job]),
  );
  const nodeOfSlot = new Map<string, string>();
  for (const job of attempts.values()) {
    for (const pod of ownPods(context, job)) {
      const slot = slotOfPod(pod);
      if (slot !== undefined && pod.spec.nodeName !== undefined && isAlive(pod))
        nodeOfSlot.set(`${slot.jobUid}/${slot.attempt}/${slot.name}`, pod.spec.nodeName);
    }
  }
  for (const node of nodesOf(context, runtime)) {
    const ledger: readonly Reservation[] = node.spec.reservedFor ?? [];
    const next = keepSlots(ledger, (entry, slot) => {
      const job = attempts.get(entry.jobUid);
      if (job === undefined || job.status?.attempt?.number !== entry.attempt) return false;
      if (!slotsOf({ job, attempt: entry.attempt }).some(({ role, index }) => slotName(role, index) === slot)) return false;
      const runsOn = nodeOfSlot.get(`${entry.jobUid}/${entry.attempt}/${slot}`);
      return runsOn === undefined || runsOn === node.status?.nodeName;
    });
    if (next === ledger) continue;
    const failed = await patchLedger(context, hooks, runtime, node, next);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

async function patchLedger(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  node: Stored<ElasticNode>,
  ledger: readonly Reservation[],
): Promise<string | undefined> {
  const { name, resourceVersion } = node.metadata;
  const patched = await context.kubernetes.mergePatch(
    elasticNodes,
    { name },
    { metadata: { resourceVersion }, spec: { reservedFor: ledger } },
  );
  if (!patched.ok) return patched.error.kind === 'NotFound' ? undefined : `ledger of ${name}: ${patched.error.message}`;
  hooks.expectations.wrote(runtimeKey(runtime.metadata), context.stores.elasticNodes, patched.value);
  return undefined;
}

async function writePlan(
  context: OperatorContext,
  hooks: PlanHooks,
  runtime: Stored<ElasticRuntime>,
  input: DemandInput,
  plan: PackingPlan,
): Promise<string | undefined> {
  const byNode = new Map<string, string[]>();
  for (const { pod, node } of plan.assignments) byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  for (const node of input.elasticNodes.filter(isUsable)) {
    const assigned = byNode.get(node.metadata.name);
    if (assigned === undefined) continue;
    const before: readonly Reservation[] = node.spec.reservedFor ?? [];
    const ledger = reservations(input, assigned).reduce((held, add) => reserve(held, add), before);
    if (ledger === before) continue;
    const failed = await patchLedger(context, hooks, runtime, node as Stored<ElasticNode>, ledger);
    if (failed !== undefined) return failed;
  }
  const present = suffix(input.elasticNodes.map((node) => node.metadata.uid));
  for (const [index, planned] of plan.newNodes.entries()) {
    const desired = intent(runtime, input, planned, `${index} ${present}`);
    if (desired === undefined) continue;
    const created = await context.kubernetes.create(elasticNodes, desired);
    if (!created.ok) return `ElasticNode ${desired.metadata.name}: ${created.error.message}`;
    hooks.limits.wrote(created.value);
    hooks.expectations.wrote(runtimeKey(runtime.metadata), context.stores.elasticNodes, created.value);
  }
  return undefined;
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

/**
 * Two gangs that each fit alone must not both wait holding half: of the unstarted gangs whose rest has no place, only the first in order may hold
 * anything. The others give back what they have, and the next plan sees it free.
 */
async function giveBackHalves(
  context: OperatorContext,
  hooks: ProvisionHooks,
  runtime: Stored<ElasticRuntime>,
  input: DemandInput,
  plan: PackingPlan,
): Promise<ReconcileResult | undefined> {
  const homeless = new Set(plan.unschedulable.map(({ pod }) => pod));
  const stuck = input.jobs.filter(
    ({ job, attempt }) =>
      job.status?.phase === 'Waiting' && slotsOf({ job, attempt }).some((slot) => slot.inGang && homeless.has(slot.key)),
  );
  const giving = new Set(stuck.slice(1).map(({ job }) => job.metadata.uid));
  let changed = false;
  for (const node of nodesOf(context, runtime)) {
    const ledger: readonly Reservation[] = node.spec.reservedFor ?? [];
    const next = keepSlots(ledger, (entry) => !giving.has(entry.jobUid));
    if (next === ledger) continue;
    const failed = await patchLedger(context, hooks, runtime, node, next);
    if (failed !== undefined) return { retry: failed };
    changed = true;
  }
  return changed ? { requeueAfterMs: 1000 } : undefined;
}

/** Slot keys of the plan, grouped as the ledger keeps them. */
function reservations(input: DemandInput, slotKeys: readonly string[]): readonly Reservation[] {
  const byAttempt = new Map<string, string[]>();
  for (const key of slotKeys) {
    const [jobUid, attempt, ...slot] = key.split('/');
    const id = `${jobUid}/${attempt}`;
    byAttempt.set(id, [...(byAttempt.get(id) ?? []), slot.join('/')]);
  }
  if (byAttempt.size === 0) return [];
  return input.jobs.flatMap(({ job, attempt }) => {
    const slots = byAttempt.get(`${job.metadata.uid}/${attempt}`);
    return slots === undefined ? [] : [{ jobUid: job.metadata.uid, jobName: job.metadata.name, attempt, slots: slots.sort() }];
  });
}

/** So many fall-backs are offered to CreateFleet; more only make the request large. */
const offeringsPerNode = 60;

function intent(runtime: Stored<ElasticRuntime>, input: DemandInput, planned: NewNode, place: string): ElasticNode | undefined {
  const pool = input.pools.find(({ name }) => name === planned.pool);
  const template = runtime.status?.launchTemplates?.find((candidate) => candidate.pool === planned.pool);
  if (pool === undefined || template?.id === undefined) return undefined;
  const subnets = new Map(knownSubnets(runtime).map(({ zone, subnetId }) => [zone, subnetId]));
  const offerings = planned.offerings
    .filter(({ capacityType }) => capacityType === planned.capacityType)
    .slice(0, offeringsPerNode)
    .flatMap(({ instanceType, zone, capacityType, usdPerHour }) => {
      const subnetId = subnets.get(zone);
      return subnetId === undefined ? [] : [{ instanceType, zone, subnetId, capacityType, usdPerHour }];
    });
  const { name, namespace = '', uid } = runtime.metadata;
  const { type, initialGiB, maxGiB, growAtPercent, iops, throughputMiBps } = pool.volume;
  return {
    apiVersion: 'elasticruntime.dev/v1alpha1',
    kind: 'ElasticNode',
    metadata: {
      name: `${name.slice(0, 30)}-${pool.name.slice(0, 20)}-${suffix([uid, place, planned.pods])}`,
      labels: {
        [labels.managedBy]: managedBy,
        [labels.runtime]: name.slice(0, 63),
        [labels.namespace]: namespace,
        [labels.pool]: pool.name,
      },
      finalizers: [finalizers.node],
    },
    spec: {
      runtimeRef: { namespace, name, uid },
      pool: pool.name,
      role: pool.role,
      offerings,
      attempt: 0,
      image: { family: pool.image.family, ...(template.imageId !== undefined && { amiId: template.imageId }) },
      launchTemplate: { id: template.id, version: template.version ?? '1' },
      volume: {
        type,
        initialGiB,
        maxGiB,
        growAtPercent,
        deviceName: dataDevice(pool.image),
        ...(iops !== undefined && { iops }),
        ...(throughputMiBps !== undefined && { throughputMiBps }),
      },
      reservedFor: reservations(input, planned.pods),
      requested: {
        cpuMilli: Math.round(planned.requested['cpu'] ?? 0),
        memoryBytes: Math.round(planned.requested['memory'] ?? 0),
        pods: planned.pods.length,
      },
      terminationGracePeriod: runtime.spec.disruption.terminationGracePeriod,
      expireAfter: runtime.spec.disruption.expireAfter,
    },
  };
}

/**
 * A function of what is wanted and of what is there: a create whose reply was lost is answered with AlreadyExists, instead of made again under another
 * name. Six characters of an alphabet without vowels, as Kubernetes makes generated names.
 */
function suffix(parts: readonly unknown[]): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  const bytes = createHash('sha256').update(JSON.stringify(parts)).digest();
  return Array.from(bytes.subarray(0, 6), (byte) => alphabet[byte % alphabet.length]).join('');
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
      message: `${name.join('/')} of attempt ${attempt}: ${message}`,
      ...(expected !== undefined && { expectedAt: context.clock.now() + expected }),
    });
  }
  const changed = new Set(context.explanations.replace(runtime.metadata.uid, byJob));
  hooks.explained(
    jobsOf(context, runtime)
      .filter((job) => changed.has(job.metadata.uid))
      .map((job) => `${job.metadata.namespace}/${job.metadata.name}`),
  );
}

function announce(context: OperatorContext, runtime: Stored<ElasticRuntime>, plan: PackingPlan): void {
  const { usdPerHour, lowerBoundUsdPerHour, gap, newNodes } = plan;
  context.telemetry.gauge('plan_usd_per_hour', usdPerHour, { runtime: runtimeKey(runtime.metadata) });
  context.telemetry.gauge('plan_gap_ratio', gap, { runtime: runtimeKey(runtime.metadata) });
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
