import type { Authorization } from '../../core/policy/actions.ts';
import type { AwsMethod } from '../../core/policy/calls.ts';
import type { AuditRecord } from '../../ports/aws/index.ts';

/** One call as the account itself saw it, like an event of CloudTrail: made from the credentials that signed it, not from what the caller says it is. */
export type CallRecord = {
  /** Milliseconds since the epoch, true time */
  readonly time: number;
  readonly requestId: string;
  /** The simulated process that sent it. */
  readonly process: string;
  readonly method: AwsMethod;
  readonly action: string;
  readonly resource: string;
  /** ARN of the session or user; the token's subject for AssumeRoleWithWebIdentity; `unauthenticated` */
  readonly caller: string;
  /** Of a role's session. */
  readonly roleArn?: string;
  readonly sessionName: string;
  readonly sessionTags?: Readonly<Record<string, string>>;
  /** `ok` or the error code */
  readonly outcome: string;
  /** The error's message. */
  readonly message?: string;
  /** What was allowed of it, and by which statements. */
  readonly allowed: readonly Decision[];
};

/** An action that was allowed; `by`: `<Sid> of <policy>`. */
export type Decision = { readonly action: string; readonly by: readonly string[] };

/** With what it was asked of: these calls are nobody's own. */
export type ForwardedDecision = Decision & Authorization;

type Difference = { readonly reason: string; readonly call?: CallRecord; readonly audit?: AuditRecord };

/**
 * Where the account's record and the audit disagree; empty = line for line the same. Each audit record with a request id must have its call, and each call its audit
 * record, except where `lostBy` says that the process died before it could write one, or its answer is still on its way (`inFlight`). `no-answer` records have no request id: they account for at most one call
 * of the same session, action and resource each, or for none (the request itself was lost).
 */
export function differencesOf(
  calls: readonly CallRecord[],
  audits: readonly AuditRecord[],
  lostBy: (process: string) => boolean = () => false,
  inFlight: ReadonlySet<string> = new Set(),
): readonly Difference[] {
  const differences: Difference[] = [];
  const byId = new Map(calls.map((call) => [call.requestId, call]));
  const unanswered = new Map<string, number>();
  for (const audit of audits) {
    if (audit.requestId === undefined) {
      if (audit.outcome !== 'no-answer') differences.push({ reason: 'an answer without a request id', audit });
      unanswered.set(keyOf(audit), (unanswered.get(keyOf(audit)) ?? 0) + 1);
      continue;
    }
    const call = byId.get(audit.requestId);
    byId.delete(audit.requestId);
    const reason = call === undefined ? 'no call has this request id' : mismatch(call, audit);
    if (reason !== undefined) differences.push({ reason, audit, ...(call === undefined ? {} : { call }) });
  }
  for (const call of byId.values()) {
    // First, so that what a dead process left is not counted against an answer that another one lost.
    if (lostBy(call.process) || inFlight.has(call.requestId)) continue;
    const left = unanswered.get(keyOf(call)) ?? 0;
    if (left > 0) unanswered.set(keyOf(call), left - 1);
    else differences.push({ reason: 'a call without an audit record', call });
  }
  return differences;
}

function mismatch(call: CallRecord, audit: AuditRecord): string | undefined {
  for (const field of ['action', 'resource', 'sessionName', 'outcome'] as const) {
    if (call[field] !== audit[field]) return `${field}: the account saw ${call[field]}, the audit says ${audit[field]}`;
  }
  const last = audit.chain.at(-1);
  return call.roleArn === last ? undefined : `role: the account saw ${call.roleArn ?? 'none'}, the audit says ${last ?? 'none'}`;
}

function keyOf(record: { readonly action: string; readonly resource: string; readonly sessionName: string }): string {
  return `${record.action} ${record.resource} ${record.sessionName}`;
}
