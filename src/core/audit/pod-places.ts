/** Whether a pod's call was made where the plan lets it; what CloudTrail or the plan does not tell is said, and is no alarm. */
import { isAt, takes } from './place.ts';
import type { JobPlan, PlanRow } from './planned.ts';

/** Neither: as planned. */
export type Judgement = {
  readonly unplanned?: string;
  /** What cannot be told of the call. */
  readonly unjudged?: string;
};

/** Their data lies in S3 wherever they say; through Lake Formation too, whose locations are Glue's. */
const overS3 = /^arn:[a-z-]+:(glue|athena):/;
const ofS3 = /^(s3|kms):/;

type Places = { readonly elsewhere?: string; readonly unjudged?: string };

/** At each of the resources; `rows`: those of the plan that have such a call. */
export function judgePlaces(rows: readonly PlanRow[], action: string, resources: readonly string[], { rows: all }: JobPlan): Places {
  // An earlier version wrote it: nothing is known of any place.
  if (all.every(({ location }) => location === undefined)) return {};
  const each = (resources.length === 0 ? ['*'] : resources).map((resource) => ({ resource, ...atOne(rows, action, resource, all) }));
  const elsewhere = each.find(({ isElsewhere }) => isElsewhere);
  if (elsewhere !== undefined) return { elsewhere: elsewhere.resource };
  const unjudged = each.find(({ why }) => why !== undefined)?.why;
  return unjudged === undefined ? {} : { unjudged };
}

type AtOne = { readonly isElsewhere: boolean; readonly why?: string };

function atOne(rows: readonly PlanRow[], action: string, resource: string, all: readonly PlanRow[]): AtOne {
  const placed = rows.filter(({ location }) => location !== undefined);
  const there = placed.filter((row) => isAt(row, action, resource));
  // A whole bucket is the place; of a folder's objects no other is told than the bucket.
  if (action === 's3:DeleteObjects' && there.length > 0 && there.every(({ location }) => `${resource}/` !== location))
    return unknown('CloudTrail does not say which objects of the bucket');
  if (there.length > 0) return { isElsewhere: false };
  if (placed.some(({ location = '' }) => takes(location, action) && (resource === '*' || location.startsWith(`${resource}/`))))
    return unknown('CloudTrail does not say at what');
  if (isOfRuntimes(all, resource)) return { isElsewhere: true };
  const catalog = ofS3.test(action) ? placed.find(({ location = '' }) => overS3.test(location)) : undefined;
  if (catalog !== undefined) return unknown(`where the data of ${catalog.resource} lies, the plan does not know`);
  const own = rows.find(({ resource: kind, location }) => location === undefined && kind.startsWith('connection:'));
  return own === undefined ? { isElsewhere: true } : unknown(`where ${own.resource} is, its connector alone knows`);
}

function unknown(why: string): AtOne {
  return { isElsewhere: false, why };
}

/**
 * Below the prefix of staging and of logs (`<prefix>/<organization>/<namespace>/<runtime>/`) lies what runtimes keep there, and no table of a catalog. A list that
 * begins above it shows it, too.
 */
function isOfRuntimes(all: readonly PlanRow[], resource: string): boolean {
  const begin = resource.replace(/\*$/, '');
  return all.some(({ resource: kind, location }) => {
    if (location === undefined || (kind !== 'staging' && kind !== 'log')) return false;
    const prefix = /^(arn:[^/]+\/.*?)(?:[^/]+\/){3}$/.exec(location)?.[1] ?? location;
    return resource.startsWith(prefix) || prefix.startsWith(begin);
  });
}
