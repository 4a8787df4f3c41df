import type { Fluid } from './fluid.ts';
import type { Item, Option, PatternProblem } from './items.ts';
import type { Pattern } from './knapsack.ts';

type Filling = { readonly option: Option; readonly counts: Int32Array; readonly waste: number };
/** `fillings`: full nodes that are considered for one pod, of each kind of node. `mostNodes`: more are not allowed. */
export type CompletionEffort = { readonly steps: number; readonly fillings: number; readonly mostNodes?: number };
type Search = {
  readonly problem: PatternProblem;
  readonly values: Float64Array;
  readonly order: readonly Item[];
  /** The least that was paid to reach what was left: reached dearer, it is not looked at again. */
  readonly reached: Map<number | string, number>;
  /** By item: what one more of it adds to the number of a state; undefined where numbers are not exact for so many states. */
  readonly places: Float64Array | undefined;
  best: number;
  found: readonly Filling[] | undefined;
  steps: number;
  readonly fillings: number;
  readonly mostNodes: number;
  /** Some node had more fillings than were considered: what was not found may be there. */
  truncated: boolean;
};

/**
 * Whole nodes for few pods, at less than `below` USD per hour; undefined where no such set is found within `steps` (bin completion, Korf
 * 2003): the dearest pod that is left gets its node next, filled so full that nothing that is left fits on it. What a node
 * costs beyond what its pods are worth in the resource relaxation is waste; a branch ends where the waste so far makes it no cheaper than
 * the best known.
 */
export function completeNodes(
  problem: PatternProblem,
  { values }: Fluid,
  below: number,
  effort: CompletionEffort,
): readonly Pattern[] | undefined {
  const { search, left, worth } = begin(problem, values, below, effort);
  if (!cheapestFirst(search, left, worth)) {
    search.reached.clear();
    search.steps = Math.floor(effort.steps / 3);
    deepen(search, left, 0, worth, []);
  }
  return search.found?.map(patternOf);
}

// Every kind of node is filled anew in each state, by looking at every kind of pod: with more kinds than these, a state is more than a step.
const KINDS_A_STEP = 12;
const PODS_A_STEP = 32;

function stepsPerState({ problem: { options, items } }: Search): number {
  return Math.max(1, options.length / KINDS_A_STEP) * Math.max(1, items.length / PODS_A_STEP);
}

/** What the cheapest whole nodes for all pods cost, `below` where none cost less; undefined where the search ends without an answer. */
export function leastPrice(problem: PatternProblem, { values }: Fluid, below: number, effort: CompletionEffort): number | undefined {
  const { search, left, worth } = begin(problem, values, below, effort);
  return cheapestFirst(search, left, worth) && !search.truncated ? search.best : undefined;
}

function begin(problem: PatternProblem, values: Float64Array, best: number, { steps, fillings, mostNodes = Infinity }: CompletionEffort) {
  const order = [...problem.items].sort((one, other) => (values[other.id] as number) - (values[one.id] as number) || one.id - other.id);
  const search: Search = {
    problem,
    values,
    order,
    reached: new Map(),
    places: placesOf(problem.items),
    best,
    found: undefined,
    steps,
    fillings,
    mostNodes,
    truncated: false,
  };
  const left = Int32Array.from(problem.items, (item) => item.count);
  const worth = problem.items.reduce((sum, item) => sum + item.count * (values[item.id] as number), 0);
  return { search, left, worth };
}

/** Numbers of mixed radix, a digit for each item: strings of what is left take longer to make than all else that a state asks for. */
function placesOf(items: readonly Item[]): Float64Array | undefined {
  const places = new Float64Array(items.length);
  let states = 1;
  for (const { id, count } of items) {
    places[id] = states;
    states *= count + 1;
  }
  return states < Number.MAX_SAFE_INTEGER ? places : undefined;
}

function keyOf({ places }: Search, left: Int32Array): number | string {
  if (places === undefined) return left.join();
  let key = 0;
  for (let item = 0; item < left.length; item++) key += (left[item] as number) * (places[item] as number);
  return key;
}

