/** Who accessed what as whom: the audit, held to the access plan and joined with CloudTrail. */
import type { Action } from '../access/vocabulary.ts';
import type { TrailEvent } from './cloudtrail.ts';
import { allowedBy, isHop } from './implied.ts';
import { type Known, knownDifference } from './known.ts';
import { isAt } from './place.ts';
import { type JobPlan, noRule, planDifference } from './planned.ts';
import { keyOf, mergeRecords, type Recorded } from './records.ts';
import { isSessionOf, partsOfSession } from './session.ts';

export type ReportRow = {
  readonly time: string;
  /** `operator`: the operator or a node agent, which record what they do; `pod`: a job's own code, known from CloudTrail only */
  readonly by: 'operator' | 'pod' | 'unknown';
  readonly runtime?: string;
  readonly job?: string;
  readonly phase?: string;
  readonly planResource?: string;
  readonly rule?: string;
  readonly identity: string;
  readonly roleArn?: string;
  readonly sessionName: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: string;
  readonly requestId?: string;
  /** Whether CloudTrail has the call; left out where no trail was given, or the call got no answer. */
  readonly inCloudTrail?: boolean;
  /** Left out where it was planned. */
  readonly unplanned?: string;
};

export type ReportInput = {
  /** From wherever they were kept, the same one any number of times. */
  readonly records: readonly Recorded[];
  readonly plans: readonly JobPlan[];
  readonly trail: readonly TrailEvent[] | undefined;
};

export function auditReport({ records: kept, plans, trail }: ReportInput): readonly ReportRow[] {
  const records = mergeRecords([kept]);
  const contradicted = contradictions(kept);
  const events = new Map(trail?.flatMap((event) => (event.requestId === undefined ? [] : [[event.requestId, event] as const])));
  const judge = judgeOf(records, plans);
  const own = records.map((record): ReportRow => {
    const { time, runtime, job, phase, planResource, rule, identity, chain, sessionName, action, resource, outcome, requestId } = record;
    const event = events.get(requestId ?? '');
    const unplanned =
      (event === undefined ? undefined : trailDifference(record, event)) ??
      judge(record) ??
      (requestId !== undefined && contradicted.has(requestId) ? 'records of this request do not say the same' : undefined);
    const roleArn = chain.at(-1);
    return {
      time,
      by: 'operator',
      runtime,
      ...(job !== undefined && { job }),
      ...(phase !== undefined && { phase }),
      ...(planResource !== undefined && { planResource }),
      ...(rule !== undefined && { rule }),
      identity,
      ...(roleArn !== undefined && { roleArn }),
      sessionName,
      action,
      resource,
      outcome,
      ...(requestId !== undefined && { requestId }),
      ...(trail !== undefined && requestId !== undefined && { inCloudTrail: event !== undefined }),
      ...(unplanned !== undefined && { unplanned }),
    };
  });
  return [...own, ...fromTrail(records, plans, trail ?? [])].sort((one, other) =>
    one.time < other.time ? -1 : one.time > other.time ? 1 : 0,
  );
}

/** Each call is held to its job's plan; those of the runtime, and of jobs whose plan is not at hand, to what its identities ever do. */
function judgeOf(records: readonly Recorded[], plans: readonly JobPlan[]): (record: Recorded) => string | undefined {
  const misplaced = new Set(plans.flatMap((plan) => (plan.kept ?? []).filter((record) => !isOf(plan, record)).map(keyOf)));
  const known = new Map<string, Known>();
  const knownOf = (runtime: string): Known => {
    const own = plans.filter((plan) => plan.runtime === runtime);
    const calls = records.filter((record) => record.runtime === runtime && record.job !== undefined);
    const found = known.get(runtime) ?? { plans: own, isWhole: calls.every((record) => own.some((plan) => isOf(plan, record))) };
    known.set(runtime, found);
    return found;
  };
  return (record) => {
    const plan = plans.find((candidate) => isOf(candidate, record));
    return (
      noRule(record) ??
      (misplaced.has(keyOf(record)) ? 'the document of a job has it, and it is no call of this job' : undefined) ??
      (plan === undefined ? knownDifference(record, knownOf(record.runtime)) : planDifference(record, plan.rows))
    );
  };
}

