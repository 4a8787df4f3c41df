import type { Variant } from './compile.ts';
import { alternatives, usedOn } from './exchange.ts';
import { CAPACITY_TYPE, ZONE } from './filters.ts';
import { isPort } from './host-ports.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, type LedgerNode, openedNodes, roomOf } from './ledger.ts';
import { brokenLimit, countLaunch } from './limits.ts';
import type { Assignment, NewNode, Offering, PackingPlan, Unschedulable } from './problem.ts';

// CreateFleet takes up to 300 overrides; Karpenter stops at 60 types, beyond which more choice no longer helps.
const MOST_OFFERINGS = 60;

/** Turns the ledger into the plan: counts of classes become pods by name, in the order in which they were placed. */
export function answer(ledger: Ledger, unschedulable: readonly Unschedulable[], lowerBound: number): PackingPlan {
  const assignments: Assignment[] = [];
  const order: string[] = [];
  const podsOf = new Map<number, string[]>();
  const next = new Map<number, number>();
  for (let at = 0; at < ledger.log.length; at += 2) {
    const { class: one } = ledger.compiled.variants[ledger.log[at] as number] as Variant;
    const node = ledger.nodes[ledger.log[at + 1] as number] as LedgerNode;
    const taken = next.get(one.id) ?? 0;
    next.set(one.id, taken + 1);
    const { key } = ledger.problem.pods[one.pods[taken] as number] as { readonly key: string };
    order.push(key);
    if (node.existing !== undefined) assignments.push({ pod: key, node: node.name });
    else {
      const pods = podsOf.get(node.index);
      if (pods === undefined) podsOf.set(node.index, [key]);
      else pods.push(key);
    }
  }
  const opened = openedNodes(ledger);
  const newNodes = opened.map((node, index) => newNode(ledger, node, podsOf.get(node.index) ?? [], `new-${index + 1}`));
  const usdPerHour = cents(newNodes.reduce((sum, node) => sum + node.usdPerHour, 0));
  const lowerBoundUsdPerHour = Math.min(cents(lowerBound), usdPerHour);
  const gap = lowerBoundUsdPerHour === 0 ? 0 : usdPerHour / lowerBoundUsdPerHour - 1;
  return { assignments, newNodes, unschedulable, order, usdPerHour, lowerBoundUsdPerHour, gap, rejected: ledger.space.rejected };
}

/** Prices have at most five digits behind the point; a sum of floats has dust. */
function cents(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

function newNode(ledger: Ledger, node: LedgerNode, pods: readonly string[], name: string): NewNode {
  const candidate = node.candidate as Candidate;
  const { pool, type, labels } = candidate.shape;
  return {
    name,
    pool: pool.name,
    instanceType: type.name,
    zone: candidate.zone,
    capacityType: candidate.capacityType,
    usdPerHour: candidate.usdPerHour,
    offerings: offeringsFor(ledger, node, candidate),
    labels: { ...labels, [ZONE]: candidate.zone, [CAPACITY_TYPE]: candidate.capacityType },
    pods,
    allocatable: amounts(ledger, roomOf(ledger, candidate)),
    requested: amounts(ledger, usedOn(ledger, node.index)),
  };
}

/** The chosen one first; then by price, and within the limits if launched instead; minValues, which wants the whole list, goes before limits. */
function offeringsFor(ledger: Ledger, node: LedgerNode, chosen: Candidate): readonly Offering[] {
  const wantsAll = chosen.shape.pool.requirements?.some((requirement) => requirement.minValues !== undefined) ?? false;
  countLaunch(ledger.limits, chosen, -1);
  const offerings = [chosen.offering];
  for (const option of alternatives(ledger, node.index, wantsAll ? {} : { most: MOST_OFFERINGS })) {
    if (offerings.length >= MOST_OFFERINGS) break;
    if (option !== chosen && (wantsAll || brokenLimit(ledger.limits, option) === undefined)) offerings.push(option.offering);
  }
  countLaunch(ledger.limits, chosen, 1);
  return offerings;
}

function amounts(ledger: Ledger, vector: Float64Array): Readonly<Record<string, number>> {
  const named: Record<string, number> = {};
  for (const [dim, name] of ledger.dims.names.entries()) {
    const amount = vector[dim] as number;
    if (!isPort(name) && Number.isFinite(amount) && (amount > 0 || name === 'pods')) named[name] = amount;
  }
  return named;
}
