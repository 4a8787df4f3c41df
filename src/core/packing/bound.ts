import { admitsLaunch, admitsNode } from './admit.ts';
import type { Variant } from './compile.ts';
import { usedOn } from './exchange.ts';
import { HOSTNAME } from './filters.ts';
import type { Candidate } from './launch.ts';
import { type Ledger, roomOf } from './ledger.ts';
import { solveFluid } from './patterns/fluid.ts';
import type { Item, Option, PatternProblem } from './patterns/items.ts';
import { type ShareSlack, shareSlack } from './share.ts';

/**
 * USD per hour below which no plan places the pods that this plan places: the resource relaxation with required rules only, whole
 * prices of machines, any zone. What existing nodes could absorb is taken off, since another plan might use them better.
 */
export function lowerBound(ledger: Ledger, left: ReadonlyMap<number, number>): number {
  if (!ledger.nodes.some((node) => node.candidate !== undefined && node.placed.size > 0)) return 0;
  const placed = ledger.compiled.strictest.map((variant) => ({
    variant: laxest(variant),
    count: variant.class.pods.length - (left.get(variant.class.id) ?? 0),
  }));
  const demand = placed.filter(({ count }) => count > 0);
  const hasNodes = ledger.problem.nodes.length > 0;
  const all = boundFor(ledger, demand, hasNodes ? roomOnNodes(ledger) : undefined);
  if (!hasNodes) return all;
  return Math.max(
    all,
    boundFor(
      ledger,
      demand.filter(({ variant }) => !fitsSomeNode(ledger, variant)),
      undefined,
    ),
  );
}

function laxest(variant: Variant): Variant {
  return variant.relaxed === undefined ? variant : laxest(variant.relaxed);
}

type Demand = { readonly variant: Variant; readonly count: number };

/** With a spot share, the best of a few prices of the share: each makes a valid bound (Lagrangian relaxation of the share). */
function boundFor(ledger: Ledger, demand: readonly Demand[], absorbed: Float64Array | undefined): number {
  if (demand.length === 0) return 0;
  let best = 0;
  for (const slack of shareSlack(ledger)) {
    const problem = relaxation(ledger, demand, slack);
    if (problem.options.length > 0) best = Math.max(best, solveFluid(problem, absorbed).usdPerHour - slack.allowance);
  }
  return best;
}

function relaxation(ledger: Ledger, demand: readonly Demand[], slack: ShareSlack): PatternProblem {
  const hosts = new Map<number, number>();
  for (const { variant } of demand) for (const group of exclusive(variant)) if (!hosts.has(group)) hosts.set(group, hosts.size);
  const base = ledger.dims.names.length;
  const options = [...cheapestByKind(ledger, slack)].map(([candidate, usdPerHour], id): Option => {
    const own = roomOf(ledger, candidate);
    const room = new Float64Array(base + hosts.size).fill(1);
    room.set(own.map((amount) => Math.max(0, amount)));
    return { id, candidates: candidatesLike(ledger, candidate), usdPerHour, room };
  });
  const drafts = new Map<string, { amounts: Float64Array; eligible: Uint8Array; count: number }>();
  const eligibility = new Map<number, Uint8Array>();
  for (const { variant, count } of demand) {
    const amounts = new Float64Array(base + hosts.size);
    amounts.set(variant.requests);
    for (const group of exclusive(variant)) amounts[base + (hosts.get(group) as number)] = 1;
    const eligible =
      eligibility.get(variant.filter.id) ??
      Uint8Array.from(options, (option) => (option.candidates.some((one) => admitsLaunch(ledger, variant.filter, one)) ? 1 : 0));
    eligibility.set(variant.filter.id, eligible);
    const key = `${eligible.join('')};${amounts.join()}`;
    const draft = drafts.get(key) ?? { amounts, eligible, count: 0 };
    draft.count += count;
    drafts.set(key, draft);
  }
  const items = [...drafts.values()].map(({ amounts, eligible, count }, id): Item => {
    const taken = [...amounts.keys()].filter((dim) => (amounts[dim] as number) > 0);
    return { id, count, amounts, taken, eligible, members: [] };
  });
  return {
    items: items.filter((item) => item.eligible.includes(1)).map((item, id) => ({ ...item, id })),
    options,
    width: base + hosts.size,
  };
}

/** Groups of which a host holds one pod at most: both owner and target of the same required anti-affinity. */
function exclusive(variant: Variant): readonly number[] {
  return variant.avoids
    .filter((counter) => counter.table.key === HOSTNAME && variant.counted.includes(counter))
    .map((counter) => counter.id);
}

/** One candidate for each shape and capacity type: the cheapest zone. */
function cheapestByKind(ledger: Ledger, slack: ShareSlack): ReadonlyMap<Candidate, number> {
  const byKind = new Map<string, Candidate>();
  const prices = new Map<Candidate, number>();
  for (const candidate of ledger.space.candidates) {
    const kind = kindOf(candidate);
    if (byKind.has(kind)) continue;
    byKind.set(kind, candidate);
    prices.set(candidate, Math.max(1e-9, candidate.usdPerHour + slack.surcharge(candidate)));
  }
  return prices;
}

function kindOf(candidate: Candidate): string {
  return `${candidate.shape.id} ${candidate.capacityType}`;
}

function candidatesLike(ledger: Ledger, like: Candidate): readonly Candidate[] {
  const groups = (ledger.byKind ??= Map.groupBy(ledger.space.candidates, kindOf));
  return groups.get(kindOf(like)) ?? [like];
}

/** Free room on nodes before this plan, over all that take new pods. */
function roomOnNodes(ledger: Ledger): Float64Array {
  const width = ledger.dims.names.length;
  const room = new Float64Array(width);
  for (const node of ledger.nodes) {
    if (node.existing === undefined || node.existing.unschedulable) continue;
    const used = node.placed.size > 0 ? usedOn(ledger, node.index) : undefined;
    for (let dim = 0; dim < width; dim++)
      room[dim] = (room[dim] as number) + Math.max(0, (ledger.free[node.index * width + dim] as number) + (used?.[dim] ?? 0));
  }
  return room;
}

function fitsSomeNode(ledger: Ledger, variant: Variant): boolean {
  const width = ledger.dims.names.length;
  return ledger.nodes.some((node) => {
    if (node.existing === undefined || !admitsNode(ledger, variant.filter, node.index)) return false;
    const used = node.placed.size > 0 ? usedOn(ledger, node.index) : undefined;
    return variant.requests.every(
      (asked, dim) => asked <= (ledger.free[node.index * width + dim] as number) + (used?.[dim] ?? 0) || asked === 0,
    );
  });
}
