/** What CloudFormation does in IAM for a stack's resources, with the rights of whoever started the operation (a forward access session). */

import { partitionOf } from '../../core/access/partitions.ts';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { decidersOf, denialMessage, type RequestContext } from '../../core/policy/evaluate.ts';
import { tagContext } from '../../core/policy/trust.ts';
import { type Authenticated, judge } from './authorize.ts';
import { visibleFrom } from './ec2.ts';
import type { NamedDocument, RoleSpec } from './spec.ts';
import { type AccountState, compileRole, type Role, roleNamed } from './state.ts';

export type TemplateResource = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

/** `physicalId`: what Ref gives. */
export type MadeResource = {
  readonly type: string;
  readonly physicalId: string;
  readonly arn: string;
  readonly properties: TemplateResource['Properties'];
};

export type Forward = {
  readonly state: AccountState;
  readonly caller: Authenticated;
  readonly tags: Readonly<Record<string, string>>;
  readonly made: ReadonlyMap<string, MadeResource>;
};

type RoleProperties = {
  readonly RoleName: string;
  readonly Path: string;
  readonly AssumeRolePolicyDocument: PolicyDocument;
  readonly PermissionsBoundary?: string;
  readonly ManagedPolicyArns?: readonly string[];
  readonly Policies?: readonly { readonly PolicyName: string; readonly PolicyDocument: PolicyDocument }[];
};
type PolicyProperties = {
  readonly ManagedPolicyName: string;
  readonly Path: string;
  readonly PolicyDocument: PolicyDocument;
  readonly Roles?: readonly string[];
};
type ProfileProperties = { readonly InstanceProfileName: string; readonly Path: string; readonly Roles: readonly string[] };

/** Why a resource could not be made, changed or deleted: what the stack's event says. */
export class Refused extends Error {}

/** Ref and Fn::GetAtt filled in. */
export function resolved(value: unknown, made: Forward['made']): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item, made));
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Readonly<Record<string, unknown>>;
  if (typeof fields['Ref'] === 'string') return made.get(fields['Ref'])?.physicalId;
  const attribute = fields['Fn::GetAtt'];
  if (Array.isArray(attribute)) return made.get(String(attribute[0]))?.arn;
  return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, resolved(item, made)]));
}

export function makeResource(forward: Forward, { Type, Properties }: TemplateResource): MadeResource {
  const properties = resolved(Properties, forward.made) as TemplateResource['Properties'];
  const { physicalId, arn } = makers(Type).make(forward, properties);
  return { type: Type, physicalId, arn, properties };
}

export function changeResource(forward: Forward, was: MadeResource, { Properties }: TemplateResource): MadeResource {
  const properties = resolved(Properties, forward.made) as TemplateResource['Properties'];
  makers(was.type).change(forward, was, properties);
  return { ...was, properties };
}

export function deleteResource(forward: Forward, was: MadeResource): void {
  makers(was.type).remove(forward, was);
}

type Maker = {
  make(forward: Forward, properties: TemplateResource['Properties']): { readonly physicalId: string; readonly arn: string };
  change(forward: Forward, was: MadeResource, properties: TemplateResource['Properties']): void;
  remove(forward: Forward, was: MadeResource): void;
};

function makers(type: string): Maker {
  if (type === 'AWS::IAM::Role') return role;
  if (type === 'AWS::IAM::ManagedPolicy') return managedPolicy;
  if (type === 'AWS::IAM::InstanceProfile') return instanceProfile;
  throw new Refused(`Template format error: Unrecognized resource types: [${type}]`);
}

