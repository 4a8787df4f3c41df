import { join } from 'node:path';
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
  const waited = await controlPlane.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...crds]);
  if (waited.code !== 0) throw new Error(waited.stderr);
  await apply(
    controlPlane,
    rendered.filter((manifest) => !first.includes(manifest) && !notApplied.has(manifest.kind)),
  );
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
