import { CreateSecurityGroupCommand, CreateSubnetCommand, CreateTagsCommand, CreateVpcCommand } from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { type PolicyDocument, policyOf } from '../../src/core/policy/document.ts';
import { type Credentials, issue, putRole } from './account.ts';
import type { Gate } from './gate.ts';

/** What a test's account holds. Names are free; what AWS chooses (ids, ARNs) comes back under the same names. */
export type AccountPlan = {
  readonly keys?: readonly string[];
  readonly buckets?: Readonly<Record<string, { readonly owner?: string; readonly policy?: PolicyDocument; readonly keyArn?: string }>>;
  /** By name, or by ARN for another account's. */
  readonly roles?: Readonly<
    Record<
      string,
      { readonly trust: PolicyDocument; readonly permissions: PolicyDocument | readonly PolicyDocument[]; readonly maxSeconds?: number }
    >
  >;
  /** Role name by instance profile. */
  readonly profiles?: Readonly<Record<string, string>>;
  readonly users?: Readonly<Record<string, { readonly permissions: PolicyDocument | readonly PolicyDocument[] }>>;
  /** Availability zone by subnet name. */
  readonly subnets?: Readonly<Record<string, string>>;
  readonly securityGroups?: readonly string[];
  /** Strings, or SecureStrings under a key. */
  readonly parameters?: Readonly<Record<string, string | { readonly value: string; readonly keyArn: string }>>;
  readonly secrets?: Readonly<Record<string, string>>;
};

export type Provisioned = {
  readonly keys: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, string>>;
  readonly profiles: Readonly<Record<string, string>>;
  readonly users: Readonly<Record<string, Credentials>>;
  readonly subnets: Readonly<Record<string, string>>;
  readonly securityGroups: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
};

/** Makes what the plan names, in the emulator and in the gate. May be called again for more: policies often need the ARNs of an earlier call. */
export async function provision(gate: Gate, plan: AccountPlan): Promise<Provisioned> {
  await makeBuckets(gate, plan.buckets ?? {});
  return {
    keys: await makeKeys(gate, plan.keys ?? []),
    roles: await makeRoles(gate, plan.roles ?? {}),
    profiles: await makeProfiles(gate, plan.profiles ?? {}),
    users: makeUsers(gate, plan.users ?? {}),
    ...(await makeNetwork(gate, plan)),
    secrets: await makeSecrets(gate, plan),
  };
}

export function roleArn(gate: Gate, name: string): string {
  return name.startsWith('arn:') ? name : `arn:aws:iam::${gate.account.id}:role/${name}`;
}

async function makeKeys({ backend }: Gate, names: readonly string[]): Promise<Record<string, string>> {
  const arns: Record<string, string> = {};
  for (const name of names) arns[name] = (await backend.kms.send(new CreateKeyCommand({ Description: name }))).KeyMetadata?.Arn ?? '';
  return arns;
}

async function makeBuckets({ account, backend }: Gate, buckets: NonNullable<AccountPlan['buckets']>): Promise<void> {
  for (const [name, { owner = account.id, policy, keyArn }] of Object.entries(buckets)) {
    await backend.s3.send(new CreateBucketCommand({ Bucket: name }));
    const parsed = policy && policyOf(policy, 'resource', `policy of bucket ${name}`);
    account.buckets.set(name, { owner, ...(parsed && { policy: parsed }), ...(keyArn !== undefined && { keyArn }) });
  }
}

/** Also in the emulator's IAM, which checks the documents and shows them to whoever asks. */
async function makeRoles(gate: Gate, roles: NonNullable<AccountPlan['roles']>): Promise<Record<string, string>> {
  const arns: Record<string, string> = {};
  for (const [name, { trust, permissions, maxSeconds }] of Object.entries(roles)) {
    const arn = roleArn(gate, name);
    arns[name] = arn;
    const documents = [permissions].flat() as readonly PolicyDocument[];
    putRole(gate.account, arn, { trust, permissions: documents, ...(maxSeconds !== undefined && { maxSeconds }) });
    if (name.startsWith('arn:')) continue;
    await gate.backend.iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) }));
    for (const [index, document] of documents.entries()) {
      await gate.backend.iam.send(
        new PutRolePolicyCommand({ RoleName: name, PolicyName: `policy-${index + 1}`, PolicyDocument: JSON.stringify(document) }),
      );
    }
  }
  return arns;
}