const role: Maker = {
  make(forward, given) {
    const properties = given as unknown as RoleProperties;
    const { state } = forward;
    const arn = arnOf(state, 'role', properties.Path, properties.RoleName);
    const bounded = boundedBy(properties);
    asks(forward, 'iam:CreateRole', arn, { ...bounded, ...tagContext(forward.tags) });
    if (roleNamed(state, properties.RoleName) !== undefined) throw exists('AWS::IAM::Role', properties.RoleName);
    asks(forward, 'iam:TagRole', arn, tagContext(forward.tags));
    for (const { PolicyName } of properties.Policies ?? []) putPolicy(forward, arn, PolicyName, bounded);
    for (const policy of properties.ManagedPolicyArns ?? [])
      asks(forward, 'iam:AttachRolePolicy', arn, { ...bounded, 'iam:PolicyARN': policy });
    asks(forward, 'iam:GetRole', arn);
    putRole(forward, arn, properties);
    return { physicalId: properties.RoleName, arn };
  },
  change(forward, was, given) {
    const before = was.properties as unknown as RoleProperties;
    const properties = given as unknown as RoleProperties;
    const bounded = boundedBy(properties);
    asks(forward, 'iam:GetRole', was.arn);
    if (!same(before.AssumeRolePolicyDocument, properties.AssumeRolePolicyDocument)) asks(forward, 'iam:UpdateAssumeRolePolicy', was.arn);
    const names = (policies: RoleProperties['Policies'] = []) => policies.map(({ PolicyName }) => PolicyName);
    for (const policy of properties.Policies ?? []) {
      if (!(before.Policies ?? []).some((known) => same(known, policy))) putPolicy(forward, was.arn, policy.PolicyName, bounded);
    }
    for (const name of names(before.Policies))
      if (!names(properties.Policies).includes(name)) asks(forward, 'iam:DeleteRolePolicy', was.arn, bounded);
    const [attached = [], wanted = []] = [before.ManagedPolicyArns, properties.ManagedPolicyArns];
    for (const arn of wanted)
      if (!attached.includes(arn)) asks(forward, 'iam:AttachRolePolicy', was.arn, { ...bounded, 'iam:PolicyARN': arn });
    for (const arn of attached)
      if (!wanted.includes(arn)) asks(forward, 'iam:DetachRolePolicy', was.arn, { ...bounded, 'iam:PolicyARN': arn });
    putRole(forward, was.arn, properties);
  },
  remove(forward, was) {
    const { state } = forward;
    const known = state.roles.get(was.arn);
    if (known === undefined) return;
    const properties = was.properties as unknown as RoleProperties;
    const bounded = boundedBy(properties);
    asks(forward, 'iam:GetRole', was.arn);
    asks(forward, 'iam:ListAttachedRolePolicies', was.arn);
    asks(forward, 'iam:ListRolePolicies', was.arn);
    const inProfile = [...state.profiles].some(([, roleArn]) => roleArn === was.arn);
    if (inProfile)
      throw new Refused('Cannot delete entity, must remove roles from instance profile first. (Service: Iam, Status Code: 409)');
    const own = [...(properties.ManagedPolicyArns ?? []), ...(properties.Policies ?? []).map(({ PolicyName }) => PolicyName)];
    if (known.spec.policies.some(({ name, arn }) => !own.includes(arn ?? name)))
      throw new Refused('Cannot delete entity, must detach all policies first. (Service: Iam, Status Code: 409)');
    for (const arn of properties.ManagedPolicyArns ?? [])
      asks(forward, 'iam:DetachRolePolicy', was.arn, { ...bounded, 'iam:PolicyARN': arn });
    if ((properties.Policies ?? []).length > 0) asks(forward, 'iam:DeleteRolePolicy', was.arn, bounded);
    asks(forward, 'iam:DeleteRole', was.arn);
    state.roles.delete(was.arn);
  },
};

const managedPolicy: Maker = {
  make(forward, given) {
    const { ManagedPolicyName, Path, PolicyDocument, Roles = [] } = given as unknown as PolicyProperties;
    const { state } = forward;
    const arn = arnOf(state, 'policy', Path, ManagedPolicyName);
    asks(forward, 'iam:CreatePolicy', arn);
    if (state.managedPolicies.has(arn)) throw exists('AWS::IAM::ManagedPolicy', arn);
    asks(forward, 'iam:GetPolicy', arn);
    const policy = { name: ManagedPolicyName, arn, document: PolicyDocument };
    state.managedPolicies.set(arn, policy);
    for (const name of Roles) attach(forward, 'iam:AttachRolePolicy', name, arn, (policies) => [...policies, policy]);
    return { physicalId: arn, arn };
  },
  change(forward, { arn }, given) {
    const { ManagedPolicyName, PolicyDocument } = given as unknown as PolicyProperties;
    const { state } = forward;
    for (const action of ['iam:GetPolicy', 'iam:ListPolicyVersions', 'iam:CreatePolicyVersion', 'iam:DeletePolicyVersion'])
      asks(forward, action, arn);
    state.managedPolicies.set(arn, { name: ManagedPolicyName, arn, document: PolicyDocument });
    for (const [roleArn, { spec }] of state.roles) {
      if (spec.boundaryArn !== arn && !spec.policies.some((policy) => policy.arn === arn)) continue;
      const policies = spec.policies.map((policy) => (policy.arn === arn ? { ...policy, document: PolicyDocument } : policy));
      state.roles.set(roleArn, compileRole({ ...spec, policies, ...(spec.boundaryArn === arn && { permissionBoundary: PolicyDocument }) }));
    }
  },
  remove(forward, { arn, properties }) {
    const { state } = forward;
    if (!state.managedPolicies.has(arn)) return;
    for (const action of ['iam:GetPolicy', 'iam:ListPolicyVersions', 'iam:ListEntitiesForPolicy']) asks(forward, action, arn);
    for (const name of (properties as unknown as PolicyProperties).Roles ?? [])
      attach(forward, 'iam:DetachRolePolicy', name, arn, (policies) => policies.filter((policy) => policy.arn !== arn));
    const attached = [...state.roles.values()].some(
      ({ spec }) => spec.boundaryArn === arn || spec.policies.some((policy) => policy.arn === arn),
    );
    if (attached) throw new Refused('Cannot delete a policy attached to entities. (Service: Iam, Status Code: 409)');
    asks(forward, 'iam:DeletePolicy', arn);
    state.managedPolicies.delete(arn);
  },
};

