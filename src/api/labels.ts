/** Names that other software relies on: labels, annotations, taints, tags, finalizers, conditions. Renaming one breaks customers' IAM. */

export const apiGroup = 'elasticruntime.dev';
export const apiVersion = 'elasticruntime.dev/v1alpha1';

export const operatorNamespace = 'elastic-system';
export const agentNamespace = 'elastic-agents';

/** Node labels. Only the first decides placement: the NodeRestriction admission plugin keeps kubelets from setting `node-restriction.kubernetes.io/` labels themselves. */
export const labels = {
  runtimeUid: 'runtime.node-restriction.kubernetes.io/uid',
  reservedFor: 'runtime.node-restriction.kubernetes.io/reserved-for',
  runtime: 'elasticruntime.dev/runtime',
  /** Of a namespace: the only organization that its runtimes may name. */
  organization: 'elasticruntime.dev/organization',
  namespace: 'elasticruntime.dev/namespace',
  pool: 'elasticruntime.dev/pool',
  nodeRole: 'elasticruntime.dev/node-role',
  job: 'elasticruntime.dev/job',
  jobUid: 'elasticruntime.dev/job-uid',
  attempt: 'elasticruntime.dev/attempt',
  role: 'elasticruntime.dev/role',
  managedBy: 'app.kubernetes.io/managed-by',
  zone: 'topology.kubernetes.io/zone',
  region: 'topology.kubernetes.io/region',
  instanceType: 'node.kubernetes.io/instance-type',
  capacityType: 'karpenter.sh/capacity-type',
  arch: 'kubernetes.io/arch',
  os: 'kubernetes.io/os',
  hostname: 'kubernetes.io/hostname',
} as const;

export const annotations = {
  irsaRole: 'eks.amazonaws.com/role-arn',
  /** The EKS pod identity webhook would set AWS_ROLE_ARN; our init container writes profiles instead, so every container is skipped. */
  irsaSkipContainers: 'eks.amazonaws.com/skip-containers',
  doNotDisrupt: 'karpenter.sh/do-not-disrupt',
  safeToEvict: 'cluster-autoscaler.kubernetes.io/safe-to-evict',
  accessPlanDigest: 'elasticruntime.dev/access-plan',
  simulatedDuration: 'simulation.elasticruntime.dev/duration',
  simulatedExitCode: 'simulation.elasticruntime.dev/exit-code',
  simulatedStartError: 'simulation.elasticruntime.dev/start-error',
  simulatedWrites: 'simulation.elasticruntime.dev/writes-gib-per-hour',
} as const;

export const taints = {
  runtime: 'elasticruntime.dev/runtime',
  unregistered: 'elasticruntime.dev/unregistered',
  disrupted: 'elasticruntime.dev/disrupted',
} as const;

/** AWS tags. The first four are stable: the generated IAM conditions compare them. The last two are checked in code before anything is ended. */
export const tags = {
  cluster: 'elasticruntime.dev/cluster',
  organization: 'elasticruntime.dev/organization',
  namespace: 'elasticruntime.dev/namespace',
  runtime: 'elasticruntime.dev/runtime',
  runtimeUid: 'elasticruntime.dev/runtime-uid',
  nodeUid: 'elasticruntime.dev/node-uid',
  /** Session tag (never a resource tag): the name of the job that a session is for. */
  job: 'elasticruntime.dev/job',
  /** Session tag (never a resource tag): which of our own actors a session belongs to. */
  actor: 'elasticruntime.dev/actor',
} as const;

export const finalizers = {
  runtime: 'elasticruntime.dev/runtime',
  job: 'elasticruntime.dev/job',
  node: 'elasticruntime.dev/termination',
  /** On Secrets (and ConfigMaps) that a runtime or job needs until it is gone. */
  inUse: 'elasticruntime.dev/in-use',
} as const;

export const managedBy = 'elastic-runtime-operator';
