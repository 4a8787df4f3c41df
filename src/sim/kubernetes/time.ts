/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds since the epoch; undefined where there is no time. */
export function parseTimestamp(text: unknown): number | undefined {
  return typeof text === 'string' ? Date.parse(text) : undefined;
}
