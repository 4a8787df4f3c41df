/**
 * Looks at AWS that take as long as its rates let them. A few are waited for by the worker that began them; the others go on without one, and their jobs come
 * back when they are over: jobs of one runtime that stand in line hold no worker of another's.
 */
type Look<T> = { readonly of: string; over?: { readonly result: Promise<T>; readonly since: number } };

export type Looks<T> = {
  /** undefined: it goes on, and `again` is called with the key when it is over. `of` tells whether what was looked at is still what is asked. */
  look(job: { readonly uid: string; readonly key: string }, of: string, begin: () => Promise<T>): Promise<T | undefined>;
  /** Whether one that nobody waits for may still make calls. */
  goesOn(uid: string): boolean;
  forget(uid: string): void;
};

/** Of 16 workers. */
const mostWaiting = 4;
/** What nobody came back for in time is looked at anew. */
const keptMs = 60_000;

export function createLooks<T>(options: { readonly now: () => number; readonly again: (key: string) => void }): Looks<T> {
  const { now, again } = options;
  const looks = new Map<string, Look<T>>();
  let waiting = 0;

  async function wait(uid: string, result: Promise<T>): Promise<T> {
    waiting += 1;
    try {
      return await result;
    } finally {
      waiting -= 1;
      looks.delete(uid);
    }
  }

  return {
    async look({ uid, key }, of, begin) {
      const known = looks.get(uid);
      // One at a time, also where another is asked for by now: two would take away each other's objects.
      if (known !== undefined && known.over === undefined) return undefined;
      looks.delete(uid);
      if (known?.over !== undefined && known.of === of && now() < known.over.since + keptMs) return known.over.result;
      const own: Look<T> = { of };
      looks.set(uid, own);
      const result = begin();
      if (waiting < mostWaiting) return wait(uid, result);
      const end = (): void => {
        own.over = { result, since: now() };
        again(key);
      };
      result.then(end, end);
      return undefined;
    },
    goesOn: (uid) => {
      const known = looks.get(uid);
      return known !== undefined && known.over === undefined;
    },
    forget: (uid) => void looks.delete(uid),
  };
}
