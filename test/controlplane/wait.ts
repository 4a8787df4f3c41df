import { setTimeout as delay } from 'node:timers/promises';

/**
 * The first value of `probe` that is not undefined. For what another process does in its own time: a deadline, no fixed sleep.
 *
 * @param what names the awaited thing in the error after `seconds`
 */
export async function waitFor<T>(what: string, probe: () => Promise<T | undefined>, seconds = 120): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 250)) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(pause);
  }
}

/** Does something again until it does not fail; the error after the deadline says how it failed last. */
export async function retried(what: string, step: () => Promise<void>): Promise<void> {
  let failure: unknown;
  await waitFor(what, async () => {
    try {
      await step();
      return true;
    } catch (error) {
      failure = error;
      return undefined;
    }
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${String(failure)}`, { cause: failure });
  });
}
