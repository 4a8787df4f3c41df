/** What a job's slots ask for, before their pods exist. */
import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import { labels, taints } from '../../api/labels.ts';
import { gangId, type SlotRole, slotKey, slotName } from '../jobs/slots.ts';
import type { PackingPod, PodSpec, Toleration } from '../packing/problem.ts';

export type DemandJob = {
  readonly job: ElasticJob & { readonly metadata: { readonly uid: string } };
  readonly attempt: number;
  readonly priority: number;
};

/** Growth beyond a gang's minimum never stands before another gang. */
const growthPenalty = 2_000_000_000;

type SlotDemand = { readonly key: string; readonly role: SlotRole; readonly index: number; readonly inGang: boolean };

/** Master and minimum workers are the gang; the workers up to max are wanted as limits and capacity allow. */
export function slotsOf({ job, attempt }: Pick<DemandJob, 'job' | 'attempt'>): readonly SlotDemand[] {
  const slot = (role: SlotRole, index: number, inGang: boolean): SlotDemand => ({
    key: slotKey({ jobUid: job.metadata.uid, attempt, role, index }),
    role,
    index,
    inGang,
  });
  const { min, max, template } = job.spec.workers;
  const workers = template === undefined ? 0 : Math.max(min, max);
  return [slot('master', 0, true), ...Array.from({ length: workers }, (_, index) => slot('worker', index, index < min))];
}

/** The pods of an attempt's slots by the slot's name. */
export type SlotPods = {
  /** Of the attempt. */
  readonly id: string;
  readonly of: DemandJob;
  readonly slots: ReadonlyMap<string, { readonly key: string; readonly pod: PackingPod }>;
};

/** Those known of the attempt where they would be the same: a job's status does not matter, and the generation counts the changes of its spec. */
export function slotPods(
  runtime: ElasticRuntime & { readonly metadata: { readonly uid: string } },
  demand: DemandJob,
  known: SlotPods | undefined,
): SlotPods {
  if (known !== undefined && isSameDemand(known.of, demand)) return known;
  const specs = { master: slotSpec(runtime.metadata.uid, demand, 'master'), worker: slotSpec(runtime.metadata.uid, demand, 'worker') };
  // Those of one role share their spec, so that the planner reads it once.
  const slots = new Map(
    slotsOf(demand).map((slot) => [slotName(slot.role, slot.index), { key: slot.key, pod: packingPod(demand, slot, specs[slot.role]) }]),
  );
  return { id: gangId(demand.job.metadata.uid, demand.attempt), of: demand, slots };
}

/** Whether it asks for the same pods. */
export function isSameDemand(known: DemandJob, demand: DemandJob): boolean {
  if (known.attempt !== demand.attempt || known.priority !== demand.priority) return false;
  if (known.job === demand.job) return true;
  const { uid, generation } = known.job.metadata;
  return generation !== undefined && generation === demand.job.metadata.generation && uid === demand.job.metadata.uid;
}

function slotSpec(runtimeUid: string, { job }: DemandJob, role: SlotRole): PodSpec {
  const template = role === 'master' ? job.spec.master.template : job.spec.workers.template;
  const spec = (template?.spec ?? { containers: [] }) as unknown as PodSpec;
  const toleration: Toleration = { key: taints.runtime, operator: 'Equal', value: runtimeUid, effect: 'NoSchedule' };
  return {
    ...spec,
    nodeSelector: { ...spec.nodeSelector, [labels.nodeRole]: role },
    tolerations: [...(spec.tolerations ?? []), toleration],
  };
}

function packingPod({ job, attempt, priority }: DemandJob, slot: SlotDemand, spec: PodSpec): PackingPod {
  const { uid, namespace = '' } = job.metadata;
  const template = slot.role === 'master' ? job.spec.master.template : job.spec.workers.template;
  return {
    key: slot.key,
    namespace,
    labels: { ...template?.metadata?.labels, [labels.jobUid]: uid, [labels.role]: slot.role, [labels.attempt]: String(attempt) },
    spec,
    priority: slot.inGang ? priority : priority - growthPenalty,
    ...(slot.inGang && { gang: gangId(uid, attempt) }),
  };
}
