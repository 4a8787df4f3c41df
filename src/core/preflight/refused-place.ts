import type { RefusedPlace } from './missing.ts';
import type { Probe } from './probes.ts';

/** Where a probe was, for the statement that it lacked. Who only takes probes away needs to delete nothing else. */
export function placeOfProbe(probe: Probe): RefusedPlace {
  if (probe.kind !== 'objects') return {};
  const { folder, within, actions, kmsKeyArn, expectedBucketOwner } = probe;
  const objects = actions.every((action) => action === 'delete') ? ['.elastic-*', '*/.elastic-*'] : undefined;
  return { folder: within ?? folder, actions, objects, kmsKeyArn, expectedBucketOwner };
}
