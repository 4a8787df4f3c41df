import { createHash } from 'node:crypto';
import type { ElasticRuntimeSpec } from '../../api/generated/types.ts';

/**
 * What holds for a runtime, as one text of 64 hexadecimal digits. Its generation does not say it: that counts what the author wrote, and a class changes what holds without it.
 */
export function specDigest(spec: ElasticRuntimeSpec): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex');
}

/** Fields of one object come from the runtime, its class and its status: in which order says nothing. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
