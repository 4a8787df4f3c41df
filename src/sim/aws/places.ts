import { parseS3Uri } from '../../core/access/locations.ts';
import type { PolicyConnection, PolicyJob, PolicyRuntime } from '../../core/policy/documents.ts';
import type { BucketSpec, KeySpec, SubnetSpec } from './spec.ts';

/** A connection of a job, with the runtime that the job runs on. */
export type PlacedConnection = {
  readonly connection: PolicyConnection & { readonly expectedBucketOwner?: string };
  readonly runtime: PolicyRuntime;
};

type Places = { readonly runtimes: readonly PolicyRuntime[]; readonly jobs: readonly PolicyJob[] };

/** Every bucket that a manifest names; what is to be read has something in it. */
export function bucketsOf(
  { runtimes, jobs }: Places,
  connections: readonly PlacedConnection[],
  accountId: string,
  region: string,
): readonly BucketSpec[] {
  const buckets = new Map<string, BucketSpec & { readonly objects: { key: string; body: string }[] }>();
  function place(uri: string | undefined, owner: string, object?: (key: string) => { readonly key: string; readonly body: string }): void {
    const location = parseS3Uri(uri ?? '');
    if (!location.ok) return;
    const { bucket: name, key } = location.value;
    const bucket = buckets.get(name) ?? { name, region, owner, objects: [] };
    buckets.set(name, bucket);
    const wanted = object?.(key);
    if (wanted !== undefined && !bucket.objects.some((known) => known.key === wanted.key)) bucket.objects.push(wanted);
  }
  for (const { spec } of runtimes) {
    place(spec.staging.uri, accountId);
    place(spec.logs.uri, accountId);
    place(spec.initScript?.uri, accountId, (key) => ({ key, body: '#!/bin/sh\n' }));
  }
  for (const { connection } of connections) {
    const sample =
      connection.usage === 'Target'
        ? undefined
        : (key: string) => ({ key: `${key === '' ? '' : `${key}/`}part-00000`, body: 'a sample\n' });
    place(connection.location, ownerOf(connection, accountId), sample);
  }
  for (const dependency of jobs.flatMap((job) => job.spec.dependencies ?? [])) {
    place(dependency.uri, accountId, (key) => ({ key, body: `content of ${dependency.path}\n` }));
  }
  return [...buckets.values()];
}

function ownerOf(connection: PlacedConnection['connection'], accountId: string): string {
  return connection.expectedBucketOwner ?? connection.authentication?.roleArn?.split(':')[4] ?? accountId;
}

export function keysOf(runtimes: readonly PolicyRuntime[], connections: readonly PlacedConnection[]): readonly KeySpec[] {
  const arns = [
    ...runtimes.flatMap(({ spec }) => [spec.staging.kmsKeyArn, spec.logs.kmsKeyArn]),
    ...connections.flatMap(({ connection }) => connection.kmsKeyArn ?? []),
  ];
  return [...new Set(arns)].map((arn) => ({ arn, enabled: true }));
}

/** Subnets in the order in which they are named, spread over zones a, b, c; a selector finds three of its own. */
export function subnetsOf(runtimes: readonly PolicyRuntime[], region: string): readonly SubnetSpec[] {
  const subnets = new Map<string, SubnetSpec>();
  const zone = (index: number): string => `${region}${'abc'[index % 3] ?? 'a'}`;
  for (const { metadata, spec } of runtimes) {
    for (const id of spec.network?.subnetIds ?? []) {
      if (!subnets.has(id)) subnets.set(id, { id, zone: zone(subnets.size), freeAddresses: 4000, tags: {} });
    }
    const selector = (spec.network as { readonly subnetSelector?: Readonly<Record<string, string>> } | undefined)?.subnetSelector;
    if (selector === undefined) continue;
    for (let index = 0; index < 3; index += 1) {
      const id = `subnet-${metadata.namespace ?? 'default'}-${metadata.name ?? ''}-${'abc'[index] ?? ''}`;
      subnets.set(id, { id, zone: zone(index), freeAddresses: 4000, tags: selector });
    }
  }
  return [...subnets.values()];
}
