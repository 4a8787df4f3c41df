import { admitsLaunch, admitsNode } from './admit.ts';
import { laxest, type Variant } from './compile.ts';
import { boundEffort } from './effort.ts';
import { usedOn } from './exchange.ts';
import { HOSTNAME } from './filters.ts';
import type { Candidate, LaunchSpace } from './launch.ts';
import { type Ledger, openedNodes, roomOf, roomyNodes } from './ledger.ts';
import { leastPrice } from './patterns/complete.ts';
import { type Fluid, solveFluid } from './patterns/fluid.ts';
import { askedInAll, bytesText, type Item, NO_USES, type Option, type PatternProblem, undominated } from './patterns/items.ts';
import type { LimitRow } from './patterns/limit-rows.ts';
import { patternBound } from './patterns/pattern-bound.ts';
import type { Column } from './patterns/simplex.ts';
import { boundRows, NO_SLACK, type Slack, slackAt } from './share.ts';

/**
 * USD per hour below which no plan places the pods that this plan places: the resource relaxation with required rules only, whole
 * prices of machines, any zone; where that leaves a gap, the worth of whole fillings (patternBound). What existing nodes could absorb is
 * taken off, since another plan might use them better.
 */
export function lowerBound(ledger: Ledger, left: ReadonlyMap<number, number>): number {
  if (!openedNodes(ledger).some((node) => node.placed.size > 0)) return 0;
  const placed = ledger.compiled.strictest.map((variant) => ({
    variant: laxest(variant),
    count: variant.class.pods.length - (left.get(variant.class.id) ?? 0),
  }));
  const demand = placed.filter(({ count }) => count > 0);
  const used = usedOnNodes(ledger);
  const homeless = demand.filter(({ variant }) => !fitsSomeNode(ledger, variant, used));
  const alone = boundFor(ledger, homeless, undefined);
  // Where nodes take none of the pods, what they could absorb only lowers the bound.
  if (homeless.length === demand.length) return alone;
  return Math.max(alone, boundFor(ledger, demand, { room: roomOnNodes(ledger, used), hosts: ledger.problem.nodes.length }));
}

// A gap below this is proof enough that bound and plan are good; a wider one is worth the steps of the finer bound.
const PROVEN = 1.008;
// With few kinds of pods the finer bound costs next to nothing.
const PROVEN_FOR_FEW = 1.001;
// Above this each filling takes too long.
const MOST_KINDS = 150;

const FEW_KINDS = 8;
const FEW_PODS = 16;

type Demand = { readonly variant: Variant; readonly count: number };

/** What nodes that are there could take: amounts, and one pod each of those that want a host of their own. */
type Absorbed = { readonly room: Float64Array; readonly hosts: number };

function absorbedBy({ room, hosts }: Absorbed, width: number): Float64Array {
  const absorbed = new Float64Array(width).fill(hosts);
  absorbed.set(room);
  return absorbed;
}

/** Under limits or a spot share, the better of two bounds: without them, and at the prices that the resource relaxation gives them. */
function boundFor(ledger: Ledger, demand: readonly Demand[], nodes: Absorbed | undefined): number {
  if (demand.length === 0) return 0;
  let best = 0;
  let finest: { readonly kinds: number; readonly bound: () => number } | undefined;
  const paid = openedNodes(ledger).reduce((sum, { candidate }) => sum + (candidate?.usdPerHour ?? 0), 0);
  for (const slack of slacksFor(ledger, demand, nodes)) {
    const problem = relaxation(ledger, demand, slack);
    if (problem.options.length === 0) continue;
    const absorbed = nodes && absorbedBy(nodes, problem.width);
    const fluid = solveFluid(problem, absorbed);
    if (finest !== undefined && fluid.usdPerHour - slack.allowance <= best) continue;
    best = fluid.usdPerHour - slack.allowance;
    const goal = paid + slack.allowance;
    const bound = () =>
      (absorbed === undefined ? exactBound(ledger, problem, fluid, goal) : undefined) ??
      patternBound(problem, fluid, goal, boundEffort(ledger.problem), nodeColumns(ledger, problem, slack), absorbed);
    finest = { kinds: problem.items.length, bound: () => bound() - slack.allowance };
  }
  if (finest === undefined || finest.kinds > MOST_KINDS) return best;
  return paid <= best * (finest.kinds <= FEW_KINDS ? PROVEN_FOR_FEW : PROVEN) ? best : Math.max(best, finest.bound());
}

