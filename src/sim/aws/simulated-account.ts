import { type PolicyDocument, type PolicyUse, parsePolicy } from '../../core/policy/document.ts';
import { parseDurationMs } from '../../core/quantity/duration.ts';
import { malformed, type Parsed, parsed, quoted } from '../../core/quantity/outcome.ts';
import type {
  BucketSpec,
  CapacitySpec,
  InterruptionSpec,
  KeySpec,
  NamedDocument,
  ParameterSpec,
  Quotas,
  ResourceSpec,
  RoleSpec,
  SecretSpec,
  SubnetSpec,
  UserSpec,
} from './spec.ts';

/**
 * What a document of kind SimulatedAccount says about the AWS account of a simulation. Every list may be left out; an entry replaces what was made to fit
 * the manifests under the same ARN, name or id, and `absent: true` takes that away.
 *
 *     apiVersion: simulation.elasticruntime.dev/v1alpha1
 *     kind: SimulatedAccount
 *     metadata: { name: account }
 *     spec:
 *       accountId: "111122223333"
 *       region: us-east-1
 *       roles:                       # trust and permissions: IAM documents, as YAML or JSON text; permissions: one or a list
 *         - { arn, trust, permissions, permissionsBoundary, tags: {}, maxSessionSeconds: 3600 }
 *         - { arn, absent: true }
 *       users: [{ arn, accessKeyId, secretAccessKey, permissions }]
 *       buckets: [{ name, region, owner, kmsKeyArn, policy, objects: [{ key, body }] }]
 *       keys: [{ arn, enabled: true, policy }]
 *       subnets: [{ id, zone, freeAddresses: 4000, tags: {} }]
 *       parameters: [{ name, value, kmsKeyArn, plain: false }]   # plain: of type String, not SecureString
 *       secrets: [{ arn, name, value, kmsKeyArn, versions: { AWSPREVIOUS: … } }]
 *       resources: [{ arn, policy }]                             # tables, streams, queues, … that connections name by their ARN
 *       quotas: { onDemandVcpus: 5000, spotVcpus: 5000, packedSessionCharacters: 16384 }
 *       capacity: [{ instanceType, zone, capacityType, instances }]      # at most so many at once; without a type, zone or capacityType: over all of them
 *       interruptions: [{ at: 10m, instanceType, zone, count }]          # spot instances that AWS takes back so long after the start
 */
export type SimulatedAccount = {
  readonly accountId?: string;
  readonly region?: string;
  readonly roles: readonly (RoleSpec | Absent<'arn'>)[];
  readonly users: readonly (UserSpec | Absent<'arn'>)[];
  readonly buckets: readonly (Partial<BucketSpec> & { readonly name: string; readonly absent?: true })[];
  readonly keys: readonly (KeySpec | Absent<'arn'>)[];
  readonly subnets: readonly (SubnetSpec | Absent<'id'>)[];
  readonly parameters: readonly (ParameterSpec | Absent<'name'>)[];
  readonly secrets: readonly (SecretSpec | Absent<'arn'>)[];
  readonly resources: readonly (ResourceSpec | Absent<'arn'>)[];
  readonly quotas?: Partial<Quotas>;
  readonly capacity: readonly CapacitySpec[];
  readonly interruptions: readonly InterruptionSpec[];
};

export type Absent<K extends string> = { readonly [key in K]: string } & { readonly absent: true };

/** Carries the reason out of the nested readers; caught in parseSimulatedAccount alone. */
class Malformed extends Error {}

export function parseSimulatedAccount(document: unknown): Parsed<SimulatedAccount> {
  try {
    return parsed(readAccount(document));
  } catch (error) {
    if (error instanceof Malformed) return malformed(error.message);
    throw error;
  }
}