async function makeProfiles(gate: Gate, profiles: NonNullable<AccountPlan['profiles']>): Promise<Record<string, string>> {
  const arns: Record<string, string> = {};
  for (const [name, role] of Object.entries(profiles)) {
    const made = await gate.backend.iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name }));
    await gate.backend.iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }));
    arns[name] = made.InstanceProfile?.Arn ?? '';
    gate.account.profiles.set(arns[name], roleArn(gate, role));
  }
  return arns;
}

function makeUsers({ account }: Gate, users: NonNullable<AccountPlan['users']>): Record<string, Credentials> {
  return Object.fromEntries(
    Object.entries(users).map(([name, { permissions }]) => [
      name,
      issue(account, {
        principal: { kind: 'user', arn: `arn:aws:iam::${account.id}:user/${name}` },
        chain: [],
        sessionName: '',
        expiresAt: Number.POSITIVE_INFINITY,
        policies: ([permissions].flat() as readonly PolicyDocument[]).map((document) =>
          policyOf(document, 'identity', `policy of user ${name}`),
        ),
      }),
    ]),
  );
}

async function makeNetwork({ backend }: Gate, plan: AccountPlan): Promise<Pick<Provisioned, 'subnets' | 'securityGroups'>> {
  const subnets: Record<string, string> = {};
  const securityGroups: Record<string, string> = {};
  const zones = Object.entries(plan.subnets ?? {});
  if (zones.length === 0 && (plan.securityGroups ?? []).length === 0) return { subnets, securityGroups };
  const vpc = await backend.ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
  const VpcId = vpc.Vpc?.VpcId ?? '';
  for (const [index, [name, AvailabilityZone]] of zones.entries()) {
    const made = await backend.ec2.send(new CreateSubnetCommand({ VpcId, AvailabilityZone, CidrBlock: `10.0.${index * 16}.0/20` }));
    subnets[name] = made.Subnet?.SubnetId ?? '';
    await backend.ec2.send(new CreateTagsCommand({ Resources: [subnets[name]], Tags: [{ Key: 'Name', Value: name }] }));
  }
  for (const name of plan.securityGroups ?? []) {
    const made = await backend.ec2.send(new CreateSecurityGroupCommand({ VpcId, GroupName: name, Description: name }));
    securityGroups[name] = made.GroupId ?? '';
  }
  return { subnets, securityGroups };
}

async function makeSecrets({ account, backend }: Gate, plan: AccountPlan): Promise<Record<string, string>> {
  const arns: Record<string, string> = {};
  for (const [name, given] of Object.entries(plan.parameters ?? {})) {
    const { value, keyArn } = typeof given === 'string' ? { value: given, keyArn: undefined } : given;
    await backend.ssm.send(
      new PutParameterCommand({
        Name: name,
        Value: value,
        Type: keyArn === undefined ? 'String' : 'SecureString',
        ...(keyArn !== undefined && { KeyId: keyArn }),
      }),
    );
    const arn = `arn:aws:ssm:${account.region}:${account.id}:parameter/${name.replace(/^\//, '')}`;
    account.secrets.set(name, { arn, ...(keyArn !== undefined && { keyArn }) });
  }
  for (const [name, value] of Object.entries(plan.secrets ?? {})) {
    const arn = (await backend.secretsManager.send(new CreateSecretCommand({ Name: name, SecretString: value }))).ARN ?? '';
    arns[name] = arn;
    account.secrets.set(name, { arn });
    account.secrets.set(arn, { arn });
  }
  return arns;
}
