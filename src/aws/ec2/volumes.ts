import {
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  DescribeVolumesModificationsCommand,
  type EC2Client,
  ModifyVolumeCommand,
  type VolumeModification as SdkModification,
  type Volume,
} from '@aws-sdk/client-ec2';
import type { Ec2Port, VolumeFact, VolumeModification } from '../../ports/aws/index.ts';
import { err, ok } from '../../ports/result.ts';
import { actorOf, type Send } from '../send.ts';
import { allPages } from './pages.ts';
import { fromTagList, tagFilters } from './tags.ts';

type Volumes = Pick<Ec2Port, 'describeVolumes' | 'modifyVolume' | 'describeVolumesModifications' | 'deleteVolume'>;

export function createVolumes(parts: { readonly client: EC2Client; readonly send: Send }): Volumes {
  const { client, send } = parts;
  return {
    describeVolumes: (caller, filter) =>
      allPages(
        (nextToken) => {
          const select = 'tags' in filter ? { Filters: tagFilters(filter.tags), MaxResults: 500 } : { VolumeIds: [...filter.volumeIds] };
          const input = { ...select, ...nextToken };
          return send({ method: 'ec2.describeVolumes', request: filter, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new DescribeVolumesCommand(input), { abortSignal }),
          );
        },
        (page) => (page.Volumes ?? []).map(toVolume),
      ),

    async modifyVolume(caller, request) {
      const input = { VolumeId: request.volumeId, Size: request.sizeGiB };
      const answer = await send({ method: 'ec2.modifyVolume', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new ModifyVolumeCommand(input), { abortSignal }),
      );
      if (!answer.ok) {
        return answer;
      }
      return answer.value.VolumeModification
        ? ok(toModification(answer.value.VolumeModification))
        : err({ kind: 'Other', code: 'IncompleteAnswer', message: 'EC2 answered without a modification' });
    },

    describeVolumesModifications: (caller, filter) =>
      allPages(
        (nextToken) => {
          const input = { VolumeIds: [...filter.volumeIds], ...nextToken };
          return send({ method: 'ec2.describeVolumesModifications', request: filter, actor: actorOf(caller) }, (abortSignal) =>
            client.send(new DescribeVolumesModificationsCommand(input), { abortSignal }),
          );
        },
        (page) => (page.VolumesModifications ?? []).map(toModification),
      ),

    async deleteVolume(caller, request) {
      const input = { VolumeId: request.volumeId };
      const answer = await send({ method: 'ec2.deleteVolume', request, actor: actorOf(caller) }, (abortSignal) =>
        client.send(new DeleteVolumeCommand(input), { abortSignal }),
      );
      return answer.ok ? ok(undefined) : answer;
    },
  };
}

function toVolume(volume: Volume): VolumeFact {
  const attachment = volume.Attachments?.[0];
  return {
    volumeId: volume.VolumeId ?? '',
    sizeGiB: volume.Size ?? 0,
    type: volume.VolumeType ?? '',
    state: volume.State ?? '',
    ...(attachment?.InstanceId && { instanceId: attachment.InstanceId }),
    ...(attachment?.Device && { deviceName: attachment.Device }),
    tags: fromTagList(volume.Tags),
  };
}

function toModification(modification: SdkModification): VolumeModification {
  return {
    volumeId: modification.VolumeId ?? '',
    state: modification.ModificationState ?? 'modifying',
    originalGiB: modification.OriginalSize ?? 0,
    targetGiB: modification.TargetSize ?? 0,
    startTime: modification.StartTime?.getTime() ?? 0,
    progressPercent: modification.Progress ?? 0,
  };
}
