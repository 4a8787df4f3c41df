/** AWS::IAM::Role */
import type { PolicyDocument } from '../../core/policy/document.ts';
import type { RequestContext } from '../../core/policy/evaluate.ts';
import { tagContext } from '../../core/policy/trust.ts';
import { asks, exists, type Forward, type Handlers, iamArn, Refused, same } from './cloudformation-forward.ts';
import { visibleFrom } from './ec2.ts';
import type { NamedDocument, RoleSpec } from './spec.ts';
import { compileRole, type Role, roleNamed } from './state.ts';

type RoleProperties = {
  readonly RoleName: string;
  readonly Path: string;
  readonly Description?: string;
  readonly MaxSessionDuration?: number;
  readonly AssumeRolePolicyDocument: PolicyDocument;
  readonly PermissionsBoundary?: string;
  readonly ManagedPolicyArns?: readonly string[];
  readonly Policies?: readonly { readonly PolicyName: string; readonly PolicyDocument: PolicyDocument }[];
};

export const role: Handlers = {
  make(forward, given) {
    const properties = given as unknown as RoleProperties;
    const { state, tags } = forward;
    const arn = iamArn(state, 'role', properties.Path, properties.RoleName);
    const bounded = boundedBy(properties);
    asks(forward, 'iam:CreateRole', arn, { ...bounded, ...tagContext(tags) });
    if (Object.keys(tags).length > 0) asks(forward, 'iam:TagRole', arn, tagContext(tags));
    if (roleNamed(state, properties.RoleName) !== undefined) throw exists('AWS::IAM::Role', properties.RoleName);
    for (const policy of properties.ManagedPolicyArns ?? [])
      asks(forward, 'iam:AttachRolePolicy', arn, { ...bounded, 'iam:PolicyARN': policy });
    for (const { PolicyName } of properties.Policies ?? []) putPolicy(forward, arn, PolicyName, bounded);
    putRole(forward, arn, properties);
    read(forward, arn, properties);
    return { physicalId: properties.RoleName, arn };
  },
  change(forward, { arn, physicalId, properties: former }, given) {
    const known = forward.state.roles.get(arn);
    if (known === undefined) throw new Refused(`The role with name ${physicalId} cannot be found. (Service: Iam, Status Code: 404)`);
    const before = former as unknown as RoleProperties;
    const properties = given as unknown as RoleProperties;
    const differs = (field: keyof RoleProperties): boolean => !same(before[field], properties[field]);
    // The schema names both calls, and does not say which one changes a description.
    if (differs('Description') || differs('MaxSessionDuration')) asks(forward, 'iam:UpdateRole', arn);
    if (differs('Description')) asks(forward, 'iam:UpdateRoleDescription', arn);
    if (differs('AssumeRolePolicyDocument')) asks(forward, 'iam:UpdateAssumeRolePolicy', arn);
    if (differs('PermissionsBoundary')) changeBoundary(forward, arn, before, properties);
    changePolicies(forward, arn, before, properties);
    changeTags(forward, arn, known.spec.tags ?? {});
    putRole(forward, arn, properties);
    read(forward, arn, properties);
  },
  remove(forward, was) {
    const { state } = forward;
    const known = state.roles.get(was.arn);
    if (known === undefined) return;
    const properties = was.properties as unknown as RoleProperties;
    const bounded = boundedBy(properties);
    for (const action of ['iam:GetRole', 'iam:ListAttachedRolePolicies', 'iam:ListRolePolicies']) asks(forward, action, was.arn);
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

function read(forward: Forward, arn: string, { Policies = [] }: RoleProperties): void {
  for (const action of ['iam:GetRole', 'iam:ListAttachedRolePolicies', 'iam:ListRolePolicies']) asks(forward, action, arn);
  if (Policies.length > 0) asks(forward, 'iam:GetRolePolicy', arn);
}

function changeBoundary(forward: Forward, arn: string, before: RoleProperties, properties: RoleProperties): void {
  if (properties.PermissionsBoundary !== undefined) asks(forward, 'iam:PutRolePermissionsBoundary', arn, boundedBy(properties));
  else asks(forward, 'iam:DeleteRolePermissionsBoundary', arn, boundedBy(before));
}

function changePolicies(forward: Forward, arn: string, before: RoleProperties, properties: RoleProperties): void {
  const bounded = boundedBy(properties);
  const [attached = [], wanted = []] = [before.ManagedPolicyArns, properties.ManagedPolicyArns];
  for (const policy of attached)
    if (!wanted.includes(policy)) asks(forward, 'iam:DetachRolePolicy', arn, { ...bounded, 'iam:PolicyARN': policy });
  for (const policy of wanted)
    if (!attached.includes(policy)) asks(forward, 'iam:AttachRolePolicy', arn, { ...bounded, 'iam:PolicyARN': policy });
  const [old = [], inline = []] = [before.Policies, properties.Policies];
  for (const { PolicyName: name } of old)
    if (!inline.some(({ PolicyName }) => PolicyName === name)) asks(forward, 'iam:DeleteRolePolicy', arn, bounded);
  for (const policy of inline) if (!old.some((known) => same(known, policy))) putPolicy(forward, arn, policy.PolicyName, bounded);
}

/** To those of the stack. */
function changeTags(forward: Forward, arn: string, before: Forward['tags']): void {
  const gone = Object.keys(before).filter((key) => forward.tags[key] === undefined);
  const set = Object.fromEntries(Object.entries(forward.tags).filter(([key, value]) => before[key] !== value));
  if (gone.length > 0) asks(forward, 'iam:UntagRole', arn, { 'aws:TagKeys': gone });
  if (Object.keys(set).length > 0) asks(forward, 'iam:TagRole', arn, tagContext(set));
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
    type === 'AWS::IAM::ManagedPolicy' && (own['Roles'] as readonly string[] | undefined)?.includes(properties.RoleName) ? [policyArn] : [],
  );
  const managed = [...declared, ...selfAttached].map((policyArn): NamedDocument => {
    const found = state.managedPolicies.get(policyArn);
    if (found === undefined) throw new Refused(`Policy ${policyArn} does not exist or is not attachable. (Service: Iam, Status Code: 404)`);
    return { name: found.name, arn: found.arn, document: found.document };
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

function boundedBy({ PermissionsBoundary }: RoleProperties): RequestContext {
  return PermissionsBoundary === undefined ? {} : { 'iam:PermissionsBoundary': PermissionsBoundary };
}
