import { tagMismatch } from '../../nodes/tags.ts';
import { logicalIds } from './names.ts';

/** A stack as DescribeStacks shows it. Times are milliseconds since the epoch. */
export type StackView = {
  readonly stackId: string;
  readonly name: string;
  /** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes */
  readonly status: string;
  readonly statusReason?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly changedAt: number;
};

/** Newest first. */
export type StackEventView = {
  readonly logicalId: string;
  readonly resourceType: string;
  readonly physicalId?: string;
  readonly status: string;
  readonly reason?: string;
  readonly token?: string;
};

export type StackDecision =
  | { readonly do: 'create' | 'update' | 'nothing' }
  /** An operation is under way. `usable`: the roles are there meanwhile. */
  | { readonly do: 'wait'; readonly usable: boolean }
  /** It never came to be: nothing in it can be used. */
  | { readonly do: 'removeFailed' }
  /** Not ours to touch, or ours but beyond what may be done without a person. */
  | { readonly do: 'refuse'; readonly why: string };

const gone = new Set(['DELETE_COMPLETE']);
const usable = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'UPDATE_FAILED']);
const neverMade = new Set(['CREATE_FAILED', 'ROLLBACK_COMPLETE', 'ROLLBACK_FAILED', 'DELETE_FAILED']);

/** What is to be done with the stack of a runtime so that it is as its template says. */
export function decideStack(
  stack: StackView | undefined,
  wanted: { readonly tags: Readonly<Record<string, string>>; readonly digest: string },
): StackDecision {
  if (stack === undefined || gone.has(stack.status)) return { do: 'create' };
  const foreign = tagMismatch(wanted.tags, stack.tags);
  if (foreign !== undefined) return { do: 'refuse', why: notOurs(stack, foreign) };
  if (stack.status.endsWith('_IN_PROGRESS') && stack.status !== 'REVIEW_IN_PROGRESS')
    return { do: 'wait', usable: stack.status.startsWith('UPDATE_') };
  if (usable.has(stack.status)) return { do: stack.outputs[logicalIds.digest] === wanted.digest ? 'nothing' : 'update' };
  if (neverMade.has(stack.status)) return { do: 'removeFailed' };
  return {
    do: 'refuse',
    why: `CloudFormation stack ${stack.name} is in ${stack.status}, out of which only a person can bring it${said(stack)}`,
  };
}

export type RemovalDecision =
  | { readonly do: 'nothing' }
  | { readonly do: 'wait' }
  | { readonly do: 'delete' }
  /** There is a stack of that name, and it is somebody else's. */
  | { readonly do: 'leave'; readonly why: string };

/** What is to be done so that the stack is gone. */
export function decideRemoval(stack: StackView | undefined, tags: Readonly<Record<string, string>>): RemovalDecision {
  if (stack === undefined || gone.has(stack.status)) return { do: 'nothing' };
  const foreign = tagMismatch(tags, stack.tags);
  if (foreign !== undefined) return { do: 'leave', why: notOurs(stack, foreign) };
  return { do: stack.status.endsWith('_IN_PROGRESS') && stack.status !== 'REVIEW_IN_PROGRESS' ? 'wait' : 'delete' };
}

function notOurs({ name, stackId }: StackView, mismatch: string): string {
  return `CloudFormation stack ${name} (${stackId}) was not made for this runtime: ${mismatch}. It is not touched: rename or delete it`;
}

function said({ statusReason }: StackView): string {
  return statusReason === undefined ? '' : `: ${statusReason}`;
}

/** The first thing that went wrong in the stack's last operation, in CloudFormation's own words; what was cancelled because of it is left out. */
export function failureOf(
  events: readonly StackEventView[],
  stack: Pick<StackView, 'stackId' | 'name' | 'status' | 'statusReason'>,
): string {
  const own = ({ physicalId, logicalId }: StackEventView): boolean => physicalId === stack.stackId || logicalId === stack.name;
  // The operation starts with the stack's own event of its beginning; an own rollback is part of it.
  const start = events.findIndex((event) => own(event) && /^(CREATE|UPDATE|DELETE)_IN_PROGRESS$/.test(event.status));
  const operation = start < 0 ? events : events.slice(0, start);
  const failed = operation.filter(
    (event) => !own(event) && event.status.endsWith('_FAILED') && !/^Resource (creation|update) cancelled/i.test(event.reason ?? ''),
  );
  const first = failed.at(-1);
  if (first !== undefined) return `${first.resourceType} ${first.logicalId}: ${first.status}: ${first.reason ?? 'no reason given'}`;
  const whole = operation.find((event) => own(event) && event.reason !== undefined);
  return `${stack.status}: ${whole?.reason ?? stack.statusReason ?? 'no reason given'}`;
}
