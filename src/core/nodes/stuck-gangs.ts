/** Gangs that have not started and find no place as a whole, and what their jobs may hold meanwhile. */
import type { ElasticNode } from '../../api/generated/types.ts';
import { gangId, keepSlots, type Reservation, slotName } from '../jobs/slots.ts';
import { planPacking } from '../packing/plan.ts';
import type { PackingPlan, PackingProblem } from '../packing/problem.ts';
import { type DemandJob, slotsOf } from './slot-pods.ts';

/** `stuck`: attempts that have not started and of whose gang a slot has no place, in the order of the jobs. */
export type DemandPlan = { readonly plan: PackingPlan; readonly stuck: readonly DemandJob[] };

/**
 * Workers beyond the minimum do nothing before their gang runs, and one of them may fit where the gang does not: it would cost money, and take of the limits what
 * the gang waits for. So they get places with their gang, or after it.
 */
export function planDemand(problem: PackingProblem, jobs: readonly DemandJob[]): DemandPlan {
  const plan = planPacking(problem);
  const stuck = stuckGangs(problem, plan, jobs);
  const growth = new Set(stuck.flatMap((demand) => slotsOf(demand).flatMap(({ key, inGang }) => (inGang ? [] : [key]))));
  if (!plan.order.some((key) => growth.has(key))) return { plan, stuck };
  // Without it others find room: each time there are fewer pods, so this ends.
  return planDemand({ ...problem, pods: problem.pods.filter(({ key }) => !growth.has(key)) }, jobs);
}

function stuckGangs({ pods }: PackingProblem, { unschedulable }: PackingPlan, jobs: readonly DemandJob[]): readonly DemandJob[] {
  if (unschedulable.length === 0) return [];
  const homeless = new Set(unschedulable.map(({ pod }) => pod));
  const gangs = new Set(pods.flatMap(({ key, gang }) => (gang !== undefined && homeless.has(key) ? [gang] : [])));
  return jobs.filter(({ job, attempt }) => job.status?.phase === 'Waiting' && gangs.has(gangId(job.metadata.uid, attempt)));
}

/**
 * Two gangs that each fit alone must not both wait holding half: of those that are stuck only the first may hold anything, and of that one only the gang itself: where
 * its growth has a place, the gang may find one. The others give back what they have, and the next plan sees it free.
 */
export function givenBack<N extends ElasticNode>(
  nodes: readonly N[],
  stuck: readonly DemandJob[],
): readonly { readonly node: N; readonly ledger: readonly Reservation[] }[] {
  const [first, ...others] = stuck;
  if (first === undefined) return [];
  const giving = new Set(others.map(({ job }) => job.metadata.uid));
  const growth = new Set(slotsOf(first).flatMap(({ role, index, inGang }) => (inGang ? [] : [slotName(role, index)])));
  const isKept = ({ jobUid }: Reservation, slot: string): boolean =>
    !giving.has(jobUid) && !(jobUid === first.job.metadata.uid && growth.has(slot));
  return nodes.flatMap((node) => {
    const before: readonly Reservation[] = node.spec.reservedFor ?? [];
    const ledger = keepSlots(before, isKept);
    return ledger === before ? [] : [{ node, ledger }];
  });
}
