import { join } from 'node:path';
import * as good from '../../api/manifests.ts';
import type { ControlPlane } from '../../controlplane/start.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { type Manifest, parseManifests, toYaml } from './manifests.ts';

const root = join(import.meta.dirname, '../../..');
const crds = ['elasticruntimes', 'elasticruntimeclasses', 'elasticjobs', 'elasticconnections', 'elasticnodes', 'elasticaccessrequests'].map(
  (plural) => `crd/${plural}.elasticruntime.dev`,
);

/** Run by the stand itself, as processes. */
const notApplied: ReadonlySet<string> = new Set(['Deployment', 'PodDisruptionBudget']);

export type ChartOptions = { readonly clusterName: string; readonly nodeAgents: boolean; readonly trustedNodeRoles?: readonly string[] };

/** What `helm install` would put into the cluster, the operator's Deployment aside: CRDs, namespaces, RBAC, admission policies, the DaemonSet. */
export async function installChart(controlPlane: ControlPlane, options: ChartOptions): Promise<void> {
  const rendered = await render(controlPlane, options);
  const first = rendered.filter(({ kind }) => kind === 'Namespace' || kind === 'CustomResourceDefinition');
  await apply(controlPlane, first);
  const waited = await controlPlane.kubectl(['wait', '--for=condition=Established', '--timeout=120s', ...crds]);
  if (waited.code !== 0) throw new Error(waited.stderr);
  await apply(
    controlPlane,
    rendered.filter((manifest) => !first.includes(manifest) && !notApplied.has(manifest.kind)),
  );
  await policiesHold(controlPlane);
}

async function render(
  controlPlane: ControlPlane,
  { clusterName, nodeAgents, trustedNodeRoles }: ChartOptions,
): Promise<readonly Manifest[]> {
  const { code, stdout, stderr } = await controlPlane.helm([
    'template',
    'elastic-runtime-operator',
    join(root, 'helm/elastic-runtime-operator'),
    '--namespace=elastic-system',
    `--set=clusterName=${clusterName}`,
    '--set=image.repository=registry.example.com/elastic-runtime-operator',
    '--set=namespaces.createSystem=true',
    `--set=nodeAgent.enabled=${nodeAgents}`,
    `--set-json=policies.placement.trustedNodeRoles=${JSON.stringify(trustedNodeRoles ?? [])}`,
  ]);
  if (code !== 0) throw new Error(`helm template: ${stderr}`);
  return parseManifests(stdout);
}

/** Again where one object needs another that the API server has not noticed yet: a policy its kinds. */
async function apply(controlPlane: ControlPlane, manifests: readonly Manifest[]): Promise<void> {
  let problem = '';
  await waitFor('the chart is applied', async () => {
    const { code, stderr } = await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { stdin: toYaml(manifests) });
    problem = stderr;
    return code === 0 ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`kubectl apply: ${problem}`, { cause: error });
  });
}

const admission = 'admissionregistration.k8s.io/v1';
const last = 'stand-last-policy';

/** Refuses every ConfigMap of its own name. */
const lastPolicy: readonly Manifest[] = [
  {
    apiVersion: admission,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: last },
    spec: {
      matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['*'], operations: ['CREATE'], resources: ['configmaps'] }] },
      validations: [{ expression: `object.metadata.name != "${last}"` }],
    },
  },
  {
    apiVersion: admission,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: last },
    spec: { policyName: last, validationActions: ['Deny'] },
  },
];

/** What each policy with a paramKind judges. */
const judged: readonly (readonly [path: string, manifest: object])[] = [
  ['/apis/elasticruntime.dev/v1alpha1/namespaces/default/elasticruntimes', { ...good.runtime, metadata: { name: 'judged' } }],
  ['/apis/elasticruntime.dev/v1alpha1/namespaces/default/elasticjobs', { ...good.job, metadata: { name: 'judged' } }],
  [
    '/api/v1/namespaces/elastic-system/pods',
    {
      metadata: { name: 'judged' },
      spec: {
        serviceAccountName: 'elastic-runtime-operator',
        tolerations: [{ key: 'elasticruntime.dev/runtime', value: 'nobody', effect: 'NoSchedule' }],
        containers: [{ name: 'main', image: 'registry.example.com/main:1' }],
      },
    },
  ],
];

/**
 * The API server takes policies up once a second, all that there are, and refuses what one with a paramKind judges while it has not listed the objects of
 * that kind: it waits a second for them, then says "not yet synced" (k8s.io/apiserver, admission/plugin/policy/generic).
 */
async function policiesHold(controlPlane: ControlPlane): Promise<void> {
  await apply(controlPlane, lastPolicy);
  const dryRun = async (path: string, manifest: object) => {
    const { status, body } = await controlPlane.call('POST', `${path}?dryRun=All`, manifest);
    return status < 300 ? '' : `${status} ${(body as { readonly message?: string }).message ?? ''}`;
  };
  await waitFor('the last policy holds', async () => {
    const refusal = await dryRun('/api/v1/namespaces/default/configmaps', { metadata: { name: last } });
    return refusal.includes(last) ? true : undefined;
  });
  for (const [path, manifest] of judged) {
    let refusal = '';
    await waitFor('the policies have their parameters', async () => {
      refusal = await dryRun(path, manifest);
      return refusal === '' ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${path}: ${refusal}`, { cause: error });
    });
  }
  const { code, stderr } = await controlPlane.kubectl(['delete', '-f', '-'], { stdin: toYaml(lastPolicy) });
  if (code !== 0) throw new Error(`kubectl delete: ${stderr}`);
}
