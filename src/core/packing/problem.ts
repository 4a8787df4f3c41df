/**
 * What the planner is asked and what it answers. Pod and node parts have the shape of the Kubernetes API (core/v1), trimmed to what
 * placing reads, so that a cached Pod or a manifest fits without conversion. Amounts are Kubernetes quantities (`500m`, `1Gi`, 2).
 *
 * All of it is data that nobody changes after handing it over: the planner remembers what it derived from a node or an instance type
 * by the object's identity, so a caller that keeps unchanged objects between calls gets re-planning at the price of the change.
 */
export type ResourceList = Readonly<Record<string, string | number>>;
export type Labels = Readonly<Record<string, string>>;

export type NodeSelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
export type NodeRequirement = { readonly key: string; readonly operator: NodeSelectorOperator; readonly values?: readonly string[] };
export type NodeSelectorTerm = {
  readonly matchExpressions?: readonly NodeRequirement[];
  readonly matchFields?: readonly NodeRequirement[];
};

export type LabelSelector = {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
};

export type PodAffinityTerm = {
  readonly topologyKey: string;
  readonly labelSelector?: LabelSelector;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
};

export type PodAffinityRules = {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[];
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
    readonly weight: number;
    readonly podAffinityTerm: PodAffinityTerm;
  }[];
};

export type TopologySpreadConstraint = {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway';
  readonly labelSelector?: LabelSelector;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy?: 'Honor' | 'Ignore';
  readonly nodeTaintsPolicy?: 'Honor' | 'Ignore';
  readonly matchLabelKeys?: readonly string[];
};

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
export type Taint = { readonly key: string; readonly value?: string; readonly effect: TaintEffect };
export type Toleration = {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: TaintEffect;
};

export type ResourceRequirements = { readonly requests?: ResourceList; readonly limits?: ResourceList };
export type Container = {
  readonly resources?: ResourceRequirements;
  readonly ports?: readonly {
    readonly containerPort?: number;
    readonly hostPort?: number;
    readonly hostIP?: string;
    readonly protocol?: string;
  }[];
  /** Of an init container: `Always` makes it a sidecar. */
  readonly restartPolicy?: string;
};

export type PodSpec = {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly resources?: ResourceRequirements;
  readonly overhead?: ResourceList;
  readonly hostNetwork?: boolean;
  readonly nodeSelector?: Labels;
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly NodeSelectorTerm[] };
      readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
        readonly weight: number;
        readonly preference: NodeSelectorTerm;
      }[];
    };
    readonly podAffinity?: PodAffinityRules;
    readonly podAntiAffinity?: PodAffinityRules;
  };
  readonly tolerations?: readonly Toleration[];
  readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[];
};

export type PackingPod = {
  /** Unique in the problem: `namespace/name`, or a slot's key before its pod exists. */
  readonly key: string;
  readonly namespace: string;
  readonly labels?: Labels;
  readonly spec: PodSpec;
  /** The value of its PriorityClass; 0 where absent. Higher ones are placed first when not all fit. */
  readonly priority?: number;
  /** Id of the gang it belongs to: either every pod of that id is placed, or none. */
  readonly gang?: string;
  /** Key that admits it to nodes whose `reservedFor` names it (a job uid). Its gang's id admits it too. */
  readonly reservation?: string;
  /** Of its bound volumes: the zones in which all of them can be attached, and how many attachments they take. */
  readonly volumes?: { readonly zones?: readonly string[]; readonly attachments?: number };
  /** Of a running pod: it is being deleted, so topology spread no longer counts it. Its resources stay taken. */
  readonly terminating?: boolean;
};

export type PackingNode = {
  readonly name: string;
  readonly labels: Labels;
  readonly taints?: readonly Taint[];
  readonly allocatable: ResourceList;
  /** What runs there, daemons included. Of a `launching` node the daemons are added by the planner. */
  readonly pods: readonly PackingPod[];
  readonly launching?: boolean;
  /** Cordoned or draining: nothing new is placed, what runs there still counts for affinity and spread. */
  readonly unschedulable?: boolean;
  /** Not empty: only pods with one of these gang ids or reservation keys may be placed. */
  readonly reservedFor?: readonly string[];
  /** Name of the pool that its limits and spot share count against. */
  readonly pool?: string;
  readonly usdPerHour?: number;
};

export type InstanceType = {
  readonly name: string;
  /** What an empty node of this type offers, `pods` included, before `reserved`. */
  readonly capacity: ResourceList;
  /** Taken by the machine itself: hypervisor, kube-reserved, system-reserved, eviction threshold. */
  readonly reserved?: ResourceList;
  /** Well-known and EC2 labels other than zone and capacity type. */
  readonly labels: Labels;
};

