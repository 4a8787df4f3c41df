import { type PolicyDocument, type PolicyUse, parsePolicy } from '../document.ts';
import { roleAliases } from './certificates.ts';
import { compareDocuments, type Difference } from './compare.ts';
import type { AccountPlan } from './plan.ts';

export type AccountDifference = {
  /** `role acme-worker`, `bucket acme-staging`, … */
  readonly object: string;
  /** `trust`, `permissions`, `policy`, …; left out where the object itself is not there. */
  readonly part?: string;
} & (Difference | { readonly kind: 'missing' | 'changed'; readonly statement?: undefined; readonly detail: string });

/** What stands in the account for each object of the plan, by ARN or name; undefined = nothing. Documents are JSON text. */
export type AccountState = {
  readonly roles: ReadonlyMap<string, { readonly trust: string; readonly policies: readonly string[] } | undefined>;
  readonly instanceProfiles: ReadonlyMap<string, { readonly roleArns: readonly string[] } | undefined>;
  readonly keys: ReadonlyMap<string, { readonly policy: string; readonly rotated: boolean } | undefined>;
  /** By bucket; '' = no policy. */
  readonly buckets: ReadonlyMap<string, string | undefined>;
  readonly roleAliases: ReadonlyMap<string, { readonly roleArn: string } | undefined>;
  readonly certificatePolicies: ReadonlyMap<string, string | undefined>;
  readonly managedPolicies: ReadonlyMap<string, { readonly document: string; readonly users: readonly string[] } | undefined>;
};

/** Everything in which the account is not as the plan says; in the plan's order. Objects that the state does not hold at all were not looked at. */
export function diffAccount(plan: AccountPlan, state: AccountState): readonly AccountDifference[] {
  return [
    ...each(
      plan.roles,
      ({ arn }) => arn,
      state.roles,
      ({ name, trust, policies }, found) => {
        const object = `role ${name}`;
        if (found === undefined) return [absent(object)];
        return [
          ...documents(object, 'trust', [trust], [found.trust], 'trust'),
          ...documents(
            object,
            'permissions',
            policies.map(({ document }) => document),
            found.policies,
            'identity',
          ),
        ];
      },
    ),
    ...each(
      plan.instanceProfiles,
      ({ name }) => name,
      state.instanceProfiles,
      ({ name, roleArn }, found) => {
        const object = `instance profile ${name}`;
        if (found === undefined) return [absent(object)];
        return found.roleArns.includes(roleArn)
          ? []
          : [changed(object, 'role', `${found.roleArns.join(', ') || 'none'} instead of ${roleArn}`)];
      },
    ),
    ...each(
      plan.keys,
      ({ arn }) => arn,
      state.keys,
      ({ arn, policy }, found) => {
        const object = `key ${arn}`;
        if (found === undefined) return [absent(object)];
        const rotation = found.rotated ? [] : [changed(object, 'rotation', 'the key is not rotated every year')];
        return [...rotation, ...documents(object, 'policy', [policy], [found.policy], 'resource')];
      },
    ),
    ...each(
      plan.buckets,
      ({ bucket }) => bucket,
      state.buckets,
      ({ bucket, policy }, found) => {
        const object = `bucket ${bucket}`;
        return found === undefined ? [absent(object)] : documents(object, 'policy', [policy], found === '' ? [] : [found], 'resource');
      },
    ),
    ...each(
      roleAliases(plan.certificates),
      ({ roleAlias }) => roleAlias,
      state.roleAliases,
      ({ roleAlias, roleArn }, found) => {
        const object = `role alias ${roleAlias}`;
        if (found === undefined) return [absent(object)];
        return found.roleArn === roleArn ? [] : [changed(object, 'role', `${found.roleArn} instead of ${roleArn}`)];
      },
    ),
    ...each(
      plan.certificates,
      ({ policyName }) => policyName,
      state.certificatePolicies,
      ({ policyName, document }, found) => {
        const object = `IoT policy ${policyName}`;
        return found === undefined ? [absent(object)] : documents(object, 'policy', [document], [found], 'identity');
      },
    ),
    ...each(
      plan.analysts,
      ({ name }) => name,
      state.managedPolicies,
      ({ name, document, users }, found) => {
        const object = `policy ${name}`;
        if (found === undefined) return [absent(object)];
        const unattached = users.filter((user) => !found.users.includes(user));
        return [
          ...documents(object, 'policy', [document], [found.document], 'identity'),
          ...unattached.map((user) => changed(object, 'users', `it is not attached to user ${user}`)),
        ];
      },
    ),
  ];
}

function each<P, K, F>(
  planned: readonly P[],
  keyOf: (item: P) => K,
  found: ReadonlyMap<K, F | undefined>,
  compare: (item: P, found: F | undefined) => readonly AccountDifference[],
): readonly AccountDifference[] {
  return planned.flatMap((item) => (found.has(keyOf(item)) ? compare(item, found.get(keyOf(item))) : []));
}

function absent(object: string): AccountDifference {
  return { object, kind: 'missing', detail: 'it is not there' };
}

function changed(object: string, part: string, detail: string): AccountDifference {
  return { object, part, kind: 'changed', detail };
}

/** What the account holds may be something that we cannot judge: then that is said. */
function documents(
  object: string,
  part: string,
  wanted: readonly PolicyDocument[],
  found: readonly string[],
  use: PolicyUse,
): readonly AccountDifference[] {
  const read: PolicyDocument[] = [];
  for (const text of found) {
    const parsed = parsePolicy(text, use, part);
    if (!parsed.ok) return [changed(object, part, `what is there cannot be judged: ${parsed.reason}`)];
    read.push(JSON.parse(text) as PolicyDocument);
  }
  return compareDocuments(wanted, read).map((difference) => ({ object, part, ...difference }));
}
