import { type Policy, type PolicyDocument, type PolicyUse, parsePolicy } from '../../core/policy/document.ts';
import type { Principal } from '../../core/policy/principal.ts';
import type { TokenBucket } from '../../core/throttling/bucket.ts';
import type { Tags } from '../../ports/aws/index.ts';
import type { Random } from '../../ports/clock.ts';
import { createRandom } from '../faults.ts';
import type { World } from '../world.ts';
import type { CatalogEntry } from './catalog.ts';
import type { StackState } from './cloudformation.ts';
import { createIotState, type IotState } from './iot.ts';
import type { CallRecord, Decision, ForwardedDecision } from './record.ts';
import type {
  AccountSpec,
  BucketSpec,
  CapacitySpec,
  KeySpec,
  NamedDocument,
  ParameterSpec,
  ResourceSpec,
  RoleSpec,
  SecretSpec,
  SubnetSpec,
  UserSpec,
} from './spec.ts';

/** What the token of a cluster says, once its signature is verified; times in seconds. */
type TokenFacts = { readonly iss: string; readonly sub: string; readonly aud: readonly string[]; readonly exp: number };

/** undefined: not signed by a key that the issuer publishes, or expired. */
export type VerifyToken = (token: string) => TokenFacts | undefined;

/** What the machines of the account do; the composition of a simulated cluster listens. */
export type InstanceEvents = {
  /** The machine is up and its kubelet about to register. */
  booted?(instance: InstanceState): void;
  /** Two minutes' notice of a spot interruption, as IMDS shows it. `endsAt`: milliseconds since the epoch. */
  interruptionNotice?(instance: InstanceState, endsAt: number): void;
  /** Its operating system stops: whatever ran there is gone. */
  stopped?(instance: InstanceState): void;
};

export type Session = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly principal: Extract<Principal, { kind: 'role' }>;
  readonly sessionPolicies?: readonly Policy[];
  /** Percent, of a session with a policy. */
  readonly packedPolicySize?: number;
  readonly expiresAt: number;
};

/** That it is there, and its own policy. */
type Resource = { readonly policy?: Policy };

export type Role = {
  readonly spec: RoleSpec;
  readonly trust: Policy;
  readonly policies: readonly Policy[];
  readonly boundary?: Policy;
  /** From when STS knows it; always where left out. */
  readonly usableFrom?: number;
};

export type User = { readonly spec: UserSpec; readonly policies: readonly Policy[] };

export type StoredObject = {
  readonly key: string;
  readonly body: Uint8Array;
  readonly eTag: string;
  readonly kmsKeyArn?: string;
  /** false: its data key is its own, not one of the bucket. */
  readonly bucketKey?: boolean;
  readonly contentType?: string;
  /** ARN of the session or user that wrote it; undefined for what was there from the start. */
  readonly writer?: string;
  readonly writtenAt: number;
};

export type Bucket = { readonly spec: BucketSpec; readonly policy?: Policy; readonly objects: Map<string, StoredObject> };
type Key = { spec: KeySpec; readonly policy: Policy };

export type TemplateState = {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly instanceProfileArn?: string;
  readonly securityGroupIds: readonly string[];
  /** base64 */
  readonly userData: string;
  readonly volume: { readonly deviceName: string; readonly type: string; readonly sizeGiB: number; readonly kmsKeyArn?: string };
  readonly tags: Tags;
  readonly launchTags: Tags;
  /** From when describe calls show it. */
  readonly visibleAt: number;
};

/** Times are milliseconds since the epoch; what has not happened is Infinity. States follow from them. */
export type InstanceState = {
  readonly instanceId: string;
  readonly type: CatalogEntry;
  readonly zone: string;
  readonly subnetId: string;
  readonly capacityType: 'on-demand' | 'spot';
  readonly usdPerHour: number;
  readonly tags: Tags;
  readonly imageId: string;
  readonly userData: string;
  readonly instanceProfileArn?: string;
  readonly privateDnsName: string;
  readonly volumeIds: readonly string[];
  readonly launchedAt: number;
  readonly visibleAt: number;
  readonly runningAt: number;
  /** Its node never joins (a fault drawn at launch). */
  readonly neverRegisters: boolean;
  stoppingAt: number;
  terminatedAt: number;
  /** Who ended it: the caller of TerminateInstances, `spot`, or what ended it from inside. */
  endedBy?: string;
};

