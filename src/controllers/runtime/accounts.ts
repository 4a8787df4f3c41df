import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { ServiceAccount, Stored } from '../../api/kubernetes.ts';
import { agentNamespace, annotations, labels, managedBy } from '../../api/labels.ts';
import { principalsOf } from '../../core/access/roles.ts';
import { agentServiceAccountName, serviceAccountNames } from '../../core/jobs/names.ts';
import type { KubernetesError } from '../../ports/kubernetes.ts';
import { serviceAccounts } from '../../ports/resources.ts';
import { ok, type Result } from '../../ports/result.ts';
import type { RuntimeTools } from './tools.ts';

/**
 * The ServiceAccounts of a runtime. Master's and worker's stand in the tenant's namespace, with IRSA annotations, owned by the runtime; the
 * agent's stands where no tenant has a right, so it has no owner reference (those cannot cross namespaces) and is deleted by the teardown.
 */
export async function ensureAccounts(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, KubernetesError>> {
  return applyAll(tools, desiredAccounts(runtime));
}

export async function ensureAgentAccount(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<Result<void, KubernetesError>> {
  return applyAll(
    tools,
    desiredAccounts(runtime).filter(({ metadata }) => metadata.namespace === agentNamespace),
  );
}

async function applyAll(tools: RuntimeTools, accounts: readonly ServiceAccount[]): Promise<Result<void, KubernetesError>> {
  for (const desired of accounts) {
    const { name, namespace = '' } = desired.metadata;
    const current = await tools.context.kubernetes.get(serviceAccounts, { namespace, name });
    if (!current.ok && current.error.kind !== 'NotFound') return current;
    const applied = await tools.applier.apply({ type: serviceAccounts, desired, current: current.ok ? current.value : undefined });
    if (!applied.ok) return applied;
  }
  return ok(undefined);
}

function desiredAccounts(runtime: Stored<ElasticRuntime>): readonly ServiceAccount[] {
  const { name, namespace = '', uid } = runtime.metadata;
  const names = serviceAccountNames(name);
  const { roles } = principalsOf(runtime);
  const owner = { apiVersion: runtime.apiVersion, kind: runtime.kind, name, uid, controller: true, blockOwnerDeletion: true };
  const account = (accountName: string, role: string): ServiceAccount => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: accountName,
      namespace,
      labels: { [labels.managedBy]: managedBy, [labels.runtime]: name },
      annotations: { [annotations.irsaRole]: role },
      ownerReferences: [owner],
    },
    automountServiceAccountToken: false,
  });
  return [
    account(names.master, roles.master),
    account(names.worker, roles.worker),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: {
        name: agentServiceAccountName(namespace, name),
        namespace: agentNamespace,
        labels: { [labels.managedBy]: managedBy, [labels.namespace]: namespace },
        annotations: { [annotations.irsaRole]: roles.agent, 'elasticruntime.dev/runtime-uid': uid },
      },
      automountServiceAccountToken: false,
    },
  ];
}
