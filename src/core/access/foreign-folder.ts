import type { AccessRuntime } from './input.ts';
import { atOrBelow, organizationPrefix, parseS3Uri, type S3Location, within } from './locations.ts';

/**
 * Where a place of somebody's choice touches the runtime's staging or log location outside its own organization's folder: what other organizations keep
 * beside it, or a folder that holds all of them. Undefined where it does not.
 */
export function foreignFolder(
  { spec }: { readonly spec: Pick<AccessRuntime['spec'], 'organization' | 'staging' | 'logs'> },
  place: S3Location,
): 'staging' | 'logs' | undefined {
  return (['staging', 'logs'] as const).find((field) => {
    const uri = spec[field]?.uri;
    if (uri === undefined) return false;
    const root = parseS3Uri(uri);
    const own = organizationPrefix(uri, spec.organization);
    if (!root.ok || !own.ok || root.value.bucket !== place.bucket) return false;
    const touches = atOrBelow(root.value, place) || within(place, root.value);
    return touches && !atOrBelow(own.value, place);
  });
}
