// Made from crds/ by scripts/generate.ts: change those and run it again.
import type { Condition, ObjectMeta, PodTemplate } from '../kubernetes.ts';

export type ElasticRuntime = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticRuntime';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticRuntimeSpec;
  readonly status?: ElasticRuntimeStatus;
};

export type ElasticRuntimeClass = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticRuntimeClass';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticRuntimeClassSpec;
};

export type ElasticJob = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticJob';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticJobSpec;
  readonly status?: ElasticJobStatus;
};

export type ElasticConnection = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticConnection';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticConnectionSpec;
};

export type ElasticNode = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticNode';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticNodeSpec;
  readonly status?: ElasticNodeStatus;
};

export type ElasticAccessRequest = {
  readonly apiVersion: 'elasticruntime.dev/v1alpha1';
  readonly kind: 'ElasticAccessRequest';
  readonly metadata: ObjectMeta;
  readonly spec: ElasticAccessRequestSpec;
  readonly status?: ElasticAccessRequestStatus;
};

/** Objects with nothing required; lists, and what is in them, whole. */
export type Given<T> = T extends readonly unknown[] | Readonly<Record<string, string>> ? T : T extends object ? { readonly [K in keyof T]?: Given<T[K]> } : T;

export type RuntimeDefaults = Given<Pick<ElasticRuntimeSpec, 'organization' | 'region' | 'identities' | 'staging' | 'logs' | 'network' | 'machineImage' | 'initScript' | 'masters' | 'workers' | 'idleTimeout' | 'disruption' | 'orphanProtection' | 'tags' | 'allowedSecrets' | 'accessRevokedBefore' | 'suspend'>>;

/**
 * A Secret of the same namespace.
 */
export type SecretName = {
  readonly name: string;
};
/**
 * Obtain the agent role through the AWS IoT credentials provider in place of the cluster's token.
 */
export type X509 = {
  /**
   * Host of the account's credentials provider, <prefix>.credentials.iot.<region>.amazonaws.com.
   */
  readonly endpoint: string;
  readonly roleAlias: string;
  readonly thingName: string;
  readonly certificateSecretRef: SecretName;
};
/**
 * Secure Agent role. It assumes the operator role, reads at design time, uploads the agent job log and polls logs.
 */
export type AgentIdentity = {
  /**
   * ARN of an IAM role, in the partition aws, aws-cn or aws-us-gov.
   */
  readonly roleArn: string;
  readonly x509?: X509;
};
/**
 * One key of a Secret of the same namespace.
 */
export type SecretKey = {
  readonly name: string;
  readonly key: string;
};
/**
 * Cluster operator role. Assumed by the agent role; creates cluster resources, stages dependencies, may assume master and worker.
 */
export type OperatorIdentity = {
  /**
   * ARN of an IAM role, in the partition aws, aws-cn or aws-us-gov.
   */
  readonly roleArn: string;
  readonly externalIdSecretRef?: SecretKey;
};
/**
 * Master and worker are given both, or neither. Neither means default roles, made from the policies of the agent role.
 */
export type RoleIdentity = {
  /**
   * ARN of an IAM role, in the partition aws, aws-cn or aws-us-gov.
   */
  readonly roleArn: string;
};
/**
 * Instance profile of the nodes, which may join the cluster and pull images, nothing else. Where left out, the one that is made with the default roles, or with given roles the one that kubectl-elastic iam generates.
 */
export type NodeIdentity = {
  readonly instanceProfileArn: string;
};
/**
 * Who accesses what. Role ARNs are immutable while nodes exist.
 */
export type Identities = {
  readonly agent: AgentIdentity;
  readonly operator: OperatorIdentity;
  readonly master?: RoleIdentity;
  readonly worker?: RoleIdentity;
  readonly node?: NodeIdentity;
};
/**
 * A folder in Amazon S3 and the KMS key of the organization that encrypts it. Immutable.
 */
export type ObjectLocation = {
  /**
   * s3://bucket or s3://bucket/folder, without a slash at the end.
   */
  readonly uri: string;
  /**
   * ARN of a KMS key (not of an alias).
   */
  readonly kmsKeyArn: string;
};
/**
 * Where nodes are started. Ids, or tags that select them. May be left out where the runtime class says it.
 */
