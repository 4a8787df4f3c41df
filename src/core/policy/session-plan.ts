import type { AccessPlan } from '../access/plan.ts';
import type { AccessRow } from '../access/vocabulary.ts';
import { type SessionFor, sessionAccessOf } from './session-access.ts';
import { sessionPolicyFor, type WideningStep } from './session-policy.ts';

/**
 * Whether the operator pod makes a session for the access, cut by a policy of ours: static keys and certificates carry none, design-time access waits for
 * a person, and the node agents' sessions are the broker's.
 */
export function isCut({ phase, via, chain }: AccessRow): boolean {
  return phase !== 'Design' && via !== 'X509' && via !== 'Broker' && chain.length > 0;
}

/** Nodes, volumes and what the runtime is created with are the runtime's own: their sessions know of no job. */
export function isOfRuntime({ phase, resource }: AccessRow): boolean {
  return phase === 'Create' || resource === 'nodes' || resource === 'volumes';
}

/** By what the session for an access must be widened to fit 2,048 characters; the packed limit of STS may ask for more. */
export function plannedWidening(row: AccessRow, around: Omit<SessionFor, 'identity' | 'resource'>): readonly WideningStep[] {
  if (!isCut(row)) return [];
  const { job, plan, ...runtime } = around;
  const made = sessionPolicyFor(
    sessionAccessOf({ ...runtime, identity: row.identity, resource: row.resource, ...(isOfRuntime(row) ? {} : { job, plan }) }),
  );
  return made.ok ? made.value.widened : [];
}

/** The plan's rows as they are published: a row says by which steps its session is wider than its access. */
export function withWidening(plan: AccessPlan, widenedBy: (row: AccessRow) => readonly string[]): readonly AccessRow[] {
  return plan.rows.map((row) => {
    const widened = isCut(row) ? widenedBy(row) : [];
    return widened.length === 0 ? row : { ...row, widened };
  });
}
