import { createHash } from 'node:crypto';
import type { Account, Credentials } from './account.ts';
import { json, named, type Refusal } from './answers.ts';
import { authorize } from './authorize.ts';
import type { Backend } from './backend.ts';
import type { Capacity } from './capacity.ts';
import type { GateCall, Wire } from './decode.ts';
import { gatherFacts } from './facts.ts';
import { createFleet } from './fleet.ts';
import type { WireAnswer, WireRequest } from './http.ts';
import type { TokenLedger } from './idempotency.ts';
import type { Instances } from './instances.ts';
import { describeResource } from './resources.ts';
import { readRoles } from './roles.ts';
import { simulatePrincipalPolicy } from './simulate.ts';
import { noUpdate } from './stacks.ts';
import { assumeRole, assumeRoleWithWebIdentity, getCallerIdentity } from './sts.ts';
import type { Volumes } from './volumes.ts';
import type { OidcProvider } from './web-identity.ts';

export type World = {
  readonly account: Account;
  readonly backend: Backend;
  readonly instances: Instances;
  readonly capacity: Capacity;
  readonly volumes: Volumes;
  readonly tokens: TokenLedger;
  readonly provider: OidcProvider;
  readonly forward: (request: WireRequest) => Promise<WireAnswer>;
};

/** An authenticated call: judged by the policies, then carried out by the gate where it knows better than the emulator, else by the emulator. */
export async function carryOut(
  world: World,
  wire: Wire,
  request: WireRequest,
  caller: Credentials | undefined,
  now: number,
): Promise<WireAnswer | Refusal> {
  const { account } = world;
  const { call } = wire;
  if (call?.method === 'sts.assumeRoleWithWebIdentity')
    return await assumeRoleWithWebIdentity(account, world.provider, wire.parameters, now);
  if (!caller) return named(wire.service, 'unknownKey', 'Request is missing Authentication Token');
  if (!call)
    return { ...named(wire.service, 'denied', `${wire.service}:${wire.operation} is no call of this product`), code: 'UnknownToTheGate' };
  if (call.method === 'sts.assumeRole') return assumeRole(account, caller, wire.parameters, now);
  if (call.method === 'sts.getCallerIdentity') return getCallerIdentity(account, caller);
  const refusal =
    authorize(account, { ...wire, call }, caller, await gatherFacts(account, world.backend, call, now)) ??
    wrongOwner(account, call, request);
  return refusal ?? (await perform(world, { ...wire, call }, request, now));
}

const changesStack: ReadonlySet<string> = new Set([
  'cloudFormation.createStack',
  'cloudFormation.updateStack',
  'cloudFormation.deleteStack',
]);

async function perform(
  world: World,
  wire: Wire & { readonly call: GateCall },
  request: WireRequest,
  now: number,
): Promise<WireAnswer | Refusal> {
  const { call, operation, parameters } = wire;
  const { method } = call;
  if (method.startsWith('ec2.dryRun')) return wouldSucceed;
  if (method === 'resources.describe') return await describeResource(world, call.request, request);
  if (method === 'ec2.createFleet') return await world.tokens.once(operation, parameters, () => createFleet(world, parameters));
  if (method === 'ec2.createLaunchTemplate') return await world.tokens.once(operation, parameters, () => world.forward(request));
  if (method === 'ec2.modifyVolume') return await world.volumes.modify(parameters, now);
  if (method === 'ec2.describeVolumesModifications') return await world.volumes.describeModifications(parameters, now);
  if (method === 'iam.simulatePrincipalPolicy') return simulatePrincipalPolicy(world.account, parameters);
  if (method === 'cloudFormation.updateStack') {
    const refusal = await noUpdate(world.backend, parameters);
    if (refusal !== undefined) return refusal;
  }
  if (method === 'ec2.describeVolumes') await world.volumes.settle(now);
  const answer = (method === 'ssm.getParameter' ? imageParameter(call.request.name) : undefined) ?? (await world.forward(request));
  if (changesStack.has(method) && answer.status < 300) await readRoles(world.account, world.backend);
  if (method === 'ec2.terminateInstances' && answer.status < 300) for (const id of call.request.instanceIds) world.instances.ended(id);
  return answer;
}

/** The emulator carries most of them out: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const wouldSucceed: Refusal = { status: 412, code: 'DryRunOperation', message: 'Request would have succeeded, but DryRun flag is set.' };

/** The emulator does not look at it. */
function wrongOwner(account: Account, call: GateCall, request: WireRequest): Refusal | undefined {
  const expected = request.headers['x-amz-expected-bucket-owner'];
  const bucket = 'bucket' in call.request ? account.buckets.get(call.request.bucket) : undefined;
  return expected === undefined || !bucket || bucket.owner === expected
    ? undefined
    : { ...named('s3', 'denied', 'Access Denied'), because: 'expected bucket owner' };
}

/** AWS's public parameters of machine images, which the emulator has for old versions only; the same name always names the same image. */
function imageParameter(name: string): WireAnswer | undefined {
  if (!/^\/aws\/service\/(eks\/optimized-ami|bottlerocket)\/.+\/image_id$/.test(name)) return undefined;
  const Value = `ami-${createHash('sha256').update(name).digest('hex').slice(0, 17)}`;
  return json({ Parameter: { Name: name, Type: 'String', Value, Version: 1, DataType: 'aws:ec2:image' } });
}
