import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

/** What IAM says of a role's policies. Every page. */
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
};
