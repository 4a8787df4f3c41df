import { tags as tagKeys } from '../../api/labels.ts';
import { callerArn } from '../../core/policy/principal.ts';
import type { Instance, InstanceState as StateName, Tags } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import { type Authenticated, authorize } from './authorize.ts';
import { withTags } from './ec2.ts';
import { type Failure, failure } from './failures.ts';
import type { AccountState, InstanceState } from './state.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };

/** How long EC2 shows what is terminated ("a short while, usually less than one hour": https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html). */
const forgottenAfterMs = 60 * 60_000;

export function stateOf(instance: InstanceState, now: number): StateName | 'forgotten' {
  if (now >= instance.terminatedAt + forgottenAfterMs) return 'forgotten';
  if (now >= instance.terminatedAt) return 'terminated';
  if (now >= instance.stoppingAt) return 'shutting-down';
  return now >= instance.runningAt ? 'running' : 'pending';
}

export function isLive(instance: InstanceState, now: number): boolean {
  return now < instance.stoppingAt;
}

export function describeInstances(
  { state, caller, region }: At,
  filter: { readonly tags: Tags } | { readonly instanceIds: readonly string[] },
): Result<readonly Instance[], Failure> {
  const refused = authorize(state, caller, 'ec2.describeInstances', filter, region);
  if (refused !== undefined) return err(refused);
  const now = state.world.now();
  if ('tags' in filter) {
    // Most calls ask for the one instance of a node.
    const nodeUid = filter.tags[tagKeys.nodeUid];
    const candidates = nodeUid === undefined ? [...state.instances.values()] : (state.instancesOfNode.get(nodeUid) ?? []);
    const known = candidates.filter((instance) => stateOf(instance, now) !== 'forgotten');
    return ok(withTags(known, filter.tags, now).map((instance) => shown(state, instance)));
  }
  const found = byIds(state, filter.instanceIds, (instance) => instance.visibleAt <= now);
  return found.ok ? ok(found.value.map((instance) => shown(state, instance))) : found;
}

/** Ending what has ended is a success while EC2 still knows it. One unknown id refuses the whole call. */
export function terminateInstances(
  { state, caller, region }: At,
  request: { readonly instanceIds: readonly string[] },
): Result<void, Failure> {
  const found = byIds(state, request.instanceIds, () => true);
  if (!found.ok) return found;
  const refused = authorize(state, caller, 'ec2.terminateInstances', request, region);
  if (refused !== undefined) return err(refused);
  for (const instance of found.value) endInstance(state, instance, callerArn(caller.principal));
  return ok(undefined);
}

/** From whatever cause: a call, a spot interruption, the machine itself (its shutdown behaviour is terminate). */
export function endInstance(state: AccountState, instance: InstanceState, by: string): void {
  const now = state.world.now();
  if (!isLive(instance, now)) return;
  instance.stoppingAt = now;
  instance.terminatedAt = now + between(state.random, 10_000, 60_000);
  instance.endedBy = by;
  const subnet = state.subnets.get(instance.subnetId);
  if (subnet !== undefined) subnet.used -= 1;
  for (const id of instance.volumeIds) {
    const volume = state.volumes.get(id);
    if (volume !== undefined) volume.deletedAt = Math.min(volume.deletedAt, instance.terminatedAt);
  }
  state.events.stopped?.(instance);
}

function byIds(
  state: AccountState,
  ids: readonly string[],
  accept: (instance: InstanceState) => boolean,
): Result<readonly InstanceState[], Failure> {
  const now = state.world.now();
  const found: InstanceState[] = [];
  const missing: string[] = [];
  for (const id of ids) {
    const instance = state.instances.get(id);
    if (instance === undefined || stateOf(instance, now) === 'forgotten' || !accept(instance)) missing.push(id);
    else found.push(instance);
  }
  if (missing.length === 0) return ok(found);
  const [what, verb] = missing.length === 1 ? ['instance ID', 'does'] : ['instance IDs', 'do'];
  return err(failure('NotFound', 'InvalidInstanceID.NotFound', `The ${what} '${missing.join(', ')}' ${verb} not exist`));
}

function shown(state: AccountState, instance: InstanceState): Instance {
  const now = state.world.now();
  const name = stateOf(instance, now);
  const attached = name !== 'terminated' && name !== 'forgotten';
  return {
    instanceId: instance.instanceId,
    instanceType: instance.type.name,
    zone: instance.zone,
    state: name === 'forgotten' ? 'terminated' : name,
    capacityType: instance.capacityType,
    launchTime: Math.floor(instance.launchedAt / 1000) * 1000,
    imageId: instance.imageId,
    tags: instance.tags,
    ...(attached ? { privateDnsName: instance.privateDnsName } : {}),
    volumes: attached
      ? instance.volumeIds.flatMap((volumeId) => {
          const deviceName = state.volumes.get(volumeId)?.deviceName;
          return deviceName === undefined ? [] : [{ volumeId, deviceName }];
        })
      : [],
  };
}