export type Modification = {
  readonly startedAt: number;
  readonly originalGiB: number;
  readonly targetGiB: number;
  /** From when the volume has its new size and is being optimized. */
  readonly optimizingAt: number;
  readonly completedAt: number;
};

export type VolumeState = {
  readonly volumeId: string;
  readonly type: string;
  readonly zone: string;
  readonly initialGiB: number;
  readonly tags: Tags;
  readonly visibleAt: number;
  readonly kmsKeyArn?: string;
  readonly instanceId?: string;
  readonly deviceName?: string;
  readonly modifications: Modification[];
  deletedAt: number;
};

/** The state that all processes share. */
export type AccountState = {
  readonly spec: AccountSpec;
  readonly world: World;
  readonly random: Random;
  readonly verifyToken: VerifyToken;
  readonly events: InstanceEvents;
  readonly roles: Map<string, Role>;
  /** By access key id. */
  readonly users: Map<string, User>;
  readonly sessions: Map<string, Session>;
  readonly buckets: Map<string, Bucket>;
  readonly keys: Map<string, Key>;
  readonly subnets: Map<string, SubnetSpec & { used: number }>;
  readonly profiles: Map<string, string>;
  /** By ARN. */
  readonly managedPolicies: Map<string, NamedDocument & { readonly arn: string; readonly versions?: number }>;
  /** By stack id, deleted ones too. */
  readonly stacks: Map<string, StackState>;
  /** Client request tokens of CloudFormation, and what they were for. */
  readonly stackTokens: Map<string, string>;
  readonly parameters: Map<string, ParameterSpec>;
  /** By ARN. */
  readonly secrets: Map<string, SecretSpec>;
  /** By ARN. */
  readonly resources: Map<string, Resource>;
  readonly iot: IotState;
  readonly types: Map<string, CatalogEntry>;
  readonly capacity: CapacitySpec[];
  readonly templates: Map<string, TemplateState>;
  readonly instances: Map<string, InstanceState>;
  /** The same by the node that they were launched for; tags are never rewritten. */
  readonly instancesOfNode: Map<string, readonly InstanceState[]>;
  readonly volumes: Map<string, VolumeState>;
  /** Client tokens of EC2, `<action>/<token>`: what was asked, and what was answered. */
  readonly clientTokens: Map<string, { readonly parameters: string; readonly answer: unknown }>;
  readonly calls: CallRecord[];
  /** Request ids of calls whose answer has not arrived yet (or never will: the process died). */
  readonly inFlight: Set<string>;
  /** Token buckets by account and API. */
  readonly tokens: Map<string, readonly TokenBucket[]>;
  /** What has been allowed of the call that is being carried out. */
  readonly deciding: Decision[];
  /** What CloudFormation was allowed with its callers' rights. */
  readonly forwarded: ForwardedDecision[];
};

