/** Calls that account for an event of CloudTrail which no record names. */
import type { TrailEvent } from './cloudtrail.ts';
import { isNamed, keyService, namedByContext, ofKms } from './keys.ts';
import type { Recorded } from './records.ts';

const minute = 60_000;
/** Between a call and what is recorded of it lie its duration, and two clocks. */
const nearMs = 5 * minute;

/** Calls are looked for by their time, too: a session's name may have a hundred thousand of them. */
function partOf(time: number): number {
  return Math.floor(time / nearMs);
}

function partsBetween(from: number, to: number): readonly number[] {
  return Array.from({ length: partOf(to) - partOf(from) + 1 }, (_, index) => partOf(from) + index);
}

/** A call whose answer was lost has no request id in its record: each accounts for one event of its time. */
export function lostAnswers(records: readonly Recorded[]): (event: TrailEvent) => boolean {
  const unanswered = records.filter(({ requestId }) => requestId === undefined);
  const all = Map.groupBy(unanswered, ({ sessionName, action, time }) => `${sessionName} ${action} ${partOf(Date.parse(time))}`);
  const taken = new Set<Recorded>();
  return (event) => {
    const at = Date.parse(event.time);
    const apart = ({ time }: Recorded): number => Math.abs(Date.parse(time) - at);
    const [nearest] = partsBetween(at - nearMs, at + nearMs)
      .flatMap((part) => all.get(`${event.sessionName} ${event.action} ${part}`) ?? [])
      .filter((record) => !taken.has(record) && apart(record) <= nearMs && isSameResource(record, event))
      .toSorted((one, other) => apart(one) - apart(other));
    if (nearest !== undefined) taken.add(nearest);
    return nearest !== undefined;
  };
}

/** Services but S3 and STS name resources in their own way in their events, or not at all. */
function isSameResource({ action, resource }: Recorded, event: TrailEvent): boolean {
  if (resource === event.resource) return true;
  return !/^(s3|sts):/.test(action) && (resource === '*' || event.resource === '*' || event.resource.endsWith(resource));
}

type Call = { readonly at: number; readonly sessionName: string; readonly action: string; readonly resource: string; readonly by: Cause };
/** A recorded call, or one that CloudTrail has as well, and that is judged by itself. */
export type Cause = 'record' | 'event';

/** `after`: calls of one service. */
type Rule = { readonly by: RegExp; readonly calls: RegExp; readonly after: readonly [string, ...string[]]; readonly withinMs: number };

/** What services of AWS's do in the session of whoever calls them, but for keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html */
const rules: readonly Rule[] = [
  // A fleet launches, and whatever launches makes the volumes usable that are encrypted.
  {
    by: /^(ec2|ec2fleet|spot|ec2-frontend-api|AWS Internal)$/,
    calls:
      /^(ec2:(RunInstances|CreateTags|Describe\w+)|iam:CreateServiceLinkedRole|kms:(CreateGrant|DescribeKey|Decrypt|GenerateDataKey\w*|ReEncrypt\w*))$/,
    after: ['ec2:CreateFleet', 'ec2:RunInstances'],
    withinMs: 15 * minute,
  },
  // Stacks of default roles, which have no users.
  {
    by: /^cloudformation$/,
    calls: /^iam:(?!\w*(User|Group))\w*(Role|InstanceProfile|Polic(y|ies))\w*$/,
    after: ['cloudformation:CreateStack', 'cloudformation:UpdateStack', 'cloudformation:DeleteStack'],
    withinMs: 60 * minute,
  },
  // Which tables a query is of it asks the catalog; where these lie is the plan's to know (pod-places.ts).
  {
    by: /^athena$/,
    calls: /^(glue|lakeformation|kms):/,
    after: ['athena:StartQueryExecution', 'athena:StartCalculationExecution', 'athena:StartSession'],
    withinMs: 60 * minute,
  },
];

/** By which call of the same session a service of AWS's came to make this one; undefined where there is none, or somebody else made it. */
export function causesOf(records: readonly Recorded[], trail: readonly TrailEvent[]): (event: TrailEvent) => Cause | undefined {
  // What is only asked whether it might be done does nothing.
  const done = records.filter(({ outcome }) => outcome !== 'DryRunOperation');
  const calls: readonly Call[] = [
    ...done.map((record): Call => ({ ...record, at: Date.parse(record.time), by: 'record' })),
    ...trail.flatMap((event): readonly Call[] => {
      const { sessionName, service, time, action, resource } = event;
      return sessionName === undefined || service !== undefined
        ? []
        : [{ sessionName, action, resource, at: Date.parse(time), by: 'event' }];
    }),
  ];
  const found = Map.groupBy(calls, ({ sessionName, action, at }) => `${sessionName} ${action.split(':')[0]} ${partOf(at)}`);
  function* near({ sessionName, time }: TrailEvent, service: string, withinMs: number): Generator<Call> {
    const [from, to] = [Date.parse(time) - withinMs, Date.parse(time) + nearMs];
    for (const part of partsBetween(from, to))
      for (const call of found.get(`${sessionName} ${service} ${part}`) ?? []) if (call.at >= from && call.at <= to) yield call;
  }
  function* causes(event: TrailEvent): Generator<Call> {
    const named = namedByContext(event);
    for (const { by, calls: made, after, withinMs } of rules) {
      if (!by.test(event.service ?? '') || !made.test(event.action) || (named.length > 0 && event.service !== 'athena')) continue;
      for (const call of near(event, after[0].split(':')[0] ?? '', withinMs)) if (after.includes(call.action)) yield call;
    }
    const service = keyService(event);
    if (service !== undefined) for (const call of near(event, service, nearMs)) if (isNamed(call.resource, named)) yield call;
  }
  return (event) => {
    if (event.service === undefined || event.encrypts !== undefined) return undefined;
    let cause: Cause | undefined;
    for (const { by } of causes(event)) {
      if (by === 'record') return by;
      cause = by;
    }
    return cause;
  };
}

/** S3 encrypts what we store with KMS, in our session: the record of the one tells of the other. */
export function objectsOf(records: readonly Recorded[]): (event: TrailEvent) => boolean {
  const ofSession = Map.groupBy(
    records.filter(({ action }) => action === 's3:PutObject' || action === 's3:GetObject'),
    ({ sessionName }) => sessionName,
  );
  return ({ action, sessionName = '', encrypts }) => {
    if (encrypts === undefined || !Object.hasOwn(ofKms, action)) return false;
    return (ofSession.get(sessionName) ?? []).some(({ resource }) => resource === encrypts || resource.startsWith(`${encrypts}/`));
  };
}
