import type { UnavailableOffering } from '../../core/packing/problem.ts';
import type { Clock } from '../../ports/clock.ts';

/**
 * What EC2 had none of lately. A type x zone x capacity type that fails again while remembered is remembered for longer, up to `longestMs`;
 * where several types fail in one zone and capacity type, the whole zone is left alone for a while.
 */
export type CapacityMemory = {
  failed(offering: { readonly instanceType: string; readonly zone: string; readonly capacityType: 'on-demand' | 'spot' }): void;
  unavailable(): readonly UnavailableOffering[];
  /** Milliseconds until the next entry ends; undefined where there is none. */
  nextExpiryMs(): number | undefined;
};

const firstMs = 3 * 60_000;
const longestMs = 30 * 60_000;
/** So many types in one zone at the same time: it is the zone. */
const zoneThreshold = 8;

type Entry = { until: number; lastMs: number; readonly offering: UnavailableOffering };

export function createCapacityMemory(clock: Clock): CapacityMemory {
  const entries = new Map<string, Entry>();

  function remember(key: string, offering: UnavailableOffering): void {
    const now = clock.monotonic();
    const old = entries.get(key);
    const lastMs = old === undefined ? firstMs : Math.min(longestMs, now < old.until + old.lastMs ? old.lastMs * 2 : firstMs);
    entries.set(key, { until: now + lastMs, lastMs, offering });
  }

  function current(): readonly Entry[] {
    const now = clock.monotonic();
    // Ended entries are kept for one more term: they tell a repeated failure from a first one.
    for (const [key, entry] of entries) if (entry.until + entry.lastMs < now) entries.delete(key);
    return [...entries.values()].filter((entry) => entry.until > now);
  }

  return {
    failed({ instanceType, zone, capacityType }) {
      remember(`${instanceType} ${zone} ${capacityType}`, { instanceType, zone, capacityType });
      const inZone = current().filter(
        (entry) =>
          entry.offering.instanceType !== undefined && entry.offering.zone === zone && entry.offering.capacityType === capacityType,
      );
      if (inZone.length >= zoneThreshold) remember(`* ${zone} ${capacityType}`, { zone, capacityType });
    },
    unavailable: () => current().map(({ offering }) => offering),
    nextExpiryMs() {
      const ends = current().map((entry) => entry.until);
      return ends.length === 0 ? undefined : Math.max(0, Math.min(...ends) - clock.monotonic());
    },
  };
}
