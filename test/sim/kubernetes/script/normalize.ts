import type { KubernetesError, KubernetesResult } from '../../../../src/ports/kubernetes.ts';

/** What two clusters cannot agree on: identities, versions, times, addresses, generated names. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '-xxxxx'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
];
const dropped: ReadonlySet<string> = new Set(['managedFields', 'selfLink', 'uncountedTerminatedPods']);
const hidden: ReadonlySet<string> = new Set([
  'resourceVersion',
  'clusterIP',
  'clusterIPs',
  'podIP',
  'podIPs',
  'hostIP',
  'hostIPs',
  'token',
]);

export function normalize(value: unknown): unknown {
  if (typeof value === 'string') return replacements.reduce((text, [pattern, name]) => text.replace(pattern, name), value);
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !dropped.has(key) && member !== undefined && member !== null)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, hidden.has(key) && member !== 'None' && typeof member === 'string' ? `<${key}>` : normalize(member)]),
  );
}

/** An answer of the port: the value, or how it was refused and about which fields. */
export function answered(result: KubernetesResult<unknown>): unknown {
  return result.ok ? normalize(result.value ?? 'done') : refused(result.error);
}

function refused({ kind, reason, causes }: KubernetesError): unknown {
  // The real one repeats some, and adds one that says that rules were not judged because the schema was broken.
  const about = [...new Set((causes ?? []).map((cause) => `${cause.reason ?? ''} ${cause.field ?? ''}`.trim()))].filter(
    (cause) => !cause.includes('<nil>'),
  );
  return { refused: kind, ...(reason === undefined ? {} : { reason }), ...(about.length === 0 ? {} : { causes: about.sort() }) };
}
