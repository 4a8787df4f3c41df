import type { ClusterConnection } from '../cluster.ts';
import { type Finding, getJson, unseen } from './facts.ts';

const binding = 'elastic-runtime-operator-tenant';

/** Which Secrets the operator may read by name: RBAC has no rule that leaves some out, so either all or those of the namespaces that the chart names. */
export async function reach(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const check = 'reach of the operator';
  const found = await getJson<object>(cluster, `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${binding}`);
  if (!found.ok)
    return found.error.kind === 'NotFound'
      ? [{ check, status: 'ok', message: 'it may read Secrets in the namespaces that were given to it only' }]
      : [unseen(check, `the ClusterRoleBinding ${binding}`, found)];
  return [
    {
      check,
      status: 'warning',
      message: 'it may read every Secret of the cluster by name (it lists none), and so may who steals its token',
      remedy: "name the namespaces with runtimes: chart value tenantNamespaces, --set 'tenantNamespaces={finance,research}'",
    },
  ];
}