/** Jobs of one name, one after the other, are told apart by the uid in their sessions' names. */
function isOf({ runtime, job, uid, runtimeUid }: JobPlan, record: Recorded): boolean {
  const session = partsOfSession(record.sessionName);
  const isSame = (one: string | undefined, other: string | undefined): boolean =>
    one === undefined || other === undefined || one.slice(0, 8) === other;
  return runtime === record.runtime && job === record.job && isSame(uid, session?.job) && isSame(runtimeUid, session?.runtime);
}

/** Request ids of which two records tell different things: one of them was not written by whoever made the call. */
function contradictions(records: readonly Recorded[]): ReadonlySet<string> {
  const said = new Map<string, string>();
  const contradicted = new Set<string>();
  for (const { requestId, runtime, job, phase, planResource, rule, identity, chain, sessionName, action, resource, outcome } of records) {
    if (requestId === undefined) continue;
    const text = JSON.stringify([runtime, job, phase, planResource, rule, identity, chain, sessionName, action, resource, outcome]);
    if ((said.get(requestId) ?? text) !== text) contradicted.add(requestId);
    said.set(requestId, text);
  }
  return contradicted;
}

/** What AWS itself says of the request, where it is not what the record says. */
function trailDifference({ action, resource, sessionName, chain, outcome }: Recorded, event: TrailEvent): string | undefined {
  if (event.action !== action) return `CloudTrail has ${event.action} under this request id`;
  if (event.sessionName !== undefined && event.sessionName !== sessionName)
    return `CloudTrail has session ${event.sessionName} for this call`;
  // Of the exchange of a token it is the role that is asked for.
  const actor = action.startsWith('sts:AssumeRoleWith') ? undefined : event.roleArn;
  if (actor !== undefined && actor !== chain.at(-1)) return `CloudTrail has role ${actor} for this call`;
  // Other services' events name a resource in their own way.
  if (/^(s3|sts):/.test(action) && event.resource !== '*' && event.resource !== resource)
    return `CloudTrail has ${event.resource} for this call`;
  return (event.outcome === 'ok') === (outcome === 'ok') ? undefined : `CloudTrail says that this call ended in ${event.outcome}`;
}

/** Events of our sessions that no record of ours has: the pods' own calls, and what should not be. */
function fromTrail(records: readonly Recorded[], plans: readonly JobPlan[], trail: readonly TrailEvent[]): readonly ReportRow[] {
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

/** What S3 asks KMS for: a key to write with; the key that it was written with, also to go on with an upload in parts. */
const ofKms: Readonly<Record<string, readonly Action[]>> = { 'kms:GenerateDataKey': ['write'], 'kms:Decrypt': ['read', 'write'] };

/** Before an object is written it is looked whether there is one. */
const looking: readonly Action[] = ['read', 'write'];

/** A pod holds the whole role: its calls are held to what the plan lets that identity do in the Run phase, and where. */
function podDifference(event: TrailEvent, identity: string, plan: JobPlan | undefined): string | undefined {
  const { action, encrypts, copyOf, onlyLooks } = event;
  const resource = encrypts ?? event.resource;
  if (isHop(action)) return undefined;
  if (plan === undefined) return 'no plan of this job is at hand: give its access.json or manifests';
  const own = plan.rows.filter((row) => row.phase === 'Run' && row.identity === identity);
  if (own.length === 0) return `the plan lets the pods do nothing as ${identity}`;
  const actions = encrypts !== undefined ? (ofKms[action] ?? []) : onlyLooks === true ? looking : allowedBy(action);
  const planned = own.filter((row) => actions.includes(row.action));
  if (planned.length === 0) return `the plan lets the pods make no ${action} as ${identity}`;
  if (planned.some((row) => isAt(row, action, resource))) {
    const { copyOf: _none, ...read } = event;
    return copyOf === undefined ? undefined : podDifference({ ...read, action: 's3:GetObject', resource: copyOf }, identity, plan);
  }
  const places = [...new Set(planned.flatMap(({ location }) => location ?? []))];
  return `the plan lets the pods make ${action} as ${identity} at ${places.join(' or ')}, not at ${resource}`;
}
