import type { PolicyDocument } from '../../core/policy/document.ts';
import type { PolicyQuestion, SimulatedDecision } from '../../core/preflight/simulation.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { type Failure, failure } from './failures.ts';
import { nextRequestId } from './perform.ts';
import { simulated } from './policy-simulation.ts';
import { type AccountState, compileRole, roleNamed } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

export function getRole(
  { state, caller, region }: At,
  request: { readonly roleName: string },
): Result<{ readonly arn: string; readonly trust: string; readonly requestId: string }, Failure> {
  const refused = authorize(state, caller, 'iam.getRole', request, region);
  if (refused !== undefined) return err(refused);
  const role = roleNamed(state, request.roleName);
  if (role === undefined) return err(noRole(request.roleName));
  return ok({ arn: role.spec.arn, trust: JSON.stringify(role.spec.trust), requestId: nextRequestId(state) });
}

export function simulatePrincipalPolicy(
  { state, caller, region }: At,
  request: PolicyQuestion,
): Result<readonly SimulatedDecision[], Failure> {
  const refused = authorize(state, caller, 'iam.simulatePrincipalPolicy', request, region);
  if (refused !== undefined) return err(refused);
  const user = [...state.users.values()].find(({ spec }) => spec.arn === request.principalArn);
  const principal = state.roles.get(request.principalArn) ?? user;
  if (principal === undefined) return err(failure('NotFound', 'NoSuchEntity', `Entity ${request.principalArn} cannot be found.`));
  const requestId = nextRequestId(state);
  return ok(simulated(principal, request).map((decision) => ({ ...decision, requestId })));
}

export function listAttachedRolePolicies(
  { state, caller, region }: At,
  request: { readonly roleName: string },
): Result<readonly { readonly name: string; readonly arn: string }[], Failure> {
  const refused = authorize(state, caller, 'iam.listAttachedRolePolicies', request, region);
  if (refused !== undefined) return err(refused);
  const role = roleNamed(state, request.roleName);
  if (role === undefined) return err(noRole(request.roleName));
  return ok(role.spec.policies.flatMap(({ name, arn }) => (arn === undefined ? [] : [{ name, arn }])));
}

export function listRolePolicies(
  { state, caller, region }: At,
  request: { readonly roleName: string },
): Result<readonly string[], Failure> {
  const refused = authorize(state, caller, 'iam.listRolePolicies', request, region);
  if (refused !== undefined) return err(refused);
  const role = roleNamed(state, request.roleName);
  if (role === undefined) return err(noRole(request.roleName));
  return ok(role.spec.policies.flatMap(({ name, arn }) => (arn === undefined ? [name] : [])));
}

export function getRolePolicy(
  { state, caller, region }: At,
  request: { readonly roleName: string; readonly policyName: string },
): Result<{ readonly document: string }, Failure> {
  const refused = authorize(state, caller, 'iam.getRolePolicy', request, region);
  if (refused !== undefined) return err(refused);
  const role = roleNamed(state, request.roleName);
  if (role === undefined) return err(noRole(request.roleName));
  const policy = role.spec.policies.find(({ name, arn }) => arn === undefined && name === request.policyName);
  if (policy !== undefined) return ok({ document: JSON.stringify(policy.document) });
  return err(failure('NotFound', 'NoSuchEntity', `The role policy with name ${request.policyName} cannot be found.`));
}

export function putRolePolicy(
  { state, caller, region }: At,
  request: { readonly roleName: string; readonly policyName: string; readonly document: string },
): Result<void, Failure> {
  const refused = authorize(state, caller, 'iam.putRolePolicy', request, region);
  if (refused !== undefined) return err(refused);
  const role = roleNamed(state, request.roleName);
  if (role === undefined) return err(noRole(request.roleName));
  const own = { name: request.policyName, document: JSON.parse(request.document) as PolicyDocument };
  const others = role.spec.policies.filter(({ name, arn }) => arn !== undefined || name !== request.policyName);
  state.roles.set(role.spec.arn, compileRole({ ...role.spec, policies: [...others, own] }));
  return ok(undefined);
}

function noRole(name: string): Failure {
  return failure('NotFound', 'NoSuchEntity', `The role with name ${name} cannot be found.`);
}
