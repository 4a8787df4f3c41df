/** The resources of a stack: made, changed and deleted by the handlers of their types. */
import {
  asks,
  exists,
  type Forward,
  type Handlers,
  iamArn,
  type MadeResource,
  Refused,
  same,
  type TemplateResource,
} from './cloudformation-forward.ts';
import { managedPolicy } from './cloudformation-policy.ts';
import { role } from './cloudformation-role.ts';
import { roleNamed } from './state.ts';

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
  const { physicalId, arn } = handlersOf(Type).make(forward, properties);
  return { type: Type, physicalId, arn, properties };
}

export function changeResource(forward: Forward, was: MadeResource, { Properties }: TemplateResource): MadeResource {
  const properties = resolved(Properties, forward.made) as TemplateResource['Properties'];
  handlersOf(was.type).change(forward, was, properties);
  return { ...was, properties };
}

export function deleteResource(forward: Forward, was: MadeResource): void {
  handlersOf(was.type).remove(forward, was);
}

function handlersOf(type: string): Handlers {
  if (type === 'AWS::IAM::Role') return role;
  if (type === 'AWS::IAM::ManagedPolicy') return managedPolicy;
  if (type === 'AWS::IAM::InstanceProfile') return instanceProfile;
  throw new Refused(`Template format error: Unrecognized resource types: [${type}]`);
}

type ProfileProperties = { readonly InstanceProfileName: string; readonly Path: string; readonly Roles: readonly string[] };

const instanceProfile: Handlers = {
  make(forward, given) {
    const { InstanceProfileName, Path, Roles } = given as unknown as ProfileProperties;
    const { state } = forward;
    const arn = iamArn(state, 'instance-profile', Path, InstanceProfileName);
    asks(forward, 'iam:CreateInstanceProfile', arn);
    if (state.profiles.has(arn)) throw exists('AWS::IAM::InstanceProfile', InstanceProfileName);
    putRole(forward, arn, Roles[0] ?? '');
    return { physicalId: InstanceProfileName, arn };
  },
  change(forward, { arn, properties: before }, given) {
    const { Roles } = given as unknown as ProfileProperties;
    if (same((before as unknown as ProfileProperties).Roles, Roles)) return;
    asks(forward, 'iam:RemoveRoleFromInstanceProfile', arn);
    putRole(forward, arn, Roles[0] ?? '');
  },
  remove(forward, { arn }) {
    const { state } = forward;
    if (!state.profiles.has(arn)) return;
    for (const action of ['iam:GetInstanceProfile', 'iam:RemoveRoleFromInstanceProfile', 'iam:DeleteInstanceProfile'])
      asks(forward, action, arn);
    state.profiles.delete(arn);
  },
};

function putRole(forward: Forward, profileArn: string, roleName: string): void {
  const { state } = forward;
  const found = roleNamed(state, roleName);
  if (found === undefined) throw new Refused(`The role with name ${roleName} cannot be found.`);
  asks(forward, 'iam:AddRoleToInstanceProfile', profileArn);
  asks(forward, 'iam:PassRole', found.spec.arn, { 'iam:PassedToService': 'ec2.amazonaws.com' });
  asks(forward, 'iam:GetInstanceProfile', profileArn);
  state.profiles.set(profileArn, found.spec.arn);
}
