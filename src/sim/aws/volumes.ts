import type { Tags, VolumeFact, VolumeModification } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { withTags } from './ec2.ts';
import { type Failure, failure, invalid } from './failures.ts';
import type { AccountState, Modification, VolumeState } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

const dayMs = 24 * 60 * 60_000;
/** https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html */
const modificationsPerDay = 4;
const largestGiB: Readonly<Record<string, number>> = { gp3: 65_536, io2: 65_536 };

export function describeVolumes(
  { state, caller, region }: At,
  filter: { readonly tags: Tags } | { readonly volumeIds: readonly string[] },
): Result<readonly VolumeFact[], Failure> {
  const refused = authorize(state, caller, 'ec2.describeVolumes', filter, region);
  if (refused !== undefined) return err(refused);
  const now = state.world.now();
  if ('tags' in filter) {
    const existing = [...state.volumes.values()].filter((volume) => now < volume.deletedAt);
    return ok(withTags(existing, filter.tags, now).map((volume) => shown(volume, now)));
  }
  const found: VolumeFact[] = [];
  for (const id of filter.volumeIds) {
    const volume = state.volumes.get(id);
    if (volume === undefined || now >= volume.deletedAt || volume.visibleAt > now) return err(noVolume(id));
    found.push(shown(volume, now));
  }
  return ok(found);
}

/** The checks of EC2, in its order: the volume, its state, the size, the budget. */
export function modifyVolume(
  { state, caller, region }: At,
  request: { readonly volumeId: string; readonly sizeGiB: number },
): Result<VolumeModification, Failure> {
  const now = state.world.now();
  const volume = state.volumes.get(request.volumeId);
  if (volume === undefined || now >= volume.deletedAt) return err(noVolume(request.volumeId));
  const refused = authorize(state, caller, 'ec2.modifyVolume', request, region);
  if (refused !== undefined) return err(refused);
  const size = sizeOf(volume, now);
  const last = volume.modifications.at(-1);
  if (last !== undefined && now < last.completedAt) {
    const message = `Volume ${volume.volumeId} is currently in modification state '${modificationState(last, now).toUpperCase()}'. Please wait until it is completed.`;
    return err(failure('Throttled', 'IncorrectModificationState', message));
  }
  if (!Number.isInteger(request.sizeGiB) || request.sizeGiB > (largestGiB[volume.type] ?? 16_384)) {
    return err(
      invalid(
        'InvalidParameterValue',
        `Volume of ${request.sizeGiB}GiB is not valid; expected at most ${largestGiB[volume.type] ?? 16_384}GiB.`,
      ),
    );
  }
  if (request.sizeGiB < size) return err(invalid('InvalidParameterValue', 'New size cannot be smaller than existing size'));
  const recent = volume.modifications.filter((modification) => now - modification.startedAt < dayMs);
  if (recent.length >= modificationsPerDay) {
    const hours = Math.ceil((dayMs - (now - (recent[0]?.startedAt ?? now))) / 3_600_000);
    const message = `You've reached the maximum modification rate per volume limit. Wait at least ${hours} hours before modifying volume ${volume.volumeId} again.`;
    return err(failure('Throttled', 'VolumeModificationRateExceeded', message));
  }
  const optimizingAt = now + between(state.random, 2000, 20_000);
  const modification: Modification = {
    startedAt: now,
    originalGiB: size,
    targetGiB: request.sizeGiB,
    optimizingAt,
    // Optimizing a full TiB takes about six hours; at least some minutes.
    completedAt: optimizingAt + Math.ceil(Math.max(2 * 60_000, (request.sizeGiB / 1024) * 6 * 3_600_000 * state.random.next())),
  };
  volume.modifications.push(modification);
  return ok(shownModification(volume.volumeId, modification, now));
}

/** The latest of each volume; a volume that was never modified is an error when it is asked for by id. */
export function describeVolumesModifications(
  { state, caller, region }: At,
  filter: { readonly volumeIds: readonly string[] },
): Result<readonly VolumeModification[], Failure> {
  const refused = authorize(state, caller, 'ec2.describeVolumesModifications', filter, region);
  if (refused !== undefined) return err(refused);
  const now = state.world.now();
  const found: VolumeModification[] = [];
  for (const id of filter.volumeIds) {
    const volume = state.volumes.get(id);
    if (volume === undefined || now >= volume.deletedAt) return err(noVolume(id));
    const last = volume.modifications.at(-1);
    if (last === undefined)
      return err(failure('NotFound', 'InvalidVolumeModification.NotFound', `Modification for volume '${id}' does not exist.`));
    found.push(shownModification(id, last, now));
  }
  return ok(found);
}

export function deleteVolume({ state, caller, region }: At, request: { readonly volumeId: string }): Result<void, Failure> {
  const now = state.world.now();
  const volume = state.volumes.get(request.volumeId);
  if (volume === undefined || now >= volume.deletedAt) return err(noVolume(request.volumeId));
  const refused = authorize(state, caller, 'ec2.deleteVolume', request, region);
  if (refused !== undefined) return err(refused);
  if (volume.instanceId !== undefined) {
    return err(invalid('VolumeInUse', `Volume ${volume.volumeId} is currently attached to ${volume.instanceId}`));
  }
  volume.deletedAt = now;
  return ok(undefined);
}

/** What the machine's block device has. */
export function sizeOf(volume: VolumeState, now: number): number {
  let size = volume.initialGiB;
  for (const modification of volume.modifications) if (now >= modification.optimizingAt) size = modification.targetGiB;
  return size;
}

function modificationState({ optimizingAt, completedAt }: Modification, now: number): VolumeModification['state'] {
  if (now >= completedAt) return 'completed';
  return now >= optimizingAt ? 'optimizing' : 'modifying';
}

function shownModification(volumeId: string, modification: Modification, now: number): VolumeModification {
  const { startedAt, originalGiB, targetGiB, optimizingAt, completedAt } = modification;
  const share = (now - optimizingAt) / (completedAt - optimizingAt);
  return {
    volumeId,
    state: modificationState(modification, now),
    originalGiB,
    targetGiB,
    startTime: startedAt,
    progressPercent: Math.min(100, Math.max(0, Math.floor(share * 100))),
  };
}

function shown(volume: VolumeState, now: number): VolumeFact {
  const { volumeId, type, instanceId, deviceName, tags } = volume;
  return {
    volumeId,
    sizeGiB: sizeOf(volume, now),
    type,
    state: instanceId === undefined ? 'available' : 'in-use',
    tags,
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(deviceName === undefined ? {} : { deviceName }),
  };
}

function noVolume(id: string): Failure {
  return failure('NotFound', 'InvalidVolume.NotFound', `The volume '${id}' does not exist.`);
}