export type Network = {
  /**
   * @minItems 1
   * @maxItems 64
   */
  readonly subnetIds?: readonly string[];
  /**
   * AWS tags, all of which must be there.
   */
  readonly subnetSelector?: {
    readonly [k: string]: string;
  };
  /**
   * @minItems 1
   * @maxItems 16
   */
  readonly securityGroupIds?: readonly string[];
  /**
   * AWS tags, all of which must be there.
   */
  readonly securityGroupSelector?: {
    readonly [k: string]: string;
  };
};
export type MachineImage = {
  readonly family: 'AL2023' | 'Bottlerocket' | 'Custom';
  /**
   * A release such as v20261101. latest (also where left out) follows the SSM parameter of the family.
   */
  readonly version?: string;
  /**
   * Only with family Custom.
   */
  readonly amiId?: string;
  /**
   * Only with family Custom.
   */
  readonly userData?: string;
};
/**
 * Runs on each node before it joins. Read by the operator as master, pinned by its digest, embedded in the user data.
 */
export type InitScript = {
  /**
   * s3://bucket/key of an object.
   */
  readonly uri: string;
  /**
   * Digest in hexadecimal.
   */
  readonly sha256?: string;
};
export type Requirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt' | 'Gte' | 'Lte';
  /**
   * @maxItems 128
   */
  readonly values?: readonly string[];
  /**
   * At least so many different values stay possible.
   */
  readonly minValues?: number;
};
/**
 * The data volume of a node. It grows when its use passes the threshold, or earlier when the forecast says so; it never shrinks.
 */
export type VolumePlan = {
  readonly type: 'gp3' | 'gp2' | 'io1' | 'io2' | 'st1' | 'sc1';
  readonly initialGiB: number;
  readonly maxGiB: number;
  readonly growAtPercent: number;
  readonly iops?: number;
  readonly throughputMiBps?: number;
};
/**
 * Nodes for the masters (drivers) of jobs.
 */
export type Masters = {
  readonly min: number;
  readonly max: number;
  /**
   * Which instance types, zones and architectures; operators and label keys as in Karpenter.
   *
   * @maxItems 64
   */
  readonly requirements?: readonly Requirement[];
  readonly volumes: VolumePlan;
};
export type Taint = {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
};
export type PoolMachineImage = {
  readonly family: 'AL2023' | 'Bottlerocket' | 'Custom';
  readonly version?: string;
  readonly amiId?: string;
  readonly userData?: string;
};
export type PoolLimits = {
  readonly nodes?: number;
  readonly cpu?: number | string;
  readonly memory?: number | string;
  /**
   * US dollars per hour, such as "60" or "4.25".
   */
  readonly maxUsdPerHour?: string;
};
export type PoolVolumePlan = {
  readonly type?: 'gp3' | 'gp2' | 'io1' | 'io2' | 'st1' | 'sc1';
  readonly initialGiB?: number;
  readonly maxGiB?: number;
  readonly growAtPercent?: number;
  readonly iops?: number;
  readonly throughputMiBps?: number;
};
export type WorkerPool = {
  /**
   * Lower-case letters, digits and hyphens; masters and workers are taken.
   */
  readonly name: string;
  /**
   * Higher is tried first.
   */
  readonly weight: number;
  /**
   * Which instance types, zones and architectures; operators and label keys as in Karpenter.
   *
   * @maxItems 64
   */
  readonly requirements?: readonly Requirement[];
  /**
   * @maxItems 32
   */
  readonly taints?: readonly Taint[];
  readonly labels?: {
    readonly [k: string]: string;
  };
  readonly machineImage?: PoolMachineImage;
  readonly limits?: PoolLimits;
  readonly spotPercent?: number;
  readonly volumes?: PoolVolumePlan;
};
/**
 * Nodes for the workers (executors) of jobs.
 */
