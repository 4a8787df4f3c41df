/** AWS::IAM::ManagedPolicy */
import type { PolicyDocument } from '../../core/policy/document.ts';
import type { RequestContext } from '../../core/policy/evaluate.ts';
import { asks, exists, type Forward, type Handlers, iamArn, Refused } from './cloudformation-forward.ts';
import type { NamedDocument } from './spec.ts';
import { compileRole, roleNamed } from './state.ts';

type PolicyProperties = {
  readonly ManagedPolicyName: string;
  readonly Path: string;
  readonly PolicyDocument: PolicyDocument;
  readonly Roles?: readonly string[];
};

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html */
const mostVersions = 5;

export const managedPolicy: Handlers = {
  make(forward, given) {
    const { ManagedPolicyName: name, Path, PolicyDocument: document, Roles = [] } = given as unknown as PolicyProperties;
    const { state } = forward;
    const arn = iamArn(state, 'policy', Path, name);
    asks(forward, 'iam:CreatePolicy', arn);
    if (state.managedPolicies.has(arn)) throw exists('AWS::IAM::ManagedPolicy', arn);
    state.managedPolicies.set(arn, { name, arn, document });
    for (const role of Roles) attach(forward, role, arn);
    read(forward, arn);
    return { physicalId: arn, arn };
  },
  change(forward, { arn, properties: former }, given) {
    const { ManagedPolicyName: name, PolicyDocument: document, Roles = [] } = given as unknown as PolicyProperties;
    const { Roles: before = [] } = former as unknown as PolicyProperties;
    const { state } = forward;
    const { versions = 1 } = state.managedPolicies.get(arn) ?? {};
    asks(forward, 'iam:GetPolicy', arn);
    asks(forward, 'iam:ListPolicyVersions', arn);
    if (versions === mostVersions) asks(forward, 'iam:DeletePolicyVersion', arn);
    asks(forward, 'iam:CreatePolicyVersion', arn);
    state.managedPolicies.set(arn, { name, arn, document, versions: Math.min(versions + 1, mostVersions) });
    for (const [roleArn, { spec }] of state.roles) {
      if (spec.boundaryArn !== arn && !spec.policies.some((policy) => policy.arn === arn)) continue;
      const policies = spec.policies.map((policy) => (policy.arn === arn ? { ...policy, document } : policy));
      state.roles.set(roleArn, compileRole({ ...spec, policies, ...(spec.boundaryArn === arn && { permissionBoundary: document }) }));
    }
    for (const role of Roles) if (!before.includes(role)) attach(forward, role, arn);
    for (const role of before) if (!Roles.includes(role)) detach(forward, role, arn);
    read(forward, arn);
  },
  remove(forward, { arn, properties }) {
    const { state } = forward;
    const known = state.managedPolicies.get(arn);
    if (known === undefined) return;
    for (const action of ['iam:GetPolicy', 'iam:ListPolicyVersions', 'iam:ListEntitiesForPolicy']) asks(forward, action, arn);
    for (const role of (properties as unknown as PolicyProperties).Roles ?? []) detach(forward, role, arn);
    const attached = [...state.roles.values()].some(
      ({ spec }) => spec.boundaryArn === arn || spec.policies.some((policy) => policy.arn === arn),
    );
    if (attached) throw new Refused('Cannot delete a policy attached to entities. (Service: Iam, Status Code: 409)');
    // A policy goes when its default version is the only one.
    if ((known.versions ?? 1) > 1) asks(forward, 'iam:DeletePolicyVersion', arn);
    asks(forward, 'iam:DeletePolicy', arn);
    state.managedPolicies.delete(arn);
  },
};

function read(forward: Forward, arn: string): void {
  for (const action of ['iam:GetPolicy', 'iam:GetPolicyVersion', 'iam:ListEntitiesForPolicy']) asks(forward, action, arn);
}

/** A managed policy that names its roles puts itself on them, and takes itself off. */
function attach(forward: Forward, roleName: string, arn: string): void {
  const policy = forward.state.managedPolicies.get(arn);
  if (policy === undefined) return;
  const { name, document } = policy;
  onRole(forward, 'iam:AttachRolePolicy', roleName, arn, (policies) => [...policies, { name, arn, document }]);
}

function detach(forward: Forward, roleName: string, arn: string): void {
  onRole(forward, 'iam:DetachRolePolicy', roleName, arn, (policies) => policies.filter((policy) => policy.arn !== arn));
}

function onRole(
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