// Sums of prices in another order differ in their last digits.
const ROUNDING = 1e-9;

/** Of few pods every set of whole nodes can be looked at: what the cheapest costs, or that none costs less than the plan. */
function exactBound(ledger: Ledger, problem: PatternProblem, fluid: Fluid, goal: number): number | undefined {
  const pods = problem.items.reduce((sum, item) => sum + item.count, 0);
  if (ledger.problem.effort === 0 || pods > FEW_PODS) return undefined;
  const least = leastPrice(problem, fluid, goal, { steps: 600, fillings: 2000 });
  return least === undefined ? undefined : least * (1 - ROUNDING);
}

function slacksFor(ledger: Ledger, demand: readonly Demand[], nodes: Absorbed | undefined): readonly Slack[] {
  const rows = boundRows(ledger);
  if (rows.length === 0) return [NO_SLACK];
  const problem = relaxation(ledger, demand, NO_SLACK, rows);
  if (problem.options.length === 0) return [NO_SLACK];
  const { prices } = solveFluid(problem, nodes && absorbedBy(nodes, problem.width));
  return [NO_SLACK, slackAt(ledger, rows, prices) ?? NO_SLACK];
}

function relaxation(ledger: Ledger, demand: readonly Demand[], slack: Slack, limits: readonly LimitRow[] = []): PatternProblem {
  const hosts = new Map<number, number>();
  for (const { variant } of demand) for (const group of exclusive(variant)) if (!hosts.has(group)) hosts.set(group, hosts.size);
  const base = ledger.dims.names.length;
  const width = base + hosts.size;
  const wanted = demand.map(({ variant, count }) => ({ variant, count, amounts: amountsOf(variant, hosts, base) }));
  const asked = askedInAll(wanted, width);
  const kinds = cheapestByKind(ledger, slack);
  const all = kinds.map(({ candidates, usdPerHour }, id): Option => {
    const own = roomOf(ledger, candidates[0] as Candidate);
    const room = new Float64Array(width);
    for (let dim = 0; dim < width; dim++) room[dim] = Math.min(dim < base ? Math.max(0, own[dim] as number) : 1, asked[dim] as number);
    const uses = limits.length === 0 ? NO_USES : Float64Array.from(limits, ({ takes }) => takes(candidates[0] as Candidate));
    return { id, candidates: [], usdPerHour, room, uses };
  });
  // Each kind that fits other machines than the rest is rows of the LP more: worth it where single pods decide.
  const few = demand.length <= FEW_KINDS;
  const eligibility = new Map<string, Uint8Array>();
  const open = wanted.map(({ variant, amounts }) => {
    const key = few ? `${variant.filter.id} ${amounts.join()}` : `${variant.filter.id}`;
    const may = (option: Option) =>
      (!few || amounts.every((amount, dim) => amount <= (option.room[dim] as number))) &&
      (kinds[option.id] as Kind).candidates.some((one) => admitsLaunch(ledger, variant.filter, one));
    const known = eligibility.get(key) ?? Uint8Array.from(all, (option) => (may(option) ? 1 : 0));
    eligibility.set(key, known);
    return known;
  });
  const options = undominated(all, [...eligibility.values()]);
  const drafts = new Map<string, { amounts: Float64Array; eligible: Uint8Array; count: number; members: Demand[] }>();
  // Thousands of kinds of pods, and few answers to which machines they may use.
  const reduced = new Map<Uint8Array, Uint8Array>();
  for (const all of eligibility.values())
    reduced.set(
      all,
      Uint8Array.from(options, (option) => all[option.id] as number),
    );
  const texts = new Map([...reduced.values()].map((eligible) => [eligible, bytesText(eligible)]));
  for (const [index, { variant, count, amounts }] of wanted.entries()) {
    const eligible = reduced.get(open[index] as Uint8Array) as Uint8Array;
    const key = `${texts.get(eligible)};${amounts.join()}`;
    const draft = drafts.get(key) ?? { amounts, eligible, count: 0, members: [] };
    draft.count += count;
    draft.members.push({ variant, count });
    drafts.set(key, draft);
  }
  const items = [...drafts.values()].map(({ amounts, eligible, count, members }, id): Item => {
    const taken = [...amounts.keys()].filter((dim) => (amounts[dim] as number) > 0);
    return { id, count, amounts, taken, eligible, members };
  });
  return {
    items: items.filter((item) => item.eligible.includes(1)).map((item, id) => ({ ...item, id })),
    options: options.map((option, id) => ({ ...option, id })),
    width,
    limits,
  };
}

