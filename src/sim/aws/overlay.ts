import type { Absent, SimulatedAccount } from './simulated-account.ts';
import type { AccountSpec, BucketSpec } from './spec.ts';

/** The account made to fit, with what the document says put over it. */
export function overlay(made: AccountSpec, said: SimulatedAccount): AccountSpec {
  return {
    ...made,
    roles: over(made.roles, said.roles, 'arn'),
    users: over(made.users, said.users, 'arn'),
    buckets: over<'name', BucketSpec>(
      made.buckets,
      said.buckets.map((bucket) => (bucket.absent === true ? { name: bucket.name, absent: true as const } : wholeBucket(made, bucket))),
      'name',
    ),
    keys: over(made.keys, said.keys, 'arn'),
    subnets: over(made.subnets, said.subnets, 'id'),
    parameters: over(made.parameters, said.parameters, 'name'),
    secrets: over(made.secrets, said.secrets, 'arn'),
    resources: over(made.resources, said.resources, 'arn'),
    quotas: { ...made.quotas, ...said.quotas },
    capacity: [...made.capacity, ...said.capacity],
    interruptions: [...made.interruptions, ...said.interruptions],
  };
}

/** A bucket is changed field by field, and keeps the objects that the manifests need. */
function wholeBucket(made: AccountSpec, bucket: Omit<SimulatedAccount['buckets'][number], 'absent'>): BucketSpec {
  const known = made.buckets.find(({ name }) => name === bucket.name);
  const objects = new Map([...(known?.objects ?? []), ...(bucket.objects ?? [])].map((object) => [object.key, object]));
  return { region: made.region, owner: made.accountId, ...known, ...bucket, objects: [...objects.values()] };
}

function over<K extends string, T extends { readonly [key in K]: string }>(
  made: readonly T[],
  said: readonly (T | Absent<K>)[],
  key: K,
): readonly T[] {
  const all = new Map<string, T>(made.map((item) => [item[key], item]));
  for (const item of said) {
    if ('absent' in item) all.delete(item[key]);
    else all.set(item[key], item);
  }
  return [...all.values()];
}
