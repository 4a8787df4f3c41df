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
  suspend: false,
} as const;

/** What `defaults` of a class may say: every field of a runtime but the name of the class. */
export const classDefaultFields = [
  'organization',
  'region',
  'identities',
  'staging',
  'logs',
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
  'accessRevokedBefore',
  'suspend',
] as const;

/** What the author or the class must say, below `spec`: nobody else can. The CRD requires it (but the network) where no class is named. */
export const requiredFields = [
  'organization',
  'region',
  'identities.agent.roleArn',
  'identities.operator.roleArn',
  'staging.uri',
  'staging.kmsKeyArn',
  'logs.uri',
  'logs.kmsKeyArn',
  'network',
  'workers.max',
] as const;

/** Fields that a runtime keeps for its life, whoever gave them: with another one it would lose what it has in AWS. */
export const immutableFields = ['organization', 'region', 'staging', 'logs'] as const;

/** Whether the object has a value at a path such as `staging.uri`. */
export function hasPath(object: object, path: string): boolean {
  let value: unknown = object;
  for (const name of path.split('.')) value = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  return value !== undefined;
}
