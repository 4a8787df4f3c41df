import type { UnavailableOffering } from '../../core/packing/problem.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * What EC2 had none of lately, per account and region (`scope`): zone names are an account's own. A type x zone x capacity type that fails again while remembered is remembered for longer, up to `longestMs`;
 * where several types fail in one zone and capacity type, the whole zone is left alone for a while.
 */
export type CapacityMemory = {
  failed(
    scope: string,
    offering: { readonly instanceType: string; readonly zone: string; readonly capacityType: 'on-demand' | 'spot' },
  ): void;
  unavailable(scope: string): readonly UnavailableOffering[];
  /** Milliseconds until the next entry ends; undefined where there is none. */
  nextExpiryMs(scope: string): number | undefined;
};

const firstMs = 3 * 60_000;
const longestMs = 30 * 60_000;
/** So many types in one zone at the same time: it is the zone. */
const zoneThreshold = 8;

type Entry = { until: number; lastMs: number; readonly scope: string; readonly offering: UnavailableOffering };

export function createCapacityMemory(clock: Clock): CapacityMemory {
  const entries = new Map<string, Entry>();
  /** The same list for as long as it says the same: the planner knows it by its identity. */
  const told = new Map<string, readonly UnavailableOffering[]>();

  function remember(scope: string, name: string, offering: UnavailableOffering): void {
    const key = `${scope} ${name}`;
    const now = clock.monotonic();
    const old = entries.get(key);
    const lastMs = old === undefined ? firstMs : Math.min(longestMs, now < old.until + old.lastMs ? old.lastMs * 2 : firstMs);
    entries.set(key, { until: now + lastMs, lastMs, scope, offering });
  }

  function current(scope: string): readonly Entry[] {
    const now = clock.monotonic();
    // Ended entries are kept for one more term: they tell a repeated failure from a first one.
    for (const [key, entry] of entries) if (entry.until + entry.lastMs < now) entries.delete(key);
    return [...entries.values()].filter((entry) => entry.scope === scope && entry.until > now);
  }

  return {
    failed(scope, { instanceType, zone, capacityType }) {
      remember(scope, `${instanceType} ${zone} ${capacityType}`, { instanceType, zone, capacityType });
      const inZone = current(scope).filter(
        (entry) =>
          entry.offering.instanceType !== undefined && entry.offering.zone === zone && entry.offering.capacityType === capacityType,
      );
      if (inZone.length >= zoneThreshold) remember(scope, `* ${zone} ${capacityType}`, { zone, capacityType });
    },
    unavailable(scope) {
      const offerings = current(scope).map(({ offering }) => offering);
      const before = told.get(scope);
      if (before?.length === offerings.length && before.every((offering, index) => offering === offerings[index])) return before;
      told.set(scope, offerings);
      return offerings;
    },
    nextExpiryMs(scope) {
      const ends = current(scope).map((entry) => entry.until);
      return ends.length === 0 ? undefined : Math.max(0, Math.min(...ends) - clock.monotonic());
    },
  };
}

export function capacityScope(runtime: {
  readonly spec: { readonly region: string; readonly identities: { readonly operator: { readonly roleArn: string } } };
}): string {
  return `${runtime.spec.identities.operator.roleArn.split(':')[4]} ${runtime.spec.region}`;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: codes that another offering, or time, may cure. */
const capacityCodes: ReadonlySet<string> = new Set([
  'InsufficientInstanceCapacity',
  'InsufficientCapacity',
  'InsufficientHostCapacity',
  'InsufficientReservedInstanceCapacity',
  'InsufficientFreeAddressesInSubnet',
  'UnfulfillableCapacity',
  'SpotMaxPriceTooLow',
  'MaxSpotInstanceCountExceeded',
  'VcpuLimitExceeded',
  'InstanceLimitExceeded',
  'Unsupported',
]);

export function isCapacityCode(code: string): boolean {
  return capacityCodes.has(code);
}
