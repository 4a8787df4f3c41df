import type { ElasticJob, ElasticRuntime, ElasticRuntimeStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { agentNamespace, finalizers } from '../../api/labels.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { agentServiceAccountName } from '../../core/jobs/names.ts';
import { runtimeTags } from '../../core/nodes/tags.ts';
import { logicalIds } from '../../core/policy/cloudformation/names.ts';
import { removeFinalizer } from '../../machinery/finalizers.ts';
import { elasticNodes, elasticRuntimes, serviceAccounts } from '../../ports/resources.ts';
import { ok } from '../../ports/result.ts';
import type { StatusDraft } from '../draft.ts';
import { actAs } from '../identity/act.ts';
import { ownPods } from '../job/own.ts';
import { ensureAgentAccount } from './accounts.ts';
import { hasEnded, jobsOf, nodesOf } from './activity.ts';
import { endLeftCertificates } from './certificate.ts';
import { deleteClusterInfo } from './cluster-info.ts';
import { ensureDefaultRoles } from './default-roles.ts';
import { deleteLaunchTemplates } from './launch-templates.ts';
import { notesOf } from './notes.ts';
import { cleanupBlocked } from './refusal.ts';
import { lookAtStack } from './role-stack.ts';
import { deleteRoleStack } from './role-stack-removal.ts';
import { releaseSecrets } from './secrets.ts';
import { tagOwnerOf } from './tag-owner.ts';
import { go, type RuntimeTools, type StepVerdict } from './tools.ts';
import { clearRuntimeProbes } from './verify.ts';

/**
 * The end of a runtime, in an order in which each step still has what it needs: jobs end, nodes go, AWS is swept by tags, the agent's account
 * and the Secrets are let go, then the finalizer. Nothing in it depends on the tenant's namespace.
 */
export async function tearDown(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: StatusDraft<ElasticRuntimeStatus>,
): Promise<StepVerdict> {
  for (const step of [keepAgent, endJobs, endNodes, clearJobs, sweepAws, letGo]) {
    const verdict = await step(tools, runtime);
    if (step === endNodes && 'stalled' in verdict) return regainRoles(tools, runtime, draft, verdict);
    if (!('go' in verdict)) return verdict;
  }
  return go;
}

/** Nodes can be ended as master only: where somebody deleted the stack of default roles by hand, it is made once more. */
async function regainRoles(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
  draft: StatusDraft<ElasticRuntimeStatus>,
  blockedBy: StepVerdict,
): Promise<StepVerdict> {
  if (!hasDefaultRoles(runtime) || notesOf(runtime).roleStack === undefined) return blockedBy;
  tools.roles.delete(runtime.metadata.uid);
  const roles = await ensureDefaultRoles(tools, runtime, draft);
  return 'again' in roles && roles.afterMs !== undefined ? { ...blockedBy, afterMs: roles.afterMs } : blockedBy;
}

/** Whatever became of the agent's account meanwhile: without it no node could be ended, and nothing cleaned up. */
async function keepAgent(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  if (notesOf(runtime).awsUsed !== true || notesOf(runtime).swept === true) return go;
  const account = await ensureAgentAccount(tools, runtime);
  return account.ok ? go : { again: 'AccountMissing', message: account.error.message };
}

/** The job controller ends the jobs of a runtime that is being deleted: first their attempts, so that nodes can go. */
async function endJobs(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const waiting = jobsOf(tools.context, runtime).filter((job) => {
    const alive = ownPods(tools.context, job).some((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
    return alive || (job.metadata.deletionTimestamp === undefined && !hasEnded(job));
  });
  return waiting.length === 0 ? go : { again: 'JobsEnding', message: `waiting for ${named(waiting)} to end` };
}

/** Then what they staged is cleared, while there are still identities to do so. */
async function clearJobs(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const waiting = jobsOf(tools.context, runtime).filter((job) => {
    const held = job.metadata.finalizers?.includes(finalizers.job) === true;
    return (
      held &&
      (job.metadata.deletionTimestamp !== undefined ||
        (job.status?.internal as { readonly cleaned?: boolean } | undefined)?.cleaned !== true)
    );
  });
  if (waiting.length === 0) return go;
  const problem = waiting.flatMap((job) => job.status?.conditions?.find(({ reason }) => reason === 'CleanupBlocked')?.message ?? []).at(0);
  if (problem !== undefined) return { stalled: 'CleanupBlocked', message: `staged data of ${named(waiting)}: ${problem}` };
  return { again: 'JobsClearing', message: `waiting for the staged data of ${named(waiting)} to be cleared` };
}

function named(jobs: readonly Stored<ElasticJob>[]): string {
  return `${jobs.length} job(s) (${jobs
    .slice(0, 5)
    .map((job) => job.metadata.name)
    .join(', ')})`;
}

async function endNodes(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const nodes = nodesOf(tools.context, runtime);
  for (const node of nodes) {
    if (node.metadata.deletionTimestamp !== undefined) continue;
    const deleted = await tools.context.kubernetes.delete(elasticNodes, { name: node.metadata.name }, { uid: node.metadata.uid });
    if (!deleted.ok && deleted.error.kind !== 'NotFound')
      return { again: 'NodesEnding', message: `ElasticNode ${node.metadata.name}: ${deleted.error.message}` };
  }
  const blockedNode = nodes
    .flatMap((node) => node.status?.conditions?.find(({ reason }) => reason === 'TerminationBlocked')?.message ?? [])
    .at(0);
  if (blockedNode !== undefined) return { stalled: 'CleanupBlocked', message: `${nodes.length} node(s) cannot be ended: ${blockedNode}` };
  if (nodes.length > 0) return { again: 'NodesEnding', message: `waiting for ${nodes.length} node(s) to end` };
  // The cache may be behind: ask the server before anything is given up that a node would need.
  const listed = await tools.context.kubernetes.list(elasticNodes);
  if (!listed.ok) return { again: 'NodesEnding', message: listed.error.message };
  const left = listed.value.items.filter((node) => node.spec.runtimeRef.uid === runtime.metadata.uid).length;
  return left === 0 ? go : { again: 'NodesEnding', message: `waiting for ${left} node(s) to end` };
}

async function sweepAws(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  if (notesOf(runtime).awsUsed !== true || notesOf(runtime).swept === true) return go;
  const { context } = tools;
  const swept = await sweepInstances(tools, runtime);
  if (!('go' in swept)) return swept;
  const templates = await deleteLaunchTemplates(tools, runtime);
  if (!templates.ok) return cleanupBlocked(tools, runtime, templates.error);
  const certificates = await endLeftCertificates(tools, runtime);
  if (!certificates.ok) return cleanupBlocked(tools, runtime, certificates.error);
  const info = await deleteClusterInfo(tools, runtime);
  if (!info.ok) return cleanupBlocked(tools, runtime, info.error);
  const probe = await clearRuntimeProbes(tools, runtime);
  if (probe !== undefined) return cleanupBlocked(tools, runtime, probe);
  // Last: until here the master role was needed.
  const roles = notesOf(runtime).roleStack === undefined ? go : await deleteRoleStack(tools, runtime);
  if (!('go' in roles)) return roles;
  // Written down before the identities go: a crash between the two must not ask AWS again without them.
  const noted = await context.kubernetes.mergePatch(
    elasticRuntimes,
    { namespace: runtime.metadata.namespace ?? '', name: runtime.metadata.name },
    { metadata: { resourceVersion: runtime.metadata.resourceVersion }, status: { internal: { swept: true } } },
    'status',
  );
  return noted.ok ? go : { again: 'SweepNotNoted', message: noted.error.message };
}

async function sweepInstances(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const { context } = tools;
  if (hasDefaultRoles(runtime)) {
    // Without its roles nothing can have been launched; and they go only after this sweep found nothing.
    const stack = notesOf(runtime).roleStack === undefined ? ok(undefined) : await lookAtStack(tools, runtime);
    if (!stack.ok) return cleanupBlocked(tools, runtime, stack.error);
    if (stack.value?.outputs[logicalIds.digest] === undefined || stack.value.status.startsWith('DELETE_')) return go;
  }
  const tags = runtimeTags(tagOwnerOf(runtime, context.settings.clusterName));
  const request = { runtime, identity: 'master', resource: 'nodes' } as const;
  const found = await actAs(context, request, { action: 'ec2:DescribeInstances', resource: '*' }, (aws, caller) =>
    aws.ec2.describeInstances(caller, { tags }),
  );
  if (!found.ok) return cleanupBlocked(tools, runtime, found.error);
  const alive = found.value.filter(({ state }) => state !== 'terminated' && state !== 'shutting-down').map(({ instanceId }) => instanceId);
  if (alive.length > 0) {
    const ended = await actAs(context, request, { action: 'ec2:TerminateInstances', resource: alive.join(',') }, (aws, caller) =>
      aws.ec2.terminateInstances(caller, { instanceIds: alive }),
    );
    return ended.ok
      ? { again: 'InstancesEnding', message: `ending ${alive.length} instance(s) that no ElasticNode stands for` }
      : cleanupBlocked(tools, runtime, ended.error);
  }
  return go;
}

async function letGo(tools: RuntimeTools, runtime: Stored<ElasticRuntime>): Promise<StepVerdict> {
  const { context } = tools;
  const { name, namespace = '', uid } = runtime.metadata;
  const account = await context.kubernetes.delete(serviceAccounts, {
    namespace: agentNamespace,
    name: agentServiceAccountName(namespace, name),
  });
  if (!account.ok && account.error.kind !== 'NotFound') return { again: 'AccountLeft', message: account.error.message };
  const released = await releaseSecrets(tools, runtime);
  if (!released.ok) return { again: 'SecretsHeld', message: released.error.message };
  context.grants.dropRuntime(uid);
  const removed = await removeFinalizer(context.kubernetes, elasticRuntimes, runtime, finalizers.runtime);
  return removed.ok ? go : { again: 'FinalizerLeft', message: removed.error.message };
}
