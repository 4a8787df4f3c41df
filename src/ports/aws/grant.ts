import type { AccessNote } from '../../core/audit/attribution.ts';

/**
 * A grant: temporary (or static) credentials, held by the adapter's vault and known here by a handle only. Nothing in this type is a secret;
 * the adapter opens the sealed material to sign one call.
 */
export type Grant = {
  /** Handle into the adapter's vault. */
  readonly id: string;
  /** As in the access plan: agent, operator, master, worker, connectionRole:NAME, connectionCredentials:NAME. */
  readonly identity: string;
  /** Role ARNs in the order they were assumed; empty for static credentials. */
  readonly chain: readonly string[];
  /** Role session name; the access key id's last four characters for static credentials. */
  readonly sessionName: string;
  /** Milliseconds since the epoch; Infinity for static credentials. */
  readonly expiresAt: number;
  /** Steps by which its session policy is wider than the access it was made for; absent = not at all. */
  readonly widened?: readonly string[];
  /** Percent of STS's limit that session policy and tags take when packed, where STS said so. */
  readonly packedPolicySize?: number;
};

/** On whose behalf a call is made: goes into the audit record. */
export type Subject = {
  /** Name of the Kubernetes cluster */
  readonly cluster?: string;
  /** `<namespace>/<name>` of the ElasticRuntime */
  readonly runtime: string;
  /** `<namespace>/<name>` of the ElasticJob */
  readonly job?: string;
  /** Name of the ElasticNode */
  readonly node?: string;
  /** The row of the access plan that the call belongs to. */
  readonly access?: AccessNote;
  /** The call verifies an access before anything uses it; its session is the runtime's, and the answer may serve other jobs, too. */
  readonly preflight?: true;
  /** Who asked for it, where a person did: their user name in the cluster. */
  readonly person?: string;
};

/** Who calls: a grant, on behalf of a subject. */
export type Caller = { readonly grant: Grant; readonly subject: Subject };
