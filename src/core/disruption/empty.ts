/** Which nodes may go because nothing needs them. */
export type RemovalCandidate = {
  readonly name: string;
  readonly pool: string;
  /** Slots kept here, or pods that run here (pods that have ended do not count). */
  readonly inUse: boolean;
  /** Milliseconds since the epoch at which it was first seen out of use; undefined while in use. */
  readonly emptySince: number | undefined;
  readonly interrupted: boolean;
  readonly expired: boolean;
  readonly usdPerHour: number;
};

export type RemovalInput = {
  readonly nodes: readonly RemovalCandidate[];
  /** By pool: nodes that stay even when nothing needs them. */
  readonly minimum: ReadonlyMap<string, number>;
  /** Whether the runtime has work: then empty nodes go after `consolidateAfterMs`, else they wait for the next job until `idleTimeoutMs`. */
  readonly working: boolean;
  readonly idleSince: number | undefined;
  readonly consolidateAfterMs: number;
  readonly idleTimeoutMs: number;
  readonly now: number;
};

export type Removal = { readonly name: string; readonly reason: 'Interrupted' | 'Expired' | 'Empty' | 'Idle' };

/** The nodes to end now, and when to look again (milliseconds from now) where time alone would change the answer. */
export function planRemovals(input: RemovalInput): { readonly remove: readonly Removal[]; readonly lookAgainMs: number | undefined } {
  const remove: Removal[] = [];
  const waits: number[] = [];
  const byPool = Map.groupBy(input.nodes, ({ pool }) => pool);
  for (const [pool, nodes] of byPool) {
    const interrupted = nodes.filter((node) => node.interrupted);
    remove.push(...interrupted.map(({ name }) => ({ name, reason: 'Interrupted' as const })));
    const rest = nodes.filter((node) => !node.interrupted);
    const expired = rest.filter((node) => node.expired && !node.inUse);
    remove.push(...expired.map(({ name }) => ({ name, reason: 'Expired' as const })));
    const left = rest.filter((node) => !expired.includes(node));
    let spare = left.length - (input.minimum.get(pool) ?? 0);
    // The dearest goes first; the name decides between equals.
    const empty = left.filter((node) => !node.inUse).sort((a, b) => b.usdPerHour - a.usdPerHour || (a.name < b.name ? -1 : 1));
    for (const node of empty) {
      if (spare <= 0) break;
      const wait = dueIn(input, node);
      if (wait > 0) waits.push(wait);
      else {
        remove.push({ name: node.name, reason: input.working ? 'Empty' : 'Idle' });
        spare -= 1;
      }
    }
  }
  return { remove, lookAgainMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

function dueIn(input: RemovalInput, node: RemovalCandidate): number {
  const emptyFor = input.now - (node.emptySince ?? input.now);
  if (input.working) return input.consolidateAfterMs - emptyFor;
  return input.idleTimeoutMs - Math.min(emptyFor, input.now - (input.idleSince ?? input.now));
}