function without(left: Int32Array, counts: Int32Array): Int32Array {
  return left.map((count, item) => count - (counts[item] as number));
}

type State = {
  /** Of what is left. */
  readonly key: number | string;
  readonly paid: number;
  readonly worth: number;
  readonly nodes: number;
  readonly before: State | undefined;
  readonly filling: Filling | undefined;
};

/**
 * The state with the least waste so far goes next (A*): the first without pods left is the cheapest there is. False where the steps ran out
 * before that, true where it is known that nothing is cheaper than the best.
 */
function cheapestFirst(search: Search, left: Int32Array, worth: number): boolean {
  const heap: State[] = [];
  const cost = stepsPerState(search);
  push(heap, { key: keyOf(search, left), paid: 0, worth, nodes: 0, before: undefined, filling: undefined });
  const known = new Map<State, Int32Array>();
  const leftAt = (state: State): Int32Array => {
    const found =
      known.get(state) ?? (state.before === undefined ? left : without(leftAt(state.before), (state.filling as Filling).counts));
    known.set(state, found);
    return found;
  };
  for (let state = pop(heap); state !== undefined; state = pop(heap)) {
    const { key, paid: before } = state;
    if ((search.reached.get(key) ?? Number.POSITIVE_INFINITY) < before - 1e-12) continue;
    const open = leftAt(state);
    const hardest = search.order.find((item) => (open[item.id] as number) > 0);
    if (hardest === undefined) {
      search.found = fillingsTo(state);
      search.best = before;
      return true;
    }
    if (search.steps <= 0) return false;
    search.steps -= cost;
    const isLast = state.nodes + 1 >= search.mostNodes;
    const allowed = search.best - 1e-9 - before - state.worth;
    for (const filling of isLast ? wholeFillings(search, open, state.worth) : fillingsWith(search, hardest, open, state.worth, allowed)) {
      if (before + state.worth + filling.waste >= search.best - 1e-9) break;
      const { usdPerHour } = filling.option;
      const paid = before + usdPerHour;
      const restKey = typeof key === 'number' ? key - (keyOf(search, filling.counts) as number) : without(open, filling.counts).join();
      if ((search.reached.get(restKey) ?? Number.POSITIVE_INFINITY) <= paid + 1e-12) continue;
      search.reached.set(restKey, paid);
      push(heap, { key: restKey, paid, worth: state.worth - (usdPerHour - filling.waste), nodes: state.nodes + 1, before: state, filling });
    }
  }
  return true;
}

function fillingsTo(state: State): readonly Filling[] {
  const fillings: Filling[] = [];
  for (let at: State | undefined = state; at?.filling !== undefined; at = at.before) fillings.push(at.filling);
  return fillings.reverse();
}

function isBefore(one: State, other: State): boolean {
  return one.paid + one.worth < other.paid + other.worth;
}

function push(heap: State[], state: State): void {
  let at = heap.length;
  heap.push(state);
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(state, heap[above] as State)) break;
    heap[at] = heap[above] as State;
    at = above;
  }
  heap[at] = state;
}

function pop(heap: State[]): State | undefined {
  const [top] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1] as State, heap[below] as State)) below += 1;
    if (!isBefore(heap[below] as State, last)) break;
    heap[at] = heap[below] as State;
    at = below;
  }
  heap[at] = last;
  return top;
}

function patternOf({ option, counts }: Filling): Pattern {
  const kept = [...counts.keys()].filter((item) => (counts[item] as number) > 0);
  return { option, items: Int32Array.from(kept), counts: Int32Array.from(kept, (item) => counts[item] as number), value: 0 };
}

