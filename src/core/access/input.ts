/**
 * What the access rules read of a runtime, a job and a connection: structural, so that the generated API types satisfy it and nothing that is
 * not here can influence a decision.
 */

type Maybe<T> = T | undefined;

export type SecretName = { readonly name: string };
export type SecretKey = { readonly name: string; readonly key?: Maybe<string> };

/** Exactly one is given. */
export type SecretSource = {
  readonly secretRef?: Maybe<SecretName>;
  readonly parameterStore?: Maybe<{ readonly name: string }>;
  readonly secretsManager?: Maybe<{ readonly arn: string; readonly versionStage?: Maybe<string> }>;
};

/** At most one of role, credentials and properties is given; none = the worker role (the agent at design time). */
export type Authentication = {
  readonly roleArn?: Maybe<string>;
  readonly externalIdSecretRef?: Maybe<SecretKey>;
  readonly credentials?: Maybe<SecretSource>;
  readonly properties?: Maybe<SecretSource>;
};

/** An ElasticConnection's spec, or the fields of an inline connection. */
export type ConnectionSpec = {
  readonly usage?: Maybe<string>;
  readonly connector?: Maybe<string>;
  readonly access?: Maybe<string>;
  readonly location?: Maybe<string>;
  /** No rule reads these two; they go with the connection to whoever uses it. */
  readonly expectedBucketOwner?: Maybe<string>;
  readonly kmsKeyArn?: Maybe<string>;
  readonly authentication?: Maybe<Authentication>;
};

export type JobConnection = ConnectionSpec & {
  readonly name: string;
  readonly connectionRef?: Maybe<{ readonly name: string }>;
};

export type Dependency = {
  readonly path: string;
  readonly uri?: Maybe<string>;
  readonly connection?: Maybe<string>;
};

type Metadata = { readonly name?: Maybe<string>; readonly namespace?: Maybe<string> };
type Location = { readonly uri: string; readonly kmsKeyArn?: Maybe<string> };
/** `uid`: only of a runtime that was applied. */
type RuntimeMetadata = Metadata & { readonly uid?: Maybe<string> };

export type AccessRuntime = {
  readonly metadata: RuntimeMetadata;
  readonly spec: {
    readonly organization: string;
    readonly region?: Maybe<string>;
    readonly identities: {
      readonly agent: {
        readonly roleArn: string;
        readonly x509?: Maybe<{ readonly endpoint?: Maybe<string>; readonly certificateSecretRef?: Maybe<SecretName> }>;
      };
      readonly operator: { readonly roleArn: string; readonly externalIdSecretRef?: Maybe<SecretKey> };
      readonly master?: Maybe<{ readonly roleArn: string }>;
      readonly worker?: Maybe<{ readonly roleArn: string }>;
      readonly node?: Maybe<{ readonly instanceProfileArn: string }>;
    };
    readonly initScript?: Maybe<{ readonly uri: string }>;
    readonly staging?: Maybe<Location>;
    readonly logs?: Maybe<Location>;
  };
};

export type AccessJob = {
  readonly metadata: Metadata;
  readonly spec: {
    readonly runtime: string;
    readonly connections?: Maybe<readonly JobConnection[]>;
    readonly staging?: Maybe<{ readonly connection?: Maybe<string>; readonly identity?: Maybe<string> }>;
    readonly dependencies?: Maybe<readonly Dependency[]>;
  };
};

export type AccessInput = {
  readonly runtime: AccessRuntime;
  readonly job: AccessJob;
  /** The ElasticConnections of the job's namespace, by name, that a `connectionRef` may find. */
  readonly connections?: ReadonlyMap<string, ConnectionSpec>;
};
