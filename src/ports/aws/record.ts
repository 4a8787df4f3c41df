import type { AuditRecord } from './audit.ts';
import type { Subject } from './grant.ts';

export type CallFacts = {
  readonly subject: Subject;
  readonly identity: string;
  readonly chain: readonly string[];
  readonly sessionName: string;
  readonly widened?: readonly string[] | undefined;
  readonly action: string;
  readonly resource: string;
  /** Milliseconds since the epoch, when the answer came or was given up */
  readonly endedAt: number;
  readonly durationMs: number;
  /** `unanswered`: nothing came back, so whether it was carried out is not known. */
  readonly result: { readonly ok: true } | { readonly ok: false; readonly code: string; readonly unanswered: boolean };
  readonly requestId?: string | undefined;
};

/** The audit record of one call, fields in the order in which people read them. The adapter and the simulator both make it here. */
export function recordOf(facts: CallFacts): AuditRecord {
  const { subject, result, requestId } = facts;
  const { access } = subject;
  const namespace = subject.runtime.split('/', 1)[0] ?? '';
  return {
    time: new Date(facts.endedAt).toISOString(),
    ...(subject.cluster !== undefined && { cluster: subject.cluster }),
    namespace,
    runtime: subject.runtime,
    ...(subject.job !== undefined && { job: subject.job }),
    ...(subject.node !== undefined && { node: subject.node }),
    ...(access !== undefined && { phase: access.phase, planResource: access.resource, rule: access.rule }),
    ...(subject.preflight === true && { preflight: true }),
    ...(subject.person !== undefined && { person: subject.person }),
    identity: facts.identity,
    chain: facts.chain,
    sessionName: facts.sessionName,
    ...(facts.widened !== undefined && { widened: facts.widened }),
    action: facts.action,
    resource: facts.resource,
    outcome: result.ok ? 'ok' : result.unanswered ? 'no-answer' : result.code,
    ...(!result.ok && { errorCode: result.code }),
    ...(requestId !== undefined && { requestId }),
    durationMs: Math.max(0, Math.round(facts.durationMs)),
  };
}
