/** Why a job's slots have no capacity yet, as the last plan said: a hint for the job's status, made anew by every plan. */
export type Explanation = { readonly reason: string; readonly message: string; readonly expectedAt?: number };

export type Explanations = {
  get(jobUid: string): Explanation | undefined;
  /** Replaces what is known of one runtime's jobs; answers the uids for which it changed. */
  replace(runtimeUid: string, byJob: ReadonlyMap<string, Explanation>): readonly string[];
};

export function createExplanations(): Explanations {
  const byRuntime = new Map<string, ReadonlyMap<string, Explanation>>();
  return {
    get(jobUid) {
      for (const jobs of byRuntime.values()) {
        const found = jobs.get(jobUid);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    replace(runtimeUid, byJob) {
      const before = byRuntime.get(runtimeUid) ?? new Map<string, Explanation>();
      if (byJob.size === 0) byRuntime.delete(runtimeUid);
      else byRuntime.set(runtimeUid, byJob);
      return [...new Set([...before.keys(), ...byJob.keys()])].filter(
        (uid) => JSON.stringify(before.get(uid)) !== JSON.stringify(byJob.get(uid)),
      );
    },
  };
}
