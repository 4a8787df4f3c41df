import type { Clock } from '../ports/clock.ts';

export type BatcherOptions<T, R> = {
  readonly clock: Clock;
  /** The batch closes when nothing was added for this long ... */
  readonly idleMs: number;
  /** ... or this long after its first item ... */
  readonly maxMs: number;
  /** ... or when it holds this many items (default: no limit). */
  readonly maxItems?: number;
  /** Answers one outcome per item, in order. Where it rejects, every item's promise rejects with the same error. */
  readonly run: (items: readonly T[]) => Promise<readonly R[]>;
};

export type Batcher<T, R> = {
  add(item: T): Promise<R>;
  /** Closes the open batch now. */
  flush(): void;
  /** Items of the open batch. */
  waiting(): number;
};

/** Gathers items into batches by an idle and a maximal window. Batches may run at the same time; order within one is the order of `add`. */
export function createBatcher<T, R>(options: BatcherOptions<T, R>): Batcher<T, R> {
  type Waiting = { readonly item: T; readonly resolve: (value: R) => void; readonly reject: (error: unknown) => void };
  let open: Waiting[] = [];
  let cancelIdle: (() => void) | undefined;
  let cancelMax: (() => void) | undefined;

  function flush(): void {
    cancelIdle?.();
    cancelMax?.();
    cancelIdle = undefined;
    cancelMax = undefined;
    if (open.length === 0) return;
    const batch = open;
    open = [];
    void settle(batch);
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await options.run(batch.map((waiting) => waiting.item));
      if (outcomes.length !== batch.length)
        throw new Error(`a batch of ${batch.length} items was answered with ${outcomes.length} outcomes`);
      batch.forEach((waiting, index) => waiting.resolve(outcomes[index] as R));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  return {
    add(item) {
      return new Promise<R>((resolve, reject) => {
        open.push({ item, resolve, reject });
        if (open.length >= (options.maxItems ?? Number.POSITIVE_INFINITY)) {
          flush();
          return;
        }
        cancelIdle?.();
        cancelIdle = options.clock.after(options.idleMs, flush);
        cancelMax ??= options.clock.after(options.maxMs, flush);
      });
    },
    flush,
    waiting: () => open.length,
  };
}
