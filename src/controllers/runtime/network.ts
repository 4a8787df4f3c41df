import type { ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { err, ok, type Result } from '../../ports/result.ts';
import { actAs } from '../identity/act.ts';
import type { AccessFailure } from '../identity/failure.ts';
import type { RuntimeTools } from './tools.ts';

export type SubnetZone = { readonly subnetId: string; readonly zone: string };

/** The runtime's subnets with their zones, read as operator: offerings are made per zone. */
export async function resolveSubnets(
  tools: RuntimeTools,
  runtime: Stored<ElasticRuntime>,
): Promise<Result<readonly SubnetZone[], AccessFailure>> {
  const { subnetIds, subnetSelector } = runtime.spec.network;
  const filter = subnetIds === undefined ? { tags: subnetSelector ?? {} } : { subnetIds };
  const at = { action: 'ec2:DescribeSubnets', resource: subnetIds?.join(',') ?? JSON.stringify(subnetSelector) };
  const found = await actAs(tools.context, { runtime, identity: 'operator', resource: 'cluster-resources' }, at, (aws, caller) =>
    aws.ec2.describeSubnets(caller, filter),
  );
  if (!found.ok) return found;
  if (found.value.length === 0) {
    const message = 'spec.network names no subnet that exists in this account and region: correct subnetIds or subnetSelector';
    return err({ identity: 'operator', chain: [], ...at, code: 'NoSubnets', message, transient: false });
  }
  return ok([...found.value].map(({ subnetId, zone }) => ({ subnetId, zone })).sort((a, b) => (a.subnetId < b.subnetId ? -1 : 1)));
}

/** What the status remembers of it. */
export function knownSubnets(runtime: ElasticRuntime): readonly SubnetZone[] {
  const { subnets } = (runtime.status?.internal ?? {}) as { readonly subnets?: readonly SubnetZone[] };
  return subnets ?? [];
}
