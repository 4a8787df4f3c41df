import { labels as labelNames } from '../../api/labels.ts';
import type { FleetOffering } from '../nodes/fleet.ts';
import type { ResolvedPool } from '../nodes/pools.ts';
import type { Catalog } from '../packing/catalog.ts';
import { CAPACITY_TYPE, ZONE } from '../packing/filters.ts';
import type { PackingPool } from '../packing/problem.ts';
import { allows, valueSets } from '../packing/requirements.ts';

/** The cheapest offering that a pool's own requirements allow in one of the subnets: what a launch is tried with. undefined: the catalog has none. */
export function firstOffering(
  pool: ResolvedPool,
  catalog: Catalog,
  subnets: readonly { readonly subnetId: string; readonly zone: string }[],
): FleetOffering | undefined {
  const sets = valueSets(pool.requirements as PackingPool['requirements'] & object);
  const labels = new Map(catalog.types.map((type) => [type.name, type.labels]));
  const wanted = pool.spotPercent === 100 ? 'spot' : 'on-demand';
  const fits = catalog.offerings.filter(({ instanceType, zone, capacityType }) => {
    if (capacityType !== wanted || !subnets.some((subnet) => subnet.zone === zone)) return false;
    const own = { ...labels.get(instanceType), [ZONE]: zone, [CAPACITY_TYPE]: capacityType } as Readonly<
      Record<string, string | undefined>
    >;
    return own[labelNames.arch] === pool.architecture && [...sets].every(([key, set]) => allows(set, own[key]));
  });
  const [cheapest] = fits.toSorted((one, other) => one.usdPerHour - other.usdPerHour);
  const subnetId = subnets.find(({ zone }) => zone === cheapest?.zone)?.subnetId;
  if (cheapest === undefined || subnetId === undefined) return undefined;
  const { instanceType, zone } = cheapest;
  return { instanceType, zone, subnetId, capacityType: wanted };
}
