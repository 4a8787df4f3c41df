import { between } from '../faults.ts';
import type { World } from '../world.ts';

export type Reconciler = {
  /** Looks at the key soon (or `delayMs` from now); an earlier look that is due already stands. */
  add(key: string, delayMs?: number): void;
};

/**
 * One of the cluster's own controllers: looks at each key some milliseconds after it was added, once however often that was. `sync` answers when to look again,
 * if at all. These controllers read the server's state as it is and never fail: they are the world around the operator, not what is under test.
 */
export function createReconciler(world: World, name: string, sync: (key: string) => number | undefined): Reconciler {
  const due = new Map<string, { readonly at: number; readonly cancel: () => void }>();

  function add(key: string, delayMs?: number): void {
    const delay = delayMs ?? between(world.random, 2, 25);
    const at = world.now() + Math.ceil(delay);
    const known = due.get(key);
    if (known !== undefined) {
      if (known.at <= at) return;
      known.cancel();
    }
    const cancel = world.schedule(delay, `${name} ${key}`, () => {
      due.delete(key);
      const again = sync(key);
      if (again !== undefined) add(key, again);
    });
    due.set(key, { at, cancel });
  }

  return { add };
}
