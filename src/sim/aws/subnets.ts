import type { Tags } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };
type Shown = { readonly subnetId: string; readonly zone: string; readonly freeAddresses: number };

export function describeSubnets(
  { state, caller, region }: At,
  filter: { readonly subnetIds: readonly string[] } | { readonly tags: Tags },
): Result<readonly Shown[], Failure> {
  const refused = authorize(state, caller, 'ec2.describeSubnets', filter, region);
  if (refused !== undefined) return err(refused);
  if ('tags' in filter) {
    const wanted = Object.entries(filter.tags);
    return ok([...state.subnets.values()].filter((subnet) => wanted.every(([key, value]) => subnet.tags[key] === value)).map(shown));
  }
  const found: Shown[] = [];
  for (const id of filter.subnetIds) {
    const subnet = state.subnets.get(id);
    if (subnet === undefined) return err(failure('NotFound', 'InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`));
    found.push(shown(subnet));
  }
  return ok(found);
}

function shown(subnet: { readonly id: string; readonly zone: string; readonly freeAddresses: number; readonly used: number }): Shown {
  return { subnetId: subnet.id, zone: subnet.zone, freeAddresses: subnet.freeAddresses - subnet.used };
}
