import type { ElasticAccessRequest, ElasticAccessRequestStatus } from '../../api/generated/types.ts';
import type { Stored } from '../../api/kubernetes.ts';
import { createApplier } from '../../machinery/applier.ts';
import { done, type ReconcileResult } from '../../machinery/controller.ts';
import { formatTime, parseTime } from '../../machinery/time.ts';
import { elasticAccessRequests } from '../../ports/resources.ts';
import type { OperatorContext } from '../context.ts';
import { applyStatus, clip } from '../draft.ts';
import { describeFailure } from '../identity/failure.ts';
import { answerRequest } from './answer.ts';

/** Long enough to read what was asked for; what is left of it in etcd is of no use to anybody then. */
export const requestLivesMs = 5 * 60_000;

/** Answers an ElasticAccessRequest once, and deletes it after five minutes. */
export function createRequestReconciler(context: OperatorContext): (key: string) => Promise<ReconcileResult> {
  const applier = createApplier({ port: context.kubernetes, telemetry: context.telemetry, fieldManager: 'elastic-request-controller' });

  return async (key) => {
    const request = context.stores.requests.get(key);
    if (request === undefined || request.metadata.deletionTimestamp !== undefined) return done;
    const left = (parseTime(request.metadata.creationTimestamp) ?? 0) + requestLivesMs - context.clock.now();
    if (left <= 0) return await remove(request);
    if (request.status?.phase !== undefined) return { requeueAfterMs: left };
    const answered = await answerRequest(context, request, left);
    if (!answered.ok && answered.error.transient) return { retry: describeFailure(answered.error) };
    const status: ElasticAccessRequestStatus = answered.ok
      ? answered.value
      : {
          phase: 'Refused',
          reason: answered.error.code.slice(0, 128),
          message: clip(describeFailure(answered.error)),
          identity: answered.error.identity,
        };
    const written = await applyStatus(applier, elasticAccessRequests, request, {
      ...status,
      expiresAt: formatTime(context.clock.now() + left),
    });
    if (!written.ok) return written.error.kind === 'NotFound' ? done : { retry: written.error.message };
    return { requeueAfterMs: left };
  };

  async function remove({ metadata }: Stored<ElasticAccessRequest>): Promise<ReconcileResult> {
    const { namespace = '', name, uid } = metadata;
    const deleted = await context.kubernetes.delete(elasticAccessRequests, { namespace, name }, { uid });
    return deleted.ok || deleted.error.kind === 'NotFound' || deleted.error.kind === 'Conflict' ? done : { retry: deleted.error.message };
  }
}
