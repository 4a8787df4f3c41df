import type { PodClass } from './classes.ts';
import { laxest, type Variant } from './compile.ts';
import type { Ledger } from './ledger.ts';
import { solveFluid } from './patterns/fluid.ts';
import { holdsItem, type Item, patternProblem } from './patterns/items.ts';
import { capRows } from './patterns/limit-rows.ts';

/** loose: limits take nothing from the cheapest plan. tight: they do. hopeless: not even parts of nodes for all pods are within them. */
export type Tightness = 'loose' | 'tight' | 'hopeless';

// More kinds of pods than this are told apart less finely.
const MOST_KINDS = 200;

/** What limits mean for these pods, by the resource relaxation: whole plans that must break a limit need not be made to know it. */
export function tightness(ledger: Ledger, classes: readonly PodClass[], left: ReadonlyMap<number, number>): Tightness {
  const limits = capRows(ledger);
  if (limits.length === 0) return 'loose';
  const members = classes
    .map((one) => ({ variant: laxest(ledger.compiled.strictest[one.id] as Variant), count: left.get(one.id) as number }))
    .filter(({ count }) => count > 0);
  const whole = patternProblem(ledger, members, MOST_KINDS, { limits });
  if (whole === undefined) return 'loose';
  const holds = (item: Item) => whole.options.some((option) => holdsItem(option, item));
  const items = whole.items.filter(holds).map((item, id) => ({ ...item, id }));
  // What no node within the limits holds is left by every plan.
  const { isShort, prices } = solveFluid({ ...whole, items });
  // Pods count for the heaviest pool that may take them: where others come after it, being short there is no end.
  const weights = new Set(ledger.problem.pools.map((pool) => pool.weight ?? 0));
  if (isShort && weights.size === 1) return 'hopeless';
  return isShort || prices.some((price) => price > 0) ? 'tight' : 'loose';
}
