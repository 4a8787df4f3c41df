/** Differences of a pod's own call, which CloudTrail alone tells, to what the plan of its job lets the pods do. */
import type { Action } from '../access/vocabulary.ts';
import type { TrailEvent } from './cloudtrail.ts';
import { allowedBy, isHop } from './implied.ts';
import { isNamed, keyService, namedByContext, ofKms } from './keys.ts';
import { type JobPlan, type PlanRow, wayToOperator } from './planned.ts';
import { type Judgement, judgePlaces } from './pod-places.ts';

/** Before an object is written it is looked whether there is one. */
const looking: readonly Action[] = ['read', 'write'];

/** A pod holds the whole role: its calls are held to what the plan lets that identity do in the Run phase, and where. */
export function podJudgement(event: TrailEvent, identity: string, plan: JobPlan | undefined): Judgement {
  const { action } = event;
  if (action === 'sts:GetCallerIdentity') return {};
  if (plan === undefined) return { unplanned: 'no plan of this job is at hand: give its access.json or manifests' };
  const unplanned = roleDifference(event, identity, plan) ?? (isHop(action) ? hopDifference(event, identity, plan) : undefined);
  if (unplanned !== undefined) return { unplanned };
  return isHop(action) ? {} : callJudgement(event, identity, plan);
}

function callJudgement(event: TrailEvent, identity: string, plan: JobPlan): Judgement {
  const { action, encrypts, copyOf, onlyLooks } = event;
  // Nodes and volumes are the operator's, whatever a pod's role may do.
  const own = plan.rows.filter((row) => row.phase === 'Run' && row.identity === identity && !/^(scale|grow)$/.test(row.action));
  if (own.length === 0) return { unplanned: `the plan lets the pods do nothing as ${identity}` };
  if (isKeyOf(event, own)) return {};
  const actions = encrypts !== undefined ? (ofKms[action] ?? []) : onlyLooks === true ? looking : allowedBy(action);
  const planned = own.filter((row) => actions.includes(row.action) || isOfQuery(event, row));
  if (planned.length === 0) return { unplanned: `the plan lets the pods make no ${action} as ${identity}` };
  const { elsewhere, unjudged } = judgePlaces(planned, action, encrypts === undefined ? event.resources : [encrypts], plan);
  if (elsewhere !== undefined) {
    const places = [...new Set(planned.flatMap(({ location }) => location ?? []))];
    return { unplanned: `the plan lets the pods make ${action} as ${identity} at ${places.join(' or ')}, not at ${elsewhere}` };
  }
  const said = unjudged === undefined ? {} : { unjudged };
  if (copyOf === undefined) return said;
  const { copyOf: _none, ...read } = event;
  const source = callJudgement({ ...read, action: 's3:GetObject', resource: copyOf, resources: [copyOf] }, identity, plan);
  return source.unplanned === undefined ? { ...said, ...source } : source;
}

/** A query that only reads writes its result, too. */
function isOfQuery({ service, action, encrypts }: TrailEvent, { location }: PlanRow): boolean {
  const isObjects = /^s3:(Get|Put|List|\w+MultipartUpload|UploadPart)/.test(action) && service === 'athena';
  return (isObjects || (encrypts !== undefined && Object.hasOwn(ofKms, action))) && location?.split(':')[2] === 'athena';
}

/** What a service asks KMS for is for data that it keeps where the plan lets the pods go; CloudTrail may not have the call itself. */
function isKeyOf(event: TrailEvent, rows: readonly PlanRow[]): boolean {
  const service = keyService(event);
  const names = namedByContext(event);
  return service !== undefined && rows.some(({ location }) => location?.split(':')[2] === service && isNamed(location, names));
}

/** A pod names its sessions itself, also after somebody else. */
function roleDifference({ sessionName, roleArn }: TrailEvent, identity: string, { rows }: JobPlan): string | undefined {
  const roles = rows.flatMap((row) => (row.identity === identity ? row.chain.slice(-1) : []));
  const isOwn = roleArn === undefined || roles.length === 0 || roles.includes(roleArn);
  return isOwn ? undefined : `session ${sessionName} is named after ${identity}, and is one of role ${roleArn}`;
}

/** From what a pod is to what the plan has behind it, and no further. */
function hopDifference({ action, resource, roleArn }: TrailEvent, identity: string, { rows }: JobPlan): string | undefined {
  const agent = wayToOperator(rows)?.[0];
  const ways = rows.filter(({ phase, chain }) => phase === 'Run' && chain[0] !== agent).map(({ chain }) => chain);
  const from = roleArn ?? rows.find((row) => row.identity === identity)?.chain.at(-1);
  const isPlanned =
    action === 'sts:AssumeRoleWithWebIdentity'
      ? ways.some(([first]) => first === resource)
      : action === 'sts:AssumeRole' && ways.some((way) => way.some((role, index) => role === from && way[index + 1] === resource));
  return isPlanned ? undefined : `the plan lets the pods make no ${action} as ${identity} to ${resource}`;
}