export function createState(spec: AccountSpec, parts: Pick<AccountState, 'world' | 'verifyToken' | 'events'>): AccountState {
  const state: AccountState = {
    ...parts,
    spec,
    random: createRandom(parts.world.seed, 'aws'),
    roles: new Map(spec.roles.map((role) => [role.arn, compileRole(role)])),
    users: new Map(spec.users.map((user) => [user.accessKeyId, { spec: user, policies: user.policies.map(compileNamed) }])),
    sessions: new Map(),
    buckets: new Map(),
    keys: new Map(spec.keys.map((key) => [key.arn, { spec: key, policy: keyPolicy(key) }])),
    subnets: new Map(spec.subnets.map((subnet) => [subnet.id, { ...subnet, used: 0 }])),
    profiles: new Map(spec.instanceProfiles.map(({ arn, roleArn }) => [arn, roleArn])),
    managedPolicies: new Map(
      spec.roles
        .flatMap((role) => role.policies)
        .flatMap(({ name, arn, document }) => (arn === undefined ? [] : [[arn, { name, arn, document }]])),
    ),
    stacks: new Map(),
    stackTokens: new Map(),
    parameters: new Map(spec.parameters.map((parameter) => [parameter.name, parameter])),
    secrets: new Map(spec.secrets.map((secret) => [secret.arn, secret])),
    resources: new Map(spec.resources.map((resource) => [resource.arn, createResource(resource)])),
    iot: createIotState(spec),
    types: new Map(spec.types.map((type) => [type.name, type])),
    capacity: [...spec.capacity],
    templates: new Map(),
    instances: new Map(),
    instancesOfNode: new Map(),
    volumes: new Map(),
    clientTokens: new Map(),
    calls: [],
    inFlight: new Set(),
    tokens: new Map(),
    deciding: [],
    forwarded: [],
  };
  for (const bucket of spec.buckets) state.buckets.set(bucket.name, createBucket(bucket, parts.world.now()));
  return state;
}

export function compileRole(spec: RoleSpec): Role {
  const name = spec.arn.slice(spec.arn.lastIndexOf('/') + 1);
  return {
    spec,
    trust: compile(spec.trust, 'trust', `trust of ${name}`),
    policies: spec.policies.map(compileNamed),
    ...(spec.permissionBoundary === undefined ? {} : { boundary: compile(spec.permissionBoundary, 'identity', `boundary of ${name}`) }),
  };
}

function compileNamed({ name, document }: { readonly name: string; readonly document: PolicyDocument }): Policy {
  return compile(document, 'identity', name);
}

/** `kms:*` for the account: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html */
function keyPolicy({ arn, policy }: KeySpec): Policy {
  const [, partition = 'aws', , , account = ''] = arn.split(':');
  const root = `arn:${partition}:iam::${account}:root`;
  const fallback: PolicyDocument = {
    Version: '2012-10-17',
    Statement: [{ Sid: 'Default', Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' }],
  };
  return compile(policy ?? fallback, 'resource', `policy of key ${arn.slice(arn.lastIndexOf('/') + 1)}`);
}

function createResource({ arn, policy }: ResourceSpec): Resource {
  return policy === undefined ? {} : { policy: compile(policy, 'resource', `policy of ${arn}`) };
}

function createBucket(spec: BucketSpec, now: number): Bucket {
  const objects = new Map<string, StoredObject>();
  for (const { key, body } of spec.objects ?? []) {
    const bytes = new TextEncoder().encode(body);
    const encryption = spec.kmsKeyArn === undefined ? {} : { kmsKeyArn: spec.kmsKeyArn };
    objects.set(key, { key, body: bytes, eTag: '"initial"', writtenAt: now, ...encryption });
  }
  return {
    spec,
    objects,
    ...(spec.policy === undefined ? {} : { policy: compile(spec.policy, 'resource', `policy of bucket ${spec.name}`) }),
  };
}

function compile(document: unknown, use: PolicyUse, name: string): Policy {
  const policy = parsePolicy(document, use, name);
  if (!policy.ok) throw new Error(policy.reason);
  return policy.value;
}

/** 17 hexadecimal digits, as in the ids of EC2. */
export function hexId(state: AccountState, prefix: string): string {
  return `${prefix}-0${state.random.uuid().replaceAll('-', '').slice(0, 16)}`;
}

/** IAM names a role by its name alone, whatever its path is. */
export function roleNamed({ roles }: Pick<AccountState, 'roles'>, name: string): Role | undefined {
  return [...roles.values()].find(({ spec }) => spec.arn.slice(spec.arn.lastIndexOf('/') + 1) === name);
}

/** The stack of that name or id, unless it is deleted. */
export function standing({ stacks }: Pick<AccountState, 'stacks'>, nameOrId: string): StackState | undefined {
  return [...stacks.values()].find(
    ({ name, stackId, status }) => (name === nameOrId || stackId === nameOrId) && status !== 'DELETE_COMPLETE',
  );
}
