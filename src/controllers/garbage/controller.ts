import type { ElasticNode, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { tags as tagKeys } from '../../api/labels.ts';
import { runtimeTags, tagMismatch } from '../../core/nodes/tags.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Instance } from '../../ports/aws/index.ts';
import { elasticNodes, elasticRuntimes } from '../../ports/resources.ts';
import { ok } from '../../ports/result.ts';
import type { OperatorContext } from '../context.ts';
import { actAs } from '../identity/act.ts';
import { describeFailure } from '../identity/failure.ts';
import { accessDigest } from '../runtime/identities.ts';
import { notesOf } from '../runtime/notes.ts';
import { tagOwnerOf } from '../runtime/tag-owner.ts';

/** EC2 lists what was just launched or tagged with a delay; nothing younger is judged. */
const settleMs = 60_000;

/** Both directions: instances that no ElasticNode stands for are ended; ElasticNodes whose instance is gone are deleted. */
export function createGarbageCollector(context: OperatorContext): (key: string) => Promise<ReconcileResult> {
  return async (key) => {
    const runtime = context.stores.runtimes.get(key);
    if (runtime === undefined || runtime.metadata.deletionTimestamp !== undefined) return done;
    const { awsUsed, verified } = notesOf(runtime);
    // As roles of another account, every instance would look as if it were gone.
    if (awsUsed !== true || verified !== accessDigest(runtime)) return { requeueAfterMs: context.settings.garbagePeriodMs };
    const owner = tagOwnerOf(runtime, context.settings.clusterName);
    const found = await actAs(
      context,
      { runtime, identity: 'master', resource: 'nodes' },
      { action: 'ec2:DescribeInstances', resource: '*' },
      (aws, caller) => aws.ec2.describeInstances(caller, { tags: runtimeTags(owner) }),
    );
    if (!found.ok) return { retry: describeFailure(found.error) };
    // From the server, not from the cache: what the cache has not seen yet is no orphan.
    const listed = await context.kubernetes.list(elasticNodes);
    if (!listed.ok) return { retry: listed.error.message };
    const own = listed.value.items.filter((node) => node.spec.runtimeRef.uid === runtime.metadata.uid);
    const problem =
      (await endOrphans(context, runtime, found.value, own)) ??
      (await deleteLost(context, found.value, own)) ??
      (await deleteSuperseded(context, runtime, own));
    return problem === undefined ? { requeueAfterMs: context.settings.garbagePeriodMs } : { retry: problem };
  };
}

async function endOrphans(
  context: OperatorContext,
  runtime: Stored<ElasticRuntime>,
  instances: readonly Instance[],
  own: readonly Stored<ElasticNode>[],
): Promise<string | undefined> {
  const uids = new Set(own.map((node) => node.metadata.uid));
  const guard = runtimeTags(tagOwnerOf(runtime, context.settings.clusterName));
  for (const instance of instances) {
    const nodeUid = instance.tags[tagKeys.nodeUid];
    if (!isAlive(instance) || nodeUid === undefined || uids.has(nodeUid)) continue;
    if (context.clock.now() - instance.launchTime < settleMs || tagMismatch(guard, instance.tags) !== undefined) continue;
    const ended = await actAs(
      context,
      { runtime, identity: 'master', resource: 'nodes' },
      { action: 'ec2:TerminateInstances', resource: instance.instanceId },
      (aws, caller) => aws.ec2.terminateInstances(caller, { instanceIds: [instance.instanceId] }),
    );
    if (!ended.ok) return describeFailure(ended.error);
    context.events.record(
      elasticRuntimes,
      runtime,
      'Warning',
      'OrphanEnded',
      `instance ${instance.instanceId} of a node that no longer exists was ended`,
    );
  }
  return undefined;
}

/** Launch templates that the runtime no longer launches from, once no node names them. */
async function deleteSuperseded(
  context: OperatorContext,
  runtime: Stored<ElasticRuntime>,
  own: readonly Stored<ElasticNode>[],
): Promise<string | undefined> {
  const current = runtime.status?.launchTemplates ?? [];
  if (current.length === 0) return undefined;
  const needed = new Set([...current.map(({ id }) => id), ...own.map((node) => node.spec.launchTemplate?.id)]);
  const tags = runtimeTags(tagOwnerOf(runtime, context.settings.clusterName));
  const request = { runtime, identity: 'operator', resource: 'cluster-resources' } as const;
  const found = await actAs(context, request, { action: 'ec2:DescribeLaunchTemplates', resource: '*' }, (aws, caller) =>
    aws.ec2.describeLaunchTemplates(caller, { tags }),
  );
  if (!found.ok) return describeFailure(found.error);
  for (const { id, name } of found.value) {
    if (needed.has(id) || tagMismatch(tags, found.value.find((template) => template.id === id)?.tags ?? {}) !== undefined) continue;
    const deleted = await actAs(context, request, { action: 'ec2:DeleteLaunchTemplate', resource: name }, async (aws, caller) => {
      const answer = await aws.ec2.deleteLaunchTemplate(caller, { id });
      return !answer.ok && answer.error.kind === 'NotFound' ? ok(undefined) : answer;
    });
    if (!deleted.ok) return describeFailure(deleted.error);
  }
  return undefined;
}

async function deleteLost(
  context: OperatorContext,
  instances: readonly Instance[],
  own: readonly Stored<ElasticNode>[],
): Promise<string | undefined> {
  const alive = new Set(instances.filter(isAlive).map(({ instanceId }) => instanceId));
  for (const node of own) {
    const { instanceId, launchTime } = node.status ?? {};
    if (instanceId === undefined || alive.has(instanceId) || node.metadata.deletionTimestamp !== undefined) continue;
    if (context.clock.now() - (parseTime(launchTime) ?? context.clock.now()) < settleMs) continue;
    context.events.record(elasticNodes, node, 'Warning', 'InstanceGone', `instance ${instanceId} is gone`);
    const deleted = await context.kubernetes.delete(elasticNodes, { name: node.metadata.name }, { uid: node.metadata.uid });
    if (!deleted.ok && deleted.error.kind !== 'NotFound') return deleted.error.message;
  }
  return undefined;
}

function isAlive(instance: Instance): boolean {
  return instance.state !== 'terminated' && instance.state !== 'shutting-down';
}