export type Workers = {
  readonly min: number;
  readonly max: number;
  /**
   * US dollars per hour, such as "60" or "4.25".
   */
  readonly maxUsdPerHour?: string;
  /**
   * Share of worker vCPUs that may be spot, exact to one node.
   */
  readonly spotPercent: number;
  /**
   * Which instance types, zones and architectures; operators and label keys as in Karpenter.
   *
   * @maxItems 64
   */
  readonly requirements?: readonly Requirement[];
  readonly volumes: VolumePlan;
  /**
   * Kinds of worker nodes. The fields above are their defaults.
   *
   * @maxItems 32
   */
  readonly pools?: readonly WorkerPool[];
};
export type DisruptionBudget = {
  /**
   * A number of nodes or a share such as 10%.
   */
  readonly nodes: string;
  /**
   * Cron expression of five fields at which the budget begins to hold; needs duration.
   */
  readonly schedule?: string;
  /**
   * IANA name, such as Europe/Berlin. UTC where left out.
   */
  readonly timeZone?: string;
  readonly duration?: string;
  /**
   * @maxItems 8
   */
  readonly reasons?: readonly ('Underutilized' | 'Empty' | 'Drifted' | 'Expired')[];
};
/**
 * When nodes are removed or replaced, and how many at once.
 */
export type Disruption = {
  /**
   * A duration or Never.
   */
  readonly consolidateAfter: string;
  /**
   * A duration or Never.
   */
  readonly expireAfter: string;
  /**
   * The longest that a drain may take.
   */
  readonly terminationGracePeriod: string;
  /**
   * @maxItems 50
   */
  readonly budgets: readonly DisruptionBudget[];
};
export type OrphanProtection = {
  /**
   * A node that the operator has not renewed for so long ends itself.
   */
  readonly terminateAfter: string;
};
/**
 * Every field but the class's name may be left to a class that is named; where none is named, the network and what has defaults may be left to the class 'default'. What neither of the two gives and is needed stalls the runtime.
 */
export type ElasticRuntimeSpec = {
  /**
   * The ElasticRuntimeClass whose defaults and limits hold. Without it, the class named default where there is one.
   */
  readonly runtimeClassName?: string;
  /**
   * First folder of every object in staging and logs. Lower-case letters, digits and hyphens. Immutable.
   */
  readonly organization: string;
  /**
   * AWS region, such as us-east-1. Immutable.
   */
  readonly region: string;
  readonly identities: Identities;
  readonly staging: ObjectLocation;
  readonly logs: ObjectLocation;
  readonly network: Network;
  readonly machineImage: MachineImage;
  readonly initScript?: InitScript;
  readonly masters: Masters;
  readonly workers: Workers;
  /**
   * No job for so long: nodes fall to min.
   */
  readonly idleTimeout: string;
  readonly disruption: Disruption;
  readonly orphanProtection: OrphanProtection;
  /**
   * AWS tags on instances, volumes and interfaces. The prefixes aws and elasticruntime.dev/ are refused.
   */
  readonly tags?: {
    readonly [k: string]: string;
  };
  /**
   * Secrets that job templates may use beside those of their connections.
   *
   * @maxItems 64
   */
  readonly allowedSecrets?: readonly string[];
  /**
   * Every grant and pod from before this moment is ended.
   */
  readonly accessRevokedBefore?: string;
  /**
   * True: no new job starts; running ones go on.
   */
  readonly suspend: boolean;
};
export type NodeCounts = {
  readonly masters?: number;
  readonly workers?: number;
  readonly launching?: number;
  /**
   * masters + workers + launching
   */
  readonly total?: number;
};
export type Cost = {
  readonly usdPerHour?: string;
  readonly lowerBoundUsdPerHour?: string;
};
export type ResolvedRole = {
  readonly roleArn?: string;
};
export type ResolvedNode = {
  readonly roleArn?: string;
  readonly instanceProfileArn?: string;
};
/**
 * Default roles as the stack made them; only where spec.identities gives neither master nor worker.
 */
