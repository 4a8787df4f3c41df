/** Shapes of IAM's own evaluation of a principal's policies; a decision makes the questions and reads the answers, and core imports no port. */
import type { RequestContext } from '../policy/evaluate.ts';

/** Asked of one resource, with the condition keys that the calls will have. */
export type PolicyQuestion = {
  /** Whose policies: a role, or an IAM user */
  readonly principalArn: string;
  readonly actions: readonly string[];
  /** ARN, or `*` for actions without a resource */
  readonly resource: string;
  readonly context: RequestContext;
};

export type SimulatedDecision = {
  readonly action: string;
  readonly decision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  /** What is not the role's own policy and refuses. */
  readonly refusedBy?: 'service control policy' | 'permissions boundary';
  /** Condition keys that policies ask for and the question had no value of. */
  readonly missingContext: readonly string[];
  /** Of the answer that it stood in. */
  readonly requestId?: string;
};

export type SimulationVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly action: string; readonly message: string; readonly requestId?: string }
  | { readonly kind: 'open'; readonly because: string };

/**
 * What the answers to one question mean. The tags of our calls are all in the question; a refusal that may come from another key that IAM was given no value of (the
 * caller's address, its network) says nothing of the real call.
 */
export function judgeSimulation(
  { principalArn, actions, resource }: PolicyQuestion,
  decisions: readonly SimulatedDecision[],
): SimulationVerdict {
  const verdicts = actions.map((action): SimulationVerdict => {
    const found = decisions.find((decision) => decision.action.toLowerCase() === action.toLowerCase());
    if (found === undefined) return { kind: 'open', because: `IAM's policy simulator said nothing of ${action}` };
    if (found.decision === 'allowed') return { kind: 'allowed' };
    const unknown = found.missingContext.filter((key) => !/tag(s|keys)?(\/|$)/i.test(key));
    if (unknown.length > 0)
      return { kind: 'open', because: `policies ask for ${unknown.join(', ')} where ${action} is allowed, which only the call itself has` };
    const policy = found.refusedBy ?? 'identity-based policy';
    const article = policy === 'identity-based policy' ? 'an' : 'a';
    const why =
      found.decision === 'explicitDeny'
        ? `with an explicit deny in ${article} ${policy}`
        : `because no ${policy} allows the ${action} action`;
    // AWS's own wording of a refusal, so that the same remedy fits.
    const message = `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} ${why} (IAM's policy simulator)`;
    const { requestId } = found;
    return { kind: 'denied', action, message, ...(requestId !== undefined && { requestId }) };
  });
  return verdicts.find(({ kind }) => kind === 'denied') ?? verdicts.find(({ kind }) => kind === 'open') ?? { kind: 'allowed' };
}
