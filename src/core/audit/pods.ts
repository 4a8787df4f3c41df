/** Differences of a pod's own call, which CloudTrail alone tells, to what the plan of its job lets the pods do. */
import type { Action } from '../access/vocabulary.ts';
import type { TrailEvent } from './cloudtrail.ts';
import { allowedBy, isHop } from './implied.ts';
import { isAt } from './place.ts';
import type { JobPlan } from './planned.ts';

/** What S3 asks KMS for: a key to write with; the key that it was written with, also to go on with an upload in parts. */
export const ofKms: Readonly<Record<string, readonly Action[]>> = { 'kms:GenerateDataKey': ['write'], 'kms:Decrypt': ['read', 'write'] };

/** Before an object is written it is looked whether there is one. */
const looking: readonly Action[] = ['read', 'write'];

/** A pod holds the whole role: its calls are held to what the plan lets that identity do in the Run phase, and where. */
export function podDifference(event: TrailEvent, identity: string, plan: JobPlan | undefined): string | undefined {
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