export type ResolvedIdentities = {
  /**
   * ARN of the CloudFormation stack.
   */
  readonly stackId?: string;
  readonly master?: ResolvedRole;
  readonly worker?: ResolvedRole;
  readonly node?: ResolvedNode;
};
export type LaunchTemplateStatus = {
  readonly name: string;
  readonly id?: string;
  readonly version?: string;
  readonly pool?: string;
  readonly role?: 'master' | 'worker';
  readonly imageId?: string;
  readonly digest?: string;
};
export type ElasticRuntimeStatus = {
  readonly observedGeneration?: number;
  /**
   * @maxItems 32
   */
  readonly conditions?: readonly Condition[];
  readonly nodes?: NodeCounts;
  readonly cost?: Cost;
  readonly idleSince?: string;
  /**
   * The runtime class that holds, and what it and the defaults made of the spec.
   */
  readonly resolved?: {
    readonly runtimeClassName?: string;
    /**
     * What the class allows jobs to name. A list that is left out restricts nothing.
     */
    readonly allowed?: {
      /**
       * @maxItems 64
       */
      readonly connectionRoleArns?: readonly string[];
      /**
       * @maxItems 64
       */
      readonly uris?: readonly string[];
      /**
       * @maxItems 64
       */
      readonly kmsKeyArns?: readonly string[];
    };
    readonly [k: string]: unknown;
  };
  readonly identities?: ResolvedIdentities;
  /**
   * @maxItems 128
   */
  readonly launchTemplates?: readonly LaunchTemplateStatus[];
  /**
   * What failed to be verified, as whom, and what to add to which policy.
   */
  readonly preflight?: {
    readonly [k: string]: unknown;
  };
  /**
   * The controllers' own notes; no contract.
   */
  readonly internal?: {
    readonly [k: string]: unknown;
  };
};
export type NamespaceRequirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /**
   * @maxItems 64
   */
  readonly values?: readonly string[];
};
/**
 * Namespaces whose runtimes may use the class, by their labels. All of them where left out.
 */
export type NamespaceSelector = {
  readonly matchLabels?: {
    readonly [k: string]: string;
  };
  /**
   * @maxItems 20
   */
  readonly matchExpressions?: readonly NamespaceRequirement[];
};
/**
 * What fields of runtimes and jobs may say. A list that is left out restricts nothing, an empty one allows nothing. A * stands for any letters of one segment, between two / or two colons; at the end of a pattern for all that follows.
 */
export type Allowed = {
  /**
   * Roles of the identities, and instance profiles (also by the role of the same path and name).
   *
   * @maxItems 64
   */
  readonly roleArns?: readonly string[];
  /**
   * Roles of the connections of jobs.
   *
   * @maxItems 64
   */
  readonly connectionRoleArns?: readonly string[];
  /**
   * Locations of staging, logs and init script; of jobs, of their connections and dependencies. Such as s3://acme-staging/* or, of what connections name by ARN, arn:aws:dynamodb:us-east-1:111122223333:table/acme-*. Bucket names are global: name the bucket in full.
   *
   * @maxItems 64
   */
  readonly uris?: readonly string[];
  /**
   * Keys of staging and logs; of jobs, of their connections.
   *
   * @maxItems 64
   */
  readonly kmsKeyArns?: readonly string[];
  /**
   * With it, runtimes name ids and no selector.
   *
   * @maxItems 256
   */
  readonly subnetIds?: readonly string[];
  /**
   * With it, runtimes name ids and no selector.
   *
   * @maxItems 256
   */
  readonly securityGroupIds?: readonly string[];
  /**
   * @maxItems 3
   */
  readonly imageFamilies?: readonly ('AL2023' | 'Bottlerocket' | 'Custom')[];
  /**
   * Whether master and worker roles may be left out and made.
   */
  readonly defaultRoles: 'Never' | 'Allowed';
  /**
   * Whether the agent role may be had with an X.509 certificate.
   */
  readonly x509: 'Never' | 'Allowed';
  /**
   * Whether a runtime or job goes on where AWS cannot say beforehand whether it will be let in. Never: it is refused, with what could not be verified and why.
   */
  readonly unverifiedAccess: 'Never' | 'Allowed';
};
/**
 * Over all runtimes of a namespace that use the class.
 */
export type LimitsPerNamespace = {
  readonly nodes?: number;
  readonly vcpus?: number;
  /**
   * US dollars per hour, such as "60" or "4.25".
   */
  readonly maxUsdPerHour?: string;
};
export type ElasticRuntimeClassSpec = {
  readonly namespaceSelector?: NamespaceSelector;
  /**
   * The organization that runtimes of the class must name.
   */
  readonly organization?: string;
  readonly allowed: Allowed;
  readonly defaults?: RuntimeDefaults;
  /**
   * Keys that spec.tags of a runtime must have, with a value.
   *
   * @maxItems 40
   */
  readonly requiredTags?: readonly string[];
  readonly limitsPerNamespace?: LimitsPerNamespace;
};
/**
 * Where the role asks for an external ID.
 */
