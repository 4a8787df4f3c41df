import { tags } from '../../api/labels.ts';

export type TagOwner = {
  readonly cluster: string;
  readonly organization: string;
  readonly namespace: string;
  readonly runtime: string;
  readonly runtimeUid: string;
};

/** Tags of everything that a runtime has in AWS. The first four are what generated IAM conditions compare; the UID tells a runtime from an earlier one of its name. */
export function runtimeTags(owner: TagOwner): Readonly<Record<string, string>> {
  return {
    [tags.cluster]: owner.cluster,
    [tags.organization]: owner.organization,
    [tags.namespace]: owner.namespace,
    [tags.runtime]: owner.runtime,
    [tags.runtimeUid]: owner.runtimeUid,
  };
}

export function nodeTags(owner: TagOwner, nodeUid: string): Readonly<Record<string, string>> {
  return { ...runtimeTags(owner), [tags.nodeUid]: nodeUid };
}

/** The guard before anything is stopped, terminated, modified or deleted: every tag that must be there, and what stands instead. */
export function tagMismatch(expected: Readonly<Record<string, string>>, actual: Readonly<Record<string, string>>): string | undefined {
  for (const [key, value] of Object.entries(expected)) {
    if (actual[key] !== value)
      return `tag ${key} is ${actual[key] === undefined ? 'missing' : JSON.stringify(actual[key])}, not ${JSON.stringify(value)}`;
  }
  return undefined;
}
