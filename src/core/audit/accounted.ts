/** Calls that account for an event of CloudTrail which no record names. */
import type { TrailEvent } from './cloudtrail.ts';
import { isNamed, keyService, namedByContext, ofKms } from './keys.ts';
import type { Recorded } from './records.ts';

const minute = 60_000;
/** Between a call and what is recorded of it lie its duration, and two clocks. */
const nearMs = 5 * minute;

/** A call whose answer was lost has no request id in its record: each accounts for one event of its time. */
export function lostAnswers(records: readonly Recorded[]): (event: TrailEvent) => boolean {
  const unanswered = records.filter(({ requestId }) => requestId === undefined);
  const open = Map.groupBy(unanswered, ({ sessionName, action }) => `${sessionName} ${action}`);
  return (event) => {
    const key = `${event.sessionName} ${event.action}`;
    const apart = ({ time }: Recorded): number => Math.abs(Date.parse(time) - Date.parse(event.time));
    const [nearest] = (open.get(key) ?? [])
      .filter((record) => apart(record) <= nearMs && isSameResource(record, event))
      .toSorted((one, other) => apart(one) - apart(other));
    if (nearest === undefined) return false;
    open.set(key, open.get(key)?.filter((record) => record !== nearest) ?? []);
    return true;
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

type Rule = { readonly by: RegExp; readonly calls: RegExp; readonly after: readonly string[]; readonly withinMs: number };

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
  const calls: readonly Call[] = [
    ...records.map((record): Call => ({ ...record, at: Date.parse(record.time), by: 'record' })),
    ...trail.flatMap((event): readonly Call[] => {
      const { sessionName, service, time, action, resource } = event;
      return sessionName === undefined || service !== undefined
        ? []
        : [{ sessionName, action, resource, at: Date.parse(time), by: 'event' }];
    }),
  ];
  // By the time, too: a session's name may have a hundred thousand calls.
  const part = (at: number): number => Math.floor(at / nearMs);
  const found = Map.groupBy(calls, ({ sessionName, action, at }) => `${sessionName} ${action.split(':')[0]} ${part(at)}`);
  const near = ({ sessionName, time }: TrailEvent, service: string, withinMs: number): readonly Call[] => {
    const [from, to] = [Date.parse(time) - withinMs, Date.parse(time) + nearMs];
    const parts = Array.from({ length: part(to) - part(from) + 1 }, (_, index) => part(from) + index);
    return parts.flatMap((one) => found.get(`${sessionName} ${service} ${one}`) ?? []).filter(({ at }) => at >= from && at <= to);
  };
  return (event) => {
    if (event.service === undefined || event.encrypts !== undefined) return undefined;
    const named = namedByContext(event);
    const causes = rules
      .filter(
        ({ by, calls: made }) =>
          by.test(event.service ?? '') && made.test(event.action) && (named.length === 0 || event.service === 'athena'),
      )
      .flatMap(({ after, withinMs }) =>
        near(event, after[0]?.split(':')[0] ?? '', withinMs).filter(({ action }) => after.includes(action)),
      );
    const service = keyService(event);
    const ofKey = service === undefined ? [] : near(event, service, nearMs).filter(({ resource }) => isNamed(resource, named));
    return [...causes, ...ofKey]
      .map(({ by }) => by)
      .toSorted()
      .at(-1);
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
