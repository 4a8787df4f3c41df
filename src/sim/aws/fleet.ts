import { tags as tagKeys } from '../../api/labels.ts';
import type { Authorization } from '../../core/policy/actions.ts';
import type { CreateFleetAnswer, CreateFleetRequest, FleetOffering } from '../../ports/aws/index.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { between } from '../faults.ts';
import { type Authenticated, authorize } from './authorize.ts';
import type { CatalogEntry } from './catalog.ts';
import { replayed, visibleFrom } from './ec2.ts';
import { type Failure, failure, invalid } from './failures.ts';
import { endInstance, isLive } from './instances.ts';
import { type AccountState, hexId, type InstanceState, type TemplateState } from './state.ts';
import { noTemplate } from './templates.ts';

type At = { readonly state: AccountState; readonly caller: Authenticated; readonly region: string };
type Answer = CreateFleetAnswer;

/**
 * An instant fleet of one instance (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html): the cheapest offering that has capacity, in the order
 * given where prices are equal. What the caller may not launch, and what has no capacity, is an error of the pool in a successful answer, as EC2 does it.
 */
export function createFleet({ state, caller, region }: At, request: CreateFleetRequest): Result<Answer, Failure> {
  const template = state.templates.get(request.launchTemplate.id);
  if (template === undefined) return err(noTemplate(request.launchTemplate.id));
  const refused = authorize(state, caller, 'ec2.createFleet', request, region, isFleetItself);
  if (refused !== undefined) return err(refused);
  return replayed(state, 'CreateFleet', request, () => {
    const wrong = wrongRequest(state, request);
    if (wrong !== undefined) return err(wrong);
    const fleetId = `fleet-${state.random.uuid()}`;
    const errors: Answer['errors'][number][] = [];
    for (const offering of byPrice(state, request.offerings)) {
      const unlaunchable = unavailable(state, offering) ?? forbidden({ state, caller, region }, request, offering);
      if (unlaunchable !== undefined) {
        errors.push({ code: unlaunchable.code, message: unlaunchable.message, offering });
        continue;
      }
      const { instanceId, type, zone, capacityType } = launch(state, template, offering, request.tags);
      return ok({ fleetId, instance: { instanceId, instanceType: type.name, zone, capacityType }, errors });
    }
    return ok({ fleetId, errors });
  });
}

function forbidden({ state, caller, region }: At, request: CreateFleetRequest, offering: FleetOffering): Failure | undefined {
  return authorize(state, caller, 'ec2.createFleet', { ...request, offerings: [offering] }, region, (item) => !isFleetItself(item));
}

/** ec2:CreateFleet is judged for the call, what it does on the caller's behalf for each pool. */
function isFleetItself({ action, resource }: Authorization): boolean {
  return action === 'ec2:CreateFleet' || (action === 'ec2:CreateTags' && resource.includes(':fleet/'));
}

function wrongRequest(state: AccountState, { offerings }: CreateFleetRequest): Failure | undefined {
  const [first] = offerings;
  if (first === undefined) return invalid('MissingParameter', 'The request must contain at least one override');
  if (offerings.some(({ capacityType }) => capacityType !== first.capacityType)) {
    return invalid('InvalidParameterCombination', 'An instant fleet of one instance has one capacity type');
  }
  for (const { subnetId, zone } of offerings) {
    const subnet = state.subnets.get(subnetId);
    if (subnet !== undefined && subnet.zone !== zone) {
      return invalid('InvalidParameterCombination', `The subnet '${subnetId}' is not in the Availability Zone ${zone}`);
    }
  }
  return undefined;
}

function byPrice(state: AccountState, offerings: readonly FleetOffering[]): readonly FleetOffering[] {
  const price = (offering: FleetOffering): number => priceOf(state.types.get(offering.instanceType), offering.capacityType);
  return [...offerings].sort((one, other) => price(one) - price(other));
}

function priceOf(type: CatalogEntry | undefined, capacityType: FleetOffering['capacityType']): number {
  if (type === undefined) return Number.MAX_VALUE;
  return capacityType === 'spot' ? type.spotUsdPerHour : type.onDemandUsdPerHour;
}

