/** For so long what a preflight has proved stands, for others and for the job itself. */
export const proofMs = 600_000;

/** Milliseconds until what was proved then is too old to launch nodes on it. Of a time to come, or none, nobody knows how old it is: 0. */
export function proofLeftMs(verifiedAtMs: number | undefined, nowMs: number): number {
  if (verifiedAtMs === undefined || verifiedAtMs > nowMs) return 0;
  return Math.max(verifiedAtMs + proofMs - nowMs, 0);
}
