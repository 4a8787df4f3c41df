import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
} from '@aws-sdk/client-iam';
import type { PolicyDocument } from '../../src/core/policy/document.ts';
import { type Account, putRole } from './account.ts';
import type { Backend } from './backend.ts';

/** Where stacks of default roles make theirs. What stands elsewhere, tests provision themselves. */
const path = '/elastic-runtime/';

/** Roles and instance profiles that the emulator's CloudFormation made, changed or took away: the gate judges by them from then on. */
export async function readRoles(account: Account, backend: Backend): Promise<void> {
  const { Roles = [] } = await backend.iam.send(new ListRolesCommand({ PathPrefix: path }));
  const { InstanceProfiles = [] } = await backend.iam.send(new ListInstanceProfilesCommand({ PathPrefix: path }));
  for (const arn of account.roles.keys()) if (arn.includes(`:role${path}`)) account.roles.delete(arn);
  for (const arn of account.profiles.keys()) if (arn.includes(`:instance-profile${path}`)) account.profiles.delete(arn);
  for (const { RoleName = '' } of Roles) await readRole(account, backend, RoleName);
  for (const { Arn = '', Roles: [role] = [] } of InstanceProfiles) if (role?.Arn !== undefined) account.profiles.set(Arn, role.Arn);
}

async function readRole(account: Account, { iam }: Backend, RoleName: string): Promise<void> {
  const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  const inline = await Promise.all(
    PolicyNames.map(async (PolicyName) => documentOf((await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))).PolicyDocument)),
  );
  const managed = await Promise.all(AttachedPolicies.map(({ PolicyArn = '' }) => managedPolicy(iam, PolicyArn)));
  const boundary = Role?.PermissionsBoundary?.PermissionsBoundaryArn;
  putRole(account, Role?.Arn ?? '', {
    trust: documentOf(Role?.AssumeRolePolicyDocument),
    permissions: [...inline, ...managed],
    maxSeconds: Role?.MaxSessionDuration ?? 3600,
    ...(boundary !== undefined && { boundary: await managedPolicy(iam, boundary) }),
  });
}

async function managedPolicy(iam: Backend['iam'], PolicyArn: string): Promise<PolicyDocument> {
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
  const found = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }));
  return documentOf(found.PolicyVersion?.Document);
}

/** IAM answers documents URL-encoded (RFC 3986). Inline ones of CloudFormation the emulator keeps as Python writes them; none of ours holds a quote. */
function documentOf(text = ''): PolicyDocument {
  const plain = text.trimStart().startsWith('{') ? text : decodeURIComponent(text);
  return JSON.parse(plain.startsWith("{'") ? plain.replaceAll("'", '"') : plain) as PolicyDocument;
}