function readAccount(document: unknown): SimulatedAccount {
  const outer = record(document, 'SimulatedAccount');
  if (outer['kind'] !== 'SimulatedAccount') throw new Malformed(`kind must be SimulatedAccount, not ${quoted(outer['kind'])}`);
  only(outer, ['apiVersion', 'kind', 'metadata', 'spec'], '');
  const spec = record(outer['spec'] ?? {}, 'spec');
  only(
    spec,
    [
      'accountId',
      'region',
      'roles',
      'users',
      'buckets',
      'keys',
      'subnets',
      'parameters',
      'secrets',
      'resources',
      'quotas',
      'capacity',
      'interruptions',
    ],
    'spec',
  );
  const accountId = optionalText(spec['accountId'], 'spec.accountId', /^\d{12}$/, 'an account of 12 digits');
  const region = optionalText(spec['region'], 'spec.region');
  const quotas = spec['quotas'] === undefined ? undefined : readQuotas(record(spec['quotas'], 'spec.quotas'));
  return {
    ...(accountId === undefined ? {} : { accountId }),
    ...(region === undefined ? {} : { region }),
    roles: list(spec, 'roles', (item, at) => absent(item, 'arn', at) ?? readRole(item, at)),
    users: list(spec, 'users', (item, at) => absent(item, 'arn', at) ?? readUser(item, at)),
    buckets: list(spec, 'buckets', readBucket),
    keys: list(spec, 'keys', (item, at) => absent(item, 'arn', at) ?? readKey(item, at)),
    subnets: list(spec, 'subnets', (item, at) => absent(item, 'id', at) ?? readSubnet(item, at)),
    parameters: list(spec, 'parameters', (item, at) => absent(item, 'name', at) ?? readParameter(item, at)),
    secrets: list(spec, 'secrets', (item, at) => absent(item, 'arn', at) ?? readSecret(item, at)),
    resources: list(spec, 'resources', (item, at) => absent(item, 'arn', at) ?? readResource(item, at)),
    ...(quotas === undefined ? {} : { quotas }),
    capacity: list(spec, 'capacity', readCapacity),
    interruptions: list(spec, 'interruptions', readInterruption),
  };
}

type Fields = Readonly<Record<string, unknown>>;

const arnPattern = /^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:.+$/;

function readRole(item: Fields, at: string): RoleSpec {
  only(item, ['arn', 'trust', 'permissions', 'permissionsBoundary', 'tags', 'maxSessionSeconds'], at);
  const boundary = item['permissionsBoundary'];
  const seconds = optionalNumber(item['maxSessionSeconds'], `${at}.maxSessionSeconds`);
  return {
    arn: text(item['arn'], `${at}.arn`, arnPattern, 'an ARN'),
    trust: policy(item['trust'], 'trust', `${at}.trust`),
    policies: policies(item['permissions'] ?? [], `${at}.permissions`),
    ...(boundary === undefined ? {} : { permissionBoundary: policy(boundary, 'identity', `${at}.permissionsBoundary`) }),
    ...(item['tags'] === undefined ? {} : { tags: texts(item['tags'], `${at}.tags`) }),
    ...(seconds === undefined ? {} : { maxSessionSeconds: seconds }),
  };
}

function readUser(item: Fields, at: string): UserSpec {
  only(item, ['arn', 'accessKeyId', 'secretAccessKey', 'permissions'], at);
  return {
    arn: text(item['arn'], `${at}.arn`, arnPattern, 'an ARN'),
    accessKeyId: text(item['accessKeyId'], `${at}.accessKeyId`),
    secretAccessKey: text(item['secretAccessKey'], `${at}.secretAccessKey`),
    policies: policies(item['permissions'] ?? [], `${at}.permissions`),
  };
}

function readBucket(item: Fields, at: string): SimulatedAccount['buckets'][number] {
  const name = text(item['name'], `${at}.name`);
  if (item['absent'] === true) return { name, absent: true };
  only(item, ['name', 'region', 'owner', 'kmsKeyArn', 'policy', 'objects'], at);
  const region = optionalText(item['region'], `${at}.region`);
  const owner = optionalText(item['owner'], `${at}.owner`, /^\d{12}$/, 'an account of 12 digits');
  const kmsKeyArn = optionalText(item['kmsKeyArn'], `${at}.kmsKeyArn`, arnPattern, 'an ARN');
  const objects = list(
    item,
    'objects',
    (object, where) => ({ key: text(object['key'], `${where}.key`), body: text(object['body'], `${where}.body`, /^/) }),
    at,
  );
  return {
    name,
    objects,
    ...(region === undefined ? {} : { region }),
    ...(owner === undefined ? {} : { owner }),
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
    ...(item['policy'] === undefined ? {} : { policy: policy(item['policy'], 'resource', `${at}.policy`) }),
  };
}