const instanceProfile: Maker = {
  make(forward, given) {
    const { InstanceProfileName, Path, Roles } = given as unknown as ProfileProperties;
    const { state } = forward;
    const arn = arnOf(state, 'instance-profile', Path, InstanceProfileName);
    asks(forward, 'iam:CreateInstanceProfile', arn);
    if (state.profiles.has(arn)) throw exists('AWS::IAM::InstanceProfile', InstanceProfileName);
    const found = roleNamed(state, Roles[0] ?? '');
    if (found === undefined) throw new Refused(`The role with name ${Roles[0] ?? ''} cannot be found.`);
    asks(forward, 'iam:AddRoleToInstanceProfile', arn);
    asks(forward, 'iam:PassRole', found.spec.arn, { 'iam:PassedToService': 'ec2.amazonaws.com' });
    asks(forward, 'iam:GetInstanceProfile', arn);
    state.profiles.set(arn, found.spec.arn);
    return { physicalId: InstanceProfileName, arn };
  },
  change: () => undefined,
  remove(forward, { arn }) {
    const { state } = forward;
    if (!state.profiles.has(arn)) return;
    for (const action of ['iam:GetInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'])
      asks(forward, action, arn);
    state.profiles.delete(arn);
  },
};

/** A managed policy that names its roles puts itself on them, and takes itself off. */
function attach(
  forward: Forward,
  action: string,
  roleName: string,
  policyArn: string,
  change: (policies: readonly NamedDocument[]) => readonly NamedDocument[],
): void {
  const { state } = forward;
  const found = roleNamed(state, roleName);
  if (found === undefined) return;
  const { spec } = found;
  const bounded: RequestContext = spec.boundaryArn === undefined ? {} : { 'iam:PermissionsBoundary': spec.boundaryArn };
  asks(forward, action, spec.arn, { ...bounded, 'iam:PolicyARN': policyArn });
  state.roles.set(spec.arn, { ...found, ...compileRole({ ...spec, policies: change(spec.policies) }) });
}

function putPolicy(forward: Forward, roleArn: string, name: string, bounded: RequestContext): void {
  if (!/^[\w+=,.@-]{1,128}$/.test(name)) throw new Refused(`The specified value for policyName is invalid: ${name}`);
  asks(forward, 'iam:PutRolePolicy', roleArn, bounded);
}

function putRole({ state, tags, made }: Forward, arn: string, properties: RoleProperties): void {
  const inline = (properties.Policies ?? []).map(
    ({ PolicyName, PolicyDocument: document }): NamedDocument => ({ name: PolicyName, document }),
  );
  const declared = properties.ManagedPolicyArns ?? [];
  const selfAttached = [...made.values()].flatMap(({ type, arn: policyArn, properties: own }) =>
    type === 'AWS::IAM::ManagedPolicy' && (own as unknown as PolicyProperties).Roles?.includes(properties.RoleName) ? [policyArn] : [],
  );
  const managed = [...declared, ...selfAttached].map((policyArn) => {
    const found = state.managedPolicies.get(policyArn);
    if (found === undefined) throw new Refused(`Policy ${policyArn} does not exist or is not attachable. (Service: Iam, Status Code: 404)`);
    return found;
  });
  const boundary = properties.PermissionsBoundary === undefined ? undefined : state.managedPolicies.get(properties.PermissionsBoundary);
  if (properties.PermissionsBoundary !== undefined && boundary === undefined)
    throw new Refused(`Scope ARN: ${properties.PermissionsBoundary} does not exist or is not attachable.`);
  const spec: RoleSpec = {
    arn,
    trust: properties.AssumeRolePolicyDocument,
    policies: [...inline, ...managed],
    tags,
    ...(boundary !== undefined && { permissionBoundary: boundary.document, boundaryArn: boundary.arn }),
  };
  const compiled: Role = compileRole(spec);
  // A new role is not known everywhere at once (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
  state.roles.set(arn, { ...compiled, usableFrom: state.roles.get(arn)?.usableFrom ?? visibleFrom(state) });
}

function asks({ state, caller }: Forward, action: string, resource: string, context: RequestContext = {}): void {
  const via = { 'aws:CalledVia': ['cloudformation.amazonaws.com'], 'aws:ViaAWSService': 'true' };
  const evaluation = judge(state, caller, { action, resource, context: { ...context, ...via } });
  if (evaluation.decision !== 'Allow') {
    const why = denialMessage({ principal: caller.principal, action, resource }, evaluation);
    throw new Refused(`${why} (Service: Iam, Status Code: 403)`);
  }
  state.forwarded.push({ action, by: decidersOf(evaluation) });
}

function boundedBy({ PermissionsBoundary }: RoleProperties): RequestContext {
  return PermissionsBoundary === undefined ? {} : { 'iam:PermissionsBoundary': PermissionsBoundary };
}

function exists(type: string, identifier: string): Refused {
  return new Refused(`Resource of type '${type}' with identifier '${identifier}' already exists.`);
}

function arnOf({ spec }: AccountState, kind: string, path: string, name: string): string {
  return `arn:${partitionOf(spec.region)}:iam::${spec.accountId}:${kind}${path}${name}`;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