export type ExternalIdSecretRef = {
  readonly name: string;
  readonly key: string;
};
export type ParameterStoreSource = {
  readonly name: string;
};
export type SecretsManagerSource = {
  readonly arn: string;
  readonly versionStage?: string;
};
/**
 * Exactly one source. Parameter Store and Secrets Manager are read as the worker role, below /<organization>/<namespace>/ only.
 */
export type SecretSource = {
  readonly secretRef?: SecretName;
  readonly parameterStore?: ParameterStoreSource;
  readonly secretsManager?: SecretsManagerSource;
};
/**
 * At most one of roleArn, credentials and properties. None means the worker role (the agent role at design time).
 */
export type Authentication = {
  /**
   * Connection role, assumed by the worker role (by the agent role at design time).
   */
  readonly roleArn?: string;
  readonly externalIdSecretRef?: ExternalIdSecretRef;
  readonly credentials?: SecretSource;
  readonly properties?: SecretSource;
};
/**
 * An ElasticConnection of the same namespace, in place of connector, access, location and authentication.
 */
export type ConnectionRef = {
  readonly name: string;
};
export type Connection = {
  /**
   * Lower-case letters, digits and hyphens.
   */
  readonly name: string;
  readonly usage: 'Source' | 'Target' | 'SourceAndTarget';
  /**
   * Such as AmazonS3, Iceberg or JDBC. The connector says whether it has direct access to data in AWS.
   */
  readonly connector?: string;
  /**
   * For connectors that the operator does not know.
   */
  readonly access?: 'Direct' | 'Indirect';
  /**
   * Such as s3://bucket/folder/; of a service of AWS outside S3 the ARN of the table, stream, queue or topic, which is then verified before a node starts. Any other text is the connector's own.
   */
  readonly location?: string;
  /**
   * AWS account of 12 digits.
   */
  readonly expectedBucketOwner?: string;
  readonly kmsKeyArn?: string;
  readonly authentication?: Authentication;
  readonly connectionRef?: ConnectionRef;
  readonly accessRevokedBefore?: string;
};
/**
 * Which identity reaches staging when several could.
 */
export type JobStaging = {
  /**
   * The name of a connection: one with credentials if any has them, else one with a role.
   */
  readonly connection?: string;
  /**
   * Only where no connection has credentials.
   */
  readonly identity?: 'Worker';
};
export type ConfigMapKey = {
  readonly name: string;
  readonly key: string;
};
export type Dependency = {
  /**
   * Relative, without empty, . or .. segments.
   */
  readonly path: string;
  /**
   * s3://bucket/key of an object.
   */
  readonly uri?: string;
  /**
   * Reads the uri. The worker role where left out.
   */
  readonly connection?: string;
  readonly configMapKeyRef?: ConfigMapKey;
  /**
   * Digest in hexadecimal; checked when staged.
   */
  readonly sha256?: string;
};
/**
 * The master (driver). The job succeeds when its container named main exits 0.
 */
export type Master = {
  readonly template: PodTemplate;
};
/**
 * The workers (executors). The job starts when its master and min workers fit, and grows to max as limits and capacity allow.
 */
export type JobWorkers = {
  readonly min: number;
  readonly max: number;
  readonly template?: PodTemplate;
};
export type DynamicAllocation = {
  readonly enabled?: boolean;
  readonly [k: string]: unknown;
};
/**
 * Merged into the container named main.
 */
export type Spark = {
  readonly type: 'Python' | 'Scala' | 'Java' | 'R';
  readonly version?: string;
  /**
   * dependency:<path>, local:///<path in the image>, or a URI.
   */
  readonly mainApplicationFile: string;
  readonly mainClass?: string;
  /**
   * @maxItems 256
   */
  readonly arguments?: readonly string[];
  /**
   * @maxItems 128
   */
  readonly pyFiles?: readonly string[];
  /**
   * @maxItems 128
   */
  readonly jars?: readonly string[];
  /**
   * @maxItems 128
   */
  readonly files?: readonly string[];
  readonly conf?: {
    readonly [k: string]: string;
  };
  readonly dynamicAllocation?: DynamicAllocation;
  readonly driver?: {
    readonly [k: string]: unknown;
  };
  readonly executor?: {
    readonly [k: string]: unknown;
  };
};
/**
 * Immutable but suspend, terminate, workers.min, workers.max and cleanupAfterSeconds.
 */
