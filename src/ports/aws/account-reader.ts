import type { AwsResult } from './errors.ts';

/** A role as it stands: policies as JSON text, whoever attached them. */
export type RoleView = {
  readonly arn: string;
  readonly trust: string;
  /** Inline and attached. */
  readonly policies: readonly { readonly name: string; readonly document: string }[];
  /** ARN of the permissions boundary. */
  readonly boundaryArn?: string;
};

/**
 * What stands in an account, read with a person's own credentials; undefined = there is none of that name. Not the operator's: it leaves no audit record, and
 * retries as the SDK does.
 */
export type AccountReader = {
  /** Whose account: 12 digits. */
  account(): Promise<AwsResult<string>>;
  role(name: string): Promise<AwsResult<RoleView | undefined>>;
  instanceProfile(name: string): Promise<AwsResult<{ readonly arn: string; readonly roleArns: readonly string[] } | undefined>>;
  managedPolicy(arn: string): Promise<AwsResult<{ readonly document: string; readonly users: readonly string[] } | undefined>>;
  /** JSON text; '' = the bucket has no policy. */
  bucketPolicy(bucket: string): Promise<AwsResult<string | undefined>>;
  key(arn: string): Promise<AwsResult<{ readonly policy: string; readonly rotated: boolean } | undefined>>;
  roleAlias(name: string): Promise<AwsResult<{ readonly roleArn: string } | undefined>>;
  certificatePolicy(name: string): Promise<AwsResult<string | undefined>>;
  close(): void;
};
