import { elasticRuntimes } from '../../ports/resources.ts';
import type { ClusterConnection } from '../cluster.ts';
import { type Finding, getJson, unseen } from './facts.ts';

/** AWS fetches the issuer's keys itself: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html */
export async function issuer(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const check = 'token issuer';
  const discovery = await getJson<{ readonly issuer: string }>(cluster, '/.well-known/openid-configuration');
  if (!discovery.ok) return [unseen(check, 'the OpenID configuration', discovery)];
  const url = discovery.value.issuer;
  const host = URL.canParse(url) ? new URL(url) : undefined;
  const inside =
    host === undefined || host.protocol !== 'https:' || /(^|\.)(svc|local|localhost|internal)$|^kubernetes\.default/.test(host.hostname);
  return [
    inside
      ? {
          check,
          status: 'failed',
          message: `tokens are issued by ${url}, which AWS cannot reach`,
          remedy: 'set --service-account-issuer to a public https URL and make an IAM OIDC provider for it, or give the agent X.509',
        }
      : { check, status: 'ok', message: `${url}: the IAM OIDC provider must be of this URL` },
  ];
}

/** In the namespace, or in all of them where the person may see all. */
export async function runtimes(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const everywhere = await cluster.kubernetes.list(elasticRuntimes);
  const listed = everywhere.ok ? everywhere : await cluster.kubernetes.list(elasticRuntimes, { namespace: cluster.namespace });
  if (!listed.ok) return listed.error.kind === 'NotFound' ? [] : [unseen('runtimes', `ElasticRuntimes of ${cluster.namespace}`, listed)];
  return listed.value.items.map(({ metadata, status }) => {
    const check = `runtime ${metadata.namespace}/${metadata.name}`;
    const of = (type: string) => status?.conditions?.find((condition) => condition.type === type);
    const blocked = ['CleanupBlocked', 'Stalled'].map(of).find((condition) => condition?.status === 'True');
    const why = blocked ?? of('Ready');
    if (blocked === undefined && why?.status === 'True') return { check, status: 'ok', message: why.message } satisfies Finding;
    return {
      check,
      status: blocked === undefined ? 'warning' : 'failed',
      message: why === undefined ? 'the operator has not looked at it yet' : `${why.type} ${why.reason}: ${why.message}`,
    } satisfies Finding;
  });
}
