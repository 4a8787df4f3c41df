import { type ArnLocation, locationOf } from '../../core/access/arn-locations.ts';
import { parseS3Uri } from '../../core/access/locations.ts';
import { partitionOf, s3Arn } from '../../core/access/partitions.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import type { PolicyConnection, PolicyJob, PolicyRuntime } from '../../core/policy/documents.ts';
import { accountOf } from '../../core/policy/principal.ts';
import type { BucketSpec, KeySpec, ResourceSpec, SubnetSpec } from './spec.ts';

/** A connection of a job, with the runtime that the job runs on. */
export type PlacedConnection = {
  readonly connection: PolicyConnection & { readonly expectedBucketOwner?: string };
  readonly runtime: PolicyRuntime;
};

type Places = { readonly runtimes: readonly PolicyRuntime[]; readonly jobs: readonly PolicyJob[] };
type DraftBucket = BucketSpec & { readonly objects: { key: string; body: string }[] };

/** Every bucket that a manifest names; what is to be read has something in it, and what another account reads allows it. */
export function bucketsOf(
  { runtimes, jobs }: Places,
  connections: readonly PlacedConnection[],
  accountId: string,
  region: string,
  guests: Guests,
): readonly BucketSpec[] {
  const buckets = new Map<string, DraftBucket>();
  function place(
    uri: string | undefined,
    where: Pick<BucketSpec, 'owner' | 'region'>,
    body?: (key: string) => readonly [string, string],
  ): void {
    const location = parseS3Uri(uri ?? '');
    if (!location.ok) return;
    const { bucket: name, key } = location.value;
    const bucket = buckets.get(name) ?? { name, ...where, objects: [] };
    buckets.set(name, bucket);
    const [wanted, text] = body?.(key) ?? [];
    if (wanted === undefined || text === undefined || bucket.objects.some((known) => known.key === wanted)) return;
    bucket.objects.push({ key: wanted, body: text });
  }
  for (const { spec } of runtimes) {
    const where = { owner: accountId, region: spec.region };
    place(spec.staging.uri, where);
    place(spec.logs.uri, where);
    place(spec.initScript?.uri, where, (key) => [key, '#!/bin/sh\n']);
  }
  for (const { connection, runtime } of connections) {
    const where = { owner: ownerOf(connection, accountId), region: runtime.spec.region };
    const sample = (key: string): readonly [string, string] => [`${key === '' ? '' : `${key}/`}part-00000`, 'a sample\n'];
    place(connection.location, where, connection.usage === 'Target' ? undefined : sample);
  }
  for (const dependency of jobs.flatMap((job) => job.spec.dependencies ?? [])) {
    place(dependency.uri, { owner: accountId, region }, (key) => [key, `content of ${dependency.path}\n`]);
  }
  return [...buckets.values()].map((bucket) => {
    const foreign = [...(guests.buckets.get(bucket.name) ?? [])].filter((arn) => arn.split(':')[4] !== bucket.owner);
    return foreign.length === 0 ? bucket : { ...bucket, policy: bucketPolicy(bucket, foreign) };
  });
}

function ownerOf(connection: PlacedConnection['connection'], accountId: string): string {
  return connection.expectedBucketOwner ?? connection.authentication?.roleArn?.split(':')[4] ?? accountId;
}

/** The table, stream, queue, … that a connection names, by its ARN, or by a name in the account of whoever uses it. */
export function locatedBy({ connection, runtime }: PlacedConnection, accountId: string): ArnLocation | undefined {
  const { connector = '', location, authentication, expectedBucketOwner = accountId } = connection;
  const { region, identities } = runtime.spec;
  const role = authentication?.roleArn ?? identities.worker?.roleArn;
  const account = authentication?.credentials !== undefined ? expectedBucketOwner : role === undefined ? accountId : accountOf(role);
  return locationOf(connector, location, { partition: partitionOf(region), region, account });
}

/** Who reaches which bucket and key, by ARN: those of other accounts need the resource's own policy too. */
export type Guests = {
  readonly buckets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
  readonly resources: ReadonlyMap<string, ReadonlySet<string>>;
};

