import type { PolicyDocument } from './document.ts';

/** What the generated IAM depends on: structural, so that the generated API types satisfy it. */
type Maybe<T> = T | undefined;
type SecretKey = { readonly name: string; readonly key: string };
type Location = { readonly uri: string; readonly kmsKeyArn: string };

export type PolicyRuntime = {
  readonly metadata: { readonly name?: Maybe<string>; readonly namespace?: Maybe<string>; readonly uid?: Maybe<string> };
  readonly spec: {
    readonly organization: string;
    readonly region: string;
    readonly identities: {
      readonly agent: {
        readonly roleArn: string;
        readonly x509?: Maybe<{
          readonly roleAlias: string;
          readonly thingName?: Maybe<string>;
          readonly certificateSecretRef?: Maybe<{ readonly name: string }>;
        }>;
      };
      readonly operator: { readonly roleArn: string; readonly externalIdSecretRef?: Maybe<SecretKey> };
      readonly master?: Maybe<{ readonly roleArn: string }>;
      readonly worker?: Maybe<{ readonly roleArn: string }>;
      readonly node?: Maybe<{ readonly instanceProfileArn: string }>;
    };
    readonly staging: Location;
    readonly logs: Location;
    readonly network?: Maybe<{
      readonly subnetIds?: Maybe<readonly string[]>;
      readonly subnetSelector?: Maybe<Readonly<Record<string, string>>>;
      readonly securityGroupIds?: Maybe<readonly string[]>;
    }>;
    readonly initScript?: Maybe<{ readonly uri: string }>;
    readonly tags?: Maybe<Readonly<Record<string, string>>>;
  };
};

export type PolicyConnection = {
  readonly name: string;
  readonly usage?: Maybe<string>;
  readonly connector?: Maybe<string>;
  readonly location?: Maybe<string>;
  readonly kmsKeyArn?: Maybe<string>;
  readonly authentication?: Maybe<{
    readonly roleArn?: Maybe<string>;
    readonly externalIdSecretRef?: Maybe<SecretKey>;
    readonly credentials?: Maybe<object>;
    readonly properties?: Maybe<object>;
  }>;
};

export type PolicyJob = {
  readonly metadata: { readonly name?: Maybe<string>; readonly namespace?: Maybe<string> };
  readonly spec: {
    readonly runtime: string;
    readonly connections?: Maybe<readonly PolicyConnection[]>;
    readonly staging?: Maybe<{ readonly connection?: Maybe<string>; readonly identity?: Maybe<string> }>;
    readonly dependencies?: Maybe<readonly { readonly path: string; readonly uri?: Maybe<string>; readonly connection?: Maybe<string> }[]>;
  };
};

export type DocumentsInput = {
  readonly runtime: PolicyRuntime;
  /** Jobs of this runtime, `connectionRef`s replaced by what they name. */
  readonly jobs?: Maybe<readonly PolicyJob[]>;
  /** Value of the tag `elasticruntime.dev/cluster`. */
  readonly clusterName: string;
  readonly accountId: string;
  /** `arn:aws:iam::<account>:oidc-provider/<issuer>` */
  readonly oidcProviderArn: string;
  /** Issuer of the cluster's tokens, with or without `https://`. */
  readonly issuer: string;
  /** Values of external IDs by `<Secret>/<key>`; one that is not here gets a value that no caller can send. */
  readonly externalIds?: Maybe<Readonly<Record<string, string>>>;
};

export type RoleDocuments = {
  readonly roleArn: string;
  readonly trust: PolicyDocument;
  readonly permissions: PolicyDocument;
};

export type RuntimeDocuments = {
  readonly agent: RoleDocuments;
  readonly operator: RoleDocuments;
  readonly master: RoleDocuments;
  readonly worker: RoleDocuments;
  readonly node: RoleDocuments & { readonly instanceProfileArn: string };
  /** By role ARN: several connections may share a role, and jobs give one name to connections of several roles. */
  readonly connectionRoles: Readonly<Record<string, RoleDocuments>>;
};