export type ElasticJobSpec = {
  /**
   * An ElasticRuntime of the same namespace.
   */
  readonly runtime: string;
  /**
   * What the job reads and writes.
   *
   * @maxItems 32
   */
  readonly connections?: readonly Connection[];
  readonly staging?: JobStaging;
  /**
   * Written into staging by the operator identity before the job starts.
   *
   * @maxItems 128
   */
  readonly dependencies?: readonly Dependency[];
  readonly master: Master;
  readonly workers: JobWorkers;
  readonly spark?: Spark;
  /**
   * Whole-gang attempts after the first; losses of infrastructure do not count.
   */
  readonly backoffLimit: number;
  /**
   * From the first start, over all attempts, not while suspended.
   */
  readonly activeDeadlineSeconds?: number;
  /**
   * Before the first start.
   */
  readonly waitDeadlineSeconds?: number;
  /**
   * Of a pod, from the start of its attempt or from when it was bound to its node: one that cannot start (image, Secret, ConfigMap, no place on its own nodes) then ends the attempt, counted against backoffLimit.
   */
  readonly startDeadlineSeconds: number;
  /**
   * After its end, children and stage data go; the ElasticJob stays.
   */
  readonly cleanupAfterSeconds: number;
  /**
   * Deletes the ElasticJob itself.
   */
  readonly ttlSecondsAfterFinished?: number | null;
  readonly priorityClassName?: string;
  /**
   * Never defaulted. Kueue's is obeyed too.
   */
  readonly suspend?: boolean;
  /**
   * End the job and keep its record; one way.
   */
  readonly terminate: boolean;
};
export type Waiting = {
  readonly reason: string;
  readonly message?: string;
  readonly since?: string;
  readonly expectedAt?: string;
};
export type Failure = {
  readonly reason: string;
  readonly message?: string;
  readonly identity?: string;
  readonly pod?: string;
  readonly exitCode?: number;
};
export type WorkerCounts = {
  readonly ready?: number;
  readonly desired?: number;
};
export type AttemptRecord = {
  readonly number: number;
  readonly reason: string;
  readonly message?: string;
  readonly startTime?: string;
  readonly endTime?: string;
};
export type LogLocations = {
  readonly agent?: string;
  readonly master?: string;
  readonly workers?: string;
};
export type AccessPlanRow = {
  readonly phase: 'Design' | 'Create' | 'Run' | 'Complete' | 'Poll';
  readonly resource: string;
  readonly action: 'read' | 'write' | 'list' | 'delete' | 'create' | 'scale' | 'grow';
  readonly identity: string;
  readonly via: 'IRSA' | 'AssumeRole' | 'Broker' | 'X509' | 'Secret';
  /**
   * @maxItems 8
   */
  readonly chain: readonly string[];
  readonly rule: string;
  /**
   * Steps by which the operator's session is wider than this access, so that its policy fits.
   *
   * @maxItems 8
   */
  readonly widened?: readonly string[];
};
/**
 * Bookkeeping of the current attempt.
 */
export type AttemptStatus = {
  readonly number?: number;
  readonly startTime?: string;
  readonly stagedDigest?: string;
  readonly [k: string]: unknown;
};
export type ElasticJobStatus = {
  readonly observedGeneration?: number;
  readonly phase?: 'Pending' | 'Preparing' | 'Waiting' | 'Running' | 'Uploading' | 'Suspended' | 'Succeeded' | 'Failed' | 'Terminated';
  readonly securityType?: 'Credential' | 'Role' | 'Indirect';
  /**
   * @maxItems 32
   */
  readonly conditions?: readonly Condition[];
  readonly waiting?: Waiting;
  readonly failure?: Failure;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly workers?: WorkerCounts;
  readonly attempts?: number;
  /**
   * The last 10.
   *
   * @maxItems 10
   */
  readonly attemptHistory?: readonly AttemptRecord[];
  readonly logs?: LogLocations;
  /**
   * Who accesses what as whom; the rows of kubectl elastic explain.
   *
   * @maxItems 1024
   */
  readonly accessPlan?: readonly AccessPlanRow[];
  readonly attempt?: AttemptStatus;
  /**
   * What was verified, as whom, and what failed.
   */
  readonly preflight?: {
    readonly [k: string]: unknown;
  };
  /**
   * The controllers' own notes; no contract.
   */
  readonly internal?: {
    readonly [k: string]: unknown;
  };
};
/**
 * The fields of a job's inline connection. Without usage, jobs may use it either way.
 */
