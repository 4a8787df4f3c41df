import type { PolicyDocument } from '../../core/policy/document.ts';
import type { AuditPort, AwsPort } from '../../ports/aws/index.ts';
import type { ApiPace } from '../../ports/aws/pace.ts';
import type { SimulatedProcess, World } from '../world.ts';
import { placeStack, removeStack, type StackState } from './cloudformation.ts';
import { interrupt } from './fleet.ts';
import { endInstance, isLive, stateOf } from './instances.ts';
import { type CertificateState, putCertificate } from './iot.ts';
import { createPort } from './port.ts';
import { fetchPresigned } from './presigned.ts';
import type { CallRecord, ForwardedDecision } from './record.ts';
import type { AccountSpec, CapacitySpec, CertificateSpec, InterruptionSpec, RoleSpec } from './spec.ts';
import {
  type AccountState,
  compileRole,
  createState,
  type InstanceEvents,
  type InstanceState,
  type StoredObject,
  type VerifyToken,
  type VolumeState,
} from './state.ts';
import { sizeOf } from './volumes.ts';

export { accountFor } from './account.ts';
export { simulatedCatalog } from './catalog.ts';
export { type CallRecord, differencesOf } from './record.ts';
export type { AccountSpec } from './spec.ts';
export type { InstanceEvents, InstanceState } from './state.ts';

export type AwsAccount = {
  readonly spec: AccountSpec;
  /** The port of one process. Its grants are its own: another process, or its next incarnation, knows none of them. */
  awsFor(process: SimulatedProcess, audit: AuditPort, region?: string, pace?: ApiPace): AwsPort;
  /** Every call that reached the account, in order, as the account saw it. */
  readonly calls: readonly CallRecord[];
  /** Request ids of calls whose answer is still on its way; those of a process that died stay. */
  readonly inFlight: ReadonlySet<string>;
  /** Every instance ever launched. */
  instances(): readonly InstanceState[];
  /** Those launched after the first `count`. */
  instancesFrom(count: number): readonly InstanceState[];
  /** Not ended: neither shutting down nor terminated. */
  liveInstances(): readonly InstanceState[];
  instance(id: string): InstanceState | undefined;
  stateOf(instance: InstanceState): ReturnType<typeof stateOf>;
  /** Every volume that exists now. */
  volumes(): readonly VolumeState[];
  volume(id: string): VolumeState | undefined;
  /** GiB of the block device, as the machine sees it now. */
  volumeSize(volume: VolumeState): number;
  /** Launch templates that exist now. */
  templates(): readonly { readonly id: string; readonly name: string; readonly tags: Readonly<Record<string, string>> }[];
  /** What CloudFormation did in IAM with its callers' rights, and by which statements: no calls of anybody's own. */
  readonly forwarded: readonly ForwardedDecision[];
  /** Stacks that are not deleted. */
  stacks(): readonly StackState[];
  /** Roles that exist now. */
  roles(): readonly RoleSpec[];
  objects(bucket: string): readonly StoredObject[];
  /** Puts an object there as nobody: what was there before, or what somebody else wrote. */
  placeObject(bucket: string, key: string, body: Uint8Array, kmsKeyArn?: string): void;
  /** A GET of a presigned URL by whoever holds it: the body, or the error's code. */
  openUrl(url: string): string;
  /** What all instances have cost so far: seconds at the price of their launch, at least a minute each. */
  usd(): number;
  /** The machine shuts itself down; its shutdown behaviour ends the instance. */
  shutDown(instanceId: string): void;
  /** AWS gives the two minutes' notice and takes a spot instance back. */
  interrupt(instanceId: string): void;
  /** Replaces or adds a role: what somebody changes in the account while it runs. */
  putRole(role: RoleSpec): void;
  putInstanceProfile(arn: string, roleArn: string): void;
  deleteRole(arn: string): void;
  /** Somebody makes a stack without resources by hand. */
  placeStack(name: string, tags: Readonly<Record<string, string>>): void;
  /** Somebody deletes a stack, with all that it made, by hand. */
  removeStack(name: string): void;
  /** Somebody deletes a launch template by hand. */
  deleteTemplate(id: string): void;
  /** Adds the policy with which the console revokes sessions: everything is denied to those issued before now. */
  revokeSessions(roleArn: string): void;
  setKeyEnabled(arn: string, enabled: boolean): void;
  /** AWS IoT's certificates, now. */
  certificates(): readonly CertificateState[];
  /** Somebody registers a certificate, as if it were issued. */
  putCertificate(certificate: CertificateSpec): void;
  /** Somebody lets a role alias stand for another role. */
  pointRoleAlias(arn: string, roleArn: string): void;
  setCertificateStatus(id: string, status: CertificateState['status']): void;
  setCapacity(capacity: readonly CapacitySpec[]): void;
};

export type AwsAccountOptions = {
  readonly world: World;
  readonly verifyToken: VerifyToken;
  readonly events?: InstanceEvents;
};