export function guestsOf(
  connections: readonly PlacedConnection[],
  users: readonly { readonly arn: string; readonly connections: readonly string[] }[],
  rolesOf: (runtime: PolicyRuntime) => readonly string[],
  accountId: string,
): Guests {
  const buckets = new Map<string, Set<string>>();
  const keys = new Map<string, Set<string>>();
  const resources = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, name: string | undefined, arn: string): void => {
    if (name !== undefined) to.set(name, (to.get(name) ?? new Set()).add(arn));
  };
  for (const placed of connections) {
    const { connection, runtime } = placed;
    const own = connection.authentication?.roleArn ?? users.find((user) => user.connections.includes(connection.name))?.arn;
    const { staging, logs } = runtime.spec;
    for (const arn of own === undefined ? rolesOf(runtime) : [own]) {
      add(buckets, bucketName(connection.location), arn);
      add(resources, locatedBy(placed, accountId)?.arn, arn);
      add(keys, connection.kmsKeyArn ?? undefined, arn);
      for (const { uri, kmsKeyArn } of [staging, logs]) {
        add(buckets, bucketName(uri), arn);
        add(keys, kmsKeyArn, arn);
      }
    }
  }
  return { buckets, keys, resources };
}

function bucketName(uri: string | null | undefined): string | undefined {
  const location = parseS3Uri(uri ?? '');
  return location.ok ? location.value.bucket : undefined;
}

function bucketPolicy({ name, region }: Pick<BucketSpec, 'name' | 'region'>, arns: readonly string[]): PolicyDocument {
  const actions = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:ListBucket'];
  const resources = [s3Arn(region, name), s3Arn(region, name, '*')];
  return {
    Version: '2012-10-17',
    Statement: [{ Sid: 'OtherAccounts', Effect: 'Allow', Principal: { AWS: arns }, Action: actions, Resource: resources }],
  };
}

export function keysOf(runtimes: readonly PolicyRuntime[], connections: readonly PlacedConnection[], guests: Guests): readonly KeySpec[] {
  const arns = [
    ...runtimes.flatMap(({ spec }) => [spec.staging.kmsKeyArn, spec.logs.kmsKeyArn]),
    ...connections.flatMap(({ connection }) => connection.kmsKeyArn ?? []),
  ];
  return [...new Set(arns)].map((arn) => {
    const foreign = [...(guests.keys.get(arn) ?? [])].filter((guest) => guest.split(':')[4] !== arn.split(':')[4]);
    return foreign.length === 0 ? { arn, enabled: true } : { arn, enabled: true, policy: keyPolicy(arn, foreign) };
  });
}

function keyPolicy(arn: string, guests: readonly string[]): PolicyDocument {
  const [, partition = 'aws', , , account = ''] = arn.split(':');
  const root = `arn:${partition}:iam::${account}:root`;
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Default', Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' },
      { Sid: 'OtherAccounts', Effect: 'Allow', Principal: { AWS: guests }, Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: '*' },
    ],
  };
}

/** Every table, stream, queue, … that a connection names; what another account uses allows it. */
export function resourcesOf(connections: readonly PlacedConnection[], guests: Guests, accountId: string): readonly ResourceSpec[] {
  const found = connections.flatMap((placed) => locatedBy(placed, accountId) ?? []);
  return [...new Map(found.map((at) => [at.arn, at])).values()].map(({ arn, account, service }) => {
    const foreign = [...(guests.resources.get(arn) ?? [])].filter((guest) => guest.split(':')[4] !== account);
    if (foreign.length === 0) return { arn };
    const statement = {
      Sid: 'OtherAccounts',
      Effect: 'Allow',
      Principal: { AWS: foreign },
      Action: `${service}:*`,
      Resource: '*',
    } as const;
    return { arn, policy: { Version: '2012-10-17', Statement: [statement] } };
  });
}

/** Subnets in the order in which they are named, spread over zones a, b, c; a selector finds three of its own. */
export function subnetsOf(runtimes: readonly PolicyRuntime[]): readonly SubnetSpec[] {
  const subnets = new Map<string, SubnetSpec>();
  for (const { metadata, spec } of runtimes) {
    const zone = (index: number): string => `${spec.region}${'abc'[index % 3] ?? 'a'}`;
    for (const id of spec.network?.subnetIds ?? []) {
      if (!subnets.has(id)) subnets.set(id, { id, zone: zone(subnets.size), freeAddresses: 4000, tags: {} });
    }
    const selector = spec.network?.subnetSelector;
    if (selector === undefined) continue;
    for (let index = 0; index < 3; index += 1) {
      const id = `subnet-${metadata.namespace ?? 'default'}-${metadata.name ?? ''}-${'abc'[index] ?? ''}`;
      subnets.set(id, { id, zone: zone(index), freeAddresses: 4000, tags: selector });
    }
  }
  return [...subnets.values()];
}
