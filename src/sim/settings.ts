import type { OperatorSettings } from '../controllers/context.ts';
import { readCatalog } from '../core/packing/catalog.ts';
import { kubeletReserve } from '../core/packing/reserve.ts';
import { simulatedCatalog } from './aws/index.ts';

export const simulatedCluster = 'simulation';

/** The operator's settings in the simulator: production's, with a catalog of the simulated region. */
export function simulatedSettings(nodeAgents: boolean): OperatorSettings {
  const cache = new Map<string, ReturnType<OperatorSettings['catalog']>>();
  return {
    clusterName: simulatedCluster,
    operatorImage: 'elastic-runtime-operator:simulated',
    kubernetesVersion: '1.35',
    join: { endpoint: 'https://kubernetes.simulation', certificateAuthority: 'c2ltdWxhdGlvbg==', serviceCidr: '10.100.0.0/16' },
    registrationTimeoutMs: 10 * 60_000,
    nodeNames: 'Ec2',
    logFlushTimeoutMs: 120_000,
    garbagePeriodMs: 2 * 60_000,
    nodeAgents,
    catalog(region, zones) {
      const key = `${region} ${zones.join(',')}`;
      if (!cache.has(key)) {
        const read = readCatalog(
          { ...simulatedCatalog(region), region, zones: zones.length === 0 ? undefined : zones },
          { reserve: kubeletReserve },
        );
        cache.set(key, read.ok ? read.value : undefined);
      }
      return cache.get(key);
    },
  };
}
