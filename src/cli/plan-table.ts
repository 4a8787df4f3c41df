import type { NewNode, PackingPlan } from '../core/packing/problem.ts';
import { columns } from './table.ts';

/** The plan for people: each node with its fill and price, why this type, what the bound says, and what found no place. */
export function planTable(plan: PackingPlan): string {
  const rows = plan.newNodes.map((node) => [
    node.instanceType,
    node.zone,
    node.capacityType,
    node.usdPerHour.toFixed(4),
    String(node.pods.length),
    fill(node, 'cpu'),
    fill(node, 'memory'),
    why(node),
  ]);
  const lines =
    rows.length > 0 ? columns([['TYPE', 'ZONE', 'CAPACITY', 'USD/H', 'PODS', 'CPU', 'MEMORY', 'WHY'], ...rows]) : ['No node needed.'];
  lines.push(...withoutPlace(plan));
  const percent = (plan.gap * 100).toFixed(2);
  if (plan.assignments.length > 0) lines.push(`${plan.assignments.length} pods go onto nodes that are there.`);
  lines.push(
    `${plan.newNodes.length} nodes, ${plan.usdPerHour.toFixed(4)} USD/h; no plan for these pods costs less than ${plan.lowerBoundUsdPerHour.toFixed(4)} USD/h (at most ${percent} % above the optimum).`,
  );
  return lines.join('\n');
}

const MOST_NAMES = 3;

/** Pods that are left for the same reason are one entry: a job of a hundred workers is not a hundred lines. */
function withoutPlace({ unschedulable }: PackingPlan): readonly string[] {
  const groups = Map.groupBy(unschedulable, ({ reason, message }) => `${reason}: ${message}`);
  return [...groups].flatMap(([why, left]) => {
    const names = left.slice(0, MOST_NAMES).map(({ pod }) => pod);
    const more = left.length > MOST_NAMES ? ` and ${left.length - MOST_NAMES} more` : '';
    return [`UNSCHEDULABLE ${names.join(', ')}${more}`, `  ${why}`];
  });
}

function fill(node: NewNode, resource: string): string {
  const room = node.allocatable[resource] ?? 0;
  return room === 0 ? '-' : `${Math.round(((node.requested[resource] ?? 0) / room) * 100)}%`;
}

/** The next best says what the choice is worth. */
function why(node: NewNode): string {
  const next = node.offerings.find((offering) => offering.instanceType !== node.instanceType);
  return next === undefined ? 'the only type that holds these pods' : `next ${next.instanceType} ${next.usdPerHour.toFixed(4)}`;
}
