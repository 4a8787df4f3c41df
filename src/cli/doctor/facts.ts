import type { KubernetesResult } from '../../ports/kubernetes.ts';
import type { ClusterConnection } from '../cluster.ts';

/** What one look at the cluster found. `unknown` is not `ok`: the person may not see it, and who may should look. */
export type Finding = {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly message: string;
  readonly remedy?: string;
};

export type Check = (cluster: ClusterConnection) => Promise<readonly Finding[]>;

/** GET of JSON, read no further than the fields that a check names. */
export async function getJson<T>(cluster: ClusterConnection, path: string): Promise<KubernetesResult<T>> {
  const text = await cluster.getText(path);
  return text.ok ? { ok: true, value: JSON.parse(text.value) as T } : text;
}

/** Not being allowed to look is no finding about the cluster. */
export function unseen(
  check: string,
  what: string,
  answer: { readonly error: { readonly kind: string; readonly message: string } },
): Finding {
  const { kind, message } = answer.error;
  if (kind === 'Forbidden' || kind === 'Unauthorized')
    return { check, status: 'unknown', message: `you may not read ${what}: ${message}`, remedy: 'run doctor as somebody who may' };
  return { check, status: 'unknown', message: `${what}: ${kind}: ${message}` };
}
