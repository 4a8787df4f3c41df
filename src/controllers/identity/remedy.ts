import type { ElasticJob, ElasticRuntime } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import type { Connection } from '../../core/access/connections.ts';
import { partitionOf } from '../../core/access/partitions.ts';
import { hasDefaultRoles } from '../../core/access/roles.ts';
import { type RefusedPlace, remedyFor } from '../../core/preflight/missing.ts';
import type { OperatorContext } from '../context.ts';
import { generatedDocuments } from './documents.ts';
import type { AccessFailure } from './failure.ts';

/** A refusal with what to add to which policy. Made for the refusal only: what the generator would write is asked for where something is missing. */
export async function withRemedy(
  context: Pick<OperatorContext, 'kubernetes' | 'settings'>,
  of: { readonly runtime: Stored<ElasticRuntime>; readonly job?: Stored<ElasticJob>; readonly connections: readonly Connection[] },
  place: RefusedPlace,
  failure: AccessFailure,
): Promise<AccessFailure> {
  if (failure.transient || failure.remedy !== undefined) return failure;
  const { runtime } = of;
  const remedy = remedyFor(failure, {
    region: runtime.spec.region,
    partition: partitionOf(runtime.spec.region),
    ...(hasDefaultRoles(runtime) && { defaultsFrom: runtime.spec.identities.agent.roleArn }),
    documents: await generatedDocuments(context, runtime, of.job, of.connections),
    ...place,
  });
  return remedy === undefined ? failure : { ...failure, remedy };
}