/** An AWS account in memory, on the world's virtual clock and seed. */
export function createAwsAccount(spec: AccountSpec, options: AwsAccountOptions): AwsAccount {
  const { world, verifyToken, events = {} } = options;
  const state = createState(spec, { world, verifyToken, events });
  for (const interruption of spec.interruptions) {
    world.schedule(interruption.atMs, 'aws interrupts spot instances', () => interruptSome(state, interruption));
  }
  const live = (): readonly InstanceState[] => [...state.instances.values()].filter((instance) => isLive(instance, world.now()));
  return {
    spec,
    awsFor: (process, audit, region = spec.region, pace) => createPort(state, process, audit, region, pace),
    calls: state.calls,
    inFlight: state.inFlight,
    instances: () => [...state.instances.values()],
    instancesFrom: (count) => (state.instances.size === count ? [] : [...state.instances.values()].slice(count)),
    liveInstances: live,
    instance: (id) => state.instances.get(id),
    stateOf: (instance) => stateOf(instance, world.now()),
    volumes: () => [...state.volumes.values()].filter((volume) => world.now() < volume.deletedAt),
    volume: (id) => state.volumes.get(id),
    volumeSize: (volume) => sizeOf(volume, world.now()),
    templates: () => [...state.templates.values()],
    forwarded: state.forwarded,
    stacks: () => [...state.stacks.values()].filter(({ status }) => status !== 'DELETE_COMPLETE'),
    roles: () => [...state.roles.values()].map(({ spec }) => spec),
    objects: (bucket) => [...(state.buckets.get(bucket)?.objects.values() ?? [])],
    placeObject(bucket, key, body, kmsKeyArn) {
      const object = { key, body, eTag: '"placed"', writtenAt: world.now(), ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }) };
      state.buckets.get(bucket)?.objects.set(key, object);
    },
    openUrl(url) {
      const answer = fetchPresigned(state, url);
      return answer.ok ? Buffer.from(answer.value.body).toString() : answer.error.code;
    },
    usd: () => usdOf(state),
    shutDown(instanceId) {
      const instance = state.instances.get(instanceId);
      if (instance !== undefined) endInstance(state, instance, 'itself');
    },
    interrupt(instanceId) {
      const instance = state.instances.get(instanceId);
      if (instance !== undefined) interrupt(state, instance);
    },
    putInstanceProfile: (arn, roleArn) => void state.profiles.set(arn, roleArn),
    putRole(role) {
      state.roles.set(role.arn, compileRole(role));
      for (const { name, arn, document } of role.policies) if (arn !== undefined) state.managedPolicies.set(arn, { name, arn, document });
    },
    deleteRole: (arn) => void state.roles.delete(arn),
    placeStack: (name, tags) => placeStack(state, name, tags),
    removeStack: (name) => removeStack(state, name),
    deleteTemplate: (id) => void state.templates.delete(id),
    revokeSessions(roleArn) {
      const role = state.roles.get(roleArn);
      if (role === undefined) return;
      const policies = [...role.spec.policies, { name: 'AWSRevokeOlderSessions', document: denyOlderThan(world.now()) }];
      state.roles.set(roleArn, compileRole({ ...role.spec, policies }));
    },
    setKeyEnabled(arn, enabled) {
      const key = state.keys.get(arn);
      if (key !== undefined) key.spec = { ...key.spec, enabled };
    },
    certificates: () => [...state.iot.certificates.values()],
    putCertificate: (certificate) => void putCertificate(state.iot, certificate, spec),
    setCertificateStatus(id, status) {
      const certificate = state.iot.certificates.get(id);
      if (certificate !== undefined) certificate.status = status;
    },
    pointRoleAlias(arn, roleArn) {
      const alias = state.iot.roleAliases.get(arn);
      if (alias !== undefined) state.iot.roleAliases.set(arn, { ...alias, roleArn });
    },
    setCapacity: (capacity) => void state.capacity.splice(0, state.capacity.length, ...capacity),
  };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html */
function denyOlderThan(now: number): PolicyDocument {
  const before = { DateLessThan: { 'aws:TokenIssueTime': new Date(now).toISOString() } };
  return { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*', Condition: before }] };
}

function interruptSome(state: AccountState, { instanceType, zone, count }: InterruptionSpec): void {
  const now = state.world.now();
  const chosen = [...state.instances.values()].filter(
    (instance) =>
      isLive(instance, now) &&
      instance.capacityType === 'spot' &&
      (instanceType === undefined || instance.type.name === instanceType) &&
      (zone === undefined || instance.zone === zone),
  );
  for (const instance of chosen.slice(0, count)) interrupt(state, instance);
}

/** Per second, at least 60 s, from launch until it stops (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts.html). */
function usdOf(state: AccountState): number {
  const now = state.world.now();
  let usd = 0;
  for (const { launchedAt, stoppingAt, usdPerHour } of state.instances.values()) {
    usd += (Math.max(60, (Math.min(now, stoppingAt) - launchedAt) / 1000) / 3600) * usdPerHour;
  }
  return usd;
}
