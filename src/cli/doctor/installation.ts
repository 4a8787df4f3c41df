import { schemas } from '../../api/generated/schemas.ts';
import { apiVersion, operatorNamespace } from '../../api/labels.ts';
import type { ClusterConnection } from '../cluster.ts';
import { formatList } from '../cluster.ts';
import { type Finding, getJson, unseen } from './facts.ts';

/** ValidatingAdmissionPolicy is general from 1.30 on: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ */
const oldestMinor = 30;
/** The operator renews its lease every few seconds: one this old has no holder. */
const staleLeaseMs = 60_000;
const policies = [
  'elastic-access-request',
  'elastic-agents',
  'elastic-job-class',
  'elastic-namespace-organization',
  'elastic-nodes',
  'elastic-operator-jobs',
  'elastic-operator-secrets',
  'elastic-operator-serviceaccounts',
  'elastic-operator-services',
  'elastic-operator-specs',
  'elastic-runtime-class',
  'elastic-runtime-organization',
  'elastic-status',
];

export async function apiServer(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const check = 'API server';
  const version = await getJson<{ readonly major: string; readonly minor: string; readonly gitVersion: string }>(cluster, '/version');
  if (!version.ok)
    return [
      {
        check,
        status: 'failed',
        message: `${cluster.server}: ${version.error.kind}: ${version.error.message}`,
        remedy: 'check --kubeconfig and --context',
      },
    ];
  const minor = Number.parseInt(version.value.minor, 10);
  if (version.value.major === '1' && minor < oldestMinor)
    return [
      {
        check,
        status: 'failed',
        message: `Kubernetes ${version.value.gitVersion}`,
        remedy: `upgrade to 1.${oldestMinor} or later: admission policies need it`,
      },
    ];
  return [{ check, status: 'ok', message: `Kubernetes ${version.value.gitVersion} at ${cluster.server}` }];
}

export async function kinds(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const check = 'custom resources';
  const served = await getJson<{ readonly resources: readonly { readonly kind: string }[] }>(cluster, `/apis/${apiVersion}`);
  const remedy = 'install or upgrade the chart: its CRDs come with it';
  if (!served.ok)
    return served.error.kind === 'NotFound'
      ? [{ check, status: 'failed', message: `${apiVersion} is not served`, remedy }]
      : [unseen(check, apiVersion, served)];
  const known = new Set(served.value.resources.map(({ kind }) => kind));
  const missing = Object.keys(schemas).filter((kind) => !known.has(kind));
  return missing.length > 0
    ? [{ check, status: 'failed', message: `${apiVersion} does not serve ${formatList(missing)}`, remedy }]
    : [{ check, status: 'ok', message: `${formatList(Object.keys(schemas))} of ${apiVersion}` }];
}

export async function operator(cluster: ClusterConnection, now: number): Promise<readonly Finding[]> {
  const check = 'operator';
  const remedy = `kubectl -n ${operatorNamespace} describe deployment elastic-runtime-operator`;
  const path = `/apis/apps/v1/namespaces/${operatorNamespace}/deployments/elastic-runtime-operator`;
  const deployment = await getJson<{ readonly status?: { readonly availableReplicas?: number; readonly replicas?: number } }>(
    cluster,
    path,
  );
  if (!deployment.ok)
    return deployment.error.kind === 'NotFound'
      ? [
          {
            check,
            status: 'failed',
            message: `there is no Deployment elastic-runtime-operator in ${operatorNamespace}`,
            remedy: 'install the chart',
          },
        ]
      : [unseen(check, 'its Deployment', deployment)];
  const { availableReplicas = 0, replicas = 0 } = deployment.value.status ?? {};
  const running: Finding =
    availableReplicas === 0
      ? { check, status: 'failed', message: `0 of ${replicas} replicas are available`, remedy }
      : { check, status: 'ok', message: `${availableReplicas} of ${replicas} replicas are available` };
  return [running, await leader(cluster, now)];
}

async function leader(cluster: ClusterConnection, now: number): Promise<Finding> {
  const check = 'leader';
  const path = `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/elastic-runtime-operator`;
  const lease = await getJson<{ readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string } }>(cluster, path);
  if (!lease.ok)
    return lease.error.kind === 'NotFound'
      ? { check, status: 'warning', message: 'no replica has ever led', remedy: `read the operator's log in ${operatorNamespace}` }
      : unseen(check, 'its Lease', lease);
  const { holderIdentity = '', renewTime = '' } = lease.value.spec ?? {};
  const age = now - Date.parse(renewTime);
  return holderIdentity === '' || !(age < staleLeaseMs)
    ? {
        check,
        status: 'failed',
        message: `no replica leads: last renewed ${renewTime === '' ? 'never' : renewTime}`,
        remedy: `read the operator's log in ${operatorNamespace}`,
      }
    : { check, status: 'ok', message: `${holderIdentity} leads` };
}

export async function admission(cluster: ClusterConnection): Promise<readonly Finding[]> {
  const check = 'admission policies';
  const bindings = await getJson<{
    readonly items: readonly { readonly spec?: { readonly policyName?: string; readonly validationActions?: readonly string[] } }[];
  }>(cluster, '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings');
  if (!bindings.ok) return [unseen(check, 'ValidatingAdmissionPolicyBindings', bindings)];
  const enforced = new Set(
    bindings.value.items.filter(({ spec }) => spec?.validationActions?.includes('Deny') === true).map(({ spec }) => spec?.policyName),
  );
  const missing = policies.filter((policy) => !enforced.has(policy));
  return missing.length > 0
    ? [
        {
          check,
          status: 'failed',
          message: `not enforced: ${formatList(missing)}`,
          remedy: 'upgrade the chart: they are what keeps tenants apart',
        },
      ]
    : [{ check, status: 'ok', message: `enforced: ${formatList(policies)}` }];
}
