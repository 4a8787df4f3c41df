import type { AuditRecord } from '../../src/ports/aws/index.ts';

/** One call as AWS's side of the wire saw it: what CloudTrail would say. */
export type GateRecord = {
  readonly time: string;
  readonly action: string;
  readonly resource: string;
  /** ARN as CloudTrail shows it; a web identity's subject */
  readonly principal: string;
  /** Role ARNs in the order they were assumed; empty for users and web identities */
  readonly chain: readonly string[];
  readonly sessionName: string;
  /** `ok` or the error code */
  readonly outcome: string;
  readonly requestId: string;
  /** false: the connection broke before the caller had the answer */
  readonly delivered: boolean;
  /** Of a refusal: the statement that decided, or which policy says nothing */
  readonly because?: string;
};

/**
 * Where the operator's own account of its calls differs from the wire's, one line each. An answer that was lost stands as `no-answer`, without request id,
 * in the audit, whatever came of it. Order does not count.
 */
export function differences(gate: readonly GateRecord[], audit: readonly AuditRecord[]): readonly string[] {
  const count = new Map<string, number>();
  const add = (line: string, by: number): void => void count.set(line, (count.get(line) ?? 0) + by);
  for (const record of gate)
    add(lineOf(record, record.delivered ? record.outcome : 'no-answer', record.delivered ? record.requestId : undefined), 1);
  for (const record of audit) add(lineOf(record, record.outcome, record.requestId), -1);
  return [...count]
    .filter(([, balance]) => balance !== 0)
    .map(([line, balance]) => `${balance > 0 ? 'only at the gate' : 'only in the audit'}: ${line}`);
}

function lineOf(
  record: Pick<AuditRecord, 'action' | 'resource' | 'chain' | 'sessionName'>,
  outcome: string,
  requestId: string | undefined,
): string {
  return [
    record.action,
    record.resource,
    `as ${record.sessionName}`,
    `through ${record.chain.join(' > ') || '-'}`,
    outcome,
    requestId ?? '-',
  ].join(' ');
}
