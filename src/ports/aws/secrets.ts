import type { AwsError, AwsResult } from './errors.ts';
import type { Caller } from './grant.ts';

/** Answers are secrets: they go into memory only. */
export type SsmPort = {
  /** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html, WithDecryption */
  // `secure`: a parameter of another type than SecureString is refused (Invalid, NotSecureString): its value was never secret.
  getParameter(
    caller: Caller,
    request: { readonly name: string; readonly secure?: boolean },
  ): Promise<AwsResult<{ readonly value: string }>>;
};

export type SecretsManagerPort = {
  getSecretValue(
    caller: Caller,
    request: { readonly secretId: string; readonly versionStage?: string },
  ): Promise<AwsResult<{ readonly value: string }>>;
};

export function notSecureString(name: string): AwsError {
  const message = `parameter ${name} is no SecureString: store it anew with --type SecureString, and change what it held`;
  return { kind: 'Invalid', code: 'NotSecureString', message };
}
