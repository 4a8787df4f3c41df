import { organizationPrefix } from '../../access/locations.ts';
import type { RuntimeView } from './view.ts';

/** `<uri>/<organization>` of a staging or log location. */
export type OrganizationFolder = {
  readonly organization: string;
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  /** Keys that objects below it may be encrypted with: one, as a rule. */
  readonly keys: readonly string[];
};

/** Every organization's folders, each once, by bucket and key. */
export function organizationFolders(views: readonly RuntimeView[]): readonly OrganizationFolder[] {
  const folders = new Map<string, OrganizationFolder>();
  for (const { input } of views) {
    const { organization, region, staging, logs } = input.runtime.spec;
    for (const { uri, kmsKeyArn } of [staging, logs]) {
      const folder = organizationPrefix(uri, organization);
      if (!folder.ok) throw new Error(folder.reason);
      const { bucket, key } = folder.value;
      const known = folders.get(`${bucket}/${key}`);
      folders.set(`${bucket}/${key}`, {
        organization,
        region,
        bucket,
        key,
        keys: [...new Set([...(known?.keys ?? []), kmsKeyArn])].sort(),
      });
    }
  }
  return [...folders].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, folder]) => folder);
}
