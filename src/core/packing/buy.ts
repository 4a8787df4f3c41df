import type { PodClass } from './classes.ts';
import { effortOf } from './effort.ts';
import { type Ledger, openedNodes } from './ledger.ts';
import { capRows, shareRows } from './patterns/limit-rows.ts';
import { type Buying, planLaunches } from './patterns/plan-launches.ts';
import { isWaiting, placeInParts, placeTogether, type Unit } from './units.ts';

type Left = ReadonlyMap<number, number>;

/** Nodes for all that is left of the units, or undefined where not everything finds a place. `limits`: they are seen beforehand. */
export function launchFor(
  ledger: Ledger,
  units: readonly Unit[],
  left: Map<number, number>,
  limits?: 'quick' | 'thorough',
): Left | undefined {
  ledger.phase = 'launch';
  // Patterns do not know that a gang stays in one zone.
  if (!placeTogether(ledger, units, left)) return undefined;
  placeInParts(ledger, units, left);
  const classes = units.flatMap((unit) => unit.classes).sort((one, other) => one.id - other.id);
  const rest = limits
    ? planWithin(ledger, classes, left, { quick: limits === 'quick' })
    : planLaunches(ledger, classes, left, effortOf(ledger.problem), { limits: shareRows(ledger) });
  return rest === undefined || isWaiting(rest) ? undefined : rest;
}

/**
 * Nodes within the limits for these classes, pool by pool where some come before others: what the heaviest has no place for goes to the
 * next. Answers what is left.
 */
export function planWithin(
  ledger: Ledger,
  classes: readonly PodClass[],
  left: Left,
  { mayLeave, quick = false, isProbe = false }: Pick<Buying, 'mayLeave' | 'quick' | 'isProbe'>,
): Left | undefined {
  const weights = [...new Set(ledger.problem.pools.map((pool) => pool.weight ?? 0))].sort((one, other) => other - one);
  let rest: Left | undefined = left;
  for (const [at] of weights.entries()) {
    const leavesRest = at + 1 < weights.length;
    const canLeave = leavesRest ? () => true : mayLeave;
    rest = planLaunches(ledger, classes, rest, effortOf(ledger.problem), {
      limits: [...shareRows(ledger), ...capRows(ledger)],
      below: weights[at - 1] ?? Number.POSITIVE_INFINITY,
      leavesRest,
      quick,
      isProbe,
      ...(canLeave === undefined ? {} : { mayLeave: canLeave }),
    });
    if (rest === undefined || !isWaiting(rest)) break;
  }
  return rest;
}

/** Is so little left of a limit that a node like one of the plan's could not be launched beside them? */
export function meetsLimit(ledger: Ledger): boolean {
  const opened = openedNodes(ledger).flatMap(({ candidate }) => candidate ?? []);
  return capRows(ledger).some(({ left, takes }) => opened.some((candidate) => takes(candidate) > left));
}
