/**
 * The API's own defaults of a runtime. They are not in the schema of the CRD: what the API server had filled in could not be told from what the
 * author wrote, and a class could give no default of its own. A class comes before them, the author before both.
 */
const volumes = { type: 'gp3', initialGiB: 50, maxGiB: 1000, growAtPercent: 80 } as const;

export const builtinDefaults = {
  machineImage: { family: 'AL2023', version: 'latest' },
  masters: { min: 0, max: 4, volumes },
  workers: { min: 0, spotPercent: 0, volumes },
  idleTimeout: '10m',
  disruption: { consolidateAfter: '30s', expireAfter: '720h', terminationGracePeriod: '4h', budgets: [{ nodes: '10%' }] },
  orphanProtection: { terminateAfter: '1h' },
} as const;

/**
 * What `defaults` of a class may say: every field that a runtime may leave out and that may change while it lives. Organization, region, identities,
 * staging and logs are a runtime's own: a class that changes must not move anybody's data or roles.
 */
export const classDefaultFields = [
  'network',
  'machineImage',
  'initScript',
  'masters',
  'workers',
  'idleTimeout',
  'disruption',
  'orphanProtection',
  'tags',
  'allowedSecrets',
] as const;

export type ClassDefaultField = (typeof classDefaultFields)[number];
