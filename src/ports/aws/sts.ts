import type { AwsResult } from './errors.ts';
import type { Caller, Grant, Subject } from './grant.ts';

/** WebCrypto opens a sealed grant asynchronously; an in-memory vault need not. Await it. */
type MaybePromise<T> = T | Promise<T>;

type AssumeCommon = {
  /** What the access plan calls the session's identity. */
  readonly identity: string;
  readonly roleArn: string;
  readonly sessionName: string;
  /** 900..3600; chained roles never get more than an hour (https://docs.aws.amazonaws.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining) */
  readonly durationSeconds: number;
  /** Inline session policy, a JSON document of at most 2,048 characters. */
  readonly policy?: string;
};

export type StsPort = {
  /** `token` is a secret: the ServiceAccount's web identity token. Unsigned call: there is no caller's grant yet. */
  assumeRoleWithWebIdentity(subject: Subject, request: AssumeCommon & { readonly token: string }): Promise<AwsResult<Grant>>;
  /** `externalId` is a secret. `tags` are session tags, never transitive. */
  assumeRole(
    caller: Caller,
    request: AssumeCommon & { readonly externalId?: string; readonly tags?: Readonly<Record<string, string>> },
  ): Promise<AwsResult<Grant>>;
  /** Who the caller's credentials are, as STS sees them: the cheapest call that proves they work. */
  getCallerIdentity(caller: Caller): Promise<AwsResult<{ readonly account: string; readonly arn: string }>>;
  /** Seals static keys of a connection into a grant. Makes no call. */
  staticGrant(
    identity: string,
    keys: {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
      readonly expiresAt?: number;
      readonly chain?: readonly string[];
      readonly sessionName?: string;
    },
  ): Grant;
  /** Hands the material out, to the broker only, for a session made for a node agent. */
  exportGrant(
    grant: Grant,
  ): MaybePromise<{ readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string } | undefined>;
  /** Drops the material. Idempotent. */
  release(grant: Grant): void;
};
