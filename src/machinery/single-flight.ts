export type SingleFlight<T> = {
  /** Runs `task` unless one is in flight for `key`: then both callers get the first one's outcome (a rejection too). */
  run(key: string, task: () => Promise<T>): Promise<T>;
  inFlight(key: string): boolean;
};

/** At most one call in flight per key. Nothing is kept once it has settled: caching is the caller's matter. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>();
  return {
    run(key, task) {
      const flying = flights.get(key);
      if (flying !== undefined) return flying;
      const flight = land(key, task);
      flights.set(key, flight);
      return flight;
    },
    inFlight: (key) => flights.has(key),
  };

  async function land(key: string, task: () => Promise<T>): Promise<T> {
    // One turn later, so that a task that throws at once cannot delete the entry before it is set.
    await undefined;
    try {
      return await task();
    } finally {
      flights.delete(key);
    }
  }
}
