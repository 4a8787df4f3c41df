/** When and how far a volume grows. Thin for now: a threshold, no forecast. */
export type VolumeState = {
  readonly sizeGiB: number;
  /** 0..100, of the file system on it. */
  readonly usedPercent: number;
  readonly growAtPercent: number;
  readonly maxGiB: number;
  /** Start times of its modifications, milliseconds since the epoch. */
  readonly modifiedAt: readonly number[];
  /** The last one is not completed yet: EC2 takes no other until then. */
  readonly modifying: boolean;
  readonly now: number;
};

export type GrowthVerdict =
  | { readonly growToGiB: number; readonly reason: string }
  | { readonly keep: string; readonly lookAgainMs?: number };

/** https://docs.aws.amazon.com/ebs/latest/userguide/modify-volume-requirements.html: at most four modifications in a rolling 24 hours. */
const modificationsPerDay = 4;
const dayMs = 24 * 3_600_000;
/** After a step the use is well below the threshold, so that four steps a day go a long way. */
const growthFactor = 1.5;

export function planGrowth(volume: VolumeState): GrowthVerdict {
  if (volume.usedPercent < volume.growAtPercent) return { keep: `${volume.usedPercent} % used, less than ${volume.growAtPercent} %` };
  if (volume.sizeGiB >= volume.maxGiB) return { keep: `at its maximum of ${volume.maxGiB} GiB` };
  if (volume.modifying) return { keep: 'the last modification is not completed yet', lookAgainMs: 60_000 };
  const recent = volume.modifiedAt.filter((at) => at > volume.now - dayMs);
  if (recent.length >= modificationsPerDay) {
    const frees = Math.min(...recent) + dayMs - volume.now;
    return { keep: `${modificationsPerDay} modifications in 24 h are spent`, lookAgainMs: Math.max(frees, 1000) };
  }
  const growToGiB = Math.min(volume.maxGiB, Math.max(volume.sizeGiB + 1, Math.ceil(volume.sizeGiB * growthFactor)));
  return { growToGiB, reason: `${volume.usedPercent} % of ${volume.sizeGiB} GiB used` };
}
