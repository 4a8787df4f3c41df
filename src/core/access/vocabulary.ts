/** The words of an access plan, as `kubectl-elastic explain` prints them. */

export const phases = ['Design', 'Create', 'Run', 'Complete', 'Poll'] as const;
export type Phase = (typeof phases)[number];

export type Action = 'read' | 'write' | 'list' | 'delete' | 'create' | 'scale' | 'grow';

export type Resource =
  | `connection:${string}`
  | `connection-secret:${string}`
  | `dependency:${string}`
  | 'staging'
  | 'dependencies'
  | 'log'
  | 'log:worker'
  | 'log:master'
  | 'log:agent'
  | 'init-script'
  | 'cluster-info'
  | 'cluster-resources'
  | 'nodes'
  | 'volumes';

/** The runtime's own identities: each is one IAM role. */
export type RuntimeIdentity = 'agent' | 'operator' | 'master' | 'worker';

export type ConnectionRole = `connectionRole:${string}`;
/** Static AWS keys of a connection. */
export type ConnectionCredentials = `connectionCredentials:${string}`;
/** A connection's login outside AWS. */
export type ConnectionProperties = `connectionProperties:${string}`;

export type Identity = RuntimeIdentity | ConnectionRole | ConnectionCredentials | ConnectionProperties;

/**
 * How whoever makes the call came to the identity: IRSA = a web identity token (a pod's own, or the agent's); X509 = the agent's certificate;
 * AssumeRole = one or more hops; Broker = hops of the operator, the session handed to a node agent; Secret = nothing of ours: static keys or a login.
 */
export type Via = 'IRSA' | 'AssumeRole' | 'Broker' | 'X509' | 'Secret';

export type AccessRow = {
  readonly phase: Phase;
  readonly resource: Resource;
  readonly action: Action;
  readonly identity: Identity;
  readonly via: Via;
  /** Role ARNs in the order in which they are assumed; the last one is the identity. Empty for credentials and properties. */
  readonly chain: readonly string[];
  /** `<stable id of the rule>: <why it decided so>` */
  readonly rule: string;
  /** Steps by which the operator's session for it is wider than the access itself, so that its policy fits; absent = not at all. */
  readonly widened?: readonly string[];
};

export type SecurityType = 'Credential' | 'Role' | 'Indirect';

/** Why no plan can be made. Holds names and references, never what a Secret holds. */
export type AccessError = {
  /** `ElasticJob finance/nightly-orders` */
  readonly object: string;
  /** `spec.connections[1].authentication` */
  readonly field: string;
  /** What stands there, as one short text; empty where nothing does. */
  readonly value: string;
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
};
