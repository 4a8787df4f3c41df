/** Who accessed what as whom: the audit, held to the access plan and joined with CloudTrail. */
import { locationActions } from '../access/arn-locations.ts';
import type { AccessRow, Action } from '../access/vocabulary.ts';
import type { TrailEvent } from './cloudtrail.ts';
import { mergeRecords, type Recorded } from './records.ts';

/** A job's plan, as its record of accesses has it or `explain` makes it. */
export type JobPlan = {
  readonly runtime: string;
  readonly job: string;
  readonly uid?: string | undefined;
  readonly rows: readonly PlanRow[];
};
type PlanRow = Pick<AccessRow, 'phase' | 'resource' | 'action' | 'identity' | 'chain'>;

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
  const own = records.map((record): ReportRow => {
    const { time, runtime, job, phase, planResource, rule, identity, chain, sessionName, action, resource, outcome, requestId } = record;
    const plan = plans.find((candidate) => isOf(candidate, record));
    const event = events.get(requestId ?? '');
    const unplanned =
      differenceOf(record, plan?.rows) ??
      (event === undefined ? undefined : trailDifference(record, event)) ??
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

/** Jobs of one name, one after the other, are told apart by the uid in their sessions' names. */
function isOf({ runtime, job, uid }: JobPlan, record: Recorded): boolean {
  const jobUid8 = ourSession.exec(record.sessionName)?.[2];
  const sameUid = uid === undefined || jobUid8 === undefined || jobUid8 === '-' || uid.slice(0, 8) === jobUid8;
  return runtime === record.runtime && job === record.job && sameUid;
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
function trailDifference({ action, sessionName, chain, outcome }: Recorded, event: TrailEvent): string | undefined {
  if (event.action !== action) return `CloudTrail has ${event.action} under this request id`;
  if (event.sessionName !== undefined && event.sessionName !== sessionName)
    return `CloudTrail has session ${event.sessionName} for this call`;
  // Of the exchange of a token it is the role that is asked for.
  const actor = action.startsWith('sts:AssumeRoleWith') ? undefined : event.roleArn;
  if (actor !== undefined && actor !== chain.at(-1)) return `CloudTrail has role ${actor} for this call`;
  return (event.outcome === 'ok') === (outcome === 'ok') ? undefined : `CloudTrail says that this call ended in ${event.outcome}`;
}

/** S3 asks for a list where an object may be missing, and what was written is listed and deleted when it is cleaned up. */
const implied: Readonly<Record<string, readonly Action[]>> = {
  's3:GetObject': ['read'],
  's3:PutObject': ['write'],
  's3:ListBucket': ['list', 'read', 'write'],
  's3:DeleteObject': ['delete', 'write'],
  's3:AbortMultipartUpload': ['write'],
  's3:CreateMultipartUpload': ['write'],
  's3:UploadPart': ['write'],
  's3:CompleteMultipartUpload': ['write'],
  'ec2:ModifyVolume': ['grow'],
  'ec2:DescribeVolumes': ['grow'],
  'ec2:DescribeVolumesModifications': ['grow'],
  'ssm:GetParameter': ['read', 'create'],
  'secretsmanager:GetSecretValue': ['read'],
};

function allowedBy(action: string): readonly Action[] {
  const atLocation = locationActions.get(action);
  return (
    implied[action] ??
    (atLocation === undefined ? undefined : [...atLocation]) ??
    (action.startsWith('ec2:') || action.startsWith('cloudformation:') || action.startsWith('iam:') ? ['scale', 'create', 'delete'] : [])
  );
}

/** What is left in staging is taken away when a job is over, whoever put it there. */
const clearing: readonly PlanRow[] = (['list', 'delete'] as const).map((action) => ({
  phase: 'Complete',
  resource: 'staging',
  action,
  identity: 'operator',
  chain: [],
}));

function isHop(action: string): boolean {
  return action.startsWith('sts:');
}

/** Why the call is none that the plan has; undefined where it is one. Without a plan at hand, whether it names its rule. */
function differenceOf(record: Recorded, rows: readonly PlanRow[] | undefined): string | undefined {
  const { phase, planResource, identity, action, resource, rule, chain } = record;
  if (phase === undefined || planResource === undefined || rule === undefined) return 'the record names no rule of a plan';
  if (rows === undefined) return undefined;
  const meant = [...rows, ...clearing].filter((row) => row.resource === planResource);
  if (meant.length === 0) return `the plan has no ${planResource}`;
  if (isHop(action)) {
    const hops = action === 'sts:GetCallerIdentity' ? chain : [...chain, resource];
    const onTheWay = meant.some((row) => hops.every((roleArn, index) => row.chain[index] === roleArn));
    return onTheWay || (phase === 'Complete' && planResource === 'staging' && isWayToOperator(hops, rows))
      ? undefined
      : `the plan does not reach ${planResource} through ${resource}`;
  }
  const asWhom = meant.filter((row) => row.identity === identity);
  if (asWhom.length === 0)
    return `the plan reaches ${planResource} as ${[...new Set(meant.map((row) => row.identity))].join(' or ')}, not as ${identity}`;
  if (/^iam:(GetRole|SimulatePrincipalPolicy)$/.test(action) && planResource.startsWith('connection:')) return asksOfItself(record);
  const actions = allowedBy(action);
  return asWhom.some((row) => actions.includes(row.action))
    ? undefined
    : `the plan has ${planResource} to ${[...new Set(asWhom.map((row) => row.action))].join(', ')}, which takes no ${action}`;
}

/** Whom a connection's role trusts, and what it, or the user whose keys they are, may do at the location, is asked of nobody else. */
function asksOfItself({ action, chain, resource }: Recorded): string | undefined {
  const own = chain.at(-1);
  // GetRole names a role without its path.
  const asked = action === 'iam:GetRole' ? own?.slice(own.lastIndexOf('/') + 1) : own;
  const isOwn = own === undefined ? /^arn:[a-z-]+:iam::\d{12}:user\//.test(resource) : resource === asked;
  return isOwn ? undefined : `IAM is asked what ${resource} may do, which is not whose call it is`;
}

/** No row of the plan may lead to the operator: pods reach staging by themselves. Its way begins with the agent's role, and is two hops long. */
function isWayToOperator(hops: readonly string[], rows: readonly PlanRow[]): boolean {
  return hops.length <= 2 && rows.some(({ identity, chain }) => identity === 'agent' && chain[0] === hops[0]);
}

/** `<runtime uid8>.<job uid8>.<identity>`: what every session of ours is named, the pods' own too. */
const ourSession = /^([0-9a-f]{8})\.([0-9a-f]{8}|-)\.(.+)$/;

/** Events of our sessions that no record of ours has: the pods' own calls, and what should not be. */
function fromTrail(records: readonly Recorded[], plans: readonly JobPlan[], trail: readonly TrailEvent[]): readonly ReportRow[] {
  const known = new Set(records.flatMap(({ requestId }) => requestId ?? []));
  // A call whose answer was lost has no request id in its record.
  const unanswered = records.filter(({ requestId }) => requestId === undefined);
  return trail.flatMap((event): readonly ReportRow[] => {
    const { sessionName, requestId, roleArn } = event;
    const [, , jobUid8 = '-', name = ''] = ourSession.exec(sessionName ?? '') ?? [];
    if (sessionName === undefined || name === '' || (requestId !== undefined && known.has(requestId))) return [];
    if (
      unanswered.some(
        (record) => record.sessionName === sessionName && record.action === event.action && record.resource === event.resource,
      )
    )
      return [];
    const identity = name.replace('=', ':');
    const plan = plans.find(({ uid }) => uid?.slice(0, 8) === jobUid8);
    // A token is exchanged by a pod or by the agent; the agent's exchanges are recorded, and role sessions are the operator's but for the hop behind a pod's.
    const by = (event.webIdentity && name !== 'agent') || /^connectionRole[:=]/.test(name) ? 'pod' : 'unknown';
    const unplanned = by === 'pod' ? podDifference(event, identity, plan) : 'a session of ours made the call, and no record tells of it';
    return [
      {
        time: event.time,
        by,
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

/** A pod holds the whole role: its calls are held to what the plan lets that identity do in the Run phase, whatever the resource. */
function podDifference({ action }: TrailEvent, identity: string, plan: JobPlan | undefined): string | undefined {
  if (isHop(action)) return undefined;
  if (plan === undefined) return 'no plan of this job is at hand: give its access.json or manifests';
  const own = plan.rows.filter((row) => row.phase === 'Run' && row.identity === identity);
  if (own.length === 0) return `the plan lets the pods do nothing as ${identity}`;
  const actions = allowedBy(action);
  return own.some((row) => actions.includes(row.action)) ? undefined : `the plan lets the pods make no ${action} as ${identity}`;
}
