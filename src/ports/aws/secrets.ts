import type { AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

/** Answers are secrets: they go into memory only. */
export type SsmPort = {
  /** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html, WithDecryption */
  getParameter(caller: Caller, request: { readonly name: string }): Promise<AwsResult<{ readonly value: string }>>;
};

export type SecretsManagerPort = {
  getSecretValue(
    caller: Caller,
    request: { readonly secretId: string; readonly versionStage?: string },
  ): Promise<AwsResult<{ readonly value: string }>>;
};
