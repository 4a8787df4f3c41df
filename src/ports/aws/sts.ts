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
  /** Steps by which `policy` is wider than the access that the session is for. Sent to nobody: it goes into the grant, and from there into the audit. */
  readonly widened?: readonly string[];
};

/**
 * A session policy and tags whose packed size is over STS's limit are answered with an Invalid error of code `PackedPolicyTooLarge`
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html); a wider, shorter policy may fit.
 */
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
