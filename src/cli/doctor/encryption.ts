import type { ClusterConnection } from '../cluster.ts';
import { type Finding, unseen } from './facts.ts';

type Writes = { readonly prefix: string; readonly count: number };

/**
 * How a kind of object is encrypted in etcd, from the API server's own counters of what it wrote (the prefixes are those of
 * https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/). One API server answers, and it counts from its start: where it has written none, nothing is
 * known. Amazon EKS encrypts all API data with KMS from Kubernetes 1.28 on (https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html) and does not
 * show it there.
 */
export async function encryption(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const metrics = await cluster.getText('/metrics');
  const kinds = [
    ['Secrets', /^secrets$/],
    ['custom resources', /\.elasticruntime\.dev$/],
  ] as const;
  return kinds.map(([kind, resource]) => {
    const check = `encryption of ${kind}`;
    if (isEks(cluster.server))
      return { check, status: 'ok', message: 'Amazon EKS encrypts all API data with KMS (Kubernetes 1.28 and later)' } satisfies Finding;
    if (!metrics.ok) return unseen(check, 'the metrics of the API server', metrics);
    return judge(check, writesOf(metrics.value, resource));
  });
}

/** `https://<id>.<suffix>.<region>.eks.amazonaws.com` */
function isEks(server: string): boolean {
  return /\.eks\.amazonaws\.com(\.cn)?$/.test(new URL(server).hostname);
}

function judge(check: string, writes: readonly Writes[]): Finding {
  const prefixes = writes.map(({ prefix }) => prefix);
  const how = prefixes.filter((prefix) => prefix.startsWith('k8s:enc:')).join(', ');
  const remedy = 'configure a kms provider first in the list for it: https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/';
  if (prefixes.some((prefix) => prefix.startsWith('k8s:enc:kms:'))) return { check, status: 'ok', message: `written with ${how}: KMS` };
  if (how !== '')
    return { check, status: 'warning', message: `written with ${how}: encrypted, but under a key that lies on the API server`, remedy };
  return {
    check,
    status: 'warning',
    message: 'this API server has encrypted none since its start: they are stored as they are, or none was written',
    remedy,
  };
}

function writesOf(metrics: string, resource: RegExp): readonly Writes[] {
  return metrics.split('\n').flatMap((line) => {
    const match = /^apiserver_storage_transformation_operations_total\{([^}]*)\} (\S+)$/.exec(line);
    if (match === null) return [];
    const labels = new Map([...(match[1] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
    const counts =
      labels.get('transformation_type') === 'to_storage' && labels.get('status') === 'OK' && resource.test(labels.get('resource') ?? '');
    return counts && Number(match[2]) > 0 ? [{ prefix: labels.get('transformer_prefix') ?? '', count: Number(match[2]) }] : [];
  });
}
