/** What CloudTrail has of our sessions and no record tells: the pods' own calls, and what should not be. */
import { causesOf, lostAnswers, objectsOf } from './accounted.ts';
import { type Caller, callersOf } from './callers.ts';
import type { TrailEvent } from './cloudtrail.ts';
import type { JobPlan } from './planned.ts';
import type { Judgement } from './pod-places.ts';
import { podJudgement } from './pods.ts';
import type { Recorded } from './records.ts';
import type { ReportRow } from './report.ts';

export function fromTrail(records: readonly Recorded[], plans: readonly JobPlan[], trail: readonly TrailEvent[]): readonly ReportRow[] {
  const callerOf = callersOf(plans);
  const isOfLost = lostAnswers(records);
  const causeOf = causesOf(records, trail);
  const isOfObject = objectsOf(records);
  return withoutRecord(records, trail).flatMap((event): readonly ReportRow[] => {
    const caller = callerOf(event);
    if (caller === undefined || isOfLost(event)) return [];
    const cause = isOfObject(event) ? 'record' : causeOf(event);
    const { plan, identity } = caller;
    const { roleArn, requestId } = event;
    return [
      {
        time: event.time,
        by: cause === 'record' ? 'operator' : caller.by,
        ...(caller.runtime !== undefined && { runtime: caller.runtime }),
        ...(plan !== undefined && { job: plan.job }),
        ...(caller.stranger === undefined && { phase: 'Run' }),
        identity,
        ...(roleArn !== undefined && { roleArn }),
        sessionName: event.sessionName ?? '',
        action: event.action,
        resource: event.resource,
        outcome: event.outcome,
        ...(requestId !== undefined && { requestId }),
        inCloudTrail: true,
        ...judgement(event, caller, cause !== undefined),
      },
    ];
  });
}

/** In the order of time, each once, however many files and accounts' trails have it. What a service of AWS's does in a session may have the request id of the call that it does it for. */
function withoutRecord(records: readonly Recorded[], trail: readonly TrailEvent[]): readonly TrailEvent[] {
  const answered = Map.groupBy(
    records.filter(({ requestId }) => requestId !== undefined),
    ({ requestId }) => requestId,
  );
  const once = new Map(trail.map((event, index) => [keyOf(event, index), event]));
  return [...once.values()]
    .filter(({ requestId, service, action }) => {
      const known = requestId === undefined ? undefined : answered.get(requestId);
      return known === undefined || (service !== undefined && known.every((record) => record.action !== action));
    })
    .toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time));
}

function keyOf({ requestId, sessionName, action, resource }: TrailEvent, index: number): string {
  return requestId === undefined ? String(index) : JSON.stringify([requestId, sessionName, action, resource]);
}

function judgement(event: TrailEvent, { stranger, by, identity, plan }: Caller, isCaused: boolean): Judgement {
  if (isCaused) return {};
  if (stranger !== undefined) return { unplanned: stranger };
  if (by === 'pod') return podJudgement(event, identity, plan);
  const through = event.service === undefined ? '' : ` through ${event.service}`;
  return { unplanned: `a session of ours made the call${through}, and no record tells of it` };
}
