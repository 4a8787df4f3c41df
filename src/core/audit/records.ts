import type { JobPlan } from './planned.ts';

/** Audit records as they are kept: lines of the stream, documents of a job. Structural, as the ports' AuditRecord. */
export type Recorded = {
  readonly time: string;
  readonly runtime: string;
  readonly job?: string;
  readonly node?: string;
  readonly phase?: string;
  readonly planResource?: string;
  readonly rule?: string;
  readonly preflight?: true;
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: string;
  readonly errorCode?: string;
  readonly requestId?: string;
  readonly durationMs?: number;
};

/** In the order of time, each once: two that have the same request id, or none and the same of everything else, are the same call. */
export function mergeRecords<T extends Recorded>(lists: readonly (readonly T[])[]): readonly T[] {
  const byKey = new Map<string, T>();
  for (const record of lists.flat()) byKey.set(keyOf(record), record);
  return [...byKey.values()].sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
}

export function keyOf({ requestId, time, sessionName, action, resource }: Recorded): string {
  return requestId === undefined ? JSON.stringify([time, sessionName, action, resource]) : `id ${requestId} ${action} ${resource}`;
}

/** The accesses of a job's document; none where it is no such document: what somebody else put there is not ours to judge. */
export function readRecords(text: string): readonly Recorded[] {
  return documentAccesses(text).filter(isRecord);
}

export function documentAccesses(text: string): readonly unknown[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof document !== 'object' || document === null || !('accesses' in document) || !Array.isArray(document.accesses)) return [];
  return document.accesses;
}

const texts = ['time', 'runtime', 'identity', 'sessionName', 'action', 'resource', 'outcome'] as const;
const optionalTexts = ['job', 'node', 'phase', 'planResource', 'rule', 'errorCode', 'requestId'] as const;

export function isRecord(value: unknown): value is Recorded {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const isText = (name: string): boolean => typeof fields[name] === 'string';
  if (fields['preflight'] !== undefined && fields['preflight'] !== true) return false;
  if (!isText('time') || Number.isNaN(Date.parse(String(fields['time'])))) return false;
  return texts.every(isText) && optionalTexts.every((name) => fields[name] === undefined || isText(name)) && areTexts(fields['chain']);
}

/** A line of the stream says of itself that it is one; what lost a field, or has another in its place, still has the others. */
export function looksLikeRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const own = ['runtime', 'identity', 'chain', 'sessionName', 'action', 'resource', 'outcome'].filter((name) => name in value);
  return ('audit' in value && value.audit === true) || own.length >= 5 || ('sessionName' in value && 'action' in value);
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** A row of the plan that a job's document holds. */
export function isPlanRow(value: unknown): value is JobPlan['rows'][number] {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const isOptional = (name: string): boolean => fields[name] === undefined || typeof fields[name] === 'string';
  const isText = (name: string): boolean => typeof fields[name] === 'string';
  return ['phase', 'resource', 'action', 'identity'].every(isText) && ['rule', 'location'].every(isOptional) && areTexts(fields['chain']);
}

const RECORD = /(?:^|\/)jobs\/[^/]+-[0-9a-f]{8}\/access(?:\/\d+)?\.json$/u;
/** Logs, and the objects with which the worker role proves that it reaches a location. */
const OF_PODS = /(?:^|\/)jobs\/.*\/(?:worker|master)\/|(?:^|\/)\.elastic-/u;

/**
 * Whether a key of a log location is a job's record of accesses, or a part of one, which nobody but the agent role writes. What has such a name where the worker
 * and master roles write may be the work of a job's own pods, which have these roles, too.
 */
export function isRecordKey(key: string): boolean {
  return RECORD.test(key) && !OF_PODS.test(key);
}