export type ElasticConnectionSpec = {
  readonly usage?: 'Source' | 'Target' | 'SourceAndTarget';
  /**
   * Such as AmazonS3, Iceberg or JDBC. The connector says whether it has direct access to data in AWS.
   */
  readonly connector: string;
  /**
   * For connectors that the operator does not know.
   */
  readonly access?: 'Direct' | 'Indirect';
  /**
   * Such as s3://bucket/folder/; of a service of AWS outside S3 the ARN of the table, stream, queue or topic, which is then verified before a node starts. Any other text is the connector's own.
   */
  readonly location?: string;
  /**
   * AWS account of 12 digits.
   */
  readonly expectedBucketOwner?: string;
  readonly kmsKeyArn?: string;
  readonly authentication?: Authentication;
  readonly accessRevokedBefore?: string;
};
export type RuntimeRef = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};
export type Offering = {
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId?: string;
  readonly capacityType: 'on-demand' | 'spot' | 'reserved';
  /**
   * The price at the time of the decision.
   */
  readonly usdPerHour?: number;
};
export type NodeImage = {
  readonly amiId?: string;
  readonly family?: 'AL2023' | 'Bottlerocket' | 'Custom';
};
export type LaunchTemplateRef = {
  readonly id?: string;
  readonly version?: string;
};
export type NodeVolume = {
  readonly type: 'gp3' | 'gp2' | 'io1' | 'io2' | 'st1' | 'sc1';
  readonly initialGiB: number;
  readonly maxGiB: number;
  readonly growAtPercent: number;
  readonly deviceName?: string;
  readonly iops?: number;
  readonly throughputMiBps?: number;
};
export type Reservation = {
  readonly jobUid: string;
  readonly jobName?: string;
  readonly attempt: number;
  /**
   * master/0, worker/0, worker/1, ...
   *
   * @maxItems 1024
   */
  readonly slots: readonly string[];
};
/**
 * What the pods that this node was made for ask for in all.
 */
export type RequestedResources = {
  readonly cpuMilli?: number;
  readonly memoryBytes?: number;
  readonly ephemeralStorageBytes?: number;
  readonly pods?: number;
  readonly extended?: {
    readonly [k: string]: number;
  };
};
export type NodeTaint = {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
};
/**
 * The intent. Immutable but attempt and reservedFor.
 */
export type ElasticNodeSpec = {
  readonly runtimeRef: RuntimeRef;
  /**
   * masters, workers, or the name of a worker pool.
   */
  readonly pool: string;
  readonly role: 'master' | 'worker';
  /**
   * What to ask EC2 for, best first.
   *
   * @minItems 1
   * @maxItems 256
   */
  readonly offerings: readonly Offering[];
  /**
   * Persisted before each call of CreateFleet; part of its client token.
   */
  readonly attempt: number;
  readonly image?: NodeImage;
  readonly launchTemplate?: LaunchTemplateRef;
  readonly userDataSha256?: string;
  readonly volume?: NodeVolume;
  /**
   * The ledger: which slots of which job attempts this capacity is kept for. Rebuilt from the jobs and bound pods.
   *
   * @maxItems 256
   */
  readonly reservedFor?: readonly Reservation[];
  readonly requested?: RequestedResources;
  readonly labels?: {
    readonly [k: string]: string;
  };
  /**
   * @maxItems 32
   */
  readonly taints?: readonly NodeTaint[];
  readonly terminationGracePeriod?: string;
  readonly expireAfter?: string;
};
export type VolumeModification = {
  readonly time: string;
  readonly fromGiB: number;
  readonly toGiB: number;
  readonly modificationState?: 'modifying' | 'optimizing' | 'completed' | 'failed';
};
export type NodeVolumeStatus = {
  readonly volumeId: string;
  readonly device?: string;
  readonly sizeGiB?: number;
  /**
   * @maxItems 64
   */
  readonly modifications?: readonly VolumeModification[];
};
export type FileSystemReport = {
  readonly device: string;
  readonly mountPath?: string;
  readonly usedPercent: number;
  readonly sizeBytes?: number;
};
export type Interruption = {
  readonly kind: 'SpotInterruption' | 'RebalanceRecommendation' | 'ScheduledEvent';
  readonly at?: string;
  readonly detail?: string;
};
/**
 * Written by the node agent only.
 */