/** What the nodes of the plan hold: where the search for a better bound begins. */
function nodeColumns(ledger: Ledger, { items }: PatternProblem, { surcharge }: Slack): readonly Column[] {
  const itemOf = new Map(items.flatMap((item) => item.members.map(({ variant }) => [variant.class.id, item.id] as const)));
  return openedNodes(ledger).flatMap(({ candidate, placed }): readonly Column[] => {
    if (candidate === undefined) return [];
    const counts = new Map<number, number>();
    for (const [id, pods] of placed) {
      const item = itemOf.get((ledger.compiled.variants[id] as Variant).class.id);
      if (item !== undefined) counts.set(item, (counts.get(item) ?? 0) + pods);
    }
    return [
      {
        cost: candidate.usdPerHour + surcharge(candidate),
        rows: Int32Array.from(counts.keys()),
        values: Float64Array.from(counts.values()),
      },
    ];
  });
}

function amountsOf(variant: Variant, hosts: ReadonlyMap<number, number>, base: number): Float64Array {
  const amounts = new Float64Array(base + hosts.size);
  amounts.set(variant.requests);
  for (const group of exclusive(variant)) amounts[base + (hosts.get(group) as number)] = 1;
  return amounts;
}

/** Groups of which a host holds one pod at most: both owner and target of the same required anti-affinity. */
function exclusive(variant: Variant): readonly number[] {
  return variant.avoids
    .filter((counter) => counter.table.key === HOSTNAME && variant.counted.includes(counter))
    .map((counter) => counter.id);
}

/** A shape and capacity type at the price of its cheapest zone. */
type Kind = { readonly candidates: readonly Candidate[]; readonly usdPerHour: number };

function cheapestByKind(ledger: Ledger, slack: Slack): readonly Kind[] {
  return candidatesByKind(ledger.space)
    .map((candidates) => {
      const cheapest = candidates[0] as Candidate;
      return { candidates, usdPerHour: Math.max(1e-9, cheapest.usdPerHour + slack.surcharge(cheapest)) };
    })
    .sort((left, right) => left.usdPerHour - right.usdPerHour);
}

const remembered = new WeakMap<LaunchSpace, readonly (readonly Candidate[])[]>();

/** Candidates of each shape and capacity type, cheapest first. */
function candidatesByKind(space: LaunchSpace): readonly (readonly Candidate[])[] {
  let groups = remembered.get(space);
  if (groups === undefined) {
    groups = [...Map.groupBy(space.candidates, ({ shape, capacityType }) => `${shape.id} ${capacityType}`).values()];
    remembered.set(space, groups);
  }
  return groups;
}

/** Free room on nodes before this plan, over all that take new pods. */
function roomOnNodes({ free, dims, problem }: Ledger, used: ReadonlyMap<number, Float64Array>): Float64Array {
  const width = dims.names.length;
  const room = new Float64Array(width);
  for (const [node, { unschedulable }] of problem.nodes.entries()) {
    if (unschedulable) continue;
    const own = used.get(node);
    for (let dim = 0; dim < width; dim++)
      room[dim] = (room[dim] as number) + Math.max(0, (free[node * width + dim] as number) + (own?.[dim] ?? 0));
  }
  return room;
}

/** Would a node that is there take a pod, were it not for this plan's? */
function fitsSomeNode(ledger: Ledger, variant: Variant, used: ReadonlyMap<number, Float64Array>): boolean {
  const { free, dims } = ledger;
  const width = dims.names.length;
  const { requests } = variant;
  for (const node of roomyNodes(ledger, variant)) {
    const own = used.get(node);
    const first = node * width;
    let dim = 0;
    for (; dim < width; dim++) {
      const asked = requests[dim] as number;
      if (asked !== 0 && asked > (free[first + dim] as number) + (own?.[dim] ?? 0)) break;
    }
    if (dim === width && admitsNode(ledger, variant.filter, node)) return true;
  }
  return false;
}

/** What this plan's pods take of nodes that were there. */
function usedOnNodes(ledger: Ledger): ReadonlyMap<number, Float64Array> {
  const used = new Map<number, Float64Array>();
  for (let at = 1; at < ledger.log.length; at += 2) {
    const node = ledger.log[at] as number;
    if (node < ledger.problem.nodes.length && !used.has(node)) used.set(node, usedOn(ledger, node));
  }
  return used;
}