export type CapacityType = 'on-demand' | 'spot';
export type Offering = {
  readonly instanceType: string;
  readonly zone: string;
  readonly capacityType: CapacityType;
  readonly usdPerHour: number;
};

/** Insufficient capacity remembered: an absent field means every one. */
export type UnavailableOffering = { readonly instanceType?: string; readonly zone?: string; readonly capacityType?: CapacityType };

export type PoolRequirement = NodeRequirement & {
  /** So many different values of the key must stay possible in the list of offerings of each node (Karpenter's minValues). */
  readonly minValues?: number;
};

/** Over all nodes together, by the nominal sizes of their types. */
export type LaunchCaps = { readonly nodes?: number; readonly vcpus?: number; readonly memoryGiB?: number; readonly usdPerHour?: number };

export type PackingPool = {
  readonly name: string;
  /** A pod goes to the heaviest pool that can take it, whatever the price (Karpenter's weight). */
  readonly weight?: number;
  readonly labels?: Labels;
  readonly taints?: readonly Taint[];
  readonly requirements?: readonly PoolRequirement[];
  readonly minNodes?: number;
  readonly limits?: LaunchCaps;
  /** Share of the vCPUs of this pool's share group (its own name where absent) that are spot, exact to one node. Absent: whatever is cheapest. */
  readonly spotPercent?: number;
  readonly spotShareGroup?: string;
};

export type PackingGang = {
  readonly id: string;
  /** All of its pods in one zone, whichever is cheapest. */
  readonly singleZone?: boolean;
};

export type PackingProblem = {
  readonly pods: readonly PackingPod[];
  readonly nodes: readonly PackingNode[];
  readonly types: readonly InstanceType[];
  readonly offerings: readonly Offering[];
  readonly pools: readonly PackingPool[];
  /** One pod per DaemonSet, as it would run on a node that it fits: subtracted from new and launching nodes. */
  readonly daemons?: readonly PackingPod[];
  readonly gangs?: readonly PackingGang[];
  /** Over all pools; nodes that exist count. `whose` is said where it keeps a pod waiting. */
  readonly limits?: LaunchCaps & { readonly whose?: string };
  readonly unavailable?: readonly UnavailableOffering[];
  /** Labels of namespaces, for the namespaceSelector of affinity terms. */
  readonly namespaces?: Readonly<Record<string, Labels>>;
  /** `Ignore`: preferred terms, ScheduleAnyway and PreferNoSchedule have no effect. Default `Respect`: kept unless a pod could then not be placed. */
  readonly preferences?: 'Respect' | 'Ignore';
  /** Steps of improvement after the first feasible plan; 0 = none. The default suits a controller (well below a second for 10,000 pods). */
  readonly effort?: number;
};

export type NewNode = {
  /** Unique in the plan: `new-1`, `new-2`, … */
  readonly name: string;
  readonly pool: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly capacityType: CapacityType;
  readonly usdPerHour: number;
  /** The chosen offering first, then by price what could be launched in its place without moving a pod. */
  readonly offerings: readonly Offering[];
  readonly labels: Labels;
  readonly pods: readonly string[];
  /** In base units (millicores, bytes, counts): what pods may use, and what these pods request. */
  readonly allocatable: Readonly<Record<string, number>>;
  readonly requested: Readonly<Record<string, number>>;
};

export type Assignment = { readonly pod: string; readonly node: string };

export type UnschedulableReason =
  | 'InvalidPod'
  | 'NoOffering'
  | 'TooLarge'
  | 'Affinity'
  | 'TopologySpread'
  | 'LimitReached'
  | 'InsufficientCapacity'
  | 'GangIncomplete'
  | 'MinValues';

export type Unschedulable = {
  readonly pod: string;
  readonly reason: UnschedulableReason;
  /** One sentence: which rule kept it out. */
  readonly message: string;
  /** The offering that came closest, and what excluded it. */
  readonly nearest?: { readonly offering: Offering; readonly excludedBy: string };
};

export type PackingPlan = {
  /** Onto nodes that exist or are launching. */
  readonly assignments: readonly Assignment[];
  readonly newNodes: readonly NewNode[];
  readonly unschedulable: readonly Unschedulable[];
  /** Keys of the placed pods in an order in which the scheduler's filters accept each on its node, given those before it. */
  readonly order: readonly string[];
  /** Of the new nodes. */
  readonly usdPerHour: number;
  /** No set of new nodes that holds the placed pods costs less. */
  readonly lowerBoundUsdPerHour: number;
  /** usdPerHour / lowerBoundUsdPerHour - 1; 0 where both are 0. */
  readonly gap: number;
  /** Input that was left out, and why: an offering without a price, a pool with contradicting requirements. */
  readonly rejected: readonly { readonly subject: string; readonly reason: string }[];
};
