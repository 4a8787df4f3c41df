import { UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { policyOf } from '../../../src/core/policy/document.ts';
import { accountFor, type Manifests } from '../../../src/sim/aws/account.ts';
import type { AccountSpec, RoleSpec, UserSpec } from '../../../src/sim/aws/spec.ts';
import { putRole } from '../../gate/account.ts';
import type { Gate } from '../../gate/gate.ts';
import { provision } from '../../gate/provision.ts';
import { type Manifest, ofKind, renamed } from './manifests.ts';

/** Makes the emulator's account fit manifests, as whoever runs them would have done before. */
export type Account = {
  /**
   * Buckets, keys, network, users and roles with the generated trust and permissions, for these manifests and all before them.
   *
   * @returns the manifests with the ids that AWS chose (subnets, security groups, keys) in place of those that they name
   */
  fit(manifests: readonly Manifest[]): Promise<readonly Manifest[]>;
};

export function createFittingAccount(gate: Gate, settings: { readonly clusterName: string; readonly issuer: string }): Account {
  const known: Manifest[] = [];
  const chosen = new Map<string, string>();
  const made = new Set<string>();

  return {
    async fit(manifests) {
      const names = await chooseIds(gate, manifests, chosen);
      const fitting = renamed(manifests, names);
      known.push(...fitting);
      const spec = accountFor(of(known), settings);
      if (!spec.ok) throw new Error(spec.reason);
      await makeBuckets(gate, spec.value, made);
      for (const role of spec.value.roles) await makeRole(gate, role, made);
      for (const { arn, roleArn } of spec.value.instanceProfiles) gate.account.profiles.set(arn, roleArn);
      for (const user of spec.value.users) makeUser(gate, user);
      return fitting;
    },
  };
}

function of(manifests: readonly Manifest[]): Manifests {
  return {
    runtimes: ofKind(manifests, 'ElasticRuntime'),
    jobs: ofKind(manifests, 'ElasticJob'),
    secrets: ofKind(manifests, 'Secret'),
    connections: ofKind(manifests, 'ElasticConnection'),
  };
}

/** What cannot be named in advance. The same name in later manifests is the same thing. */
async function chooseIds(gate: Gate, manifests: readonly Manifest[], chosen: Map<string, string>): Promise<Record<string, string>> {
  const text = JSON.stringify(manifests);
  const wanted = (pattern: RegExp): readonly string[] => [...new Set(text.match(pattern) ?? [])].filter((name) => !chosen.has(name));
  const subnets = wanted(/(?<=")subnet-[0-9a-z]+(?=")/g);
  const groups = wanted(/(?<=")sg-[0-9a-z]+(?=")/g);
  const keys = wanted(/(?<=")arn:aws:kms:[^"*]+:key\/[^"*]+(?=")/g);
  const zones = ['a', 'b', 'c'].map((letter) => `${gate.account.region}${letter}`);
  const provisioned = await provision(gate, {
    keys,
    subnets: Object.fromEntries(subnets.map((name, index) => [name, zones[index % zones.length] ?? ''])),
    securityGroups: groups.map((name) => `of-${name}`),
  });
  for (const name of subnets) chosen.set(name, provisioned.subnets[name] ?? '');
  for (const name of groups) chosen.set(name, provisioned.securityGroups[`of-${name}`] ?? '');
  for (const name of keys) chosen.set(name, provisioned.keys[name] ?? '');
  return Object.fromEntries(chosen);
}

async function makeBuckets(gate: Gate, { buckets }: AccountSpec, made: Set<string>): Promise<void> {
  for (const { name, owner, policy, kmsKeyArn, objects = [] } of buckets) {
    if (!made.has(name)) {
      await provision(gate, {
        buckets: { [name]: { owner, ...(policy && { policy }), ...(kmsKeyArn !== undefined && { keyArn: kmsKeyArn }) } },
      });
      made.add(name);
    }
    for (const { key, body } of objects) await gate.backend.s3.send(new PutObjectCommand({ Bucket: name, Key: key, Body: body }));
  }
}

/** The first time in the emulator too, which judges the documents; later runtimes may add to a role that they share. */
async function makeRole(gate: Gate, { arn, trust, policies }: RoleSpec, made: Set<string>): Promise<void> {
  const permissions = policies.map(({ document }) => document);
  const [, path = '', name = ''] = /^arn:aws:iam::\d+:role\/(.+\/)?([^/]+)$/.exec(arn) ?? [];
  const plain = path === '' && arn.includes(`::${gate.account.id}:`);
  if (plain && !made.has(arn)) await provision(gate, { roles: { [name]: { trust, permissions } } });
  else {
    putRole(gate.account, arn, { trust, permissions });
    // The emulator shows it to whoever reads the role.
    const PolicyDocument = JSON.stringify(trust);
    if (plain) await gate.backend.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument }));
  }
  made.add(arn);
}

/** With the keys that the Secrets hold. */
function makeUser(gate: Gate, { arn, accessKeyId, secretAccessKey, sessionToken, policies }: UserSpec): void {
  gate.account.credentials.set(accessKeyId, {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    expiresAt: Number.POSITIVE_INFINITY,
    principal: { kind: 'user', arn },
    chain: [],
    sessionName: accessKeyId.slice(-4),
    policies: policies.map(({ name, document }) => policyOf(document, 'identity', name)),
  });
}
