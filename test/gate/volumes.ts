import { DescribeVolumesCommand, ModifyVolumeCommand } from '@aws-sdk/client-ec2';
import { type Refusal, xml } from './answers.ts';
import type { Backend } from './backend.ts';
import type { WireAnswer } from './http.ts';
import { listAt, type Tree, textAt } from './query.ts';

/** https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html */
const MODIFICATIONS_PER_DAY = 4;
const DAY_MS = 24 * 3600_000;

type Modification = { readonly volumeId: string; readonly from: number; readonly to: number; readonly start: number; applied: boolean };

export type VolumePace = {
  /** Until the new size is there: state `modifying`. */
  readonly modifyingMs: number;
  /** Until another modification is allowed: state `optimizing` after `modifying`. */
  readonly optimizingMs: number;
};

export type Volumes = {
  modify(parameters: Tree, now: number): Promise<WireAnswer | Refusal>;
  describeModifications(parameters: Tree, now: number): Promise<WireAnswer | Refusal>;
  /** Carries out in the emulator, which grows at once, what has come far enough by now. To be called before volumes are looked at. */
  settle(now: number): Promise<void>;
  setPace(pace: VolumePace): void;
};

export function createVolumes(backend: Backend): Volumes {
  const modifications: Modification[] = [];
  let pace: VolumePace = { modifyingMs: 200, optimizingMs: 2_000 };

  function stateOf(modification: Modification, now: number): 'modifying' | 'optimizing' | 'completed' {
    const age = now - modification.start;
    return age < pace.modifyingMs ? 'modifying' : age < pace.modifyingMs + pace.optimizingMs ? 'optimizing' : 'completed';
  }

  async function settle(now: number): Promise<void> {
    for (const modification of modifications) {
      if (modification.applied || stateOf(modification, now) === 'modifying') continue;
      modification.applied = true;
      await backend.ec2.send(new ModifyVolumeCommand({ VolumeId: modification.volumeId, Size: modification.to })).catch(() => undefined);
    }
  }

  function toXml(modification: Modification, now: number): string {
    const state = stateOf(modification, now);
    const share = (now - modification.start) / Math.max(1, pace.modifyingMs + pace.optimizingMs);
    const progress = state === 'completed' ? 100 : Math.min(99, Math.floor(share * 100));
    return `<volumeId>${modification.volumeId}</volumeId><modificationState>${state}</modificationState><originalSize>${modification.from}</originalSize><targetSize>${modification.to}</targetSize><progress>${progress}</progress><startTime>${new Date(modification.start).toISOString()}</startTime>`;
  }

  return {
    settle,
    setPace: (next) => void (pace = next),

    async modify(parameters, now) {
      await settle(now);
      const volumeId = textAt(parameters, 'VolumeId') ?? '';
      const to = Number(textAt(parameters, 'Size'));
      const found = await backend.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] })).catch(() => undefined);
      const from = found?.Volumes?.[0]?.Size;
      if (from === undefined) return refusal('InvalidVolume.NotFound', `The volume '${volumeId}' does not exist.`);
      const ofVolume = modifications.filter((modification) => modification.volumeId === volumeId);
      const unfinished = ofVolume.find((modification) => stateOf(modification, now) !== 'completed');
      if (unfinished) {
        return refusal(
          'IncorrectModificationState',
          `Volume ${volumeId} is not in a modifiable state: its modification is ${stateOf(unfinished, now).toUpperCase()}`,
        );
      }
      if (ofVolume.filter(({ start }) => now - start < DAY_MS).length >= MODIFICATIONS_PER_DAY) {
        return refusal('VolumeModificationRateExceeded', `You've reached the maximum modification rate per volume limit for ${volumeId}.`);
      }
      if (!(to > from)) return refusal('InvalidParameterValue', `New size (${to} GiB) must be larger than the existing one (${from} GiB)`);
      const modification = { volumeId, from, to, start: now, applied: false };
      modifications.push(modification);
      return xml(
        `<ModifyVolumeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><volumeModification>${toXml(modification, now)}</volumeModification></ModifyVolumeResponse>`,
      );
    },

    async describeModifications(parameters, now) {
      await settle(now);
      const ids = listAt(parameters, 'VolumeId');
      // EC2 shows the latest of each volume, and knows no volume that was never modified.
      const latest = new Map(modifications.map((modification) => [modification.volumeId, modification]));
      const unknown = ids.find((id) => typeof id === 'string' && !latest.has(id));
      if (typeof unknown === 'string')
        return refusal('InvalidVolumeModification.NotFound', `Modification for volume '${unknown}' does not exist.`);
      const items = [...latest.values()]
        .filter(({ volumeId }) => ids.length === 0 || ids.includes(volumeId))
        .map((modification) => `<item>${toXml(modification, now)}</item>`);
      return xml(
        `<DescribeVolumesModificationsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><volumeModificationSet>${items.join('')}</volumeModificationSet></DescribeVolumesModificationsResponse>`,
      );
    },
  };
}

function refusal(code: string, message: string): Refusal {
  return { status: 400, code, message };
}
