import type { PodClass } from './classes.ts';
import { laxest, type Variant } from './compile.ts';
import type { Ledger } from './ledger.ts';
import { solveFluid } from './patterns/fluid.ts';
import { holdsItem, type Item, NO_USES, type PatternProblem, patternProblem } from './patterns/items.ts';
import { capRows } from './patterns/limit-rows.ts';

/** loose: limits take nothing from the cheapest plan. tight: they do. hopeless: not even parts of nodes for all pods are within them. */
export type Tightness = 'loose' | 'tight' | 'hopeless';
type Left = ReadonlyMap<number, number>;

// More kinds of pods than this are told apart less finely.
const MOST_KINDS = 200;
// Plans of so few cost no more than the question.
const FEW_PODS = 32;

/** What limits mean for these pods, by the resource relaxation: whole plans that must break a limit need not be made to know it. */
export function tightness(ledger: Ledger, classes: readonly PodClass[], left: Left): Tightness {
  const pods = classes.reduce((sum, { id }) => sum + (left.get(id) as number), 0);
  if (pods <= FEW_PODS || capRows(ledger).length === 0) return 'loose';
  const problem = problemOf(ledger, classes, left);
  if (problem === undefined) return 'loose';
  const { isShort, prices } = solveFluid(problem);
  // Pods count for the heaviest pool that may take them: where others come after it, being short there is no end.
  const weights = new Set(ledger.problem.pools.map((pool) => pool.weight ?? 0));
  if (isShort && weights.size === 1) return 'hopeless';
  return isShort || prices.some((price) => price > 0) ? 'tight' : 'loose';
}

/** What a pod of each class is worth, and how much of that limits allow of pods like all these together. */
export type Worth = { readonly perPod: Left; readonly budget: number };

const STEPS = 8;

export function worthWithin(ledger: Ledger, classes: readonly PodClass[], left: Left): Worth | undefined {
  const problem = problemOf(ledger, classes, left);
  if (problem === undefined) return undefined;
  const { items, options } = problem;
  const { values } = solveFluid({ ...problem, limits: [], options: options.map((option) => ({ ...option, uses: NO_USES })) });
  const perPod = new Map<number, number>();
  for (const { id, members } of items) for (const { variant } of members) perPod.set(variant.class.id, values[id] as number);
  let [most, none] = [0, 1];
  for (let step = 0; step < STEPS; step++) {
    const part = (most + none) / 2;
    if (solveFluid({ ...problem, items: items.map((item) => ({ ...item, count: item.count * part })) }).isShort) none = part;
    else most = part;
  }
  return { perPod, budget: most * items.reduce((sum, { id, count }) => sum + count * (values[id] as number), 0) };
}

/** What no node within the limits holds is left by every plan, and is not in it. */
function problemOf(ledger: Ledger, classes: readonly PodClass[], left: Left): PatternProblem | undefined {
  const members = classes
    .map((one) => ({ variant: laxest(ledger.compiled.strictest[one.id] as Variant), count: left.get(one.id) as number }))
    .filter(({ count }) => count > 0);
  const whole = patternProblem(ledger, members, MOST_KINDS, { limits: capRows(ledger) });
  if (whole === undefined) return undefined;
  const holds = (item: Item) => whole.options.some((option) => holdsItem(option, item));
  return { ...whole, items: whole.items.filter(holds).map((item, id) => ({ ...item, id })) };
}
