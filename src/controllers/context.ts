import type {
  ElasticAccessRequest,
  ElasticConnection,
  ElasticJob,
  ElasticNode,
  ElasticRuntime,
  ElasticRuntimeClass,
} from '../api/generated/types.ts';
import type { DaemonSet, Job, Namespace, Node, Pod, PriorityClass } from '../api/kubernetes.ts';
import type { Catalog } from '../core/packing/catalog.ts';
import type { EventRecorder } from '../machinery/event-recorder.ts';
import type { Store } from '../machinery/store.ts';
import type { AwsPort } from '../ports/aws/index.ts';
import type { ApiPace } from '../ports/aws/pace.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { KubernetesPort } from '../ports/kubernetes.ts';
import type { Sealer } from '../ports/sealer.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { AuditLog } from './audit-log.ts';
import type { ResolvedRuntimes } from './classes/resolved-runtimes.ts';
import type { GrantKeeper } from './identity/grants.ts';
import type { Verifications } from './identity/verifications.ts';
import type { CapacityMemory } from './node/capacity-memory.ts';
import type { CostBounds } from './node/cost-bounds.ts';
import type { Explanations } from './node/explanations.ts';
import type { LaunchFailures } from './node/launch-failures.ts';
import type { HopRefusals } from './runtime/hop-refusals.ts';

/** What the operator is told at its start; fixed for the life of the process. */
export type OperatorSettings = {
  /** Name of the cluster: the first of the stable tags. */
  readonly clusterName: string;
  /** Image of the init container and the node agent: the operator's own. */
  readonly operatorImage: string;
  /** What a new machine needs to join; empty where the machines know it by themselves. */
  /** Minor version of the cluster, e.g. 1.35: names the machine image. */
  readonly kubernetesVersion: string;
  readonly join: { readonly endpoint: string; readonly certificateAuthority: string; readonly serviceCidr: string };
  /** Prices and facts of instance types. */
  readonly catalog: (region: string, zones: readonly string[]) => Catalog | undefined;
  /** A launched instance that has not registered as a Node by then is ended. Milliseconds. */
  readonly registrationTimeoutMs: number;
  /** Ec2: a Node is believed to be an instance where it has its name. Any: where it alone claims the instance's provider id. */
  readonly nodeNames: 'Ec2' | 'Any';
  /** How long an attempt's pods are kept for the node agents to ship their logs. Milliseconds. */
  readonly logFlushTimeoutMs: number;
  /** How often instances are compared with ElasticNodes. Milliseconds. */
  readonly garbagePeriodMs: number;
  /** Whether node agents run: where none do, nothing waits for logs. */
  readonly nodeAgents: boolean;
};

export type Stores = {
  /** Resolved: with what class and defaults make of each spec. */
  readonly runtimes: Store<ElasticRuntime>;
  readonly classes: Store<ElasticRuntimeClass>;
  readonly connections: Store<ElasticConnection>;
  readonly namespaces: Store<Namespace>;
  readonly jobs: Store<ElasticJob, 'runtime' | 'connection'>;
  readonly elasticNodes: Store<ElasticNode, 'runtime' | 'providerID'>;
  readonly nodes: Store<Node, 'providerID'>;
  /** Pods of jobs only. */
  readonly pods: Store<Pod, 'job' | 'node'>;
  readonly childJobs: Store<Job, 'job'>;
  readonly daemonSets: Store<DaemonSet>;
  readonly priorityClasses: Store<PriorityClass>;
  readonly requests: Store<ElasticAccessRequest>;
};

/** All that the controllers share. */
export type OperatorContext = {
  readonly kubernetes: KubernetesPort;
  readonly aws: (region: string) => AwsPort;
  readonly pace: ApiPace;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly sealer: Sealer;
  readonly settings: OperatorSettings;
  readonly stores: Stores;
  /** What holds for a runtime of `stores.runtimes`: class, limits, violations, identities that wait for its nodes. */
  readonly classes: Omit<ResolvedRuntimes, 'store'>;
  readonly grants: GrantKeeper;
  readonly hopRefusals: HopRefusals;
  readonly verifications: Verifications;
  readonly events: EventRecorder;
  readonly audit: AuditLog;
  readonly capacity: CapacityMemory;
  readonly explanations: Explanations;
  readonly costBounds: CostBounds;
  /** Launch templates that EC2 no longer knows: made anew at the next look. */
  readonly missingTemplates: Set<string>;
  readonly launchFailures: LaunchFailures;
};

/** `<namespace>/<name>`: the key of a runtime in every index. */
export function runtimeKey(runtime: { readonly namespace?: string; readonly name: string }): string {
  return `${runtime.namespace}/${runtime.name}`;
}
