import { createHash } from 'node:crypto';
import type { ElasticNode } from '../../api/generated/types.ts';
import type { CreateFleetRequest, FleetOffering } from './fleet.ts';
import { nodeTags, type TagOwner } from './tags.ts';

/**
 * The CreateFleet request of an intent: a function of the immutable spec and the persisted attempt alone, so that a repeated call is the same
 * call (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html: a token used with other parameters is an error).
 * CreateFleet takes one capacity type per request, so the offerings are those of the first one's.
 */
export function launchRequest(
  node: ElasticNode & { readonly metadata: { readonly uid: string } },
  owner: TagOwner,
  extraTags: Readonly<Record<string, string>>,
): CreateFleetRequest {
  const { offerings, launchTemplate, attempt } = node.spec;
  const capacityType = offerings[0]?.capacityType === 'spot' ? 'spot' : 'on-demand';
  const usable = offerings.flatMap((offering): readonly FleetOffering[] =>
    offering.capacityType === capacityType && offering.subnetId !== undefined
      ? [{ instanceType: offering.instanceType, zone: offering.zone, subnetId: offering.subnetId, capacityType }]
      : [],
  );
  const content = {
    launchTemplate: { id: launchTemplate?.id ?? '', version: launchTemplate?.version ?? '1' },
    offerings: usable,
    tags: { ...extraTags, Name: node.metadata.name, ...nodeTags(owner, node.metadata.uid) },
  };
  const clientToken = createHash('sha256')
    .update(JSON.stringify([node.metadata.uid, attempt, content]))
    .digest('hex');
  // ClientToken: at most 64 ASCII characters.
  return { clientToken: clientToken.slice(0, 64), ...content };
}
