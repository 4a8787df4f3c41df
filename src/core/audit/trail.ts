/** What CloudTrail has of our sessions and no record tells: the pods' own calls, and what should not be. */
import type { TrailEvent } from './cloudtrail.ts';
import type { JobPlan } from './planned.ts';
import { ofKms, podDifference } from './pods.ts';
import type { Recorded } from './records.ts';
import type { ReportRow } from './report.ts';
import { isSessionOf, partsOfSession } from './session.ts';

/** Events of our sessions that no record of ours has: the pods' own calls, and what should not be. */
export function fromTrail(records: readonly Recorded[], plans: readonly JobPlan[], trail: readonly TrailEvent[]): readonly ReportRow[] {
  const known = new Set(records.flatMap(({ requestId }) => requestId ?? []));
  // A call whose answer was lost has no request id in its record.
  const unanswered = records.filter(({ requestId }) => requestId === undefined);
  return trail.flatMap((event): readonly ReportRow[] => {
    const { sessionName, requestId, roleArn } = event;
    const session = partsOfSession(sessionName ?? '');
    if (sessionName === undefined || session === undefined || (requestId !== undefined && known.has(requestId))) return [];
    if (
      unanswered.some(
        (record) => record.sessionName === sessionName && record.action === event.action && record.resource === event.resource,
      )
    )
      return [];
    const { name } = session;
    const plan = plans.find(({ uid }) => uid?.slice(0, 8) === session.job);
    const identity = plan?.rows.find((row) => isSessionOf(sessionName, row.identity))?.identity ?? name.replace('=', ':');
    // A token is exchanged by a pod or by the agent; the agent's exchanges are recorded, and role sessions are the operator's but for the hop behind a pod's.
    const by = (event.webIdentity && name !== 'agent') || /^connectionRole[:=]/.test(name) ? 'pod' : 'unknown';
    const isOfRecord = records.some((record) => isBehind(event, record));
    const unplanned =
      by === 'pod'
        ? podDifference(event, identity, plan)
        : isOfRecord
          ? undefined
          : 'a session of ours made the call, and no record tells of it';
    return [
      {
        time: event.time,
        by: isOfRecord ? 'operator' : by,
        ...(plan !== undefined && { runtime: plan.runtime, job: plan.job }),
        phase: 'Run',
        identity,
        ...(roleArn !== undefined && { roleArn }),
        sessionName,
        action: event.action,
        resource: event.resource,
        outcome: event.outcome,
        ...(requestId !== undefined && { requestId }),
        inCloudTrail: true,
        ...(unplanned !== undefined && { unplanned }),
      },
    ];
  });
}

/** S3 encrypts what we store with KMS, in our session: the record of the one tells of the other. */
function isBehind({ action, sessionName, encrypts }: TrailEvent, record: Recorded): boolean {
  if (encrypts === undefined || record.sessionName !== sessionName || !Object.hasOwn(ofKms, action)) return false;
  const isObjects = record.action === 's3:PutObject' || record.action === 's3:GetObject';
  return isObjects && (record.resource === encrypts || record.resource.startsWith(`${encrypts}/`));
}
