/** Who accessed what as whom: the audit, held to the access plan and joined with CloudTrail. */
import type { TrailEvent } from './cloudtrail.ts';
import { type Known, knownDifference, knownOf } from './known.ts';
import { type JobPlan, noRule, planDifference } from './planned.ts';
import { keyOf, mergeRecords, type Recorded } from './records.ts';
import { partsOfSession } from './session.ts';
import { fromTrail } from './trail.ts';

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
  /** What of a pod's call neither CloudTrail nor the plan tells, so that it is held to the rest. */
  readonly unjudged?: string;
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
  const events = Map.groupBy(trail ?? [], ({ requestId }) => requestId);
  const judge = judgeOf(records, plans);
  const recorded = records.map((record): ReportRow => {
    const { time, runtime, job, phase, planResource, rule, identity, chain, sessionName, action, resource, outcome, requestId } = record;
    // Two accounts' trails may have the call; what a service of AWS's did for it is another.
    const own = requestId === undefined ? [] : (events.get(requestId) ?? []);
    const same = own.filter((event) => event.service === undefined || event.action === action);
    const unplanned =
      same.map((event) => trailDifference(record, event)).find((difference) => difference !== undefined) ??
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
      ...(trail !== undefined && requestId !== undefined && { inCloudTrail: same.length > 0 }),
      ...(unplanned !== undefined && { unplanned }),
    };
  });
  return [...recorded, ...fromTrail(records, plans, trail ?? [])].sort((one, other) =>
    one.time < other.time ? -1 : one.time > other.time ? 1 : 0,
  );
}

/**
 * Each call is held to its job's plan; those of the runtime, and of jobs whose plan is not at hand, to what its identities ever do. Everything is sorted once: a
 * stream of some weeks has a hundred thousand calls, and a runtime has thousands of jobs.
 */
function judgeOf(records: readonly Recorded[], plans: readonly JobPlan[]): (record: Recorded) => string | undefined {
  const misplaced = new Set(plans.flatMap((plan) => (plan.kept ?? []).filter((record) => !isOf(plan, record)).map(keyOf)));
  const ofJob = Map.groupBy(plans, ({ job }) => job);
  const planOf = (record: Recorded): JobPlan | undefined =>
    record.job === undefined ? undefined : ofJob.get(record.job)?.find((plan) => isOf(plan, record));
  const unplanned = records.filter((record) => planOf(record) === undefined);
  const incomplete = new Set(unplanned.flatMap(({ runtime, job }) => (job === undefined ? [] : [runtime])));
  const ofRuntime = Map.groupBy(plans, ({ runtime }) => runtime);
  const known = new Map<string, Known>();
  for (const { runtime } of unplanned)
    if (!known.has(runtime)) known.set(runtime, knownOf(ofRuntime.get(runtime) ?? [], !incomplete.has(runtime)));
  return (record) => {
    const plan = planOf(record);
    const runtime = known.get(record.runtime) ?? knownOf([], false);
    return (
      noRule(record) ??
      (misplaced.has(keyOf(record)) ? 'the document of a job has it, and it is no call of this job' : undefined) ??
      (plan === undefined ? knownDifference(record, runtime) : planDifference(record, plan.rows))
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
