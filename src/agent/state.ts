import type { LogPosition } from './logs/stream.ts';

/** What the agent keeps across its own restarts. No secret. */
export type AgentState = {
  readonly version: 1;
  readonly renewal: RenewalState | undefined;
  readonly pods: Readonly<Record<string, PodState>>;
};

/** Wall clock, milliseconds since the epoch. */
export type RenewalState = { readonly renewedAt: number; readonly terminateAfterMs: number };

export type PodState = {
  readonly namespace: string;
  readonly name: string;
  readonly runtime: string;
  readonly job: string;
  readonly keyPrefix: string;
  readonly flushed: boolean;
  readonly containers: Readonly<Record<string, LogPosition>>;
};

const emptyState: AgentState = { version: 1, renewal: undefined, pods: {} };

export function formatState(state: AgentState): string {
  return JSON.stringify(state);
}

/** What does not read as a state of this version is as good as none: the agent wrote it itself, so a wrong one is a broken disk or another version. */
export function parseState(text: string | undefined): AgentState {
  if (text === undefined) return emptyState;
  try {
    const value: unknown = JSON.parse(text);
    return isState(value) ? value : emptyState;
  } catch {
    return emptyState;
  }
}

function isState(value: unknown): value is AgentState {
  if (!isRecord(value) || value['version'] !== 1 || !isRecord(value['pods'])) return false;
  const renewal = value['renewal'];
  if (renewal !== undefined && !(isRecord(renewal) && numbers(renewal, 'renewedAt', 'terminateAfterMs'))) return false;
  return Object.values(value['pods']).every(isPod);
}

function isPod(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value['containers']) || typeof value['flushed'] !== 'boolean') return false;
  if (!['namespace', 'name', 'runtime', 'job', 'keyPrefix'].every((key) => typeof value[key] === 'string')) return false;
  return Object.values(value['containers']).every(
    (position) =>
      isRecord(position) &&
      typeof position['fingerprint'] === 'string' &&
      numbers(position, 'sequence', 'offset', 'written', 'before', 'missing'),
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numbers(value: Readonly<Record<string, unknown>>, ...keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'number' && Number.isSafeInteger(value[key]) && value[key] >= 0);
}
