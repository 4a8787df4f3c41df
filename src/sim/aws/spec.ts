import type { PolicyDocument } from '../../core/policy/document.ts';
import type { CatalogEntry } from './catalog.ts';

/** What an account holds when a history starts. Made by `accountFor` from manifests, or by hand. */
export type AccountSpec = {
  /** Home account: of EC2, parameters and secrets. Roles, users, buckets and keys may belong to others: their ARNs and owners say so. */
  readonly accountId: string;
  readonly region: string;
  readonly oidcProviders: readonly OidcProvider[];
  readonly roles: readonly RoleSpec[];
  readonly users: readonly UserSpec[];
  readonly buckets: readonly BucketSpec[];
  readonly keys: readonly KeySpec[];
  readonly subnets: readonly SubnetSpec[];
  readonly instanceProfiles: readonly { readonly arn: string; readonly roleArn: string }[];
  readonly parameters: readonly ParameterSpec[];
  readonly secrets: readonly SecretSpec[];
  readonly resources: readonly ResourceSpec[];
  readonly iot: IotSpec;
  readonly quotas: Quotas;
  readonly capacity: readonly CapacitySpec[];
  readonly interruptions: readonly InterruptionSpec[];
  readonly types: readonly CatalogEntry[];
};

/** With an ARN: a managed policy, else an inline one. */
export type NamedDocument = { readonly name: string; readonly arn?: string; readonly document: PolicyDocument };

type OidcProvider = {
  readonly arn: string;
  /** Host and path, no scheme */
  readonly issuer: string;
  readonly clientIds: readonly string[];
};

export type RoleSpec = {
  readonly arn: string;
  readonly trust: PolicyDocument;
  readonly policies: readonly NamedDocument[];
  readonly permissionBoundary?: PolicyDocument;
  readonly boundaryArn?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** 3,600 to 43,200; default 3,600 */
  readonly maxSessionSeconds?: number;
};

export type UserSpec = {
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Only of temporary keys that somebody put into a Secret. */
  readonly sessionToken?: string;
  readonly policies: readonly NamedDocument[];
};

export type BucketSpec = {
  readonly name: string;
  readonly region: string;
  /** Account id */
  readonly owner: string;
  /** Default encryption; none = SSE-S3 */
  readonly kmsKeyArn?: string;
  readonly policy?: PolicyDocument;
  readonly objects?: readonly { readonly key: string; readonly body: string }[];
};

/** Without a policy: AWS's default one, which leaves everything to the IAM policies of the key's account. */
export type KeySpec = { readonly arn: string; readonly enabled: boolean; readonly policy?: PolicyDocument };

export type SubnetSpec = {
  readonly id: string;
  readonly zone: string;
  readonly freeAddresses: number;
  readonly tags: Readonly<Record<string, string>>;
};

/** `plain`: of type String; SecureString where left out. */
export type ParameterSpec = { readonly name: string; readonly value: string; readonly kmsKeyArn?: string; readonly plain?: boolean };

export type SecretSpec = {
  readonly arn: string;
  readonly name: string;
  /** By version stage; AWSCURRENT is what a call without a stage gets. */
  readonly versions: Readonly<Record<string, string>>;
  readonly kmsKeyArn?: string;
};

/** A table, stream, queue, … of another service: that it is there is all that is known of it. */
export type ResourceSpec = { readonly arn: string; readonly policy?: PolicyDocument };

export type IotSpec = {
  readonly things: readonly string[];
  readonly policies: readonly NamedDocument[];
  readonly roleAliases: readonly { readonly arn: string; readonly roleArn: string; readonly seconds: number }[];
  readonly certificates: readonly CertificateSpec[];
};

/** Active from the start. */
export type CertificateSpec = { readonly pem: string; readonly things: readonly string[]; readonly policies: readonly string[] };

/** Running vCPUs per account and region. */
export type Quotas = {
  readonly onDemandVcpus: number;
  readonly spotVcpus: number;
  /** Characters of session policy and tags that STS packs into a session token; left out = more than the plain limits let through. */
  readonly packedSessionCharacters?: number;
};

/** At most so many instances at once; what no entry names is without limit. An entry without zone or capacity type counts over all of them. */
export type CapacitySpec = {
  readonly instanceType?: string;
  readonly zone?: string;
  readonly capacityType?: 'on-demand' | 'spot';
  readonly instances: number;
};

/** Spot instances that AWS takes back, oldest first, `atMs` after the start of the history. */
export type InterruptionSpec = {
  readonly atMs: number;
  readonly instanceType?: string;
  readonly zone?: string;
  /** Default all that match */
  readonly count?: number;
};
