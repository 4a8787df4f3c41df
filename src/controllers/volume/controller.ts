import type { ElasticNode, ElasticNodeStatus, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { nodeTags, runtimeTags, tagMismatch } from '../../core/nodes/tags.ts';
import { planGrowth } from '../../core/volumes/growth.ts';
import { type Applier, createApplier } from '../../machinery/applier.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import { formatTime } from '../../machinery/time.ts';
import type { VolumeFact, VolumeModification } from '../../ports/aws/index.ts';
import { elasticNodes } from '../../ports/resources.ts';
import { ok, type Result } from '../../ports/result.ts';
import { type OperatorContext, runtimeKey } from '../context.ts';
import { actAs } from '../identity/act.ts';
import { type AccessFailure, describeFailure } from '../identity/failure.ts';
import { tagOwnerOf } from '../runtime/tag-owner.ts';

type NodeVolume = NonNullable<ElasticNodeStatus['volumes']>[number];

/** Grows a node's data volume, as worker, when the node agent reports that it fills up. */
export function createVolumeReconciler(context: OperatorContext): (key: string) => Promise<ReconcileResult> {
  const applier = createApplier({ port: context.kubernetes, telemetry: context.telemetry, fieldManager: 'elastic-volume-controller' });
  return async (key) => {
    const node = context.stores.elasticNodes.get(key);
    const runtime = node && context.stores.runtimes.get(runtimeKey(node.spec.runtimeRef));
    if (node === undefined || runtime === undefined || node.metadata.deletionTimestamp !== undefined) return done;
    return reconcileVolume(context, applier, runtime, node);
  };
}

async function reconcileVolume(
  context: OperatorContext,
  applier: Applier,
  runtime: Stored<ElasticRuntime>,
  node: Stored<ElasticNode>,
): Promise<ReconcileResult> {
  const plan = node.spec.volume;
  const used = fullest(node);
  if (plan === undefined || used === undefined || node.status?.instanceId === undefined || used < plan.growAtPercent) return done;
  const facts = await observeVolume(context, runtime, node);
  if (!facts.ok) return { retry: describeFailure(facts.error) };
  if (facts.value === undefined) return { requeueAfterMs: 60_000 };
  const { volume, modification } = facts.value;
  const known = node.status.volumes?.find(({ volumeId }) => volumeId === volume.volumeId);
  const history = merge(known?.modifications ?? [], modification);
  const verdict = planGrowth({
    sizeGiB: volume.sizeGiB,
    usedPercent: used,
    growAtPercent: plan.growAtPercent,
    maxGiB: plan.maxGiB,
    modifiedAt: history.map(({ time }) => Date.parse(time)),
    modifying: modification !== undefined && (modification.state === 'modifying' || modification.state === 'optimizing'),
    now: context.clock.now(),
  });
  if ('keep' in verdict) {
    const written = await record(applier, node, { volumeId: volume.volumeId, sizeGiB: volume.sizeGiB, modifications: history });
    if (!written.ok) return { retry: written.error.message };
    return verdict.lookAgainMs === undefined ? done : { requeueAfterMs: verdict.lookAgainMs };
  }
  const grown = await actAs(
    context,
    { runtime, identity: 'worker', resource: 'volumes', node: node.metadata.name },
    { action: 'ec2:ModifyVolume', resource: volume.volumeId },
    (aws, caller) => aws.ec2.modifyVolume(caller, { volumeId: volume.volumeId, sizeGiB: verdict.growToGiB }),
  );
  if (!grown.ok) {
    context.events.record(elasticNodes, node, 'Warning', 'VolumeNotGrown', describeFailure(grown.error));
    return grown.error.code === 'VolumeModificationRateExceeded' ? { requeueAfterMs: 3_600_000 } : { retry: describeFailure(grown.error) };
  }
  context.events.record(
    elasticNodes,
    node,
    'Normal',
    'VolumeGrown',
    `${volume.volumeId} from ${volume.sizeGiB} to ${verdict.growToGiB} GiB: ${verdict.reason}`,
  );
  const written = await record(applier, node, {
    volumeId: volume.volumeId,
    sizeGiB: verdict.growToGiB,
    modifications: merge(history, grown.value),
  });
  return written.ok ? { requeueAfterMs: 60_000 } : { retry: written.error.message };
}

function fullest(node: ElasticNode): number | undefined {
  const systems = node.status?.report?.fileSystems ?? [];
  return systems.length === 0 ? undefined : Math.max(...systems.map(({ usedPercent }) => usedPercent));
}

/** Size and history come from EC2, not from our own notes: a lost reply must not make a second step. */
async function observeVolume(
  context: OperatorContext,
  runtime: Stored<ElasticRuntime>,
  node: Stored<ElasticNode>,
): Promise<Result<{ readonly volume: VolumeFact; readonly modification: VolumeModification | undefined } | undefined, AccessFailure>> {
  const request = { runtime, identity: 'worker', resource: 'volumes', node: node.metadata.name } as const;
  const owner = tagOwnerOf(runtime, context.settings.clusterName);
  const found = await actAs(context, request, { action: 'ec2:DescribeVolumes', resource: '*' }, (aws, caller) =>
    aws.ec2.describeVolumes(caller, { tags: runtimeTags(owner) }),
  );
  if (!found.ok) return found;
  const mine = found.value.filter(({ instanceId }) => instanceId === node.status?.instanceId);
  const volume = mine.find(({ deviceName }) => deviceName === node.spec.volume?.deviceName) ?? mine[0];
  if (volume === undefined) return ok(undefined);
  // A volume is tagged by its launch template or by the fleet; one that names a node must name this one.
  const expected = 'elasticruntime.dev/node-uid' in volume.tags ? nodeTags(owner, node.metadata.uid) : runtimeTags(owner);
  if (tagMismatch(expected, volume.tags) !== undefined) return ok(undefined);
  const modifications = await actAs(
    context,
    request,
    { action: 'ec2:DescribeVolumesModifications', resource: '*' },
    async (aws, caller) => {
      const answer = await aws.ec2.describeVolumesModifications(caller, { volumeIds: [volume.volumeId] });
      // What EC2 says of a volume that was never modified.
      return !answer.ok && answer.error.kind === 'NotFound' ? ok([]) : answer;
    },
  );
  if (!modifications.ok) return modifications;
  const latest = [...modifications.value].sort((a, b) => b.startTime - a.startTime)[0];
  return ok({ volume, modification: latest });
}

function merge(
  history: NonNullable<NodeVolume['modifications']>,
  latest: VolumeModification | undefined,
): NonNullable<NodeVolume['modifications']> {
  if (latest === undefined) return history;
  const entry = {
    time: formatTime(latest.startTime),
    fromGiB: latest.originalGiB,
    toGiB: latest.targetGiB,
    modificationState: latest.state,
  };
  return [...history.filter(({ toGiB }) => toGiB !== latest.targetGiB), entry].slice(-64);
}

function record(applier: Applier, node: Stored<ElasticNode>, volume: NodeVolume) {
  const others = (node.status?.volumes ?? []).filter(({ volumeId }) => volumeId !== volume.volumeId);
  const desired: ElasticNode = {
    apiVersion: node.apiVersion,
    kind: node.kind,
    metadata: { name: node.metadata.name, uid: node.metadata.uid },
    status: { volumes: [...others, volume] },
  } as unknown as ElasticNode;
  return applier.apply({ type: elasticNodes, desired, current: node, subresource: 'status' });
}
