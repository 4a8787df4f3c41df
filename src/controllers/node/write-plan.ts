/**
 * A plan becomes objects: reservations in the ledger of nodes that are there, and ElasticNodes, the intents to launch. Both are functions of the plan and of
 * what is there: written again after a lost reply they change nothing.
 */
import { createHash } from 'node:crypto';
import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { finalizers, labels, managedBy } from '../../api/labels.ts';
import { type Reservation, reserve } from '../../core/jobs/slots.ts';
import type { DemandInput } from '../../core/nodes/demand.ts';
import { isUsable } from '../../core/nodes/packing-nodes.ts';
import type { NewNode, PackingPlan } from '../../core/packing/problem.ts';
import type { Expectations } from '../../machinery/expectations.ts';
import { elasticNodes } from '../../ports/resources.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';
import { dataDevice } from '../runtime/launch-templates.ts';
import { knownSubnets } from '../runtime/network.ts';
import type { NamespaceLimits } from './namespace-limits.ts';

type WriteHooks = { readonly expectations: Expectations; readonly limits: NamespaceLimits };

/** Slots onto nodes that are there go into the ledger first; then an intent for each node that is missing. */
export async function writePlan(
  context: OperatorContext,
  hooks: WriteHooks,
  runtime: Stored<ElasticRuntime>,
  input: DemandInput,
  plan: PackingPlan,
): Promise<string | undefined> {
  const byNode = new Map<string, string[]>();
  for (const { pod, node } of plan.assignments) byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  for (const node of byNode.size === 0 ? [] : input.elasticNodes) {
    const assigned = byNode.get(node.metadata.name);
    if (assigned === undefined || !isUsable(node)) continue;
    const before: readonly Reservation[] = node.spec.reservedFor ?? [];
    const ledger = reservations(input, assigned).reduce((held, add) => reserve(held, add), before);
    if (ledger === before) continue;
    const failed = await patchLedger(context, hooks, runtime, node as Stored<ElasticNode>, ledger);
    if (failed !== undefined) return failed;
  }
  if (plan.newNodes.length === 0) return undefined;
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

export async function patchLedger(
  context: OperatorContext,
  { expectations }: Pick<WriteHooks, 'expectations'>,
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
  expectations.wrote(runtimeKey(runtime.metadata), context.stores.elasticNodes, patched.value);
  return undefined;
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
  const jobs = new Set([...byAttempt.keys()].map((id) => id.split('/')[0]));
  return input.jobs.flatMap(({ job, attempt }) => {
    if (!jobs.has(job.metadata.uid)) return [];
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