function unavailable(state: AccountState, offering: FleetOffering): Failure | undefined {
  const { instanceType, zone, capacityType, subnetId } = offering;
  const type = state.types.get(instanceType);
  if (type === undefined) {
    return failure(
      'InsufficientCapacity',
      'Unsupported',
      `Your requested instance type (${instanceType}) is not supported in your requested Availability Zone (${zone}).`,
    );
  }
  const subnet = state.subnets.get(subnetId);
  if (subnet === undefined) return failure('NotFound', 'InvalidSubnetID.NotFound', `The subnet ID '${subnetId}' does not exist`);
  if (subnet.used >= subnet.freeAddresses) {
    return failure(
      'InsufficientCapacity',
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet '${subnetId}' to satisfy the requested number of instances.`,
    );
  }
  return overQuota(state, type, capacityType) ?? outOfCapacity(state, offering);
}

function overQuota(state: AccountState, type: CatalogEntry, capacityType: FleetOffering['capacityType']): Failure | undefined {
  const now = state.world.now();
  let vcpus = type.vcpu;
  for (const instance of state.instances.values())
    if (instance.capacityType === capacityType && isLive(instance, now)) vcpus += instance.type.vcpu;
  if (capacityType === 'spot') {
    return vcpus > state.spec.quotas.spotVcpus
      ? failure('InsufficientCapacity', 'MaxSpotInstanceCountExceeded', 'Max spot instance count exceeded')
      : undefined;
  }
  if (vcpus <= state.spec.quotas.onDemandVcpus) return undefined;
  const message = `You have requested more vCPU capacity than your current vCPU limit of ${state.spec.quotas.onDemandVcpus} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`;
  return failure('InsufficientCapacity', 'VcpuLimitExceeded', message);
}

function outOfCapacity(state: AccountState, { instanceType, zone, capacityType }: FleetOffering): Failure | undefined {
  const full = state.capacity.some((entry) => {
    const [type, place, kind] = [entry.instanceType ?? instanceType, entry.zone ?? zone, entry.capacityType ?? capacityType];
    if (type !== instanceType || place !== zone || kind !== capacityType) return false;
    const used = live(state).filter(
      (instance) =>
        (entry.instanceType === undefined || instance.type.name === instanceType) &&
        (entry.zone === undefined || instance.zone === entry.zone) &&
        (entry.capacityType === undefined || instance.capacityType === entry.capacityType),
    );
    return used.length >= entry.instances;
  });
  if (!full && !state.world.faults.happens('insufficientCapacity')) return undefined;
  if (capacityType === 'spot')
    return failure('InsufficientCapacity', 'UnfulfillableCapacity', 'There is no Spot capacity available that matches your request.');
  const message = `We currently do not have sufficient ${instanceType} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity.`;
  return failure('InsufficientCapacity', 'InsufficientInstanceCapacity', message);
}

function live(state: AccountState): readonly InstanceState[] {
  const now = state.world.now();
  return [...state.instances.values()].filter((instance) => isLive(instance, now));
}

function launch(state: AccountState, template: TemplateState, offering: FleetOffering, tags: CreateFleetRequest['tags']): InstanceState {
  const { world, random } = state;
  const now = world.now();
  const type = state.types.get(offering.instanceType);
  const subnet = state.subnets.get(offering.subnetId);
  if (type === undefined || subnet === undefined) throw new Error('checked before');
  subnet.used += 1;
  const instanceId = hexId(state, 'i');
  const number = state.instances.size + 1;
  const { deviceName, sizeGiB, kmsKeyArn } = template.volume;
  const volumeId = hexId(state, 'vol');
  const visibleAt = visibleFrom(state);
  state.volumes.set(volumeId, {
    volumeId,
    type: template.volume.type,
    zone: offering.zone,
    initialGiB: sizeGiB,
    tags: { ...tags },
    visibleAt,
    instanceId,
    deviceName,
    modifications: [],
    deletedAt: Number.POSITIVE_INFINITY,
    ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }),
  });
  const instance: InstanceState = {
    instanceId,
    type,
    zone: offering.zone,
    subnetId: offering.subnetId,
    capacityType: offering.capacityType,
    usdPerHour: priceOf(type, offering.capacityType),
    tags: { ...tags },
    imageId: template.imageId,
    userData: template.userData,
    privateDnsName: `ip-10-${(number >> 16) & 255}-${(number >> 8) & 255}-${number & 255}.${zoneRegion(offering.zone)}.compute.internal`,
    volumeIds: [volumeId],
    launchedAt: now,
    visibleAt,
    runningAt: now + between(random, 5000, 20_000),
    neverRegisters: world.faults.happens('neverRegisters'),
    stoppingAt: Number.POSITIVE_INFINITY,
    terminatedAt: Number.POSITIVE_INFINITY,
    ...(template.instanceProfileArn === undefined ? {} : { instanceProfileArn: template.instanceProfileArn }),
  };
  state.instances.set(instanceId, instance);
  const nodeUid = tags[tagKeys.nodeUid] ?? '';
  state.instancesOfNode.set(nodeUid, [...(state.instancesOfNode.get(nodeUid) ?? []), instance]);
  const bootMs = instance.runningAt - now + between(random, 15_000, 40_000);
  world.schedule(bootMs, `aws ${instanceId} boots`, () => {
    if (isLive(instance, world.now()) && !instance.neverRegisters) state.events.booted?.(instance);
  });
  if (instance.capacityType === 'spot' && world.faults.happens('spotInterruption')) {
    world.schedule(between(random, 60_000, 20 * 60_000), `aws ${instanceId} is to be interrupted`, () => interrupt(state, instance));
  }
  return instance;
}

const noticeMs = 2 * 60_000;

/** Two minutes' notice, then AWS takes it back (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html). */
export function interrupt(state: AccountState, instance: InstanceState): void {
  const { world } = state;
  if (!isLive(instance, world.now())) return;
  state.events.interruptionNotice?.(instance, world.now() + noticeMs);
  world.schedule(noticeMs, `aws ${instance.instanceId} is interrupted`, () => endInstance(state, instance, 'spot'));
}

function zoneRegion(zone: string): string {
  return zone.replace(/[a-z]$/, '');
}