function deepen(search: Search, left: Int32Array, paid: number, worth: number, chosen: readonly Filling[]): void {
  const hardest = search.order.find((item) => (left[item.id] as number) > 0);
  if (hardest === undefined) {
    search.best = paid;
    search.found = chosen;
    return;
  }
  if (search.steps <= 0) return;
  search.steps -= stepsPerState(search);
  const isLast = chosen.length + 1 >= search.mostNodes;
  const state = keyOf(search, left);
  if ((search.reached.get(state) ?? Number.POSITIVE_INFINITY) <= paid + 1e-9) return;
  search.reached.set(state, paid);
  const allowed = search.best - 1e-9 - paid - worth;
  for (const filling of isLast ? wholeFillings(search, left, worth) : fillingsWith(search, hardest, left, worth, allowed)) {
    if (paid + worth + filling.waste >= search.best - 1e-9) break;
    const rest = left.map((count, item) => count - (filling.counts[item] as number));
    const { usdPerHour } = filling.option;
    deepen(search, rest, paid + usdPerHour, worth - (usdPerHour - filling.waste), [...chosen, filling]);
    if (search.steps <= 0) return;
  }
}

/** Nodes that hold all that is left, the cheapest first. */
function wholeFillings({ problem: { items, options, width } }: Search, left: Int32Array, worth: number): readonly Filling[] {
  const some = items.filter((item) => (left[item.id] as number) > 0);
  const asked = new Float64Array(width);
  for (const item of some) take(item, asked, -(left[item.id] as number));
  const holds = ({ id, room }: Option) =>
    some.every((item) => item.eligible[id] === 1) && asked.every((amount, dim) => amount === 0 || amount <= (room[dim] as number));
  return options.filter(holds).map((option) => ({ option, counts: left, waste: option.usdPerHour - worth }));
}

/** Full nodes that hold at least one of the item and waste less than `allowed`, the least wasteful first. */
function fillingsWith(search: Search, item: Item, left: Int32Array, worth: number, allowed: number): readonly Filling[] {
  const found: Filling[] = [];
  for (const option of search.problem.options) {
    // Full of all that is left it would waste too much.
    if (option.usdPerHour - worth > allowed + 1e-9) continue;
    if (item.eligible[option.id] === 0) continue;
    const free = Float64Array.from(option.room);
    const counts = new Int32Array(left.length);
    if (fitting(item, free, 1) === 0) continue;
    const others = search.order.filter((one) => one.id === item.id || ((left[one.id] as number) > 0 && one.eligible[option.id] === 1));
    const budget = { left: search.fillings, allowed };
    enumerate(search, option, others, 0, left, free, counts, 0, budget, item.id, found);
    if (budget.left <= 0) search.truncated = true;
  }
  return found.sort((one, other) => one.waste - other.waste || other.option.usdPerHour - one.option.usdPerHour);
}

function enumerate(
  search: Search,
  option: Option,
  items: readonly Item[],
  at: number,
  left: Int32Array,
  free: Float64Array,
  counts: Int32Array,
  value: number,
  budget: { left: number; readonly allowed: number },
  first: number,
  found: Filling[],
): void {
  if (budget.left <= 0) return;
  const item = items[at];
  if (item === undefined) {
    budget.left -= 1;
    if (option.usdPerHour - value >= budget.allowed) return;
    if (items.every((one) => (counts[one.id] as number) >= (left[one.id] as number) || fitting(one, free, 1) === 0))
      found.push({ option, counts: counts.slice(), waste: option.usdPerHour - value });
    return;
  }
  const most = fitting(item, free, left[item.id] as number);
  const least = item.id === first ? 1 : at === items.length - 1 ? most : 0;
  for (let count = most; count >= least; count--) {
    take(item, free, count);
    counts[item.id] = count;
    enumerate(search, option, items, at + 1, left, free, counts, value + count * (search.values[item.id] as number), budget, first, found);
    take(item, free, -count);
    counts[item.id] = 0;
  }
}

function fitting({ taken, amounts }: Item, free: Float64Array, limit: number): number {
  let most = limit;
  for (const dim of taken) most = Math.min(most, Math.floor((free[dim] as number) / (amounts[dim] as number)));
  return Math.max(0, most);
}

function take({ taken, amounts }: Item, free: Float64Array, pods: number): void {
  for (const dim of taken) free[dim] = (free[dim] as number) - pods * (amounts[dim] as number);
}