function readKey(item: Fields, at: string): KeySpec {
  only(item, ['arn', 'enabled', 'policy'], at);
  if (item['enabled'] !== undefined && typeof item['enabled'] !== 'boolean') throw new Malformed(`${at}.enabled must be true or false`);
  return {
    arn: text(item['arn'], `${at}.arn`, arnPattern, 'an ARN'),
    enabled: item['enabled'] !== false,
    ...(item['policy'] === undefined ? {} : { policy: policy(item['policy'], 'resource', `${at}.policy`) }),
  };
}

function readSubnet(item: Fields, at: string): SubnetSpec {
  only(item, ['id', 'zone', 'freeAddresses', 'tags'], at);
  return {
    id: text(item['id'], `${at}.id`),
    zone: text(item['zone'], `${at}.zone`),
    freeAddresses: optionalNumber(item['freeAddresses'], `${at}.freeAddresses`) ?? 4000,
    tags: texts(item['tags'] ?? {}, `${at}.tags`),
  };
}

function readParameter(item: Fields, at: string): ParameterSpec {
  only(item, ['name', 'value', 'kmsKeyArn', 'plain'], at);
  const kmsKeyArn = optionalText(item['kmsKeyArn'], `${at}.kmsKeyArn`, arnPattern, 'an ARN');
  const value = text(item['value'], `${at}.value`);
  return {
    name: text(item['name'], `${at}.name`),
    value,
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
    ...(item['plain'] === true && { plain: true }),
  };
}

function readSecret(item: Fields, at: string): SecretSpec {
  only(item, ['arn', 'name', 'value', 'versions', 'kmsKeyArn'], at);
  const arn = text(item['arn'], `${at}.arn`, arnPattern, 'an ARN');
  const kmsKeyArn = optionalText(item['kmsKeyArn'], `${at}.kmsKeyArn`, arnPattern, 'an ARN');
  return {
    arn,
    name: optionalText(item['name'], `${at}.name`) ?? arn.split(':').slice(6).join(':'),
    versions: { ...texts(item['versions'] ?? {}, `${at}.versions`), AWSCURRENT: text(item['value'], `${at}.value`) },
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
  };
}

function readResource(item: Fields, at: string): ResourceSpec {
  only(item, ['arn', 'policy'], at);
  const arn = text(item['arn'], `${at}.arn`, arnPattern, 'an ARN');
  return { arn, ...(item['policy'] === undefined ? {} : { policy: policy(item['policy'], 'resource', `${at}.policy`) }) };
}

function readQuotas(item: Fields): Partial<Quotas> {
  only(item, ['onDemandVcpus', 'spotVcpus', 'packedSessionCharacters'], 'spec.quotas');
  const onDemandVcpus = optionalNumber(item['onDemandVcpus'], 'spec.quotas.onDemandVcpus');
  const spotVcpus = optionalNumber(item['spotVcpus'], 'spec.quotas.spotVcpus');
  const packedSessionCharacters = optionalNumber(item['packedSessionCharacters'], 'spec.quotas.packedSessionCharacters');
  return {
    ...(onDemandVcpus === undefined ? {} : { onDemandVcpus }),
    ...(spotVcpus === undefined ? {} : { spotVcpus }),
    ...(packedSessionCharacters === undefined ? {} : { packedSessionCharacters }),
  };
}

