import type { PolicyQuestion, SimulatedDecision } from '../../core/preflight/simulation.ts';
import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

export type { PolicyQuestion, SimulatedDecision };

/** A role's policies. Of lists, every page. */
export type IamPort = {
  /** Of the caller's own account. `trust`: JSON text */
  getRole(
    caller: Caller,
    request: { readonly roleName: string },
  ): Promise<AwsResult<{ readonly arn: string; readonly trust: string; readonly requestId?: string }>>;
  /** What the role's own policies and its boundary say of each action, as IAM evaluates them. Nothing is carried out. */
  simulatePrincipalPolicy(caller: Caller, request: PolicyQuestion): Promise<AwsResult<readonly SimulatedDecision[]>>;
  listAttachedRolePolicies(
    caller: Caller,
    request: { readonly roleName: string },
  ): Promise<AwsResult<readonly { readonly name: string; readonly arn: string }[]>>;
  listRolePolicies(caller: Caller, request: { readonly roleName: string }): Promise<AwsResult<readonly string[]>>;
  /** `document`: JSON text */
  getRolePolicy(
    caller: Caller,
    request: { readonly roleName: string; readonly policyName: string },
  ): Promise<AwsResult<{ readonly document: string }>>;
  /** Adds the inline policy, or replaces the one of that name. `document`: JSON text */
  putRolePolicy(
    caller: Caller,
    request: { readonly roleName: string; readonly policyName: string; readonly document: string },
  ): Promise<AwsResult<void>>;
};