export type NodeReport = {
  readonly time?: string;
  /**
   * @maxItems 64
   */
  readonly fileSystems?: readonly FileSystemReport[];
  readonly interruption?: Interruption;
  /**
   * Shipped bytes of each log file, by <pod uid>/<container>/<file>.
   */
  readonly logOffsets?: {
    readonly [k: string]: number;
  };
  readonly logs?: {
    readonly [k: string]: unknown;
  };
  /**
   * Audit records of the node agent's last writes of its own records, which no such object can have.
   *
   * @maxItems 256
   */
  readonly accesses?: {
    readonly [k: string]: unknown;
  }[];
};
export type LastLaunch = {
  readonly attempt?: number;
  /**
   * Such as Launched or InsufficientCapacity.
   */
  readonly outcome?: string;
  readonly message?: string;
  readonly time?: string;
  readonly requestId?: string;
};
export type ElasticNodeStatus = {
  readonly observedGeneration?: number;
  readonly offering?: Offering;
  readonly instanceId?: string;
  readonly providerID?: string;
  readonly nodeName?: string;
  phase?:
    'Pending' | 'Launching' | 'Launched' | 'Registered' | 'Initialized' | 'Ready' | 'Draining' | 'Terminating' | 'Terminated' | 'Failed';
  readonly launchTime?: string;
  /**
   * @maxItems 64
   */
  readonly volumes?: readonly NodeVolumeStatus[];
  readonly report?: NodeReport;
  readonly lastLaunch?: LastLaunch;
  /**
   * @maxItems 32
   */
  readonly conditions?: readonly Condition[];
  /**
   * The controllers' own notes; no contract.
   */
  readonly internal?: {
    readonly [k: string]: unknown;
  };
};
export type ElasticAccessRequestSpec = {
  /**
   * Logs: needs the verb poll on the job; Preview: needs the verb preview on it.
   */
  readonly kind: 'Logs' | 'Preview';
  /**
   * ElasticJob of the same namespace.
   */
  readonly job: string;
  /**
   * Whose log, of Logs.
   */
  readonly log?: 'agent' | 'master' | 'worker';
  /**
   * Of which attempt, of Logs; the last one where left out.
   */
  readonly attempt?: number;
  /**
   * Name of the connection, of Preview.
   */
  readonly connection?: string;
  /**
   * Objects after this name only: what an earlier answer ended with.
   */
  readonly after?: string;
  /**
   * Of the key pair that the answer is sealed to: P-256, uncompressed point, base64.
   */
  readonly publicKey: string;
  /**
   * User name of the author, as the API server knows them: checked at admission, and in the audit.
   */
  readonly requestedBy: string;
};
export type SealedObject = {
  /**
   * Below the folder that was asked for.
   */
  readonly name: string;
  readonly size: number;
  /**
   * HPKE (RFC 9180; P-256, HKDF-SHA256, AES-256-GCM): encapsulated key and ciphertext, base64.
   */
  readonly sealedUrl: string;
};
export type ElasticAccessRequestStatus = {
  readonly observedGeneration?: number;
  readonly phase?: 'Answered' | 'Refused';
  readonly reason?: string;
  readonly message?: string;
  /**
   * As whom the objects are read.
   */
  readonly identity?: string;
  /**
   * @maxItems 8
   */
  readonly chain?: readonly string[];
  /**
   * When the URLs end.
   */
  readonly expiresAt?: string;
  /**
   * @maxItems 100
   */
  readonly objects?: readonly SealedObject[];
  /**
   * There are objects after the last of these.
   */
  readonly more?: boolean;
};
