/**
 * How much of its room a session's policy and tags take, in percent of what an account allows. How STS packs them is its own affair
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_know); here their characters count. The default is so wide that
 * nothing which fits the plain limits is refused: histories that are to meet the limit set a narrower one.
 */
export const packedCharacters = 16_384;

export function packedPercent(
  policy: string | undefined,
  tags: Readonly<Record<string, string>> | undefined,
  limit = packedCharacters,
): number {
  const inTags = Object.entries(tags ?? {}).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return Math.ceil((((policy?.length ?? 0) + inTags) * 100) / limit);
}

/** The words of STS: https://repost.aws/knowledge-center/iam-role-aws-sts-error */
export function packedTooLarge(percent: number): string {
  return `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`;
}
