import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

/** A role's policies. Of lists, every page. */
export type IamPort = {
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