function readCapacity(item: Fields, at: string): CapacitySpec {
  only(item, ['instanceType', 'zone', 'capacityType', 'instances'], at);
  const instanceType = optionalText(item['instanceType'], `${at}.instanceType`);
  const zone = optionalText(item['zone'], `${at}.zone`);
  const capacityType = optionalText(item['capacityType'], `${at}.capacityType`, /^(on-demand|spot)$/, 'on-demand or spot');
  const instances = optionalNumber(item['instances'], `${at}.instances`);
  if (instances === undefined) throw new Malformed(`${at}.instances is missing`);
  return {
    instances,
    ...(instanceType === undefined ? {} : { instanceType }),
    ...(zone === undefined ? {} : { zone }),
    ...(capacityType === undefined ? {} : { capacityType: capacityType as 'on-demand' | 'spot' }),
  };
}

function readInterruption(item: Fields, at: string): InterruptionSpec {
  only(item, ['at', 'instanceType', 'zone', 'count'], at);
  const after = parseDurationMs(text(item['at'], `${at}.at`));
  if (!after.ok) throw new Malformed(`${at}.at: ${after.reason}`);
  const instanceType = optionalText(item['instanceType'], `${at}.instanceType`);
  const zone = optionalText(item['zone'], `${at}.zone`);
  const count = optionalNumber(item['count'], `${at}.count`);
  return {
    atMs: after.value,
    ...(instanceType === undefined ? {} : { instanceType }),
    ...(zone === undefined ? {} : { zone }),
    ...(count === undefined ? {} : { count }),
  };
}

function absent<K extends string>(item: Fields, key: K, at: string): Absent<K> | undefined {
  if (item['absent'] !== true) return undefined;
  return { [key]: text(item[key], `${at}.${key}`), absent: true } as Absent<K>;
}

function list<T>(from: Fields, field: string, read: (item: Fields, at: string) => T, inside = 'spec'): readonly T[] {
  const value = from[field] ?? [];
  if (!Array.isArray(value)) throw new Malformed(`${inside}.${field} must be a list`);
  return value.map((item, index) => read(record(item, `${inside}.${field}[${index}]`), `${inside}.${field}[${index}]`));
}

function policies(value: unknown, at: string): readonly NamedDocument[] {
  // As IAM would take the name of an inline policy.
  const named = (name: string): string => name.replaceAll(/[^\w.]+/g, '-');
  if (!Array.isArray(value)) return [{ name: named(at), document: policy(value, 'identity', at) }];
  return value.map((item, index) => ({ name: named(`${at}[${index}]`), document: policy(item, 'identity', `${at}[${index}]`) }));
}

function policy(value: unknown, use: PolicyUse, at: string): PolicyDocument {
  const checked = parsePolicy(value, use, at);
  if (!checked.ok) throw new Malformed(checked.reason);
  return (typeof value === 'string' ? JSON.parse(value) : value) as PolicyDocument;
}

function record(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed(`${at} must be an object`);
  return value as Fields;
}

function only(item: Fields, fields: readonly string[], at: string): void {
  const unknown = Object.keys(item).find((field) => !fields.includes(field) && field !== 'absent');
  if (unknown !== undefined) throw new Malformed(`${at === '' ? '' : `${at}.`}${unknown} is no field; there are ${fields.join(', ')}`);
}

function text(value: unknown, at: string, pattern = /^.+/s, what = 'a text'): string {
  if (value === undefined) throw new Malformed(`${at} is missing`);
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new Malformed(`${at} must be ${what}${/[sS]ecret|value/.test(at) ? '' : `, not ${quoted(value)}`}`);
}

function optionalText(value: unknown, at: string, pattern?: RegExp, what?: string): string | undefined {
  return value === undefined ? undefined : text(value, at, pattern, what);
}

function optionalNumber(value: unknown, at: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
  throw new Malformed(`${at} must be a whole number, not ${quoted(value)}`);
}

function texts(value: unknown, at: string): Readonly<Record<string, string>> {
  const fields = record(value, at);
  for (const [key, entry] of Object.entries(fields)) if (typeof entry !== 'string') throw new Malformed(`${at}.${key} must be a text`);
  return fields as Readonly<Record<string, string>>;
}
